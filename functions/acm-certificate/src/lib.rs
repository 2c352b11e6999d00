//! CloudFormation custom resources for ACM certificates that are validated through DNS.
//!
//! | type | what it does |
//! | --- | --- |
//! | [`Custom::Certificate`](certificate) | requests a certificate; with a hosted zone also writes its validation records and waits until it is issued |
//! | [`Custom::CertificateDNSRecord`](certificate_dns_record) | waits until ACM names the validation record of a domain, and gives it as attributes |
//! | [`Custom::IssuedCertificate`](issued_certificate) | waits until a certificate is issued |
//!
//! The types take the place of those of binxio's cfn-certificate-provider 2.0: a template made for it works with this function's ARN as
//! `ServiceToken`.

mod acm;
mod arn;
pub mod certificate;
pub mod certificate_dns_record;
mod error;
pub mod issued_certificate;
mod names;
mod properties;
mod relatives;
mod validation;

pub use acm::Certificates;
pub use error::Error;

use aws_types::SdkConfig;
use custom_resource::Provider;
use hosted_zone::HostedZones;

/// Adds the types to a provider.
#[must_use]
pub fn add_to(provider: Provider, config: &SdkConfig) -> Provider {
    let certificates = Certificates::new(config);
    provider
        .resource(certificate::Certificate::new(certificates.clone(), HostedZones::new(config)))
        .resource(certificate_dns_record::CertificateDnsRecord::new(certificates.clone()))
        .resource(issued_certificate::IssuedCertificate::new(certificates))
}
