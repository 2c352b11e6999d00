//! A server that is to stay without new meetings.

use super::{Budget, Plan, Pool, Subject, joining, scalelite};
use crate::State;

pub(super) fn keep(subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan, budget: &mut Budget) -> State {
    scalelite::quieten(subject, plan);
    scalelite::mend_secret(subject, plan);
    joining::keep_record(subject, pool, plan, budget);
    joining::remember_use(subject, pool, plan);
    plan.stay(subject);
    State::Cordoned { load: subject.load(pool.now) }
}
