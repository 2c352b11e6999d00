//! Servers that are replaced.

use server_pool::{InstanceState, Lifecycle, RegistrationState, Secret, State, Step, Wish, tag};

use crate::scene::*;

const STANDBY: Step = Step::EnterStandby { decrement: false };

/// Servers 1 to `count` serve, and the group launches something else by now.
fn outdated(count: u8) -> Scene {
    let mut scene = Scene::serving(count);
    scene.group().launch_template = Some(version(2));
    scene
}

/// It is on standby since a minute.
fn on_standby(scene: &mut Scene, number: u8) {
    scene.lifecycle(number, Lifecycle::Standby);
    scene.tag(number, tag::REPLACED, ago(60));
}

/// It is up to date.
fn current(scene: &mut Scene, number: u8) {
    scene.member(number).launch_template = Some(version(2));
}

#[test]
fn the_emptiest_outdated_servers_go_on_standby_a_few_at_a_time() {
    let mut scene = outdated(6);
    scene.settings.replace_at_once = 2;
    for number in 1..=6 {
        scene.meeting(number, 60 - u32::from(number));
    }
    let decision = scene.decide();
    let entering: Vec<_> =
        decision.actions.iter().filter(|action| action.step == STANDBY).map(|action| action.server.clone()).collect();
    assert_eq!(entering.len(), 2);
    assert!(entering.contains(&id(5)) && entering.contains(&id(6)));
    assert_eq!(scene.steps(6), [tagged(tag::REPLACED), STANDBY]);
    assert_eq!(decision.metrics.outdated, 6);
}

#[test]
fn the_old_one_serves_until_the_new_one_does() {
    let mut scene = outdated(2);
    scene.settings.replace_at_once = 1;
    on_standby(&mut scene, 1);
    assert_eq!(scene.decide().actions, []);
    assert!(matches!(scene.state(1), State::Serving { being_replaced: true, .. }));

    scene.launch(3, Lifecycle::PendingWait);
    current(&mut scene, 3);
    assert!(!scene.steps(1).contains(&cordon(1, "draining")));

    scene.add(3);
    current(&mut scene, 3);
    scene.registration(3).online = false;
    assert_eq!(scene.steps(1), [], "the new one does not serve yet");

    scene.registration(3).online = true;
    assert_eq!(scene.steps(1), [cordon(1, "draining"), tagged(tag::DRAINING)]);
    assert_eq!(scene.steps(2), [], "one at a time");
}

#[test]
fn a_replaced_server_ends_when_it_is_finished_and_not_before() {
    let mut scene = outdated(2);
    current(&mut scene, 2);
    scene.group().desired = 1;
    scene.draining(1);
    on_standby(&mut scene, 1);
    scene.meeting(1, 10);
    assert_eq!(scene.steps(1), []);
    scene.answer(1).meetings = server_pool::Meetings::Listed(Vec::new());
    scene.tag(1, tag::EMPTY, ago(60));
    assert_eq!(scene.steps(1), [tagged(tag::FINISHED), deregister(1), Step::Terminate]);
}

#[test]
fn an_old_one_that_does_not_work_is_not_waited_for() {
    let mut scene = outdated(2);
    on_standby(&mut scene, 1);
    scene.unreachable(1);
    assert_eq!(scene.steps(1), [], "Scalelite reaches it");
    scene.registration(1).online = false;
    assert_eq!(scene.steps(1), [cordon(1, "draining"), tagged(tag::DRAINING)]);
}

#[test]
fn an_old_one_that_waits_for_the_poller_goes_on_getting_meetings() {
    let mut scene = outdated(2);
    on_standby(&mut scene, 1);
    scene.registration(1).online = false;
    assert_eq!(scene.steps(1), [], "it works, and was registered again a moment ago");
}

#[test]
fn of_those_that_do_not_answer_the_one_that_gets_meetings_goes_on_getting_them() {
    let mut scene = outdated(3);
    scene.group().desired = 1;
    for number in 1..=3 {
        on_standby(&mut scene, number);
        scene.unreachable(number);
    }
    scene.registrations().retain(|registration| registration.id != host(3));
    let drained = |number| scene.steps(number).contains(&tagged(tag::DRAINING));
    assert_eq!([1, 2, 3].map(drained), [true, false, true]);
}

#[test]
fn of_equals_the_one_that_scalelite_cannot_use_yet_is_drained() {
    let mut scene = outdated(2);
    scene.group().desired = 1;
    for number in 1..=2 {
        on_standby(&mut scene, number);
    }
    scene.registration(2).secret = Secret::Other;
    // A second registration that is closed gives it nothing.
    let mut closed = registration(2);
    (closed.id, closed.state, closed.tag) = ("zzz".to_owned(), RegistrationState::Cordoned, "draining".to_owned());
    scene.registrations().push(closed);
    let drained = |number| scene.steps(number).contains(&tagged(tag::DRAINING));
    assert_eq!([1, 2].map(drained), [false, true]);
}

#[test]
fn a_new_one_that_broke_down_holds_nothing_up() {
    let mut scene = outdated(3);
    on_standby(&mut scene, 1);
    current(&mut scene, 2);
    scene.unreachable(2);
    current(&mut scene, 3);
    scene.group().desired = 2;
    assert_eq!(scene.steps(1), [cordon(1, "draining"), tagged(tag::DRAINING)]);
}

#[test]
fn what_is_replaced_leaves_even_if_the_update_is_rolled_back() {
    let mut scene = outdated(2);
    on_standby(&mut scene, 1);
    scene.group().launch_template = Some(version(1));
    assert_eq!(scene.steps(1), [], "it gets meetings until another one does");
    scene.group().desired = 1;
    assert_eq!(scene.steps(1), [cordon(1, "draining"), tagged(tag::DRAINING)]);
}

#[test]
fn what_somebody_put_on_standby_stays_there_without_meetings() {
    let mut scene = outdated(2);
    scene.lifecycle(1, Lifecycle::Standby);
    assert_eq!(scene.steps(1), [cordon(1, "draining")]);
    assert!(matches!(scene.state(1), State::Cordoned { .. }));
}

#[test]
fn nothing_is_replaced_when_that_is_somebody_elses_business() {
    let mut scene = outdated(3);
    scene.settings.replace_at_once = 0;
    assert_eq!(scene.decide().actions, []);
}

#[test]
fn what_was_not_launched_from_a_template_is_not_outdated() {
    let mut scene = outdated(1);
    scene.member(1).launch_template = None;
    assert_eq!(scene.decide().actions, []);
}

#[test]
fn a_server_that_the_operator_drains_is_replaced_at_once() {
    let mut scene = Scene::serving(2);
    scene.wish(1, Wish::Drain);
    scene.meeting(1, 4);
    assert_eq!(scene.steps(1), [cordon(1, "draining"), tagged(tag::DRAINING), tagged(tag::ON_STANDBY), STANDBY]);
}

#[test]
fn removed_servers_make_the_group_smaller_down_to_its_minimum() {
    let mut scene = Scene::serving(3);
    scene.group().min = 2;
    scene.wish(1, Wish::Remove);
    scene.wish(2, Wish::Remove);
    assert!(scene.steps(1).contains(&Step::EnterStandby { decrement: true }));
    assert!(scene.steps(2).contains(&STANDBY));
}

#[test]
fn an_operator_who_changes_their_mind_gets_the_server_back() {
    let mut scene = Scene::serving(2);
    scene.draining(1);
    scene.lifecycle(1, Lifecycle::Standby);
    scene.tag(1, tag::ON_STANDBY, ago(60));
    scene.registration(1).state = RegistrationState::Disabled;
    let enable = Step::Enable { id: host(1), tag: String::new() };
    assert_eq!(scene.steps(1), [untagged(tag::DRAINING), enable.clone(), Step::ExitStandby]);
    scene.group().max = 2;
    assert_eq!(scene.steps(1), [untagged(tag::DRAINING), enable], "the group is at its largest");
}

#[test]
fn what_is_back_in_service_is_not_taken_for_leaving() {
    let mut scene = Scene::serving(1);
    scene.tag(1, tag::ON_STANDBY, ago(60));
    scene.tag(1, tag::REPLACED, ago(60));
    assert_eq!(scene.steps(1), [untagged(tag::ON_STANDBY), untagged(tag::REPLACED)]);
}

#[test]
fn what_has_ended_or_leaves_by_the_operators_wish_takes_no_ones_turn() {
    let mut scene = outdated(3);
    scene.settings.replace_at_once = 1;
    on_standby(&mut scene, 1);
    assert_eq!(scene.steps(2), [], "one at a time");
    let mut ended = scene.clone();
    ended.instance(1).state = InstanceState::Terminated;
    assert_eq!(ended.steps(2), [tagged(tag::REPLACED), STANDBY]);
    scene.wish(1, Wish::Drain);
    assert_eq!(scene.steps(2), [tagged(tag::REPLACED), STANDBY]);
}

#[test]
fn what_is_not_in_service_yet_takes_no_ones_turn() {
    let mut scene = outdated(1);
    scene.meeting(1, 20);
    scene.launch(2, Lifecycle::PendingWait);
    scene.records().push(record(2));
    assert_eq!(scene.steps(1), [tagged(tag::REPLACED), STANDBY]);
}
