//! The SDK's configuration out of a Lambda function's environment.

use std::{env, time::Duration};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{
    Builder as HttpClient,
    tls::{Provider as Tls, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};

/// A variable that Lambda sets is not set.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is not set")]
pub struct ConfigurationError(pub &'static str);

/// How long AWS may take to accept a connection, to answer one attempt, and to answer with all attempts.
///
/// Together they are well below a handler's time: a service that hangs is reported, not the function's deadline.
const CONNECT: Duration = Duration::from_secs(4);
const ATTEMPT: Duration = Duration::from_secs(10);
const OPERATION: Duration = Duration::from_secs(30);

/// Standard retries are three attempts; a fourth rides out the throttling of a stack whose resources all start at once.
const ATTEMPTS: u32 = 4;

/// The configuration for all clients of a function.
///
/// It is put together by hand: on Lambda the credentials are in the environment and stay for the life of the process, and the search that
/// aws-config makes for them costs time at every cold start and a megabyte of code.
///
/// # Errors
/// When a variable that Lambda sets is missing.
pub fn sdk_config() -> Result<SdkConfig, ConfigurationError> {
    let required =
        |name: &'static str| env::var(name).ok().filter(|value| !value.is_empty()).ok_or(ConfigurationError(name));
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        env::var("AWS_SESSION_TOKEN").ok().filter(|token| !token.is_empty()),
        None,
        "lambda-environment",
    );
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(HttpClient::new().tls_provider(Tls::Rustls(CryptoMode::AwsLc)).build_https())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT)
                .operation_attempt_timeout(ATTEMPT)
                .operation_timeout(OPERATION)
                .build(),
        );
    builder.set_endpoint_url(env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty()));
    Ok(builder.build())
}

/// The same configuration for another region.
#[must_use]
pub fn in_region(config: &SdkConfig, region: &str) -> SdkConfig {
    config.to_builder().region(Region::new(region.to_owned())).build()
}
