//! `Custom::IdentityNotifications`.

use custom_resource::{
    NOTHING_CREATED, OUTCOME_UNKNOWN,
    testing::{Asked as _, failed, succeeded},
};
use serde_json::{Value, json};

use crate::world::{Identity, TOPIC, World};

const TYPE: &str = "Custom::IdentityNotifications";
const REGION: &str = "eu-west-1";
const ARN: &str = "arn:aws:ses:eu-west-1:123456789012:identity/example.org";
const OLD_ARN: &str = "arn::ses:eu-west-1:123456789012:identity/example.org";
const OTHER_TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:other";

/// As in the sample.
fn properties() -> Value {
    json!({
        "Identity": "example.org", "Region": REGION, "BounceTopic": TOPIC, "ComplaintTopic": TOPIC,
        "HeadersInBounceNotificationsEnabled": "true", "HeadersInComplaintNotificationsEnabled": "true", "ForwardingEnabled": "false",
    })
}

fn world() -> World {
    World::with_identity(REGION, "example.org", Identity::foreign("example.org"))
}

fn settings(world: &World) -> ([Option<String>; 3], [bool; 3], bool) {
    let identity = world.identity(REGION, "example.org").unwrap();
    (identity.topics, identity.headers, !identity.no_forwarding)
}

fn as_asked() -> ([Option<String>; 3], [bool; 3], bool) {
    ([Some(TOPIC.to_owned()), Some(TOPIC.to_owned()), None], [true, true, false], false)
}

fn nothing() -> ([Option<String>; 3], [bool; 3], bool) {
    ([None, None, None], [false; 3], true)
}

#[tokio::test]
async fn the_samples_notifications_are_set_and_cleared() {
    let world = world();
    succeeded(&world.create(TYPE, properties()).await, ARN);
    assert_eq!(settings(&world), as_asked());
    world.delete(TYPE, ARN, properties()).await;
    assert_eq!(settings(&world), nothing(), "headers included");
    assert!(world.identity(REGION, "example.org").unwrap().tags.is_empty());
    world.delete(TYPE, ARN, properties()).await;
}

#[tokio::test]
async fn throttling_of_every_call_is_ridden_out_and_nothing_is_done_twice() {
    let calls = [
        "get_caller_identity",
        "get_email_identity",
        "get_identity_notification_attributes",
        "tag_resource",
        "set_identity_notification_topic",
        "set_identity_headers_in_notifications_enabled",
        "put_email_identity_feedback_attributes",
    ];
    let tries = calls.into_iter().map(|call| async move {
        let world = world();
        world.refuse(call, "Throttling", "Rate exceeded");
        succeeded(&world.create(TYPE, properties()).await, ARN);
        assert_eq!(settings(&world), as_asked(), "{call}");
        // One call more than without throttling, and that is the one that was refused.
        let expected = |name: &str, count: usize| count + usize::from(name == call);
        for (name, count) in [
            ("set_identity_notification_topic", 2),
            ("set_identity_headers_in_notifications_enabled", 2),
            ("put_email_identity_feedback_attributes", 1),
            ("tag_resource", 1),
        ] {
            assert_eq!(world.calls(name), expected(name, count), "{name} when {call} is throttled");
        }
    });
    futures_util::future::join_all(tries).await;
}

#[tokio::test]
async fn the_second_of_a_kind_is_throttled_too() {
    for nth in ["set_identity_notification_topic", "set_identity_headers_in_notifications_enabled"] {
        let world = world();
        // The answer to the first is lost, so that SES has it and nobody knows.
        world.lose_answer(nth);
        succeeded(&world.create(TYPE, properties()).await, ARN);
        assert_eq!(settings(&world), as_asked());
    }
}

#[tokio::test]
async fn throttling_of_every_call_of_a_delete_is_ridden_out() {
    let calls = [
        "get_email_identity",
        "get_identity_notification_attributes",
        "set_identity_notification_topic",
        "set_identity_headers_in_notifications_enabled",
        "put_email_identity_feedback_attributes",
        "untag_resource",
    ];
    let tries = calls.into_iter().map(|call| async move {
        let world = world();
        world.create(TYPE, properties()).await;
        world.refuse(call, "Throttling", "Rate exceeded");
        world.delete(TYPE, ARN, properties()).await;
        assert_eq!(settings(&world), nothing(), "{call}");
    });
    futures_util::future::join_all(tries).await;
}

#[tokio::test]
async fn an_update_makes_only_the_calls_that_change_something() {
    let world = world();
    world.create(TYPE, properties()).await;
    world.forget_calls();
    let mut changed = properties();
    changed["ComplaintTopic"] = json!(OTHER_TOPIC);
    succeeded(&world.update(TYPE, ARN, changed, properties()).await, ARN);
    let sets: Vec<_> = world
        .all_calls()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.contains("set") || name.contains("put"))
        .collect();
    assert_eq!(sets, ["set_identity_notification_topic"]);
    assert_eq!(settings(&world).0[1].as_deref(), Some(OTHER_TOPIC));
}

#[tokio::test]
async fn topics_are_given_up_without_a_moment_in_which_nobody_is_told() {
    let world = world();
    world.create(TYPE, properties()).await;
    let by_mail = json!({"Identity": "example.org", "Region": REGION});
    succeeded(&world.update(TYPE, ARN, by_mail, properties()).await, ARN);
    assert_eq!(settings(&world), nothing());
}

#[tokio::test]
async fn what_somebody_else_set_is_refused_unless_overridden() {
    let world = world();
    world.change(REGION, "example.org", |identity| identity.topics[1] = Some(OTHER_TOPIC.to_owned()));
    let answer = world.create(TYPE, properties()).await;
    failed(&answer, NOTHING_CREATED, "ComplaintTopic already set for identity example.org in eu-west-1");
    world.delete(TYPE, OUTCOME_UNKNOWN, properties()).await;
    assert_eq!(settings(&world).0[1].as_deref(), Some(OTHER_TOPIC));
    let mut forced = properties();
    forced["ForceOverride"] = json!("true");
    succeeded(&world.create(TYPE, forced).await, ARN);
    assert_eq!(settings(&world), as_asked());
}

#[tokio::test]
async fn a_repeated_create_finds_its_own_topics() {
    let world = world();
    succeeded(&world.create(TYPE, properties()).await, ARN);
    succeeded(&world.create(TYPE, properties()).await, ARN);
    let other = world.ask(|request| request.logical_id("Other").properties(properties()).create(), TYPE).await;
    failed(&other, NOTHING_CREATED, "BounceTopic already set");
}

#[tokio::test]
async fn mail_is_not_switched_off_without_both_topics() {
    let text = "ForwardingEnabled cannot be disabled without an SNS BounceTopic and SNS ComplaintTopic";
    let half = json!({"Identity": "example.org", "Region": REGION, "BounceTopic": TOPIC, "ForwardingEnabled": false});
    failed(&world().create(TYPE, half.clone()).await, NOTHING_CREATED, text);
    let world = world();
    world.create(TYPE, properties()).await;
    failed(&world.update(TYPE, ARN, half, properties()).await, ARN, text);
    assert_eq!(settings(&world), as_asked());
}

#[tokio::test]
async fn a_stack_of_the_old_provider_moves_over() {
    let world = world();
    world.change(REGION, "example.org", |identity| {
        (identity.topics, identity.headers, identity.no_forwarding) = (as_asked().0, as_asked().1, true);
    });
    // The id stays, so nothing is replaced and nothing deleted.
    succeeded(&world.update(TYPE, OLD_ARN, properties(), properties()).await, OLD_ARN);
    assert_eq!(settings(&world), as_asked());
    world.delete(TYPE, OLD_ARN, properties()).await;
    assert_eq!(settings(&world), nothing());
}

#[tokio::test]
async fn the_old_form_of_an_id_does_not_clear_what_the_new_one_set() {
    let world = world();
    succeeded(&world.create(TYPE, properties()).await, ARN);
    world.delete(TYPE, OLD_ARN, properties()).await;
    assert_eq!(settings(&world), as_asked());
}

#[tokio::test]
async fn the_old_form_alone_is_cleared() {
    let world = world();
    world.change(REGION, "example.org", |identity| identity.topics = as_asked().0);
    world.delete(TYPE, OLD_ARN, properties()).await;
    assert_eq!(settings(&world).0, nothing().0);
}

#[tokio::test]
async fn topics_that_somebody_changed_meanwhile_stay() {
    let world = world();
    world.create(TYPE, properties()).await;
    world.change(REGION, "example.org", |identity| identity.topics[0] = Some(OTHER_TOPIC.to_owned()));
    world.delete(TYPE, ARN, properties()).await;
    let (topics, _, forwarding) = settings(&world);
    assert_eq!((topics, forwarding), ([Some(OTHER_TOPIC.to_owned()), None, None], true));
}

#[tokio::test]
async fn another_identity_is_another_resource_and_a_roll_back_returns() {
    let world = world();
    world.change(REGION, "example.org", |identity| {
        (identity.topics, identity.headers, identity.no_forwarding) = (as_asked().0, as_asked().1, true);
    });
    world.state().identities.insert((REGION.into(), "example.net".into()), Identity::foreign("example.net"));
    let mut other = properties();
    other["Identity"] = json!("example.net");
    let new = ARN.replace("example.org", "example.net");
    succeeded(&world.update(TYPE, OLD_ARN, other.clone(), properties()).await, &new);
    let answer = world.update(TYPE, &new, properties(), other.clone()).await;
    succeeded(&answer, OLD_ARN);
    world.delete(TYPE, &new, other).await;
    assert_eq!(settings(&world), as_asked());
    assert_eq!(world.identity(REGION, "example.net").unwrap().topics, nothing().0);
}

#[tokio::test]
async fn an_identity_that_is_gone_is_an_error_to_set_and_none_to_clear() {
    let world = World::default();
    failed(&world.create(TYPE, properties()).await, NOTHING_CREATED, "The identity \"example.org\" does not exist");
    for id in [ARN, OLD_ARN, OUTCOME_UNKNOWN, NOTHING_CREATED] {
        world.delete(TYPE, id, properties()).await;
    }
}

#[tokio::test]
async fn a_topic_that_ses_cannot_use_is_named_with_what_to_do() {
    let mut encrypted = properties();
    encrypted["BounceTopic"] = json!("arn:aws:sns:eu-west-1:123456789012:encrypted");
    let answer = world().create(TYPE, encrypted).await;
    failed(
        &answer,
        ARN,
        "refuses arn:aws:sns:eu-west-1:123456789012:encrypted as the BounceTopic: the topic must exist",
    );
    assert!(answer.reason.contains("key of your own whose policy lets ses.amazonaws.com use it"), "{}", answer.reason);
    let mut elsewhere = properties();
    elsewhere["ComplaintTopic"] = json!("arn:aws:sns:us-east-1:123456789012:t");
    let answer = world().create(TYPE, elsewhere).await;
    failed(
        &answer,
        NOTHING_CREATED,
        "ComplaintTopic: is a topic of us-east-1; SES in eu-west-1 publishes only to topics of eu-west-1",
    );
}

#[tokio::test]
async fn without_the_right_to_tag_they_are_set_all_the_same() {
    let world = world();
    world.refuse("tag_resource", "AccessDeniedException", "no");
    succeeded(&world.create(TYPE, properties()).await, ARN);
    assert_eq!(settings(&world), as_asked());
    world.delete(TYPE, ARN, properties()).await;
    assert_eq!(settings(&world), nothing());
}
