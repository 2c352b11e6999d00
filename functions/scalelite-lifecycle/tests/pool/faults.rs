//! Calls that are throttled, denied, or do their work and do not say so.

use std::time::Duration;

use aws_sdk_autoscaling::types::LifecycleState;
use futures_util::stream::{self, StreamExt as _};
use scalelite::testing::{Fault, Instead};
use serde_json::json;

use crate::{
    account::Trouble,
    world::{World, lock, scheduled, state, steps},
};

const READS: [(&str, &str); 4] = [
    ("DescribeAutoScalingGroups", "group"),
    ("DescribeInstances", "instances"),
    ("ListResourceRecordSets", "records"),
    ("GetSecretValue", "scalelite"),
];

#[tokio::test]
async fn what_cannot_be_read_is_not_empty() {
    for (call, source) in READS {
        for code in ["Throttling", "AccessDenied", "InternalFailure"] {
            let mut world = World::new().await;
            let ids = world.serving(2).await;
            let (names, registered) = (world.names(), lock(&world.scalelite).servers());
            world.start_again();
            world.account.break_down(call, Trouble::Refused(code));
            for _ in 0..5 {
                let answer = world.invoke(&scheduled()).await;
                world.poll();
                world.pass(Duration::from_secs(61));
                let metrics = world.metrics().pop().unwrap();
                if source == "group" {
                    let error = answer.unwrap_err().to_string();
                    assert!(error.contains(code), "{error}");
                    assert_eq!(metrics["TickFailed"], 1, "{call} {code}");
                } else {
                    let answer = answer.unwrap();
                    assert_eq!(answer["unread"][0]["source"], source, "{answer:#}");
                    assert!(answer["unread"][0]["why"].as_str().unwrap().contains(code), "{answer:#}");
                    assert_eq!(
                        (&metrics["TickFailed"], &metrics["UnreadSources"]),
                        (&json!(0), &json!(1)),
                        "{call} {code}"
                    );
                }
            }
            world.account.state(|state| {
                state.standing_trouble.clear();
                for id in &ids {
                    assert_eq!(state.servers[id].lifecycle, LifecycleState::InService, "{call} {code}");
                }
            });
            assert_eq!(
                (world.names(), lock(&world.scalelite).servers().len()),
                (names, registered.len()),
                "{call} {code}"
            );
            let answer = world.minute().await;
            assert!(ids.iter().all(|id| state(&answer, id)["state"] == "serving"), "{call} {code}: {answer:#}");
        }
    }
}

#[tokio::test]
async fn scalelite_out_of_order_changes_nothing() {
    let world = World::new().await;
    let ids = world.serving(2).await;
    world.account.state(|state| state.scale_in(&ids[0]));
    world.api.fail("getServers", [Fault::Before(Instead::Page(502)); 40]);
    for _ in 0..10 {
        let answer = world.minute().await;
        assert_eq!(answer["unread"][0]["source"], "scalelite");
        assert_eq!(steps(&answer, &ids[0])[0], ("heartbeat".to_owned(), "done".to_owned()));
        if world.account.state(|state| !state.ended.is_empty()) {
            panic!("{answer:#}");
        }
    }
}

#[tokio::test]
async fn every_write_may_fail_before_or_after_its_effect() {
    let writes = [
        "CreateTags",
        "DeleteTags",
        "ChangeResourceRecordSets",
        "CompleteLifecycleAction",
        "RecordLifecycleActionHeartbeat",
        "TerminateInstanceInAutoScalingGroup",
        "EnterStandby",
    ];
    for call in writes {
        for trouble in [Trouble::Refused("Throttling"), Trouble::Refused("AccessDenied"), Trouble::Unanswered] {
            let world = World::new().await;
            let ids: Vec<_> = (0..3).map(|_| world.launch()).collect();
            world.account.trouble(call, &[trouble; 3]);
            world.minutes(8).await;
            let busy = world.create("lesson", false);
            let idle: Vec<_> = ids.iter().filter(|id| **id != busy).collect();
            world.account.state(|state| state.scale_in(idle[0]));
            world.account.trouble(call, &[trouble; 3]);
            world.ask(json!({"request": "reconcile"})).await;
            let _may_fail = world.invoke(&json!({"request": "drain", "server": idle[1]})).await;
            world.minutes(4).await;
            if !world.account.state(|state| state.ended.contains(idle[1])) {
                world.ask(json!({"request": "drain", "server": idle[1]})).await;
            }
            world.minutes(20).await;
            let mut ended = world.account.state(|state| state.ended.clone());
            ended.sort();
            assert_eq!(ended, idle.iter().map(|id| (*id).clone()).collect::<Vec<_>>(), "{call} {trouble:?}");
            assert_eq!((world.names().len(), world.cut()), (1, 0), "{call} {trouble:?}");
        }
    }
}

#[tokio::test]
async fn calls_of_scalelite_may_fail_before_or_after_their_effect() {
    // Several at once: what takes the time is that a call is made again after a while.
    let mut cases = Vec::new();
    for call in ["getServers", "addServer", "updateServer", "panicServer", "deleteServer"] {
        for instead in [Instead::Page(502), Instead::Page(504)] {
            for fault in [Fault::Before(instead), Fault::After(instead)] {
                cases.push(call_fails(call, fault));
            }
        }
    }
    stream::iter(cases).for_each_concurrent(4, |case| case).await;
}

/// A server comes and another goes while a call of Scalelite's fails five times.
async fn call_fails(call: &'static str, fault: Fault) {
    let world = World::new().await;
    world.api.fail(call, [fault; 5]);
    let ids: Vec<_> = (0..2).map(|_| world.launch()).collect();
    world.minutes(10).await;
    let answer = world.ask(json!({"request": "list"})).await;
    assert!(ids.iter().all(|id| state(&answer, id)["state"] == "serving"), "{call} {fault:?} {answer:#}");
    world.api.fail(call, [fault; 5]);
    world.account.state(|state| state.scale_in(&ids[0]));
    world.minutes(20).await;
    assert_eq!(world.account.state(|state| state.ended.clone()), [ids[0].clone()], "{call} {fault:?}");
    assert_eq!(lock(&world.scalelite).servers().len(), 1, "{call} {fault:?}");
}

#[tokio::test]
async fn an_instance_that_ec2_does_not_know_stops_no_other() {
    let world = World::new().await;
    let ids = world.serving(5).await;
    for id in &ids {
        world.account.state(|state| state.scale_in(id));
    }
    // One is in the group and has no instance any more when it is to be tagged.
    world.account.trouble("CreateTags", &[Trouble::Refused("InvalidInstanceID.NotFound"); 3]);
    let answer = world.minute().await;
    let failed = answer["actions"].as_array().unwrap().iter().filter(|action| action["outcome"] == "failed").count();
    assert!((1..=2).contains(&failed), "{answer:#}");
    world.minutes(20).await;
    assert_eq!(world.account.state(|state| state.ended.len()), 5);
}

#[tokio::test]
async fn calls_grow_with_pages() {
    let calls = async |count: usize| {
        let world = World::new().await;
        (0..count).for_each(|_| drop(world.launch()));
        let before = world.account.state(|state| state.calls.clone());
        assert!(before.is_empty());
        world.minute().await;
        let mut first = world.account.state(|state| std::mem::take(&mut state.calls));
        first.remove("RecordLifecycleActionHeartbeat");
        first
    };
    assert_eq!(calls(2).await, calls(40).await);
}
