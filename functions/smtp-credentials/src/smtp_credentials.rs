//! `Custom::SmtpCredentials`: an IAM user's access key, made here, and its SMTP password, written straight into a secret. Neither passes through
//! CloudFormation.
//!
//! The properties are those of [`Properties`]. `Ref` is the access key's id, which is not secret; so is the SMTP user name.
//!
//! **What is in the secret.** A JSON map with `username`, `password`, `endpoint`, `port`, `region`, and `rotation` and `owner`, by which the
//! resource knows what it wrote.
//!
//! **Update.** Another `Rotation`, user, secret or region makes a new key first; CloudFormation has the old one deleted when the update is done.
//! When the update is rolled back, the credentials from before become current again and the new key goes.
//!
//! **A key whose secret was lost** (the function died between making the key and storing it) is deleted before another is made. It is known by a
//! tag of the IAM user, written before the key is made, that lists the keys which were there already. No other key is ever deleted.

use std::collections::BTreeSet;

use custom_resource::{Deletion, Outcome, Pending, Ready, Request, Resource, with_causes};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

pub use crate::Error;
use crate::{
    iam::{AccessKey, AccessKeys, Ledger},
    secrets::{Credentials, Secrets, Stage, Storing, Version},
    smtp,
};

/// The properties of `Custom::SmtpCredentials`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Properties {
    /// The IAM user whose key is made.
    pub user_name: String,
    /// The secret that receives the credentials.
    pub secret_arn: String,
    /// The region of SES that the password is for; by default the function's.
    pub region: Option<String>,
    /// Any text. Another one makes a new key.
    #[serde(default)]
    pub rotation: String,
}

/// What `Fn::GetAtt` gives. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The id of the access key, which is the SMTP user name.
    pub access_key_id: String,
    /// The IAM user.
    pub user_name: String,
    /// The secret that holds the credentials.
    pub secret_arn: String,
    /// The host that takes mail by SMTP.
    pub smtp_endpoint: String,
    /// Its port, with STARTTLS.
    pub smtp_port: String,
    /// The region of SES.
    pub region: String,
}

/// The resource type.
pub struct SmtpCredentials {
    keys: AccessKeys,
    secrets: Secrets,
}

/// The tag of the IAM user that holds the [`Ledger`]; what follows it stands for stack and resource.
const LEDGER_TAG: &str = "custom-resource:smtp-credentials:";

/// For how long IAM may not list a key that it has just made, in seconds.
const CONSISTENCY_SECONDS: u64 = 20;

/// What is remembered from one look to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Memory {
    /// The key that this request made and did not delete.
    made: Option<String>,
}

/// What is asked for, complete.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    user: &'a str,
    secret: &'a str,
    region: &'a str,
    rotation: &'a str,
}

impl SmtpCredentials {
    /// With access to IAM and Secrets Manager.
    #[must_use]
    pub fn new(keys: AccessKeys, secrets: Secrets) -> Self {
        Self { keys, secrets }
    }

    fn wanted<'a>(&'a self, properties: &'a Properties) -> Result<Wanted<'a>, Error> {
        Ok(Wanted {
            user: name("UserName", &properties.user_name)?,
            secret: name("SecretArn", &properties.secret_arn)?,
            // What a template leaves empty is not given.
            region: properties
                .region
                .as_deref()
                .map(str::trim)
                .filter(|region| !region.is_empty())
                .unwrap_or(self.secrets.home()),
            rotation: &properties.rotation,
        })
    }

    /// Credentials that are as asked: those in the secret, or new ones.
    async fn ensure(&self, request: &Request, wanted: Wanted<'_>) -> Result<Outcome<Attributes>, Error> {
        let owner = request.ownership_digest(&[]);
        let tag = format!("{LEDGER_TAG}{owner}");
        let keys = self.keys.list(wanted.user).await?.ok_or_else(|| Error::NoUser(wanted.user.to_owned()))?;
        let current = self.secrets.get(wanted.secret, Stage::Current).await?;
        let is_wanted = |version: &Version| {
            version.credentials.as_ref().is_some_and(|found| {
                found.owner == owner && found.region == wanted.region && found.rotation == wanted.rotation
            })
        };
        let stored = current.iter().find(|version| is_wanted(version)).and_then(|version| version.credentials.as_ref());
        let is_listed = |id: &str| keys.iter().any(|key| key.id == id && key.is_active);
        if let Some(stored) = stored {
            if is_listed(&stored.username) {
                return self.settle(request, wanted, &tag, &stored.username, &keys).await;
            }
            let was_just_made = current.as_ref().is_some_and(|version| version.id == token(request, None))
                && !keys.iter().any(|key| key.id == stored.username);
            if was_just_made && request.elapsed().as_secs() < CONSISTENCY_SECONDS {
                if made_here(request).as_ref() == Some(&stored.username) {
                    return self.settle(request, wanted, &tag, &stored.username, &keys).await;
                }
                return Ok(Pending::new(format!("IAM does not list the access key {} yet", stored.username)).into());
            }
        }
        // An update that is rolled back finds here what the stack had before it.
        let previous = self.secrets.get(wanted.secret, Stage::Previous).await?;
        if let (Some(current), Some(previous)) = (&current, &previous)
            && let Some(before) =
                previous.credentials.as_ref().filter(|before| is_wanted(previous) && is_listed(&before.username))
        {
            self.secrets.restore(wanted.secret, &previous.id, &current.id).await?;
            info!(key = before.username, "the credentials from before are current again");
            return self.settle(request, wanted, &tag, &before.username, &keys).await;
        }
        let others: BTreeSet<_> = [&current, &previous]
            .into_iter()
            .flatten()
            .filter_map(|version| version.credentials.as_ref())
            .filter(|found| found.owner != owner)
            .map(|found| found.username.clone())
            .collect();
        let left = self.delete_lost(request, wanted.user, &tag, keys, &others).await?;
        let dead = stored.map(|stored| stored.username.as_str());
        self.make(request, wanted, &tag, &owner, &left, dead).await
    }

    /// Deletes the keys that this resource made and whose secret is lost, and gives those that are left.
    async fn delete_lost(
        &self,
        request: &Request,
        user: &str,
        tag: &str,
        keys: Vec<AccessKey>,
        others: &BTreeSet<String>,
    ) -> Result<Vec<AccessKey>, Error> {
        let made = made_here(request);
        let before = match self.keys.ledger(user, tag).await? {
            Some(Ledger::Making(before)) => Some(before),
            Some(Ledger::Made(_)) | None => None,
        };
        let mut left = Vec::new();
        for key in keys {
            let was_made_here = made.as_ref() == Some(&key.id)
                || before.as_ref().is_some_and(|before| !before.contains(&key.id) && !others.contains(&key.id));
            if was_made_here {
                self.keys.delete(user, &key.id).await?;
                request.remember(Memory::default());
                info!(key = key.id, "access key deleted: its secret was lost");
            } else {
                left.push(key);
            }
        }
        Ok(left)
    }

    /// Makes a key and stores its password.
    async fn make(
        &self,
        request: &Request,
        wanted: Wanted<'_>,
        tag: &str,
        owner: &str,
        keys: &[AccessKey],
        dead: Option<&str>,
    ) -> Result<Outcome<Attributes>, Error> {
        let before: BTreeSet<_> = keys.iter().map(|key| key.id.clone()).collect();
        if before.len() > 1 {
            let keys = before.into_iter().collect::<Vec<_>>().join(" and ");
            return Err(Error::TooManyKeys { user: wanted.user.to_owned(), keys });
        }
        self.keys.record(wanted.user, tag, &Ledger::Making(before)).await?;
        let made = match self.keys.create(wanted.user).await {
            // IAM refused: there is no key to find later.
            Err(error) if !error.is_transient() => {
                if let Err(problem) = self.keys.forget(wanted.user, tag).await {
                    warn!(user = wanted.user, reason = %with_causes(&problem), "tag not removed");
                }
                return Err(error);
            }
            made => made?,
        };
        request.created(&made.id);
        request.remember(Memory { made: Some(made.id.clone()) });
        info!(key = made.id, user = wanted.user, "access key made");
        let credentials = Credentials {
            username: made.id.clone(),
            password: smtp::password(&made.secret, wanted.region),
            endpoint: smtp::endpoint(wanted.region),
            port: smtp::PORT,
            region: wanted.region.to_owned(),
            rotation: wanted.rotation.to_owned(),
            owner: owner.to_owned(),
        };
        match self.secrets.put(wanted.secret, &credentials, &token(request, dead)).await {
            Ok(Storing::Stored) => {}
            Ok(Storing::StoredBefore) => {
                // The same request, delivered twice, was faster: its credentials stay, and the next look finds them.
                self.keys.delete(wanted.user, &made.id).await?;
                request.remember(Memory::default());
                return Ok(Pending::new("another delivery of this request stores the credentials").into());
            }
            // It may have been stored all the same; the next look finds it, or deletes the key and makes another.
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                // Nobody will ever know the secret of this key.
                if let Err(problem) = self.keys.delete(wanted.user, &made.id).await {
                    warn!(key = made.id, reason = %with_causes(&problem), "access key not deleted");
                }
                return Err(error);
            }
        }
        // IAM may only now list a key that an earlier try made and whose answer was lost.
        let keys = self.keys.list(wanted.user).await?.unwrap_or_default();
        self.settle(request, wanted, tag, &made.id, &keys).await
    }

    /// The secret holds these credentials: what else an earlier try may have left is removed.
    async fn settle(
        &self,
        request: &Request,
        wanted: Wanted<'_>,
        tag: &str,
        id: &str,
        keys: &[AccessKey],
    ) -> Result<Outcome<Attributes>, Error> {
        if let Some(Ledger::Making(before)) = self.keys.ledger(wanted.user, tag).await? {
            for key in keys.iter().filter(|key| key.id != id && !before.contains(&key.id)) {
                self.keys.delete(wanted.user, &key.id).await?;
                info!(key = key.id, "access key deleted: an earlier try left it");
            }
        }
        request.created(id);
        self.note(wanted.user, tag, id).await?;
        Ok(ready(id, wanted))
    }

    async fn note(&self, user: &str, tag: &str, id: &str) -> Result<(), Error> {
        let made = Ledger::Made(id.to_owned());
        self.keys.record(user, tag, &made).await
    }

    /// Deletes what a request without a known outcome may have made.
    async fn delete_unknown(&self, request: &Request, wanted: Wanted<'_>) -> Result<(), Error> {
        let tag = format!("{LEDGER_TAG}{}", request.ownership_digest(&[]));
        let Some(keys) = self.keys.list(wanted.user).await? else { return Ok(()) };
        if let Some(Ledger::Made(id)) = self.keys.ledger(wanted.user, &tag).await? {
            self.keys.delete(wanted.user, &id).await?;
        } else {
            self.delete_lost(request, wanted.user, &tag, keys, &BTreeSet::new()).await?;
        }
        self.keys.forget(wanted.user, &tag).await
    }

    /// Deletes a key, and the tag if it was about this key.
    async fn delete_known(&self, request: &Request, user: &str, id: &str) -> Result<(), Error> {
        self.keys.delete(user, id).await?;
        info!(key = id, user, "access key deleted");
        let tag = format!("{LEDGER_TAG}{}", request.ownership_digest(&[]));
        match self.keys.ledger(user, &tag).await? {
            Some(Ledger::Made(made)) if made != id => Ok(()),
            Some(Ledger::Making(_)) => {
                let keys = self.keys.list(user).await?.unwrap_or_default();
                self.delete_lost(request, user, &tag, keys, &BTreeSet::new()).await?;
                self.keys.forget(user, &tag).await
            }
            Some(Ledger::Made(_)) => self.keys.forget(user, &tag).await,
            None => Ok(()),
        }
    }
}

/// A name that must be there.
fn name<'a>(property: &'static str, text: &'a str) -> Result<&'a str, Error> {
    Some(text.trim()).filter(|name| !name.is_empty()).ok_or(Error::Empty(property))
}

/// The key that an earlier look of this request made.
fn made_here(request: &Request) -> Option<String> {
    request.recall::<Memory>().unwrap_or_default().made
}

/// The token under which a request stores its credentials once; another one if those it stored are of no use any more.
fn token(request: &Request, dead: Option<&str>) -> String {
    let seed = [request.stack_id(), request.logical_resource_id(), request.request_id(), dead.unwrap_or_default()];
    let hash = Sha256::digest(seed.join("|"));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ready(id: &str, wanted: Wanted<'_>) -> Outcome<Attributes> {
    let attributes = Attributes {
        access_key_id: id.to_owned(),
        user_name: wanted.user.to_owned(),
        secret_arn: wanted.secret.to_owned(),
        smtp_endpoint: smtp::endpoint(wanted.region),
        smtp_port: smtp::PORT.to_string(),
        region: wanted.region.to_owned(),
    };
    Ready::new(id, attributes).into()
}

impl Resource for SmtpCredentials {
    const TYPES: &'static [&'static str] = &["Custom::SmtpCredentials"];
    type Properties = Properties;
    type Attributes = Attributes;
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
        self.ensure(request, self.wanted(&properties)?).await
    }

    async fn update(
        &self,
        request: &Request,
        current: &str,
        properties: Properties,
        _: Option<Properties>,
    ) -> Result<Outcome<Attributes>, Error> {
        let result = self.ensure(request, self.wanted(&properties)?).await;
        if matches!(&result, Err(error) if !error.is_transient()) {
            // What failed left nothing behind: CloudFormation is to keep the key from before.
            request.created(current);
        }
        result
    }

    async fn delete(
        &self,
        request: &Request,
        current: Option<&str>,
        properties: Option<Properties>,
    ) -> Result<Deletion, Error> {
        let Some(Ok(wanted)) = properties.as_ref().map(|properties| self.wanted(properties)) else {
            warn!("the access key is not deleted: the properties do not say whose it is");
            return Ok(Deletion::Deleted);
        };
        match current {
            Some(id) => self.delete_known(request, wanted.user, id).await?,
            None => self.delete_unknown(request, wanted).await?,
        }
        Ok(Deletion::Deleted)
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
