//! `Custom::Certificate`, Update and its roll-back.

use std::time::Duration;

use aws_sdk_acm::types::CertificateStatus;
use custom_resource::{LOGICAL_ID_TAG, STACK_TAG};
use serde_json::{Value, json};

use crate::{
    account::{Certificate, HOME},
    world::{World, one_step, with},
};

const DIGEST_TAG: &str = "custom-resource:properties";

/// The properties with one name more.
fn more_names() -> Value {
    with(one_step(), json!({"SubjectAlternativeNames": ["example.org", "a.www.example.org"]}))
}

#[tokio::test]
async fn order_and_case_of_names_change_nothing() {
    let world = World::new().await;
    let old = with(one_step(), json!({"SubjectAlternativeNames": ["example.org", "a.example.org"]}));
    let arn = world.created(old.clone()).await;
    for same in [
        json!({"DomainName": "*.EXAMPLE.org.", "SubjectAlternativeNames": ["A.example.org", "Example.ORG", "*.example.org"]}),
        json!({"Region": HOME, "KeyAlgorithm": "RSA_2048"}),
        json!({"ServiceTimeout": "900"}),
    ] {
        assert_eq!(world.succeed(world.request(with(old.clone(), same)).update(&arn, old.clone())).await, arn);
    }
    assert_eq!((world.changes(), world.arns()), (vec![], vec![arn]));
}

#[tokio::test]
async fn another_name_makes_another_certificate_and_the_old_one_stays() {
    let world = World::new().await;
    let old = world.created(one_step()).await;
    let new = world.succeed(world.request(more_names()).update(&old, one_step())).await;
    assert_ne!(new, old);
    assert_eq!(world.certificate(&new).names, ["*.example.org", "a.www.example.org", "example.org"]);
    assert_eq!(world.arns(), [old, new]);
    assert_eq!(world.records("Z1"), ["_token.example.org.", "_token.a.www.example.org."]);
    assert_eq!(world.changes(), ["RequestCertificate eu-west-1", "ChangeResourceRecordSets Z1"]);
}

#[tokio::test]
async fn an_update_that_is_delivered_twice_makes_one_certificate() {
    let world = World::new().await;
    let old = world.created(one_step()).await;
    let event = world.request(more_names()).update(&old, one_step());
    let new = world.succeed(event.clone()).await;
    assert_eq!(world.succeed(event).await, new);
    assert_eq!((world.count("RequestCertificate"), world.arns()), (1, vec![old, new]));
}

#[tokio::test]
async fn another_region_makes_another_certificate_there() {
    let world = World::new().await;
    let old = world.created(one_step()).await;
    let there = with(one_step(), json!({"Region": "us-east-1"}));
    let new = world.succeed(world.request(there.clone()).update(&old, one_step())).await;
    assert!(new.contains(":us-east-1:"), "{new}");
    // And back, when the update is rolled back.
    assert_eq!(world.succeed(world.request(one_step()).update(&new, there)).await, old);
    assert_eq!(world.arns(), [old, new]);
}

#[tokio::test]
async fn tags_change_in_place_both_ways_and_foreign_ones_stay() {
    let world = World::new().await;
    let tags = |tags: Value| with(one_step(), json!({"Tags": tags}));
    let old =
        tags(json!([{"Key": "same", "Value": "0"}, {"Key": "other", "Value": "1"}, {"Key": "gone", "Value": "2"}]));
    let new =
        tags(json!([{"Key": "same", "Value": "0"}, {"Key": "other", "Value": "9"}, {"Key": "new", "Value": "3"}]));
    let arn = world.created(old.clone()).await;
    let before = world.certificate(&arn).tags;
    world.alter(&arn, |certificate| {
        certificate.tags.insert("foreign".to_owned(), "stays".to_owned());
        // Somebody has given it another value; it goes all the same.
        certificate.tags.insert("gone".to_owned(), "otherwise".to_owned());
    });
    assert_eq!(world.succeed(world.request(new.clone()).update(&arn, old.clone())).await, arn);
    let tags = world.certificate(&arn).tags;
    let user: Vec<_> = tags.iter().filter(|(key, _)| !key.starts_with("custom-resource:")).collect();
    let is = |key: &str, value: &str| user.contains(&(&key.to_owned(), &value.to_owned()));
    assert!(is("foreign", "stays") && is("new", "3") && is("other", "9") && is("same", "0"), "{user:?}");
    assert_eq!(user.len(), 4, "{user:?}");
    for own in [STACK_TAG, LOGICAL_ID_TAG, DIGEST_TAG] {
        assert_eq!(tags[own], before[own]);
    }
    assert_eq!(world.changes(), ["AddTagsToCertificate eu-west-1", "RemoveTagsFromCertificate eu-west-1"]);
}

#[tokio::test]
async fn options_without_effect_change_nothing() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    let options = json!({"Options": {"CertificateTransparencyLoggingPreference": "DISABLED"}});
    assert_eq!(world.succeed(world.request(with(one_step(), options)).update(&arn, one_step())).await, arn);
    assert_eq!(world.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_record_that_is_missing_is_written_again() {
    let world = World::new().await;
    let arn = world.created(one_step()).await;
    world.account.state(|state| state.zones.get_mut("Z1").unwrap().records.clear());
    world.succeed(world.request(one_step()).update(&arn, one_step())).await;
    assert_eq!(world.records("Z1"), ["_token.example.org."]);
}

#[tokio::test]
async fn a_rolled_back_update_with_the_new_id_finds_the_old_certificate() {
    for ended in [false, true] {
        let world = World::new().await;
        let old = world.created(one_step()).await;
        if ended {
            world.account.state(|state| state.verdict = Some((CertificateStatus::Failed, None)));
        }
        let update = world.answer(world.request(more_names()).update(&old, one_step())).await;
        let new = update.physical_resource_id;
        assert_ne!(new, old, "{}", update.reason);
        let rollback = world.request(one_step()).update(&new, more_names());
        assert_eq!(world.succeed(rollback).await, old);
        assert_eq!(world.arns(), [old, new], "CloudFormation deletes the new one");
    }
}

#[tokio::test]
async fn a_rolled_back_update_with_the_old_id_deletes_the_orphan_unless_it_is_used() {
    for (user, stays) in [(None, false), (Some("arn:aws:elasticloadbalancing:x"), true)] {
        let world = World::new().await;
        let old = world.created(one_step()).await;
        let new = world.succeed(world.request(more_names()).update(&old, one_step())).await;
        world.alter(&new, |certificate| certificate.users.extend(user.map(str::to_owned)));
        let other = world.request(one_step()).logical_id("Other").create();
        let other = world.succeed(other).await;
        let rollback = world.request(one_step()).update(&old, more_names());
        assert_eq!(world.succeed(rollback).await, old);
        let expected = if stays { vec![old, new, other] } else { vec![old, other] };
        assert_eq!(world.arns(), expected);
        assert_eq!(world.count("DeleteCertificate"), usize::from(!stays), "what is used is not even tried");
    }
}

#[tokio::test]
async fn an_orphan_that_cannot_be_deleted_fails_nothing() {
    let world = World::new().await;
    let old = world.created(one_step()).await;
    world.succeed(world.request(more_names()).update(&old, one_step())).await;
    world.account.refuse("DeleteCertificate", "AccessDeniedException", 1);
    assert_eq!(world.succeed(world.request(one_step()).update(&old, more_names())).await, old);
    assert_eq!(world.arns().len(), 2);
}

/// A certificate as cfn-certificate-provider left it.
fn untagged(world: &World) -> String {
    world.publish("Z1", "example.org");
    world.add(Certificate::issued(HOME, "migrated", &["*.example.org", "example.org"]))
}

#[tokio::test]
async fn a_certificate_from_before_is_kept_and_tagged() {
    let world = World::new().await;
    let arn = untagged(&world);
    let old =
        json!({"DomainName": "*.example.org", "SubjectAlternativeNames": ["example.org"], "ValidationMethod": "DNS"});
    let event = world.request(one_step()).update(&arn, old);
    let stack = event["StackId"].clone();
    assert_eq!(world.succeed(event).await, arn);
    let tags = world.certificate(&arn).tags;
    assert_eq!((json!(tags[STACK_TAG]), tags[LOGICAL_ID_TAG].as_str()), (stack, "Resource"));
    assert_eq!(world.changes(), ["AddTagsToCertificate eu-west-1"]);
    // From now on its tags say what it is.
    world.forget_calls();
    assert_eq!(world.succeed(world.request(one_step()).update(&arn, one_step())).await, arn);
    assert_eq!(world.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_certificate_from_before_is_found_when_its_replacement_is_rolled_back() {
    let world = World::new().await;
    let arn = untagged(&world);
    let new = world.succeed(world.request(more_names()).update(&arn, one_step())).await;
    assert_ne!(new, arn);
    assert_eq!(world.succeed(world.request(one_step()).update(&new, more_names())).await, arn);
}

#[tokio::test]
async fn a_certificate_that_was_deleted_by_hand_is_replaced() {
    let world = World::new().await;
    let old = world.created(one_step()).await;
    world.account.state(|state| state.certificates.clear());
    let tags = json!({"Tags": [{"Key": "a", "Value": "b"}]});
    let new = world.succeed(world.request(with(one_step(), tags)).update(&old, one_step())).await;
    assert_ne!(new, old);
    assert_eq!(world.certificate(&new).status, CertificateStatus::Issued);
    let marker = world.succeed(world.request(one_step()).update("failed-to-create", one_step())).await;
    assert_eq!(marker, new, "the certificate of this resource is found, whatever the id says");
}

#[tokio::test]
async fn a_certificate_that_ended_long_ago_is_replaced() {
    let world = World::new().await;
    let old = world.created(one_step()).await;
    world.alter(&old, |certificate| {
        certificate.status = CertificateStatus::ValidationTimedOut;
        certificate.age = Duration::from_secs(80 * 3600);
    });
    let new = world.succeed(world.request(one_step()).update(&old, one_step())).await;
    assert_ne!(new, old);
    assert_eq!(world.certificate(&new).status, CertificateStatus::Issued);
}

#[tokio::test]
async fn an_update_that_cannot_be_carried_out_keeps_the_current_id() {
    let world = World::new().await;
    let old = world.created(one_step()).await;
    let wrong = with(one_step(), json!({"SubjectAlternativeNames": ["example.net"]}));
    let reason = world.fail(world.request(wrong).update(&old, one_step()), &old).await;
    assert!(reason.starts_with("example.net is not in the hosted zone Z1"), "{reason}");
    world.account.refuse("AddTagsToCertificate", "AccessDeniedException", 1);
    let tags = with(one_step(), json!({"Tags": [{"Key": "a", "Value": "b"}]}));
    let reason = world.fail(world.request(tags).update(&old, one_step()), &old).await;
    assert!(reason.starts_with(&format!("change the tags of the certificate {old}: AccessDenied")), "{reason}");
}

#[tokio::test]
async fn a_certificate_that_the_template_retained_stays() {
    let world = World::new().await;
    let first = world.created(one_step()).await;
    let second = world.succeed(world.request(more_names()).update(&first, one_step())).await;
    // UpdateReplacePolicy: Retain sends no Delete for the first.
    let third_names = with(one_step(), json!({"SubjectAlternativeNames": ["example.org", "b.www.example.org"]}));
    let third = world.succeed(world.request(third_names).update(&second, more_names())).await;
    assert_eq!(world.arns(), [first, second, third]);
}

#[tokio::test]
async fn a_certificate_whose_old_properties_cannot_be_read_is_kept_for_what_it_is() {
    let world = World::new().await;
    let arn = untagged(&world);
    let unreadable = with(one_step(), json!({"Unknown": "to this version"}));
    assert_eq!(world.succeed(world.request(one_step()).update(&arn, unreadable.clone())).await, arn);
    let world = World::new().await;
    let arn = untagged(&world);
    assert_ne!(world.succeed(world.request(more_names()).update(&arn, unreadable)).await, arn);
}
