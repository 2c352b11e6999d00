//! `Custom::CertificateDNSRecord`: the record that validates one name of a certificate, for a template that writes it itself.
//!
//! | property | meaning |
//! | --- | --- |
//! | `CertificateArn` | the certificate |
//! | `DomainName` | the name; by default the certificate's first |
//!
//! `Ref` is the record's name; the attributes are `Name`, `Type` and `Value`, names with their final dot. Deleting it deletes nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use custom_resource::{Lookup, Outcome, Pending, Ready, Request};
use hosted_zone::normalised;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    acm::Certificates,
    arn::CertificateArn,
    certificate::CONSISTENCY,
    validation::{self, Progress},
};

/// The properties of `Custom::CertificateDNSRecord`. Unknown ones are tolerated, as by the provider it replaces.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Properties {
    /// The certificate.
    pub certificate_arn: String,
    /// The name whose record is wanted.
    pub domain_name: Option<String>,
}

/// The record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// Its name.
    pub name: String,
    /// `CNAME`.
    pub r#type: String,
    /// What it must say.
    pub value: String,
}

/// The resource type.
pub struct CertificateDnsRecord {
    certificates: Certificates,
}

/// ACM names the records of a new certificate within seconds.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl CertificateDnsRecord {
    /// With access to ACM.
    #[must_use]
    pub fn new(certificates: Certificates) -> Self {
        Self { certificates }
    }
}

fn not_yet(domain: &str) -> Outcome<Attributes> {
    Pending::new(format!("ACM has not named the validation record of {domain} yet")).retry_after(LOOK_AGAIN).into()
}

impl Lookup for CertificateDnsRecord {
    const TYPES: &'static [&'static str] = &["Custom::CertificateDNSRecord"];
    type Properties = Properties;
    type Attributes = Attributes;
    type Error = Error;

    async fn look_up(&self, request: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
        let arn = &properties.certificate_arn;
        CertificateArn::parse(arn).ok_or(Error::NotAnArn)?;
        let Some(certificate) = self.certificates.describe(arn).await? else {
            let gone = Error::Gone(arn.clone());
            // It may have been requested a moment ago.
            let is_new = request.elapsed() < CONSISTENCY;
            return if is_new { Ok(Pending::new(gone.to_string()).into()) } else { Err(gone) };
        };
        let first = certificate.domain_name().unwrap_or_default().to_owned();
        if let Progress::Ended { status, reason } = validation::progress(&certificate) {
            return Err(Error::NotIssued { domain: first, status, reason });
        }
        let wanted = properties.domain_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&first);
        let all = || certificate.subject_alternative_names().iter().chain([&first]);
        let option = certificate
            .domain_validation_options()
            .iter()
            .find(|option| normalised(option.domain_name()) == normalised(wanted));
        let Some(option) = option else {
            return if all().any(|name| normalised(name) == normalised(wanted)) {
                Ok(not_yet(wanted))
            } else {
                Err(Error::UnknownDomain {
                    domain: wanted.to_owned(),
                    names: certificate.subject_alternative_names().join(", "),
                })
            };
        };
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0));
        Ok(match validation::record(&certificate, option, now)? {
            None => not_yet(wanted),
            Some(record) => {
                let value = record.values.into_iter().next().unwrap_or_default();
                let attributes =
                    Attributes { name: record.name.clone(), r#type: record.record_type.as_str().to_owned(), value };
                Ready::new(record.name, attributes).into()
            }
        })
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
