//! `Custom::SMTPPW` and `Custom::SmtpCredentials`, and that nothing secret is seen.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use custom_resource::{
    OUTCOME_UNKNOWN, Secret, Status,
    testing::{Answer, Asked as _, failed, succeeded},
};
use serde_json::{Value, json};
use smtp_credentials::smtp_password_of;

use crate::world::{KEY_MATERIAL, SECRET, SecretValues, USER, World};

const TYPE: &str = "Custom::SmtpCredentials";

fn with_rotation(rotation: &str) -> Value {
    json!({"UserName": USER, "SecretArn": SECRET, "Rotation": rotation})
}

/// The password that belongs to the key with this number.
fn password(number: usize, region: &str) -> String {
    smtp_password_of(&Secret::new(format!("{KEY_MATERIAL}/{number}")), region).reveal().to_owned()
}

fn key(number: usize) -> String {
    format!("AKIAEXAMPLE{number:09}")
}

async fn created(world: &World) {
    succeeded(&world.create(TYPE, with_rotation("1")).await, &key(1));
}

/// The credentials in the secret belong to a key that exists.
#[track_caller]
fn working(world: &World, number: usize) {
    let secret = world.secret();
    assert_eq!(secret["username"], key(number));
    assert_eq!(secret["password"], password(number, "eu-west-1"));
    assert!(world.keys().contains(&key(number)), "{:?}", world.keys());
}

#[tokio::test]
async fn the_credentials_are_in_the_secret_and_nowhere_else() {
    let world = World::with_user();
    let answer = world.create(TYPE, with_rotation("1")).await;
    succeeded(&answer, &key(1));
    assert_eq!(
        Value::from(answer.data),
        json!({"AccessKeyId": key(1), "UserName": USER, "SecretArn": SECRET, "SmtpEndpoint": "email-smtp.eu-west-1.amazonaws.com",
               "SmtpPort": "587", "Region": "eu-west-1"})
    );
    working(&world, 1);
    let secret = world.secret();
    assert_eq!((&secret["endpoint"], &secret["port"]), (&json!("email-smtp.eu-west-1.amazonaws.com"), &json!(587)));
}

#[tokio::test]
async fn another_region_has_another_password_and_needs_another_key() {
    let world = World::with_user();
    created(&world).await;
    let mut elsewhere = with_rotation("1");
    elsewhere["Region"] = json!("us-east-1");
    let answer = world.update(TYPE, &key(1), elsewhere, with_rotation("1")).await;
    succeeded(&answer, &key(2));
    assert_eq!(world.secret()["password"], password(2, "us-east-1"));
    assert_eq!(world.secret()["endpoint"], "email-smtp.us-east-1.amazonaws.com");
}

#[tokio::test]
async fn a_request_delivered_twice_makes_one_key() {
    let world = World::with_user();
    for _ in 0..2 {
        let ask = |request: custom_resource::testing::RequestBuilder| {
            request.request_id("same").properties(with_rotation("1")).create()
        };
        succeeded(&world.ask(ask, TYPE).await, &key(1));
    }
    assert_eq!((world.keys(), world.calls("create_access_key")), (vec![key(1)], 1));
}

#[tokio::test]
async fn an_update_of_nothing_keeps_the_key() {
    let world = World::with_user();
    created(&world).await;
    succeeded(&world.update(TYPE, &key(1), with_rotation("1"), with_rotation("1")).await, &key(1));
    working(&world, 1);
}

#[tokio::test]
async fn rotation_makes_the_new_key_first_and_the_delete_of_the_old_one_leaves_it() {
    let world = World::with_user();
    created(&world).await;
    succeeded(&world.update(TYPE, &key(1), with_rotation("2"), with_rotation("1")).await, &key(2));
    assert_eq!(world.keys(), [key(1), key(2)]);
    working(&world, 2);
    world.delete(TYPE, &key(1), with_rotation("1")).await;
    assert_eq!(world.keys(), [key(2)]);
    working(&world, 2);
    // A value from before is not a way back to a key from before.
    succeeded(&world.update(TYPE, &key(2), with_rotation("1"), with_rotation("2")).await, &key(3));
    world.delete(TYPE, &key(2), with_rotation("2")).await;
    working(&world, 3);
    world.delete(TYPE, &key(3), with_rotation("1")).await;
    assert_eq!(world.keys(), [""; 0]);
    assert!(world.state().user_tags[USER].is_empty(), "{:?}", world.state().user_tags);
}

#[tokio::test]
async fn a_rotation_that_is_rolled_back_leaves_the_credentials_from_before() {
    let world = World::with_user();
    created(&world).await;
    succeeded(&world.update(TYPE, &key(1), with_rotation("2"), with_rotation("1")).await, &key(2));
    succeeded(&world.update(TYPE, &key(2), with_rotation("1"), with_rotation("2")).await, &key(1));
    working(&world, 1);
    world.delete(TYPE, &key(2), with_rotation("2")).await;
    assert_eq!(world.keys(), [key(1)]);
    working(&world, 1);
}

#[tokio::test]
async fn a_rotation_that_fails_leaves_the_credentials_from_before() {
    let world = World::with_user();
    created(&world).await;
    world.refuse("put_secret_value", "AccessDeniedException", "no");
    let answer = world.update(TYPE, &key(1), with_rotation("2"), with_rotation("1")).await;
    failed(&answer, &key(1), "write the credentials into the secret");
    assert_eq!(world.keys(), [key(1)], "the key without a known secret is gone");
    succeeded(&world.update(TYPE, &key(1), with_rotation("1"), with_rotation("2")).await, &key(1));
    working(&world, 1);
}

#[tokio::test]
async fn a_key_whose_secret_was_not_stored_goes_before_another_is_made() {
    let world = World::with_user();
    world.state().keys.get_mut(USER).unwrap().push("AKIAOFSOMEBODY".to_owned());
    world.refuse("put_secret_value", "ThrottlingException", "slow down");
    succeeded(&world.create(TYPE, with_rotation("1")).await, &key(2));
    assert_eq!(world.keys(), ["AKIAOFSOMEBODY".to_owned(), key(2)]);
    working(&world, 2);
}

#[tokio::test]
async fn a_value_that_was_stored_although_nobody_said_so_is_found() {
    let world = World::with_user();
    world.lose_answer("put_secret_value");
    succeeded(&world.create(TYPE, with_rotation("1")).await, &key(1));
    working(&world, 1);
    assert_eq!(world.keys(), [key(1)]);
}

#[tokio::test]
async fn a_key_whose_answer_was_lost_is_known_by_the_users_tag() {
    let world = World::with_user();
    world.state().keys.get_mut(USER).unwrap().push("AKIAOFSOMEBODY".to_owned());
    world.lose_answer("create_access_key");
    succeeded(&world.create(TYPE, with_rotation("1")).await, &key(2));
    assert_eq!(world.keys(), ["AKIAOFSOMEBODY".to_owned(), key(2)], "the lost key is gone, the other's is not");
    working(&world, 2);
}

#[tokio::test]
async fn what_a_function_that_died_left_is_deleted_without_an_id() {
    let world = World::with_user();
    world.state().keys.get_mut(USER).unwrap().push("AKIAOFSOMEBODY".to_owned());
    // It died between making the key and storing it.
    world.lose_answer("create_access_key");
    world.refuse("list_access_keys", "AccessDenied", "not yet");
    let answer = world.create(TYPE, with_rotation("1")).await;
    assert_eq!(answer.status, Status::Failed);
    let world = World::with_user();
    world.state().keys.get_mut(USER).unwrap().push("AKIAOFSOMEBODY".to_owned());
    world.lose_answer("create_access_key");
    let died = world
        .ask_within(|request| request.properties(with_rotation("1")).create(), TYPE, Duration::from_millis(700))
        .await;
    assert_eq!(died.status, Status::Failed, "{died:?}");
    assert_eq!(world.keys().len(), 2, "the orphan is there");
    world.delete(TYPE, OUTCOME_UNKNOWN, with_rotation("1")).await;
    assert_eq!(world.keys(), ["AKIAOFSOMEBODY"]);
}

#[tokio::test]
async fn an_answer_that_was_lost_after_all_was_done_is_undone_without_an_id() {
    let world = World::with_user();
    created(&world).await;
    world.delete(TYPE, OUTCOME_UNKNOWN, with_rotation("1")).await;
    assert_eq!(world.keys(), [""; 0]);
}

#[tokio::test]
async fn two_keys_of_others_are_an_error_that_says_what_to_do() {
    let world = World::with_user();
    world.state().keys.get_mut(USER).unwrap().extend(["AKIAONE".to_owned(), "AKIATWO".to_owned()]);
    let answer = world.create(TYPE, with_rotation("1")).await;
    failed(
        &answer,
        "could-not-create",
        "the IAM user sender has the access keys AKIAONE and AKIATWO, and IAM allows two: delete the one",
    );
    assert_eq!(world.keys(), ["AKIAONE", "AKIATWO"]);
}

#[tokio::test]
async fn two_resources_do_not_take_each_others_keys() {
    let world = World::with_user();
    created(&world).await;
    let renamed =
        world.ask(|request| request.logical_id("Renamed").properties(with_rotation("1")).create(), TYPE).await;
    succeeded(&renamed, &key(2));
    world.delete(TYPE, &key(1), with_rotation("1")).await;
    working(&world, 2);
}

#[tokio::test]
async fn what_is_gone_is_deleted() {
    let world = World::default();
    world.delete(TYPE, &key(1), with_rotation("1")).await;
    world.delete(TYPE, OUTCOME_UNKNOWN, with_rotation("1")).await;
    let world = World::with_user();
    world.delete(TYPE, &key(7), with_rotation("1")).await;
    assert_eq!(world.calls("get_secret_value"), 0);
}

#[tokio::test]
async fn a_wrong_property_is_named() {
    let world = World::with_user();
    failed(
        &world.create(TYPE, json!({"UserName": USER})).await,
        "could-not-create",
        "SecretArn: a required property is missing",
    );
    failed(
        &world.create(TYPE, json!({"UserName": "", "SecretArn": SECRET})).await,
        "could-not-create",
        "UserName is empty",
    );
    let nobody = world.create(TYPE, json!({"UserName": "nobody", "SecretArn": SECRET})).await;
    failed(&nobody, "could-not-create", "the IAM user nobody does not exist");
    world.state().secrets.clear();
    let answer = world.create(TYPE, with_rotation("1")).await;
    failed(
        &answer,
        &key(1),
        "the secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:smtp-AbCdEf does not exist",
    );
    assert_eq!(world.keys(), [""; 0]);
}

#[tokio::test]
async fn throttling_of_any_call_is_ridden_out() {
    let calls =
        ["list_access_keys", "get_secret_value", "list_user_tags", "tag_user", "create_access_key", "put_secret_value"];
    let tries = calls.map(|call| async move {
        let world = World::with_user();
        world.refuse(call, "Throttling", "Rate exceeded");
        let answer = world.create(TYPE, with_rotation("1")).await;
        assert_eq!(answer.status, Status::Success, "{call}: {answer:?}");
        assert_eq!(world.keys(), [answer.physical_resource_id], "{call}");
    });
    futures_util::future::join_all(tries).await;
}

#[tokio::test]
async fn a_secret_changed_by_hand_is_written_again_with_another_key() {
    let world = World::with_user();
    created(&world).await;
    *world.state().secrets.get_mut(SECRET).unwrap() = SecretValues::default();
    succeeded(&world.update(TYPE, &key(1), with_rotation("1"), with_rotation("1")).await, &key(2));
    working(&world, 2);
}

fn smtppw(secret: &str) -> Value {
    json!({"SecretKey": secret, "Region": "eu-central-1", "Description": "SMTP password", "NoEcho": "true"})
}

/// Of the vectors in src/smtp.rs.
const KNOWN: (&str, &str) = ("some+secret+key", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2");

#[tokio::test]
async fn the_samples_type_gives_the_password_as_a_masked_attribute() {
    let world = World::default();
    let answer = world.create("Custom::SMTPPW", smtppw(KNOWN.0)).await;
    succeeded(&answer, "Resource@eu-central-1");
    assert!(answer.no_echo);
    assert_eq!(Value::from(answer.data), json!({"SmtpPassword": KNOWN.1}));
    // Another key changes the attribute and nothing that CloudFormation shows.
    let answer =
        world.update("Custom::SMTPPW", "Resource@eu-central-1", smtppw("another+secret+key"), smtppw(KNOWN.0)).await;
    succeeded(&answer, "Resource@eu-central-1");
    assert_ne!(answer.data["SmtpPassword"], KNOWN.1);
}

#[tokio::test]
async fn the_password_is_the_id_only_when_asked() {
    let world = World::default();
    let mut legacy = smtppw(KNOWN.0);
    legacy["LegacyRef"] = json!("true");
    let answer = world.create("Custom::SMTPPW", legacy).await;
    succeeded(&answer, KNOWN.1);
    assert!(answer.no_echo);
    // A stack of the sample: the old id goes without harm.
    succeeded(
        &world.update("Custom::SMTPPW", KNOWN.1, smtppw(KNOWN.0), smtppw(KNOWN.0)).await,
        "Resource@eu-central-1",
    );
    for id in [KNOWN.1, "This did not work, Sherlock"] {
        world.delete("Custom::SMTPPW", id, smtppw(KNOWN.0)).await;
    }
}

#[tokio::test]
async fn a_missing_property_is_named_without_the_key() {
    let world = World::default();
    let answer = world.create("Custom::SMTPPW", json!({"SecretKey": KNOWN.0})).await;
    failed(&answer, "could-not-create", "invalid resource properties: Region: a required property is missing");
    failed(
        &world.create("Custom::SMTPPW", json!({"SecretKey": KNOWN.0, "Region": ""})).await,
        "could-not-create",
        "Region is empty",
    );
    let listed = world.create("Custom::SMTPPW", json!({"SecretKey": [KNOWN.0], "Region": "x"})).await;
    failed(&listed, "could-not-create", "SecretKey: expected a string, got a list");
    assert!(!format!("{answer:?}{listed:?}").contains(KNOWN.0));
}

/// Everything that is logged, at the most detailed level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_secret_is_in_an_answer_or_in_the_log() {
    use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt};
    let log = Log::default();
    let writer = log.clone();
    let own = ["custom_resource", "function_runtime", "smtp_credentials"];
    let filter = Targets::new()
        .with_default(tracing_subscriber::filter::LevelFilter::WARN)
        .with_targets(own.map(|name| (name, tracing_subscriber::filter::LevelFilter::TRACE)));
    let lines = tracing_subscriber::fmt::layer().json().with_writer(move || writer.clone()).with_filter(filter);
    // For all tests of the process: with one for this thread alone, a thread of another test could settle for good that nobody listens.
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines)).unwrap();

    let mut answers: Vec<Answer> = Vec::new();
    let world = World::with_user();
    answers.push(world.create(TYPE, with_rotation("1")).await);
    world.refuse("put_secret_value", "ThrottlingException", "slow down");
    answers.push(world.update(TYPE, &key(1), with_rotation("2"), with_rotation("1")).await);
    world.refuse("put_secret_value", "AccessDeniedException", "no");
    world.delete(TYPE, &key(1), with_rotation("1")).await;
    answers.push(world.update(TYPE, &key(3), with_rotation("3"), with_rotation("2")).await);
    answers.push(world.update(TYPE, &key(3), with_rotation("2"), with_rotation("3")).await);
    answers.push(world.create("Custom::SMTPPW", json!({"SecretKey": KEY_MATERIAL})).await);
    let shown = format!("{answers:?}");

    // These hold the password, masked, or as the id that was asked for; the log must not have it either.
    let secret = format!("{KEY_MATERIAL}/1");
    let password = password(1, "eu-west-1");
    let properties = json!({"SecretKey": secret, "Region": "eu-west-1", "LegacyRef": true});
    let masked = world.create("Custom::SMTPPW", properties.clone()).await;
    succeeded(&masked, &password);
    world.delete("Custom::SMTPPW", &password, properties.clone()).await;
    world.update("Custom::SMTPPW", &password, properties.clone(), properties).await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("access key made") && log.contains("SUCCESS") && log.contains("FAILED"), "{log}");
    for number in 1..=world.state().made_keys {
        let forbidden = self::password(number, "eu-west-1");
        assert!(!log.contains(&forbidden) && !shown.contains(&forbidden), "the password of key {number}");
    }
    assert!(!log.contains(KEY_MATERIAL) && !shown.contains(KEY_MATERIAL));
}
