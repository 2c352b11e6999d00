//! A server that is to leave.

use std::time::Duration;

use aws_sdk_autoscaling::types::LifecycleState;
use bigbluebutton::testing::{Agent, Reach};
use serde_json::json;

use crate::world::{World, lock, state, steps};

#[tokio::test]
async fn a_meeting_is_waited_for_and_then_its_recording() {
    let world = World::new().await;
    let servers = world.serving(2).await;
    let id = world.create("lesson", true);
    let other = servers.iter().find(|other| **other != id).unwrap();
    world.account.state(|state| state.scale_in(&id));
    let answer = world.minute().await;
    let taken = steps(&answer, &id);
    assert_eq!(taken[..2], [("heartbeat", "done"), ("cordon", "done")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    world.minutes(8).await;
    let answer = world.minute().await;
    assert_eq!(state(&answer, &id)["state"], "draining", "{answer:#}");
    assert_eq!((world.create("another lesson", false), world.cut()), (other.clone(), 0));
    assert!(world.account.state(|state| state.heartbeats.iter().filter(|beat| **beat == id).count()) >= 10);

    world.leave("lesson", &id);
    world.minutes(4).await;
    let answer = world.minute().await;
    assert_eq!(state(&answer, &id)["state"], "finishing", "its recording is processed: {answer:#}");
    assert!(world.account.state(|state| state.ended.is_empty()));
    world.minutes(25).await;
    assert_eq!(world.account.state(|state| state.ended.clone()), [id.as_str()]);
    world.minutes(2).await;
    assert_eq!(world.names(), [World::host(other).trim_end_matches(".meet.example.org")]);
    assert_eq!(lock(&world.scalelite).servers().len(), 1);
    assert_eq!(world.cut(), 0);
}

#[tokio::test]
async fn who_does_not_answer_has_not_said_that_it_is_empty() {
    for silence in [Reach::BadGateway, Reach::BreaksOff] {
        let world = World::new().await;
        world.serving(2).await;
        let id = world.create("lesson", false);
        lock(&world.servers).get_mut(&World::host(&id)).unwrap().reach = silence;
        world.account.state(|state| state.scale_in(&id));
        world.minutes(10).await;
        assert!(world.account.state(|state| state.ended.is_empty()), "{silence:?}");
        assert_eq!(state(&world.minute().await, &id)["state"], "draining");
    }
    let world = World::new().await;
    let id = world.serving(2).await.remove(0);
    lock(&world.servers).get_mut(&World::host(&id)).unwrap().agent = Agent::Stopped;
    world.pass(Duration::from_secs(600));
    world.account.state(|state| state.scale_in(&id));
    world.minutes(10).await;
    assert!(world.account.state(|state| state.ended.is_empty()), "a silent instance may have recordings");
}

#[tokio::test]
async fn an_hour_without_the_function_ends_no_meeting() {
    let mut world = World::new().await;
    world.serving(2).await;
    let id = world.create("lesson", false);
    // The hook ran out, and the group keeps such instances.
    world.account.state(|state| {
        state.scale_in(&id);
        state.servers.get_mut(&id).unwrap().lifecycle = LifecycleState::TerminatingRetained;
    });
    world.pass(Duration::from_secs(3600));
    world.start_again();
    world.minutes(5).await;
    let answer = world.minute().await;
    assert_eq!(state(&answer, &id)["state"], "retained", "{answer:#}");
    assert_eq!(answer["metrics"]["servers"]["retained"], 1);
    world.leave("lesson", &id);
    world.minutes(8).await;
    assert_eq!((world.account.state(|state| state.ended.clone()), world.cut()), (vec![id], 0));
}

#[tokio::test]
async fn a_server_that_died_is_cleared_away() {
    let world = World::new().await;
    let ids = world.serving(3).await;
    let id = world.create("lesson", false);
    lock(&world.servers).remove(&World::host(&id));
    world.account.state(|state| drop(state.servers.remove(&id)));
    world.minutes(15).await;
    let left: Vec<_> = ids.iter().filter(|other| **other != id).collect();
    let hosts: Vec<_> = lock(&world.scalelite).servers().into_iter().map(|server| server.id).collect();
    assert_eq!(hosts, left.iter().map(|id| World::host(id)).collect::<Vec<_>>());
    assert_eq!(world.names().len(), 2);
    // The room is usable: its record did not outlive the registration.
    assert!(left.contains(&&world.create("lesson", false)));
}

#[tokio::test]
async fn servers_of_others_are_left_alone() {
    let world = World::new().await;
    let id = world.serving(1).await.remove(0);
    let by_hand = "https://by-hand.example.org/bigbluebutton/api/";
    let elsewhere = "https://vc-0123456789abcdef0.meet.example.org/bigbluebutton/api/";
    for url in [by_hand, elsewhere] {
        lock(&world.scalelite).add(url, "their secret", "").unwrap();
    }
    world.minutes(20).await;
    let listed = lock(&world.scalelite).servers();
    let urls: Vec<_> = listed.iter().map(|server| server.url.as_str()).collect();
    assert!(urls.contains(&by_hand) && urls.contains(&elsewhere) && urls.len() == 3, "{urls:?}");
    let answer = world.ask(json!({"request": "list"})).await;
    assert_eq!(answer["metrics"]["servers"]["foreign"], 2, "{answer:#}");
    assert_eq!(state(&answer, &id)["state"], "serving");
}

#[tokio::test]
async fn a_new_launch_template_replaces_servers_without_cutting_a_meeting() {
    let world = World::new().await;
    let old = world.serving(3).await;
    let busy = world.create("lesson", false);
    world.account.state(|state| {
        state.latest_version = 2;
        state.version = "$Latest".to_owned();
    });
    for _ in 0..40 {
        world.minute().await;
        // Auto Scaling launches what is missing: those on standby do not count.
        let missing = world.account.state(|state| {
            let serve = |server: &&crate::account::Server| {
                matches!(server.lifecycle, LifecycleState::InService | LifecycleState::PendingWait)
            };
            state.desired - i32::try_from(state.servers.values().filter(serve).count()).unwrap()
        });
        for _ in 0..missing {
            world.account.state(|state| state.desired -= 1);
            world.launch();
        }
    }
    let ended = world.account.state(|state| state.ended.clone());
    let expected: Vec<_> = old.iter().filter(|id| **id != busy).cloned().collect();
    assert_eq!((ended, world.cut()), (expected, 0), "all but the one with a lesson");
    world.leave("lesson", &busy);
    world.minutes(10).await;
    assert!(world.account.state(|state| state.ended.contains(&busy)));
    let answer = world.ask(json!({"request": "list"})).await;
    assert_eq!((&answer["metrics"]["outdated"], &answer["metrics"]["servers"]["serving"]), (&json!(0), &json!(3)));
}
