//! What can go wrong with the credentials.

use function_runtime::AwsError;

/// Why a resource is not as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A required property is there and empty.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// There is no such IAM user.
    #[error("the IAM user {0} does not exist: give UserName the name of a user of this account")]
    NoUser(String),
    /// IAM did not list the access keys.
    #[error("list the access keys of {user}")]
    ListKeys {
        /// The user.
        user: String,
        /// What IAM said.
        #[source]
        source: AwsError,
    },
    /// IAM did not make an access key.
    #[error("create an access key for {user}")]
    CreateKey {
        /// The user.
        user: String,
        /// What IAM said.
        #[source]
        source: AwsError,
    },
    /// IAM did not delete an access key.
    #[error("delete the access key {key} of {user}")]
    DeleteKey {
        /// The user.
        user: String,
        /// The key's id.
        key: String,
        /// What IAM said.
        #[source]
        source: AwsError,
    },
    /// A user has at most two keys, and none of these is known to be this resource's leftover.
    #[error(
        "the IAM user {user} has the access keys {keys}, and IAM allows two: delete the one that nobody uses \
         (aws iam delete-access-key --user-name {user} --access-key-id ID), then repeat"
    )]
    TooManyKeys {
        /// The user.
        user: String,
        /// The ids of its keys.
        keys: String,
    },
    /// IAM did not read or change the tags in which the making of keys is recorded.
    #[error("record on the IAM user {user} which access key is being made")]
    Ledger {
        /// The user.
        user: String,
        /// What IAM said.
        #[source]
        source: AwsError,
    },
    /// The secret does not exist.
    #[error("the secret {0} does not exist: give SecretArn the ARN of a secret of this account")]
    NoSecret(String),
    /// Secrets Manager did not give the secret.
    #[error("read the secret {secret}")]
    ReadSecret {
        /// The secret's ARN.
        secret: String,
        /// What Secrets Manager said.
        #[source]
        source: AwsError,
    },
    /// Secrets Manager did not take the credentials.
    #[error("write the credentials into the secret {secret}")]
    WriteSecret {
        /// The secret's ARN.
        secret: String,
        /// What Secrets Manager said.
        #[source]
        source: AwsError,
    },
    /// Secrets Manager did not go back to the credentials from before.
    #[error("make the earlier credentials current again in the secret {secret}")]
    RestoreSecret {
        /// The secret's ARN.
        secret: String,
        /// What Secrets Manager said.
        #[source]
        source: AwsError,
    },
}

/// Codes that say: another change of the same thing is under way.
const BUSY: [&str; 3] = ["ConcurrentModification", "EntityTemporarilyUnmodifiable", "InternalServiceError"];

impl Error {
    /// Whether the same call may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Error::ListKeys { source, .. }
            | Error::CreateKey { source, .. }
            | Error::DeleteKey { source, .. }
            | Error::Ledger { source, .. }
            | Error::ReadSecret { source, .. }
            | Error::WriteSecret { source, .. }
            | Error::RestoreSecret { source, .. } => {
                source.is_transient() || source.code().is_some_and(|code| BUSY.contains(&code))
            }
            Error::Empty(_) | Error::NoUser(_) | Error::TooManyKeys { .. } | Error::NoSecret(_) => false,
        }
    }
}
