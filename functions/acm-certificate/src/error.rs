//! What can go wrong with a certificate.

use function_runtime::AwsError;

/// Why a certificate is not as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// ACM did not accept the request.
    #[error("request a certificate for {domain}")]
    Request {
        /// The certificate's first name.
        domain: String,
        /// What ACM said.
        #[source]
        source: AwsError,
    },
    /// ACM did not describe the certificate.
    #[error("describe the certificate {arn}")]
    Describe {
        /// Its ARN.
        arn: String,
        /// What ACM said.
        #[source]
        source: AwsError,
    },
    /// The certificate does not exist.
    #[error("the certificate {0} does not exist")]
    Gone(String),
    /// A property should be the ARN of a certificate.
    #[error("CertificateArn is not the ARN of an ACM certificate")]
    NotAnArn,
    /// The account's certificates could not be listed.
    #[error("list the certificates of {region}")]
    List {
        /// The region asked.
        region: String,
        /// What ACM said.
        #[source]
        source: AwsError,
    },
    /// A certificate's tags could not be read.
    #[error("read the tags of the certificate {arn}")]
    ReadTags {
        /// Its ARN.
        arn: String,
        /// What ACM said.
        #[source]
        source: AwsError,
    },
    /// A certificate's tags could not be changed.
    #[error("change the tags of the certificate {arn}")]
    ChangeTags {
        /// Its ARN.
        arn: String,
        /// What ACM said.
        #[source]
        source: AwsError,
    },
    /// The certificate could not be deleted.
    #[error("delete the certificate {arn}")]
    Delete {
        /// Its ARN.
        arn: String,
        /// What ACM said.
        #[source]
        source: AwsError,
    },
    /// ACM has given the certificate up.
    #[error("the certificate for {domain} is {status}: {reason}")]
    NotIssued {
        /// The certificate's first name.
        domain: String,
        /// Its status, such as `FAILED` or `VALIDATION_TIMED_OUT`.
        status: String,
        /// ACM's reason, and what to do.
        reason: String,
    },
    /// The certificate has no such name.
    #[error("no validation option found for {domain}; the certificate is for {names}")]
    UnknownDomain {
        /// The domain asked for.
        domain: String,
        /// The certificate's names.
        names: String,
    },
    /// The certificate is validated by mail, so it has no record.
    #[error("domain {0} is using validation method EMAIL, not DNS")]
    ValidatedByEmail(String),
    /// No zone was given for a name.
    #[error("no hosted zone is given for {0}: give HostedZoneId, or a HostedZoneId for it in DomainValidationOptions")]
    NoZone(String),
    /// The name is not in the zone that was given for it.
    #[error(
        "{name} is not in the hosted zone {zone} ({zone_name}): give the zone that holds it in DomainValidationOptions"
    )]
    WrongZone {
        /// The certificate's name.
        name: String,
        /// The zone's id.
        zone: String,
        /// The zone's domain.
        zone_name: String,
    },
    /// ACM looks into the public DNS only.
    #[error(
        "the hosted zone {zone} ({zone_name}) is private; ACM validates through the public DNS: give the public zone"
    )]
    PrivateZone {
        /// The zone's id.
        zone: String,
        /// The zone's domain.
        zone_name: String,
    },
    /// The records could not be written or removed.
    #[error("the validation records")]
    Records(#[from] hosted_zone::Error),
}

impl Error {
    /// Whether the same call may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Error::Request { source, .. }
            | Error::Describe { source, .. }
            | Error::List { source, .. }
            | Error::ReadTags { source, .. }
            | Error::ChangeTags { source, .. }
            | Error::Delete { source, .. } => source.is_transient(),
            Error::Records(source) => source.is_transient(),
            _ => false,
        }
    }
}
