//! The secrets that a deployment shares with what lies outside.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;

/// The secrets that a deployment shares with what lies outside. Until it is known they are nobody's.
#[derive(Clone)]
pub struct Secrets {
    /// The `BigBlueButton` servers' API secret.
    pub servers: String,
    /// Scalelite's.
    pub scalelite: String,
    /// The value of the header that opens Scalelite's management API.
    pub management: String,
}

/// Why the secrets of a deployment could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// The root stack does not name a secret.
    #[error("there is no output {0}")]
    Absent(&'static str),
    /// A secret could not be read.
    #[error("cannot read the secret of the output {output}")]
    Read {
        /// The output of the root stack that names it.
        output: &'static str,
        /// Why.
        #[source]
        source: Box<SdkError<GetSecretValueError>>,
    },
    /// A secret holds nothing, or not what it should.
    #[error("the secret of the output {0} is not what it should be")]
    Wrong(&'static str),
}

impl Secrets {
    /// Reads the secrets that the outputs of a root stack name.
    ///
    /// # Errors
    ///
    /// When an output is missing, or what it names cannot be read or holds no secret.
    pub async fn of(client: &Client, outputs: &BTreeMap<String, String>) -> Result<Self, SecretsError> {
        const SCALELITE: &str = "LoadbalancerSecretArn";
        let scalelite: serde_json::Value = serde_json::from_str(&read(client, outputs, SCALELITE).await?)
            .map_err(|_not_shown| SecretsError::Wrong(SCALELITE))?;
        Ok(Self {
            servers: read(client, outputs, "ServerSecretArn").await?,
            scalelite: scalelite["basekeyvalue"].as_str().ok_or(SecretsError::Wrong(SCALELITE))?.to_owned(),
            management: read(client, outputs, "ManagementSecretArn").await?,
        })
    }
}

async fn read(
    client: &Client,
    outputs: &BTreeMap<String, String>,
    output: &'static str,
) -> Result<String, SecretsError> {
    let arn = outputs.get(output).ok_or(SecretsError::Absent(output))?;
    let answer = client.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|source| SecretsError::Read { output, source: Box::new(source) })?;
    answer.secret_string.filter(|value| !value.is_empty()).ok_or(SecretsError::Wrong(output))
}
