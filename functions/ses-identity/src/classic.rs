//! SES's first API, for what the current one lacks: one method a call, in whatever region the identity is.

use aws_sdk_ses::{
    Client,
    types::{IdentityVerificationAttributes, NotificationType},
};
use aws_types::SdkConfig;
use function_runtime::{AwsError, PerRegion, in_region};

use crate::{
    Error,
    notifications::{Kind, Settings},
};

/// SES's first API in every region.
#[derive(Clone)]
pub struct Classic {
    clients: PerRegion<Client>,
}

/// What SES says of a topic it cannot use.
const REFUSED: &str = "InvalidParameterValue";

impl Classic {
    /// With this configuration; its region is the default.
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

    /// The token of a domain's TXT record; makes the identity if there is none.
    pub(crate) async fn verify_domain(&self, region: &str, domain: &str) -> Result<String, Error> {
        let failed = |source| Error::VerifyDomain { identity: domain.to_owned(), region: region.to_owned(), source };
        let call = self.clients.client(region).verify_domain_identity().domain(domain);
        let answer = call.send().await.map_err(|error| failed(AwsError::from(error)))?;
        Ok(answer.verification_token)
    }

    /// How far the verification of an identity is, or nothing if there is no identity.
    pub(crate) async fn verification(
        &self,
        region: &str,
        identity: &str,
    ) -> Result<Option<IdentityVerificationAttributes>, Error> {
        let failed = |source| Error::ReadIdentity { identity: identity.to_owned(), region: region.to_owned(), source };
        let call = self.clients.client(region).get_identity_verification_attributes().identities(identity);
        let answer = call.send().await.map_err(|error| failed(AwsError::from(error)))?;
        let mut found = answer.verification_attributes.into_iter();
        Ok(found.find(|(name, _)| name.eq_ignore_ascii_case(identity)).map(|(_, attributes)| attributes))
    }

    /// Where SES reports to, or nothing if it does not say.
    pub(crate) async fn notifications(&self, region: &str, identity: &str) -> Result<Option<Settings>, Error> {
        let failed =
            |source| Error::ReadNotifications { identity: identity.to_owned(), region: region.to_owned(), source };
        let call = self.clients.client(region).get_identity_notification_attributes().identities(identity);
        let answer = call.send().await.map_err(|error| failed(AwsError::from(error)))?;
        let mut found = answer.notification_attributes.into_iter();
        let found = found.find(|(name, _)| name.eq_ignore_ascii_case(identity)).map(|(_, attributes)| attributes);
        let topic = |topic: &str| Some(topic.to_owned()).filter(|topic| !topic.is_empty());
        Ok(found.map(|found| Settings {
            topics: [topic(found.bounce_topic()), topic(found.complaint_topic()), topic(found.delivery_topic())],
            headers: [
                found.headers_in_bounce_notifications_enabled(),
                found.headers_in_complaint_notifications_enabled(),
                found.headers_in_delivery_notifications_enabled(),
            ],
            forwarding: found.forwarding_enabled(),
        }))
    }

    /// Sets the topic for one kind of notification, or none.
    pub(crate) async fn set_topic(
        &self,
        region: &str,
        identity: &str,
        kind: Kind,
        topic: Option<&str>,
    ) -> Result<(), Error> {
        let call = self
            .clients
            .client(region)
            .set_identity_notification_topic()
            .identity(identity)
            .notification_type(notification_type(kind))
            .set_sns_topic(topic.map(str::to_owned));
        let (identity, region, property) = (identity.to_owned(), region.to_owned(), kind.topic_property());
        match (call.send().await.map_err(AwsError::from), topic) {
            (Ok(_), _) => Ok(()),
            (Err(source), Some(topic)) if source.is(REFUSED) => {
                Err(Error::TopicRefused { property, topic: topic.to_owned(), region, source })
            }
            (Err(source), _) => Err(Error::SetTopic { property, identity, region, source }),
        }
    }

    /// Sets whether the mail's headers are in one kind of notification.
    pub(crate) async fn set_headers(
        &self,
        region: &str,
        identity: &str,
        kind: Kind,
        enabled: bool,
    ) -> Result<(), Error> {
        let failed = |source| Error::SetHeaders {
            property: kind.headers_property(),
            identity: identity.to_owned(),
            region: region.to_owned(),
            source,
        };
        let call = self.clients.client(region).set_identity_headers_in_notifications_enabled();
        call.identity(identity)
            .notification_type(notification_type(kind))
            .enabled(enabled)
            .send()
            .await
            .map_err(|error| failed(AwsError::from(error)))?;
        Ok(())
    }

    /// The name of the active receipt rule set, if one is active.
    pub(crate) async fn active_rule_set(&self, region: &str) -> Result<Option<String>, Error> {
        let failed = |source| Error::ReadRuleSet { region: region.to_owned(), source };
        let call = self.clients.client(region).describe_active_receipt_rule_set();
        let answer = call.send().await.map_err(|error| failed(AwsError::from(error)))?;
        Ok(answer.metadata.and_then(|metadata| metadata.name).filter(|name| !name.is_empty()))
    }

    /// Makes a receipt rule set the active one, or none.
    pub(crate) async fn set_active_rule_set(&self, region: &str, name: Option<&str>) -> Result<(), Error> {
        let failed = |source| Error::SetRuleSet { region: region.to_owned(), source };
        let call = self.clients.client(region).set_active_receipt_rule_set().set_rule_set_name(name.map(str::to_owned));
        call.send().await.map_err(|error| failed(AwsError::from(error)))?;
        Ok(())
    }
}

fn notification_type(kind: Kind) -> NotificationType {
    match kind {
        Kind::Bounce => NotificationType::Bounce,
        Kind::Complaint => NotificationType::Complaint,
        Kind::Delivery => NotificationType::Delivery,
    }
}
