//! The response endpoint refuses, hangs, or is not there.

use std::{sync::Arc, time::Duration};

use custom_resource::{
    Status,
    testing::{Behaviour, FakeCloudFormation},
};
use rehearsal::runtime_api::{Function, Invocation, Outcome, on_failure_record};
use serde_json::{Value, json};
use tests::{
    cases::{Case, case},
    stage::{LAMBDA_TIMEOUT, Stage},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("response endpoint: refuses twice, then accepts", |stage| async move {
            stage.cloudformation.behave([Behaviour::Refuse(503), Behaviour::Refuse(403)]);
            create(&stage).await;
            assert_eq!(stage.cloudformation.puts(), 3);
        }),
        case("response endpoint: hangs once, then accepts", |stage| async move {
            stage.cloudformation.behave([Behaviour::Hang]);
            create(&stage).await;
            assert_eq!(stage.cloudformation.puts(), 2);
        }),
        case("response endpoint: accepts once without saying so", |stage| async move {
            stage.cloudformation.behave([Behaviour::AcceptAndHang]);
            let provider = stage.provider().await;
            let event = stage.create_event(&stage.properties_without_zone());
            let invocation = provider.invoke(&event, LAMBDA_TIMEOUT).await.expect("the function starts");
            assert_eq!(invocation.outcome, Outcome::Completed(json!("SUCCESS")));
            let answers = stage.cloudformation.take_answers();
            // The second is the first once more: whichever CloudFormation takes, it is told the same.
            assert_eq!(answers.len(), 2);
            assert_eq!(answers[0], answers[1]);
            assert_eq!(stage.certificates().await, [answers[0].physical_resource_id.as_str()]);
        }),
        refusing("refuses for ever", Behaviour::Refuse(403), LAMBDA_TIMEOUT),
        refusing("fails for ever", Behaviour::Refuse(503), LAMBDA_TIMEOUT),
        refusing("hangs for ever", Behaviour::Hang, Duration::from_secs(12)),
        refusing("hangs for ever, and time is short", Behaviour::Hang, Duration::from_secs(3)),
        refusing("accepts without saying so for ever", Behaviour::AcceptAndHang, Duration::from_secs(12)),
        case("response endpoint: is not there", |stage| async move {
            let mut event = stage.create_event(&stage.properties_without_zone());
            let closed = FakeCloudFormation::start().await.expect("a port");
            event["ResponseURL"] = json!(closed.response_url());
            let secret = closed.signature();
            drop(closed);
            undelivered(&stage, event, Duration::from_secs(10), &secret).await;
        }),
    ]
}

async fn create(stage: &Stage) {
    let provider = stage.provider().await;
    let properties = stage.properties_without_zone();
    let arn = stage.create(&provider, &properties).await;
    assert_eq!(stage.certificates().await, [arn.as_str()]);
}

/// An endpoint that never takes the answer of a Create.
fn refusing(name: &str, behaviour: Behaviour, time: Duration) -> Case {
    case(format!("response endpoint: {name}"), move |stage| async move {
        stage.cloudformation.always(behaviour);
        let event = stage.create_event(&stage.properties_without_zone());
        let secret = stage.cloudformation.signature();
        undelivered(&stage, event, time, &secret).await;
    })
}

/// The function says in its error what it could not deliver, in time and without the URL; the function of last resort delivers it elsewhere.
async fn undelivered(stage: &Arc<Stage>, event: Value, time: Duration, secret: &str) {
    let provider = stage.provider().await;
    let invocation = provider.invoke(&event, time).await.expect("the function starts");
    let Outcome::FunctionError(error) = &invocation.outcome else {
        panic!("given up after {:?}: {:?}", invocation.duration, invocation.outcome)
    };
    let error = error.to_string();
    let certificates = stage.certificates().await;
    assert_eq!(certificates.len(), 1);
    assert!(error.contains(&certificates[0]), "the physical id is in {error}");
    assert!(!error.contains(secret) && !error.contains("http://"), "the URL is in {error}");

    let id = last_answer_elsewhere(stage, &provider, event, &invocation).await;
    assert_eq!(id, certificates[0]);
    let properties = stage.properties_without_zone();
    // CloudFormation sends the Delete with a new URL; here it is the same endpoint with other manners.
    let elsewhere = FakeCloudFormation::start().await.expect("another endpoint");
    let mut delete = stage.delete_event(&id, &properties);
    delete["ResponseURL"] = json!(elsewhere.response_url());
    let deleted = provider.invoke(&delete, LAMBDA_TIMEOUT).await.expect("the function starts");
    assert_eq!(deleted.outcome, Outcome::Completed(json!("SUCCESS")));
    stage.assert_nothing_left().await;
}

/// Hands the record to the function of last resort, with another URL in it; gives the physical id that it answers.
async fn last_answer_elsewhere(stage: &Stage, provider: &Function, mut event: Value, failed: &Invocation) -> String {
    let elsewhere = FakeCloudFormation::start().await.expect("another endpoint");
    event["ResponseURL"] = json!(elsewhere.response_url());
    let record = on_failure_record(provider, &event, failed, 1).expect("a failed invocation");
    let last_resort = stage.last_resort().await;
    let invocation = last_resort.invoke(&record, LAMBDA_TIMEOUT).await.expect("the function starts");
    assert!(matches!(invocation.outcome, Outcome::Completed(_)), "{:?}", invocation.outcome);
    assert_eq!(elsewhere.violations(), []);
    let answers = elsewhere.take_answers();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].status, Status::Failed);
    assert!(answers[0].reason.contains("gave no answer"), "{}", answers[0].reason);
    answers[0].physical_resource_id.clone()
}
