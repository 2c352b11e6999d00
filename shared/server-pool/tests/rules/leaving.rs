//! Servers that are to end.

use server_pool::{
    InstanceState, Kept, Lifecycle, Load, Meetings, Reading, RegistrationState, Secret, State, Step, tag,
};

use crate::scene::*;

#[test]
fn a_server_that_is_to_end_is_kept_alive_and_gets_no_new_meetings() {
    let mut scene = Scene::serving(2);
    scene.lifecycle(1, Lifecycle::TerminatingWait);
    scene.meeting(1, 20);
    assert_eq!(scene.steps(1), [Step::Heartbeat, cordon(1, "draining"), tagged(tag::DRAINING)]);
}

#[test]
fn heartbeats_come_first_and_then_cordons() {
    let mut scene = Scene::serving(3);
    for number in 1..=3 {
        scene.lifecycle(number, Lifecycle::TerminatingWait);
    }
    let steps: Vec<_> = scene.decide().actions.into_iter().map(|action| action.step).collect();
    assert!(steps[..3].iter().all(|step| *step == Step::Heartbeat));
    assert!(steps[3..6].iter().all(|step| matches!(step, Step::Cordon { .. })));
}

#[test]
fn a_meeting_keeps_its_server() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.meeting(1, 20);
    assert_eq!(scene.steps(1), [Step::Heartbeat]);
    let load = Load { meetings: 1, participants: 20, seats: 20, largest_meeting: 20 };
    assert_eq!(scene.state(1), State::Draining { since: Some(ago(3600)), kept_by: Kept::Meetings(load) });
}

#[test]
fn a_meeting_without_anybody_and_a_breakout_room_keep_their_server() {
    for breakout in [false, true] {
        let mut scene = Scene::serving(2);
        scene.draining(1);
        scene.meeting(1, 0);
        let Meetings::Listed(meetings) = &mut scene.answer(1).meetings else { panic!() };
        meetings[0].breakout = breakout;
        assert_eq!(scene.steps(1), [Step::Heartbeat]);
    }
}

#[test]
fn a_disabled_server_with_meetings_is_cordoned_again_so_that_its_users_can_come_back() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.meeting(1, 20);
    scene.registration(1).state = RegistrationState::Disabled;
    assert_eq!(scene.steps(1), [Step::Heartbeat, cordon(1, "draining")]);
}

#[test]
fn a_lost_tag_or_an_enabled_server_is_cordoned_again() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.tag(1, tag::EMPTY, ago(60));
    scene.registration(1).tag = "music".to_owned();
    // In this order: what fails ends a server's turn, and cordoned with an old first look it would be taken for empty at the next.
    let steps = [Step::Heartbeat, untagged(tag::EMPTY), cordon(1, "draining.music")];
    assert_eq!(scene.steps(1), steps);
    scene.registration(1).tag = "draining.music".to_owned();
    scene.registration(1).state = RegistrationState::Enabled;
    assert_eq!(scene.steps(1), steps);
}

#[test]
fn a_finished_server_that_got_meetings_again_is_not_finished_when_it_is_cordoned() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.tag(1, tag::EMPTY, ago(180));
    scene.tag(1, tag::FINISHED, ago(120));
    scene.registration(1).state = RegistrationState::Enabled;
    assert_eq!(scene.steps(1), [Step::Heartbeat, untagged(tag::FINISHED), untagged(tag::EMPTY), cordon(1, "draining")]);
}

#[test]
fn a_server_without_new_meetings_keeps_the_secret_by_which_people_come_back_into_theirs() {
    let mut draining = Scene::serving(2);
    draining.draining(1);
    draining.meeting(1, 20);
    let mut cordoned = Scene::serving(2);
    cordoned.wish(1, tag::Wish::Cordon);
    let registration = cordoned.registration(1);
    (registration.state, registration.tag) = (RegistrationState::Cordoned, "draining".to_owned());
    for scene in [&mut draining, &mut cordoned] {
        let before = scene.steps(1);
        scene.registration(1).secret = Secret::Other;
        let mended = [before, vec![Step::UpdateSecret { id: host(1) }]].concat();
        assert_eq!(scene.steps(1), mended);
    }
}

#[test]
fn what_does_not_answer_is_not_empty() {
    for meetings in [Meetings::Unreachable { why: "time out".to_owned() }, Meetings::Refused, Meetings::NotAsked] {
        let mut scene = Scene::serving(2);
        scene.draining(1);
        scene.tag(1, tag::EMPTY, ago(60));
        scene.answer(1).meetings = meetings;
        assert_eq!(scene.steps(1), [Step::Heartbeat, untagged(tag::EMPTY)]);
        assert!(matches!(scene.state(1), State::Draining { kept_by: Kept::Silence { .. }, .. }));
    }
}

#[test]
fn recordings_keep_their_server_and_so_does_not_knowing_them() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.answer(1).status = Some(status(2));
    assert_eq!(scene.steps(1), [Step::Heartbeat]);
    assert!(matches!(scene.state(1), State::Finishing { kept_by: Kept::Recordings { count: 2 }, .. }));
    scene.answer(1).status = None;
    assert_eq!(scene.steps(1), [Step::Heartbeat]);
    assert!(matches!(scene.state(1), State::Finishing { kept_by: Kept::SilentRecordings, .. }));
    scene.answer(1).status = Some(status(0));
    scene.answer(1).unfinished_recordings = Some(1);
    assert_eq!(scene.steps(1), [Step::Heartbeat]);
}

#[test]
fn an_empty_server_ends_at_the_second_look() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    assert_eq!(scene.steps(1), [Step::Heartbeat, tagged(tag::EMPTY)]);
    scene.tag(1, tag::EMPTY, ago(59));
    assert_eq!(scene.steps(1), [Step::Heartbeat]);
    scene.tag(1, tag::EMPTY, ago(60));
    assert_eq!(
        scene.steps(1),
        [
            Step::Heartbeat,
            tagged(tag::FINISHED),
            deregister(1),
            Step::CompleteTermination,
            Step::RemoveRecord(record(1))
        ]
    );
}

#[test]
fn a_status_from_before_the_first_look_does_not_count() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.tag(1, tag::EMPTY, ago(60));
    scene.answer(1).status.as_mut().unwrap().at = ago(60);
    assert_eq!(scene.steps(1), [Step::Heartbeat]);
}

#[test]
fn a_first_look_in_the_future_or_long_ago_does_not_count() {
    for first in [ago(-1), ago(3600)] {
        let mut scene = Scene::serving(2);
        scene.draining(1);
        scene.tag(1, tag::EMPTY, first);
        assert_eq!(scene.steps(1), [Step::Heartbeat, tagged(tag::EMPTY)]);
    }
}

#[test]
fn a_finished_server_ends_even_if_it_does_not_answer_any_more() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.tag(1, tag::FINISHED, ago(120));
    scene.registrations().retain(|registration| registration.id != host(1));
    scene.unreachable(1);
    assert_eq!(scene.steps(1), [Step::Heartbeat, Step::CompleteTermination, Step::RemoveRecord(record(1))]);
}

#[test]
fn a_server_that_was_taken_for_finished_is_drained_again_if_it_shows_a_meeting_or_a_recording() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.tag(1, tag::EMPTY, ago(180));
    scene.tag(1, tag::FINISHED, ago(120));
    let mut busy = scene.clone();
    busy.meeting(1, 2);
    assert_eq!(busy.steps(1), [Step::Heartbeat, untagged(tag::FINISHED), untagged(tag::EMPTY)]);
    scene.answer(1).status = Some(status(1));
    assert_eq!(scene.steps(1), [Step::Heartbeat, untagged(tag::FINISHED), untagged(tag::EMPTY)]);
}

#[test]
fn nothing_ends_while_scalelite_cannot_be_read() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.tag(1, tag::FINISHED, ago(120));
    scene.world.scalelite = Reading::Failed { why: "time out".to_owned() };
    assert_eq!(scene.steps(1), [Step::Heartbeat]);
}

#[test]
fn what_never_was_registered_ends_at_the_second_look_without_being_asked() {
    let mut scene = Scene::serving(1);
    scene.launch(2, Lifecycle::TerminatingWait);
    scene.unreachable(2);
    scene.records().push(record(2));
    assert_eq!(scene.steps(2), [Step::Heartbeat, tagged(tag::DRAINING), tagged(tag::EMPTY)]);
    scene.tag(2, tag::DRAINING, ago(60));
    scene.tag(2, tag::EMPTY, ago(60));
    assert_eq!(
        scene.steps(2),
        [Step::Heartbeat, tagged(tag::FINISHED), Step::CompleteTermination, Step::RemoveRecord(record(2))]
    );
    scene.world.scalelite = Reading::Failed { why: "time out".to_owned() };
    assert!(!scene.steps(2).contains(&Step::CompleteTermination), "it may be registered");
}

#[test]
fn what_was_registered_once_is_waited_for_even_if_scalelite_forgot_it() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.registrations().clear();
    scene.unreachable(1);
    assert_eq!(scene.steps(1), [Step::Heartbeat]);
}

#[test]
fn what_showed_meetings_or_recordings_is_waited_for_even_if_it_was_never_seen_registered() {
    let leaving = || {
        let mut scene = Scene::serving(2);
        scene.draining(1);
        scene.tag(1, tag::EMPTY, ago(60));
        scene.registrations().remove(0);
        scene.instance(1).tags.remove(tag::REGISTERED);
        scene
    };
    let mut with_meeting = leaving();
    with_meeting.meeting(1, 3);
    assert_eq!(with_meeting.steps(1), [Step::Heartbeat, untagged(tag::EMPTY), tagged(tag::REGISTERED)]);
    let mut with_recording = leaving();
    with_recording.answer(1).unfinished_recordings = Some(1);
    assert_eq!(with_recording.steps(1), [Step::Heartbeat, untagged(tag::EMPTY), tagged(tag::REGISTERED)]);
    let mut without_either = leaving();
    without_either.unreachable(1);
    assert!(without_either.steps(1).contains(&Step::CompleteTermination));
}

#[test]
fn an_empty_list_is_not_believed_while_others_are_in_service() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.tag(1, tag::EMPTY, ago(60));
    scene.registrations().clear();
    assert_eq!(scene.steps(1), [Step::Heartbeat, untagged(tag::EMPTY)]);
    scene.lifecycle(2, Lifecycle::TerminatingWait);
    assert_eq!(scene.steps(1)[1], tagged(tag::FINISHED));
}

#[test]
fn the_deadline_ends_a_meeting_at_the_second_look() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.meeting(1, 3);
    scene.tag(1, tag::DRAINING, ago(86_400));
    assert_eq!(scene.steps(1), [Step::Heartbeat, tagged(tag::OVERDUE)]);
    scene.tag(1, tag::OVERDUE, ago(60));
    assert!(scene.steps(1).contains(&Step::Deregister { id: host(1), unless_in_use: false }));
    assert!(scene.steps(1).contains(&Step::CompleteTermination));
    scene.settings.drain_deadline = None;
    assert_eq!(scene.steps(1), [Step::Heartbeat, untagged(tag::OVERDUE)]);
}

#[test]
fn a_deadline_that_only_a_jump_of_the_clock_showed_is_forgotten() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.meeting(1, 3);
    scene.tag(1, tag::OVERDUE, ago(-40_000));
    assert_eq!(scene.steps(1), [Step::Heartbeat, untagged(tag::OVERDUE)]);
    scene.tag(1, tag::DRAINING, ago(-40_000));
    assert_eq!(scene.steps(1), [Step::Heartbeat, untagged(tag::OVERDUE)], "a drain from the future has not begun");
}

#[test]
fn a_retained_server_is_drained_all_the_same_and_ended_by_hand() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.lifecycle(1, Lifecycle::TerminatingRetained);
    scene.meeting(1, 3);
    assert_eq!(scene.steps(1), []);
    assert!(matches!(scene.state(1), State::Retained { .. }));
    scene.answer(1).meetings = Meetings::Listed(Vec::new());
    scene.tag(1, tag::EMPTY, ago(60));
    assert_eq!(scene.steps(1), [tagged(tag::FINISHED), deregister(1), Step::Terminate, Step::RemoveRecord(record(1))]);
}

#[test]
fn an_instance_that_ended_is_not_waited_for() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.instance(1).state = InstanceState::Terminated;
    scene.unreachable(1);
    assert_eq!(scene.steps(1), [cordon(1, &format!("leaving-{}", now().unix())), Step::CompleteTermination]);
    assert_eq!(scene.state(1), State::Gone);
}

#[test]
fn a_stopped_instance_is_waited_for() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.instance(1).state = InstanceState::Stopped;
    scene.unreachable(1);
    let steps = scene.steps(1);
    assert_eq!(steps[0], Step::Heartbeat);
    assert!(!steps.contains(&Step::CompleteTermination), "its disk may hold recordings");
}

#[test]
fn without_ec2_a_server_is_only_kept_alive_and_from_meetings() {
    let mut scene = Scene::serving(2);
    scene.lifecycle(1, Lifecycle::TerminatingWait);
    scene.world.instances = Reading::Failed { why: "throttled".to_owned() };
    assert_eq!(scene.steps(1), [Step::Heartbeat, cordon(1, "draining")]);
    assert_eq!(scene.steps(2), []);
    assert!(matches!(scene.state(2), State::Unknown { .. }));
}

#[test]
fn without_the_group_nothing_is_done() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    for group in [Reading::Absent, Reading::Failed { why: "throttled".to_owned() }] {
        scene.world.group = group;
        assert_eq!(scene.decide().actions, []);
    }
}

#[test]
fn a_warmed_server_that_ends_is_not_asked_for_meetings() {
    let mut scene = Scene::serving(1);
    scene.launch(2, Lifecycle::of("Warmed:Terminating:Wait"));
    scene.records().push(record(2));
    scene.instance(2).state = InstanceState::Stopped;
    scene.tag(2, tag::REGISTERED, ago(86_400));
    scene.unreachable(2);
    assert_eq!(scene.steps(2), [Step::Heartbeat, Step::CompleteTermination, Step::RemoveRecord(record(2))]);
}

#[test]
fn a_warmed_server_that_runs_is_drained_like_any_other() {
    let mut scene = Scene::serving(1);
    scene.launch(2, Lifecycle::of("Warmed:Terminating:Wait"));
    scene.records().push(record(2));
    scene.tag(2, tag::REGISTERED, ago(86_400));
    scene.tag(2, tag::DRAINING, ago(3600));
    scene.answer(2).status = Some(status(1));
    assert_eq!(scene.steps(2), [Step::Heartbeat]);
    assert_eq!(scene.state(2), State::Finishing { since: Some(ago(3600)), kept_by: Kept::Recordings { count: 1 } });
}

#[test]
fn recordings_that_are_known_count_even_if_meetings_are_not() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.tag(1, tag::EMPTY, ago(60));
    scene.registrations().remove(0);
    scene.instance(1).tags.remove(tag::REGISTERED);
    scene.unreachable(1);
    scene.answer(1).unfinished_recordings = Some(1);
    assert_eq!(scene.steps(1), [Step::Heartbeat, untagged(tag::EMPTY), tagged(tag::REGISTERED)]);
}

#[test]
fn servers_are_taken_out_a_few_at_a_time_and_what_is_not_registered_does_not_count() {
    let mut scene = Scene::serving(4);
    scene.settings.limits.removals = 1;
    for number in 1..=3 {
        scene.draining(number);
        scene.tag(number, tag::FINISHED, ago(60));
    }
    let ended =
        |scene: &Scene| (1..=3).filter(|number| scene.steps(*number).contains(&Step::CompleteTermination)).count();
    assert_eq!(ended(&scene), 1);
    scene.registrations().retain(|registration| registration.id != host(1) && registration.id != host(2));
    assert_eq!(ended(&scene), 3);
}
