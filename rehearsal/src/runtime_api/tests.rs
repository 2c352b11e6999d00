use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A bootstrap in Python that does what each event says.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import json, os, sys, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
def post(path, answer):
    urllib.request.urlopen(urllib.request.Request(api + path, json.dumps(answer).encode(), method="POST")).read()
print("started in", os.environ["AWS_REGION"], flush=True)
if os.environ.get("BROKEN") == "report":
    post("init/error", {"errorType": "Init", "errorMessage": "no"})
    time.sleep(60)
if os.environ.get("BROKEN") == "die":
    sys.exit(3)
count = 0
while True:
    with urllib.request.urlopen(api + "invocation/next") as answer:
        request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        deadline = int(answer.headers["Lambda-Runtime-Deadline-Ms"])
        event = json.load(answer)
    count += 1
    do = event["do"]
    print("event", do, file=sys.stderr, flush=True)
    if do == "answer":
        left = deadline - time.time() * 1000
        post(f"invocation/{request_id}/response", {"count": count, "in_time": 0 < left <= 20000})
    elif do == "fail":
        post(f"invocation/{request_id}/error", {"errorType": "E", "errorMessage": "wanted"})
    elif do == "die":
        os._exit(7)
    elif do == "sleep":
        time.sleep(60)
"#;

fn function(broken: &str) -> (TempDir, Function) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bootstrap = folder.path().join("bootstrap");
    std::fs::write(&bootstrap, BOOTSTRAP).expect("a bootstrap");
    std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    let settings =
        Settings::new("test").variable("PATH", std::env::var("PATH").expect("a path")).variable("BROKEN", broken);
    (folder, Function::new(bootstrap, settings))
}

const TIMEOUT: Duration = Duration::from_secs(20);

async fn outcome(function: &Function, what: &str) -> Outcome {
    function.invoke(&json!({"do": what}), TIMEOUT).await.expect("an invocation").outcome
}

#[tokio::test]
async fn a_warm_process_takes_one_event_after_another() {
    let (_folder, function) = function("");
    for count in 1..=3 {
        assert_eq!(outcome(&function, "answer").await, Outcome::Completed(json!({"count": count, "in_time": true})));
    }
    assert_eq!(
        outcome(&function, "fail").await,
        Outcome::FunctionError(json!({"errorType": "E", "errorMessage": "wanted"}))
    );
    assert_eq!(outcome(&function, "answer").await, Outcome::Completed(json!({"count": 5, "in_time": true})));
    function.stop().await;
    let output = function.output();
    assert_eq!(output.matches("started in eu-central-1").count(), 1, "{output}");
    assert_eq!(output.matches("event answer").count(), 4, "{output}");
}

#[tokio::test]
async fn after_a_death_the_next_event_starts_a_new_process() {
    let (_folder, function) = function("");
    match outcome(&function, "die").await {
        Outcome::Died(status) => assert_eq!(status.code(), Some(7)),
        other => panic!("it died, not {other:?}"),
    }
    assert_eq!(outcome(&function, "answer").await, Outcome::Completed(json!({"count": 1, "in_time": true})));
}

#[tokio::test]
async fn the_deadline_kills() {
    let (_folder, function) = function("");
    outcome(&function, "answer").await;
    let event = json!({"do": "sleep"});
    let invocation = function.invoke(&event, Duration::from_millis(300)).await.expect("an invocation");
    assert_eq!(invocation.outcome, Outcome::TimedOut);
    assert_eq!(invocation.initialisation.as_secs(), 0);

    let record = on_failure_record(&function, &event, &invocation, 3).expect("it failed");
    assert_eq!(record["requestPayload"], event);
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["requestId"], invocation.request_id.as_str());
    assert!(
        record["responsePayload"]["errorMessage"]
            .as_str()
            .is_some_and(|message| message.contains("timed out after 0.3")),
        "{record}"
    );

    assert_eq!(outcome(&function, "answer").await, Outcome::Completed(json!({"count": 1, "in_time": true})));
}

#[tokio::test]
async fn failed_initialisation_is_an_outcome() {
    let (_folder, reporting) = function("report");
    assert_eq!(
        outcome(&reporting, "answer").await,
        Outcome::FunctionError(json!({"errorType": "Init", "errorMessage": "no"}))
    );
    let (_folder, dying) = function("die");
    assert!(matches!(outcome(&dying, "answer").await, Outcome::Died(_)));
}

#[tokio::test]
async fn a_missing_bootstrap_is_an_error() {
    let function = Function::new("/nowhere/bootstrap", Settings::new("test"));
    assert!(matches!(function.invoke(&json!({}), TIMEOUT).await, Err(RuntimeError::Start { .. })));
}
