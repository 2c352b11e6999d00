//! One look at the world, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use server_pool::{Action, Decision, Group, InstanceId, Moment, Reading, Step, World, decide};
use tokio::time::{Duration, Instant};

use crate::{
    act::{self, Done, Outcome},
    clients::Clients,
    environment::Environment,
    observe::{self, Observation},
};

/// The most that looking may take of a tick's time; what has not answered by then is not known in this tick.
const LOOKING: Duration = Duration::from_secs(25);

/// What is kept of the time to tell what was done.
const TELLING: Duration = Duration::from_secs(1);

/// What came of a tick.
#[derive(Debug)]
pub(crate) struct Ticked {
    pub(crate) world: World,
    pub(crate) decision: Decision,
    pub(crate) done: Vec<Done>,
}

/// How much of the time there is may be used for looking, and until when something may be done.
fn deadlines(deadline: Instant) -> (Instant, Instant) {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    (now + LOOKING.min(left / 2), now + left.saturating_sub(TELLING.min(left / 10)))
}

/// Looks, decides, and acts.
///
/// The parts are boxed: all calls of AWS that a tick may make, each within the others, are too large for a stack.
pub(crate) async fn tick(clients: &Clients, environment: &Environment, now: Moment, deadline: Instant) -> Ticked {
    let (look_until, act_until) = deadlines(deadline);
    // Whoever waits for a heartbeat is known as soon as the group is, and gets it before anything slow is waited for.
    let mut beaten = Vec::new();
    let group = async {
        let group = observe::group(clients, environment, look_until).await;
        beaten = heartbeats(clients, environment, now, &group, act_until).await;
        group
    };
    let observation = Box::pin(observe::rest(clients, environment, now, group, look_until)).await;
    let decision = decide(&observation.world, &environment.settings);
    let alive: BTreeSet<&InstanceId> =
        beaten.iter().filter(|done| done.outcome == Outcome::Done).map(|done| &done.action.server).collect();
    let is_due = |action: &&Action| action.step != Step::Heartbeat || !alive.contains(&action.server);
    let actions: Vec<Action> = decision.actions.iter().filter(is_due).cloned().collect();
    let mut done = Box::pin(act::act(clients, environment, &observation, actions, act_until)).await;
    done.splice(0..0, beaten);
    let Observation { world, .. } = observation;
    Ticked { world, decision, done }
}

/// Looks and decides, and leaves it at that.
pub(crate) async fn look(clients: &Clients, environment: &Environment, now: Moment, deadline: Instant) -> Ticked {
    let (look_until, _) = deadlines(deadline);
    let group = observe::group(clients, environment, look_until);
    let Observation { world, .. } = Box::pin(observe::rest(clients, environment, now, group, look_until)).await;
    let decision = decide(&world, &environment.settings);
    Ticked { world, decision, done: Vec::new() }
}

/// The heartbeats that follow from the group alone: what is decided when nothing else can be read is how to keep everything as it is.
async fn heartbeats(
    clients: &Clients,
    environment: &Environment,
    now: Moment,
    group: &Reading<Group>,
    deadline: Instant,
) -> Vec<Done> {
    let unread = "not looked yet".to_owned();
    let world = World {
        now,
        group: group.clone(),
        instances: Reading::Failed { why: unread.clone() },
        records: Reading::Failed { why: unread.clone() },
        scalelite: Reading::Failed { why: unread },
        answers: BTreeMap::new(),
    };
    let actions = decide(&world, &environment.settings).actions;
    let beats: Vec<Action> = actions.into_iter().filter(|action| action.step == Step::Heartbeat).collect();
    act::heartbeats(clients, environment, &world, beats, deadline).await
}
