//! `Custom::DomainIdentity`: a domain's identity, and the TXT record that verifies it, for a template that writes the record itself.
//!
//! | property | meaning |
//! | --- | --- |
//! | `Domain` | the domain |
//! | `Region` | the region of SES |
//! | `RecordSetDefaults` | what every entry of `RecordSets` gets, by default `TTL: 60` |
//!
//! `Ref` is `<domain>@<region>`; the attributes are `Domain`, `Region`, `VerificationToken`, and `RecordSets` for an
//! `AWS::Route53::RecordSetGroup`. Another domain or region makes another identity.
//!
//! An identity that was there before is refused. What this resource made carries its tags, so that a repeated request finds it, and Delete leaves
//! what carries another's.

use custom_resource::{Deletion, Outcome, Ready, Request, Resource};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{info, warn};

use crate::{
    Error,
    caller::Caller,
    classic::Classic,
    ids::DomainAt,
    ownership::{Owner, owner, ownership_tags},
    properties,
    records::{self, Defaults, default_defaults},
    sesv2::{Creation, Identities},
};

/// The properties of `Custom::DomainIdentity`. Unknown ones are tolerated, as by the provider it replaces.
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
    /// The value of the TXT record.
    pub verification_token: String,
    /// The TXT record.
    pub record_sets: Vec<Value>,
}

/// The resource type.
pub struct DomainIdentity {
    identities: Identities,
    classic: Classic,
    caller: Caller,
}

impl DomainIdentity {
    /// With access to SES and STS.
    #[must_use]
    pub fn new(identities: Identities, classic: Classic, caller: Caller) -> Self {
        Self { identities, classic, caller }
    }

    /// Makes the identity, unless this resource made it before; `refused` is the error if somebody else did.
    async fn make(&self, request: &Request, at: &DomainAt, refused: impl Fn() -> Error) -> Result<(), Error> {
        let is_made_here = match self.identities.get(&at.region, &at.domain).await? {
            Some(found) => owner(request, &found.tags) == Owner::This,
            None => match self.identities.create(&at.region, &at.domain, &ownership_tags(request)).await? {
                Creation::Created => {
                    info!(domain = at.domain, region = at.region, "identity created");
                    true
                }
                // Made within the last moment, by somebody or by this request, whose answer was lost: the tags will tell.
                Creation::Existed => {
                    let found = self.identities.get(&at.region, &at.domain).await?;
                    found.is_some_and(|found| owner(request, &found.tags) == Owner::This)
                }
            },
        };
        if !is_made_here {
            return Err(refused());
        }
        request.created(at.to_string());
        Ok(())
    }

    async fn describe(&self, properties: &Properties, at: &DomainAt, id: String) -> Result<Outcome<Attributes>, Error> {
        let token = self.classic.verify_domain(&at.region, &at.domain).await?;
        let record = records::verification(&at.domain, &token);
        let attributes = Attributes {
            domain: at.domain.clone(),
            region: at.region.clone(),
            verification_token: token,
            record_sets: vec![record.to_record_set(&properties.record_set_defaults)],
        };
        Ok(Ready::new(id, attributes).into())
    }

    /// Marks an identity that the older provider made as this resource's, so that an update that is rolled back finds it.
    async fn mark(&self, request: &Request, at: &DomainAt) -> Result<(), Error> {
        if let Some(found) = self.identities.get(&at.region, &at.domain).await?
            && owner(request, &found.tags) == Owner::Unknown
        {
            let arn = self.caller.identity_arn(&at.region, &at.domain).await?.to_string();
            self.identities.tag(&at.region, &at.domain, &arn, &ownership_tags(request)).await?;
        }
        Ok(())
    }
}

fn wanted(properties: &Properties) -> Result<DomainAt, Error> {
    let domain = properties::name("Domain", &properties.domain)?.to_owned();
    Ok(DomainAt { domain, region: properties::region(&properties.region)?.to_owned() })
}

impl Resource for DomainIdentity {
    const TYPES: &'static [&'static str] = &["Custom::DomainIdentity"];
    type Properties = Properties;
    type Attributes = Attributes;
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
        let at = wanted(&properties)?;
        if request.recorded().is_none() {
            let refused = || Error::AlreadyExists {
                domain: at.domain.clone(),
                region: at.region.clone(),
                advice: "; to use it as it is, without deleting it later, use Custom::EmailDomain with AdoptExisting",
            };
            self.make(request, &at, refused).await?;
        }
        self.describe(&properties, &at, at.to_string()).await
    }

    async fn update(
        &self,
        request: &Request,
        current: &str,
        properties: Properties,
        _: Option<Properties>,
    ) -> Result<Outcome<Attributes>, Error> {
        let at = wanted(&properties)?;
        let standing = DomainAt::parse(current);
        if standing.as_ref().is_some_and(|standing| standing.is(&at.domain, &at.region)) {
            self.mark(request, &at).await?;
            // The old spelling stays, so that there is nothing to replace.
            return self.describe(&properties, &at, current.to_owned()).await;
        }
        if request.recorded().is_none() {
            if let Some(standing) = &standing {
                self.mark(request, standing).await?;
            }
            let refused = || Error::ChangeToExisting { domain: at.domain.clone(), region: at.region.clone() };
            self.make(request, &at, refused).await?;
        }
        self.describe(&properties, &at, at.to_string()).await
    }

    async fn delete(
        &self,
        request: &Request,
        current: Option<&str>,
        properties: Option<Properties>,
    ) -> Result<Deletion, Error> {
        let at = match current {
            Some(id) => DomainAt::parse(id),
            None => properties.and_then(|properties| wanted(&properties).ok()),
        };
        let Some(at) = at else { return Ok(Deletion::Deleted) };
        let Some(found) = self.identities.get(&at.region, &at.domain).await? else { return Ok(Deletion::Deleted) };
        match owner(request, &found.tags) {
            Owner::This => {}
            // The older provider left no mark; but it gave the id, so it made the identity.
            Owner::Unknown if current.is_some() => {}
            Owner::Unknown | Owner::Another => {
                warn!(domain = at.domain, region = at.region, "the identity is not this resource's, so it stays");
                return Ok(Deletion::Deleted);
            }
        }
        self.identities.delete(&at.region, &at.domain).await?;
        info!(domain = at.domain, region = at.region, "identity deleted");
        Ok(Deletion::Deleted)
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
