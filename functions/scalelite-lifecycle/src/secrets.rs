//! The secrets of the deployment, read from Secrets Manager and kept for minutes.

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_secretsmanager::Client;
use bigbluebutton::SecretString;
use function_runtime::AwsError;
use serde_json::Value;
use tokio::time::Instant;
use tracing::warn;

/// How long a secret is used before it is read again. Secrets change by hand or once in months; whoever finds one refused has it read again at once.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// How long ago a refused secret must have been read to be worth reading again.
const JUST_READ: Duration = Duration::from_secs(20);

/// Where a secret is, as ECS writes it: the secret's ARN, or `ARN:key::` for one value of a secret that is a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretReference {
    arn: String,
    key: Option<String>,
}

/// A text that is no reference to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the ARN of a secret (arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME), with or without :KEY:: for a value in it"
)]
pub struct NotASecretReference;

impl FromStr for SecretReference {
    type Err = NotASecretReference;

    fn from_str(text: &str) -> Result<Self, NotASecretReference> {
        let parts: Vec<&str> = text.split(':').collect();
        let key = match parts.as_slice() {
            ["arn", _, "secretsmanager", _, _, "secret", name] if !name.is_empty() => None,
            ["arn", _, "secretsmanager", _, _, "secret", name, key, "", ""] if !name.is_empty() => {
                Some((*key).to_owned()).filter(|key| !key.is_empty())
            }
            _ => return Err(NotASecretReference),
        };
        Ok(Self { arn: parts[..7].join(":"), key })
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

/// Why a secret is not known.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not give it.
    #[error("read the secret {secret}")]
    Read {
        /// Its ARN.
        secret: String,
        /// What Secrets Manager said.
        #[source]
        source: AwsError,
    },
    /// It holds bytes, or nothing.
    #[error("the secret {0} holds no text")]
    NoText(String),
    /// It has no such value.
    #[error("the secret {secret} is no JSON object with a text under {key:?}")]
    NoKey {
        /// Its ARN.
        secret: String,
        /// The value looked for.
        key: String,
    },
}

/// The secrets, by reference.
#[derive(Debug)]
pub struct Secrets {
    client: Client,
    kept: Mutex<HashMap<SecretReference, Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    value: SecretString,
    read: Instant,
}

impl Secrets {
    /// With this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, kept: Mutex::default() }
    }

    /// A secret's value, read if the one that is kept is older than minutes. When it cannot be read the old one is used.
    ///
    /// # Errors
    /// When it was never read and cannot be.
    pub async fn get(&self, secret: &SecretReference) -> Result<SecretString, SecretError> {
        let kept = self.kept(secret);
        match kept {
            Some(kept) if kept.read.elapsed() < FRESH => Ok(kept.value),
            _ => match (self.read(secret).await, kept) {
                (Err(error), Some(kept)) => {
                    warn!(%secret, reason = custom_resource::with_causes(&error), "the secret from before is used");
                    Ok(kept.value)
                }
                (result, _) => result,
            },
        }
    }

    /// The value after somebody refused the one that is kept: another one, or nothing if there is no other.
    pub async fn get_another(&self, secret: &SecretReference) -> Option<SecretString> {
        use bigbluebutton::ExposeSecret as _;
        let before = self.kept(secret);
        if before.as_ref().is_some_and(|kept| kept.read.elapsed() < JUST_READ) {
            return None;
        }
        let now = self.read(secret).await.ok()?;
        let is_other = before.is_none_or(|kept| kept.value.expose_secret() != now.expose_secret());
        is_other.then_some(now)
    }

    fn kept(&self, secret: &SecretReference) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(secret).cloned()
    }

    async fn read(&self, secret: &SecretReference) -> Result<SecretString, SecretError> {
        let failed = |source| SecretError::Read { secret: secret.arn.clone(), source };
        let call = self.client.get_secret_value().secret_id(&secret.arn);
        let answer = call.send().await.map_err(|error| failed(AwsError::from(error)))?;
        let text = answer.secret_string().ok_or_else(|| SecretError::NoText(secret.arn.clone()))?;
        let value: SecretString = match &secret.key {
            None => text.into(),
            Some(key) => {
                let no_key = || SecretError::NoKey { secret: secret.arn.clone(), key: key.clone() };
                // What serde says of a text that is no JSON repeats parts of it.
                let object: Value = serde_json::from_str(text).map_err(|_not_shown| no_key())?;
                object.get(key).and_then(Value::as_str).ok_or_else(no_key)?.into()
            }
        };
        let kept = Kept { value: value.clone(), read: Instant::now() };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.clone(), kept);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::{
        error::ErrorMetadata,
        operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput},
    };
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use bigbluebutton::ExposeSecret as _;
    use custom_resource::with_causes;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bbb-AbCdEf";

    fn text(value: &'static str) -> Rule {
        mock!(Client::get_secret_value)
            .match_requests(|input| input.secret_id() == Some(ARN))
            .then_output(move || GetSecretValueOutput::builder().secret_string(value).build())
    }

    fn denied() -> Rule {
        mock!(Client::get_secret_value).then_error(|| {
            GetSecretValueError::generic(ErrorMetadata::builder().code("AccessDeniedException").message("no").build())
        })
    }

    fn secrets(rules: &[&Rule]) -> Secrets {
        Secrets::new(mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, rules))
    }

    fn plain() -> SecretReference {
        ARN.parse().unwrap()
    }

    fn shown(value: Result<SecretString, SecretError>) -> String {
        value.unwrap().expose_secret().to_owned()
    }

    #[test]
    fn references_are_those_of_ecs() {
        assert_eq!(plain(), SecretReference { arn: ARN.to_owned(), key: None });
        let keyed = SecretReference { arn: ARN.to_owned(), key: Some("basekeyvalue".to_owned()) };
        assert_eq!(format!("{ARN}:basekeyvalue::").parse(), Ok(keyed));
        assert_eq!(format!("{ARN}:::").parse(), Ok(plain()));
        for text in [
            "",
            "bbb",
            "arn:aws:ssm:eu-west-1:1:parameter/x",
            "arn:aws:secretsmanager:r:1:secret:",
            &format!("{ARN}:key:AWSPREVIOUS:"),
        ] {
            assert_eq!(text.parse::<SecretReference>(), Err(NotASecretReference), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_read_once_in_minutes_and_used_on_when_it_cannot_be_read() {
        let rules = [text("one"), text("two"), denied()];
        let secrets = secrets(&rules.iter().collect::<Vec<_>>());
        assert_eq!(shown(secrets.get(&plain()).await), "one");
        tokio::time::advance(FRESH / 2).await;
        assert_eq!(shown(secrets.get(&plain()).await), "one");
        tokio::time::advance(FRESH).await;
        assert_eq!(shown(secrets.get(&plain()).await), "two");
        tokio::time::advance(FRESH).await;
        assert_eq!(shown(secrets.get(&plain()).await), "two");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_secret_is_read_again_unless_that_was_just_done() {
        let rules = [text("one"), text("two"), text("two")];
        let secrets = secrets(&rules.iter().collect::<Vec<_>>());
        assert_eq!(shown(secrets.get(&plain()).await), "one");
        assert!(secrets.get_another(&plain()).await.is_none(), "it was just read");
        tokio::time::advance(JUST_READ).await;
        assert_eq!(secrets.get_another(&plain()).await.unwrap().expose_secret(), "two");
        assert_eq!(shown(secrets.get(&plain()).await), "two");
        tokio::time::advance(JUST_READ).await;
        assert!(secrets.get_another(&plain()).await.is_none(), "it is still the same");
    }

    #[tokio::test]
    async fn a_value_in_a_json_secret() {
        let keyed = |key: &str| format!("{ARN}:{key}::").parse::<SecretReference>().unwrap();
        let rules = [text(r#"{"basekeyvalue": "hunter2"}"#), text(r#"{"basekeyvalue": "hunter2"}"#), text("hunter2")];
        let secrets = secrets(&rules.iter().collect::<Vec<_>>());
        assert_eq!(shown(secrets.get(&keyed("basekeyvalue")).await), "hunter2");
        for _ in 0..2 {
            let error = with_causes(&secrets.get(&keyed("other")).await.unwrap_err());
            assert_eq!(error, format!("the secret {ARN} is no JSON object with a text under \"other\""));
        }
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn what_was_never_read_and_cannot_be_is_an_error() {
        let error = secrets(&[&denied()]).get(&plain()).await.unwrap_err();
        assert_eq!(with_causes(&error), format!("read the secret {ARN}: AccessDeniedException: no"));
    }
}
