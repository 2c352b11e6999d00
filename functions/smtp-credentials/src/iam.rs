//! IAM's access keys of a user, and the user's tags in which the making of a key is recorded. One method a call.

use std::{collections::BTreeSet, fmt};

use aws_sdk_iam::{
    Client,
    config::retry::RetryConfig,
    types::{StatusType, Tag},
};
use custom_resource::Secret;
use function_runtime::AwsError;

use crate::Error;

/// The access keys of IAM users. IAM is the same in every region.
#[derive(Debug, Clone)]
pub struct AccessKeys {
    client: Client,
    /// The same, but it repeats nothing by itself.
    once: Client,
}

/// What IAM says of a user or key that is not there.
const GONE: &str = "NoSuchEntity";

/// A key as IAM lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) is_active: bool,
}

/// A key as IAM makes it: the only time that the secret is seen.
#[derive(Clone)]
pub(crate) struct NewKey {
    pub(crate) id: String,
    pub(crate) secret: Secret,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is recorded on the user about this resource's keys. An access key has no tags of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ledger {
    /// A key is being made, and these were there before.
    Making(BTreeSet<String>),
    /// This key was made, and its credentials are in the secret.
    Made(String),
}

impl Ledger {
    /// In the characters that IAM allows in a tag.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Ledger::Making(before) => {
                let before: Vec<_> = before.iter().map(String::as_str).collect();
                format!("making beside {}", before.join(" ")).trim_end().to_owned()
            }
            Ledger::Made(id) => format!("made {id}"),
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        match (words.next()?, words.next()) {
            ("making", Some("beside")) => Some(Ledger::Making(words.map(str::to_owned).collect())),
            ("made", Some(id)) => Some(Ledger::Made(id.to_owned())),
            _ => None,
        }
    }
}

impl AccessKeys {
    /// With this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        let once = client.config().to_builder().retry_config(RetryConfig::disabled());
        Self { once: Client::from_conf(once.build()), client }
    }

    /// The keys of a user, or nothing if there is no user.
    pub(crate) async fn list(&self, user: &str) -> Result<Option<Vec<AccessKey>>, Error> {
        // A user has two keys at most, which is less than a page.
        match self.client.list_access_keys().user_name(user).send().await.map_err(AwsError::from) {
            Ok(answer) => Ok(Some(
                answer
                    .access_key_metadata
                    .into_iter()
                    .filter_map(|key| {
                        let is_active = key.status() == Some(&StatusType::Active);
                        key.access_key_id.map(|id| AccessKey { id, is_active })
                    })
                    .collect(),
            )),
            Err(error) if error.is(GONE) => Ok(None),
            Err(source) => Err(Error::ListKeys { user: user.to_owned(), source }),
        }
    }

    /// Makes a key. It is tried once: a key whose answer was lost would stay beside the next one, and its secret is never told again.
    pub(crate) async fn create(&self, user: &str) -> Result<NewKey, Error> {
        match self.once.create_access_key().user_name(user).send().await.map_err(AwsError::from) {
            Ok(answer) => match answer.access_key {
                Some(key) => Ok(NewKey { id: key.access_key_id, secret: Secret::new(key.secret_access_key) }),
                None => Ok(NewKey { id: String::new(), secret: Secret::default() }),
            },
            Err(error) if error.is(GONE) => Err(Error::NoUser(user.to_owned())),
            Err(source) => Err(Error::CreateKey { user: user.to_owned(), source }),
        }
    }

    /// Deletes a key; that it or the user is gone is fine.
    pub(crate) async fn delete(&self, user: &str, id: &str) -> Result<(), Error> {
        let call = self.client.delete_access_key().user_name(user).access_key_id(id);
        match call.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.is(GONE) => Ok(()),
            Err(source) => Err(Error::DeleteKey { user: user.to_owned(), key: id.to_owned(), source }),
        }
    }

    /// What is recorded under a tag of the user.
    pub(crate) async fn ledger(&self, user: &str, tag: &str) -> Result<Option<Ledger>, Error> {
        let mut marker = None;
        loop {
            let call = self.client.list_user_tags().user_name(user).set_marker(marker);
            let answer = match call.send().await.map_err(AwsError::from) {
                Ok(answer) => answer,
                Err(error) if error.is(GONE) => return Ok(None),
                Err(source) => return Err(Error::Ledger { user: user.to_owned(), source }),
            };
            if let Some(found) = answer.tags().iter().find(|found| found.key() == tag) {
                return Ok(Ledger::parse(found.value()));
            }
            marker = answer.marker;
            if marker.is_none() {
                return Ok(None);
            }
        }
    }

    /// Records under a tag of the user.
    pub(crate) async fn record(&self, user: &str, tag: &str, ledger: &Ledger) -> Result<(), Error> {
        let tags = Tag::builder().key(tag).value(ledger.to_text()).build().ok();
        let call = self.client.tag_user().user_name(user).set_tags(tags.map(|tag| vec![tag]));
        match call.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.is(GONE) => Err(Error::NoUser(user.to_owned())),
            Err(source) => Err(Error::Ledger { user: user.to_owned(), source }),
        }
    }

    /// Removes the tag; that the user is gone is fine.
    pub(crate) async fn forget(&self, user: &str, tag: &str) -> Result<(), Error> {
        match self.client.untag_user().user_name(user).tag_keys(tag).send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.is(GONE) => Ok(()),
            Err(source) => Err(Error::Ledger { user: user.to_owned(), source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_new_key_does_not_show_its_secret() {
        let key = NewKey { id: "AKIAEXAMPLE".into(), secret: Secret::new("wJalrXUtnFEMI") };
        assert!(format!("{key:?}").contains("AKIAEXAMPLE") && !format!("{key:?}").contains("wJalr"));
    }

    proptest! {
        #[test]
        fn what_is_recorded_is_read(ids in prop::collection::btree_set("AKIA[A-Z2-7]{16}", 0..3), id in "AKIA[A-Z2-7]{16}") {
            for ledger in [Ledger::Making(ids), Ledger::Made(id)] {
                prop_assert_eq!(Ledger::parse(&ledger.to_text()), Some(ledger));
            }
            prop_assert_eq!(Ledger::parse("something else"), None);
        }
    }
}
