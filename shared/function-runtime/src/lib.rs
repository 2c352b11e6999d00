//! What every function of this project shares: the AWS configuration, the log, calling AWS and naming what went wrong, and invoking itself again.
//!
//! | environment variable | meaning | default |
//! | --- | --- | --- |
//! | `AWS_REGION` and the credentials | set by Lambda | none: without them every request is answered FAILED |
//! | `AWS_ENDPOINT_URL` | another AWS than the real one, for every service | the service's own endpoint |
//! | `LOG_LEVEL` | `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE` for the project's own crates | `INFO` |
//!
//! Other crates' events are shown from `WARN` up whatever the level is: below it HTTP and SDK crates show requests, and with them response
//! URLs and secrets.

mod answers;
mod aws_error;
mod configuration;
mod log;
mod per_region;
mod requests;
mod self_invocation;

pub use aws_error::AwsError;
pub use configuration::{ConfigurationError, in_region, sdk_config};
pub use per_region::PerRegion;
pub use requests::Handler;
pub use self_invocation::SelfInvocation;

use answers::Answers;
use aws_types::SdkConfig;
use custom_resource::Provider;

/// Any error that ends the process.
pub type Fatal = Box<dyn std::error::Error + Send + Sync>;

/// The whole `main` of a function that provides custom resources: `resources` adds them to the provider, with clients made from the
/// configuration.
///
/// Everything is made before the asynchronous runtime starts, in the phase that Lambda gives a full processor for, and the runtime has one
/// thread, because a function has one request at a time.
///
/// # Errors
/// When the Runtime API cannot be spoken to. That the function cannot be made ready is answered to every request instead.
pub fn serve(resources: impl FnOnce(Provider, &SdkConfig) -> Provider) -> Result<(), Fatal> {
    log::install();
    let provider = provider(resources);
    runtime()?.block_on(custom_resource::run(provider))
}

/// The whole `main` of a function that answers requests of its own form: `make` makes what answers them, with clients made from the
/// configuration.
///
/// # Errors
/// When the Runtime API cannot be spoken to. That the function cannot be made ready is the error of every request instead.
pub fn serve_requests<H: Handler, E: std::error::Error + From<ConfigurationError>>(
    make: impl FnOnce(&SdkConfig) -> Result<H, E>,
) -> Result<(), Fatal> {
    log::install();
    let handler = sdk_config().map_err(E::from).and_then(|config| make(&config));
    runtime()?.block_on(requests::run(handler))
}

/// The whole `main` of the function that is the `OnFailure` destination of the others.
///
/// # Errors
/// When the Runtime API cannot be spoken to.
pub fn serve_last_resort() -> Result<(), Fatal> {
    log::install();
    runtime()?.block_on(custom_resource::run_last_resort())
}

fn provider(resources: impl FnOnce(Provider, &SdkConfig) -> Provider) -> Provider {
    let provider = Provider::sending_by(Answers::new());
    match sdk_config() {
        Ok(config) => resources(provider.reinvoke_with(SelfInvocation::new(&config)), &config),
        Err(cause) => provider.unavailable_for(&cause),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
