//! Calls to ACM, Route 53 and STS that are throttled, denied, lost, answered late, or answered bit by bit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use custom_resource::{NOTHING_CREATED, OUTCOME_UNKNOWN};
use rehearsal::fault_proxy::{Fault, Rule, When};
use serde_json::{Value, json};
use tests::{
    cases::{Case, case},
    cloud::{ZONE_ROLE, role_arn},
    detours::{Cut, Resetter},
    stage::Stage,
};

use crate::long_waits::never_validated;

/// Every operation that a certificate's Create, Update and Delete call.
const OPERATIONS: &[(&str, &str)] = &[
    ("sts", "AssumeRole"),
    ("route53", "GetHostedZone"),
    ("acm", "ListCertificates"),
    ("acm", "ListTagsForCertificate"),
    ("acm", "RequestCertificate"),
    ("acm", "DescribeCertificate"),
    ("route53", "ListResourceRecordSets"),
    ("route53", "ChangeResourceRecordSets"),
    ("route53", "GetChange"),
    ("acm", "AddTagsToCertificate"),
    ("acm", "RemoveTagsFromCertificate"),
    ("acm", "DeleteCertificate"),
];

/// What a Create calls before it asks for the certificate, and from then on.
const BEFORE_THE_REQUEST: usize = 5;
const OF_CREATE: usize = 9;

/// Refused at once: far less than any time-out or retry takes, more than a busy machine adds.
const PROMPTLY: Duration = Duration::from_secs(15);

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for &(service, operation) in OPERATIONS {
        // Slow ones once in a life, since each takes a time-out of ten seconds.
        cases.push(life(service, operation, "unanswered once", When::Nth(1), Fault::Hang, 1));
        cases.push(life(service, operation, "done, but the answer lost once", When::Nth(1), Fault::HangAfterEffect, 1));
        // More often than the SDK tries by itself.
        cases.push(life(service, operation, "throttled at first", When::First(5), Fault::Throttle, 1));
        cases.push(life(service, operation, "failing at first in each request", When::First(2), Fault::ServerError, 3));
    }
    for (position, &(service, operation)) in OPERATIONS[..OF_CREATE].iter().enumerate() {
        cases.push(never_succeeds(service, operation, "throttled", Fault::Throttle, "Throttling"));
        cases.push(never_succeeds(service, operation, "failing", Fault::ServerError, "InternalFailure"));
        cases.push(never_succeeds(service, operation, "unanswered", Fault::Hang, ""));
        cases.push(never_succeeds(service, operation, "done, but the answer lost", Fault::HangAfterEffect, ""));
        cases.push(denied_in_create(service, operation, position < BEFORE_THE_REQUEST));
    }
    cases.extend(
        [
            ("sts", "AssumeRole"),
            ("route53", "GetHostedZone"),
            ("acm", "ListCertificates"),
            ("acm", "ListTagsForCertificate"),
            ("acm", "DescribeCertificate"),
            ("acm", "AddTagsToCertificate"),
            ("acm", "RemoveTagsFromCertificate"),
        ]
        .map(|(service, operation)| denied_in_update(service, operation)),
    );
    cases.extend(
        [("acm", "DescribeCertificate"), ("acm", "DeleteCertificate")]
            .map(|(service, operation)| denied_in_delete(service, operation)),
    );
    cases.extend(
        [
            ("sts", "AssumeRole"),
            ("acm", "ListCertificates"),
            ("route53", "GetHostedZone"),
            ("route53", "ListResourceRecordSets"),
            ("route53", "ChangeResourceRecordSets"),
        ]
        .map(|(service, operation)| record_kept(service, operation)),
    );
    for cut in [Cut::BeforeEffect, Cut::AfterEffect] {
        for mark in ["CertificateManager.RequestCertificate", "/rrset", "CertificateManager.DeleteCertificate"] {
            cases.push(reset(mark, cut));
        }
    }
    cases.extend([
        case("records never named", |stage| async move { records_never_named(&stage).await }),
        case("records named one by one", |stage| async move { records_one_by_one(&stage).await }),
        case("never validated", |stage| async move { not_validated(&stage).await }),
        case("in use for ever", |stage| async move { in_use(&stage).await }),
    ]);
    cases
}

/// The properties, with a role for the zone when STS is to be called.
fn properties(stage: &Stage, service: &str) -> Value {
    let mut properties = stage.properties();
    if service == "sts" {
        properties["HostedZoneRoleArn"] = json!(role_arn(ZONE_ROLE));
        properties["HostedZoneRoleExternalId"] = json!(stage.cloud.external_id);
    }
    properties
}

/// The properties with other tags: what an Update changes in place.
fn with_other_tags(old: &Value) -> Value {
    let mut new = old.clone();
    new["Tags"] = json!([{"Key": "Name", "Value": "two"}]);
    new
}

/// An operation fails for a while: Create, Update and Delete succeed all the same. The fault comes in this many of them.
fn life(
    service: &'static str,
    operation: &'static str,
    manner: &str,
    when: When,
    fault: Fault,
    requests: usize,
) -> Case {
    case(format!("{service}:{operation} {manner}: a whole life"), move |stage| async move {
        let rule = || Rule::on(service, operation, when, fault.clone());
        stage.proxy.add(rule());
        let provider = stage.provider().await;
        let old = properties(&stage, service);
        let arn = stage.create(&provider, &old).await;
        stage.assert_issued(&arn).await;
        assert_eq!(stage.cloud.tags(&arn).await["Old"], "yes");

        if requests > 1 {
            stage.proxy.clear();
            stage.proxy.add(rule());
        }
        let new = with_other_tags(&old);
        let updated = stage.answer(&provider, &stage.update_event(&arn, &new, &old)).await.succeeded();
        assert_eq!(updated.physical_resource_id, arn);
        stage.assert_issued(&arn).await;
        let tags = stage.cloud.tags(&arn).await;
        assert_eq!((tags["Name"].as_str(), tags.get("Old")), ("two", None));

        if requests > 2 {
            stage.proxy.clear();
            stage.proxy.add(rule());
        }
        stage.delete(&provider, &arn, &new).await;
        stage.assert_nothing_left().await;
        stage.assert_faulted();
    })
}

/// Makes a Create call `ListTagsForCertificate`: there is a certificate with the same first name.
async fn add_neighbour(stage: &Stage) -> String {
    stage.cloud.request_certificate(&stage.domain, &[]).await
}

/// An operation never succeeds: FAILED in time, and the Delete leaves nothing behind.
fn never_succeeds(
    service: &'static str,
    operation: &'static str,
    manner: &str,
    fault: Fault,
    cause: &'static str,
) -> Case {
    case(format!("{service}:{operation} {manner} for ever"), move |stage| async move {
        let limit = Duration::from_secs(20);
        let neighbour = add_neighbour(&stage).await;
        stage.proxy.add(Rule::on(service, operation, When::Always, fault));
        let provider = stage.provider().await;
        let mut properties = properties(&stage, service);
        properties["ServiceTimeout"] = json!(limit.as_secs().to_string());
        let event = stage.create_event(&properties);
        let failed = stage.answer(&provider, &event).await.within(limit).failed_with(cause);
        stage.assert_faulted();
        stage.proxy.clear();
        let id = failed.physical_resource_id;
        let own: Vec<_> = stage.certificates().await.into_iter().filter(|arn| *arn != neighbour).collect();
        assert!(own.len() <= 1, "{own:?}");
        assert!([NOTHING_CREATED, OUTCOME_UNKNOWN].contains(&id.as_str()) || own == [id.as_str()], "{id} for {own:?}");
        properties["ServiceTimeout"] = json!("60");
        stage.delete(&provider, &id, &properties).await;
        assert_eq!(stage.certificates().await, [neighbour], "after the Delete of {id}, because {}", failed.reason);
    })
}

/// A permission is missing in Create: FAILED at once with an id by which what was made is deleted.
fn denied_in_create(service: &'static str, operation: &'static str, nothing_made: bool) -> Case {
    case(format!("{service}:{operation} denied in Create"), move |stage| async move {
        let neighbour = add_neighbour(&stage).await;
        stage.proxy.add(Rule::on(service, operation, When::Always, Fault::Deny));
        let provider = stage.provider().await;
        let properties = properties(&stage, service);
        let event = stage.create_event(&properties);
        let failed = stage.answer(&provider, &event).await.within(PROMPTLY).failed_with("AccessDenied");
        assert!(failed.reason.contains(&format!("{service}:{operation}")), "the action is named: {}", failed.reason);
        let own: Vec<_> = stage.certificates().await.into_iter().filter(|arn| *arn != neighbour).collect();
        let made = if nothing_made { vec![] } else { vec![failed.physical_resource_id.clone()] };
        assert_eq!(own, made);
        if nothing_made {
            assert_eq!(failed.physical_resource_id, NOTHING_CREATED);
        }
        stage.proxy.clear();
        stage.delete(&provider, &failed.physical_resource_id, &properties).await;
        assert_eq!(stage.certificates().await, [neighbour]);
    })
}

/// A permission is missing in Update: FAILED at once, and the resource stays what it was.
fn denied_in_update(service: &'static str, operation: &'static str) -> Case {
    case(format!("{service}:{operation} denied in Update"), move |stage| async move {
        let provider = stage.provider().await;
        let old = properties(&stage, service);
        let arn = stage.create(&provider, &old).await;
        stage.proxy.add(Rule::on(service, operation, When::Always, Fault::Deny));
        let new = with_other_tags(&old);
        let event = stage.update_event(&arn, &new, &old);
        let failed = stage.answer(&provider, &event).await.within(PROMPTLY).failed_with("AccessDenied");
        assert_eq!(failed.physical_resource_id, arn);
        stage.proxy.clear();
        stage.assert_issued(&arn).await;
        // The roll-back.
        let back = stage.answer(&provider, &stage.update_event(&arn, &old, &new)).await.succeeded();
        assert_eq!(back.physical_resource_id, arn);
        assert_eq!(stage.cloud.tags(&arn).await["Name"], "one");
        stage.delete(&provider, &arn, &old).await;
        stage.assert_nothing_left().await;
    })
}

/// The certificate cannot be deleted: FAILED at once, and the next Delete does it.
fn denied_in_delete(service: &'static str, operation: &'static str) -> Case {
    case(format!("{service}:{operation} denied in Delete"), move |stage| async move {
        let provider = stage.provider().await;
        let properties = properties(&stage, service);
        let arn = stage.create(&provider, &properties).await;
        stage.proxy.add(Rule::on(service, operation, When::Always, Fault::Deny));
        let event = stage.delete_event(&arn, &properties);
        stage.answer(&provider, &event).await.within(PROMPTLY).failed_with("AccessDenied");
        stage.proxy.clear();
        stage.assert_issued(&arn).await;
        stage.delete(&provider, &arn, &properties).await;
        stage.assert_nothing_left().await;
    })
}

/// The record cannot be removed: it harms nobody, so the certificate is gone and the Delete succeeds.
fn record_kept(service: &'static str, operation: &'static str) -> Case {
    case(format!("{service}:{operation} denied in Delete"), move |stage| async move {
        let provider = stage.provider().await;
        let properties = properties(&stage, service);
        let arn = stage.create(&provider, &properties).await;
        stage.proxy.add(Rule::on(service, operation, When::Always, Fault::Deny));
        let event = stage.delete_event(&arn, &properties);
        stage.answer(&provider, &event).await.within(PROMPTLY).succeeded();
        assert_eq!(stage.certificates().await, [""; 0]);
        assert_eq!(stage.records().await.len(), 1);
        stage.assert_faulted();
    })
}

/// Connections are reset when they carry certain requests.
fn reset(mark: &'static str, cut: Cut) -> Case {
    case(format!("connections with {mark} reset {cut:?}"), move |stage| async move {
        let resetter = Resetter::before(stage.proxy.endpoint(), mark, cut, 2).await;
        let provider = stage.provider_at(resetter.endpoint()).await;
        let properties = stage.properties();
        let arn = stage.create(&provider, &properties).await;
        stage.assert_issued(&arn).await;
        stage.delete(&provider, &arn, &properties).await;
        stage.assert_nothing_left().await;
        assert_eq!(resetter.resets(), 2);
    })
}

async fn records_never_named(stage: &Arc<Stage>) {
    let without_records = |answer: &mut Value| {
        for option in answer["Certificate"]["DomainValidationOptions"].as_array_mut().into_iter().flatten() {
            option.as_object_mut().map(|option| option.remove("ResourceRecord"));
        }
    };
    let fault = Fault::RewriteResponse(Arc::new(without_records));
    stage.proxy.add(Rule::on("acm", "DescribeCertificate", When::Always, fault));
    given_up(stage, "ACM has not named the validation records of").await;
}

async fn not_validated(stage: &Arc<Stage>) {
    stage.proxy.add(never_validated());
    given_up(stage, "ACM has not validated").await;
}

/// A Create that waits in vain: FAILED in time with what it waited for, and cleaned up by its Delete.
async fn given_up(stage: &Arc<Stage>, cause: &str) {
    let limit = Duration::from_secs(12);
    let provider = stage.provider().await;
    let mut properties = stage.properties();
    properties["ServiceTimeout"] = json!(limit.as_secs());
    let event = stage.create_event(&properties);
    let failed = stage.answer(&provider, &event).await.within(limit).failed_with(cause);
    let reason = &failed.reason;
    assert!(reason.contains("gave up after"), "{reason}");
    assert!(reason.contains(&format!("(log: {}", log_group(&provider))), "the log is named: {reason}");
    assert_eq!(stage.certificates().await, [failed.physical_resource_id.as_str()]);
    stage.proxy.clear();
    stage.delete(&provider, &failed.physical_resource_id, &properties).await;
    stage.assert_nothing_left().await;
}

fn log_group(function: &rehearsal::runtime_api::Function) -> String {
    format!("/aws/lambda/{}", function.settings().arn().rsplit(':').next().expect("a name"))
}

/// Each look shows the records of one more name.
async fn records_one_by_one(stage: &Arc<Stage>) {
    let looks = AtomicUsize::new(0);
    let one_more = move |answer: &mut Value| {
        let shown = looks.fetch_add(1, Ordering::SeqCst);
        let options = answer["Certificate"]["DomainValidationOptions"].as_array_mut();
        for option in options.into_iter().flatten().skip(shown) {
            option.as_object_mut().map(|option| option.remove("ResourceRecord"));
        }
    };
    let fault = Fault::RewriteResponse(Arc::new(one_more));
    stage.proxy.add(Rule::on("acm", "DescribeCertificate", When::Always, fault));
    let provider = stage.provider().await;
    let mut properties = stage.properties();
    let names = ["a", "b"].map(|name| format!("{name}.{}", stage.domain));
    properties["SubjectAlternativeNames"] = json!(names);
    let arn = stage.create(&provider, &properties).await;
    assert_eq!(stage.certificates().await, [arn.as_str()]);
    assert_eq!(stage.cloud.status(&arn).await, Some("ISSUED".into()));
    let mut records = stage.records().await;
    assert_eq!(records.len(), 3, "{records:?}");
    records.dedup();
    assert_eq!(records.len(), 3, "each once");
    assert_eq!(stage.proxy.count("route53", "ChangeResourceRecordSets"), 1, "all in one change");
    stage.proxy.clear();
    stage.delete(&provider, &arn, &properties).await;
    stage.assert_nothing_left().await;
}

async fn in_use(stage: &Arc<Stage>) {
    let provider = stage.provider().await;
    let mut properties = stage.properties();
    let arn = stage.create(&provider, &properties).await;
    let user = "arn:aws:elasticloadbalancing:eu-central-1:000000000000:loadbalancer/app/mine/1";
    let used = move |answer: &mut Value| answer["Certificate"]["InUseBy"] = json!([user]);
    let fault = Fault::RewriteResponse(Arc::new(used));
    stage.proxy.add(Rule::on("acm", "DescribeCertificate", When::Always, fault));
    let limit = Duration::from_secs(10);
    properties["ServiceTimeout"] = json!(limit.as_secs());
    let event = stage.delete_event(&arn, &properties);
    stage.answer(&provider, &event).await.within(limit).failed_with(&format!("still in use by {user}"));
    stage.assert_issued(&arn).await;
    stage.proxy.clear();
    stage.delete(&provider, &arn, &properties).await;
    stage.assert_nothing_left().await;
}
