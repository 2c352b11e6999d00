//! Calls of the mail types to SES, Route 53, IAM, Secrets Manager and STS that are throttled, denied, lost, or answered late.
//!
//! `Custom::SMTPPW` is not here: it calls nobody.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aws_sdk_route53::types::RrType;
use custom_resource::Status;
use rehearsal::{
    fault_proxy::{Fault, FaultProxy, Rule, When},
    local_aws::{ACCOUNT, REGION, elements},
    runtime_api::Function,
};
use serde_json::{Value, json};
use tests::{
    cases::{Case, case},
    stage::{Answered, Stage},
    until,
};

/// Refused at once: far less than any time-out or retry takes, more than a busy machine adds.
const PROMPTLY: Duration = Duration::from_secs(20);

/// In which requests an operation is called: Create, Update, Delete.
type Phases = [bool; 3];

/// A resource type and what it calls.
#[derive(Clone, Copy)]
struct Subject {
    resource_type: &'static str,
    /// Makes what there must be before; gives the properties and others that are an update in place.
    prepare: for<'a> fn(&'a Stage) -> Prepared<'a>,
    /// Every operation of its life without faults.
    operations: &'static [(&'static str, &'static str, Phases)],
}

type Prepared<'a> = std::pin::Pin<Box<dyn Future<Output = (Value, Value)> + 'a>>;

const CREATE: usize = 0;
const UPDATE: usize = 1;
const DELETE: usize = 2;

const C: Phases = [true, false, false];
const U: Phases = [false, true, false];
const D: Phases = [false, false, true];
const CU: Phases = [true, true, false];
const CUD: Phases = [true, true, true];

const SUBJECTS: &[Subject] = &[
    Subject {
        resource_type: "Custom::EmailDomain",
        prepare: |stage| Box::pin(email_domain(stage)),
        operations: &[
            ("route53", "ChangeResourceRecordSets", CUD),
            ("route53", "GetChange", CU),
            ("route53", "GetHostedZone", CUD),
            ("route53", "ListResourceRecordSets", CUD),
            ("ses", "CreateEmailIdentity", C),
            ("ses", "DeleteEmailIdentity", D),
            ("ses", "GetAccount", CU),
            ("ses", "GetEmailIdentity", CUD),
            ("ses", "GetIdentityNotificationAttributes", CU),
            ("ses", "PutEmailIdentityFeedbackAttributes", C),
            ("ses", "PutEmailIdentityMailFromAttributes", C),
            ("ses", "SetIdentityHeadersInNotificationsEnabled", C),
            ("ses", "SetIdentityNotificationTopic", C),
            ("ses", "TagResource", CU),
            ("ses", "UntagResource", U),
            ("sts", "GetCallerIdentity", C),
        ],
    },
    Subject {
        resource_type: "Custom::SmtpCredentials",
        prepare: |stage| Box::pin(smtp_credentials(stage)),
        operations: &[
            ("iam", "CreateAccessKey", CU),
            ("iam", "DeleteAccessKey", D),
            ("iam", "ListAccessKeys", CU),
            ("iam", "ListUserTags", CUD),
            ("iam", "TagUser", CU),
            ("iam", "UntagUser", D),
            ("secretsmanager", "GetSecretValue", CU),
            ("secretsmanager", "PutSecretValue", CU),
        ],
    },
    Subject {
        resource_type: "Custom::DomainIdentity",
        prepare: |stage| Box::pin(domain_identity(stage)),
        operations: &[
            ("ses", "CreateEmailIdentity", C),
            ("ses", "DeleteEmailIdentity", D),
            ("ses", "GetEmailIdentity", CUD),
            ("ses", "VerifyDomainIdentity", CU),
        ],
    },
    Subject {
        resource_type: "Custom::DkimTokens",
        prepare: |stage| Box::pin(dkim_tokens(stage)),
        operations: &[("ses", "GetEmailIdentity", CU)],
    },
    Subject {
        resource_type: "Custom::VerifiedIdentity",
        prepare: |stage| Box::pin(verified_identity(stage)),
        operations: &[("ses", "GetIdentityVerificationAttributes", CU)],
    },
    Subject {
        resource_type: "Custom::IdentityNotifications",
        prepare: |stage| Box::pin(identity_notifications(stage)),
        operations: &[
            ("ses", "GetEmailIdentity", CUD),
            ("ses", "GetIdentityNotificationAttributes", CUD),
            ("ses", "PutEmailIdentityFeedbackAttributes", CU),
            ("ses", "SetIdentityHeadersInNotificationsEnabled", CUD),
            ("ses", "SetIdentityNotificationTopic", CUD),
            ("ses", "TagResource", C),
            ("ses", "UntagResource", D),
            ("sts", "GetCallerIdentity", C),
        ],
    },
    Subject {
        resource_type: "Custom::IdentityPolicy",
        prepare: |stage| Box::pin(identity_policy(stage)),
        operations: &[
            ("ses", "CreateEmailIdentityPolicy", C),
            ("ses", "DeleteEmailIdentityPolicy", D),
            ("ses", "GetEmailIdentityPolicies", CU),
            ("ses", "UpdateEmailIdentityPolicy", U),
            ("sts", "GetCallerIdentity", C),
        ],
    },
    Subject {
        resource_type: "Custom::MailFromDomain",
        prepare: |stage| Box::pin(mail_from_domain(stage)),
        operations: &[("ses", "GetEmailIdentity", D), ("ses", "PutEmailIdentityMailFromAttributes", CUD)],
    },
    Subject {
        resource_type: "Custom::VerifiedMailFromDomain",
        prepare: |stage| Box::pin(verified_mail_from_domain(stage)),
        operations: &[("ses", "GetEmailIdentity", CU)],
    },
    Subject {
        resource_type: "Custom::ActiveReceiptRuleSet",
        prepare: |stage| Box::pin(active_receipt_rule_set(stage)),
        operations: &[("ses", "DescribeActiveReceiptRuleSet", CUD), ("ses", "SetActiveReceiptRuleSet", CUD)],
    },
];

/// What of a case's domain there is: by it Create, Update and Delete are judged.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    identity: Value,
    topics: Vec<Option<String>>,
    records: Vec<String>,
    rule_set: Option<String>,
    keys: BTreeSet<String>,
    tags: Vec<String>,
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for &subject in SUBJECTS {
        let of = subject.resource_type;
        cases.push(case(format!("{of}: a life without faults"), move |stage| async move {
            without_faults(&stage, subject).await;
        }));
        for &(service, operation, phases) in subject.operations {
            let manners = [
                // More often than the SDK tries by itself.
                ("throttled at first in each request", When::First(5), Fault::Throttle, true),
                ("failing at first in each request", When::First(2), Fault::ServerError, true),
                // Once in a life, since it takes a time-out of ten seconds.
                ("done, but the answer lost once", When::Nth(1), Fault::HangAfterEffect, false),
            ];
            for (manner, when, fault, in_each) in manners {
                cases.push(case(
                    format!("{of}: {service}:{operation} {manner}: a whole life"),
                    move |stage| async move {
                        let rule = Rule::on(service, operation, when, fault);
                        life(&stage, subject, &rule, in_each).await;
                        stage.assert_faulted();
                    },
                ));
            }
            if phases[CREATE] {
                cases.push(case(format!("{of}: {service}:{operation} throttled for ever"), move |stage| async move {
                    throttled_for_ever(&stage, subject, service, operation).await;
                }));
            }
            for phase in [CREATE, UPDATE, DELETE].into_iter().filter(|phase| phases[*phase]) {
                let name = ["Create", "Update", "Delete"][phase];
                cases.push(case(format!("{of}: {service}:{operation} denied in {name}"), move |stage| async move {
                    denied(&stage, subject, service, operation, phase).await;
                }));
            }
        }
    }
    cases
}

/// Whether an operation is of SES's current API, which has its own word for throttling.
fn is_new_ses(service: &str, operation: &str) -> bool {
    service == "ses"
        && (operation.contains("EmailIdentity") || ["GetAccount", "TagResource", "UntagResource"].contains(&operation))
}

/// What a type does if it may and does without if not: the old provider's roles have no right to it.
fn is_optional(resource_type: &str, operation: &str) -> bool {
    resource_type == "Custom::IdentityNotifications" && ["TagResource", "UntagResource"].contains(&operation)
}

fn is_write(operation: &str) -> bool {
    !["Get", "List", "Describe"].iter().any(|reading| operation.starts_with(reading))
}

/// One stack's resource, from its Create to its Delete.
struct Life<'a> {
    stage: &'a Stage,
    provider: Arc<Function>,
    subject: Subject,
    old: Value,
    new: Value,
    before: Seen,
}

impl<'a> Life<'a> {
    async fn begin(stage: &'a Stage, subject: Subject) -> Self {
        let (mut old, mut new) = (subject.prepare)(stage).await;
        for properties in [&mut old, &mut new] {
            properties["ServiceTimeout"] = json!("90");
        }
        let function =
            if subject.resource_type == "Custom::SmtpCredentials" { "smtp-credentials" } else { "ses-identity" };
        let provider = stage.provider_called(function).await;
        Self { before: seen(stage, &old).await, provider, stage, subject, old, new }
    }

    async fn create(&self) -> Answered {
        self.stage.answer(&self.provider, &self.stage.request_for(self.subject.resource_type, &self.old).create()).await
    }

    async fn update(&self, id: &str) -> Answered {
        let request = self.stage.request_for(self.subject.resource_type, &self.new);
        self.stage.answer(&self.provider, &request.update(id, self.old.clone())).await
    }

    /// The roll-back of [`Life::update`].
    async fn back(&self, id: &str) -> Answered {
        let request = self.stage.request_for(self.subject.resource_type, &self.old);
        self.stage.answer(&self.provider, &request.update(id, self.new.clone())).await
    }

    async fn delete(&self, id: &str, properties: &Value) -> Answered {
        let request = self.stage.request_for(self.subject.resource_type, properties);
        self.stage.answer(&self.provider, &request.delete(id)).await
    }

    /// After an Update that replaced, as another access key does, CloudFormation has the old resource deleted.
    async fn clean_up(&self, old: &str, new: &str) {
        if new != old {
            assert_eq!(self.subject.resource_type, "Custom::SmtpCredentials", "{old} became {new}");
            self.delete(old, &self.old).await.succeeded();
        }
    }

    async fn seen(&self) -> Seen {
        seen(self.stage, &self.old).await
    }
}

/// A Create, an Update and a Delete, with the operations that are called in each.
async fn without_faults(stage: &Stage, subject: Subject) {
    let life = Life::begin(stage, subject).await;
    let mut called = Called::default();
    let id = life.create().await.succeeded().physical_resource_id;
    called.note(&stage.proxy, CREATE);
    let made = life.seen().await;
    let new = life.update(&id).await.succeeded().physical_resource_id;
    called.note(&stage.proxy, UPDATE);
    life.clean_up(&id, &new).await;
    life.delete(&new, &life.new).await.succeeded();
    called.note(&stage.proxy, DELETE);
    assert_eq!(life.seen().await, life.before, "after the Delete");
    if subject.operations.iter().any(|(_, operation, _)| is_write(operation)) {
        assert_ne!(made, life.before, "after the Create");
    }
    let declared =
        subject.operations.iter().map(|(service, name, phases)| (((*service).into(), (*name).into()), *phases));
    assert_eq!(called.phases, declared.collect(), "what it calls");
}

/// Operations and the requests in which they were called.
#[derive(Default)]
struct Called {
    phases: BTreeMap<(String, String), Phases>,
    noted: usize,
}

impl Called {
    /// Notes the calls since the last time.
    fn note(&mut self, proxy: &FaultProxy, phase: usize) {
        let calls = proxy.calls();
        for call in &calls[self.noted..] {
            let operation = (call.operation.service.clone(), call.operation.name.clone());
            self.phases.entry(operation).or_default()[phase] = true;
        }
        self.noted = calls.len();
    }
}

/// The operations fail for a while, in the whole life or in each request: all three succeed nevertheless.
async fn life(stage: &Stage, subject: Subject, rule: &Rule, in_each: bool) {
    let life = Life::begin(stage, subject).await;
    let renew = || {
        if in_each {
            stage.proxy.clear();
            stage.proxy.add(rule.clone());
        }
    };
    stage.proxy.add(rule.clone());
    let id = life.create().await.succeeded().physical_resource_id;
    renew();
    let new = life.update(&id).await.succeeded().physical_resource_id;
    renew();
    life.clean_up(&id, &new).await;
    life.delete(&new, &life.new).await.succeeded();
    assert_eq!(life.seen().await, life.before, "after the Delete");
}

/// An operation is throttled without end: FAILED in time, and the Delete leaves nothing behind.
async fn throttled_for_ever(stage: &Stage, subject: Subject, service: &'static str, operation: &'static str) {
    let limit = Duration::from_secs(20);
    let mut life = Life::begin(stage, subject).await;
    stage.proxy.add(Rule::on(service, operation, When::Always, Fault::Throttle));
    life.old["ServiceTimeout"] = json!(limit.as_secs());
    let failed = life.create().await.within(limit).failed_with(if is_new_ses(service, operation) {
        "TooManyRequests"
    } else {
        "Throttling"
    });
    stage.assert_faulted();
    stage.proxy.clear();
    life.old["ServiceTimeout"] = json!("60");
    life.delete(&failed.physical_resource_id, &life.old).await.succeeded();
    assert_eq!(life.seen().await, life.before, "after the Delete of {}", failed.physical_resource_id);
}

/// A permission is missing in one of the requests: FAILED at once with the action's name, and everything can be undone.
async fn denied(stage: &Stage, subject: Subject, service: &'static str, operation: &'static str, phase: usize) {
    let life = Life::begin(stage, subject).await;
    let deny = || stage.proxy.add(Rule::on(service, operation, When::Always, Fault::Deny));
    let expect_denied = |answered: Answered| {
        let failed = answered.within(PROMPTLY).failed_with("AccessDenied");
        let reason = &failed.reason;
        assert!(reason.contains(&format!("{service}:{operation}")), "the action is named: {reason}");
        failed.physical_resource_id
    };
    if phase == CREATE && is_optional(subject.resource_type, operation) {
        deny();
        let id = life.create().await.within(PROMPTLY).succeeded().physical_resource_id;
        life.delete(&id, &life.old).await.succeeded();
        assert_eq!(life.seen().await, life.before, "after the Delete of {id}");
        return;
    }
    if phase == CREATE {
        deny();
        let id = expect_denied(life.create().await);
        stage.proxy.clear();
        life.delete(&id, &life.old).await.succeeded();
        assert_eq!(life.seen().await, life.before, "after the Delete of {id}");
        return;
    }
    let id = life.create().await.succeeded().physical_resource_id;
    let made = life.seen().await;
    deny();
    if phase == UPDATE {
        assert_eq!(expect_denied(life.update(&id).await), id, "nothing was replaced");
        stage.proxy.clear();
        assert_eq!(life.back(&id).await.succeeded().physical_resource_id, id);
        assert_eq!(life.seen().await, made, "after the roll-back");
    } else {
        let answered = life.delete(&id, &life.old).await.within(PROMPTLY);
        stage.assert_faulted();
        stage.proxy.clear();
        if answered.answer.status == Status::Success {
            // What could not be removed harms nobody: the identity and the keys are gone.
            let mut seen = life.seen().await;
            let mut before = life.before;
            for seen in [&mut seen, &mut before] {
                seen.records.clear();
                if is_optional(subject.resource_type, operation) {
                    seen.identity["Tags"] = Value::Null;
                }
            }
            assert_eq!(seen, before);
            return;
        }
        answered.failed_with("AccessDenied");
    }
    life.delete(&id, &life.old).await.succeeded();
    assert_eq!(life.seen().await, life.before, "after the Delete");
}

/// The first label of the case's domain, which is the case's own.
fn label(stage: &Stage) -> &str {
    stage.domain.split('.').next().unwrap_or_default()
}

/// A region that is the case's own.
fn own_region(stage: &Stage) -> String {
    format!("eu-{}-1", label(stage))
}

async fn seen(stage: &Stage, properties: &Value) -> Seen {
    let aws = stage.cloud.aws();
    let identity = aws.email_identity(REGION, &stage.domain).await.unwrap_or_default();
    let mut parts: Value = ["Tags", "FeedbackForwardingStatus", "Policies"]
        .into_iter()
        .map(|part| (part.to_owned(), identity[part].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    // Their order says nothing.
    if let Some(tags) = parts["Tags"].as_array_mut() {
        tags.sort_by_key(Value::to_string);
    }
    parts["MailFromDomain"] = identity["MailFromAttributes"]["MailFromDomain"].clone();
    let region = own_region(stage);
    let active = aws.query("ses", &region, "DescribeActiveReceiptRuleSet", &[]).await.expect("the active rule set");
    let user = properties["UserName"].as_str().unwrap_or_default();
    let (keys, tags) = if user.is_empty() {
        (BTreeSet::new(), Vec::new())
    } else {
        let tags = aws.query("iam", REGION, "ListUserTags", &[("UserName", user)]).await.expect("the user's tags");
        let tags = elements(&tags, "Key").map(str::to_owned).collect();
        (aws.access_keys(user).await.expect("the user's keys"), tags)
    };
    Seen {
        identity: parts,
        topics: aws.notification_topics(&stage.domain).await.expect("topics").into(),
        records: stage.cloud.all_records(&stage.zone).await,
        rule_set: elements(&active, "Name").next().map(str::to_owned),
        keys,
        tags,
    }
}

async fn email_domain(stage: &Stage) -> (Value, Value) {
    let old = json!({
        "Domain": stage.domain, "Region": REGION, "HostedZoneId": stage.zone, "DmarcPolicy": "none",
        "NotificationTopicArn": topic(stage).await,
        "Tags": [{"Key": "Name", "Value": "one"}, {"Key": "Old", "Value": "yes"}],
    });
    let mut new = old.clone();
    new["DmarcPolicy"] = json!("quarantine");
    new["Tags"] = json!([{"Key": "Name", "Value": "two"}]);
    (old, new)
}

async fn smtp_credentials(stage: &Stage) -> (Value, Value) {
    let aws = stage.cloud.aws();
    let user = format!("sender-{}", label(stage));
    aws.query("iam", REGION, "CreateUser", &[("UserName", &user)]).await.expect("a user");
    let secret = json!({"Name": user, "ClientRequestToken": format!("{:032x}", fastrand::u128(..))});
    let secret = aws.json("secretsmanager", "secretsmanager.CreateSecret", &secret).await.expect("a secret");
    let old = json!({"UserName": user, "SecretArn": secret["ARN"], "Region": REGION, "Rotation": "1"});
    let mut new = old.clone();
    new["Rotation"] = json!("2");
    (old, new)
}

async fn domain_identity(stage: &Stage) -> (Value, Value) {
    let old = json!({"Domain": stage.domain, "Region": REGION});
    let mut new = old.clone();
    new["RecordSetDefaults"] = json!({"TTL": "300"});
    (old, new)
}

async fn dkim_tokens(stage: &Stage) -> (Value, Value) {
    make_identity(stage).await;
    domain_identity(stage).await
}

async fn verified_identity(stage: &Stage) -> (Value, Value) {
    make_verified_identity(stage).await;
    let old = json!({"Identity": stage.domain, "Region": REGION});
    let mut new = old.clone();
    new["Dummy"] = json!("true");
    (old, new)
}

/// An identity of the case's domain that is nobody's, and that SES has verified.
async fn make_verified_identity(stage: &Stage) {
    make_identity(stage).await;
    let look = async || stage.cloud.aws().email_identity(REGION, &stage.domain).await.expect("the identity");
    for token in look().await["DkimAttributes"]["Tokens"].as_array().expect("tokens") {
        let token = token.as_str().expect("a token");
        let name = format!("{token}._domainkey.{}", stage.domain);
        let value = format!("{token}.dkim.amazonses.com");
        stage.cloud.write_record(&stage.zone, &name, RrType::Cname, &value).await;
    }
    let limit = Duration::from_secs(20);
    until("SES has verified the identity", limit, async || look().await["VerifiedForSendingStatus"] == true).await;
}

async fn identity_notifications(stage: &Stage) -> (Value, Value) {
    make_identity(stage).await;
    let topic = topic(stage).await;
    let old = json!({
        "Identity": stage.domain, "Region": REGION, "BounceTopic": topic, "ComplaintTopic": topic, "ForwardingEnabled": "false",
        "HeadersInBounceNotificationsEnabled": "true", "HeadersInComplaintNotificationsEnabled": "true",
    });
    let mut new = old.clone();
    new["DeliveryTopic"] = json!(topic);
    new["HeadersInBounceNotificationsEnabled"] = json!("false");
    new["ForwardingEnabled"] = json!("true");
    (old, new)
}

async fn identity_policy(stage: &Stage) -> (Value, Value) {
    make_verified_identity(stage).await;
    let policy = |actions: &[&str]| {
        json!({"Identity": stage.domain, "PolicyName": "Colleagues", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Sid": "Colleagues", "Effect": "Allow", "Principal": {"AWS": ["210987654321"]}, "Action": actions,
            "Resource": format!("arn:aws:ses:{REGION}:{ACCOUNT}:identity/{}", stage.domain),
        }]}})
    };
    (policy(&["ses:SendEmail"]), policy(&["ses:SendEmail", "ses:SendRawEmail"]))
}

async fn mail_from_domain(stage: &Stage) -> (Value, Value) {
    make_identity(stage).await;
    let old = json!({"Domain": stage.domain, "Region": REGION, "MailFromSubdomain": "mail"});
    let mut new = old.clone();
    new["MailFromSubdomain"] = json!("bounce");
    (old, new)
}

async fn verified_mail_from_domain(stage: &Stage) -> (Value, Value) {
    make_identity(stage).await;
    let mail_from = format!("mail.{}", stage.domain);
    stage.cloud.aws().set_mail_from(&stage.domain, &mail_from).await.expect("a MAIL FROM domain");
    let mx = format!("10 feedback-smtp.{REGION}.amazonses.com");
    stage.cloud.write_record(&stage.zone, &mail_from, RrType::Mx, &mx).await;
    stage.cloud.write_record(&stage.zone, &mail_from, RrType::Txt, "\"v=spf1 include:amazonses.com ~all\"").await;
    let old = json!({"Identity": stage.domain, "Region": REGION});
    let mut new = old.clone();
    new["Dummy"] = json!("true");
    (old, new)
}

async fn active_receipt_rule_set(stage: &Stage) -> (Value, Value) {
    let region = own_region(stage);
    for name in ["inbound", "inbound-2"] {
        let made = stage.cloud.aws().query("ses", &region, "CreateReceiptRuleSet", &[("RuleSetName", name)]).await;
        made.expect("a rule set");
    }
    let properties = |name: &str| json!({"RuleSetName": name, "Region": region});
    (properties("inbound"), properties("inbound-2"))
}

/// An identity of the case's domain that is nobody's.
async fn make_identity(stage: &Stage) {
    stage.cloud.aws().create_email_identity(&stage.domain).await.expect("an identity");
}

/// A topic that SES may publish to.
async fn topic(stage: &Stage) -> String {
    let name = format!("mail-{}", label(stage));
    let arn = format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}");
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "ses.amazonaws.com"}, "Action": "sns:Publish", "Resource": arn,
    }]});
    let parameters = [
        ("Name", name.as_str()),
        ("Attributes.entry.1.key", "Policy"),
        ("Attributes.entry.1.value", &policy.to_string()),
    ];
    stage.cloud.aws().query("sns", REGION, "CreateTopic", &parameters).await.expect("a topic");
    arn
}
