//! What is done with a server's registrations in Scalelite.

use super::{Budget, Plan, Pool, Subject, look::Look};
use crate::{Mark, Registration, RegistrationState, Secret, Step};

/// Whether new meetings are kept away.
pub(super) fn is_quiet(subject: &Subject<'_>) -> bool {
    subject.registrations.iter().all(|registration| is_closed(registration))
}

fn is_closed(registration: &Registration) -> bool {
    registration.state != RegistrationState::Enabled && registration.mark() != Mark::None
}

/// Keeps new meetings away.
pub(super) fn quieten(subject: &Subject<'_>, plan: &mut Plan) {
    for registration in &subject.registrations {
        let cordon = Step::Cordon {
            id: registration.id.clone(),
            tag: match registration.mark() {
                Mark::None => registration.marked(&Mark::Draining),
                Mark::Draining | Mark::Leaving(_) => registration.tag.clone(),
            },
        };
        if !is_closed(registration) {
            plan.act(cordon, "it is to get no new meetings");
        } else if registration.state == RegistrationState::Disabled && subject.shows_meetings() {
            plan.act(
                cordon,
                "Scalelite took it for empty and disabled it, so that nobody can join the meetings that it has",
            );
        }
    }
}

/// Gives a registration the pool's secret, if the server works with that and is registered with another one: without it nobody comes into the
/// meetings that the server has.
pub(super) fn mend_secret(subject: &Subject<'_>, plan: &mut Plan) {
    for registration in subject.registrations.iter().filter(|_| subject.answers()) {
        if registration.secret == Secret::Other {
            plan.act(
                Step::UpdateSecret { id: registration.id.clone() },
                "it answers to the pool's secret, and is registered with another one",
            );
        }
    }
}

/// Removes all registrations but the first when the server has no meetings, and until then keeps new ones from coming through them.
pub(super) fn remove_surplus(subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan, budget: &mut Budget) {
    let is_empty = subject.answers() && !subject.shows_meetings();
    for registration in subject.registrations.iter().skip(1) {
        let is_on_its_way = matches!(registration.mark(), Mark::Leaving(_));
        if !is_closed(registration) || !is_empty && is_on_its_way {
            let tag = registration.marked(&Mark::Draining);
            plan.act(Step::Cordon { id: registration.id.clone(), tag }, "it is registered more than once");
        } else if is_empty {
            take_out(registration, pool, plan, budget, "it is registered more than once, and has no meetings");
        }
    }
}

/// Takes out what is registered of a server that has ended or is not in use; whether nothing is left.
pub(super) fn retire(subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan, budget: &mut Budget) -> bool {
    for registration in &subject.registrations {
        take_out(registration, pool, plan, budget, "its server is not there any more");
    }
    pool.world.scalelite.is_known() && subject.registrations.is_empty()
}

/// Marks a registration at the first look and deletes it at the second.
fn take_out(registration: &Registration, pool: &Pool<'_>, plan: &mut Plan, budget: &mut Budget, reason: &'static str) {
    let id = registration.id.clone();
    let first = match registration.mark() {
        Mark::Leaving(since) if registration.state != RegistrationState::Enabled => Some(since),
        Mark::None | Mark::Draining | Mark::Leaving(_) => None,
    };
    match Look::at(pool.now, first) {
        Look::First => plan.act(Step::Cordon { id, tag: registration.marked(&Mark::Leaving(pool.now)) }, reason),
        Look::Second if budget.removal() => plan.act(Step::Deregister { id, unless_in_use: true }, reason),
        Look::Early | Look::Second => {}
    }
}
