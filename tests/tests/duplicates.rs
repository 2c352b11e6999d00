//! The same event twice at once, in two environments of the function.

use std::sync::Arc;

use custom_resource::{Status, testing::Answer};
use rehearsal::runtime_api::Outcome;
use serde_json::{Value, json};
use tests::{
    cases::{Case, case},
    stage::{LAMBDA_TIMEOUT, Stage},
};

pub(crate) fn cases() -> Vec<Case> {
    vec![case("the same event twice at once: Create, Update, Delete", |stage| async move { life(&stage).await })]
}

/// Hands the event to two environments at once; gives the answer that both gave.
async fn twice(stage: &Stage, event: &Value) -> Answer {
    let (one, other) = (stage.provider().await, stage.provider().await);
    let (first, second) = tokio::join!(one.invoke(event, LAMBDA_TIMEOUT), other.invoke(event, LAMBDA_TIMEOUT));
    assert_eq!(stage.cloudformation.violations(), []);
    let mut answers = stage.cloudformation.take_answers();
    assert_eq!(answers.len(), 2, "{answers:?}");
    for invocation in [first, second] {
        let outcome = invocation.expect("the function starts").outcome;
        assert_eq!(outcome, Outcome::Completed(json!("SUCCESS")), "{answers:?}");
    }
    assert_eq!(answers[0].physical_resource_id, answers[1].physical_resource_id);
    let answer = answers.remove(0);
    assert_eq!(answer.status, Status::Success);
    answer
}

async fn life(stage: &Arc<Stage>) {
    let old = stage.properties();
    let arn = twice(stage, &stage.create_event(&old)).await.physical_resource_id;
    stage.assert_issued(&arn).await;

    let mut new = old.clone();
    new["SubjectAlternativeNames"] = json!([format!("more.{}", stage.domain)]);
    let replaced = twice(stage, &stage.update_event(&arn, &new, &old)).await.physical_resource_id;
    assert_ne!(replaced, arn);
    let mut certificates = stage.certificates().await;
    certificates.sort();
    let mut expected = [arn.clone(), replaced.clone()];
    expected.sort();
    assert_eq!(certificates, expected);
    assert_eq!(stage.records().await.len(), 2, "the domain's and more's");

    twice(stage, &stage.delete_event(&arn, &old)).await;
    assert_eq!(stage.certificates().await, [replaced.as_str()]);
    assert_eq!(stage.records().await.len(), 2, "the new certificate needs the record too");
    twice(stage, &stage.delete_event(&replaced, &new)).await;
    stage.assert_nothing_left().await;
}
