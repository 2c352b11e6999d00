//! By search: whatever the poller does while servers are cordoned, a server that is drained gets no new meeting.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, SystemTime};

use bigbluebutton::testing::{NewMeeting, Reach, Role, Server, Servers};
use proptest::{collection::vec, prelude::*, test_runner::RngAlgorithm};
use scalelite::{
    State, StateChange,
    testing::{Ids, Poll, Scalelite, Update},
};

const NAMES: [&str; 3] = ["vc-a.example.org", "vc-b.example.org", "vc-c.example.org"];

#[derive(Debug, Clone, Copy)]
enum Step {
    BeginPoll,
    FinishPoll,
    Enable(usize),
    Cordon(usize),
    Disable(usize),
    Drain(usize),
    Panic(usize),
    Create(u8),
    Join(u8),
    Leave(u8),
    Reach(usize, bool),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let server = 0..NAMES.len();
    let meeting = 0_u8..6;
    prop_oneof![
        3 => Just(Step::BeginPoll),
        3 => Just(Step::FinishPoll),
        2 => server.clone().prop_map(Step::Enable),
        2 => server.clone().prop_map(Step::Cordon),
        1 => server.clone().prop_map(Step::Disable),
        2 => server.clone().prop_map(Step::Drain),
        1 => server.clone().prop_map(Step::Panic),
        4 => meeting.clone().prop_map(Step::Create),
        4 => meeting.clone().prop_map(Step::Join),
        2 => meeting.prop_map(Step::Leave),
        1 => (server, any::<bool>()).prop_map(|(server, answers)| Step::Reach(server, answers)),
        2 => (1_u16..1200).prop_map(Step::Pass),
    ]
}

struct World {
    scalelite: Scalelite,
    servers: Servers,
    now: SystemTime,
    polls: Vec<Poll>,
}

impl World {
    fn new() -> Self {
        let mut scalelite = Scalelite::new("secret", Ids::HostNames);
        for name in NAMES {
            scalelite.add(&format!("https://{name}/bigbluebutton/api/"), "secret", "").unwrap();
        }
        let servers = NAMES.iter().map(|name| ((*name).to_owned(), Server::new("secret"))).collect();
        Self { scalelite, servers, now: SystemTime::UNIX_EPOCH, polls: Vec::new() }
    }

    fn update(&mut self, server: usize, state: StateChange, tag: Option<&str>) {
        let update = Update { state: Some(state), tag: tag.map(str::to_owned), ..Update::default() };
        self.scalelite.update(NAMES[server], &update).unwrap();
    }

    /// The server that a meeting was newly created on, if this step did that.
    fn step(&mut self, step: Step) -> Option<String> {
        let Self { scalelite, servers, now, polls } = self;
        match step {
            Step::BeginPoll => polls.push(scalelite.begin_poll(servers, *now)),
            Step::FinishPoll => {
                if let Some(poll) = polls.pop() {
                    scalelite.finish_poll(poll, servers, *now);
                }
            }
            Step::Enable(server) => self.update(server, StateChange::Enable, Some("")),
            Step::Cordon(server) => self.update(server, StateChange::Cordon, None),
            Step::Disable(server) => self.update(server, StateChange::Disable, None),
            Step::Drain(server) => self.update(server, StateChange::Cordon, Some("draining")),
            Step::Panic(server) => drop(scalelite.panic(NAMES[server], false, servers, *now)),
            Step::Create(meeting) => {
                let meeting = meeting.to_string();
                let is_known = scalelite.records().any(|(known, _)| known == meeting);
                let chosen = scalelite.create(&meeting, NewMeeting::default(), None, servers, *now).ok();
                return chosen.filter(|_| !is_known);
            }
            Step::Join(meeting) => drop(scalelite.join(&meeting.to_string(), Role::Viewer, servers, *now)),
            Step::Leave(meeting) => {
                for server in servers.values_mut() {
                    let _not_there = server.leave(&meeting.to_string(), Role::Viewer, *now);
                }
            }
            Step::Reach(server, answers) => {
                let reach = if answers { Reach::Answers } else { Reach::Hangs };
                servers.get_mut(NAMES[server]).unwrap().reach = reach;
            }
            Step::Pass(seconds) => *now += Duration::from_secs(seconds.into()),
        }
        None
    }

    /// The place of the first server that a new meeting was created on after it was cordoned by `cordons`.
    fn leak(&mut self, steps: &[Step], cordons: impl Fn(Step) -> Option<usize>) -> Option<usize> {
        let mut cordoned = [false; NAMES.len()];
        for step in steps {
            if let Some(server) = cordons(*step) {
                cordoned[server] = true;
            }
            if let Step::Enable(server) = *step {
                cordoned[server] = false;
            }
            if let Some(chosen) = self.step(*step) {
                let place = NAMES.iter().position(|name| *name == chosen).unwrap();
                if cordoned[place] {
                    return Some(place);
                }
            }
        }
        None
    }
}

proptest! {
    // Most of the time would go into ChaCha otherwise, which is slow without optimisation.
    #![proptest_config(ProptestConfig { cases: 2000, rng_algorithm: RngAlgorithm::XorShift, ..ProptestConfig::default() })]

    #[test]
    fn a_drained_server_gets_no_new_meeting(steps in vec(step(), 1..60)) {
        let drain = |step| if let Step::Drain(server) = step { Some(server) } else { None };
        prop_assert_eq!(World::new().leak(&steps, drain), None);
    }

    #[test]
    fn only_a_poll_that_is_under_way_makes_a_cordon_leak(steps in vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            world.step(Step::FinishPoll);
            for server in world.scalelite.servers() {
                let chosen = world.scalelite.is_chosen_for_meetings(&server.id);
                prop_assert!(!chosen || (server.state == State::Enabled && server.online), "{server:?}");
            }
        }
    }
}

/// The search can fail: without a tag it finds a leak.
#[test]
fn a_cordon_without_a_tag_leaks() {
    use Step::{BeginPoll, Cordon, Create, Enable, FinishPoll};
    let steps = [Enable(0), BeginPoll, FinishPoll, Create(0), BeginPoll, Cordon(0), FinishPoll, Create(1)];
    let cordon = |step| if let Cordon(server) = step { Some(server) } else { None };
    assert_eq!(World::new().leak(&steps, cordon), Some(0));
}
