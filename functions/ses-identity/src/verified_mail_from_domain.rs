//! `Custom::VerifiedMailFromDomain`: waits until the MAIL FROM domain of an identity is verified, for a template that writes the records itself.
//!
//! | property | meaning |
//! | --- | --- |
//! | `Identity` | the domain or address |
//! | `Region` | the region of SES |
//!
//! `Ref` is the identity; the attributes are `Identity`, `Region` and `MailFromDomainStatus` (`Success`). Deleting it deletes nothing.

use aws_sdk_sesv2::types::MailFromDomainStatus;
use custom_resource::{Lookup, Outcome, Pending, Ready, Request};
use serde::{Deserialize, Serialize};

use crate::{Error, properties, sesv2::Identities};

/// The properties of `Custom::VerifiedMailFromDomain`. Unknown ones are tolerated, as by the provider it replaces.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Properties {
    /// The domain or address.
    pub identity: String,
    /// The region of SES.
    pub region: String,
}

/// What `Fn::GetAtt` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The domain or address.
    pub identity: String,
    /// The region of SES.
    pub region: String,
    /// `Success`.
    pub mail_from_domain_status: String,
}

/// The resource type.
pub struct VerifiedMailFromDomain {
    identities: Identities,
}

/// The status in the words of the API that the older provider used.
fn words(status: &MailFromDomainStatus) -> &str {
    match status {
        MailFromDomainStatus::Success => "Success",
        MailFromDomainStatus::Pending => "Pending",
        MailFromDomainStatus::Failed => "Failed",
        MailFromDomainStatus::TemporaryFailure => "TemporaryFailure",
        other => other.as_str(),
    }
}

impl VerifiedMailFromDomain {
    /// With access to SES.
    #[must_use]
    pub fn new(identities: Identities) -> Self {
        Self { identities }
    }
}

impl Lookup for VerifiedMailFromDomain {
    const TYPES: &'static [&'static str] = &["Custom::VerifiedMailFromDomain"];
    type Properties = Properties;
    type Attributes = Attributes;
    type Error = Error;

    async fn look_up(&self, _: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
        let identity = properties::name("Identity", &properties.identity)?.to_owned();
        let region = properties::region(&properties.region)?.to_owned();
        let Some(found) = self.identities.get(&region, &identity).await? else {
            return Err(Error::NoIdentity { identity, region });
        };
        let Some(mail_from) = found.mail_from else { return Err(Error::NoMailFrom { identity, region }) };
        let status = words(&mail_from.status).to_owned();
        match mail_from.status {
            MailFromDomainStatus::Success => {
                let attributes = Attributes { identity: identity.clone(), region, mail_from_domain_status: status };
                Ok(Ready::new(identity, attributes).into())
            }
            // SES could not look for the moment, and looks again by itself.
            MailFromDomainStatus::Pending | MailFromDomainStatus::TemporaryFailure => Ok(Pending::new(format!(
                "SES in {region} has not verified the MAIL FROM domain {} yet ({status}): does its MX record stand in the public DNS?",
                mail_from.domain
            ))
            .into()),
            _ => Err(Error::NotVerified {
                what: "MAIL FROM domain of",
                identity,
                region,
                state: status,
                advice: "Correct its MX record, then let SES look again: delete and create its Custom::MailFromDomain",
            }),
        }
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
