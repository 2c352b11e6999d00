//! The pool in numbers, and the world as text.

use server_pool::{Lifecycle, Meeting, Meetings, Moment, World, decide};

use crate::scene::*;

fn meeting(participants: u32, created: Moment, breakout: bool) -> Meeting {
    Meeting { participants, created, breakout }
}

#[test]
fn seats_count_where_new_meetings_go() {
    let mut scene = Scene::serving(3);
    scene.settings.seats_per_server = 100;
    scene.meeting(1, 40);
    scene.answer(2).meetings = Meetings::Listed(vec![
        meeting(2, ago(60), false),
        meeting(20, ago(60), false),
        meeting(2, ago(900), false),
        meeting(9, ago(60), true),
    ]);
    scene.draining(3);
    scene.meeting(3, 50);
    let metrics = scene.decide().metrics;
    assert_eq!((metrics.seats_used, metrics.seats), (40 + 15 + 20 + 2, 200));
    assert_eq!(metrics.seats_used_percent, Some(38.5));
    assert_eq!((metrics.meetings, metrics.participants, metrics.largest_meeting), (6, 114, 50));
    assert_eq!((metrics.servers.serving, metrics.servers.draining), (2, 1));
    assert_eq!(metrics.oldest_drain_seconds, 3600);
}

#[test]
fn without_a_server_that_gets_meetings_there_is_no_percentage() {
    let mut scene = Scene::serving(0);
    scene.launch(1, Lifecycle::PendingWait);
    assert_eq!(scene.decide().metrics.seats_used_percent, None);
}

#[test]
fn a_server_in_service_without_meetings_is_noticed() {
    let mut scene = Scene::serving(2);
    assert_eq!(scene.decide().metrics.oldest_unregistered_seconds, 0);
    scene.registration(1).online = false;
    scene.instance(1).launched = ago(500);
    assert_eq!(scene.decide().metrics.oldest_unregistered_seconds, 500);
}

#[test]
fn a_dumped_world_gives_the_same_decision() {
    let mut scene = Scene::serving(4);
    scene.draining(1);
    scene.meeting(2, 4);
    scene.end(3);
    scene.unreachable(4);
    let text = serde_json::to_string_pretty(&scene.world).unwrap();
    let read: World = serde_json::from_str(&text).unwrap();
    assert_eq!(read, scene.world);
    assert_eq!(decide(&read, &scene.settings), scene.decide());
    let settings = serde_json::to_string(&scene.settings).unwrap();
    assert_eq!(serde_json::from_str::<server_pool::Settings>(&settings).unwrap(), scene.settings);
    assert!(serde_json::from_str::<World>(&text.replace("\"records\"", "\"record\"")).is_err());
}

#[test]
fn every_state_has_a_sentence() {
    let mut scene = Scene::serving(4);
    scene.draining(1);
    scene.meeting(1, 4);
    scene.end(3);
    let sentences: Vec<_> = scene.decide().servers.iter().map(|server| server.state.to_string()).collect();
    assert_eq!(
        sentences,
        [
            "to leave since 2026-09-01T07:00:00Z, kept by 1 meeting with 4 participants",
            "gets meetings, has 0 meetings with 0 participants",
            "its instance has ended, what is left of it is being removed",
            "gets meetings, has 0 meetings with 0 participants",
        ]
    );
}
