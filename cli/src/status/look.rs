//! Looks at a deployment. What cannot be read is unknown, with the reason.

use std::collections::BTreeSet;
use std::time::SystemTime;

use aws_sdk_cloudformation::types::StackStatus;
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use aws_sdk_sesv2::types::SendQuota;
use deployment::stack::{self, Stack};
use serde::Serialize;

use crate::aws::Aws;
use crate::console::Console;
use crate::event_line::clock;
use crate::exit::refused;
use crate::pool::{self, Pool, Request};
use crate::words::{words, words_of};

/// How many services ECS describes in one call.
const SERVICES_A_CALL: usize = 10;

/// How many of the last events are shown.
const EVENTS: usize = 5;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// Something that was read, or why it was not.
pub(super) type Seen<T> = Result<T, String>;

/// A deployment, looked at.
#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) stack: Stack,
    pub(super) pool: Seen<Pool>,
    pub(super) services: Seen<Vec<Service>>,
    pub(super) alarms: Seen<Vec<Alarm>>,
    pub(super) certificate: Seen<Certificate>,
    pub(super) mail: Seen<Mail>,
    pub(super) events: Seen<Vec<Happened>>,
}

/// A service of ECS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) desired: i32,
    pub(super) running: i32,
    pub(super) pending: i32,
}

/// An alarm that is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Alarm {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) reason: String,
}

/// The certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Certificate {
    pub(super) arn: String,
    pub(super) status: String,
    /// Days until it ends; ACM renews its own 60 days before.
    pub(super) days: Option<i64>,
}

/// What SES may send.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Mail {
    /// Whether mail reaches verified addresses only.
    pub(super) sandbox: bool,
    /// Whether sending is on at all.
    pub(super) enabled: bool,
    pub(super) sent_in_a_day: f64,
    pub(super) allowed_in_a_day: f64,
}

/// An event of the root stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Happened {
    pub(super) at: String,
    pub(super) resource: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
}

impl Deployment {
    /// Whether something is known to be wrong.
    pub(super) fn is_wrong(&self) -> bool {
        is_failed(&self.stack.status) || self.alarms.as_ref().is_ok_and(|alarms| !alarms.is_empty())
    }
}

/// Whether a stack of this status is not what it should be.
pub(super) fn is_failed(status: &StackStatus) -> bool {
    let status = status.as_str();
    status.ends_with("_FAILED") || status == "ROLLBACK_COMPLETE"
}

/// Looks at everything at once.
pub(super) async fn look(aws: &Aws, name: &str, console: &Console) -> anyhow::Result<Deployment> {
    let Some(stack) = stack::describe(&aws.cloudformation(), name).await? else {
        return Err(refused(format!("there is no stack {name} in {}: give --stack-name or --region", aws.place())));
    };
    let (pool, services, alarms, certificate, mail, events) = tokio::join!(
        pool(aws, &stack, console),
        services(aws, &stack),
        alarms(aws, &stack),
        certificate(aws, &stack),
        mail(aws),
        events(aws, &stack),
    );
    Ok(Deployment { pool, services, alarms, certificate, mail, events, stack })
}

fn output<'a>(stack: &'a Stack, name: &str) -> Seen<&'a str> {
    stack.outputs.get(name).map(String::as_str).ok_or_else(|| format!("the stack has no output {name}"))
}

async fn pool(aws: &Aws, stack: &Stack, console: &Console) -> Seen<Pool> {
    let function = output(stack, "PoolFunctionName")?;
    pool::ask(&pool::client(aws), function, &Request::List, console).await.map_err(|error| words(&error))
}

async fn services(aws: &Aws, stack: &Stack) -> Seen<Vec<Service>> {
    let cluster = output(stack, "ClusterName")?;
    let client = aws.ecs();
    let mut arns = Vec::new();
    let mut pages = client.list_services().cluster(cluster).into_paginator().items().send();
    while let Some(arn) = pages.next().await {
        arns.push(arn.map_err(|error| words_of(&error))?);
    }
    let mut services = Vec::new();
    for some in arns.chunks(SERVICES_A_CALL) {
        let request = client.describe_services().cluster(cluster).set_services(Some(some.to_vec()));
        let described = request.send().await.map_err(|error| words_of(&error))?;
        services.extend(described.services().iter().map(|service| Service {
            name: service.service_name().unwrap_or_default().to_owned(),
            desired: service.desired_count(),
            running: service.running_count(),
            pending: service.pending_count(),
        }));
    }
    services.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(services)
}

/// The deployment's alarms that are on: those whose names are of its nested stacks, or that tell its topic.
async fn alarms(aws: &Aws, stack: &Stack) -> Seen<Vec<Alarm>> {
    let topic = output(stack, "OperatorTopicArn")?;
    let prefix = format!("{}-", stack.name);
    let client = aws.cloudwatch();
    let request = client.describe_alarms().state_value(StateValue::Alarm);
    let mut pages =
        request.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm).into_paginator().send();
    let (mut on, mut names) = (Vec::new(), BTreeSet::new());
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| words_of(&error))?;
        let metric = page
            .metric_alarms()
            .iter()
            .map(|alarm| (alarm.alarm_name(), alarm.alarm_description(), alarm.state_reason(), alarm.alarm_actions()));
        let composite = page
            .composite_alarms()
            .iter()
            .map(|alarm| (alarm.alarm_name(), alarm.alarm_description(), alarm.state_reason(), alarm.alarm_actions()));
        for (name, description, reason, actions) in metric.chain(composite) {
            let name = name.unwrap_or_default();
            // Scaling's own alarms begin with TargetTracking; that one of them is on means that it scales.
            let is_ours = name.starts_with(&prefix) || actions.iter().any(|action| action == topic);
            if is_ours && names.insert(name.to_owned()) {
                on.push(Alarm {
                    name: name.to_owned(),
                    description: description.unwrap_or_default().to_owned(),
                    reason: reason.unwrap_or_default().to_owned(),
                });
            }
        }
    }
    Ok(on)
}

async fn certificate(aws: &Aws, stack: &Stack) -> Seen<Certificate> {
    let arn = output(stack, "CertificateArn")?;
    let described = aws.acm().describe_certificate().certificate_arn(arn).send().await;
    let detail = described.map_err(|error| words_of(&error))?.certificate;
    let detail = detail.ok_or_else(|| "AWS said nothing of it".to_owned())?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    Ok(Certificate {
        arn: arn.to_owned(),
        status: detail.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        days: detail.not_after().map(|end| (end.secs() - now).div_euclid(DAY)),
    })
}

async fn mail(aws: &Aws) -> Seen<Mail> {
    let account = aws.mail().get_account().send().await.map_err(|error| words_of(&error))?;
    let quota = account.send_quota();
    Ok(Mail {
        sandbox: !account.production_access_enabled(),
        enabled: account.sending_enabled(),
        sent_in_a_day: quota.map_or(0.0, SendQuota::sent_last24_hours),
        allowed_in_a_day: quota.map_or(0.0, SendQuota::max24_hour_send),
    })
}

async fn events(aws: &Aws, stack: &Stack) -> Seen<Vec<Happened>> {
    let page = aws.cloudformation().describe_stack_events().stack_name(&stack.id).send().await;
    let page = page.map_err(|error| words_of(&error))?;
    Ok(page
        .stack_events()
        .iter()
        .take(EVENTS)
        .map(|event| Happened {
            at: event.timestamp().and_then(|time| SystemTime::try_from(*time).ok()).map(clock).unwrap_or_default(),
            resource: event.logical_resource_id().unwrap_or_default().to_owned(),
            status: event.resource_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: event.resource_status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
        })
        .collect())
}
