//! Everything that needs more than one crate: the real function binaries over the Lambda Runtime API, with whatever can go wrong around them;
//! their sizes; the templates under the plain AWS CLI.
//!
//! `CASE=throttled cargo test -p tests faults -- --nocapture` plays the fault cases whose name contains `throttled`, and shows them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod certificate_calls;
mod command;
mod deaths;
mod duplicates;
mod faults;
mod features;
mod hostile_events;
mod image_copy;
mod initialisation;
mod local_aws;
mod long_waits;
mod mail_calls;
mod plain_aws_cli;
mod preflight;
mod response_endpoint;
mod sizes;
mod wrappers;
