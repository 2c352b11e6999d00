//! A server on its way to its meetings, and what puts it back there.

use std::time::Duration;

use aws_sdk_autoscaling::types::LifecycleState;
use aws_sdk_ec2::types::InstanceStateName;
use bigbluebutton::testing::{Agent, Reach};
use scalelite::testing::Ids;
use serde_json::json;

use crate::world::{SERVER_SECRET, World, arn, lock, state, steps};

#[tokio::test]
async fn launch_name_registration_service() {
    let world = World::new().await;
    let id = world.launch();
    lock(&world.servers).get_mut(&World::host(&id)).unwrap().ready = false;
    let answer = world.minute().await;
    assert_eq!(steps(&answer, &id), [("write-record".to_owned(), "done".to_owned())]);
    assert_eq!(world.names(), [World::host(&id).trim_end_matches(".meet.example.org")]);
    assert_eq!(state(&world.minute().await, &id)["state"], "launching", "it is not ready");

    lock(&world.servers).get_mut(&World::host(&id)).unwrap().ready = true;
    world.pass(Duration::from_secs(60));
    let taken: Vec<_> = steps(&world.minute().await, &id).into_iter().map(|(step, _)| step).collect();
    assert_eq!(taken, ["tag", "register", "complete-launch"]);
    assert_eq!(world.account.state(|state| state.servers[&id].lifecycle.clone()), LifecycleState::InService);
    let answer = world.minute().await;
    assert_eq!(state(&answer, &id)["state"], "serving", "{answer:#}");
    assert_eq!(answer["actions"], json!([]));
    assert_eq!(world.create("lesson", false), id);
    let answer = world.ask(json!({"request": "list"})).await;
    assert_eq!(state(&answer, &id)["load"]["participants"], 1);
    assert!(state(&answer, &id)["reason"].as_str().unwrap().contains("1 meeting"));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_waited_for() {
    let world = World::new().await;
    let id = world.launch();
    lock(&world.servers).get_mut(&World::host(&id)).unwrap().reach = Reach::BadGateway;
    world.minutes(3).await;
    let answer = world.minute().await;
    assert_eq!(state(&answer, &id)["state"], "launching");
    // Not even a heartbeat: a server that never comes up is to be abandoned in the end.
    assert_eq!(steps(&answer, &id), []);
    assert!(lock(&world.scalelite).servers().is_empty());
}

#[tokio::test]
async fn a_silent_instance_is_not_ready() {
    let world = World::new().await;
    let id = world.launch();
    lock(&world.servers).get_mut(&World::host(&id)).unwrap().agent = Agent::NotStarted;
    world.minutes(4).await;
    assert_eq!(world.account.state(|state| state.servers[&id].lifecycle.clone()), LifecycleState::PendingWait);
}

#[tokio::test]
async fn a_lost_cache_is_filled_again() {
    for ids in [Ids::HostNames, Ids::Uuids] {
        let world = World::with(ids).await;
        let servers = world.serving(3).await;
        world.create("lesson", false);
        lock(&world.scalelite).lose_cache();
        world.minutes(2).await;
        let answer = world.minute().await;
        for id in &servers {
            assert_eq!(state(&answer, id)["state"], "serving", "{ids:?} {answer:#}");
        }
        assert_eq!(lock(&world.scalelite).servers().len(), 3);
        assert_eq!(world.cut(), 0);
    }
}

#[tokio::test]
async fn a_new_address_gets_into_its_name() {
    let world = World::new().await;
    let id = world.serving(1).await.remove(0);
    world.account.state(|state| state.servers.get_mut(&id).unwrap().address = Some("203.0.113.9".to_owned()));
    world.minute().await;
    let values = world.account.state(|state| {
        let values = state.records.iter().flat_map(|set| set.resource_records().to_vec());
        values.map(|record| record.value().to_owned()).collect::<Vec<_>>()
    });
    assert!(
        values.contains(&"203.0.113.9".to_owned()) && !values.iter().any(|value| value.starts_with("198.51")),
        "{values:?}"
    );
}

#[tokio::test]
async fn servers_in_the_warm_pool_are_seen_page_by_page_and_get_no_meetings() {
    let world = World::new().await;
    world.account.state(|state| {
        state.has_warm_pool = true;
        state.page = 7;
        for _ in 0..20 {
            let id = state.launch(0);
            let server = state.servers.get_mut(&id).unwrap();
            (server.lifecycle, server.state) = (LifecycleState::WarmedStopped, InstanceStateName::Stopped);
        }
    });
    let answer = world.minute().await;
    assert_eq!(answer["metrics"]["servers"]["warmed"], 20, "{answer:#}");
    assert_eq!(world.account.calls("DescribeWarmPool"), 3);
    assert!(lock(&world.scalelite).servers().is_empty());
}

#[tokio::test]
async fn another_secret_is_used_as_soon_as_the_old_one_is_refused() {
    let world = World::new().await;
    let id = world.serving(1).await.remove(0);
    let other = format!("{SERVER_SECRET}-rotated");
    world.account.state(|state| state.secrets.insert(arn("servers"), other.clone()));
    lock(&world.servers).get_mut(&World::host(&id)).unwrap().secret.clone_from(&other);
    lock(&world.scalelite).secret = "another".to_owned();
    world.account.state(|state| state.secrets.insert(arn("scalelite"), "another".to_owned()));
    // A secret that was only just read is believed for a moment.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(30)).await;
    tokio::time::resume();
    let answer = world.minute().await;
    assert_eq!(answer["unread"], json!([]), "{answer:#}");
    assert_eq!(steps(&answer, &id), [("update-secret".to_owned(), "done".to_owned())]);
    world.minute().await;
    let answer = world.minute().await;
    assert_eq!(state(&answer, &id)["state"], "serving", "{answer:#}");
}
