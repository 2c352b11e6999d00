//! IAM and Secrets Manager as far as the types call them, at their service boundary, as strict as the real ones.

use std::{collections::BTreeMap, ops::Deref};

use aws_sdk_iam::{
    operation::{
        create_access_key::{CreateAccessKeyError, CreateAccessKeyOutput},
        delete_access_key::{DeleteAccessKeyError, DeleteAccessKeyOutput},
        list_access_keys::{ListAccessKeysError, ListAccessKeysOutput},
        list_user_tags::{ListUserTagsError, ListUserTagsOutput},
        tag_user::{TagUserError, TagUserOutput},
        untag_user::{UntagUserError, UntagUserOutput},
    },
    types::{AccessKey, AccessKeyMetadata, StatusType},
};
use aws_sdk_secretsmanager::operation::{
    get_secret_value::{GetSecretValueError, GetSecretValueOutput},
    put_secret_value::{PutSecretValueError, PutSecretValueOutput},
    update_secret_version_stage::{UpdateSecretVersionStageError, UpdateSecretVersionStageOutput},
};
use custom_resource::{Provider, testing::Asked};
use mocked_services::{MockedServices, client, operation, refuse};
use serde_json::Value;
use smtp_credentials::{AccessKeys, Secrets};

pub(crate) const HOME: &str = "eu-west-1";
pub(crate) const USER: &str = "sender";
pub(crate) const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:smtp-AbCdEf";
/// The text by which a leaked secret access key is found.
pub(crate) const KEY_MATERIAL: &str = "wJalrXUtnFEMI";

pub(crate) type Tags = BTreeMap<String, String>;

#[derive(Debug, Clone, Default)]
pub(crate) struct SecretValues {
    pub(crate) versions: Vec<(String, String)>,
    pub(crate) current: Option<String>,
    pub(crate) previous: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) keys: BTreeMap<String, Vec<String>>,
    pub(crate) user_tags: BTreeMap<String, Tags>,
    pub(crate) made_keys: usize,
    pub(crate) secrets: BTreeMap<String, SecretValues>,
}

/// The services with their state.
#[derive(Clone, Default)]
pub(crate) struct World(MockedServices<State>);

impl Deref for World {
    type Target = MockedServices<State>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl World {
    /// With a user that has no key, and an empty secret.
    pub(crate) fn with_user() -> Self {
        let world = Self::default();
        world.state().keys.insert(USER.to_owned(), Vec::new());
        world.state().secrets.insert(SECRET.to_owned(), SecretValues::default());
        world
    }

    pub(crate) fn secret(&self) -> Value {
        let state = self.state();
        let values = &state.secrets[SECRET];
        let current = values.current.as_ref().and_then(|id| values.versions.iter().find(|(version, _)| version == id));
        current.map(|(_, text)| serde_json::from_str(text).unwrap()).unwrap_or_default()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.state().keys.get(USER).cloned().unwrap_or_default()
    }

    fn iam(&self) -> aws_sdk_iam::Client {
        let (services, region) = (&self.0, "");
        let list = operation!(services, region, aws_sdk_iam, list_access_keys, ListAccessKeysError, |state, input| {
            let user = input.user_name().unwrap_or_default();
            let Some(keys) = state.keys.get(user) else { return refuse("NoSuchEntity", "no such user") };
            let keys = keys.iter().map(|id| {
                AccessKeyMetadata::builder().user_name(user).access_key_id(id).status(StatusType::Active).build()
            });
            Ok(ListAccessKeysOutput::builder().set_access_key_metadata(Some(keys.collect())).build().unwrap())
        });
        let create =
            operation!(services, region, aws_sdk_iam, create_access_key, CreateAccessKeyError, |state, input| {
                let user = input.user_name().unwrap_or_default();
                state.made_keys += 1;
                let id = format!("AKIAEXAMPLE{:09}", state.made_keys);
                let secret = format!("{KEY_MATERIAL}/{}", state.made_keys);
                let Some(keys) = state.keys.get_mut(user) else { return refuse("NoSuchEntity", "no such user") };
                if keys.len() == 2 {
                    return refuse("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2");
                }
                keys.push(id.clone());
                let key = AccessKey::builder()
                    .user_name(user)
                    .access_key_id(id)
                    .secret_access_key(secret)
                    .status(StatusType::Active);
                Ok(CreateAccessKeyOutput::builder().access_key(key.build().unwrap()).build())
            });
        let delete =
            operation!(services, region, aws_sdk_iam, delete_access_key, DeleteAccessKeyError, |state, input| {
                let keys = state.keys.get_mut(input.user_name().unwrap_or_default());
                let Some(keys) = keys else { return refuse("NoSuchEntity", "no such user") };
                let id = input.access_key_id().unwrap_or_default();
                if !keys.iter().any(|key| key == id) {
                    return refuse("NoSuchEntity", "no such key");
                }
                keys.retain(|key| key != id);
                Ok(DeleteAccessKeyOutput::builder().build())
            });
        let tags = operation!(services, region, aws_sdk_iam, list_user_tags, ListUserTagsError, |state, input| {
            let user = input.user_name().unwrap_or_default();
            if !state.keys.contains_key(user) {
                return refuse("NoSuchEntity", "no such user");
            }
            let tags = state.user_tags.get(user).cloned().unwrap_or_default();
            let tags = tags
                .iter()
                .map(|(key, value)| aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap());
            Ok(ListUserTagsOutput::builder().set_tags(Some(tags.collect())).build().unwrap())
        });
        let tag = operation!(services, region, aws_sdk_iam, tag_user, TagUserError, |state, input| {
            let user = input.user_name().unwrap_or_default().to_owned();
            if !state.keys.contains_key(&user) {
                return refuse("NoSuchEntity", "no such user");
            }
            for tag in input.tags() {
                let allowed = |text: &str| text.chars().all(|one| one.is_alphanumeric() || " _.:/=+-@".contains(one));
                assert!(
                    tag.key().len() <= 128 && tag.value().len() <= 256 && allowed(tag.key()) && allowed(tag.value())
                );
                state.user_tags.entry(user.clone()).or_default().insert(tag.key().to_owned(), tag.value().to_owned());
            }
            Ok(TagUserOutput::builder().build())
        });
        let untag = operation!(services, region, aws_sdk_iam, untag_user, UntagUserError, |state, input| {
            let user = input.user_name().unwrap_or_default();
            if !state.keys.contains_key(user) {
                return refuse("NoSuchEntity", "no such user");
            }
            if let Some(tags) = state.user_tags.get_mut(user) {
                tags.retain(|key, _| !input.tag_keys().contains(key));
            }
            Ok(UntagUserOutput::builder().build())
        });
        client!(aws_sdk_iam, list, create, delete, tags, tag, untag)
    }

    fn secretsmanager(&self, region: &str) -> aws_sdk_secretsmanager::Client {
        let services = &self.0;
        let get = operation!(
            services,
            region,
            aws_sdk_secretsmanager,
            get_secret_value,
            GetSecretValueError,
            |state, input| {
                let values = state.secrets.get(input.secret_id().unwrap_or_default());
                let wanted = values.and_then(|values| match input.version_stage() {
                    Some("AWSPREVIOUS") => values.previous.clone(),
                    _ => values.current.clone(),
                });
                let found =
                    values.and_then(|values| values.versions.iter().find(|(id, _)| Some(id) == wanted.as_ref()));
                match found {
                    Some((id, text)) => Ok(GetSecretValueOutput::builder().version_id(id).secret_string(text).build()),
                    None => {
                        refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret value")
                    }
                }
            }
        );
        let put = operation!(
            services,
            region,
            aws_sdk_secretsmanager,
            put_secret_value,
            PutSecretValueError,
            |state, input| {
                let Some(values) = state.secrets.get_mut(input.secret_id().unwrap_or_default()) else {
                    return refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
                };
                let id = input.client_request_token().unwrap_or_default().to_owned();
                assert!((32..=64).contains(&id.len()), "{id}");
                let text = input.secret_string().unwrap_or_default().to_owned();
                match values.versions.iter().find(|(version, _)| *version == id) {
                    Some((_, there)) if *there == text => {}
                    Some(_) => return refuse("ResourceExistsException", "another value has this token"),
                    None => {
                        values.versions.push((id.clone(), text));
                        values.previous = values.current.replace(id);
                    }
                }
                Ok(PutSecretValueOutput::builder().build())
            }
        );
        let restore = operation!(
            services,
            region,
            aws_sdk_secretsmanager,
            update_secret_version_stage,
            UpdateSecretVersionStageError,
            |state, input| {
                let values = state.secrets.get_mut(input.secret_id().unwrap_or_default()).unwrap();
                assert_eq!(input.version_stage(), Some("AWSCURRENT"));
                assert_eq!(input.remove_from_version_id(), values.current.as_deref());
                values.previous = values.current.take();
                values.current = input.move_to_version_id().map(str::to_owned);
                Ok(UpdateSecretVersionStageOutput::builder().build())
            }
        );
        client!(aws_sdk_secretsmanager, get, put, restore)
    }
}

impl Asked for World {
    fn provider(&self) -> Provider {
        let secrets = self.clone();
        let secrets = Secrets::connecting(HOME, move |region| secrets.secretsmanager(region));
        smtp_credentials::provide(Provider::new().unwrap(), AccessKeys::new(self.iam()), secrets)
    }
}
