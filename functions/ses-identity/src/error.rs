//! What can go wrong with an identity or its records.

use function_runtime::AwsError;

/// Why a resource is not as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A required property is there and empty.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// A property has a form that SES would not take.
    #[error("{property}: {problem}")]
    Property {
        /// The property's name.
        property: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// STS did not say whose credentials these are.
    #[error("ask which account this is")]
    Caller(#[source] AwsError),

    /// SES did not describe the identity.
    #[error("read the identity {identity} in {region}")]
    ReadIdentity {
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not make the identity.
    #[error("create the identity {identity} in {region}")]
    CreateIdentity {
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not give the token that verifies the domain.
    #[error("get the verification token of {identity} in {region}")]
    VerifyDomain {
        /// The domain.
        identity: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not delete the identity.
    #[error("delete the identity {identity} in {region}")]
    DeleteIdentity {
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not change the identity's tags.
    #[error("change the tags of the identity {identity} in {region}")]
    TagIdentity {
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not set up DKIM.
    #[error("set up DKIM for {identity} in {region}")]
    Dkim {
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not set the MAIL FROM domain.
    #[error("set the MAIL FROM domain of {identity} in {region}")]
    MailFrom {
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not switch the forwarding of feedback by mail.
    #[error("set ForwardingEnabled of {identity} in {region}")]
    Forwarding {
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not say where it reports to.
    #[error("read the notification settings of {identity} in {region}")]
    ReadNotifications {
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not set a topic.
    #[error("set the {property} of {identity} in {region}")]
    SetTopic {
        /// `BounceTopic`, `ComplaintTopic` or `DeliveryTopic`.
        property: &'static str,
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES could not publish to a topic.
    #[error(
        "SES in {region} refuses {topic} as the {property}: the topic must exist in {region}, its policy must let \
         ses.amazonaws.com publish, and if it is encrypted, with a key of your own whose policy lets ses.amazonaws.com use it"
    )]
    TopicRefused {
        /// `BounceTopic`, `ComplaintTopic` or `DeliveryTopic`.
        property: &'static str,
        /// The topic.
        topic: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not set whether the mail's headers are in a notification.
    #[error("set {property} of {identity} in {region}")]
    SetHeaders {
        /// `HeadersIn...NotificationsEnabled`.
        property: &'static str,
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// A topic is set that this resource did not set.
    #[error("{property} already set for identity {identity} in {region}; set ForceOverride to take it over")]
    TopicAlreadySet {
        /// `BounceTopic`, `ComplaintTopic` or `DeliveryTopic`.
        property: &'static str,
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
    },
    /// Nobody would hear of bounces and complaints.
    #[error("ForwardingEnabled cannot be disabled without an SNS BounceTopic and SNS ComplaintTopic")]
    NobodyIsTold,

    /// The domain's identity was there before.
    #[error("SES domain identity {domain} already exists in region {region}{advice}")]
    AlreadyExists {
        /// The domain.
        domain: String,
        /// The region of SES.
        region: String,
        /// What to do.
        advice: &'static str,
    },
    /// The identity that an update is to change to was there before.
    #[error("cannot change domain identity to {domain} as it already exists in region {region}")]
    ChangeToExisting {
        /// The domain.
        domain: String,
        /// The region of SES.
        region: String,
    },
    /// There is no identity of the domain.
    #[error("the domain identity {domain} does not exist in region {region}")]
    NoDomainIdentity {
        /// The domain.
        domain: String,
        /// The region of SES.
        region: String,
    },
    /// There is no such identity.
    #[error("The identity \"{identity}\" does not exist in region {region}.")]
    NoIdentity {
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
    },
    /// The identity has no MAIL FROM domain to wait for.
    #[error("The identity \"{identity}\" in region {region} has no MAIL FROM domain; set one (Custom::MailFromDomain)")]
    NoMailFrom {
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
    },
    /// SES has given up.
    #[error("Verification of {what} \"{identity}\" in region {region} failed, state {state}. {advice}")]
    NotVerified {
        /// What was to be verified.
        what: &'static str,
        /// The identity.
        identity: String,
        /// The region of SES.
        region: String,
        /// The state.
        state: String,
        /// What to do.
        advice: &'static str,
    },
    /// The identity signs with keys of its owner.
    #[error(
        "the domain identity {domain} in region {region} signs with its own DKIM keys (BYODKIM), so it has no DKIM tokens"
    )]
    OwnDkimKeys {
        /// The domain.
        domain: String,
        /// The region of SES.
        region: String,
    },
    /// SES did not say how much the account may send.
    #[error("read the sending limits of the account in {region}")]
    Account {
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },

    /// SES did not give the policies.
    #[error("read the policies of {identity}")]
    ReadPolicies {
        /// The identity.
        identity: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not take the policy.
    #[error("write the policy {policy} of {identity}")]
    WritePolicy {
        /// The identity.
        identity: String,
        /// The policy's name.
        policy: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not delete the policy.
    #[error("delete the policy {policy} of {identity}")]
    DeletePolicy {
        /// The identity.
        identity: String,
        /// The policy's name.
        policy: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// Another policy has the name.
    #[error("identity policy {policy} already exists")]
    PolicyExists {
        /// The policy's name.
        policy: String,
    },

    /// SES did not say which receipt rule set is active.
    #[error("read the active receipt rule set of {region}")]
    ReadRuleSet {
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// SES did not make the receipt rule set active.
    #[error("change the active receipt rule set of {region}")]
    SetRuleSet {
        /// The region of SES.
        region: String,
        /// What SES said.
        #[source]
        source: AwsError,
    },
    /// Another receipt rule set is active.
    #[error("active receipt rule set is already set in region {region} - {name}")]
    RuleSetActive {
        /// The region of SES.
        region: String,
        /// The active one.
        name: String,
    },

    /// The domain is not in the zone that was given for it.
    #[error(
        "Domain {domain} is not in the hosted zone {zone} ({zone_name}): give the zone that holds it as HostedZoneId"
    )]
    WrongZone {
        /// The domain.
        domain: String,
        /// The zone's id.
        zone: String,
        /// The zone's domain.
        zone_name: String,
    },
    /// SES looks into the public DNS only.
    #[error(
        "the hosted zone {zone} ({zone_name}) is private; SES verifies through the public DNS: give the public zone as HostedZoneId"
    )]
    PrivateZone {
        /// The zone's id.
        zone: String,
        /// The zone's domain.
        zone_name: String,
    },
    /// The records of the MAIL FROM domain cannot stand beside those that are there.
    #[error("the records of the MAIL FROM domain {domain}; to leave what is there give another MailFromSubdomain")]
    MailFromRecords {
        /// The MAIL FROM domain.
        domain: String,
        /// Which record, and what it says.
        #[source]
        source: Box<hosted_zone::Error>,
    },
    /// The records could not be written or removed.
    #[error("the records of the domain")]
    Records(#[source] Box<hosted_zone::Error>),
}

impl From<hosted_zone::Error> for Error {
    fn from(error: hosted_zone::Error) -> Self {
        Error::Records(Box::new(error))
    }
}

/// Codes that say: another change of the same thing is under way.
const BUSY: [&str; 1] = ["ConcurrentModificationException"];

impl Error {
    /// Whether the same call may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Error::Caller(source)
            | Error::ReadIdentity { source, .. }
            | Error::CreateIdentity { source, .. }
            | Error::VerifyDomain { source, .. }
            | Error::DeleteIdentity { source, .. }
            | Error::TagIdentity { source, .. }
            | Error::Dkim { source, .. }
            | Error::MailFrom { source, .. }
            | Error::Forwarding { source, .. }
            | Error::ReadNotifications { source, .. }
            | Error::SetTopic { source, .. }
            | Error::TopicRefused { source, .. }
            | Error::SetHeaders { source, .. }
            | Error::Account { source, .. }
            | Error::ReadPolicies { source, .. }
            | Error::WritePolicy { source, .. }
            | Error::DeletePolicy { source, .. }
            | Error::ReadRuleSet { source, .. }
            | Error::SetRuleSet { source, .. } => is_passing(source),
            Error::Records(source) | Error::MailFromRecords { source, .. } => source.is_transient(),
            _ => false,
        }
    }
}

/// Whether AWS said that the same call may succeed later.
fn is_passing(error: &AwsError) -> bool {
    error.is_transient() || error.code().is_some_and(|code| BUSY.contains(&code))
}
