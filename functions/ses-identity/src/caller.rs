//! Whose account this is, which SES's ARNs need.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sts::Client;
use function_runtime::AwsError;

use crate::{Error, ids::IdentityArn};

/// The function's own account and partition, asked for once.
#[derive(Debug, Clone)]
pub struct Caller {
    client: Client,
    known: Arc<Mutex<Option<Account>>>,
}

#[derive(Debug, Clone)]
struct Account {
    partition: String,
    id: String,
}

impl Caller {
    /// With this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, known: Arc::default() }
    }

    /// The ARN of an identity of this account.
    pub(crate) async fn identity_arn(&self, region: &str, identity: &str) -> Result<IdentityArn, Error> {
        let Account { partition, id } = self.account().await?;
        Ok(IdentityArn { partition, region: region.to_owned(), account: id, identity: identity.to_owned() })
    }

    async fn account(&self) -> Result<Account, Error> {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(known);
        }
        let answer =
            self.client.get_caller_identity().send().await.map_err(|error| Error::Caller(AwsError::from(error)))?;
        let partition = answer.arn().and_then(|arn| arn.split(':').nth(1)).filter(|partition| !partition.is_empty());
        let account = Account {
            partition: partition.unwrap_or("aws").to_owned(),
            id: answer.account().unwrap_or_default().to_owned(),
        };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(account.clone());
        Ok(account)
    }
}
