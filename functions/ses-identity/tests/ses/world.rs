//! SES and Route 53 as far as the types call them, at their service boundary, as strict as the real ones.

use std::{collections::BTreeMap, ops::Deref};

use aws_sdk_route53::{
    operation::{
        change_resource_record_sets::{ChangeResourceRecordSetsError, ChangeResourceRecordSetsOutput},
        get_change::{GetChangeError, GetChangeOutput},
        get_hosted_zone::{GetHostedZoneError, GetHostedZoneOutput},
        list_resource_record_sets::{ListResourceRecordSetsError, ListResourceRecordSetsOutput},
    },
    primitives::DateTime,
    types::{ChangeAction, ChangeInfo, ChangeStatus, HostedZone, ResourceRecord, ResourceRecordSet, RrType},
};
use aws_sdk_ses::{
    operation::{
        describe_active_receipt_rule_set::{DescribeActiveReceiptRuleSetError, DescribeActiveReceiptRuleSetOutput},
        get_identity_notification_attributes::{
            GetIdentityNotificationAttributesError, GetIdentityNotificationAttributesOutput,
        },
        get_identity_verification_attributes::{
            GetIdentityVerificationAttributesError, GetIdentityVerificationAttributesOutput,
        },
        set_active_receipt_rule_set::{SetActiveReceiptRuleSetError, SetActiveReceiptRuleSetOutput},
        set_identity_headers_in_notifications_enabled::{
            SetIdentityHeadersInNotificationsEnabledError, SetIdentityHeadersInNotificationsEnabledOutput,
        },
        set_identity_notification_topic::{SetIdentityNotificationTopicError, SetIdentityNotificationTopicOutput},
        verify_domain_identity::{VerifyDomainIdentityError, VerifyDomainIdentityOutput},
    },
    types::{
        IdentityNotificationAttributes, IdentityVerificationAttributes, NotificationType, ReceiptRuleSetMetadata,
        VerificationStatus as ClassicStatus,
    },
};
use aws_sdk_sesv2::{
    operation::{
        create_email_identity::{CreateEmailIdentityError, CreateEmailIdentityOutput},
        create_email_identity_policy::{CreateEmailIdentityPolicyError, CreateEmailIdentityPolicyOutput},
        delete_email_identity::{DeleteEmailIdentityError, DeleteEmailIdentityOutput},
        delete_email_identity_policy::{DeleteEmailIdentityPolicyError, DeleteEmailIdentityPolicyOutput},
        get_account::{GetAccountError, GetAccountOutput},
        get_email_identity::{GetEmailIdentityError, GetEmailIdentityOutput},
        get_email_identity_policies::{GetEmailIdentityPoliciesError, GetEmailIdentityPoliciesOutput},
        put_email_identity_dkim_signing_attributes::{
            PutEmailIdentityDkimSigningAttributesError, PutEmailIdentityDkimSigningAttributesOutput,
        },
        put_email_identity_feedback_attributes::{
            PutEmailIdentityFeedbackAttributesError, PutEmailIdentityFeedbackAttributesOutput,
        },
        put_email_identity_mail_from_attributes::{
            PutEmailIdentityMailFromAttributesError, PutEmailIdentityMailFromAttributesOutput,
        },
        tag_resource::{TagResourceError, TagResourceOutput},
        untag_resource::{UntagResourceError, UntagResourceOutput},
        update_email_identity_policy::{UpdateEmailIdentityPolicyError, UpdateEmailIdentityPolicyOutput},
    },
    types::{
        BehaviorOnMxFailure, DkimAttributes, DkimSigningAttributesOrigin, DkimStatus, MailFromAttributes,
        MailFromDomainStatus, SendQuota, VerificationStatus,
    },
};
use aws_sdk_sts::operation::get_caller_identity::{GetCallerIdentityError, GetCallerIdentityOutput};
use custom_resource::{Provider, testing::Asked};
use hosted_zone::HostedZones;
use mocked_services::{MockedServices, Refusal, client, operation, refuse};
use ses_identity::{Caller, Classic, Identities, Services};

pub(crate) const HOME: &str = "eu-west-1";
pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:bounces";

pub(crate) type Tags = BTreeMap<String, String>;

/// What SES knows of an identity.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) tags: Tags,
    pub(crate) tokens: Vec<String>,
    pub(crate) own_keys: bool,
    pub(crate) mail_from: Option<(String, BehaviorOnMxFailure)>,
    pub(crate) topics: [Option<String>; 3],
    pub(crate) headers: [bool; 3],
    pub(crate) no_forwarding: bool,
    pub(crate) policies: BTreeMap<String, String>,
    /// What the first API says, if not what follows from the records.
    pub(crate) status: Option<ClassicStatus>,
    pub(crate) mail_from_status: Option<MailFromDomainStatus>,
}

impl Identity {
    /// One that somebody made by hand.
    pub(crate) fn foreign(domain: &str) -> Self {
        Self { tokens: tokens(domain, "foreign"), ..Self::default() }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) identities: BTreeMap<(String, String), Identity>,
    pub(crate) rule_sets: BTreeMap<String, String>,
    /// By name without final dot, and type.
    pub(crate) records: BTreeMap<(String, String), Vec<String>>,
    pub(crate) private_zone: bool,
    pub(crate) in_sandbox: bool,
}

pub(crate) fn tokens(domain: &str, seed: &str) -> Vec<String> {
    (0..3).map(|number| format!("{}{seed}{number}", domain.replace(['.', '-'], ""))).collect()
}

impl State {
    fn identity(&mut self, region: &str, name: Option<&str>) -> Result<&mut Identity, Refusal> {
        let name = name.unwrap_or_default();
        match self.identities.get_mut(&(region.to_owned(), name.to_owned())) {
            Some(identity) => Ok(identity),
            None => refuse("NotFoundException", format!("Email identity {name} does not exist.")),
        }
    }

    fn tagged(&mut self, region: &str, arn: Option<&str>) -> Result<&mut Identity, Refusal> {
        let prefix = format!("arn:aws:ses:{region}:{ACCOUNT}:identity/");
        match arn.unwrap_or_default().strip_prefix(&prefix) {
            Some(name) => self.identity(region, Some(name)),
            None => refuse("BadRequestException", format!("{arn:?} is not an ARN of {region}")),
        }
    }

    fn stands(&self, name: &str, kind: &str, value: &str) -> bool {
        self.records
            .get(&(name.to_owned(), kind.to_owned()))
            .is_some_and(|values| values.iter().any(|there| there == value))
    }

    fn is_verified(&self, domain: &str, identity: &Identity) -> bool {
        identity.tokens.iter().all(|token| {
            self.stands(&format!("{token}._domainkey.{domain}"), "CNAME", &format!("{token}.dkim.amazonses.com"))
        }) && !identity.tokens.is_empty()
    }

    fn describe(&self, region: &str, name: &str) -> Option<GetEmailIdentityOutput> {
        let identity = self.identities.get(&(region.to_owned(), name.to_owned()))?;
        let is_verified = self.is_verified(name, identity);
        let origin =
            if identity.own_keys { DkimSigningAttributesOrigin::External } else { DkimSigningAttributesOrigin::AwsSes };
        let dkim = DkimAttributes::builder()
            .signing_enabled(true)
            .status(match (is_verified, identity.tokens.is_empty()) {
                (_, true) => DkimStatus::NotStarted,
                (true, _) => DkimStatus::Success,
                (false, _) => DkimStatus::Pending,
            })
            .set_tokens(Some(identity.tokens.clone()))
            .signing_attributes_origin(origin)
            .build();
        let mail_from = identity.mail_from.as_ref().map(|(domain, behavior)| {
            let mx = format!("10 feedback-smtp.{region}.amazonses.com");
            let found = if self.stands(domain, "MX", &mx) {
                MailFromDomainStatus::Success
            } else {
                MailFromDomainStatus::Pending
            };
            MailFromAttributes::builder()
                .mail_from_domain(domain)
                .mail_from_domain_status(identity.mail_from_status.clone().unwrap_or(found))
                .behavior_on_mx_failure(behavior.clone())
                .build()
                .unwrap()
        });
        let tag = |(key, value): (&String, &String)| {
            aws_sdk_sesv2::types::Tag::builder().key(key).value(value).build().unwrap()
        };
        Some(
            GetEmailIdentityOutput::builder()
                .verified_for_sending_status(is_verified)
                .verification_status(if is_verified {
                    VerificationStatus::Success
                } else {
                    VerificationStatus::Pending
                })
                .feedback_forwarding_status(!identity.no_forwarding)
                .dkim_attributes(dkim)
                .set_mail_from_attributes(mail_from)
                .set_tags(Some(identity.tags.iter().map(tag).collect()))
                .build(),
        )
    }

    fn settle(identity: &Identity) -> Result<(), Refusal> {
        if identity.no_forwarding && (identity.topics[0].is_none() || identity.topics[1].is_none()) {
            return refuse("InvalidParameterValue", "nobody would be told of bounces and complaints");
        }
        Ok(())
    }
}

fn index(kind: Option<&NotificationType>) -> usize {
    match kind {
        Some(NotificationType::Bounce) => 0,
        Some(NotificationType::Complaint) => 1,
        _ => 2,
    }
}

/// The services with their state.
#[derive(Clone, Default)]
pub(crate) struct World(MockedServices<State>);

impl Deref for World {
    type Target = MockedServices<State>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl World {
    pub(crate) fn with_identity(region: &str, domain: &str, identity: Identity) -> Self {
        let world = Self::default();
        world.state().identities.insert((region.to_owned(), domain.to_owned()), identity);
        world
    }

    pub(crate) fn identity(&self, region: &str, domain: &str) -> Option<Identity> {
        self.state().identities.get(&(region.to_owned(), domain.to_owned())).cloned()
    }

    pub(crate) fn change(&self, region: &str, domain: &str, change: impl FnOnce(&mut Identity)) {
        change(self.state().identities.get_mut(&(region.to_owned(), domain.to_owned())).unwrap());
    }

    pub(crate) fn record(&self, name: &str, kind: &str) -> Option<Vec<String>> {
        self.state().records.get(&(name.to_owned(), kind.to_owned())).cloned()
    }

    pub(crate) fn record_names(&self) -> Vec<String> {
        self.state().records.keys().map(|(name, kind)| format!("{name} {kind}")).collect()
    }

    pub(crate) fn services(&self) -> Services {
        let (identities, classic) = (self.clone(), self.clone());
        Services {
            identities: Identities::connecting(HOME, move |region| identities.sesv2(region)),
            classic: Classic::connecting(HOME, move |region| classic.ses(region)),
            caller: Caller::new(self.sts()),
            zones: HostedZones::from_clients(self.route53(), self.sts()),
        }
    }

    fn sts(&self) -> aws_sdk_sts::Client {
        let (services, region) = (&self.0, "");
        let get =
            operation!(services, region, aws_sdk_sts, get_caller_identity, GetCallerIdentityError, |_state, _input| {
                Ok(GetCallerIdentityOutput::builder()
                    .account(ACCOUNT)
                    .arn(format!("arn:aws:sts::{ACCOUNT}:assumed-role/r/f"))
                    .build())
            });
        client!(aws_sdk_sts, get)
    }

    fn sesv2(&self, region: &str) -> aws_sdk_sesv2::Client {
        let services = &self.0;
        let get =
            operation!(services, region, aws_sdk_sesv2, get_email_identity, GetEmailIdentityError, |state, input| {
                let name = input.email_identity().unwrap_or_default();
                match state.describe(region, name) {
                    Some(output) => Ok(output),
                    None => refuse("NotFoundException", format!("Email identity {name} does not exist.")),
                }
            });
        let create = operation!(
            services,
            region,
            aws_sdk_sesv2,
            create_email_identity,
            CreateEmailIdentityError,
            |state, input| {
                let name = input.email_identity().unwrap_or_default().to_owned();
                let key = (region.to_owned(), name.clone());
                if state.identities.contains_key(&key) {
                    return refuse("AlreadyExistsException", format!("Email identity {name} already exist."));
                }
                let tags = input.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
                let tokens = tokens(&name, &region.replace('-', ""));
                state.identities.insert(key, Identity { tags, tokens, ..Identity::default() });
                Ok(CreateEmailIdentityOutput::builder().build())
            }
        );
        let delete = operation!(
            services,
            region,
            aws_sdk_sesv2,
            delete_email_identity,
            DeleteEmailIdentityError,
            |state, input| {
                state.identity(region, input.email_identity())?;
                state.identities.remove(&(region.to_owned(), input.email_identity().unwrap().to_owned()));
                Ok(DeleteEmailIdentityOutput::builder().build())
            }
        );
        let tag = operation!(services, region, aws_sdk_sesv2, tag_resource, TagResourceError, |state, input| {
            let identity = state.tagged(region, input.resource_arn())?;
            for tag in input.tags() {
                assert!(tag.key().len() <= 128 && tag.value().len() <= 256, "{tag:?}");
                identity.tags.insert(tag.key().to_owned(), tag.value().to_owned());
            }
            Ok(TagResourceOutput::builder().build())
        });
        let untag = operation!(services, region, aws_sdk_sesv2, untag_resource, UntagResourceError, |state, input| {
            let identity = state.tagged(region, input.resource_arn())?;
            identity.tags.retain(|key, _| !input.tag_keys().contains(key));
            Ok(UntagResourceOutput::builder().build())
        });
        let dkim = operation!(
            services,
            region,
            aws_sdk_sesv2,
            put_email_identity_dkim_signing_attributes,
            PutEmailIdentityDkimSigningAttributesError,
            |state, input| {
                let name = input.email_identity().unwrap_or_default().to_owned();
                let identity = state.identity(region, Some(&name))?;
                identity.tokens = tokens(&name, "started");
                let tokens = Some(identity.tokens.clone());
                Ok(PutEmailIdentityDkimSigningAttributesOutput::builder().set_dkim_tokens(tokens).build())
            }
        );
        let mail_from = operation!(
            services,
            region,
            aws_sdk_sesv2,
            put_email_identity_mail_from_attributes,
            PutEmailIdentityMailFromAttributesError,
            |state, input| {
                let name = input.email_identity().unwrap_or_default();
                let identity = state.identity(region, Some(name))?;
                let wanted = input.mail_from_domain().map(str::to_owned);
                if wanted
                    .as_ref()
                    .is_some_and(|wanted| !wanted.ends_with(&format!(".{name}")) || wanted.starts_with('.'))
                {
                    return refuse("BadRequestException", "Provided MAIL-FROM domain is not a subdomain");
                }
                let behavior = input.behavior_on_mx_failure().cloned().unwrap_or(BehaviorOnMxFailure::UseDefaultValue);
                identity.mail_from = wanted.map(|wanted| (wanted, behavior));
                Ok(PutEmailIdentityMailFromAttributesOutput::builder().build())
            }
        );
        let feedback = operation!(
            services,
            region,
            aws_sdk_sesv2,
            put_email_identity_feedback_attributes,
            PutEmailIdentityFeedbackAttributesError,
            |state, input| {
                let identity = state.identity(region, input.email_identity())?;
                identity.no_forwarding = !input.email_forwarding_enabled().unwrap_or_default();
                State::settle(identity)?;
                Ok(PutEmailIdentityFeedbackAttributesOutput::builder().build())
            }
        );
        let policies = operation!(
            services,
            region,
            aws_sdk_sesv2,
            get_email_identity_policies,
            GetEmailIdentityPoliciesError,
            |state, input| {
                let policies = state.identity(region, input.email_identity())?.policies.clone();
                let policies = Some(policies.into_iter().collect());
                Ok(GetEmailIdentityPoliciesOutput::builder().set_policies(policies).build())
            }
        );
        let create_policy = operation!(
            services,
            region,
            aws_sdk_sesv2,
            create_email_identity_policy,
            CreateEmailIdentityPolicyError,
            |state, input| {
                let identity = state.identity(region, input.email_identity())?;
                let name = input.policy_name().unwrap_or_default().to_owned();
                if identity.policies.contains_key(&name) {
                    return refuse("AlreadyExistsException", name);
                }
                identity.policies.insert(name, input.policy().unwrap_or_default().to_owned());
                Ok(CreateEmailIdentityPolicyOutput::builder().build())
            }
        );
        let update_policy = operation!(
            services,
            region,
            aws_sdk_sesv2,
            update_email_identity_policy,
            UpdateEmailIdentityPolicyError,
            |state, input| {
                let identity = state.identity(region, input.email_identity())?;
                let name = input.policy_name().unwrap_or_default().to_owned();
                match identity.policies.get_mut(&name) {
                    Some(policy) => *policy = input.policy().unwrap_or_default().to_owned(),
                    None => return refuse("NotFoundException", name),
                }
                Ok(UpdateEmailIdentityPolicyOutput::builder().build())
            }
        );
        let delete_policy = operation!(
            services,
            region,
            aws_sdk_sesv2,
            delete_email_identity_policy,
            DeleteEmailIdentityPolicyError,
            |state, input| {
                let identity = state.identity(region, input.email_identity())?;
                if identity.policies.remove(input.policy_name().unwrap_or_default()).is_none() {
                    return refuse("NotFoundException", "no such policy");
                }
                Ok(DeleteEmailIdentityPolicyOutput::builder().build())
            }
        );
        let account = operation!(services, region, aws_sdk_sesv2, get_account, GetAccountError, |state, _input| {
            let quota = SendQuota::builder().max24_hour_send(if state.in_sandbox { 200.0 } else { 50000.0 }).build();
            Ok(GetAccountOutput::builder().production_access_enabled(!state.in_sandbox).send_quota(quota).build())
        });
        client!(
            aws_sdk_sesv2,
            get,
            create,
            delete,
            tag,
            untag,
            dkim,
            mail_from,
            feedback,
            policies,
            create_policy,
            update_policy,
            delete_policy,
            account
        )
    }

    fn ses(&self, region: &str) -> aws_sdk_ses::Client {
        let services = &self.0;
        let verify = operation!(
            services,
            region,
            aws_sdk_ses,
            verify_domain_identity,
            VerifyDomainIdentityError,
            |state, input| {
                let domain = input.domain().unwrap_or_default().to_owned();
                state.identities.entry((region.to_owned(), domain.clone())).or_default();
                Ok(VerifyDomainIdentityOutput::builder()
                    .verification_token(format!("token-of-{domain}="))
                    .build()
                    .unwrap())
            }
        );
        let verification = operation!(
            services,
            region,
            aws_sdk_ses,
            get_identity_verification_attributes,
            GetIdentityVerificationAttributesError,
            |state, input| {
                let mut output =
                    GetIdentityVerificationAttributesOutput::builder().set_verification_attributes(Some([].into()));
                for name in input.identities() {
                    if let Some(identity) = state.identities.get(&(region.to_owned(), name.clone())) {
                        let txt = format!("\"token-of-{name}=\"");
                        let found = state.is_verified(name, identity)
                            || state.stands(&format!("_amazonses.{name}"), "TXT", &txt);
                        let found = if found { ClassicStatus::Success } else { ClassicStatus::Pending };
                        let attributes = IdentityVerificationAttributes::builder()
                            .verification_status(identity.status.clone().unwrap_or(found))
                            .verification_token(format!("token-of-{name}="));
                        output = output.verification_attributes(name, attributes.build().unwrap());
                    }
                }
                Ok(output.build().unwrap())
            }
        );
        let notifications = operation!(
            services,
            region,
            aws_sdk_ses,
            get_identity_notification_attributes,
            GetIdentityNotificationAttributesError,
            |state, input| {
                let mut output =
                    GetIdentityNotificationAttributesOutput::builder().set_notification_attributes(Some([].into()));
                for name in input.identities() {
                    if let Some(identity) = state.identities.get(&(region.to_owned(), name.clone())) {
                        let topic = |index: usize| identity.topics[index].clone().unwrap_or_default();
                        let attributes = IdentityNotificationAttributes::builder()
                            .bounce_topic(topic(0))
                            .complaint_topic(topic(1))
                            .delivery_topic(topic(2))
                            .headers_in_bounce_notifications_enabled(identity.headers[0])
                            .headers_in_complaint_notifications_enabled(identity.headers[1])
                            .headers_in_delivery_notifications_enabled(identity.headers[2])
                            .forwarding_enabled(!identity.no_forwarding);
                        output = output.notification_attributes(name, attributes.build().unwrap());
                    }
                }
                Ok(output.build().unwrap())
            }
        );
        let topic = operation!(
            services,
            region,
            aws_sdk_ses,
            set_identity_notification_topic,
            SetIdentityNotificationTopicError,
            |state, input| {
                let Ok(identity) = state.identity(region, input.identity()) else {
                    return refuse("InvalidParameterValue", "Identity does not exist.");
                };
                if input.sns_topic().is_some_and(|topic| topic.ends_with("encrypted")) {
                    return refuse("InvalidParameterValue", "Invalid SNS topic");
                }
                identity.topics[index(input.notification_type())] = input.sns_topic().map(str::to_owned);
                State::settle(identity)?;
                Ok(SetIdentityNotificationTopicOutput::builder().build())
            }
        );
        let headers = operation!(
            services,
            region,
            aws_sdk_ses,
            set_identity_headers_in_notifications_enabled,
            SetIdentityHeadersInNotificationsEnabledError,
            |state, input| {
                let Ok(identity) = state.identity(region, input.identity()) else {
                    return refuse("InvalidParameterValue", "Identity does not exist.");
                };
                let index = index(input.notification_type());
                if identity.topics[index].is_none() {
                    return refuse("InvalidParameterValue", "there is no topic");
                }
                identity.headers[index] = input.enabled().unwrap_or_default();
                Ok(SetIdentityHeadersInNotificationsEnabledOutput::builder().build())
            }
        );
        let describe = operation!(
            services,
            region,
            aws_sdk_ses,
            describe_active_receipt_rule_set,
            DescribeActiveReceiptRuleSetError,
            |state, _input| {
                let metadata =
                    state.rule_sets.get(region).map(|name| ReceiptRuleSetMetadata::builder().name(name).build());
                Ok(DescribeActiveReceiptRuleSetOutput::builder().set_metadata(metadata).build())
            }
        );
        let activate = operation!(
            services,
            region,
            aws_sdk_ses,
            set_active_receipt_rule_set,
            SetActiveReceiptRuleSetError,
            |state, input| {
                match input.rule_set_name() {
                    Some(name) => drop(state.rule_sets.insert(region.to_owned(), name.to_owned())),
                    None => drop(state.rule_sets.remove(region)),
                }
                Ok(SetActiveReceiptRuleSetOutput::builder().build())
            }
        );
        client!(aws_sdk_ses, verify, verification, notifications, topic, headers, describe, activate)
    }

    fn route53(&self) -> aws_sdk_route53::Client {
        let (services, region) = (&self.0, "");
        let get = operation!(services, region, aws_sdk_route53, get_hosted_zone, GetHostedZoneError, |state, input| {
            let name = match input.id() {
                Some("ZORG") => "example.org.",
                Some("ZNET") => "example.net.",
                _ => return refuse("NoSuchHostedZone", "No hosted zone found"),
            };
            let config = aws_sdk_route53::types::HostedZoneConfig::builder().private_zone(state.private_zone).build();
            let zone = HostedZone::builder().id(input.id().unwrap()).name(name).caller_reference("r").config(config);
            Ok(GetHostedZoneOutput::builder().hosted_zone(zone.build().unwrap()).build())
        });
        let list = operation!(
            services,
            region,
            aws_sdk_route53,
            list_resource_record_sets,
            ListResourceRecordSetsError,
            |state, input| {
                let name = input.start_record_name().unwrap_or_default().trim_end_matches('.').to_owned();
                let kind = input.start_record_type().map_or("", RrType::as_str).to_owned();
                let found = state.records.get(&(name.clone(), kind.clone())).map(|values| {
                    let value = |value: &String| ResourceRecord::builder().value(value).build().unwrap();
                    ResourceRecordSet::builder()
                        .name(format!("{name}."))
                        .r#type(RrType::from(kind.as_str()))
                        .ttl(300)
                        .set_resource_records(Some(values.iter().map(value).collect()))
                        .build()
                        .unwrap()
                });
                Ok(ListResourceRecordSetsOutput::builder()
                    .set_resource_record_sets(Some(found.into_iter().collect()))
                    .is_truncated(false)
                    .max_items(100)
                    .build()
                    .unwrap())
            }
        );
        let change = operation!(
            services,
            region,
            aws_sdk_route53,
            change_resource_record_sets,
            ChangeResourceRecordSetsError,
            |state, input| {
                for change in input.change_batch().unwrap().changes() {
                    let set = change.resource_record_set().unwrap();
                    let key = (set.name().trim_end_matches('.').to_owned(), set.r#type().as_str().to_owned());
                    let values: Vec<_> =
                        set.resource_records().iter().map(|record| record.value().to_owned()).collect();
                    let standing = state.records.get(&key);
                    let has_cname = state.records.contains_key(&(key.0.clone(), "CNAME".to_owned()));
                    match change.action() {
                        ChangeAction::Create if standing.is_none() && !has_cname => {
                            drop(state.records.insert(key, values));
                        }
                        ChangeAction::Delete if standing == Some(&values) => drop(state.records.remove(&key)),
                        action => return refuse("InvalidChangeBatch", format!("{action:?} {key:?}")),
                    }
                }
                let info = ChangeInfo::builder()
                    .id("C1")
                    .status(ChangeStatus::Pending)
                    .submitted_at(DateTime::from_secs(0))
                    .build()
                    .unwrap();
                Ok(ChangeResourceRecordSetsOutput::builder().change_info(info).build())
            }
        );
        let in_sync = operation!(services, region, aws_sdk_route53, get_change, GetChangeError, |_state, _input| {
            let info = ChangeInfo::builder()
                .id("C1")
                .status(ChangeStatus::Insync)
                .submitted_at(DateTime::from_secs(0))
                .build()
                .unwrap();
            Ok(GetChangeOutput::builder().change_info(info).build())
        });
        client!(aws_sdk_route53, get, list, change, in_sync)
    }
}

impl Asked for World {
    fn provider(&self) -> Provider {
        ses_identity::provide(Provider::new().unwrap(), &self.services())
    }
}
