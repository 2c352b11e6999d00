//! `Custom::VerifiedIdentity`: waits until an identity is verified, for a template that writes the records itself.
//!
//! | property | meaning |
//! | --- | --- |
//! | `Identity` | the domain or address |
//! | `Region` | the region of SES |
//!
//! `Ref` is the identity; the attributes are `Identity`, `Region`, `VerificationToken` (empty if SES has none) and `VerificationStatus`
//! (`Success`). Deleting it deletes nothing.

use aws_sdk_ses::types::VerificationStatus;
use custom_resource::{Lookup, Outcome, Pending, Ready, Request};
use serde::{Deserialize, Serialize};

use crate::{Error, classic::Classic, properties};

/// The properties of `Custom::VerifiedIdentity`. Unknown ones are tolerated, as by the provider it replaces.
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
    /// The value of a domain's TXT record.
    pub verification_token: String,
    /// `Success`.
    pub verification_status: String,
}

/// The resource type.
pub struct VerifiedIdentity {
    classic: Classic,
}

impl VerifiedIdentity {
    /// With access to SES.
    #[must_use]
    pub fn new(classic: Classic) -> Self {
        Self { classic }
    }
}

impl Lookup for VerifiedIdentity {
    const TYPES: &'static [&'static str] = &["Custom::VerifiedIdentity"];
    type Properties = Properties;
    type Attributes = Attributes;
    type Error = Error;

    async fn look_up(&self, _: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
        let identity = properties::name("Identity", &properties.identity)?.to_owned();
        let region = properties::region(&properties.region)?.to_owned();
        let Some(found) = self.classic.verification(&region, &identity).await? else {
            return Err(Error::NoIdentity { identity, region });
        };
        match &found.verification_status {
            VerificationStatus::Success => {
                let attributes = Attributes {
                    identity: identity.clone(),
                    region,
                    verification_token: found.verification_token.unwrap_or_default(),
                    verification_status: VerificationStatus::Success.as_str().to_owned(),
                };
                Ok(Ready::new(identity, attributes).into())
            }
            // SES could not look for the moment, and looks again by itself.
            status @ (VerificationStatus::Pending | VerificationStatus::TemporaryFailure) => {
                let what = if identity.contains('@') {
                    "was the link in SES's mail to it followed?"
                } else {
                    "do its TXT or its DKIM records stand in the public DNS?"
                };
                Ok(Pending::new(format!(
                    "SES in {region} has not verified {identity} yet ({}): {what}",
                    status.as_str()
                ))
                .into())
            }
            status => Err(Error::NotVerified {
                what: "identity",
                identity,
                region,
                state: status.as_str().to_owned(),
                advice: "Correct its records, then let SES look again: delete and create its Custom::DomainIdentity",
            }),
        }
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
