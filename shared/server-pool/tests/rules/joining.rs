//! Servers on their way to their meetings.

use server_pool::{
    InstanceState, Join, Launch, Lifecycle, Meetings, Owner, Reading, RegistrationState, Secret, State, Step, Wish, tag,
};

use crate::scene::*;

#[test]
fn a_pool_that_is_well_is_left_alone() {
    let decision = Scene::serving(3).decide();
    assert_eq!(decision.actions, []);
    assert!(decision.servers.iter().all(|server| matches!(server.state, State::Serving { .. })));
}

#[test]
fn a_new_server_gets_its_name_first() {
    let mut scene = Scene::serving(1);
    scene.launch(2, Lifecycle::PendingWait);
    scene.unreachable(2);
    assert_eq!(scene.steps(2), [Step::WriteRecord(record(2))]);
    assert_eq!(scene.state(2), State::Launching { waits_for: Launch::Record });
}

#[test]
fn a_new_server_waits_for_an_address() {
    let mut scene = Scene::serving(1);
    scene.launch(2, Lifecycle::PendingWait);
    scene.unreachable(2);
    scene.instance(2).addresses.clear();
    assert_eq!(scene.steps(2), []);
    assert_eq!(scene.state(2), State::Launching { waits_for: Launch::Address });
}

#[test]
fn a_new_server_that_works_is_remembered_registered_and_let_in() {
    let mut scene = Scene::serving(1);
    scene.launch(2, Lifecycle::PendingWait);
    scene.records().push(record(2));
    let url = format!("https://{}/bigbluebutton/api/", host(2));
    assert_eq!(scene.steps(2), [tagged(tag::REGISTERED), Step::Register { url }, Step::CompleteLaunch]);
    assert_eq!(scene.state(2), State::Joining { waits_for: Join::Registration });
}

#[test]
fn a_new_server_is_not_registered_before_it_says_that_it_is_ready() {
    let mut scene = Scene::serving(1);
    scene.launch(2, Lifecycle::PendingWait);
    scene.records().push(record(2));
    scene.answer(2).status = None;
    assert_eq!(scene.steps(2), []);
    assert_eq!(scene.state(2), State::Launching { waits_for: Launch::Ready });
}

#[test]
fn a_new_server_does_not_wait_for_scalelite() {
    let mut scene = Scene::serving(1);
    scene.launch(2, Lifecycle::PendingWait);
    scene.records().push(record(2));
    scene.world.scalelite = Reading::Failed { why: "502".to_owned() };
    assert_eq!(scene.steps(2), [Step::CompleteLaunch]);
}

#[test]
fn a_registered_server_is_enabled_and_then_polled() {
    let mut scene = Scene::serving(1);
    scene.registration(1).state = RegistrationState::Disabled;
    scene.registration(1).online = false;
    assert_eq!(scene.steps(1), [Step::Enable { id: host(1), tag: String::new() }]);
    scene.registration(1).state = RegistrationState::Enabled;
    assert_eq!(scene.steps(1), []);
    assert_eq!(scene.state(1), State::Joining { waits_for: Join::Poller });
}

#[test]
fn a_server_that_need_not_drain_any_longer_gets_its_own_tag_back() {
    let mut scene = Scene::serving(1);
    scene.registration(1).state = RegistrationState::Cordoned;
    scene.registration(1).tag = "draining.music".to_owned();
    scene.tag(1, tag::DRAINING, ago(60));
    scene.tag(1, tag::FINISHED, ago(30));
    assert_eq!(
        scene.steps(1),
        [untagged(tag::FINISHED), untagged(tag::DRAINING), Step::Enable { id: host(1), tag: "music".to_owned() }]
    );
}

#[test]
fn a_tag_that_somebody_gave_a_server_stays() {
    let mut scene = Scene::serving(1);
    scene.registration(1).tag = "music".to_owned();
    assert_eq!(scene.steps(1), []);
}

#[test]
fn a_lost_cache_is_filled_again() {
    let mut scene = Scene::serving(3);
    scene.registrations().clear();
    for number in 1..=3 {
        let url = format!("https://{}/bigbluebutton/api/", host(number));
        assert_eq!(scene.steps(number), [Step::Register { url }]);
    }
}

#[test]
fn a_failed_list_is_not_an_empty_one() {
    let mut scene = Scene::serving(3);
    scene.world.scalelite = Reading::Failed { why: "502".to_owned() };
    let decision = scene.decide();
    assert_eq!(decision.actions, []);
    assert_eq!(decision.remarks, ["Scalelite's list of servers could not be read: 502"]);
    assert_eq!(decision.metrics.unread_sources, 1);
}

#[test]
fn a_wrong_secret_is_mended_only_if_the_server_works_with_ours() {
    let mut scene = Scene::serving(1);
    scene.registration(1).secret = Secret::Other;
    assert_eq!(scene.steps(1), [Step::UpdateSecret { id: host(1) }]);
    scene.answer(1).meetings = Meetings::Refused;
    assert_eq!(scene.steps(1), []);
    assert!(matches!(scene.state(1), State::Unreachable { .. }));
}

#[test]
fn of_two_registrations_the_one_that_works_is_kept() {
    let mut scene = Scene::serving(1);
    let mut second = registration(1);
    second.id = "zzz".to_owned();
    scene.registrations().push(second);
    let first = scene.registration(1);
    (first.secret, first.online) = (Secret::Other, false);
    let id = first.id.clone();
    assert!(scene.steps(1).contains(&Step::Cordon { id, tag: "draining".to_owned() }), "{:?}", scene.steps(1));
}

#[test]
fn a_second_registration_is_closed_and_removed_when_the_server_is_empty_twice() {
    let mut scene = Scene::serving(1);
    let mut second = registration(1);
    second.id = "zzz".to_owned();
    scene.registrations().push(second);
    let cordon = |tag: &str| Step::Cordon { id: "zzz".to_owned(), tag: tag.to_owned() };
    assert_eq!(scene.steps(1), [cordon("draining")]);
    assert_eq!(scene.decide().metrics.duplicates, 1);

    let second = scene.registrations().last_mut().unwrap();
    second.state = RegistrationState::Cordoned;
    second.tag = "draining".to_owned();
    scene.meeting(1, 3);
    assert_eq!(scene.steps(1), []);

    scene.answer(1).meetings = Meetings::Listed(Vec::new());
    let leaving = format!("leaving-{}", now().unix());
    assert_eq!(scene.steps(1), [cordon(&leaving)]);
    scene.registrations().last_mut().unwrap().tag = leaving;
    assert_eq!(scene.steps(1), []);
    scene.pass(60);
    assert_eq!(scene.steps(1), [Step::Deregister { id: "zzz".to_owned(), unless_in_use: true }]);
    scene.meeting(1, 3);
    assert_eq!(scene.steps(1), [cordon("draining")]);
}

#[test]
fn a_second_registration_that_is_closed_by_half_is_closed_wholly() {
    for (state, tag) in [(RegistrationState::Cordoned, ""), (RegistrationState::Enabled, "draining")] {
        let mut scene = Scene::serving(1);
        let mut second = registration(1);
        (second.id, second.state, second.tag) = ("zzz".to_owned(), state, tag.to_owned());
        scene.registrations().push(second);
        scene.meeting(1, 20);
        assert_eq!(scene.steps(1), [Step::Cordon { id: "zzz".to_owned(), tag: "draining".to_owned() }]);
    }
}

#[test]
fn a_name_follows_its_server_to_a_new_address() {
    let mut scene = Scene::serving(1);
    scene.record(1).addresses = [address(9)].into();
    assert_eq!(scene.steps(1), [Step::WriteRecord(record(1))]);
    scene.draining(1);
    assert!(scene.steps(1).contains(&Step::WriteRecord(record(1))));
}

#[test]
fn a_name_without_an_owner_is_adopted() {
    let mut scene = Scene::serving(1);
    scene.record(1).owner = None;
    assert_eq!(scene.steps(1), [Step::WriteRecord(record(1))]);
}

#[test]
fn a_name_of_another_owner_is_left_alone() {
    let mut scene = Scene::serving(1);
    scene.record(1).owner = Some(Owner { owner: "somebody else".to_owned(), gone: None });
    scene.record(1).addresses = [address(9)].into();
    assert_eq!(scene.steps(1), []);
    assert_eq!(scene.state(1), State::Launching { waits_for: Launch::ForeignRecord });
}

#[test]
fn a_stopped_server_gets_no_meetings_and_keeps_no_address() {
    let mut scene = Scene::serving(1);
    scene.instance(1).state = InstanceState::Stopped;
    scene.instance(1).addresses.clear();
    scene.unreachable(1);
    let mut nowhere = record(1);
    nowhere.addresses.clear();
    assert_eq!(scene.steps(1), [cordon(1, "draining"), Step::WriteRecord(nowhere)]);
    assert!(matches!(scene.state(1), State::Unreachable { .. }));
}

#[test]
fn a_server_in_service_that_does_not_answer_is_not_touched() {
    let mut scene = Scene::serving(1);
    scene.unreachable(1);
    assert_eq!(scene.steps(1), []);
    assert_eq!(scene.state(1), State::Unreachable { why: "connection refused".to_owned() });
}

#[test]
fn the_operators_cordon_holds() {
    let mut scene = Scene::serving(2);
    scene.wish(1, Wish::Cordon);
    assert_eq!(scene.steps(1), [cordon(1, "draining")]);
    let registration = scene.registration(1);
    registration.state = RegistrationState::Disabled;
    registration.tag = "draining".to_owned();
    assert_eq!(scene.steps(1), []);
    assert!(matches!(scene.state(1), State::Cordoned { .. }));
    scene.meeting(1, 3);
    assert_eq!(scene.steps(1), [cordon(1, "draining")], "its users can come back");
}

#[test]
fn a_wish_that_cannot_be_read_cordons() {
    let mut scene = Scene::serving(1);
    scene.instance(1).tags.insert(tag::WISH.to_owned(), "rest".to_owned());
    assert_eq!(scene.steps(1), [cordon(1, "draining")]);
}

#[test]
fn a_warmed_server_is_named_and_not_registered() {
    let mut scene = Scene::serving(1);
    scene.launch(2, Lifecycle::of("Warmed:Pending:Wait"));
    assert_eq!(scene.steps(2), [Step::WriteRecord(record(2)), Step::CompleteLaunch]);
    scene.records().push(record(2));
    scene.lifecycle(2, Lifecycle::of("Warmed:Running"));
    assert_eq!(scene.steps(2), []);
    assert!(matches!(scene.state(2), State::Warmed { .. }));
}

#[test]
fn only_so_much_is_done_in_one_tick_and_everybody_has_a_turn() {
    let mut scene = Scene::serving(20);
    scene.registrations().clear();
    scene.settings.limits.registrations = 3;
    let mut served = std::collections::BTreeSet::new();
    for _ in 0..60 {
        let actions = scene.decide().actions;
        assert_eq!(actions.len(), 3);
        served.extend(actions.into_iter().map(|action| action.server));
        scene.pass(60);
    }
    assert_eq!(served.len(), 20);
}

#[test]
fn a_server_that_was_not_asked_is_not_taken_for_broken_down() {
    let mut scene = Scene::serving(1);
    scene.world.answers.clear();
    assert_eq!(scene.state(1), State::Serving { load: None, being_replaced: false });
    scene.launch(2, Lifecycle::PendingWait);
    scene.world.answers.clear();
    scene.records().push(record(2));
    let waits_for = Launch::Answer { why: "it was not asked".to_owned() };
    assert_eq!(scene.state(2), State::Launching { waits_for });
}

#[test]
fn a_new_server_with_a_name_waits_for_its_answer() {
    let mut scene = Scene::serving(1);
    scene.launch(2, Lifecycle::PendingWait);
    scene.unreachable(2);
    let waits_for = Launch::Answer { why: "connection refused".to_owned() };
    let mut unread = scene.clone();
    unread.world.records = Reading::Failed { why: "throttled".to_owned() };
    assert_eq!(unread.state(2), State::Launching { waits_for: waits_for.clone() });
    scene.records().push(record(2));
    assert_eq!(scene.state(2), State::Launching { waits_for });
}

#[test]
fn a_new_server_is_let_in_when_it_has_its_registration_unless_the_operator_wants_none() {
    let mut scene = Scene::serving(1);
    scene.launch(2, Lifecycle::PendingWait);
    scene.records().push(record(2));
    scene.settings.limits.registrations = 0;
    assert_eq!(scene.steps(2), [], "it is not its turn to be registered");
    scene.settings.limits.registrations = 10;
    scene.wish(2, Wish::Cordon);
    assert_eq!(scene.steps(2), [Step::CompleteLaunch]);
}

#[test]
fn servers_are_enabled_a_few_at_a_time() {
    let mut scene = Scene::serving(20);
    scene.settings.limits.registrations = 3;
    for registration in scene.registrations() {
        registration.state = RegistrationState::Disabled;
    }
    assert_eq!(scene.decide().actions.len(), 3);
}
