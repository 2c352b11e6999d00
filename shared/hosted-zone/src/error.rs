//! What can go wrong with a hosted zone.

use function_runtime::AwsError;

/// Why the records do not stand, or still do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The role for another account's zone could not be assumed.
    #[error("assume the role {role} for the hosted zone {zone}")]
    AssumeRole {
        /// The role's ARN.
        role: String,
        /// The id of the zone it is for.
        zone: String,
        /// What STS said.
        #[source]
        source: AwsError,
    },
    /// The zone could not be read.
    #[error("read the hosted zone {zone}")]
    GetHostedZone {
        /// The id of the zone.
        zone: String,
        /// What Route 53 said.
        #[source]
        source: AwsError,
    },
    /// The zone's records could not be read.
    #[error("look for the record {name} in the hosted zone {zone}")]
    ListRecords {
        /// The name looked for.
        name: String,
        /// The id of the zone.
        zone: String,
        /// What Route 53 said.
        #[source]
        source: AwsError,
    },
    /// The zone's records could not be changed.
    #[error("change records of the hosted zone {zone}")]
    ChangeRecords {
        /// The id of the zone.
        zone: String,
        /// What Route 53 said.
        #[source]
        source: AwsError,
    },
    /// It could not be learnt whether a change has reached all name servers.
    #[error("ask whether the change {change} is in effect")]
    GetChange {
        /// The id of the change.
        change: String,
        /// What Route 53 said.
        #[source]
        source: AwsError,
    },
    /// A record of the same name says something else; it is not overwritten.
    #[error(
        "the hosted zone {zone} already has a {record_type} record {name} with the value {existing}; \
         remove it, or make it {wanted}"
    )]
    Conflict {
        /// The id of the zone.
        zone: String,
        /// The name of the record.
        name: String,
        /// Its type.
        record_type: String,
        /// What it says.
        existing: String,
        /// What it should say.
        wanted: String,
    },
    /// A record that Route 53's model refuses before it is sent.
    #[error("describe the record")]
    Incomplete(#[source] aws_sdk_route53::error::BuildError),
}

impl Error {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Error::AssumeRole { source, .. }
            | Error::GetHostedZone { source, .. }
            | Error::ListRecords { source, .. }
            | Error::ChangeRecords { source, .. }
            | Error::GetChange { source, .. } => source.is_transient(),
            Error::Conflict { .. } | Error::Incomplete(_) => false,
        }
    }
}
