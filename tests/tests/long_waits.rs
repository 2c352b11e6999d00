//! Waits that take more than one invocation.

use std::{sync::Arc, time::Duration};

use custom_resource::continuation::MAX_HOPS;
use rehearsal::{
    fault_proxy::{Fault, Rule, When},
    runtime_api::{Function, Outcome},
};
use serde_json::{Value, json};
use tests::{
    cases::{Case, case},
    detours::{Gateway, SelfInvocation},
    stage::Stage,
};

/// The function's time-out: enough for some looks, also while all other cases begin.
const SHORT: Duration = Duration::from_secs(8);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("long wait: never validated", |stage| async move { never(&stage).await }),
        case("long wait: validated at the third hop", |stage| async move { at_hop(&stage, 3).await }),
        case("long wait: it may not call itself", |stage| async move { forbidden(&stage).await }),
    ]
}

/// ACM validates nothing, whatever stands in the zone.
pub(crate) fn never_validated() -> Rule {
    let pending = |answer: &mut Value| {
        let certificate = &mut answer["Certificate"];
        certificate["Status"] = json!("PENDING_VALIDATION");
        for option in certificate["DomainValidationOptions"].as_array_mut().into_iter().flatten() {
            option["ValidationStatus"] = json!("PENDING_VALIDATION");
        }
    };
    Rule::on("acm", "DescribeCertificate", When::Always, Fault::RewriteResponse(Arc::new(pending)))
}

struct Waiting {
    stage: Arc<Stage>,
    gateway: Gateway,
    function: Arc<Function>,
    event: Value,
}

impl Waiting {
    async fn on(stage: &Arc<Stage>) -> Self {
        stage.proxy.add(never_validated());
        let gateway = Gateway::before(stage.proxy.endpoint()).await;
        let function = stage.provider_at(gateway.endpoint()).await;
        let mut properties = stage.properties();
        properties["ServiceTimeout"] = json!("600");
        let event = stage.create_event(&properties);
        Self { stage: Arc::clone(stage), gateway, function, event }
    }

    /// Hands the event over, and takes from the function the event with which it goes on.
    async fn hop(&mut self, number: u32) {
        let invocation = self.function.invoke(&self.event, SHORT).await.expect("the function starts");
        assert_eq!(invocation.outcome, Outcome::Completed(Value::Null), "before hop {number}");
        assert_eq!(self.stage.cloudformation.puts(), 0, "an answer before the end, at hop {number}");
        let SelfInvocation { function, kind, payload } = self.gateway.caught().await;
        assert!(self.function.settings().arn().ends_with(&format!(":{function}")), "it called {function}");
        assert_eq!(kind, "Event", "it must not wait for itself");
        assert_eq!(payload["Continuation"]["Hop"], number);
        self.event = payload;
    }
}

async fn never(stage: &Arc<Stage>) {
    let mut waiting = Waiting::on(stage).await;
    for hop in 1..=MAX_HOPS {
        waiting.hop(hop).await;
    }
    let invocation = waiting.function.invoke(&waiting.event, SHORT).await.expect("the function starts");
    let answer = stage.only_answer(&waiting.event, &format!("{:?}", invocation.outcome));
    assert_eq!(invocation.outcome, Outcome::Completed(json!("FAILED")));
    assert!(answer.reason.contains("ACM has not validated"), "{}", answer.reason);
    assert!(answer.reason.contains("5 continuations"), "{}", answer.reason);
    assert_eq!(stage.certificates().await, [answer.physical_resource_id.as_str()], "one certificate in all hops");
    assert_eq!(stage.proxy.count("acm", "RequestCertificate"), 1);
    stage.proxy.clear();
    stage.delete(&waiting.function, &answer.physical_resource_id, &stage.properties()).await;
    stage.assert_nothing_left().await;
}

async fn at_hop(stage: &Arc<Stage>, validated: u32) {
    let mut waiting = Waiting::on(stage).await;
    for hop in 1..=validated {
        waiting.hop(hop).await;
    }
    stage.proxy.clear();
    let arn = stage.answer(&waiting.function, &waiting.event).await.succeeded().physical_resource_id;
    stage.assert_issued(&arn).await;
    assert_eq!(stage.proxy.count("acm", "RequestCertificate"), 1);
    assert_eq!(waiting.event["Continuation"]["Progress"]["Recorded"], json!(arn));
}

async fn forbidden(stage: &Arc<Stage>) {
    stage.proxy.add(never_validated());
    stage.proxy.add(Rule::on("lambda", "Invoke", When::Always, Fault::Deny));
    let provider = stage.provider().await;
    let event = stage.create_event(&stage.properties());
    let invocation = provider.invoke(&event, SHORT).await.expect("the function starts");
    let answer = stage.only_answer(&event, &format!("{:?}", invocation.outcome));
    assert_eq!(invocation.outcome, Outcome::Completed(json!("FAILED")));
    assert!(answer.reason.contains("could not be carried on: AccessDenied"), "{}", answer.reason);
    stage.proxy.clear();
    stage.delete(&provider, &answer.physical_resource_id, &stage.properties()).await;
    stage.assert_nothing_left().await;
}
