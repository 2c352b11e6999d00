//! The types of binxio's cfn-ses-provider 1.0, but for notifications.

use aws_sdk_ses::types::VerificationStatus;
use aws_sdk_sesv2::types::{BehaviorOnMxFailure, MailFromDomainStatus};
use custom_resource::{
    NOTHING_CREATED, OUTCOME_UNKNOWN, Status,
    testing::{Asked as _, failed, succeeded},
};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, HOME, Identity, World, tokens};

const DOMAIN: &str = "example.org";
const REGION: &str = "us-east-1";
const ID: &str = "example.org@us-east-1";

fn domain() -> Value {
    json!({"Domain": "example.org.", "Region": REGION, "Dummy": "true"})
}

fn identity() -> Value {
    json!({"Identity": "example.org.", "Region": REGION, "Dummy": "true"})
}

fn legacy() -> World {
    World::with_identity(REGION, DOMAIN, Identity::foreign(DOMAIN))
}

#[tokio::test]
async fn an_identity_with_the_record_that_verifies_it() {
    let world = World::default();
    let answer = world.create("Custom::DomainIdentity", domain()).await;
    succeeded(&answer, ID);
    assert_eq!(
        Value::from(answer.data),
        json!({"Domain": DOMAIN, "Region": REGION, "VerificationToken": "token-of-example.org=", "RecordSets": [
            {"TTL": "60", "Type": "TXT", "Name": "_amazonses.example.org.", "ResourceRecords": ["\"token-of-example.org=\""]}
        ]})
    );
    assert!(world.identity(REGION, DOMAIN).unwrap().tags.contains_key("custom-resource:stack-id"));
    assert!(world.all_calls().iter().all(|(call, region)| call == "get_caller_identity" || region == REGION));
}

#[tokio::test]
async fn the_samples_defaults_are_in_the_record_sets() {
    let mut properties = domain();
    properties["RecordSetDefaults"] = json!({"TTL": "60", "Weight": "1", "SetIdentifier": REGION});
    let answer = World::default().create("Custom::DomainIdentity", properties).await;
    assert_eq!(
        answer.data["RecordSets"],
        json!([{"TTL": "60", "Weight": "1", "SetIdentifier": REGION, "Type": "TXT", "Name": "_amazonses.example.org.",
                "ResourceRecords": ["\"token-of-example.org=\""]}])
    );
}

#[tokio::test]
async fn an_identity_of_somebody_else_is_refused_and_kept() {
    let world = legacy();
    let answer = world.create("Custom::DomainIdentity", domain()).await;
    failed(&answer, NOTHING_CREATED, "SES domain identity example.org already exists in region us-east-1");
    world.delete("Custom::DomainIdentity", NOTHING_CREATED, domain()).await;
    assert!(world.identity(REGION, DOMAIN).is_some());
}

#[tokio::test]
async fn a_repeated_request_finds_its_own_identity() {
    let world = World::default();
    succeeded(&world.create("Custom::DomainIdentity", domain()).await, ID);
    succeeded(&world.create("Custom::DomainIdentity", domain()).await, ID);
    let other =
        world.ask(|request| request.logical_id("Other").properties(domain()).create(), "Custom::DomainIdentity").await;
    failed(&other, NOTHING_CREATED, "already exists");
}

#[tokio::test]
async fn an_identity_of_the_old_provider_moves_over_and_is_deleted_in_the_end() {
    let world = legacy();
    succeeded(&world.update("Custom::DomainIdentity", ID, domain(), domain()).await, ID);
    assert!(world.identity(REGION, DOMAIN).unwrap().tags.contains_key("custom-resource:logical-id"));
    world.delete("Custom::DomainIdentity", ID, domain()).await;
    assert!(world.identity(REGION, DOMAIN).is_none());
    // Deleted straight away, without an update.
    let world = legacy();
    world.delete("Custom::DomainIdentity", ID, domain()).await;
    assert!(world.identity(REGION, DOMAIN).is_none());
    world.delete("Custom::DomainIdentity", ID, domain()).await;
}

#[tokio::test]
async fn another_region_is_another_identity_and_a_roll_back_returns() {
    let world = legacy();
    let elsewhere = json!({"Domain": DOMAIN, "Region": "eu-west-1"});
    let answer = world.update("Custom::DomainIdentity", ID, elsewhere.clone(), domain()).await;
    succeeded(&answer, "example.org@eu-west-1");
    let answer = world.update("Custom::DomainIdentity", "example.org@eu-west-1", domain(), elsewhere.clone()).await;
    succeeded(&answer, ID);
    world.delete("Custom::DomainIdentity", "example.org@eu-west-1", elsewhere).await;
    assert!(world.identity("eu-west-1", DOMAIN).is_none() && world.identity(REGION, DOMAIN).is_some());
}

#[tokio::test]
async fn a_change_to_what_is_there_is_refused() {
    let world = legacy();
    world.state().identities.insert(("eu-west-1".into(), DOMAIN.into()), Identity::foreign(DOMAIN));
    let elsewhere = json!({"Domain": DOMAIN, "Region": "eu-west-1"});
    let answer = world.update("Custom::DomainIdentity", ID, elsewhere, domain()).await;
    failed(&answer, ID, "cannot change domain identity to example.org as it already exists in region eu-west-1");
}

#[tokio::test]
async fn a_case_of_its_own_is_no_other_domain() {
    let world = legacy();
    let answer = world.update("Custom::DomainIdentity", "Example.org@us-east-1", domain(), domain()).await;
    succeeded(&answer, "Example.org@us-east-1");
}

#[tokio::test]
async fn an_unknown_outcome_deletes_only_what_is_marked() {
    let world = legacy();
    world.delete("Custom::DomainIdentity", OUTCOME_UNKNOWN, domain()).await;
    assert!(world.identity(REGION, DOMAIN).is_some());
    let world = World::default();
    world.create("Custom::DomainIdentity", domain()).await;
    world.delete("Custom::DomainIdentity", OUTCOME_UNKNOWN, domain()).await;
    assert!(world.identity(REGION, DOMAIN).is_none());
}

#[tokio::test]
async fn throttling_of_any_call_of_an_identity_is_ridden_out() {
    for call in ["get_email_identity", "create_email_identity", "verify_domain_identity"] {
        let world = World::default();
        world.refuse(call, "TooManyRequestsException", "Maximum sending rate exceeded");
        succeeded(&world.create("Custom::DomainIdentity", domain()).await, ID);
        assert_eq!(world.calls("create_email_identity"), if call == "create_email_identity" { 2 } else { 1 }, "{call}");
    }
}

#[tokio::test]
async fn dkim_tokens_and_their_records() {
    let world = World::default();
    world.create("Custom::DomainIdentity", domain()).await;
    let answer = world.create("Custom::DkimTokens", domain()).await;
    succeeded(&answer, ID);
    let mut expected = tokens(DOMAIN, "useast1");
    expected.sort();
    assert_eq!(answer.data["DkimTokens"], json!(expected));
    let first = json!({"TTL": "60", "Type": "CNAME", "Name": format!("{}._domainkey.example.org.", expected[0]),
                       "ResourceRecords": [format!("{}.dkim.amazonses.com", expected[0])]});
    assert_eq!(answer.data["RecordSets"][0], first);
    assert_eq!((answer.data["RecordSets"].as_array().unwrap().len(), &answer.data["Region"]), (3, &json!(REGION)));
    // An update of what is the same, and a Delete that deletes nothing.
    succeeded(&world.update("Custom::DkimTokens", ID, domain(), domain()).await, ID);
    world.delete("Custom::DkimTokens", ID, domain()).await;
    assert!(world.identity(REGION, DOMAIN).is_some());
}

#[tokio::test]
async fn dkim_is_started_for_an_identity_without_tokens() {
    let world = World::with_identity(REGION, DOMAIN, Identity::default());
    let answer = world.create("Custom::DkimTokens", domain()).await;
    succeeded(&answer, ID);
    assert_eq!(answer.data["DkimTokens"].as_array().unwrap().len(), 3);
    assert_eq!(world.calls("put_email_identity_dkim_signing_attributes"), 1);
}

#[tokio::test]
async fn dkim_without_an_identity_or_with_own_keys_fails_and_says_why() {
    let world = World::default();
    let text = "the domain identity example.org does not exist";
    failed(&world.create("Custom::DkimTokens", domain()).await, NOTHING_CREATED, text);
    failed(&world.update("Custom::DkimTokens", ID, domain(), domain()).await, ID, text);
    let own = Identity { own_keys: true, tokens: vec!["selector".into()], ..Identity::default() };
    let answer = World::with_identity(REGION, DOMAIN, own).create("Custom::DkimTokens", domain()).await;
    failed(&answer, NOTHING_CREATED, "signs with its own DKIM keys");
}

#[tokio::test]
async fn an_identity_is_awaited_and_its_status_is_not_null() {
    let world = World::default();
    world.create("Custom::DomainIdentity", domain()).await;
    world.change(REGION, DOMAIN, |identity| identity.status = Some(VerificationStatus::TemporaryFailure));
    let later = world.clone();
    let soon = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        later.change(REGION, DOMAIN, |identity| identity.status = Some(VerificationStatus::Success));
    });
    let answer = world.create("Custom::VerifiedIdentity", identity()).await;
    soon.await.unwrap();
    succeeded(&answer, DOMAIN);
    assert_eq!(
        Value::from(answer.data),
        json!({"Identity": DOMAIN, "Region": REGION, "VerificationToken": "token-of-example.org=", "VerificationStatus": "Success"})
    );
    assert_eq!(world.calls("get_identity_verification_attributes"), 2);
    world.delete("Custom::VerifiedIdentity", DOMAIN, identity()).await;
}

#[tokio::test]
async fn an_identity_that_is_not_there_or_has_failed_is_told_at_once() {
    let answer = World::default().create("Custom::VerifiedIdentity", identity()).await;
    failed(&answer, NOTHING_CREATED, "The identity \"example.org\" does not exist in region us-east-1.");
    let world = World::with_identity(
        REGION,
        DOMAIN,
        Identity { status: Some(VerificationStatus::Failed), ..Identity::default() },
    );
    failed(&world.create("Custom::VerifiedIdentity", identity()).await, NOTHING_CREATED, "failed, state Failed.");
}

#[tokio::test]
async fn a_wait_that_ends_says_what_to_look_at() {
    let world = legacy();
    let within = std::time::Duration::from_millis(900);
    let answer =
        world.ask_within(|request| request.properties(identity()).create(), "Custom::VerifiedIdentity", within).await;
    failed(
        &answer,
        NOTHING_CREATED,
        "has not verified example.org yet (Pending): do its TXT or its DKIM records stand",
    );
}

fn mail_from(label: &str) -> Value {
    json!({"Domain": DOMAIN, "Region": REGION, "MailFromSubdomain": label, "BehaviorOnMXFailure": "RejectMessage"})
}

#[tokio::test]
async fn a_mail_from_domain_and_its_records() {
    let world = legacy();
    let answer = world.create("Custom::MailFromDomain", mail_from("bounce")).await;
    succeeded(&answer, ID);
    assert_eq!(
        answer.data["RecordSets"],
        json!([
            {"TTL": "60", "Type": "MX", "Name": "bounce.example.org.", "ResourceRecords": ["10 feedback-smtp.us-east-1.amazonses.com"]},
            {"TTL": "60", "Type": "TXT", "Name": "bounce.example.org.", "ResourceRecords": ["\"v=spf1 include:amazonses.com ~all\""]},
        ])
    );
    let set = Some(("bounce.example.org".to_owned(), BehaviorOnMxFailure::RejectMessage));
    assert_eq!(world.identity(REGION, DOMAIN).unwrap().mail_from, set);

    let answer = world.update("Custom::MailFromDomain", ID, mail_from(""), mail_from("bounce")).await;
    succeeded(&answer, ID);
    assert_eq!(answer.data["RecordSets"], json!([]));
    assert_eq!(world.identity(REGION, DOMAIN).unwrap().mail_from, None);
}

#[tokio::test]
async fn delete_takes_the_mail_from_domain_away_unless_it_is_another_by_now() {
    let world = legacy();
    world.create("Custom::MailFromDomain", mail_from("bounce")).await;
    world.delete("Custom::MailFromDomain", ID, mail_from("bounce")).await;
    assert_eq!(world.identity(REGION, DOMAIN).unwrap().mail_from, None);
    world.create("Custom::MailFromDomain", mail_from("new")).await;
    world.delete("Custom::MailFromDomain", ID, mail_from("bounce")).await;
    assert!(world.identity(REGION, DOMAIN).unwrap().mail_from.is_some());
    world.delete("Custom::MailFromDomain", NOTHING_CREATED, mail_from("new")).await;
    assert!(world.identity(REGION, DOMAIN).unwrap().mail_from.is_some());
    // The identity went first.
    World::default().delete("Custom::MailFromDomain", ID, mail_from("bounce")).await;
}

#[tokio::test]
async fn a_mail_from_domain_needs_an_identity() {
    let answer = World::default().create("Custom::MailFromDomain", mail_from("bounce")).await;
    failed(&answer, NOTHING_CREATED, "the domain identity example.org does not exist in region us-east-1");
}

#[tokio::test]
async fn a_mail_from_domain_is_awaited() {
    let world = legacy();
    world.create("Custom::MailFromDomain", mail_from("bounce")).await;
    world.change(REGION, DOMAIN, |identity| identity.mail_from_status = Some(MailFromDomainStatus::Success));
    let answer = world.create("Custom::VerifiedMailFromDomain", identity()).await;
    succeeded(&answer, DOMAIN);
    assert_eq!(
        Value::from(answer.data),
        json!({"Identity": DOMAIN, "Region": REGION, "MailFromDomainStatus": "Success"})
    );
    world.change(REGION, DOMAIN, |identity| identity.mail_from_status = Some(MailFromDomainStatus::Failed));
    failed(&world.create("Custom::VerifiedMailFromDomain", identity()).await, NOTHING_CREATED, "failed, state Failed.");
    world.delete("Custom::VerifiedMailFromDomain", DOMAIN, identity()).await;
}

#[tokio::test]
async fn no_identity_and_no_mail_from_domain_are_different_errors() {
    let answer = World::default().create("Custom::VerifiedMailFromDomain", identity()).await;
    failed(&answer, NOTHING_CREATED, "does not exist in region");
    failed(
        &legacy().create("Custom::VerifiedMailFromDomain", identity()).await,
        NOTHING_CREATED,
        "has no MAIL FROM domain",
    );
}

fn policy(address: &str) -> Value {
    json!({"Identity": DOMAIN, "PolicyName": "Colleagues", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
        "Sid": "S", "Effect": "Allow", "Principal": {"AWS": ["123456789012"]}, "Action": ["ses:SendEmail"],
        "Condition": {"StringLike": {"ses:FromAddress": address}}}]}})
}

fn home() -> World {
    World::with_identity(HOME, DOMAIN, Identity::foreign(DOMAIN))
}

fn written(world: &World) -> Value {
    serde_json::from_str(&world.identity(HOME, DOMAIN).unwrap().policies["Colleagues"]).unwrap()
}

#[tokio::test]
async fn a_policy_is_written_whole() {
    let world = home();
    succeeded(&world.create("Custom::IdentityPolicy", policy("*@example.org")).await, "example.org/@Colleagues");
    let mut expected = policy("*@example.org")["PolicyDocument"].clone();
    expected["Statement"][0]["Resource"] = json!(format!("arn:aws:ses:{HOME}:{ACCOUNT}:identity/example.org"));
    assert_eq!(written(&world), expected);
    // The same again changes nothing.
    succeeded(&world.create("Custom::IdentityPolicy", policy("*@example.org")).await, "example.org/@Colleagues");
    let id = "example.org/@Colleagues";
    succeeded(&world.update("Custom::IdentityPolicy", id, policy("*@example.org"), policy("x")).await, id);
    assert_eq!((world.calls("create_email_identity_policy"), world.calls("update_email_identity_policy")), (1, 0));
    succeeded(&world.update("Custom::IdentityPolicy", id, policy("a@example.org"), policy("*@example.org")).await, id);
    assert_eq!(written(&world)["Statement"][0]["Condition"]["StringLike"]["ses:FromAddress"], "a@example.org");
}

#[tokio::test]
async fn a_different_policy_of_the_name_is_refused() {
    let world = home();
    world.change(HOME, DOMAIN, |identity| drop(identity.policies.insert("Colleagues".into(), "{}".into())));
    let answer = world.create("Custom::IdentityPolicy", policy("x")).await;
    failed(&answer, NOTHING_CREATED, "identity policy Colleagues already exists");
    world.delete("Custom::IdentityPolicy", OUTCOME_UNKNOWN, policy("x")).await;
    assert_eq!(written(&world), json!({}));
}

#[tokio::test]
async fn a_policy_that_is_gone_is_written_again_or_deleted() {
    let world = home();
    let id = "example.org/@Colleagues";
    succeeded(&world.update("Custom::IdentityPolicy", id, policy("x"), policy("x")).await, id);
    for _ in 0..2 {
        world.delete("Custom::IdentityPolicy", id, policy("x")).await;
    }
    World::default().delete("Custom::IdentityPolicy", id, policy("x")).await;
    world.create("Custom::IdentityPolicy", policy("x")).await;
    world.delete("Custom::IdentityPolicy", OUTCOME_UNKNOWN, policy("x")).await;
    assert!(world.identity(HOME, DOMAIN).unwrap().policies.is_empty());
}

fn rule_set(name: &str, region: &str) -> Value {
    json!({"RuleSetName": name, "Region": region})
}

#[tokio::test]
async fn a_rule_set_is_active_in_its_region() {
    let world = World::default();
    for (kind, region) in
        [("Custom::ActiveReceiptRuleSet", "us-east-1"), ("Custom::SESActiveReceiptRuleSet", "us-west-2")]
    {
        let id = format!("active-receipt-rule-set@{region}");
        succeeded(&world.create(kind, rule_set("mine", region)).await, &id);
        succeeded(&world.update(kind, &id, rule_set("other", region), rule_set("mine", region)).await, &id);
        assert_eq!(world.state().rule_sets[region], "other");
        world.delete(kind, &id, rule_set("other", region)).await;
    }
    assert!(world.state().rule_sets.is_empty());
}

#[tokio::test]
async fn the_rule_set_of_somebody_else_stays() {
    let world = World::default();
    world.state().rule_sets.insert(REGION.to_owned(), "theirs".to_owned());
    let answer = world.create("Custom::ActiveReceiptRuleSet", rule_set("mine", REGION)).await;
    failed(&answer, NOTHING_CREATED, "active receipt rule set is already set in region us-east-1 - theirs");
    let elsewhere = world
        .update(
            "Custom::ActiveReceiptRuleSet",
            "active-receipt-rule-set@eu-west-1",
            rule_set("mine", REGION),
            rule_set("mine", "eu-west-1"),
        )
        .await;
    assert_eq!(elsewhere.status, Status::Failed);
    world.delete("Custom::ActiveReceiptRuleSet", "active-receipt-rule-set@us-east-1", rule_set("mine", REGION)).await;
    assert_eq!(world.state().rule_sets[REGION], "theirs");
}
