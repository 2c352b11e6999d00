//! `Custom::IdentityPolicy`: who else may send as an identity of the function's region.
//!
//! | property | meaning |
//! | --- | --- |
//! | `Identity` | the domain or address |
//! | `PolicyName` | at most 64 letters, digits, `-` and `_` |
//! | `PolicyDocument` | the policy as IAM writes it; a statement without `Resource` gets the identity |
//!
//! `Ref` is `<identity>/@<policy>`. Another identity or name makes another policy.

use custom_resource::{Deletion, Outcome, Pending, Ready, Request, Resource};
use serde::Deserialize;
use serde_json::{Map, Value};
use tracing::info;

use crate::{
    Error,
    caller::Caller,
    ids::{parse_policy_id, policy_id},
    policy, properties,
    sesv2::{Creation, Identities},
};

/// The properties of `Custom::IdentityPolicy`. Unknown ones are tolerated, as by the provider it replaces.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Properties {
    /// The domain or address.
    pub identity: String,
    /// The policy's name.
    pub policy_name: String,
    /// The policy.
    pub policy_document: Map<String, Value>,
}

/// The resource type.
pub struct IdentityPolicy {
    identities: Identities,
    caller: Caller,
}

/// The longest name that SES takes.
const MAX_NAME: usize = 64;

/// Whether a policy of the name may be overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing {
    Refused,
    Ours,
}

impl IdentityPolicy {
    /// With access to SES and STS.
    #[must_use]
    pub fn new(identities: Identities, caller: Caller) -> Self {
        Self { identities, caller }
    }

    async fn write(
        &self,
        request: &Request,
        identity: &str,
        properties: &Properties,
        existing: Existing,
    ) -> Result<Outcome<()>, Error> {
        let name = properties.policy_name.as_str();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_name) {
            let problem = format!("expected 1 to {MAX_NAME} letters, digits, hyphens and underscores");
            return Err(Error::Property { property: "PolicyName", problem });
        }
        let home = self.identities.home();
        let arn = self.caller.identity_arn(home, identity).await?.to_string();
        let document = policy::complete(&properties.policy_document, &arn)?;
        let Some(policies) = self.identities.policies(identity).await? else {
            return Err(Error::NoIdentity { identity: identity.to_owned(), region: home.to_owned() });
        };
        let standing = policies.get(name);
        let is_as_asked = standing
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
            .is_some_and(|standing| policy::is_same(&standing, &document));
        let id = policy_id(identity, name);
        match standing {
            // Perhaps this very request, delivered before, wrote it.
            Some(_) if is_as_asked => {}
            Some(_) if existing == Existing::Refused => return Err(Error::PolicyExists { policy: name.to_owned() }),
            Some(_) => self.identities.update_policy(identity, name, &document.to_string()).await?,
            None => match self.identities.create_policy(identity, name, &document.to_string()).await? {
                Creation::Created => {}
                // Written within the last moment, by somebody or by this request, whose answer was lost: what it says will tell.
                Creation::Existed => return Ok(Pending::new(format!("SES has a policy {name} by now")).into()),
            },
        }
        request.created(&id);
        info!(identity, policy = name, "policy stands");
        Ok(Ready::new(id, ()).into())
    }
}

impl Resource for IdentityPolicy {
    const TYPES: &'static [&'static str] = &["Custom::IdentityPolicy"];
    type Properties = Properties;
    type Attributes = ();
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<()>, Error> {
        let identity = properties::name("Identity", &properties.identity)?.to_owned();
        self.write(request, &identity, &properties, Existing::Refused).await
    }

    async fn update(
        &self,
        request: &Request,
        current: &str,
        properties: Properties,
        _: Option<Properties>,
    ) -> Result<Outcome<()>, Error> {
        let identity = properties::name("Identity", &properties.identity)?.to_owned();
        let is_current = current == policy_id(&identity, &properties.policy_name);
        let existing = if is_current { Existing::Ours } else { Existing::Refused };
        self.write(request, &identity, &properties, existing).await
    }

    async fn delete(
        &self,
        _: &Request,
        current: Option<&str>,
        properties: Option<Properties>,
    ) -> Result<Deletion, Error> {
        if let Some((identity, name)) = current.and_then(parse_policy_id) {
            self.identities.delete_policy(identity, name).await?;
        } else if let (None, Some(properties)) = (current, properties) {
            // Nobody knows whether it was written: it is ours only if it says what was asked for.
            let identity = properties::name("Identity", &properties.identity)?;
            let arn = self.caller.identity_arn(self.identities.home(), identity).await?.to_string();
            let policies = self.identities.policies(identity).await?.unwrap_or_default();
            let standing = policies.get(&properties.policy_name).and_then(|text| serde_json::from_str(text).ok());
            let document = policy::complete(&properties.policy_document, &arn).ok();
            if let (Some(standing), Some(document)) = (standing, document)
                && policy::is_same(&standing, &document)
            {
                self.identities.delete_policy(identity, &properties.policy_name).await?;
            }
        }
        Ok(Deletion::Deleted)
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
