//! `Custom::EmailDomain`: a domain that mail can be sent from, and everything until it can.
//!
//! The properties are those of [`Properties`]. `Ref` is the identity's ARN.
//!
//! The identity is made with Easy DKIM, a MAIL FROM domain of its own and the topics for bounces and complaints; the records are written into the
//! hosted zone, and the verification is awaited.
//!
//! **An identity that was there before** is refused, or with `AdoptExisting` used as it is. It gets what is asked for and nothing by default,
//! and Delete leaves it, its MAIL FROM domain and its records.
//!
//! **Records.** None is ever overwritten. A different DMARC record stays and counts: it is the domain owner's policy, receivers obey exactly
//! one, and mail signed with DKIM passes under any. Different records at the MAIL FROM domain are an error that names them, because without its own
//! MX and SPF records that domain does not work.
//!
//! **DMARC.** The policy is `none` unless asked otherwise: it tells receivers nothing about other servers that send for the same domain, and a
//! stricter one could lose their mail. It is what large receivers ask of every sender.
//!
//! **Update.** Everything but `Domain` and `Region` changes in place; these make another identity.
//!
//! **Delete.** The records that belong to the identity are removed if they are as written, then the identity.

use custom_resource::{Deletion, Outcome, Pending, Ready, Request, Resource, with_causes};
use hosted_zone::{Delegation, HostedZone, Record, RecordType, Role, ZoneReference, delegation, normalised};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};
use tracing::{info, warn};

use aws_sdk_sesv2::types::{DkimStatus, MailFromDomainStatus};

pub use crate::properties::{BehaviorOnMxFailure, Tag};
use crate::{
    Error, Services,
    ids::{IdentityArn, without_dot},
    notifications::{Settings, Step, plan, take},
    ownership::{Owner, Tags, owner, ownership_tags},
    properties::{self, given, topic},
    records::{self, Wanted},
    sesv2::{Change, Creation, Identity, MailFrom},
};

/// The properties of `Custom::EmailDomain`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Properties {
    /// The domain.
    pub domain: String,
    /// The region of SES; by default the function's.
    pub region: Option<String>,
    /// The public hosted zone that holds the domain.
    pub hosted_zone_id: String,
    /// The role to assume, if the zone belongs to another account.
    pub hosted_zone_role_arn: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub hosted_zone_role_external_id: Option<String>,
    /// The label before the domain that makes the MAIL FROM domain, `mail` by default; empty for none.
    pub mail_from_subdomain: Option<String>,
    /// What happens to mail while the MX record of the MAIL FROM domain cannot be found.
    #[serde(default, rename = "BehaviorOnMXFailure")]
    pub behavior_on_mx_failure: BehaviorOnMxFailure,
    /// What receivers are asked to do with mail that only claims to be of the domain.
    #[serde(default)]
    pub dmarc_policy: DmarcPolicy,
    /// The address that receivers report to.
    pub dmarc_report_address: Option<String>,
    /// The topic for both bounces and complaints.
    pub notification_topic_arn: Option<String>,
    /// The topic for bounces, instead.
    pub bounce_topic_arn: Option<String>,
    /// The topic for complaints, instead.
    pub complaint_topic_arn: Option<String>,
    /// Whether an identity that was there before is used.
    #[serde(default)]
    pub adopt_existing: bool,
    /// The tags of the identity.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// A DMARC policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DmarcPolicy {
    /// Deliver it and report.
    #[default]
    None,
    /// Treat it as suspicious.
    Quarantine,
    /// Refuse it.
    Reject,
}

/// What `Fn::GetAtt` gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The identity's ARN.
    pub identity_arn: String,
    /// The domain.
    pub domain: String,
    /// The region of SES.
    pub region: String,
    /// `SUCCESS`.
    pub status: String,
    /// The MAIL FROM domain; empty without one.
    pub mail_from_domain: String,
    /// The DMARC record that stands.
    pub dmarc_record: String,
    /// How many mails the account may send in 24 hours.
    pub sending_quota: String,
    /// `true` while the account may send to verified addresses only.
    pub in_sandbox: String,
    /// The host that takes mail by SMTP.
    pub smtp_endpoint: String,
    /// The tokens of the DKIM records.
    pub dkim_tokens: Vec<String>,
}

/// What is remembered from one look to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Memory {
    /// Whether the identity was there before.
    adopted: bool,
    /// Whether the user's tags were seen to.
    tagged: bool,
    /// Whether DKIM was started (again).
    dkim_started: bool,
    /// Whether the MAIL FROM domain was set (again).
    mail_from_set: bool,
    /// The names of the records that were seen to stand, or written.
    records: Vec<String>,
    /// The DMARC record that stands.
    dmarc: Option<String>,
    /// Whether the DMARC record that stands is this resource's, which its identity in another region says no more.
    dmarc_inherited: bool,
    /// The changes that are not known to be in effect yet.
    changes: Vec<String>,
    /// The calls for notifications that were made.
    notified: Vec<Step>,
    /// Whether the notifications are as asked.
    notifications_set: bool,
    /// DKIM tokens and their zone, of an identity that is being deleted.
    doomed: Option<(Vec<String>, Option<String>)>,
}

/// The resource type.
pub struct EmailDomain {
    services: Services,
}

/// The MAIL FROM domain of an identity that this resource makes, if the template does not say.
const DEFAULT_MAIL_FROM: &str = "mail";

/// The tag of the identity that says that the DMARC record is this resource's.
const DMARC_TAG: &str = "custom-resource:dmarc";

/// How soon to look again for what takes seconds: SES's tokens, a change of Route 53.
const SOON: Duration = Duration::from_secs(2);

/// How long SES may take to know an identity that it has just made.
const CONSISTENCY: Duration = Duration::from_secs(30);

/// After this time without verification something is probably wrong, and the delegation is looked into. SES needs a few minutes.
const SUSPICION: Duration = Duration::from_secs(180);

/// The longest label of a domain name.
const MAX_LABELS: usize = 63;

/// The properties, checked and completed.
#[derive(Debug, Clone)]
struct Plan {
    domain: String,
    region: String,
    zone: ZoneReference,
    /// What the template says: nothing, none, or a domain.
    mail_from: Option<Option<String>>,
    behavior: BehaviorOnMxFailure,
    dmarc: Wanted,
    topics: [Option<String>; 3],
    adopt: bool,
    tags: Tags,
}

impl Plan {
    fn new(properties: &Properties, home: &str) -> Result<Self, Error> {
        let domain = properties::name("Domain", &properties.domain)?.to_ascii_lowercase();
        let region = given(&properties.region).unwrap_or(home).to_owned();
        let role = given(&properties.hosted_zone_role_arn).map(|arn| Role {
            arn: arn.to_owned(),
            external_id: given(&properties.hosted_zone_role_external_id).map(str::to_owned),
        });
        let zone = properties::name("HostedZoneId", &properties.hosted_zone_id)?.to_owned();
        let mail_from = match properties.mail_from_subdomain.as_deref().map(str::trim) {
            None => None,
            Some("") => Some(None),
            Some(label) => Some(Some(format!("{}.{domain}", check_label(label)?))),
        };
        let both = &properties.notification_topic_arn;
        let topic_of = |property, own: &Option<String>| {
            let (property, arn) = match given(own) {
                Some(arn) => (property, Some(arn)),
                None => ("NotificationTopicArn", given(both)),
            };
            topic(property, arn, &region).map(|arn| arn.map(str::to_owned))
        };
        let topics = [
            topic_of("BounceTopicArn", &properties.bounce_topic_arn)?,
            topic_of("ComplaintTopicArn", &properties.complaint_topic_arn)?,
            None,
        ];
        let policy = match properties.dmarc_policy {
            DmarcPolicy::None => "none",
            DmarcPolicy::Quarantine => "quarantine",
            DmarcPolicy::Reject => "reject",
        };
        let report_to = given(&properties.dmarc_report_address);
        if report_to.is_some_and(|address| !is_address(address)) {
            let problem = "is not an e-mail address".to_owned();
            return Err(Error::Property { property: "DmarcReportAddress", problem });
        }
        Ok(Self {
            dmarc: records::dmarc(&domain, policy, report_to),
            zone: ZoneReference { id: zone, role },
            mail_from,
            behavior: properties.behavior_on_mx_failure,
            topics,
            adopt: properties.adopt_existing,
            tags: properties.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
            domain,
            region,
        })
    }

    /// The MAIL FROM domain that is asked for, given what the identity has.
    fn mail_from<'a>(&'a self, standing: Option<&'a MailFrom>, adopted: bool) -> Option<String> {
        match (&self.mail_from, standing) {
            (Some(asked), _) => asked.clone(),
            // What was there before stays unless the template says otherwise.
            (None, standing) if adopted => standing.map(|standing| standing.domain.clone()),
            (None, _) => Some(format!("{DEFAULT_MAIL_FROM}.{}", self.domain)),
        }
    }

    /// The records of an identity that this resource made, DMARC aside.
    fn records(&self, tokens: &[String], dkim_zone: Option<&str>, mail_from: Option<&str>) -> Vec<Wanted> {
        let mut records = records::dkim(&self.domain, tokens, dkim_zone);
        records.extend(mail_from.iter().flat_map(|mail_from| records::mail_from(mail_from, &self.region)));
        records
    }

    fn headers(&self) -> [bool; 3] {
        [0, 1, 2].map(|index| self.topics[index].is_some())
    }

    /// What notifications should be, given what they are and what they were asked to be before.
    fn notifications(&self, standing: &Settings, before: Option<&Self>) -> Settings {
        let mut wanted = match before {
            Some(before) => standing.without(&before.topics),
            None => standing.clone(),
        };
        for (index, topic) in self.topics.iter().enumerate() {
            if topic.is_some() {
                wanted.topics[index] = topic.clone();
                wanted.headers[index] = self.headers()[index];
            }
        }
        // Who is told by a topic need not be told by mail too.
        if self.topics[0].is_some() && self.topics[1].is_some() {
            wanted.forwarding = false;
        } else if !wanted.somebody_is_told() {
            wanted.forwarding = true;
        }
        wanted
    }
}

fn check_label(label: &str) -> Result<&str, Error> {
    let label = without_dot(label);
    let is_part = |part: &str| {
        !part.is_empty()
            && part.len() <= MAX_LABELS
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    if label.split('.').all(is_part) {
        Ok(label)
    } else {
        let problem = "expected a label such as mail, which is put before the domain; empty for none".to_owned();
        Err(Error::Property { property: "MailFromSubdomain", problem })
    }
}

/// Whether a text can stand in a DMARC record as an address.
fn is_address(text: &str) -> bool {
    let has_both = text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'));
    has_both && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b';' | b',' | b'!' | b'\\'))
}

impl EmailDomain {
    /// With access to SES, STS and Route 53.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    fn plan(&self, properties: &Properties) -> Result<Plan, Error> {
        Plan::new(properties, self.services.identities.home())
    }

    /// Brings a domain from nothing to verified, as far as it goes at the moment.
    async fn follow(
        &self,
        request: &Request,
        plan: &Plan,
        current: Option<&IdentityArn>,
        before: Option<&Plan>,
    ) -> Result<Outcome<Attributes>, Error> {
        let arn = self.services.caller.identity_arn(&plan.region, &plan.domain).await?;
        let is_current = current.is_some_and(|current| current.names_the_same_as(&arn));
        if request.recorded().is_none() {
            self.found(request, plan, &arn, is_current).await?;
        }
        let mut memory: Memory = request.recall().unwrap_or_default();
        let Some(identity) = self.services.identities.get(&plan.region, &plan.domain).await? else {
            if request.elapsed() < CONSISTENCY {
                return Ok(Pending::new(format!("SES in {} does not know {} yet", plan.region, plan.domain))
                    .retry_after(SOON)
                    .into());
            }
            return Err(Error::NoDomainIdentity { domain: plan.domain.clone(), region: plan.region.clone() });
        };
        // The same domain in another region: the identity that this one takes the place of has records under the same names.
        let moved = before.filter(|before| before.domain == plan.domain && before.region != plan.region);
        // What was asked for before counts otherwise only if it was about this identity.
        let before = before.filter(|before| before.domain == plan.domain && before.region == plan.region);
        self.tag(request, plan, before, &arn, &identity, &mut memory).await?;
        if let Some(pending) = self.set_up_dkim(request, plan, &identity, &mut memory).await? {
            return Ok(pending.into());
        }
        let mail_from = plan.mail_from(identity.mail_from.as_ref(), memory.adopted);
        self.set_mail_from(request, plan, mail_from.as_deref(), &identity, &mut memory).await?;
        if let (Some(moved), true) = (moved, memory.records.is_empty()) {
            self.make_room(request, plan, moved, &mut memory).await?;
        }
        self.write_records(request, plan, before, (&arn, &identity), mail_from.as_deref(), &mut memory).await?;
        self.notify(request, plan, before, &mut memory).await?;
        if !self.in_effect(request, plan, &mut memory).await? {
            return Ok(Pending::new("Route 53 has not published the records yet").retry_after(SOON).into());
        }
        let missing = missing(&identity, mail_from.as_deref());
        if !missing.is_empty() {
            let Plan { domain, region, .. } = plan;
            let advice = self.advice(request, plan, &identity).await;
            let missing = missing.join(", ");
            return Ok(Pending::new(format!(
                "SES in {region} has not verified {domain} yet ({missing}); its records stand{advice}"
            ))
            .into());
        }
        if let (Some(before), false) = (before, memory.adopted) {
            self.tidy(plan, before, &identity, mail_from.as_deref()).await?;
        }
        let limits = self.services.identities.limits(&plan.region).await?;
        if limits.in_sandbox {
            warn!(region = plan.region, "the account is in the sandbox of SES: it may send to verified addresses only");
        }
        let attributes = Attributes {
            identity_arn: arn.to_string(),
            domain: plan.domain.clone(),
            region: plan.region.clone(),
            status: identity.status.as_str().to_owned(),
            mail_from_domain: mail_from.unwrap_or_default(),
            dmarc_record: memory.dmarc.unwrap_or_default(),
            sending_quota: limits.quota.to_string(),
            in_sandbox: limits.in_sandbox.to_string(),
            smtp_endpoint: format!("email-smtp.{}.amazonaws.com", plan.region),
            dkim_tokens: identity.dkim_tokens,
        };
        Ok(Ready::new(arn.to_string(), attributes).into())
    }

    /// Makes the identity, or finds the one there is; everything that can be refused is refused before.
    async fn found(&self, request: &Request, plan: &Plan, arn: &IdentityArn, is_current: bool) -> Result<(), Error> {
        self.open_zone(plan).await?;
        let standing = self.services.identities.get(&plan.region, &plan.domain).await?;
        let adopted = match standing {
            Some(found) if owner(request, &found.tags) == Owner::This => false,
            Some(_) if is_current || plan.adopt => true,
            Some(_) => return Err(refused(plan)),
            None => {
                let tags = ownership_tags(request).into_iter().chain(plan.tags.clone()).collect();
                match self.services.identities.create(&plan.region, &plan.domain, &tags).await? {
                    Creation::Created => info!(domain = plan.domain, region = plan.region, "identity created"),
                    // Made within the last moment, by somebody or by this request delivered twice: the tags will tell.
                    Creation::Existed => match self.services.identities.get(&plan.region, &plan.domain).await? {
                        Some(found) if owner(request, &found.tags) == Owner::This => {}
                        _ => return Err(refused(plan)),
                    },
                }
                false
            }
        };
        if adopted {
            info!(domain = plan.domain, region = plan.region, "the identity was there before, and is used");
        }
        request.created(arn.to_string());
        request.remember(Memory { adopted, ..Memory::default() });
        Ok(())
    }

    async fn open_zone(&self, plan: &Plan) -> Result<HostedZone, Error> {
        let zone = self.services.zones.open(&plan.zone).await?;
        let (id, zone_name) = (zone.id().to_owned(), zone.name().to_owned());
        if zone.is_private() {
            return Err(Error::PrivateZone { zone: id, zone_name });
        }
        if !zone.holds(&plan.domain) {
            return Err(Error::WrongZone { domain: plan.domain.clone(), zone: id, zone_name });
        }
        Ok(zone)
    }

    /// The user's tags: those that are asked for, without those that were and are not any more.
    async fn tag(
        &self,
        request: &Request,
        plan: &Plan,
        before: Option<&Plan>,
        arn: &IdentityArn,
        identity: &Identity,
        memory: &mut Memory,
    ) -> Result<(), Error> {
        if memory.tagged {
            return Ok(());
        }
        let (identities, arn) = (&self.services.identities, arn.to_string());
        let differs = |(key, value): &(&String, &String)| identity.tags.get(*key) != Some(value);
        let missing: Tags = plan.tags.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect();
        identities.tag(&plan.region, &plan.domain, &arn, &missing).await?;
        let dropped = before.into_iter().flat_map(|before| before.tags.keys());
        let dropped =
            dropped.filter(|key| !plan.tags.contains_key(*key) && identity.tags.contains_key(*key)).cloned().collect();
        identities.untag(&plan.region, &plan.domain, &arn, dropped).await?;
        memory.tagged = true;
        request.remember(&*memory);
        Ok(())
    }

    /// Sees to it that there are DKIM tokens. A new identity signs; whether one that was there before does is its owner's choice.
    async fn set_up_dkim(
        &self,
        request: &Request,
        plan: &Plan,
        identity: &Identity,
        memory: &mut Memory,
    ) -> Result<Option<Pending>, Error> {
        if identity.has_own_keys {
            return Ok(None);
        }
        let identities = &self.services.identities;
        // SES stops looking after three days; then it must be told to look again.
        let is_startable = identity.dkim_tokens.is_empty() || identity.dkim_status == DkimStatus::Failed;
        if is_startable && !memory.dkim_started {
            identities.start_dkim(&plan.region, &plan.domain).await?;
            memory.dkim_started = true;
            request.remember(&*memory);
            return Ok(Some(Pending::new("SES prepares DKIM").retry_after(SOON)));
        }
        if identity.dkim_tokens.is_empty() {
            let (domain, region) = (&plan.domain, &plan.region);
            return Ok(Some(
                Pending::new(format!("SES has no DKIM tokens for {domain} in {region} yet")).retry_after(SOON),
            ));
        }
        Ok(None)
    }

    async fn set_mail_from(
        &self,
        request: &Request,
        plan: &Plan,
        wanted: Option<&str>,
        identity: &Identity,
        memory: &mut Memory,
    ) -> Result<(), Error> {
        let is_asked = plan.mail_from.is_some() || !memory.adopted;
        if memory.mail_from_set || !is_asked {
            return Ok(());
        }
        let standing = identity.mail_from.as_ref();
        let is_as_asked = standing.map(|standing| standing.domain.as_str()) == wanted
            && standing.is_none_or(|standing| standing.behavior == plan.behavior);
        // SES stops looking after three days; setting it again makes SES look again.
        let has_failed = standing.is_some_and(|standing| standing.status == MailFromDomainStatus::Failed);
        if !is_as_asked || has_failed {
            let set = self.services.identities.set_mail_from(&plan.region, &plan.domain, wanted, plan.behavior);
            if set.await? == Change::Gone {
                return Err(Error::NoDomainIdentity { domain: plan.domain.clone(), region: plan.region.clone() });
            }
        }
        memory.mail_from_set = true;
        request.remember(&*memory);
        Ok(())
    }

    /// Takes away what this resource's identity in another region has under the names of this one's records, and what is no longer to be deleted
    /// with it.
    async fn make_room(&self, request: &Request, plan: &Plan, moved: &Plan, memory: &mut Memory) -> Result<(), Error> {
        let identities = &self.services.identities;
        let Some(old) = identities.get(&moved.region, &moved.domain).await? else { return Ok(()) };
        if owner(request, &old.tags) != Owner::This {
            return Ok(());
        }
        let mail_from = old.mail_from.as_ref().map(|mail_from| mail_from.domain.as_str());
        let mut records = moved.records(&[], None, mail_from);
        if old.tags.contains_key(DMARC_TAG) {
            if moved.dmarc != plan.dmarc {
                records.push(moved.dmarc.clone());
            }
            memory.dmarc_inherited = true;
            request.remember(&*memory);
            let arn = self.services.caller.identity_arn(&moved.region, &moved.domain).await?.to_string();
            identities.untag(&moved.region, &moved.domain, &arn, vec![DMARC_TAG.to_owned()]).await?;
        }
        self.remove_records(moved, &records).await
    }

    /// Writes the records that do not stand.
    async fn write_records(
        &self,
        request: &Request,
        plan: &Plan,
        before: Option<&Plan>,
        (arn, identity): (&IdentityArn, &Identity),
        mail_from: Option<&str>,
        memory: &mut Memory,
    ) -> Result<(), Error> {
        let tokens = if identity.has_own_keys { &[][..] } else { &identity.dkim_tokens };
        let dkim = plan.records(tokens, identity.dkim_zone.as_deref(), None);
        let names: Vec<_> = dkim.iter().map(|record| record.name.clone()).chain(mail_from.map(str::to_owned)).collect();
        if memory.records != names || memory.dmarc.is_none() {
            let zone = self.open_zone(plan).await?;
            let mut changes = Vec::new();
            changes.extend(zone.ensure(&dkim.iter().map(Wanted::to_record).collect::<Vec<_>>()).await?);
            // An adopted identity's own MAIL FROM domain is its owner's concern.
            if let Some(mail_from) = mail_from.filter(|_| plan.mail_from.is_some() || !memory.adopted) {
                let records = records::mail_from(mail_from, &plan.region).map(|record| record.to_record());
                changes.extend(zone.ensure(&records).await.map_err(|source| match source {
                    source @ hosted_zone::Error::Conflict { .. } => {
                        Error::MailFromRecords { domain: mail_from.to_owned(), source: Box::new(source) }
                    }
                    source => source.into(),
                })?);
            }
            changes.extend(self.write_dmarc(request, plan, before, &zone, (arn, identity), memory).await?);
            memory.changes.extend(changes);
            memory.records = names;
            request.remember(&*memory);
        }
        Ok(())
    }

    /// Writes the DMARC record, unless there is another one that is not this resource's.
    async fn write_dmarc(
        &self,
        request: &Request,
        plan: &Plan,
        before: Option<&Plan>,
        zone: &HostedZone,
        (arn, identity): (&IdentityArn, &Identity),
        memory: &mut Memory,
    ) -> Result<Option<String>, Error> {
        let is_ours = identity.tags.contains_key(DMARC_TAG) && !memory.adopted;
        if let Some(before) = before.filter(|before| is_ours && before.dmarc != plan.dmarc && before.zone == plan.zone)
        {
            zone.remove(&[before.dmarc.to_record()]).await?;
        }
        // An adopted identity stays, and its DMARC record with it. The mark of any other comes first, because a record without it would stay too.
        if !memory.adopted
            && !is_ours
            && (memory.dmarc_inherited || zone.values(&plan.dmarc.name, RecordType::Txt).await?.is_empty())
        {
            let tag = Tags::from([(DMARC_TAG.to_owned(), "written".to_owned())]);
            self.services.identities.tag(&plan.region, &plan.domain, &arn.to_string(), &tag).await?;
        }
        let (standing, change) = match zone.ensure(&[plan.dmarc.to_record()]).await {
            Ok(change) => (plan.dmarc.value.clone(), change),
            Err(hosted_zone::Error::Conflict { existing, .. }) => {
                warn!(existing, "the domain has another DMARC record, which stays");
                (existing, None)
            }
            // Something of another type stands there, such as a CNAME to where the policy is kept.
            Err(hosted_zone::Error::ChangeRecords { source, .. }) if source.is("InvalidChangeBatch") => {
                warn!(reason = %source, "the domain's DMARC record is of another type; it stays");
                ("of another type".to_owned(), None)
            }
            Err(error) => return Err(error.into()),
        };
        memory.dmarc = Some(standing.trim_matches('"').to_owned());
        request.remember(&*memory);
        Ok(change)
    }

    /// Whether all changes have reached all name servers; those that have are forgotten.
    async fn in_effect(&self, request: &Request, plan: &Plan, memory: &mut Memory) -> Result<bool, Error> {
        if memory.changes.is_empty() {
            return Ok(true);
        }
        let zone = self.services.zones.open(&plan.zone).await?;
        while let Some(change) = memory.changes.last() {
            if !zone.is_in_sync(change).await? {
                return Ok(false);
            }
            memory.changes.pop();
            request.remember(&*memory);
        }
        Ok(true)
    }

    async fn notify(
        &self,
        request: &Request,
        plan: &Plan,
        before: Option<&Plan>,
        memory: &mut Memory,
    ) -> Result<(), Error> {
        let is_asked = plan.topics.iter().any(Option::is_some);
        let was_asked = before.is_some_and(|before| before.topics.iter().any(Option::is_some));
        if memory.notifications_set || !(is_asked || was_asked) {
            return Ok(());
        }
        let Services { classic, identities, .. } = &self.services;
        let standing = classic.notifications(&plan.region, &plan.domain).await?.unwrap_or_default();
        let steps = self::plan(&standing, &plan.notifications(&standing, before));
        let done = memory.notified.clone();
        let note = |done: &[Step]| request.remember(Memory { notified: done.to_vec(), ..memory.clone() });
        take(steps, (classic, identities), (&plan.region, &plan.domain), done, note).await?;
        memory.notifications_set = true;
        request.remember(&*memory);
        Ok(())
    }

    /// Why verification may not come, once it takes longer than it should.
    async fn advice(&self, request: &Request, plan: &Plan, identity: &Identity) -> String {
        if request.elapsed() < SUSPICION.min(request.remaining()) {
            return String::new();
        }
        let delegation = match self.services.zones.open(&plan.zone).await {
            Ok(zone) => delegation(&zone).await,
            Err(_) => Delegation::Unknown,
        };
        let ses_says = identity.problem.as_deref().map(|problem| format!("; SES says {problem}")).unwrap_or_default();
        match delegation {
            Delegation::Wrong(problem) => format!("; {problem}"),
            Delegation::Right => {
                format!("{ses_says}; the delegation of the zone is right, and SES looks again by itself")
            }
            Delegation::Unknown => format!("{ses_says}; check that the public DNS leads to the zone's name servers"),
        }
    }

    /// Removes the records that were asked for before and are not any more.
    async fn tidy(
        &self,
        plan: &Plan,
        before: &Plan,
        identity: &Identity,
        mail_from: Option<&str>,
    ) -> Result<(), Error> {
        let records = |of: &Plan, mail_from: Option<&str>| {
            let tokens = if identity.has_own_keys { &[][..] } else { &identity.dkim_tokens };
            of.records(tokens, identity.dkim_zone.as_deref(), mail_from)
        };
        let mail_from_before = before.mail_from(None, false);
        let mut old = records(before, mail_from_before.as_deref());
        if before.zone == plan.zone {
            let kept = records(plan, mail_from);
            old.retain(|record| !kept.contains(record));
        } else if identity.tags.contains_key(DMARC_TAG) {
            old.push(before.dmarc.clone());
        }
        self.remove_records(before, &old).await
    }

    /// Removes records that are as they were written. What cannot be removed because the zone or the role is gone harms nobody.
    async fn remove_records(&self, plan: &Plan, records: &[Wanted]) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let removed = match self.services.zones.open(&plan.zone).await {
            Ok(zone) => remove_unneeded(&zone, records).await,
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                let names: BTreeSet<_> = records.iter().map(|record| record.name.as_str()).collect();
                warn!(?names, reason = %with_causes(&error), "records not removed");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Deletes an identity that this resource made, records first: their names are known only as long as the identity is there.
    async fn remove(
        &self,
        request: &Request,
        at: &IdentityArn,
        plan: Option<&Plan>,
        found: &Identity,
    ) -> Result<(), Error> {
        if let Some(plan) = plan {
            let mut memory: Memory = request.recall().unwrap_or_default();
            let (tokens, zone) =
                memory.doomed.get_or_insert_with(|| (found.dkim_tokens.clone(), found.dkim_zone.clone())).clone();
            request.remember(&memory);
            let tokens = if found.has_own_keys { &[][..] } else { &tokens };
            let mail_from = found.mail_from.as_ref().map(|mail_from| mail_from.domain.clone());
            let mut records = plan.records(tokens, zone.as_deref(), mail_from.as_deref());
            if found.tags.contains_key(DMARC_TAG) {
                records.push(plan.dmarc.clone());
            }
            self.remove_records(plan, &records).await?;
        }
        self.services.identities.delete(&at.region, &at.identity).await?;
        info!(domain = at.identity, region = at.region, "identity deleted");
        Ok(())
    }

    /// Leaves an identity that was there before, but not the topics of this stack in it.
    async fn leave(&self, request: &Request, at: &IdentityArn, plan: Option<&Plan>) -> Result<(), Error> {
        info!(domain = at.identity, region = at.region, "the identity was there before, so it stays");
        let Some(plan) = plan.filter(|plan| plan.topics.iter().any(Option::is_some)) else { return Ok(()) };
        let Services { classic, identities, .. } = &self.services;
        let Some(standing) = classic.notifications(&at.region, &at.identity).await? else { return Ok(()) };
        let steps = self::plan(&standing, &standing.without(&plan.topics));
        let done = request.recall::<Memory>().unwrap_or_default().notified;
        let note = |done: &[Step]| request.remember(Memory { notified: done.to_vec(), ..Memory::default() });
        take(steps, (classic, identities), (&at.region, &at.identity), done, note).await
    }
}

/// Removes records that are as they were written. Where the MX record of a MAIL FROM domain is another by now, an identity of another region uses the
/// domain, and needs its SPF record.
async fn remove_unneeded(zone: &HostedZone, records: &[Wanted]) -> Result<(), hosted_zone::Error> {
    let mut doomed: Vec<Record> = records.iter().map(Wanted::to_record).collect();
    for mx in records.iter().filter(|record| record.record_type == RecordType::Mx) {
        let standing = zone.values(&mx.name, RecordType::Mx).await?;
        if !standing.is_empty() && !standing.iter().any(|value| normalised(value) == normalised(&mx.value)) {
            doomed.retain(|record| record.name != mx.name);
        }
    }
    zone.remove(&doomed).await
}

fn refused(plan: &Plan) -> Error {
    Error::AlreadyExists {
        domain: plan.domain.clone(),
        region: plan.region.clone(),
        advice: "; with AdoptExisting: true it is used as it is, and never deleted",
    }
}

/// What is not verified yet, with its state.
fn missing(identity: &Identity, mail_from: Option<&str>) -> Vec<String> {
    let mut missing = Vec::new();
    if !identity.may_send {
        missing.push(format!("identity {}", identity.status.as_str()));
    }
    if identity.dkim_status != DkimStatus::Success {
        missing.push(format!("DKIM {}", identity.dkim_status.as_str()));
    }
    if let Some(wanted) = mail_from {
        let standing = identity.mail_from.as_ref().filter(|standing| standing.domain.eq_ignore_ascii_case(wanted));
        match standing.map(|standing| &standing.status) {
            Some(MailFromDomainStatus::Success) => {}
            Some(status) => missing.push(format!("MAIL FROM {}", status.as_str())),
            None => missing.push("MAIL FROM not set".to_owned()),
        }
    }
    missing
}

impl Resource for EmailDomain {
    const TYPES: &'static [&'static str] = &["Custom::EmailDomain"];
    type Properties = Properties;
    type Attributes = Attributes;
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
        self.follow(request, &self.plan(&properties)?, None, None).await
    }

    async fn update(
        &self,
        request: &Request,
        current: &str,
        properties: Properties,
        old: Option<Properties>,
    ) -> Result<Outcome<Attributes>, Error> {
        let before = old.and_then(|old| self.plan(&old).ok());
        let current = IdentityArn::parse(current);
        self.follow(request, &self.plan(&properties)?, current.as_ref(), before.as_ref()).await
    }

    async fn delete(
        &self,
        request: &Request,
        current: Option<&str>,
        properties: Option<Properties>,
    ) -> Result<Deletion, Error> {
        let plan = properties.and_then(|properties| self.plan(&properties).ok());
        let at = match (current, &plan) {
            (Some(id), _) => IdentityArn::parse(id),
            (None, Some(plan)) => Some(self.services.caller.identity_arn(&plan.region, &plan.domain).await?),
            (None, None) => None,
        };
        let Some(at) = at else { return Ok(Deletion::Deleted) };
        let Some(found) = self.services.identities.get(&at.region, &at.identity).await? else {
            return Ok(Deletion::Deleted);
        };
        match owner(request, &found.tags) {
            Owner::This => self.remove(request, &at, plan.as_ref(), &found).await?,
            Owner::Another | Owner::Unknown if current.is_some() => self.leave(request, &at, plan.as_ref()).await?,
            Owner::Another | Owner::Unknown => {}
        }
        Ok(Deletion::Deleted)
    }

    fn is_transient(&self, error: &Error) -> bool {
        error.is_transient()
    }
}
