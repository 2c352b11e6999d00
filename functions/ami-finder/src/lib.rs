//! A CloudFormation custom resource that finds an Amazon Machine Image, and keeps it until asked to look again.
//!
//! The type is [`Custom::FindAMI`](find_ami). It takes the place of the one in the sample aws-scalable-big-blue-button-example:
//! the properties `Owner`, `Name` and `Architecture` and the image's id as `Ref`.

mod ec2;
mod error;
pub mod find_ami;
mod history;
mod image;
mod properties;

pub use ec2::Images;
pub use error::Error;
pub use history::Parameters;

use aws_types::SdkConfig;
use custom_resource::Provider;

/// Adds the type to a provider.
#[must_use]
pub fn add_to(provider: Provider, config: &SdkConfig) -> Provider {
    let images = Images::new(aws_sdk_ec2::Client::new(config));
    let parameters = Parameters::new(aws_sdk_ssm::Client::new(config));
    provider.resource(find_ami::FindAmi::new(images, parameters))
}
