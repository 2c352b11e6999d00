//! Keeps a pool of BigBlueButton servers, Scalelite and DNS in step with Auto Scaling, and never ends a running meeting to do so.
//!
//! Every tick observes the world, has [`server_pool::decide`] say what is to be done, does it, and tells what was
//! done and how things stand. It remembers nothing that matters: an event that is lost, a tick that dies half-way and a cache that is emptied
//! heal on the next tick.
//!
//! | request | what happens |
//! | --- | --- |
//! | an event of EventBridge (schedule, Auto Scaling, EC2) | a tick |
//! | `{"request":"reconcile"}` | a tick |
//! | `{"request":"list"}` | the answer of a tick, without doing anything |
//! | `{"request":"cordon","server":"i-..."}`, `drain`, `enable`, `remove` | the wish is written on the instance, then a tick |
//! | Auto Scaling's custom termination policy | the emptiest of the candidates |
//!
//! | environment variable | meaning | default |
//! | --- | --- | --- |
//! | `GROUP_NAME` | the Auto Scaling group | required |
//! | `DOMAIN_NAME` | servers are `vc-<instance>.<domain>` | required |
//! | `HOSTED_ZONE_ID` | the zone that holds the domain | required |
//! | `OWNER` | what no other deployment has, such as the stack's id: it stands in DNS beside each server | required |
//! | `LAUNCH_HOOK_NAME`, `TERMINATE_HOOK_NAME` | the group's hooks at which servers wait for the pool; others are left alone | required |
//! | `SCALELITE_URL` | the base address of Scalelite's management API | required |
//! | `SCALELITE_SECRET_ARN` | the secret with Scalelite's secret | required |
//! | `SCALELITE_HEADER_SECRET_ARN` | the secret with the value of a header that opens the management API | no header |
//! | `SCALELITE_HEADER_NAME` | that header's name | `X-Scalelite-Management` |
//! | `BBB_SECRET_ARN` | the secret with the servers' API secret | required |
//! | `SEATS_PER_SERVER` | how many participants a server takes | 200 |
//! | `DRAIN_DEADLINE_MINUTES` | how long a server may take to become empty before its meetings are ended, or `never` | 1440 |
//! | `REPLACE_AT_ONCE` | how many outdated servers are replaced at once; 0 for none | 4 |
//! | `METRICS_NAMESPACE` | the CloudWatch namespace of the metrics | `BigBlueButton` |
//!
//! A secret is named by its ARN, or by `ARN:key::` for one text in a JSON object, as ECS does it. Those of [`function_runtime`] hold besides.

mod act;
mod clients;
mod environment;
mod error;
mod lifecycle;
mod observe;
mod operator;
mod report;
pub mod request;
mod secrets;
mod services;
mod termination_policy;
mod tick;

use aws_types::SdkConfig;
pub use clients::{Clients, Clock, Scheme};
pub use environment::{Environment, EnvironmentError};
pub use error::Error;
use function_runtime::ConfigurationError;
pub use lifecycle::Lifecycle;
pub use report::MetricLines;
pub use secrets::{NotASecretReference, SecretError, SecretReference, Secrets};

/// Why the function could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Lambda's own variables.
    #[error("read the function's environment")]
    Configuration(#[from] ConfigurationError),
    /// The function's variables.
    #[error("read the function's environment")]
    Environment(#[from] EnvironmentError),
    /// The HTTP client.
    #[error("make the clients")]
    Clients(#[from] bigbluebutton::TransportError),
}

/// The function as its environment describes it.
///
/// # Errors
/// When the environment is not complete, or no HTTP client can be made.
pub fn from_environment(config: &SdkConfig) -> Result<Lifecycle, StartError> {
    let environment = Environment::read(|name| std::env::var(name).ok())?;
    let clients = Clients::new(config, &environment)?;
    Ok(Lifecycle::new(clients, environment, MetricLines::to_log()))
}
