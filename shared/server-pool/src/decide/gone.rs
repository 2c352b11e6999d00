//! What is left of a server whose instance has ended.

use super::{Budget, Plan, Pool, Subject, course, look::Look, scalelite};
use crate::{Foreign, Lifecycle, Mark, Meetings, Owner, Record, Registration, Secret, Source, State, Step, Warmed};

/// Clears away what is left of a server of the group whose instance EC2 says has ended.
pub(super) fn clear(subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan, budget: &mut Budget) -> State {
    let lifecycle = subject.lifecycle();
    if lifecycle.is_some_and(course::waits_for_its_end) {
        plan.act(Step::CompleteTermination, "its instance has ended");
    }
    // In these states nobody else notices: Auto Scaling checks the health of no instance on standby, and has given up those that it retains.
    let is_forgotten = matches!(
        lifecycle,
        Some(Lifecycle::Standby | Lifecycle::TerminatingRetained | Lifecycle::Warmed(Warmed::TerminatingRetained))
    );
    if is_forgotten {
        plan.act(Step::Terminate, "its instance has ended");
    }
    // It may take EC2 some minutes to end it; until then its meetings run.
    if !subject.shows_meetings() {
        clear_away(subject, pool, true, plan, budget);
    }
    State::Gone
}

/// Clears away what is left of a server that is in no group; `None` if nothing is.
///
/// Only what is proven to be this pool's is touched, and only if its instance is proven to have ended.
pub(super) fn leftover(subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan, budget: &mut Budget) -> Option<State> {
    if subject.registrations.is_empty() && subject.record.is_none() {
        return None;
    }
    if !pool.world.instances.is_known() {
        return Some(State::Unknown { missing: Source::Instances });
    }
    if subject.instance.is_some() && !subject.has_ended() {
        return Some(State::Foreign { because: Foreign::Detached });
    }
    if matches!(subject.meetings(), Meetings::Listed(_) | Meetings::Refused) {
        return Some(State::Foreign { because: Foreign::Answers });
    }
    let was_in_group =
        subject.instance.is_some_and(|instance| instance.group.as_deref() == Some(pool.settings.group.as_str()));
    let is_owned =
        subject.record.and_then(|record| record.owner.as_ref()).is_some_and(|owner| owner.owner == pool.settings.owner);
    let is_ours = was_in_group || is_owned;
    // Nobody else writes that mark, and it was written when the proof was there.
    let is_marked = |registration: &&Registration| matches!(registration.mark(), Mark::Leaving(_));
    let is_registered_by_us =
        subject.registrations.iter().any(|registration| registration.secret == Secret::Ours || is_marked(registration));
    if !is_ours && (!is_registered_by_us || pool.is_somebody_elses(subject)) {
        return Some(State::Foreign { because: Foreign::Unproven });
    }
    let is_missing = matches!(subject.meetings(), Meetings::Unreachable { .. }) && pool.shows_who_is_missing();
    if subject.has_ended() || is_missing {
        clear_away(subject, pool, is_ours, plan, budget);
    }
    Some(State::Gone)
}

/// Removes the registrations, and then the name if it is ours. The name comes last, because its owner record proves whose the registrations are.
fn clear_away(subject: &Subject<'_>, pool: &Pool<'_>, is_ours: bool, plan: &mut Plan, budget: &mut Budget) {
    let is_unregistered = scalelite::retire(subject, pool, plan, budget);
    let Some(record) = subject.record.filter(|_| is_unregistered && is_ours && !pool.is_somebody_elses(subject)) else {
        return;
    };
    let first = record.owner.as_ref().and_then(|owner| owner.gone);
    match Look::at(pool.now, first) {
        Look::Early => {}
        Look::First if budget.record() => {
            let owner = Owner { owner: pool.settings.owner.clone(), gone: Some(pool.now) };
            let marked = Record { owner: Some(owner), ..record.clone() };
            plan.act(Step::WriteRecord(marked), "its server is not there any more");
        }
        Look::Second if budget.record() => {
            plan.act(Step::RemoveRecord(record.clone()), "its server was not there twice");
        }
        Look::First | Look::Second => {}
    }
}
