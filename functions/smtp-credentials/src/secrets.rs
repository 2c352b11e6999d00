//! Secrets Manager: the credentials in a secret, one method a call.

use aws_sdk_secretsmanager::Client;
use aws_types::SdkConfig;
use custom_resource::Secret;
use function_runtime::{AwsError, PerRegion, in_region};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The secrets of every region.
#[derive(Clone)]
pub struct Secrets {
    clients: PerRegion<Client>,
}

/// Which value of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// What applications read.
    Current,
    /// What they read before.
    Previous,
}

impl Stage {
    fn label(self) -> &'static str {
        match self {
            Stage::Current => "AWSCURRENT",
            Stage::Previous => "AWSPREVIOUS",
        }
    }
}

/// What the secret holds: what an application needs to send, and what says whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// The id of the access key.
    pub(crate) username: String,
    pub(crate) password: Secret,
    /// The host of the SMTP endpoint.
    pub(crate) endpoint: String,
    pub(crate) port: u16,
    pub(crate) region: String,
    /// The resource's `Rotation` when they were made.
    #[serde(default)]
    pub(crate) rotation: String,
    /// Stands for the stack and resource that made them.
    #[serde(default)]
    pub(crate) owner: String,
}

/// One value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) id: String,
    /// Absent if it holds something else.
    pub(crate) credentials: Option<Credentials>,
}

/// Whether a value was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storing {
    Stored,
    /// A value was stored for the same token before.
    StoredBefore,
}

impl Secrets {
    /// With this configuration.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let home = config.region().map(ToString::to_string).unwrap_or_default();
        let config = config.clone();
        Self::connecting(&home, move |region| Client::new(&in_region(&config, region)))
    }

    /// With clients made by `connect` for a region; `home` is the default region.
    pub fn connecting(home: &str, connect: impl Fn(&str) -> Client + Send + Sync + 'static) -> Self {
        Self { clients: PerRegion::connecting(home, connect) }
    }

    /// The region of the function.
    pub(crate) fn home(&self) -> &str {
        self.clients.home()
    }

    /// The client for a secret, whose ARN says its region.
    fn client(&self, secret: &str) -> Client {
        let region = secret.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2));
        self.clients.client(region.filter(|region| !region.is_empty()).unwrap_or(self.home()))
    }

    /// One value of a secret, or nothing if the secret has none there. A secret that does not exist looks the same.
    pub(crate) async fn get(&self, secret: &str, stage: Stage) -> Result<Option<Version>, Error> {
        let call = self.client(secret).get_secret_value().secret_id(secret).version_stage(stage.label());
        match call.send().await.map_err(AwsError::from) {
            Ok(answer) => Ok(Some(Version {
                id: answer.version_id().unwrap_or_default().to_owned(),
                credentials: answer.secret_string().and_then(|text| serde_json::from_str(text).ok()),
            })),
            Err(error) if error.is("ResourceNotFoundException") => Ok(None),
            Err(source) => Err(Error::ReadSecret { secret: secret.to_owned(), source }),
        }
    }

    /// Makes the credentials the current value. The same token stores once, however often it is called.
    pub(crate) async fn put(&self, secret: &str, credentials: &Credentials, token: &str) -> Result<Storing, Error> {
        // Strings and a number: there is nothing in it that JSON cannot say.
        let text = serde_json::to_string(credentials).unwrap_or_default();
        let call = self.client(secret).put_secret_value().secret_id(secret);
        match call.secret_string(text).client_request_token(token).send().await.map_err(AwsError::from) {
            Ok(_) => Ok(Storing::Stored),
            Err(error) if error.is("ResourceExistsException") => Ok(Storing::StoredBefore),
            Err(error) if error.is("ResourceNotFoundException") => Err(Error::NoSecret(secret.to_owned())),
            Err(source) => Err(Error::WriteSecret { secret: secret.to_owned(), source }),
        }
    }

    /// Makes another value the current one.
    pub(crate) async fn restore(&self, secret: &str, version: &str, instead_of: &str) -> Result<(), Error> {
        let call = self.client(secret).update_secret_version_stage().secret_id(secret);
        call.version_stage(Stage::Current.label())
            .move_to_version_id(version)
            .remove_from_version_id(instead_of)
            .send()
            .await
            .map_err(|error| Error::RestoreSecret { secret: secret.to_owned(), source: AwsError::from(error) })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_secret_is_what_an_application_needs_and_debug_output_is_not() {
        let credentials = Credentials {
            username: "AKIA".into(),
            password: Secret::new("p4ssw0rd"),
            endpoint: "email-smtp.eu-west-1.amazonaws.com".into(),
            port: 587,
            region: "eu-west-1".into(),
            rotation: "1".into(),
            owner: "o".into(),
        };
        let text: Value = serde_json::from_str(&serde_json::to_string(&credentials).unwrap()).unwrap();
        assert_eq!(
            text,
            json!({"username": "AKIA", "password": "p4ssw0rd", "endpoint": "email-smtp.eu-west-1.amazonaws.com", "port": 587,
                   "region": "eu-west-1", "rotation": "1", "owner": "o"})
        );
        assert!(!format!("{credentials:?}").contains("p4ssw0rd"));
        assert!(serde_json::from_str::<Credentials>("{\"note\": \"x\"}").is_err());
    }
}
