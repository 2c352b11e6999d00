//! From the observed world to what is to be done.

mod budget;
mod cordoned;
mod course;
mod gone;
mod joining;
mod leaving;
mod look;
mod measure;
mod plan;
mod pool;
mod replacing;
mod scalelite;
mod subject;
mod warmed;

use budget::Budget;
use course::Course;
use plan::Plan;
use pool::Pool;
use replacing::Replacing;
use subject::Subject;

use crate::{Decision, Foreign, Reading, Server, Settings, Source, State, Step, World, tag};

/// What is to be done in this world, how each server stands, and why.
///
/// Pure: the same world and settings give the same decision. One tick at a time is the caller's job.
#[must_use]
pub fn decide(world: &World, settings: &Settings) -> Decision {
    match &world.group {
        Reading::Known(group) => in_group(&Pool::new(world, settings, group)),
        Reading::Absent => Decision { metrics: measure::unread(world), ..Decision::default() },
        Reading::Failed { .. } => {
            Decision { metrics: measure::unread(world), remarks: measure::remarks(world), ..Decision::default() }
        }
    }
}

fn in_group(pool: &Pool<'_>) -> Decision {
    let replacing = replacing::choose(pool);
    let mut budget = Budget::new(&pool.settings.limits);
    let mut servers = Vec::new();
    let mut actions = Vec::new();
    for subject in pool.in_turn() {
        let mut plan = Plan::new(subject.id.clone());
        if let Some(state) = attend(subject, pool, &replacing, &mut plan, &mut budget) {
            let name = subject.id.host(&pool.settings.domain);
            servers.push(Server { instance: Some(subject.id.clone()), name, state });
        }
        actions.append(&mut plan.actions);
    }
    let others = pool.others.iter().map(|registration| Server {
        instance: None,
        name: registration.url.clone(),
        state: State::Foreign { because: Foreign::Name },
    });
    servers.extend(others);
    servers.sort_by(|one, other| one.name.cmp(&other.name));
    // Sorting is stable: what is to be done for one server stays in its order.
    actions.sort_by_key(|action| urgency(&action.step));
    Decision { metrics: measure::measure(pool, &servers), actions, servers, remarks: measure::remarks(pool.world) }
}

/// Looks after one server; `None` if nothing is left of it.
fn attend(
    subject: &Subject<'_>,
    pool: &Pool<'_>,
    replacing: &Replacing,
    plan: &mut Plan,
    budget: &mut Budget,
) -> Option<State> {
    Some(match course::of(subject, replacing) {
        Course::Join { being_replaced } => {
            let state = joining::join(subject, pool, being_replaced, plan, budget);
            replacing::put(subject, pool, replacing, plan);
            state
        }
        Course::Cordon => {
            let state = cordoned::keep(subject, pool, plan, budget);
            replacing::put(subject, pool, replacing, plan);
            state
        }
        Course::Leave(exit) => {
            let state = leaving::leave(subject, pool, exit, plan, budget);
            replacing::put(subject, pool, replacing, plan);
            state
        }
        Course::Going => leaving::going(subject, plan),
        Course::Warm => warmed::keep(subject, pool, plan, budget),
        Course::EndWarm => warmed::end(subject, pool, plan, budget),
        Course::Gone => gone::clear(subject, pool, plan, budget),
        Course::Leftover => return gone::leftover(subject, pool, plan, budget),
        Course::Blind => blind(subject, plan),
        Course::LeaveAlone => State::Foreign { because: Foreign::Detached },
    })
}

/// EC2 does not say what the instance is, nor what its tags are: it is kept alive and from new meetings if it is to leave, no more.
fn blind(subject: &Subject<'_>, plan: &mut Plan) -> State {
    if subject.lifecycle().is_some_and(course::waits_for_its_end) {
        plan.act(Step::Heartbeat, "it is to end, and cannot be looked at");
        scalelite::quieten(subject, plan);
    }
    State::Unknown { missing: Source::Instances }
}

/// What comes first: what keeps instances alive, then what keeps new meetings from servers that are to leave, with what has to be forgotten
/// before that, then all else.
fn urgency(step: &Step) -> u8 {
    match step {
        Step::Heartbeat => 0,
        Step::Cordon { .. } => 1,
        Step::Untag { key } if key == tag::FINISHED || key == tag::EMPTY => 1,
        _ => 2,
    }
}
