//! `Custom::CertificateDNSRecord` and `Custom::IssuedCertificate`, for templates that write the records themselves.

use std::time::Duration;

use aws_sdk_acm::types::{CertificateStatus, FailureReason};
use custom_resource::{NOTHING_CREATED, Status, testing::RequestBuilder};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::World;

const TYPES: [&str; 2] = ["Custom::CertificateDNSRecord", "Custom::IssuedCertificate"];

/// A world with a pending certificate for apex and wildcard.
async fn pending() -> (World, String) {
    let world = World::new().await;
    let arn = world.created(json!({"DomainName": "*.example.org", "SubjectAlternativeNames": ["example.org"]})).await;
    (world, arn)
}

fn request(world: &World, resource_type: &str, arn: &str) -> RequestBuilder {
    world.cloudformation.request(resource_type).property("CertificateArn", arn)
}

#[tokio::test]
async fn a_record_is_given_as_attributes() {
    let (world, arn) = pending().await;
    for domain in [None, Some(""), Some("*.example.org"), Some("example.org"), Some("EXAMPLE.org.")] {
        let mut event = request(&world, TYPES[0], &arn);
        if let Some(domain) = domain {
            event = event.property("DomainName", domain);
        }
        let answer = world.answer(event.property("Dummy", "true").create()).await;
        assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Success, "_token.example.org."));
        let expected = json!({
            "Name": "_token.example.org.", "Type": "CNAME", "Value": "_value.example.org.acm-validations.aws.",
        });
        assert_eq!(Value::Object(answer.data), expected);
    }
    assert_eq!(world.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn without_a_domain_it_is_the_record_of_the_first_name() {
    let world = World::new().await;
    let names = json!({"DomainName": "b.example.org", "SubjectAlternativeNames": ["a.example.org"]});
    let arn = world.created(names).await;
    let event = request(&world, TYPES[0], &arn);
    assert_eq!(world.succeed(event.clone().create()).await, "_token.b.example.org.");
    let other = event.property("DomainName", "a.example.org").update("_token.b.example.org.", json!({}));
    assert_eq!(world.succeed(other).await, "_token.a.example.org.");
}

#[tokio::test]
async fn a_domain_that_the_certificate_is_not_for_is_named() {
    let (world, arn) = pending().await;
    let event = request(&world, TYPES[0], &arn).property("DomainName", "www.example.org").create();
    let reason = world.fail(event, NOTHING_CREATED).await;
    assert_eq!(
        reason,
        "no validation option found for www.example.org; the certificate is for *.example.org, example.org"
    );
}

#[tokio::test]
async fn a_record_that_acm_has_not_named_yet_is_waited_for() {
    let (world, arn) = pending().await;
    world.account.state(|state| state.records_a_look = Some(1));
    let event = request(&world, TYPES[0], &arn).property("DomainName", "example.org").create();
    world.succeed(event).await;
    assert_eq!(world.count("DescribeCertificate"), 3);
}

#[tokio::test]
async fn validation_by_mail_is_doubted_for_a_minute() {
    let (world, arn) = pending().await;
    world.account.state(|state| state.mail = Duration::from_secs(55));
    assert_eq!(world.succeed(request(&world, TYPES[0], &arn).create()).await, "_token.example.org.");

    let (world, arn) = pending().await;
    world.account.state(|state| state.mail = Duration::from_secs(86400));
    let started = Instant::now();
    let reason = world.fail(request(&world, TYPES[0], &arn).create(), NOTHING_CREATED).await;
    assert_eq!(reason, "domain *.example.org is using validation method EMAIL, not DNS");
    let waited = started.elapsed().as_secs();
    assert!((60..70).contains(&waited), "{waited}");
}

#[tokio::test]
async fn a_certificate_is_issued_when_acm_says_so() {
    let (world, arn) = pending().await;
    world.publish("Z1", "example.org");
    world.account.state(|state| state.looks_to_validate = 5);
    let answer = world.answer(request(&world, TYPES[1], &arn).property("Attempt", "2").create()).await;
    assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Success, arn.as_str()));
    assert!(answer.data.is_empty());
    assert_eq!((world.count("DescribeCertificate"), world.changes()), (6, vec![]));
    assert_eq!(world.succeed(request(&world, TYPES[1], &arn).update(&arn, json!({}))).await, arn);
}

#[tokio::test]
async fn a_certificate_that_is_not_issued_in_time_names_what_is_missing() {
    let (world, arn) = pending().await;
    let event = request(&world, TYPES[1], &arn).property("ServiceTimeout", "100").create();
    let reason = world.fail(event, NOTHING_CREATED).await;
    let said =
        "ACM has not validated *.example.org, example.org yet: do its validation records stand in the public DNS?";
    assert!(reason.starts_with(said), "{reason}");
}

#[tokio::test]
async fn a_certificate_that_acm_gave_up_fails_with_the_reason() {
    let (world, arn) = pending().await;
    world.alter(&arn, |certificate| {
        certificate.status = CertificateStatus::Failed;
        certificate.reason = Some(FailureReason::DomainNotAllowed);
    });
    for resource_type in TYPES {
        let reason = world.fail(request(&world, resource_type, &arn).create(), NOTHING_CREATED).await;
        assert_eq!(
            reason,
            "the certificate for *.example.org is FAILED: DOMAIN_NOT_ALLOWED; ACM issues nothing for this domain, ask AWS Support"
        );
    }
    world.alter(&arn, |certificate| {
        certificate.status = CertificateStatus::Revoked;
        certificate.reason = None;
    });
    for resource_type in TYPES {
        let reason = world.fail(request(&world, resource_type, &arn).create(), NOTHING_CREATED).await;
        assert_eq!(reason, "the certificate for *.example.org is REVOKED: ACM gives no reason");
    }
}

#[tokio::test]
async fn a_certificate_that_is_gone_or_no_certificate_at_all_fails() {
    let (world, arn) = pending().await;
    world.account.state(|state| state.certificates.clear());
    for resource_type in TYPES {
        let reason = world.fail(request(&world, resource_type, &arn).create(), NOTHING_CREATED).await;
        assert_eq!(reason, format!("the certificate {arn} does not exist"));
        assert!(world.count("DescribeCertificate") > 1, "it may have been requested a moment ago");
        world.forget_calls();
        let reason = world.fail(request(&world, resource_type, "failed-to-create").create(), NOTHING_CREATED).await;
        assert_eq!(reason, "CertificateArn is not the ARN of an ACM certificate");
        assert_eq!(world.calls(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_certificate_of_another_region_is_asked_for_there() {
    let world = World::new().await;
    let arn = world.created(json!({"DomainName": "example.org", "Region": "us-east-1"})).await;
    world.publish("Z1", "example.org");
    for resource_type in TYPES {
        world.succeed(request(&world, resource_type, &arn).create()).await;
    }
    assert_eq!(world.calls(), ["DescribeCertificate us-east-1", "DescribeCertificate us-east-1"]);
}

#[tokio::test]
async fn what_is_throttled_is_waited_out_and_what_is_denied_fails() {
    let (world, arn) = pending().await;
    world.publish("Z1", "example.org");
    for resource_type in TYPES {
        world.account.refuse("DescribeCertificate", "ThrottlingException", 2);
        world.succeed(request(&world, resource_type, &arn).create()).await;
        world.account.refuse("DescribeCertificate", "AccessDeniedException", 1);
        let reason = world.fail(request(&world, resource_type, &arn).create(), NOTHING_CREATED).await;
        assert!(reason.starts_with(&format!("describe the certificate {arn}: AccessDeniedException")), "{reason}");
    }
}

#[tokio::test]
async fn deleting_them_deletes_nothing() {
    let (world, arn) = pending().await;
    for (resource_type, id) in TYPES.into_iter().zip(["_token.example.org.", arn.as_str()]) {
        assert_eq!(world.succeed(request(&world, resource_type, &arn).delete(id)).await, id);
    }
    assert_eq!((world.calls(), world.arns()), (vec![], vec![arn]));
}
