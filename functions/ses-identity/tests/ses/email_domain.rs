//! `Custom::EmailDomain`.

use aws_sdk_sesv2::types::BehaviorOnMxFailure;
use custom_resource::{
    NOTHING_CREATED, OUTCOME_UNKNOWN, Status,
    testing::{Asked as _, failed, succeeded},
};
use serde_json::{Value, json};

use crate::world::{Identity, TOPIC, World, tokens};

const TYPE: &str = "Custom::EmailDomain";
const REGION: &str = "eu-west-1";
const DOMAIN: &str = "example.org";
const ARN: &str = "arn:aws:ses:eu-west-1:123456789012:identity/example.org";
const DMARC: &str = "\"v=DMARC1; p=none;\"";

fn properties() -> Value {
    json!({"Domain": "Example.org.", "HostedZoneId": "ZORG", "NotificationTopicArn": TOPIC, "Tags": [{"Key": "Name", "Value": "mail"}]})
}

fn with(changes: Value) -> Value {
    let mut properties = properties();
    for (key, value) in changes.as_object().unwrap() {
        properties[key] = value.clone();
    }
    properties
}

fn dkim_records(seed: &str) -> Vec<String> {
    tokens(DOMAIN, seed).iter().map(|token| format!("{token}._domainkey.example.org CNAME")).collect()
}

fn mail_records(label: &str) -> [String; 2] {
    [format!("{label}.example.org MX"), format!("{label}.example.org TXT")]
}

#[track_caller]
fn records_are(world: &World, expected: impl IntoIterator<Item = String>) {
    let mut expected: Vec<_> = expected.into_iter().collect();
    expected.sort();
    let mut there = world.record_names();
    there.sort();
    assert_eq!(there, expected);
}

fn all(label: &str) -> Vec<String> {
    dkim_records("euwest1")
        .into_iter()
        .chain(mail_records(label))
        .chain(["_dmarc.example.org TXT".to_owned()])
        .collect()
}

#[tokio::test]
async fn the_whole_job() {
    let world = World::default();
    world.state().in_sandbox = true;
    let answer = world.create(TYPE, properties()).await;
    succeeded(&answer, ARN);
    assert_eq!(
        Value::from(answer.data),
        json!({"IdentityArn": ARN, "Domain": DOMAIN, "Region": REGION, "Status": "SUCCESS", "MailFromDomain": "mail.example.org",
               "DmarcRecord": "v=DMARC1; p=none;", "SendingQuota": "200", "InSandbox": "true",
               "SmtpEndpoint": "email-smtp.eu-west-1.amazonaws.com", "DkimTokens": tokens(DOMAIN, "euwest1")})
    );
    records_are(&world, all("mail"));
    assert_eq!(world.record("mail.example.org", "MX").unwrap(), ["10 feedback-smtp.eu-west-1.amazonses.com"]);
    assert_eq!(world.record("mail.example.org", "TXT").unwrap(), ["\"v=spf1 include:amazonses.com ~all\""]);
    assert_eq!(world.record("_dmarc.example.org", "TXT").unwrap(), [DMARC]);
    let identity = world.identity(REGION, DOMAIN).unwrap();
    assert_eq!(identity.tags["Name"], "mail");
    assert_eq!(identity.mail_from, Some(("mail.example.org".to_owned(), BehaviorOnMxFailure::UseDefaultValue)));
    assert_eq!(identity.topics, [Some(TOPIC.to_owned()), Some(TOPIC.to_owned()), None]);
    assert_eq!((identity.headers, identity.no_forwarding), ([true, true, false], true));

    world.delete(TYPE, ARN, properties()).await;
    assert!(world.identity(REGION, DOMAIN).is_none());
    records_are(&world, []);
    world.delete(TYPE, ARN, properties()).await;
}

#[tokio::test]
async fn a_request_delivered_twice_makes_one_identity() {
    let world = World::default();
    for _ in 0..2 {
        succeeded(&world.create(TYPE, properties()).await, ARN);
    }
    assert_eq!((world.calls("create_email_identity"), world.calls("set_identity_notification_topic")), (1, 2));
    records_are(&world, all("mail"));
}

#[tokio::test]
async fn throttling_of_any_call_is_ridden_out() {
    let calls = [
        "get_caller_identity",
        "get_hosted_zone",
        "get_email_identity",
        "create_email_identity",
        "put_email_identity_mail_from_attributes",
        "list_resource_record_sets",
        "change_resource_record_sets",
        "tag_resource",
        "get_identity_notification_attributes",
        "set_identity_notification_topic",
        "set_identity_headers_in_notifications_enabled",
        "put_email_identity_feedback_attributes",
        "get_change",
        "get_account",
    ];
    let tries = calls.into_iter().map(|call| async move {
        let world = World::default();
        world.refuse(call, "Throttling", "Rate exceeded");
        let answer = world.create(TYPE, properties()).await;
        assert_eq!(answer.status, Status::Success, "{call}: {answer:?}");
        records_are(&world, all("mail"));
        assert_eq!(world.calls("create_email_identity"), if call == "create_email_identity" { 2 } else { 1 });
        world.refuse(call, "Throttling", "Rate exceeded");
        world.delete(TYPE, ARN, properties()).await;
        records_are(&world, []);
    });
    futures_util::future::join_all(tries).await;
}

#[tokio::test]
async fn an_identity_of_somebody_else_is_refused() {
    let world = World::with_identity(REGION, DOMAIN, Identity::foreign(DOMAIN));
    let answer = world.create(TYPE, properties()).await;
    failed(
        &answer,
        NOTHING_CREATED,
        "SES domain identity example.org already exists in region eu-west-1; with AdoptExisting: true",
    );
    world.delete(TYPE, OUTCOME_UNKNOWN, properties()).await;
    assert!(world.identity(REGION, DOMAIN).is_some());
    records_are(&world, []);
}

#[tokio::test]
async fn an_adopted_identity_gets_what_is_asked_for_and_stays() {
    let world = World::with_identity(
        REGION,
        DOMAIN,
        Identity {
            mail_from: Some(("post.example.org".to_owned(), BehaviorOnMxFailure::RejectMessage)),
            ..Identity::foreign(DOMAIN)
        },
    );
    world
        .state()
        .records
        .insert(("post.example.org".into(), "MX".into()), vec!["10 feedback-smtp.eu-west-1.amazonses.com".into()]);
    let adopt = with(json!({"AdoptExisting": "true"}));
    let answer = world.create(TYPE, adopt.clone()).await;
    succeeded(&answer, ARN);
    assert_eq!(answer.data["MailFromDomain"], "post.example.org", "what it has is not exchanged for a default");
    let standing = world.record_names();
    world.delete(TYPE, ARN, adopt).await;
    let identity = world.identity(REGION, DOMAIN).unwrap();
    assert_eq!(identity.mail_from.unwrap().0, "post.example.org");
    assert_eq!(
        (identity.topics, identity.no_forwarding),
        ([None, None, None], false),
        "but the stack's topics are out"
    );
    assert_eq!(world.record_names(), standing, "the identity needs its records");
}

#[tokio::test]
async fn an_adopted_identity_is_followed_without_asking_again() {
    let world = World::with_identity(REGION, DOMAIN, Identity::foreign(DOMAIN));
    succeeded(&world.create(TYPE, with(json!({"AdoptExisting": true}))).await, ARN);
    succeeded(&world.update(TYPE, ARN, properties(), with(json!({"AdoptExisting": true}))).await, ARN);
    world.delete(TYPE, ARN, properties()).await;
    assert!(world.identity(REGION, DOMAIN).is_some());
}

#[tokio::test]
async fn another_dmarc_record_stays_and_is_told() {
    let world = World::default();
    let theirs = "\"v=DMARC1; p=reject; rua=mailto:x@example.org\"";
    world.state().records.insert(("_dmarc.example.org".into(), "TXT".into()), vec![theirs.into()]);
    let answer = world.create(TYPE, properties()).await;
    succeeded(&answer, ARN);
    assert_eq!(answer.data["DmarcRecord"], theirs.trim_matches('"'));
    world.delete(TYPE, ARN, properties()).await;
    assert_eq!(world.record("_dmarc.example.org", "TXT").unwrap(), [theirs]);
}

#[tokio::test]
async fn an_equal_dmarc_record_that_was_there_stays_too() {
    let world = World::default();
    world.state().records.insert(("_dmarc.example.org".into(), "TXT".into()), vec![DMARC.into()]);
    succeeded(&world.create(TYPE, properties()).await, ARN);
    world.delete(TYPE, ARN, properties()).await;
    records_are(&world, ["_dmarc.example.org TXT".to_owned()]);
}

#[tokio::test]
async fn a_policy_kept_elsewhere_stays() {
    let world = World::default();
    world.state().records.insert(("_dmarc.example.org".into(), "CNAME".into()), vec!["policy.example.net".into()]);
    succeeded(&world.create(TYPE, properties()).await, ARN);
    world.delete(TYPE, ARN, properties()).await;
    records_are(&world, ["_dmarc.example.org CNAME".to_owned()]);
}

#[tokio::test]
async fn other_records_at_the_mail_from_domain_are_an_error_that_names_them() {
    let world = World::default();
    world.state().records.insert(("mail.example.org".into(), "MX".into()), vec!["10 mx.example.net".into()]);
    let answer = world.create(TYPE, properties()).await;
    failed(
        &answer,
        ARN,
        "the records of the MAIL FROM domain mail.example.org; to leave what is there give another MailFromSubdomain",
    );
    assert!(answer.reason.contains("MX record mail.example.org with the value 10 mx.example.net"), "{}", answer.reason);
    world.delete(TYPE, ARN, properties()).await;
    records_are(&world, ["mail.example.org MX".to_owned()]);
}

#[tokio::test]
async fn the_mail_from_domain_changes_in_place_and_its_old_records_go() {
    let world = World::default();
    world.create(TYPE, properties()).await;
    let other = with(json!({"MailFromSubdomain": "bounce", "BehaviorOnMXFailure": "RejectMessage"}));
    succeeded(&world.update(TYPE, ARN, other.clone(), properties()).await, ARN);
    records_are(&world, all("bounce"));
    assert_eq!(
        world.identity(REGION, DOMAIN).unwrap().mail_from,
        Some(("bounce.example.org".to_owned(), BehaviorOnMxFailure::RejectMessage))
    );
    let none = with(json!({"MailFromSubdomain": ""}));
    let answer = world.update(TYPE, ARN, none.clone(), other).await;
    succeeded(&answer, ARN);
    assert_eq!(answer.data["MailFromDomain"], "");
    let expected: Vec<_> = dkim_records("euwest1").into_iter().chain(["_dmarc.example.org TXT".to_owned()]).collect();
    records_are(&world, expected);
    world.delete(TYPE, ARN, none).await;
    records_are(&world, []);
}

#[tokio::test]
async fn the_dmarc_policy_changes_in_place_and_a_roll_back_returns() {
    let world = World::default();
    world.create(TYPE, properties()).await;
    let strict = with(json!({"DmarcPolicy": "reject", "DmarcReportAddress": "dmarc@example.org"}));
    succeeded(&world.update(TYPE, ARN, strict.clone(), properties()).await, ARN);
    assert_eq!(
        world.record("_dmarc.example.org", "TXT").unwrap(),
        ["\"v=DMARC1; p=reject; rua=mailto:dmarc@example.org;\""]
    );
    succeeded(&world.update(TYPE, ARN, properties(), strict).await, ARN);
    assert_eq!(world.record("_dmarc.example.org", "TXT").unwrap(), [DMARC]);
    world.delete(TYPE, ARN, properties()).await;
    records_are(&world, []);
}

#[tokio::test]
async fn tags_and_topics_change_in_place() {
    let world = World::default();
    world.create(TYPE, properties()).await;
    let other = json!({"Domain": DOMAIN, "HostedZoneId": "ZORG", "Tags": [{"Key": "Team", "Value": "a"}]});
    succeeded(&world.update(TYPE, ARN, other, properties()).await, ARN);
    let identity = world.identity(REGION, DOMAIN).unwrap();
    assert_eq!((identity.topics, identity.headers, identity.no_forwarding), ([None, None, None], [false; 3], false));
    assert!(identity.tags.contains_key("Team") && !identity.tags.contains_key("Name"));
    assert!(identity.tags.contains_key("custom-resource:stack-id"));
}

#[tokio::test]
async fn another_region_is_another_identity_and_both_keep_what_they_need() {
    let world = World::default();
    world.create(TYPE, properties()).await;
    let elsewhere = json!({"Domain": DOMAIN, "HostedZoneId": "ZORG", "Region": "us-east-1"});
    let new = ARN.replace("eu-west-1", "us-east-1");
    succeeded(&world.update(TYPE, ARN, elsewhere.clone(), properties()).await, &new);
    world.delete(TYPE, ARN, properties()).await;
    let expected: Vec<_> = dkim_records("useast1")
        .into_iter()
        .chain(mail_records("mail"))
        .chain(["_dmarc.example.org TXT".to_owned()])
        .collect();
    records_are(&world, expected);
    assert_eq!(world.record("mail.example.org", "MX").unwrap(), ["10 feedback-smtp.us-east-1.amazonses.com"]);
    assert!(world.identity(REGION, DOMAIN).is_none());
    world.delete(TYPE, &new, elsewhere).await;
    records_are(&world, []);
}

#[tokio::test]
async fn a_change_of_region_that_is_rolled_back_leaves_all_as_it_was() {
    let world = World::default();
    world.create(TYPE, properties()).await;
    let elsewhere = json!({"Domain": DOMAIN, "HostedZoneId": "ZORG", "Region": "us-east-1"});
    let new = ARN.replace("eu-west-1", "us-east-1");
    succeeded(&world.update(TYPE, ARN, elsewhere.clone(), properties()).await, &new);
    succeeded(&world.update(TYPE, &new, properties(), elsewhere.clone()).await, ARN);
    world.delete(TYPE, &new, elsewhere).await;
    records_are(&world, all("mail"));
    assert_eq!(world.record("mail.example.org", "MX").unwrap(), ["10 feedback-smtp.eu-west-1.amazonses.com"]);
    world.delete(TYPE, ARN, properties()).await;
    records_are(&world, []);
}

#[tokio::test]
async fn a_zone_that_does_not_fit_is_refused_before_anything_is_made() {
    let world = World::default();
    let answer = world.create(TYPE, with(json!({"HostedZoneId": "ZNET"}))).await;
    failed(
        &answer,
        NOTHING_CREATED,
        "Domain example.org is not in the hosted zone ZNET (example.net): give the zone that holds it",
    );
    world.state().private_zone = true;
    failed(&world.create(TYPE, properties()).await, NOTHING_CREATED, "is private; SES verifies through the public DNS");
    failed(
        &world.create(TYPE, with(json!({"HostedZoneId": "ZNONE"}))).await,
        NOTHING_CREATED,
        "read the hosted zone ZNONE",
    );
    assert_eq!(world.calls("create_email_identity"), 0);
}

#[tokio::test]
async fn wrong_properties_are_named_before_anything_is_made() {
    let world = World::default();
    for (change, reason) in [
        (json!({"Domian": "x"}), "Domian: unknown property"),
        (json!({"Domain": ""}), "Domain is empty"),
        (json!({"HostedZoneId": ""}), "HostedZoneId is empty"),
        (json!({"DmarcPolicy": "strict"}), "DmarcPolicy: expected one of none, quarantine, reject"),
        (json!({"DmarcReportAddress": "somebody"}), "DmarcReportAddress: is not an e-mail address"),
        (json!({"MailFromSubdomain": "-x"}), "MailFromSubdomain: expected a label such as mail"),
        (json!({"BounceTopicArn": "arn:aws:sns:us-east-1:123456789012:t"}), "BounceTopicArn: is a topic of us-east-1"),
        (json!({"Region": "us-east-1"}), "NotificationTopicArn: is a topic of eu-west-1; SES in us-east-1"),
    ] {
        failed(&world.create(TYPE, with(change)).await, NOTHING_CREATED, reason);
    }
    assert_eq!(world.calls("create_email_identity"), 0);
}

#[tokio::test]
async fn a_wait_that_ends_says_what_is_missing() {
    let world = World::default();
    world.create(TYPE, properties()).await;
    // Somebody takes a record away, and the next look finds the identity unverified.
    let name = dkim_records("euwest1")[0].split(' ').next().unwrap().to_owned();
    world.state().identities.get_mut(&(REGION.into(), DOMAIN.into())).unwrap().mail_from = None;
    world.state().records.remove(&(name, "CNAME".to_owned()));
    let gone = World::default();
    gone.state().identities = world.state().identities.clone();
    gone.state().identities.get_mut(&(REGION.into(), DOMAIN.into())).unwrap().mail_from_status =
        Some(aws_sdk_sesv2::types::MailFromDomainStatus::Pending);
    let within = std::time::Duration::from_secs(4);
    let answer = gone.ask_within(|request| request.properties(properties()).create(), TYPE, within).await;
    failed(&answer, ARN, "SES in eu-west-1 has not verified example.org yet (MAIL FROM PENDING); its records stand");
}

#[tokio::test]
async fn what_a_function_that_died_left_is_deleted_without_an_id() {
    let world = World::default();
    world.create(TYPE, properties()).await;
    world.delete(TYPE, OUTCOME_UNKNOWN, properties()).await;
    assert!(world.identity(REGION, DOMAIN).is_none());
    records_are(&world, []);
}

#[tokio::test]
async fn a_zone_that_is_gone_does_not_keep_the_identity() {
    let world = World::default();
    world.create(TYPE, properties()).await;
    world.delete(TYPE, ARN, with(json!({"HostedZoneId": "ZNONE"}))).await;
    assert!(world.identity(REGION, DOMAIN).is_none());
}
