//! The sample events, and what keeps the function from needless work.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::world::{World, variable};

/// `events/` of the workspace.
fn samples() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mine = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("server-pool-"));
    let mut samples: Vec<_> = mine
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap())
        })
        .collect();
    samples.sort_by(|(one, _), (other, _)| one.cmp(other));
    samples
}

#[tokio::test]
async fn every_sample_is_answered() {
    let samples = samples();
    let names: Vec<_> = samples.iter().map(|(name, _)| name.trim_start_matches("server-pool-")).collect();
    let expected = [
        "cordon",
        "drain",
        "enable",
        "instance-state",
        "launch",
        "list",
        "reconcile",
        "remove",
        "schedule",
        "terminate",
        "termination-policy",
        "warm-pool",
    ];
    assert_eq!(names, expected);
    for (name, event) in samples {
        let world = World::new().await;
        // The server that the samples name.
        let id = "i-0123456789abcdef0";
        world.account.state(|state| {
            let launched = state.launch(0);
            let server = state.servers.remove(&launched).unwrap();
            state.servers.insert(id.to_owned(), server);
        });
        let answer = world.invoke(&event).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        match name.as_str() {
            "server-pool-termination-policy" => assert_eq!(answer["InstanceIDs"], json!([id])),
            _ => assert_eq!(answer["servers"][0]["instance"], id, "{name}: {answer:#}"),
        }
    }
}

#[tokio::test]
async fn an_event_of_something_that_was_seen_needs_no_tick() {
    let world = World::new().await;
    let event = |time: &str, group: &str| {
        json!({"source": "aws.autoscaling", "detail-type": "EC2 Instance-launch Lifecycle Action", "time": time,
               "detail": {"AutoScalingGroupName": group}})
    };
    // The world's clock shows 2026-11-22T10:00:00Z.
    assert!(
        world.ask(event("2026-11-22T09:59:30Z", "servers")).await.get("skipped").is_none(),
        "nobody has looked yet"
    );
    let skipped = world.ask(event("2026-11-22T09:59:40Z", "servers")).await;
    assert_eq!(skipped, json!({"skipped": "a tick has looked since"}));
    assert!(world.ask(event("2026-11-22T09:59:55Z", "servers")).await.get("skipped").is_none(), "too soon to be sure");
    let skipped = world.ask(event("2026-11-22T10:00:00Z", "others")).await;
    assert_eq!(skipped, json!({"skipped": "it is another group"}));
    world.pass(Duration::from_secs(60));
    assert!(
        world.ask(event("2026-11-22T10:00:30Z", "servers")).await.get("skipped").is_none(),
        "nobody has looked since"
    );
    assert_eq!(world.metrics().len(), 3);
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let world = World::new().await;
    let error = world.invoke(&json!({"Records": []})).await.unwrap_err();
    assert!(error.to_string().starts_with("the event is neither from EventBridge"), "{error}");
    assert!(variable("NOTHING", "").is_none());
}
