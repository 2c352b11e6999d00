//! A server on its way to its meetings, and one that has arrived.

use super::{Budget, Plan, Pool, Subject, scalelite};
use crate::{InstanceState, Join, Launch, Lifecycle, Meetings, Owner, Record, State, Step, tag};

/// How a server stands that is to get meetings.
pub(super) fn standing(subject: &Subject<'_>, pool: &Pool<'_>, being_replaced: bool) -> State {
    let was_registered = subject.was_registered();
    if subject.is_stopped() && was_registered {
        return State::Unreachable { why: "EC2 says that it is stopped".to_owned() };
    }
    if !subject.instance.is_some_and(|instance| instance.state == InstanceState::Running) {
        return State::Launching { waits_for: Launch::Address };
    }
    let failed = |why: &str, waits_for: Launch| {
        if was_registered { State::Unreachable { why: why.to_owned() } } else { State::Launching { waits_for } }
    };
    match subject.meetings() {
        Meetings::Listed(_) => works(subject, pool, being_replaced),
        Meetings::NotAsked if was_registered => works(subject, pool, being_replaced),
        Meetings::Refused => failed("it refuses the pool's secret", Launch::Secret),
        Meetings::NotAsked => failed("it was not asked", before_answering(subject, pool, "it was not asked")),
        Meetings::Unreachable { why } => failed(why, before_answering(subject, pool, why)),
    }
}

/// What a server waits for that has not answered yet.
fn before_answering(subject: &Subject<'_>, pool: &Pool<'_>, why: &str) -> Launch {
    if pool.is_somebody_elses(subject) {
        Launch::ForeignRecord
    } else if subject.instance.is_none_or(|instance| instance.addresses.is_empty()) {
        Launch::Address
    } else if pool.world.records.is_known() && subject.record.is_none() {
        Launch::Record
    } else {
        Launch::Answer { why: why.to_owned() }
    }
}

/// How a server stands that answers.
fn works(subject: &Subject<'_>, pool: &Pool<'_>, being_replaced: bool) -> State {
    if pool.is_somebody_elses(subject) {
        return State::Launching { waits_for: Launch::ForeignRecord };
    }
    let is_launching = subject.lifecycle() == Some(Lifecycle::PendingWait);
    let is_open = subject.registrations.first().is_some_and(|registration| registration.is_open());
    // What is in service was ready once; what says that it is not, is not given its first meetings.
    let is_ready = if is_launching { subject.ready() == Some(true) } else { is_open || subject.ready() != Some(false) };
    if !is_ready {
        return State::Launching { waits_for: Launch::Ready };
    }
    if !pool.world.scalelite.is_known() {
        return State::Joining { waits_for: Join::Scalelite };
    }
    match subject.registrations.first() {
        None => State::Joining { waits_for: Join::Registration },
        Some(registration) if !registration.is_open() => State::Joining { waits_for: Join::Enabling },
        Some(registration) if !registration.online => State::Joining { waits_for: Join::Poller },
        Some(_) => State::Serving { load: subject.load(pool.now), being_replaced },
    }
}

/// Whether a server waits for nothing but its registration.
pub(super) fn is_about_to_register(subject: &Subject<'_>, pool: &Pool<'_>) -> bool {
    let is_welcome = matches!(subject.lifecycle(), Some(Lifecycle::InService | Lifecycle::PendingWait));
    is_welcome
        && subject.wish().is_none()
        && matches!(standing(subject, pool, false), State::Joining { waits_for: Join::Registration })
}

/// Does what a server needs to get meetings.
pub(super) fn join(
    subject: &Subject<'_>,
    pool: &Pool<'_>,
    being_replaced: bool,
    plan: &mut Plan,
    budget: &mut Budget,
) -> State {
    let state = standing(subject, pool, being_replaced);
    plan.stay(subject);
    keep_record(subject, pool, plan, budget);
    remember_use(subject, pool, plan);
    if subject.is_stopped() {
        scalelite::quieten(subject, plan);
        return state;
    }
    // What waits for its launch to be completed is wanted in service first; there the operator's wish is heeded.
    let is_wanted = subject.wish().is_none();
    let mut has_joined =
        matches!(state, State::Serving { .. } | State::Joining { waits_for: Join::Poller | Join::Scalelite })
            || !is_wanted;
    if subject.answers() && is_wanted {
        scalelite::mend_secret(subject, plan);
        match state {
            State::Joining { waits_for: Join::Registration } if budget.registration() => {
                if !subject.has_tag(tag::REGISTERED) {
                    plan.tag(tag::REGISTERED, pool.now, "it is about to get its first meetings");
                }
                plan.act(Step::Register { url: pool.settings.url(&subject.id) }, "it works, and is not registered");
                has_joined = true;
            }
            State::Joining { waits_for: Join::Enabling } if budget.registration() => {
                if let Some(registration) = subject.registrations.first() {
                    let enable =
                        Step::Enable { id: registration.id.clone(), tag: registration.marked(&crate::Mark::None) };
                    plan.act(enable, "it works, and is not enabled");
                    has_joined = true;
                }
            }
            _ => {}
        }
        scalelite::remove_surplus(subject, pool, plan, budget);
    }
    let is_held = subject.lifecycle() == Some(Lifecycle::PendingWait);
    if is_held && has_joined && subject.answers() && subject.ready() == Some(true) {
        plan.act(Step::CompleteLaunch, "it says that it is ready, and BigBlueButton answers");
    }
    state
}

/// Writes the server's name as EC2 gave it addresses; a stopped one has none, so that its name does not lead to whoever gets its address next.
pub(super) fn keep_record(subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan, budget: &mut Budget) {
    let Some(instance) = subject.instance else { return };
    let is_stopped = instance.state == InstanceState::Stopped;
    let has_nothing_to_say = if is_stopped { subject.record.is_none() } else { instance.addresses.is_empty() };
    if !pool.world.records.is_known() || pool.is_somebody_elses(subject) || has_nothing_to_say {
        return;
    }
    let wanted = Record {
        name: subject.id.host(&pool.settings.domain),
        addresses: if is_stopped { Default::default() } else { instance.addresses.clone() },
        owner: Some(Owner { owner: pool.settings.owner.clone(), gone: None }),
    };
    let stands =
        subject.record.is_some_and(|record| record.addresses == wanted.addresses && record.owner == wanted.owner);
    if !stands && budget.record() {
        let reason = if is_stopped {
            "it is stopped and has no address"
        } else {
            "its name does not lead to its address, or to its owner"
        };
        plan.act(Step::WriteRecord(wanted), reason);
    }
}

/// Remembers that the server may have meetings, for when Scalelite has forgotten it and it does not answer: then nothing else would say so.
pub(super) fn remember_use(subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan) {
    if subject.has_tag(tag::REGISTERED) {
        return;
    }
    if !subject.registrations.is_empty() {
        plan.tag(tag::REGISTERED, pool.now, "it is registered");
    } else if subject.shows_meetings() || subject.known_recordings() > 0 {
        plan.tag(tag::REGISTERED, pool.now, "it has meetings or recordings");
    }
}
