//! The log: one JSON object a line, and nothing of what other crates say about requests.

use std::panic;

use tracing::{Level, error};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, registry, util::SubscriberInitExt};

/// The crates whose events hold nothing secret, because they are this project's.
const OWN_CRATES: &[&str] = &[
    "custom_resource",
    "function_runtime",
    "acm_certificate",
    "ami_finder",
    "bigbluebutton",
    "hosted_zone",
    "last_resort",
    "scalelite",
    "scalelite_lifecycle",
    "server_pool",
    "ses_identity",
    "smtp_credentials",
];

/// Installs the subscriber and a panic hook that names the place, never the message, which could hold anything.
pub(crate) fn install() {
    let level = std::env::var("LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
    let filter = Targets::new().with_default(Level::WARN).with_targets(OWN_CRATES.iter().map(|name| (*name, level)));
    // Lambda adds the time of a line by itself.
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true).without_time();
    // A second installation in one process would be a mistake that a log line cannot report.
    let _already_installed = registry().with(lines).with(filter).try_init();
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        error!(place, "panicked");
    }));
}
