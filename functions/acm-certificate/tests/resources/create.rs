//! `Custom::Certificate`, Create.

use std::time::Duration;

use aws_sdk_acm::types::{CertificateStatus, FailureReason};
use custom_resource::{LOGICAL_ID_TAG, NOTHING_CREATED, STACK_TAG, Status};
use serde_json::{Value, json};

use crate::{
    account::{Certificate, HOME, cname},
    world::{World, one_step, with},
};

#[tokio::test]
async fn without_a_zone_it_is_requested_and_left_pending() {
    let world = World::new().await;
    world.add(Certificate::issued(HOME, "other", &["other.org"]));
    let properties = json!({"DomainName": "*.example.org", "ValidationMethod": "DNS"});
    let answer = world.answer(world.request(properties).create()).await;
    let certificate = world.certificate(&answer.physical_resource_id);
    assert_eq!(answer.status, Status::Success);
    assert_eq!(Value::Object(answer.data), json!({"CertificateArn": certificate.arn}));
    assert_eq!(certificate.status, CertificateStatus::PendingValidation);
    assert_eq!(world.calls(), ["ListCertificates eu-west-1", "RequestCertificate eu-west-1"]);
}

#[tokio::test]
async fn apex_and_wildcard_share_one_record_that_is_written_once() {
    let world = World::new().await;
    world.account.state(|state| state.looks_to_validate = 8);
    let answer = world.answer(world.request(one_step()).create()).await;
    let certificate = world.certificate(&answer.physical_resource_id);
    assert_eq!((answer.status, &certificate.status), (Status::Success, &CertificateStatus::Issued));
    assert_eq!(answer.data["CertificateArn"], json!(certificate.arn));
    assert_eq!(certificate.names, ["*.example.org", "example.org"]);
    assert_eq!(world.records("Z1"), ["_token.example.org."]);
    assert_eq!(world.changes(), ["RequestCertificate eu-west-1", "ChangeResourceRecordSets Z1"]);
    assert_eq!((world.count("DescribeCertificate"), world.count("ListResourceRecordSets")), (10, 1));
}

#[tokio::test]
async fn records_that_acm_names_late_and_one_by_one_are_awaited() {
    let world = World::new().await;
    world.account.state(|state| state.records_a_look = Some(1));
    let names = json!({"SubjectAlternativeNames": ["a.example.org", "b.example.org"]});
    world.succeed(world.request(with(one_step(), names)).create()).await;
    assert_eq!(world.records("Z1"), ["_token.a.example.org.", "_token.b.example.org.", "_token.example.org."]);
    assert_eq!(world.count("ChangeResourceRecordSets"), 1, "all in one change, once all are known");
}

#[tokio::test]
async fn the_publication_of_the_records_is_awaited() {
    let world = World::new().await;
    world.account.state(|state| state.publication = 3);
    world.succeed(world.request(one_step()).create()).await;
    assert_eq!(world.count("GetChange"), 4, "although ACM had issued the certificate at the second look");
    assert_eq!(world.count("ChangeResourceRecordSets"), 1);
}

#[tokio::test]
async fn records_that_stand_already_are_not_written() {
    let world = World::new().await;
    world.publish("Z1", "example.org");
    world.succeed(world.request(one_step()).create()).await;
    assert_eq!(world.changes(), ["RequestCertificate eu-west-1"]);
}

#[tokio::test]
async fn a_record_with_another_value_is_named_and_not_overwritten() {
    let world = World::new().await;
    world.account.state(|state| {
        state.zones.get_mut("Z1").unwrap().records.push(cname("_token.example.org.", "foreign."));
    });
    let answer = world.answer(world.request(one_step()).create()).await;
    assert_eq!((answer.status, vec![answer.physical_resource_id]), (Status::Failed, world.arns()));
    let said = "the validation records: the hosted zone Z1 already has a CNAME record _token.example.org with the value foreign.";
    assert!(answer.reason.starts_with(said), "{}", answer.reason);
    assert_eq!(world.count("ChangeResourceRecordSets"), 0);
}

#[tokio::test]
async fn a_certificate_that_acm_gives_up_fails_at_once_with_the_reason() {
    for (status, reason, said) in [
        (
            CertificateStatus::Failed,
            Some(FailureReason::CaaError),
            "FAILED: CAA_ERROR; allow amazon.com in the domain's CAA records",
        ),
        (CertificateStatus::Failed, Some(FailureReason::Other), "FAILED: OTHER"),
        (
            CertificateStatus::ValidationTimedOut,
            None,
            "VALIDATION_TIMED_OUT: its validation records did not stand in the public DNS for 72 hours",
        ),
    ] {
        let world = World::new().await;
        world.account.state(|state| state.verdict = Some((status, reason)));
        let answer = world.answer(world.request(one_step()).create()).await;
        assert_eq!((answer.status, vec![answer.physical_resource_id]), (Status::Failed, world.arns()));
        let said = format!("the certificate for *.example.org is {said}");
        assert!(answer.reason.starts_with(&said), "{}", answer.reason);
        assert_eq!(world.count("DescribeCertificate"), 2);
    }
}

#[tokio::test]
async fn a_zone_that_cannot_serve_fails_before_anything_is_requested() {
    for (properties, said) in [
        (
            json!({"DomainName": "badexample.org", "HostedZoneId": "Z1"}),
            "badexample.org is not in the hosted zone Z1 (example.org)",
        ),
        (
            with(one_step(), json!({"SubjectAlternativeNames": ["www.example.net"]})),
            "www.example.net is not in the hosted zone Z1 (example.org)",
        ),
        (
            json!({"DomainName": "example.org", "HostedZoneId": "ZPRIVATE"}),
            "the hosted zone ZPRIVATE (example.org) is private",
        ),
        (
            json!({
                "DomainName": "example.org", "SubjectAlternativeNames": ["example.net"],
                "DomainValidationOptions": [{"DomainName": "example.org", "HostedZoneId": "Z1"}],
            }),
            "no hosted zone is given for example.net",
        ),
        (
            json!({"DomainName": "example.org", "HostedZoneId": "ZGONE"}),
            "the validation records: read the hosted zone ZGONE: NoSuchHostedZone",
        ),
    ] {
        let world = World::new().await;
        let reason = world.fail(world.request(properties).create(), NOTHING_CREATED).await;
        assert!(reason.starts_with(said), "{reason}");
        assert_eq!((world.changes(), world.arns()), (vec![], vec![]));
    }
}

#[tokio::test]
async fn every_name_is_validated_in_its_zone_with_its_role() {
    let world = World::new().await;
    let properties = json!({
        "DomainName": "example.org", "SubjectAlternativeNames": ["www.example.net"],
        "HostedZoneId": "Z1", "HostedZoneRoleArn": "", "HostedZoneRoleExternalId": "",
        "DomainValidationOptions": [{
            "DomainName": "example.net", "HostedZoneId": "Z2",
            "RoleArn": "arn:aws:iam::222222222222:role/dns", "RoleExternalId": "shared",
        }],
    });
    world.succeed(world.request(properties).create()).await;
    assert_eq!(world.records("Z1"), ["_token.example.org."]);
    assert_eq!(world.records("Z2"), ["_token.www.example.net."]);
    let roles = world.account.state(|state| state.roles.clone());
    assert!(!roles.is_empty());
    assert!(
        roles.iter().all(|role| *role == ("arn:aws:iam::222222222222:role/dns".to_owned(), Some("shared".to_owned()))),
        "{roles:?}"
    );
}

#[tokio::test]
async fn the_role_of_the_zone_for_all_names_is_assumed() {
    let world = World::new().await;
    let role = json!({"HostedZoneRoleArn": "arn:aws:iam::3:role/r", "HostedZoneRoleExternalId": "e"});
    world.succeed(world.request(with(one_step(), role)).create()).await;
    let role = world.account.state(|state| state.roles[0].clone());
    assert_eq!(role, ("arn:aws:iam::3:role/r".to_owned(), Some("e".to_owned())));
}

#[tokio::test]
async fn a_repeated_request_has_the_same_token_and_gets_the_same_certificate() {
    let world = World::new().await;
    world.account.state(|state| state.is_list_stale = true);
    let event = world.request(one_step()).create();
    let arn = world.succeed(event.clone()).await;
    assert_eq!(world.succeed(event).await, arn);
    assert_eq!((world.count("RequestCertificate"), world.arns()), (2, vec![arn]));
    let request = || world.request(one_step()).request_id("r");
    let other = world.succeed(request().create()).await;
    let other_stack = request().stack_id("arn:aws:cloudformation:eu-west-1:1:stack/other/1");
    let third = world.succeed(other_stack.create()).await;
    assert_ne!(other, third);
    let tokens: Vec<_> = world.certificates().into_iter().map(|certificate| certificate.token).collect();
    assert_eq!(tokens.len(), 3, "{tokens:?}");
    for token in tokens {
        let is_word = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        assert!(token.len() == 32 && is_word, "{token}");
    }
}

#[tokio::test]
async fn two_requests_of_one_operation_for_different_certificates_have_different_tokens() {
    let world = World::new().await;
    let event = |name: &str| world.request(json!({"DomainName": name})).request_id("r").create();
    let (one, two) = (world.succeed(event("a.example.org")).await, world.succeed(event("b.example.org")).await);
    assert_ne!(one, two);
}

#[tokio::test]
async fn an_event_that_is_delivered_twice_gets_the_same_certificate() {
    let world = World::new().await;
    for domain in ["a.example.org", "b.example.org", "c.example.org"] {
        world.add(Certificate::issued(HOME, domain, &[domain]));
    }
    let event = world.request(with(one_step(), json!({"KeyAlgorithm": "EC_prime256v1"}))).create();
    let arn = world.succeed(event.clone()).await;
    assert_eq!(world.certificate(&arn).key_algorithm, "EC_prime256v1");
    assert_eq!(world.succeed(event).await, arn);
    assert_eq!((world.count("RequestCertificate"), world.count("ChangeResourceRecordSets")), (1, 1));
}

#[tokio::test]
async fn a_private_certificate_is_found_again_too() {
    let world = World::new().await;
    let authority = "arn:aws:acm-pca:eu-west-1:1:certificate-authority/1";
    let event = world.request(json!({"DomainName": "a.corp", "CertificateAuthorityArn": authority})).create();
    let arn = world.succeed(event.clone()).await;
    assert_eq!((world.succeed(event).await, world.count("RequestCertificate")), (arn, 1));
}

#[tokio::test]
async fn a_private_certificate_needs_no_records() {
    let world = World::new().await;
    let authority = "arn:aws:acm-pca:eu-west-1:1:certificate-authority/1";
    world.succeed(world.request(with(one_step(), json!({"CertificateAuthorityArn": authority}))).create()).await;
    assert_eq!(world.changes(), ["RequestCertificate eu-west-1"]);
}

#[tokio::test]
async fn a_token_of_the_template_is_used_as_it_is() {
    let world = World::new().await;
    let properties = json!({"DomainName": "example.org", "IdempotencyToken": "mine"});
    let arn = world.succeed(world.request(properties).create()).await;
    assert_eq!(world.certificate(&arn).token, "mine");
}

#[tokio::test]
async fn a_token_that_leads_to_a_certificate_of_the_past_is_not_trusted() {
    let world = World::new().await;
    world.account.state(|state| state.is_list_stale = true);
    let event = world.request(one_step()).create();
    let first = world.succeed(event.clone()).await;
    world.alter(&first, |old| {
        old.status = CertificateStatus::Failed;
        old.age = Duration::from_secs(1800);
    });
    let second = world.succeed(event.clone()).await;
    assert_ne!(second, first);

    world.account.state(|state| state.certificates.clear());
    world.forget_calls();
    let third = world.answer(event).await;
    assert_eq!(third.status, Status::Failed, "both certificates that its tokens lead to are gone");
    assert_eq!(world.count("RequestCertificate"), 2);
}

#[tokio::test]
async fn a_certificate_that_acm_does_not_know_yet_is_waited_for() {
    let world = World::new().await;
    world.account.refuse("DescribeCertificate", "ResourceNotFoundException", 3);
    world.succeed(world.request(one_step()).create()).await;
    assert_eq!(world.count("RequestCertificate"), 1);
}

#[tokio::test]
async fn a_certificate_that_is_gone_before_it_is_issued_is_requested_once_more() {
    let world = World::new().await;
    let event = world.hand_over(world.request(with(one_step(), json!({"HostedZoneId": "Z1"}))).create()).await;
    let first = world.arns().remove(0);
    world.account.state(|state| state.certificates.clear());
    let second = world.succeed(event).await;
    assert_ne!(second, first);
    assert_eq!((world.count("RequestCertificate"), world.arns()), (2, vec![second]));
}

#[tokio::test]
async fn a_long_wait_goes_on_in_another_invocation_where_it_stopped() {
    let world = World::new().await;
    world.account.state(|state| state.looks_to_validate = 3);
    let event = world.hand_over(world.request(one_step()).create()).await;
    let arns = world.arns();
    assert_eq!(event["Continuation"]["Progress"]["Recorded"], json!(arns[0]));
    assert_eq!(vec![world.succeed(event).await], arns);
    assert_eq!(world.changes(), ["RequestCertificate eu-west-1", "ChangeResourceRecordSets Z1"]);
    assert_eq!(world.count("ListCertificates"), 1);
}

#[tokio::test]
async fn a_request_is_tagged_as_this_resources() {
    let world = World::new().await;
    let tags = json!({"Tags": [{"Key": "team", "Value": "dns"}, {"Key": "empty"}]});
    let event = world.request(with(one_step(), tags)).logical_id("Wildcard").create();
    let stack = event["StackId"].as_str().unwrap().to_owned();
    let mut tags = world.certificate(&world.succeed(event).await).tags;
    let digest = tags.remove("custom-resource:properties").unwrap();
    assert_eq!(digest.len(), 64);
    let expected = [(STACK_TAG, stack.as_str()), (LOGICAL_ID_TAG, "Wildcard"), ("empty", ""), ("team", "dns")];
    let mut expected: Vec<_> = expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    expected.sort();
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(world.count("AddTagsToCertificate"), 0);
}

#[tokio::test]
async fn a_certificate_can_be_in_another_region() {
    let world = World::new().await;
    let arn = world.succeed(world.request(with(one_step(), json!({"Region": "us-east-1"}))).create()).await;
    assert!(arn.starts_with("arn:aws:acm:us-east-1:"), "{arn}");
    assert!(!world.calls().iter().any(|call| call.ends_with("eu-west-1")), "{:?}", world.calls());
}

#[tokio::test]
async fn what_is_throttled_is_waited_out() {
    let world = World::new().await;
    for operation in ["ListCertificates", "RequestCertificate", "DescribeCertificate"] {
        world.account.refuse(operation, "ThrottlingException", 2);
    }
    for operation in ["GetHostedZone", "ListResourceRecordSets", "ChangeResourceRecordSets", "GetChange"] {
        world.account.refuse(operation, "Throttling", 2);
    }
    let arn = world.succeed(world.request(one_step()).create()).await;
    assert_eq!((world.arns(), world.records("Z1").len()), (vec![arn], 1));
}

#[tokio::test]
async fn what_is_denied_fails_at_once_and_says_what() {
    for (operation, said) in [
        ("ListCertificates", "list the certificates of eu-west-1"),
        ("RequestCertificate", "request a certificate for *.example.org"),
    ] {
        let world = World::new().await;
        world.account.refuse(operation, "AccessDeniedException", 9);
        let reason = world.fail(world.request(one_step()).create(), NOTHING_CREATED).await;
        assert_eq!(reason, format!("{said}: AccessDeniedException: {operation} said so"));
        assert_eq!((world.count(operation), world.arns()), (1, vec![]));
    }
    let world = World::new().await;
    world.account.refuse("DescribeCertificate", "AccessDeniedException", 9);
    let answer = world.answer(world.request(one_step()).create()).await;
    let arn = world.arns().remove(0);
    assert_eq!((answer.status, &answer.physical_resource_id), (Status::Failed, &arn));
    assert_eq!(
        answer.reason,
        format!("describe the certificate {arn}: AccessDeniedException: DescribeCertificate said so")
    );
}

#[tokio::test]
async fn another_stacks_certificate_that_goes_while_it_is_looked_at_does_not_matter() {
    let world = World::new().await;
    world.add(Certificate::issued(HOME, "other", &["*.example.org"]));
    world.account.refuse("ListTagsForCertificate", "ResourceNotFoundException", 1);
    world.succeed(world.request(one_step()).create()).await;
}

#[tokio::test]
async fn a_misspelt_property_is_refused_by_its_name() {
    let world = World::new().await;
    for (properties, said) in [
        (
            json!({"DomainName": "example.org", "SubjectAlternativeName": ["x.org"]}),
            "SubjectAlternativeName: unknown property",
        ),
        (
            json!({"DomainName": "example.org", "Tags": [{"Key": "a", "Valeu": "secret"}]}),
            "Tags[0].Valeu: unknown property",
        ),
        (json!({"SubjectAlternativeNames": ["x.org"]}), "DomainName: a required property is missing"),
        (json!({"DomainName": "example.org", "ValidationMethod": "EMAIL"}), "ValidationMethod: "),
    ] {
        let answer = world.answer_at_once(world.request(properties).create()).await;
        assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Failed, NOTHING_CREATED));
        assert!(answer.reason.starts_with(&format!("invalid resource properties: {said}")), "{}", answer.reason);
    }
    assert_eq!(world.calls(), Vec::<String>::new());
}
