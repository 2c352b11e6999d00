//! `Custom::IssuedCertificate`: waits until a certificate is issued, for a template that writes the validation records itself.
//!
//! Its one property is `CertificateArn`, which is also what `Ref` gives. Deleting it deletes nothing.

use custom_resource::{Lookup, Outcome, Pending, Ready, Request};
use serde::Deserialize;

use crate::{
    Error,
    acm::Certificates,
    arn::CertificateArn,
    certificate::CONSISTENCY,
    validation::{self, Progress},
};

/// The properties of `Custom::IssuedCertificate`. Unknown ones are tolerated, as by the provider it replaces.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Properties {
    /// The certificate.
    pub certificate_arn: String,
}

/// The resource type.
pub struct IssuedCertificate {
    certificates: Certificates,
}

impl IssuedCertificate {
    /// With access to ACM.
    #[must_use]
    pub fn new(certificates: Certificates) -> Self {
        Self { certificates }
    }
}

impl Lookup for IssuedCertificate {
    const TYPES: &'static [&'static str] = &["Custom::IssuedCertificate"];
    type Properties = Properties;
    type Attributes = ();
    type Error = Error;

    async fn look_up(&self, request: &Request, properties: Properties) -> Result<Outcome<()>, Error> {
        let arn = &properties.certificate_arn;
        CertificateArn::parse(arn).ok_or(Error::NotAnArn)?;
        let Some(certificate) = self.certificates.describe(arn).await? else {
            let gone = Error::Gone(arn.clone());
            // It may have been requested a moment ago.
            let is_new = request.elapsed() < CONSISTENCY;
            return if is_new { Ok(Pending::new(gone.to_string()).into()) } else { Err(gone) };
        };
        match validation::progress(&certificate) {
            Progress::Issued => Ok(Ready::new(arn, ()).into()),
            Progress::Waiting { names } => {
                let names = names.join(", ");
                Ok(Pending::new(format!(
                    "ACM has not validated {names} yet: do its validation records stand in the public DNS?"
                ))
                .into())
            }
            Progress::Ended { status, reason } => {
                Err(Error::NotIssued { domain: certificate.domain_name.unwrap_or_default(), status, reason })
            }
        }
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
