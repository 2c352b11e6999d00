//! `Custom::DkimTokens`: the DKIM records of a domain's identity, for a template that writes them itself.
//!
//! | property | meaning |
//! | --- | --- |
//! | `Domain` | the domain, whose identity exists |
//! | `Region` | the region of SES |
//! | `RecordSetDefaults` | what every entry of `RecordSets` gets, by default `TTL: 60` |
//!
//! `Ref` is `<domain>@<region>`; the attributes are `Domain`, `Region`, `DkimTokens` (sorted), and `RecordSets` for an
//! `AWS::Route53::RecordSetGroup`. Deleting it deletes nothing.

use custom_resource::{Lookup, Outcome, Pending, Ready, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Error,
    ids::DomainAt,
    properties,
    records::{self, Defaults, default_defaults},
    sesv2::Identities,
};

/// The properties of `Custom::DkimTokens`. Unknown ones are tolerated, as by the provider it replaces.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Properties {
    /// The domain.
    pub domain: String,
    /// The region of SES.
    pub region: String,
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
    /// The tokens, sorted.
    pub dkim_tokens: Vec<String>,
    /// The CNAME records, one a token.
    pub record_sets: Vec<Value>,
}

/// The resource type.
pub struct DkimTokens {
    identities: Identities,
}

impl DkimTokens {
    /// With access to SES.
    #[must_use]
    pub fn new(identities: Identities) -> Self {
        Self { identities }
    }
}

impl Lookup for DkimTokens {
    const TYPES: &'static [&'static str] = &["Custom::DkimTokens"];
    type Properties = Properties;
    type Attributes = Attributes;
    type Error = Error;

    async fn look_up(&self, _: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
        let domain = properties::name("Domain", &properties.domain)?.to_owned();
        let region = properties::region(&properties.region)?.to_owned();
        let Some(identity) = self.identities.get(&region, &domain).await? else {
            return Err(Error::NoDomainIdentity { domain, region });
        };
        if identity.has_own_keys {
            return Err(Error::OwnDkimKeys { domain, region });
        }
        // An identity from before Easy DKIM has none until it is asked for.
        let tokens = if identity.dkim_tokens.is_empty() {
            self.identities.start_dkim(&region, &domain).await?
        } else {
            identity.dkim_tokens
        };
        if tokens.is_empty() {
            return Ok(Pending::new(format!("SES has no DKIM tokens for {domain} in {region} yet")).into());
        }
        let records = records::dkim(&domain, &tokens, identity.dkim_zone.as_deref());
        let mut dkim_tokens = tokens;
        dkim_tokens.sort_unstable();
        let id = DomainAt { domain: domain.clone(), region: region.clone() }.to_string();
        let record_sets = records.iter().map(|record| record.to_record_set(&properties.record_set_defaults)).collect();
        Ok(Ready::new(id, Attributes { domain, region, dkim_tokens, record_sets }).into())
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
