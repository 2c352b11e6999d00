//! `Custom::IdentityNotifications`: where SES reports bounces, complaints and deliveries of an identity.
//!
//! | property | meaning |
//! | --- | --- |
//! | `Identity` | the domain or address |
//! | `Region` | the region of SES |
//! | `BounceTopic`, `ComplaintTopic`, `DeliveryTopic` | SNS topics of that region; one that is not given is cleared |
//! | `HeadersInBounceNotificationsEnabled` and the like | whether the mail's headers are in the notification; `false` by default |
//! | `ForwardingEnabled` | whether the sender is told by mail; `true` by default. Without it both the first topics are needed |
//! | `ForceOverride` | `true`: topics that are set already are taken over |
//!
//! `Ref` is the identity's ARN. Another identity or region makes another resource. Delete clears the topics that are still those of
//! the properties, and leaves what another resource has taken over meanwhile: the identity's tag says who was last.

use custom_resource::{Deletion, Outcome, Ready, Request, Resource, with_causes};
use serde::Deserialize;
use tracing::{info, warn};

use crate::{
    Error,
    caller::Caller,
    classic::Classic,
    ids::IdentityArn,
    notifications::{KINDS, Settings, Step, plan, take},
    ownership::Tags,
    properties::{self, given, topic},
    sesv2::Identities,
};

/// The properties of `Custom::IdentityNotifications`. Unknown ones are tolerated, as by the provider it replaces.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Properties {
    /// The domain or address.
    pub identity: String,
    /// The region of SES.
    pub region: String,
    /// The topic that bounces are published to.
    pub bounce_topic: Option<String>,
    /// The topic that complaints are published to.
    pub complaint_topic: Option<String>,
    /// The topic that deliveries are published to.
    pub delivery_topic: Option<String>,
    /// Whether a bounce's notification has the mail's headers.
    #[serde(default)]
    pub headers_in_bounce_notifications_enabled: bool,
    /// Whether a complaint's notification has the mail's headers.
    #[serde(default)]
    pub headers_in_complaint_notifications_enabled: bool,
    /// Whether a delivery's notification has the mail's headers.
    #[serde(default)]
    pub headers_in_delivery_notifications_enabled: bool,
    /// Whether the sender is told of bounces and complaints by mail.
    #[serde(default = "yes")]
    pub forwarding_enabled: bool,
    /// Whether topics that are set already are taken over.
    #[serde(default)]
    pub force_override: bool,
}

fn yes() -> bool {
    true
}

/// The resource type.
pub struct IdentityNotifications {
    identities: Identities,
    classic: Classic,
    caller: Caller,
}

/// The tag of the identity that says whose the notifications are: stack, resource and physical id, as a digest.
const MARK: &str = "custom-resource:notifications";

impl Properties {
    fn topics(&self) -> [Option<String>; 3] {
        [&self.bounce_topic, &self.complaint_topic, &self.delivery_topic].map(|topic| given(topic).map(str::to_owned))
    }

    /// What is asked for.
    fn settings(&self, region: &str) -> Result<Settings, Error> {
        for (kind, arn) in KINDS.into_iter().zip([&self.bounce_topic, &self.complaint_topic, &self.delivery_topic]) {
            topic(kind.topic_property(), given(arn), region)?;
        }
        let topics = self.topics();
        let headers = [
            self.headers_in_bounce_notifications_enabled,
            self.headers_in_complaint_notifications_enabled,
            self.headers_in_delivery_notifications_enabled,
        ];
        let headers = [0, 1, 2].map(|index| headers[index] && topics[index].is_some());
        let settings = Settings { topics, headers, forwarding: self.forwarding_enabled };
        if settings.somebody_is_told() { Ok(settings) } else { Err(Error::NobodyIsTold) }
    }
}

impl IdentityNotifications {
    /// With access to SES and STS.
    #[must_use]
    pub fn new(identities: Identities, classic: Classic, caller: Caller) -> Self {
        Self { identities, classic, caller }
    }

    /// Where SES reports to now; an identity that it says nothing of is a new one, or none.
    async fn standing(&self, region: &str, identity: &str) -> Result<Option<(Settings, Tags)>, Error> {
        let Some(found) = self.identities.get(region, identity).await? else { return Ok(None) };
        let settings = self.classic.notifications(region, identity).await?.unwrap_or_default();
        Ok(Some((settings, found.tags)))
    }

    async fn set(
        &self,
        request: &Request,
        current: Option<&str>,
        properties: &Properties,
    ) -> Result<Outcome<()>, Error> {
        let identity = properties::name("Identity", &properties.identity)?;
        let region = properties::region(&properties.region)?;
        let wanted = properties.settings(region)?;
        let arn = self.caller.identity_arn(region, identity).await?;
        // The older provider's form of the same ARN stays: another id would make CloudFormation delete what is in use.
        let kept = current.filter(|id| IdentityArn::parse(id).is_some_and(|id| id.names_the_same_as(&arn)));
        let Some((settings, tags)) = self.standing(region, identity).await? else {
            return Err(Error::NoIdentity { identity: identity.to_owned(), region: region.to_owned() });
        };
        // It is also the id to come back to when an update to another identity is rolled back.
        let old_form = IdentityArn { partition: String::new(), ..arn.clone() }.to_string();
        let was_old_form = tags.get(MARK).is_some_and(|mark| *mark == request.ownership_digest(&[&old_form]));
        let id = match kept {
            Some(id) => id.to_owned(),
            None if was_old_form => old_form,
            None => arn.to_string(),
        };
        let mark = request.ownership_digest(&[&id]);
        let is_ours = request.recorded().is_some() || kept.is_some() || tags.get(MARK) == Some(&mark);
        if !is_ours && !properties.force_override {
            for kind in KINDS {
                if settings.topics[kind as usize].is_some() {
                    let (identity, region) = (identity.to_owned(), region.to_owned());
                    return Err(Error::TopicAlreadySet { property: kind.topic_property(), identity, region });
                }
            }
        }
        if let (None, Some(before)) = (kept, current.filter(|_| request.recorded().is_none())) {
            self.mark_before(request, before).await?;
        }
        request.created(&id);
        if tags.get(MARK) != Some(&mark) {
            self.mark(region, identity, &arn.to_string(), mark).await?;
        }
        let done: Vec<Step> = request.recall().unwrap_or_default();
        let services = (&self.classic, &self.identities);
        take(plan(&settings, &wanted), services, (region, identity), done, |done| request.remember(done)).await?;
        info!(identity, region, "notifications set");
        Ok(Ready::new(id, ()).into())
    }

    /// Marks what an older provider set, so that an update that is rolled back finds it to be this resource's.
    async fn mark_before(&self, request: &Request, id: &str) -> Result<(), Error> {
        let Some(before) = IdentityArn::parse(id) else { return Ok(()) };
        let Some(found) = self.identities.get(&before.region, &before.identity).await? else { return Ok(()) };
        if found.tags.contains_key(MARK) {
            return Ok(());
        }
        let arn = self.caller.identity_arn(&before.region, &before.identity).await?.to_string();
        self.mark(&before.region, &before.identity, &arn, request.ownership_digest(&[id])).await
    }

    /// Says whose the notifications are. Without the right to tag they are set all the same.
    async fn mark(&self, region: &str, identity: &str, arn: &str, mark: String) -> Result<(), Error> {
        match self.identities.tag(region, identity, arn, &Tags::from([(MARK.to_owned(), mark)])).await {
            Err(error) if !error.is_transient() => {
                warn!(reason = %with_causes(&error), "the identity is not marked");
                Ok(())
            }
            result => result,
        }
    }
}

impl Resource for IdentityNotifications {
    const TYPES: &'static [&'static str] = &["Custom::IdentityNotifications"];
    type Properties = Properties;
    type Attributes = ();
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<()>, Error> {
        self.set(request, None, &properties).await
    }

    async fn update(
        &self,
        request: &Request,
        current: &str,
        properties: Properties,
        _: Option<Properties>,
    ) -> Result<Outcome<()>, Error> {
        self.set(request, Some(current), &properties).await
    }

    async fn delete(
        &self,
        request: &Request,
        current: Option<&str>,
        properties: Option<Properties>,
    ) -> Result<Deletion, Error> {
        let arn = match (current, &properties) {
            (Some(id), _) => IdentityArn::parse(id),
            (None, Some(properties)) => {
                let identity = properties::name("Identity", &properties.identity)?;
                Some(self.caller.identity_arn(properties::region(&properties.region)?, identity).await?)
            }
            (None, None) => None,
        };
        let Some(arn) = arn else { return Ok(Deletion::Deleted) };
        let (region, identity) = (arn.region.as_str(), arn.identity.as_str());
        let Some((settings, tags)) = self.standing(region, identity).await? else { return Ok(Deletion::Deleted) };
        let mark = request.ownership_digest(&[&current.map_or_else(|| arn.to_string(), str::to_owned)]);
        let is_ours = match tags.get(MARK) {
            Some(standing) => *standing == mark,
            // The older provider left no mark; but it gave the id, so it set the topics.
            None => current.is_some(),
        };
        let begun: Vec<Step> = request.recall().unwrap_or_default();
        if !is_ours && begun.is_empty() {
            warn!(identity, region, "the notifications are another resource's by now, so they stay");
            return Ok(Deletion::Deleted);
        }
        let left = match &properties {
            Some(properties) => settings.without(&properties.topics()),
            None => Settings::default(),
        };
        let services = (&self.classic, &self.identities);
        let steps = plan(&settings, &left);
        let taken = take(steps, services, (region, identity), begun, |done| request.remember(done)).await;
        if let Err(error) = taken {
            // Deleted meanwhile, by whoever had it.
            let is_gone = !error.is_transient() && self.identities.get(region, identity).await?.is_none();
            return if is_gone { Ok(Deletion::Deleted) } else { Err(error) };
        }
        if tags.contains_key(MARK) {
            // The partition that the older provider left out is that of the stack.
            let partition = Some(arn.partition.as_str()).filter(|partition| !partition.is_empty());
            let whole = IdentityArn { partition: partition.unwrap_or(request.partition()).to_owned(), ..arn.clone() };
            match self.identities.untag(region, identity, &whole.to_string(), vec![MARK.to_owned()]).await {
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => warn!(reason = %with_causes(&error), "the identity's mark stays"),
                Ok(()) => {}
            }
        }
        info!(identity, region, "notifications cleared");
        Ok(Deletion::Deleted)
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
