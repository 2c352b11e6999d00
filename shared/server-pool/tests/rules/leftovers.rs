//! What is left of servers, and what is not the pool's.

use server_pool::{
    Answer, Foreign, InstanceState, Lifecycle, Meetings, Owner, Reading, Record, RegistrationState, Secret, State, Step,
};

use crate::scene::*;

fn leaving_now() -> String {
    format!("leaving-{}", now().unix())
}

fn marked(number: u8, gone: server_pool::Moment) -> Record {
    Record { owner: Some(Owner { owner: OWNER.to_owned(), gone: Some(gone) }), ..record(number) }
}

#[test]
fn what_is_left_of_a_server_goes_step_by_step_each_with_two_looks() {
    for forgotten in [false, true] {
        let mut scene = Scene::serving(2);
        if forgotten {
            scene.forget(1);
        } else {
            scene.end(1);
        }
        assert_eq!(scene.steps(1), [cordon(1, &leaving_now())]);
        assert_eq!(scene.state(1), State::Gone);
        scene.registration(1).state = RegistrationState::Cordoned;
        scene.registration(1).tag = format!("leaving-{}", ago(59).unix());
        assert_eq!(scene.steps(1), []);
        scene.registration(1).tag = format!("leaving-{}", ago(60).unix());
        assert_eq!(scene.steps(1), [deregister(1)]);
        scene.registrations().retain(|registration| registration.id != host(1));
        assert_eq!(scene.steps(1), [Step::WriteRecord(marked(1, now()))]);
        *scene.record(1) = marked(1, ago(60));
        assert_eq!(scene.steps(1), [Step::RemoveRecord(marked(1, ago(60)))]);
        scene.records().retain(|record| record.name != host(1));
        assert!(scene.decide().servers.iter().all(|server| server.instance != Some(id(1))));
    }
}

#[test]
fn what_somebody_enabled_again_begins_anew() {
    let mut scene = Scene::serving(2);
    scene.end(1);
    scene.registration(1).tag = format!("leaving-{}", ago(60).unix());
    assert_eq!(scene.steps(1), [cordon(1, &leaving_now())]);
}

#[test]
fn nothing_is_removed_when_nothing_is_listed() {
    let mut scene = Scene::serving(2);
    scene.forget(1);
    let nobody = {
        let mut scene = scene.clone();
        scene.group().members.clear();
        scene.unreachable(2);
        scene.instances().clear();
        scene
    };
    assert_eq!(nobody.decide().actions, []);
    let mut unseen = scene.clone();
    unseen.instances().clear();
    assert_eq!(unseen.decide().actions, []);
    for source in 0..3 {
        let mut scene = scene.clone();
        let failed = "throttled".to_owned();
        match source {
            0 => scene.world.group = Reading::Failed { why: failed },
            1 => scene.world.instances = Reading::Failed { why: failed },
            _ => scene.world.scalelite = Reading::Failed { why: failed },
        }
        assert_eq!(scene.decide().actions, [], "{source}");
    }
}

#[test]
fn what_answers_is_not_gone() {
    let mut scene = Scene::serving(2);
    scene.forget(1);
    for meetings in [Meetings::Listed(Vec::new()), Meetings::Refused] {
        scene.world.answers.insert(id(1), Answer { meetings, ..Answer::default() });
        assert_eq!(scene.steps(1), []);
        assert_eq!(scene.state(1), State::Foreign { because: Foreign::Answers });
    }
    scene.world.answers.remove(&id(1));
    assert_eq!(scene.steps(1), [], "it was not asked");
}

#[test]
fn an_instance_outside_the_group_is_left_alone() {
    let mut scene = Scene::serving(2);
    scene.group().members.remove(&id(1));
    for state in [InstanceState::Running, InstanceState::Stopped, InstanceState::Pending] {
        scene.instance(1).state = state;
        scene.unreachable(1);
        assert_eq!(scene.steps(1), []);
        assert_eq!(scene.state(1), State::Foreign { because: Foreign::Detached });
    }
}

#[test]
fn what_another_deployment_left_is_left_alone() {
    let mut scene = Scene::serving(2);
    scene.forget(1);
    scene.record(1).owner = Some(Owner { owner: "another stack".to_owned(), gone: None });
    assert_eq!(scene.steps(1), []);
    assert_eq!(scene.state(1), State::Foreign { because: Foreign::Unproven });
    scene.registrations().retain(|registration| registration.id != host(1));
    assert_eq!(scene.steps(1), []);
    scene.record(1).owner = None;
    assert_eq!(scene.steps(1), []);
}

#[test]
fn a_registration_is_ours_by_its_secret_or_by_its_name() {
    let mut scene = Scene::serving(2);
    scene.forget(1);
    scene.registration(1).secret = Secret::Other;
    assert_eq!(scene.steps(1), [cordon(1, &leaving_now())], "its name is ours");
    scene.records().retain(|record| record.name != host(1));
    assert_eq!(scene.steps(1), []);
    scene.registration(1).secret = Secret::Ours;
    assert_eq!(scene.steps(1), [cordon(1, &leaving_now())], "its secret is ours");
}

#[test]
fn a_server_put_there_by_hand_is_left_alone() {
    let mut scene = Scene::serving(1);
    for url in [
        "https://old.example.org/bigbluebutton/api",
        "http://vc-0000000000000000f.meet.example.org/bigbluebutton/api",
        "https://vc-0000000000000000f.other.example.org/bigbluebutton/api",
    ] {
        let mut by_hand = registration(9);
        by_hand.url = url.to_owned();
        by_hand.online = false;
        scene.registrations().push(by_hand);
    }
    let decision = scene.decide();
    assert_eq!(decision.actions, []);
    assert_eq!(decision.metrics.servers.foreign, 3);
}

#[test]
fn an_instance_that_ended_where_auto_scaling_does_not_look_is_taken_from_the_group() {
    let is_ended = |lifecycle| {
        let mut scene = Scene::serving(2);
        scene.instance(1).state = InstanceState::Terminated;
        scene.unreachable(1);
        scene.lifecycle(1, lifecycle);
        scene.steps(1).contains(&Step::Terminate)
    };
    assert!(is_ended(Lifecycle::Standby));
    assert!(is_ended(Lifecycle::TerminatingRetained));
    assert!(!is_ended(Lifecycle::InService), "Auto Scaling notices by itself");
}

#[test]
fn removals_are_few_at_a_time() {
    let mut scene = Scene::serving(40);
    for number in 2..=40 {
        scene.end(number);
        scene.registration(number).state = RegistrationState::Disabled;
        scene.registration(number).tag = format!("leaving-{}", ago(60).unix());
    }
    assert_eq!(scene.decide().actions.len(), 10);
}

#[test]
fn a_name_without_an_owner_is_ours_if_ec2_knows_its_instance_as_the_groups() {
    let mut scene = Scene::serving(2);
    scene.end(1);
    scene.registrations().remove(0);
    scene.record(1).owner = None;
    assert_eq!(scene.steps(1), [Step::WriteRecord(marked(1, now()))]);
    scene.instance(1).group = Some("another group".to_owned());
    assert_eq!(scene.steps(1), []);
    assert_eq!(scene.state(1), State::Foreign { because: Foreign::Unproven });
}

#[test]
fn names_are_removed_a_few_at_a_time() {
    let mut scene = Scene::serving(10);
    scene.settings.limits.records = 3;
    for number in 2..=10 {
        scene.end(number);
    }
    scene.registrations().truncate(1);
    assert_eq!(scene.decide().actions.len(), 3, "marked");
    for number in 2..=10 {
        *scene.record(number) = marked(number, ago(60));
    }
    assert_eq!(scene.decide().actions.len(), 3, "removed");
}
