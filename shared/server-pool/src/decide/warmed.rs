//! A server in the warm pool: prepared, named, and without meetings.

use super::{Budget, Plan, Pool, Subject, joining, scalelite};
use crate::{Kept, Lifecycle, State, Step, Warmed};

/// Prepares it, and takes it out of Scalelite if it came back from service.
pub(super) fn keep(subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan, budget: &mut Budget) -> State {
    plan.stay(subject);
    joining::keep_record(subject, pool, plan, budget);
    joining::remember_use(subject, pool, plan);
    retire_if_empty(subject, pool, plan, budget);
    let lifecycle = subject.lifecycle().unwrap_or(Lifecycle::Other);
    let is_held = lifecycle == Lifecycle::Warmed(Warmed::PendingWait);
    if is_held && subject.answers() && subject.ready() == Some(true) {
        plan.act(Step::CompleteLaunch, "it says that it is ready, and BigBlueButton answers");
    }
    State::Warmed { lifecycle }
}

/// Ends it. It was drained before it came here, or has never been in use.
pub(super) fn end(subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan, budget: &mut Budget) -> State {
    let held = subject.lifecycle();
    let is_held = held == Some(Lifecycle::Warmed(Warmed::TerminatingWait));
    if is_held {
        plan.act(Step::Heartbeat, "Auto Scaling is to wait until it is finished");
    }
    let since = subject.moment(crate::tag::DRAINING);
    if !retire_if_empty(subject, pool, plan, budget) {
        return State::Finishing { since, kept_by: Kept::Removal };
    }
    if is_held {
        plan.act(Step::CompleteTermination, "it is in the warm pool, where it has no meetings");
    } else if held == Some(Lifecycle::Warmed(Warmed::TerminatingRetained)) {
        plan.act(Step::Terminate, "it is in the warm pool, where it has no meetings");
    } else {
        return State::Finishing { since, kept_by: Kept::End };
    }
    if let Some(record) = subject.record.filter(|_| !pool.is_somebody_elses(subject)) {
        plan.act(Step::RemoveRecord(record.clone()), "its server has ended");
    }
    State::Finishing { since, kept_by: Kept::End }
}

/// Takes it out of Scalelite unless it shows meetings; whether it is not there.
fn retire_if_empty(subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan, budget: &mut Budget) -> bool {
    if subject.shows_meetings() {
        scalelite::quieten(subject, plan);
        return false;
    }
    scalelite::retire(subject, pool, plan, budget)
}
