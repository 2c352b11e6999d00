//! `Custom::MailFromDomain`: the MAIL FROM domain of an identity, and its records, for a template that writes them itself.
//!
//! | property | meaning |
//! | --- | --- |
//! | `Domain` | the domain, whose identity exists |
//! | `Region` | the region of SES |
//! | `MailFromSubdomain` | the label before the domain; empty for none |
//! | `BehaviorOnMXFailure` | `UseDefaultValue` (default) or `RejectMessage` |
//! | `RecordSetDefaults` | what every entry of `RecordSets` gets, by default `TTL: 60` |
//!
//! `Ref` is `<domain>@<region>`; the attributes are `Domain`, `Region`, and `RecordSets` (MX and TXT) for an `AWS::Route53::RecordSetGroup`.
//! Delete takes the MAIL FROM domain away again.

use custom_resource::{Deletion, Outcome, Ready, Request, Resource};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{info, warn};

pub use crate::properties::BehaviorOnMxFailure;
use crate::{
    Error,
    ids::DomainAt,
    properties,
    records::{self, Defaults, default_defaults},
    sesv2::{Change, Identities},
};

/// The properties of `Custom::MailFromDomain`. Unknown ones are tolerated, as by the provider it replaces.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Properties {
    /// The domain.
    pub domain: String,
    /// The region of SES.
    pub region: String,
    /// The label before the domain.
    pub mail_from_subdomain: String,
    /// What happens to mail while the MX record cannot be found.
    #[serde(default, rename = "BehaviorOnMXFailure")]
    pub behavior_on_mx_failure: BehaviorOnMxFailure,
    /// What every record gets.
    #[serde(default = "default_defaults")]
    pub record_set_defaults: Defaults,
}

/// What `Fn::GetAtt` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The domain.
    pub domain: String,
    /// The region of SES.
    pub region: String,
    /// The MX and the TXT record; none without a MAIL FROM domain.
    pub record_sets: Vec<Value>,
}

/// The resource type.
pub struct MailFromDomain {
    identities: Identities,
}

impl Properties {
    fn mail_from_domain(&self, domain: &str) -> Option<String> {
        let label = self.mail_from_subdomain.trim().trim_end_matches('.');
        Some(label).filter(|label| !label.is_empty()).map(|label| format!("{label}.{domain}"))
    }
}

impl MailFromDomain {
    /// With access to SES.
    #[must_use]
    pub fn new(identities: Identities) -> Self {
        Self { identities }
    }

    async fn set(&self, request: &Request, properties: &Properties) -> Result<Outcome<Attributes>, Error> {
        let domain = properties::name("Domain", &properties.domain)?.to_owned();
        let region = properties::region(&properties.region)?.to_owned();
        let mail_from = properties.mail_from_domain(&domain);
        let behavior = properties.behavior_on_mx_failure;
        match self.identities.set_mail_from(&region, &domain, mail_from.as_deref(), behavior).await? {
            Change::Made => {}
            Change::Gone => return Err(Error::NoDomainIdentity { domain, region }),
        }
        let id = DomainAt { domain: domain.clone(), region: region.clone() }.to_string();
        request.created(&id);
        let records = mail_from.iter().flat_map(|mail_from| records::mail_from(mail_from, &region));
        let record_sets = records.map(|record| record.to_record_set(&properties.record_set_defaults)).collect();
        Ok(Ready::new(id, Attributes { domain, region, record_sets }).into())
    }
}

impl Resource for MailFromDomain {
    const TYPES: &'static [&'static str] = &["Custom::MailFromDomain"];
    type Properties = Properties;
    type Attributes = Attributes;
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
        self.set(request, &properties).await
    }

    async fn update(
        &self,
        request: &Request,
        _: &str,
        properties: Properties,
        _: Option<Properties>,
    ) -> Result<Outcome<Attributes>, Error> {
        self.set(request, &properties).await
    }

    async fn delete(
        &self,
        _: &Request,
        current: Option<&str>,
        properties: Option<Properties>,
    ) -> Result<Deletion, Error> {
        let wanted = properties.as_ref().and_then(|properties| {
            let domain = properties::name("Domain", &properties.domain).ok()?.to_owned();
            Some(DomainAt { domain, region: properties::region(&properties.region).ok()?.to_owned() })
        });
        let Some(at) = current.map_or(wanted, DomainAt::parse) else { return Ok(Deletion::Deleted) };
        let Some(found) = self.identities.get(&at.region, &at.domain).await? else { return Ok(Deletion::Deleted) };
        let Some(standing) = found.mail_from else { return Ok(Deletion::Deleted) };
        let ours = properties.and_then(|properties| properties.mail_from_domain(&at.domain));
        if ours.is_some_and(|ours| !ours.eq_ignore_ascii_case(&standing.domain)) {
            warn!(
                domain = at.domain,
                mail_from = standing.domain,
                "the MAIL FROM domain is another by now, so it stays"
            );
            return Ok(Deletion::Deleted);
        }
        self.identities.set_mail_from(&at.region, &at.domain, None, BehaviorOnMxFailure::default()).await?;
        info!(domain = at.domain, region = at.region, "MAIL FROM domain taken away");
        Ok(Deletion::Deleted)
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
