//! CloudFormation custom resources for SMTP credentials of SES that stay secret.
//!
//! | type | what it does |
//! | --- | --- |
//! | [`Custom::SmtpCredentials`](smtp_credentials) | makes the access key of an IAM user and writes the SMTP password straight into a secret |
//! | [`Custom::SMTPPW`](smtp_password) | the SMTP password of a given secret access key, as the sample aws-scalable-big-blue-button-example has it |
//!
//! They are a function apart from the identities of SES: whoever may make access keys need not touch DNS, and the other way round.

mod error;
mod iam;
mod secrets;
mod smtp;

pub mod smtp_credentials;
pub mod smtp_password;

pub use error::Error;
pub use iam::AccessKeys;
pub use secrets::Secrets;
pub use smtp::password as smtp_password_of;

use aws_types::SdkConfig;
use custom_resource::Provider;

/// Adds the types to a provider.
#[must_use]
pub fn add_to(provider: Provider, config: &SdkConfig) -> Provider {
    provide(provider, AccessKeys::new(aws_sdk_iam::Client::new(config)), Secrets::new(config))
}

/// Adds the types to a provider, with access to IAM and Secrets Manager.
#[must_use]
pub fn provide(provider: Provider, keys: AccessKeys, secrets: Secrets) -> Provider {
    provider.resource(smtp_credentials::SmtpCredentials::new(keys, secrets)).resource(smtp_password::SmtpPassword)
}
