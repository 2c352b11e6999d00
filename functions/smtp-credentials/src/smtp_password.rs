//! `Custom::SMTPPW`: the SMTP password of a secret access key that the template has. [`Custom::SmtpCredentials`](crate::smtp_credentials)
//! does the same without a secret in the template.
//!
//! | property | meaning |
//! | --- | --- |
//! | `SecretKey` | the secret access key of an IAM user |
//! | `Region` | the region of SES whose endpoint is used |
//! | `LegacyRef` | `true`: `Ref` is the password too, as in the sample. Stack events and the console then show it |
//!
//! The attribute `SmtpPassword` is masked (`NoEcho`). `Ref` says nothing about the password. Deleting it deletes nothing.

use custom_resource::{Deletion, Outcome, Ready, Request, Resource, Secret};
use serde::{Deserialize, Serialize};

use crate::{Error, smtp};

/// The properties of `Custom::SMTPPW`. Unknown ones are tolerated, as by the provider it replaces.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Properties {
    /// The secret access key.
    pub secret_key: Secret,
    /// The region of SES.
    pub region: String,
    /// Whether `Ref` is the password.
    #[serde(default)]
    pub legacy_ref: bool,
}

/// What `Fn::GetAtt` gives, masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The password.
    pub smtp_password: Secret,
}

/// The resource type.
pub struct SmtpPassword;

fn derive(request: &Request, properties: &Properties) -> Result<Outcome<Attributes>, Error> {
    let region = properties.region.trim();
    if region.is_empty() {
        return Err(Error::Empty("Region"));
    }
    if properties.secret_key.reveal().is_empty() {
        return Err(Error::Empty("SecretKey"));
    }
    let smtp_password = smtp::password(&properties.secret_key, region);
    let id = if properties.legacy_ref {
        smtp_password.reveal().to_owned()
    } else {
        // Nothing of the key is in it, so nothing can be guessed from it.
        format!("{}@{region}", request.logical_resource_id())
    };
    Ok(Ready::new(id, Attributes { smtp_password }).no_echo().into())
}

impl Resource for SmtpPassword {
    const TYPES: &'static [&'static str] = &["Custom::SMTPPW"];
    /// The sample's provider used the password as the physical id, and `LegacyRef` still does.
    const SECRET_ID: bool = true;
    type Properties = Properties;
    type Attributes = Attributes;
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
        derive(request, &properties)
    }

    async fn update(
        &self,
        request: &Request,
        _: &str,
        properties: Properties,
        _: Option<Properties>,
    ) -> Result<Outcome<Attributes>, Error> {
        derive(request, &properties)
    }

    async fn delete(&self, _: &Request, _: Option<&str>, _: Option<Properties>) -> Result<Deletion, Error> {
        Ok(Deletion::Deleted)
    }
}
