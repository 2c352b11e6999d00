//! `Custom::Certificate`, Delete.

use aws_sdk_acm::types::CertificateStatus;
use custom_resource::{LOGICAL_ID_TAG, NOTHING_CREATED, OUTCOME_UNKNOWN, STACK_TAG, Status};
use serde_json::json;

use crate::{
    account::{Certificate, HOME, cname},
    world::{World, one_step, with},
};

#[tokio::test]
async fn a_certificate_goes_with_its_records() {
    let world = World::new().await;
    let properties = with(one_step(), json!({"SubjectAlternativeNames": ["example.org", "a.www.example.org"]}));
    let arn = world.created(properties.clone()).await;
    world.account.state(|state| {
        state.zones.get_mut("Z1").unwrap().records.push(cname("www.example.org.", "elsewhere.net."));
    });
    assert_eq!(world.succeed(world.request(properties).delete(&arn)).await, arn);
    assert_eq!((world.arns(), world.records("Z1")), (vec![], vec!["www.example.org.".to_owned()]));
}

#[tokio::test]
async fn without_a_zone_records_are_left_to_the_template() {
    let world = World::new().await;
    let properties = json!({"DomainName": "example.org"});
    let arn = world.created(properties.clone()).await;
    world.publish("Z1", "example.org");
    world.succeed(world.request(properties).delete(&arn)).await;
    assert_eq!(world.calls(), ["DescribeCertificate eu-west-1", "DeleteCertificate eu-west-1"]);
}

#[tokio::test]
async fn what_is_gone_already_is_deleted() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    world.account.state(|state| state.certificates.clear());
    world.succeed(world.request(one_step()).delete(&arn)).await;
    assert_eq!(world.count("DeleteCertificate"), 0);

    let arn = world.created(one_step()).await;
    world.account.refuse("DeleteCertificate", "ResourceNotFoundException", 1);
    world.succeed(world.request(one_step()).delete(&arn)).await;
}

#[tokio::test]
async fn ids_that_name_no_certificate_need_no_call() {
    let world = World::new().await;
    world.created(one_step()).await;
    for id in ["failed-to-create", "2024/01/01/[$LATEST]0123456789abcdef", "arn:aws:iam::1:role/x"] {
        assert_eq!(world.succeed(world.request(one_step()).delete(id)).await, id);
    }
    let answer = world.answer_at_once(world.request(one_step()).delete(NOTHING_CREATED)).await;
    assert_eq!(answer.status, Status::Success);
    assert_eq!(world.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_certificate_of_another_partition_is_deleted_and_looked_for_there() {
    let world = World::new().await;
    world.publish("Z1", "example.org");
    let arn = "arn:aws-cn:acm:cn-north-1:123456789012:certificate/1";
    let mut certificate = Certificate::issued("cn-north-1", "1", &["example.org"]);
    arn.clone_into(&mut certificate.arn);
    world.add(certificate);
    let request = world.request(one_step()).stack_id("arn:aws-cn:cloudformation:cn-north-1:1:stack/s/1");
    world.succeed(request.delete(arn)).await;
    assert_eq!((world.arns(), world.records("Z1")), (vec![], vec![]));
    let calls = world.calls();
    assert!(calls.contains(&"DeleteCertificate cn-north-1".to_owned()), "{calls:?}");
    assert!(calls.contains(&"ListCertificates cn-northwest-1".to_owned()), "{calls:?}");
    assert!(!calls.contains(&"ListCertificates us-east-1".to_owned()), "{calls:?}");
}

#[tokio::test]
async fn the_region_is_that_of_the_arn() {
    let world = World::new().await;
    let properties = with(one_step(), json!({"Region": "us-east-1"}));
    let arn = world.created(properties).await;
    // The properties of a Delete may be those of the replacement.
    world.succeed(world.request(one_step()).delete(&arn)).await;
    assert_eq!(world.changes(), ["DeleteCertificate us-east-1", "ChangeResourceRecordSets Z1"]);
}

#[tokio::test]
async fn a_certificate_in_use_is_waited_for() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    world.alter(&arn, |certificate| certificate.users.push("arn:aws:elasticloadbalancing:lb".to_owned()));
    world.account.state(|state| state.looks_until_unused = Some(9));
    world.succeed(world.request(one_step()).delete(&arn)).await;
    assert_eq!((world.arns(), world.records("Z1")), (vec![], vec![]));
    assert_eq!(world.count("DeleteCertificate"), 1, "not tried while it is known to be in use");
}

#[tokio::test]
async fn a_certificate_that_stays_in_use_fails_with_its_users() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    world.alter(&arn, |certificate| certificate.users.extend(["arn:lb/1".to_owned(), "arn:lb/2".to_owned()]));
    let event = world.request(with(one_step(), json!({"ServiceTimeout": "100"}))).delete(&arn);
    let reason = world.fail(event, &arn).await;
    let said = format!("the certificate {arn} is still in use by arn:lb/1, arn:lb/2: give that another certificate");
    assert!(reason.starts_with(&said), "{reason}");
    assert!(world.count("DescribeCertificate") > 6, "{:?}", world.calls());
    assert_eq!((world.arns(), world.records("Z1").len()), (vec![arn], 1));
}

#[tokio::test]
async fn a_certificate_that_acm_says_is_in_use_is_waited_for() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    world.account.refuse("DeleteCertificate", "ResourceInUseException", 2);
    world.succeed(world.request(one_step()).delete(&arn)).await;
    assert_eq!((world.count("DeleteCertificate"), world.arns()), (3, vec![]));

    let arn = world.created(one_step()).await;
    world.account.refuse("DeleteCertificate", "ResourceInUseException", 99);
    let event = world.request(with(one_step(), json!({"ServiceTimeout": "100"}))).delete(&arn);
    let reason = world.fail(event, &arn).await;
    assert!(reason.starts_with(&format!("the certificate {arn} is still in use by another resource")), "{reason}");
}

/// Whether the record of example.org stays when this resource's certificate is deleted beside another one.
async fn stays_beside(other: impl FnOnce(&mut Certificate)) -> bool {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    let mut certificate = Certificate::issued("ap-southeast-2", "other", &["example.org"]);
    other(&mut certificate);
    world.add(certificate);
    world.succeed(world.request(one_step()).delete(&arn)).await;
    assert_eq!(world.arns().len(), 1);
    !world.records("Z1").is_empty()
}

#[tokio::test]
async fn a_record_that_another_certificate_needs_stays() {
    assert!(stays_beside(|_| {}).await, "in another region");
    assert!(stays_beside(|other| other.names = vec!["*.Example.org".to_owned()]).await, "for the wildcard");
    assert!(stays_beside(|other| other.names.insert(0, "example.com".to_owned())).await, "as a further name");
    assert!(stays_beside(|other| other.key_algorithm = "EC_secp384r1".to_owned()).await, "of another key type");
    assert!(stays_beside(|other| other.status = CertificateStatus::PendingValidation).await, "not issued yet");
    let in_part = |other: &mut Certificate| {
        other.names.insert(0, "example.com".to_owned());
        other.is_listed_in_part = true;
    };
    assert!(stays_beside(in_part).await, "with more names than a list shows");
}

#[tokio::test]
async fn a_record_that_no_other_certificate_needs_goes() {
    assert!(!stays_beside(|other| other.names = vec!["www.example.org".to_owned()]).await, "another name");
    assert!(!stays_beside(|other| other.names = vec!["badexample.org".to_owned()]).await, "another domain");
    assert!(!stays_beside(|other| other.status = CertificateStatus::ValidationTimedOut).await, "ended");
    assert!(!stays_beside(|other| other.kind = aws_sdk_acm::types::CertificateType::Imported).await, "imported");
}

#[tokio::test]
async fn a_list_that_still_shows_the_certificate_does_not_keep_its_record() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    world.account.state(|state| state.is_list_slow = true);
    world.succeed(world.request(one_step()).delete(&arn)).await;
    assert_eq!(world.records("Z1"), Vec::<String>::new());
}

#[tokio::test]
async fn the_replacement_keeps_the_records_it_shares() {
    let world = World::new().await;
    let both = with(one_step(), json!({"SubjectAlternativeNames": ["example.org", "a.www.example.org"]}));
    let old = world.created(both.clone()).await;
    let new = world.succeed(world.request(one_step()).update(&old, both.clone())).await;
    world.succeed(world.request(both).delete(&old)).await;
    assert_eq!((world.arns(), world.records("Z1")), (vec![new], vec!["_token.example.org.".to_owned()]));
}

#[tokio::test]
async fn a_region_that_is_not_enabled_does_not_count_and_one_that_may_not_be_asked_does() {
    for (code, left) in [
        ("UnrecognizedClientException", 0),
        ("InvalidClientTokenId", 0),
        ("AccessDeniedException", 1),
        ("ThrottlingException", 1),
    ] {
        let world = World::new().await;
        let arn = world.created(one_step()).await;
        world.account.refuse("ListCertificates ap-east-1", code, 99);
        world.succeed(world.request(one_step()).delete(&arn)).await;
        assert_eq!((world.records("Z1").len(), world.arns()), (left, vec![]), "{code}");
    }
}

#[tokio::test]
async fn a_certificate_that_may_not_be_described_keeps_the_record() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    let mut other = Certificate::issued("us-east-1", "other", &["example.com"]);
    other.is_listed_in_part = true;
    world.add(other);
    world.account.refuse("DescribeCertificate us-east-1", "AccessDeniedException", 99);
    world.succeed(world.request(one_step()).delete(&arn)).await;
    assert_eq!(world.records("Z1").len(), 1);
}

#[tokio::test]
async fn after_an_unknown_outcome_exactly_what_carries_the_tags_is_deleted() {
    let world = World::new().await;
    let event = world.request(one_step()).delete(OUTCOME_UNKNOWN);
    let stack = event["StackId"].as_str().unwrap();
    let tagged = |id: &str, domain: &str, stack: &str, logical: &str| {
        let mut certificate = Certificate::issued(HOME, id, &[domain]);
        certificate.tags = [(STACK_TAG, stack), (LOGICAL_ID_TAG, logical)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        world.add(certificate)
    };
    tagged("ours", "*.example.org", stack, "Resource");
    tagged("ours-too", "*.example.org", stack, "Resource");
    let others = [
        tagged("resource", "*.example.org", stack, "Other"),
        tagged("stack", "*.example.org", "arn:aws:cloudformation:eu-west-1:1:stack/other/1", "Resource"),
        tagged("half", "*.example.org", stack, ""),
        tagged("untagged", "*.example.org", "", ""),
        tagged("domain", "example.com", stack, "Resource"),
    ];
    assert_eq!(world.succeed(event).await, OUTCOME_UNKNOWN);
    assert_eq!(world.arns(), others);
}

#[tokio::test]
async fn after_an_unknown_outcome_with_nothing_made_there_is_nothing_to_delete() {
    let world = World::new().await;
    world.succeed(world.request(one_step()).delete(OUTCOME_UNKNOWN)).await;
    assert_eq!(world.calls(), ["ListCertificates eu-west-1"]);
}

#[tokio::test]
async fn a_zone_that_is_gone_fails_nothing() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    world.account.state(|state| state.zones.clear());
    world.succeed(world.request(one_step()).delete(&arn)).await;
    assert_eq!(world.arns(), Vec::<String>::new());
}

#[tokio::test]
async fn a_record_that_may_not_be_removed_fails_nothing() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    world.account.refuse("ChangeResourceRecordSets", "AccessDenied", 1);
    world.succeed(world.request(one_step()).delete(&arn)).await;
}

#[tokio::test]
async fn a_record_that_was_changed_meanwhile_stays() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    world.account.state(|state| {
        state.zones.get_mut("Z1").unwrap().records = vec![cname("_token.example.org.", "changed.")];
    });
    world.succeed(world.request(one_step()).delete(&arn)).await;
    assert_eq!(world.records("Z1"), ["_token.example.org."]);
}

#[tokio::test]
async fn what_is_throttled_is_waited_out_and_no_record_is_forgotten() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    for operation in ["DescribeCertificate", "DeleteCertificate"] {
        world.account.refuse(operation, "ThrottlingException", 2);
    }
    for operation in ["GetHostedZone", "ListResourceRecordSets", "ChangeResourceRecordSets"] {
        world.account.refuse(operation, "Throttling", 2);
    }
    world.succeed(world.request(one_step()).delete(&arn)).await;
    assert_eq!((world.arns(), world.records("Z1")), (vec![], vec![]));
}

#[tokio::test]
async fn what_is_denied_fails_at_once_and_says_what() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    world.account.refuse("DeleteCertificate", "AccessDeniedException", 99);
    let reason = world.fail(world.request(one_step()).delete(&arn), &arn).await;
    assert_eq!(reason, format!("delete the certificate {arn}: AccessDeniedException: DeleteCertificate said so"));
    assert_eq!((world.count("DeleteCertificate"), world.records("Z1").len()), (1, 1));
}
