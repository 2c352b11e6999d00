//! The function dies, or runs into Lambda's deadline, while it works.

use std::{sync::Arc, time::Duration};

use custom_resource::OUTCOME_UNKNOWN;
use rehearsal::{
    fault_proxy::{Fault, Rule, When},
    runtime_api::Outcome,
};
use serde_json::Value;
use tests::{
    cases::{Case, case},
    processes::{Signal, signal},
    stage::Stage,
    until,
};

/// How a function ends before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// It is killed, as when it takes too much memory.
    Killed,
    /// It gets no processor any more, and Lambda ends it at its deadline.
    TimedOut,
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for death in [Death::Killed, Death::TimedOut] {
        cases.push(case(format!("death: {death:?} in Create after ACM took the request"), move |stage| async move {
            create(&stage, death, Fault::HangAfterEffect, 1).await;
        }));
        cases.push(case(format!("death: {death:?} in Create before ACM took the request"), move |stage| async move {
            create(&stage, death, Fault::Hang, 0).await;
        }));
    }
    cases.push(case("death: Killed in an Update that replaces", |stage| async move { update(&stage).await }));
    cases.push(case("death: Killed in Delete", |stage| async move { delete(&stage).await }));
    cases
}

/// Hands an event over, waits until `operation` was called and `effect` is seen, and ends the function; gives what CloudFormation is told then.
async fn die(
    stage: &Stage,
    event: &Value,
    death: Death,
    operation: &str,
    mut effect: impl AsyncFnMut() -> bool,
) -> String {
    let provider = stage.provider().await;
    let before = stage.proxy.count("acm", operation);
    let time = if death == Death::Killed { Duration::from_secs(60) } else { Duration::from_secs(5) };
    let ended = async {
        until(&format!("{operation} was called"), Duration::from_secs(20), async || {
            stage.proxy.count("acm", operation) > before && effect().await
        })
        .await;
        signal(&provider, if death == Death::Killed { Signal::KILL } else { Signal::STOP }).await;
    };
    let (invocation, ()) = tokio::join!(provider.invoke(event, time), ended);
    let invocation = invocation.expect("the function starts");
    match (death, &invocation.outcome) {
        (Death::Killed, Outcome::Died(_)) | (Death::TimedOut, Outcome::TimedOut) => {}
        (_, outcome) => panic!("{death:?}, but {outcome:?}"),
    }
    assert_eq!(stage.cloudformation.puts(), 0, "it died before it answered");
    stage.proxy.clear();
    let answer = stage.last_answer(&provider, event, &invocation).await;
    assert!(answer.reason.contains("gave no answer"), "{}", answer.reason);
    answer.physical_resource_id
}

async fn create(stage: &Arc<Stage>, death: Death, fault: Fault, left: usize) {
    // Other people's certificates for the same domain: one without tags, and one of another stack.
    let other_tags = [("custom-resource:stack-id", "arn:aws:cloudformation:eu-central-1:1:stack/other/1")];
    let other_tags = [other_tags[0], ("custom-resource:logical-id", "Certificate")];
    let mut others = vec![
        stage.cloud.request_certificate(&stage.domain, &[]).await,
        stage.cloud.request_certificate(&stage.domain, &other_tags).await,
    ];
    others.sort();
    stage.proxy.add(Rule::on("acm", "RequestCertificate", When::Always, fault));
    let properties = stage.properties();
    let event = stage.create_event(&properties);
    let effect = async || stage.certificates().await.len() == 2 + left;
    let id = die(stage, &event, death, "RequestCertificate", effect).await;
    assert_eq!(id, OUTCOME_UNKNOWN);

    let provider = stage.provider().await;
    stage.delete(&provider, &id, &properties).await;
    let mut kept = stage.certificates().await;
    kept.sort();
    assert_eq!(kept, others, "what the dead Create left is gone, and nothing else");
}

async fn update(stage: &Arc<Stage>) {
    let provider = stage.provider().await;
    let old = stage.properties();
    let arn = stage.create(&provider, &old).await;
    let mut new = old.clone();
    new["SubjectAlternativeNames"] = format!("more.{}", stage.domain).into();
    new["SubjectAlternativeNames"] = serde_json::json!([new["SubjectAlternativeNames"]]);
    stage.proxy.add(Rule::on("acm", "RequestCertificate", When::Always, Fault::HangAfterEffect));
    let event = stage.update_event(&arn, &new, &old);
    let puts_before = stage.cloudformation.puts();
    assert_eq!(puts_before, 1);
    let before = stage.proxy.count("acm", "RequestCertificate");
    let dying = stage.provider().await;
    let ended = async {
        until("another certificate is there", Duration::from_secs(20), async || stage.certificates().await.len() == 2)
            .await;
        assert_eq!(stage.proxy.count("acm", "RequestCertificate"), before + 1);
        signal(&dying, Signal::KILL).await;
    };
    let (invocation, ()) = tokio::join!(dying.invoke(&event, Duration::from_secs(60)), ended);
    let invocation = invocation.expect("the function starts");
    assert!(matches!(invocation.outcome, Outcome::Died(_)), "{:?}", invocation.outcome);
    stage.proxy.clear();
    let answer = stage.last_answer(&dying, &event, &invocation).await;
    assert_eq!(answer.physical_resource_id, arn, "the certificate from before stays the resource");

    // The roll-back: an Update back to the old properties, which removes what the dead one left.
    let rolled_back = stage.answer(&provider, &stage.update_event(&arn, &old, &new)).await.succeeded();
    assert_eq!(rolled_back.physical_resource_id, arn);
    assert_eq!(stage.certificates().await, [arn.as_str()]);
    stage.delete(&provider, &arn, &old).await;
    stage.assert_nothing_left().await;
}

async fn delete(stage: &Arc<Stage>) {
    let provider = stage.provider().await;
    let properties = stage.properties();
    let arn = stage.create(&provider, &properties).await;
    stage.proxy.add(Rule::on("acm", "DeleteCertificate", When::Always, Fault::HangAfterEffect));
    let event = stage.delete_event(&arn, &properties);
    let dying = stage.provider().await;
    let ended = async {
        until("the certificate is gone", Duration::from_secs(20), async || stage.certificates().await.is_empty()).await;
        signal(&dying, Signal::KILL).await;
    };
    let (invocation, ()) = tokio::join!(dying.invoke(&event, Duration::from_secs(60)), ended);
    let invocation = invocation.expect("the function starts");
    assert!(matches!(invocation.outcome, Outcome::Died(_)), "{:?}", invocation.outcome);
    stage.proxy.clear();
    let answer = stage.last_answer(&dying, &event, &invocation).await;
    assert_eq!(answer.physical_resource_id, arn, "a Delete changes no id");
    // CloudFormation's second try.
    stage.delete(&provider, &arn, &properties).await;
    assert_eq!(stage.certificates().await, [""; 0]);
}
