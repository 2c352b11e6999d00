//! CloudFormation custom resources for a domain that mail is sent from through SES.
//!
//! | type | what it does |
//! | --- | --- |
//! | [`Custom::EmailDomain`](email_domain) | the whole job: identity, DKIM, MAIL FROM, SPF, DMARC, notifications, records written, verification awaited |
//! | [`Custom::DomainIdentity`](domain_identity) | a domain's identity, and the TXT record that verifies it as an attribute |
//! | [`Custom::DkimTokens`](dkim_tokens) | the DKIM records of an identity as attributes |
//! | [`Custom::VerifiedIdentity`](verified_identity) | waits until an identity is verified |
//! | [`Custom::IdentityNotifications`](identity_notifications) | where SES reports bounces, complaints and deliveries |
//! | [`Custom::IdentityPolicy`](identity_policy) | who else may send |
//! | [`Custom::MailFromDomain`](mail_from_domain) | the MAIL FROM domain of an identity, and its records as attributes |
//! | [`Custom::VerifiedMailFromDomain`](verified_mail_from_domain) | waits until a MAIL FROM domain is verified |
//! | [`Custom::ActiveReceiptRuleSet`](active_receipt_rule_set) | which receipt rule set is active |
//!
//! All but the first take the place of those of binxio's cfn-ses-provider: a template made for them works with this function's ARN as
//! `ServiceToken`.

mod error;
mod ids;
mod notifications;
mod ownership;
mod policy;
mod properties;
mod records;

mod caller;
mod classic;
mod sesv2;

pub mod active_receipt_rule_set;
pub mod dkim_tokens;
pub mod domain_identity;
pub mod email_domain;
pub mod identity_notifications;
pub mod identity_policy;
pub mod mail_from_domain;
pub mod verified_identity;
pub mod verified_mail_from_domain;

pub use caller::Caller;
pub use classic::Classic;
pub use error::Error;
pub use sesv2::Identities;

use aws_types::SdkConfig;
use custom_resource::Provider;
use hosted_zone::HostedZones;

/// What the types call.
#[derive(Clone)]
pub struct Services {
    /// SES, through its current API.
    pub identities: Identities,
    /// SES, through its first API, for what the current one lacks.
    pub classic: Classic,
    /// Whose credentials these are.
    pub caller: Caller,
    /// Route 53.
    pub zones: HostedZones,
}

impl Services {
    /// With clients of this configuration; its region is the default.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            identities: Identities::new(config),
            classic: Classic::new(config),
            caller: Caller::new(aws_sdk_sts::Client::new(config)),
            zones: HostedZones::new(config),
        }
    }
}

/// Adds the types to a provider.
#[must_use]
pub fn add_to(provider: Provider, config: &SdkConfig) -> Provider {
    provide(provider, &Services::new(config))
}

/// Adds the types to a provider, with these services.
#[must_use]
pub fn provide(provider: Provider, services: &Services) -> Provider {
    let Services { identities, classic, caller, .. } = services.clone();
    provider
        .resource(email_domain::EmailDomain::new(services.clone()))
        .resource(domain_identity::DomainIdentity::new(identities.clone(), classic.clone(), caller.clone()))
        .resource(dkim_tokens::DkimTokens::new(identities.clone()))
        .resource(verified_identity::VerifiedIdentity::new(classic.clone()))
        .resource(identity_notifications::IdentityNotifications::new(
            identities.clone(),
            classic.clone(),
            caller.clone(),
        ))
        .resource(identity_policy::IdentityPolicy::new(identities.clone(), caller))
        .resource(mail_from_domain::MailFromDomain::new(identities.clone()))
        .resource(verified_mail_from_domain::VerifiedMailFromDomain::new(identities))
        .resource(active_receipt_rule_set::ActiveReceiptRuleSet::new(classic))
}
