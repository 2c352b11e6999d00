//! Everything that the function calls.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::SdkConfig;
use bigbluebutton::{Transport, TransportError, TransportOptions};
use hosted_zone::ZoneRecords;
use server_pool::Moment;

use crate::{environment::Environment, secrets::Secrets};

/// How long AWS may take to accept a connection, to answer one attempt, and to answer with all attempts. A tick has a minute for dozens of calls, one after
/// another in places, and the next tick tries again what this one could not.
const CONNECT: Duration = Duration::from_secs(3);
const ATTEMPT: Duration = Duration::from_secs(6);
const OPERATION: Duration = Duration::from_secs(12);
const ATTEMPTS: u32 = 3;

/// The clients, made once in the life of a process.
#[derive(Debug)]
pub struct Clients {
    /// The group and its hooks.
    pub auto_scaling: aws_sdk_autoscaling::Client,
    /// Instances and their tags.
    pub ec2: aws_sdk_ec2::Client,
    /// The zone that holds the servers' names.
    pub zone: ZoneRecords,
    /// The secrets of the deployment.
    pub secrets: Secrets,
    /// HTTP, for Scalelite and the servers.
    pub transport: Transport,
    /// How servers are asked.
    pub scheme: Scheme,
    /// The wall clock.
    pub clock: Clock,
}

/// A wall clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The system's.
    #[must_use]
    pub fn system() -> Self {
        Self::of(SystemTime::now)
    }

    /// Another one.
    #[must_use]
    pub fn of(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        (self.0)()
    }

    /// What it shows, in whole seconds.
    pub(crate) fn moment(&self) -> Moment {
        moment(self.now())
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// A time in whole seconds.
pub(crate) fn moment(time: SystemTime) -> Moment {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Moment::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// How servers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// As they are registered.
    Https,
    /// Without encryption, as a stand-in for them answers.
    Http,
}

impl Scheme {
    /// A server's URL.
    pub(crate) fn of(self, url: &str) -> String {
        match (self, url.strip_prefix("https:")) {
            (Scheme::Http, Some(rest)) => format!("http:{rest}"),
            _ => url.to_owned(),
        }
    }
}

impl Clients {
    /// With this configuration.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(config: &SdkConfig, environment: &Environment) -> Result<Self, TransportError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let config = config.to_builder().timeout_config(timeouts).retry_config(retries).build();
        Ok(Self {
            auto_scaling: aws_sdk_autoscaling::Client::new(&config),
            ec2: aws_sdk_ec2::Client::new(&config),
            zone: ZoneRecords::new(aws_sdk_route53::Client::new(&config), &environment.hosted_zone),
            secrets: Secrets::new(aws_sdk_secretsmanager::Client::new(&config)),
            transport: Transport::new(&TransportOptions::default())?,
            scheme: Scheme::Https,
            clock: Clock::system(),
        })
    }
}
