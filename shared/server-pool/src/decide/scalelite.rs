//! What is done with a server's registrations in Scalelite.

use super::{Budget, Plan, Pool, Subject, look::Look};
use crate::{Mark, RegistrationState, Secret, Step};

/// Keeps new meetings away; whether they are away already.
pub(super) fn quieten(subject: &Subject<'_>, plan: &mut Plan) -> bool {
    let mut is_quiet = true;
    for registration in &subject.registrations {
        let cordon = Step::Cordon {
            id: registration.id.clone(),
            tag: match registration.mark() {
                Mark::None => registration.marked(&Mark::Draining),
                Mark::Draining | Mark::Leaving(_) => registration.tag.clone(),
            },
        };
        if registration.state == RegistrationState::Enabled || registration.mark() == Mark::None {
            is_quiet = false;
            plan.act(cordon, "it is to get no new meetings");
        } else if registration.state == RegistrationState::Disabled && subject.shows_meetings() {
            plan.act(
                cordon,
                "Scalelite took it for empty and disabled it, so that nobody can join the meetings that it has",
            );
        }
    }
    is_quiet
}

/// Gives a registration the pool's secret, if the server works with that and is registered with another one.
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
    for registration in subject.registrations.iter().skip(1) {
        let is_empty = subject.answers() && !subject.shows_meetings();
        match registration.mark() {
            _ if registration.state == RegistrationState::Enabled => plan.act(
                Step::Cordon { id: registration.id.clone(), tag: registration.marked(&Mark::Draining) },
                "it is registered more than once",
            ),
            Mark::None => plan.act(
                Step::Cordon { id: registration.id.clone(), tag: registration.marked(&Mark::Draining) },
                "it is registered more than once",
            ),
            Mark::Leaving(_) if !is_empty => plan.act(
                Step::Cordon { id: registration.id.clone(), tag: registration.marked(&Mark::Draining) },
                "it may have meetings through this second registration",
            ),
            Mark::Draining if !is_empty => {}
            mark @ (Mark::Draining | Mark::Leaving(_)) => {
                let first = if let Mark::Leaving(since) = mark { Some(since) } else { None };
                match Look::at(pool.now, first) {
                    Look::First => plan.act(
                        Step::Cordon {
                            id: registration.id.clone(),
                            tag: registration.marked(&Mark::Leaving(pool.now)),
                        },
                        "it is registered more than once, and has no meetings",
                    ),
                    Look::Early => {}
                    Look::Second => {
                        if budget.removal() {
                            plan.act(
                                Step::Deregister { id: registration.id.clone(), unless_in_use: true },
                                "it is registered more than once, and had no meetings twice",
                            );
                        }
                    }
                }
            }
        }
    }
}

/// Takes out what is registered of a server that has ended or is not in use; whether nothing is left.
pub(super) fn retire(subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan, budget: &mut Budget) -> bool {
    for registration in &subject.registrations {
        let first = match registration.mark() {
            Mark::Leaving(since) if registration.state != RegistrationState::Enabled => Some(since),
            Mark::None | Mark::Draining | Mark::Leaving(_) => None,
        };
        match Look::at(pool.now, first) {
            Look::First => plan.act(
                Step::Cordon { id: registration.id.clone(), tag: registration.marked(&Mark::Leaving(pool.now)) },
                "its server is not there any more",
            ),
            Look::Early => {}
            Look::Second => {
                if budget.removal() {
                    plan.act(
                        Step::Deregister { id: registration.id.clone(), unless_in_use: true },
                        "its server was not there twice",
                    );
                }
            }
        }
    }
    pool.world.scalelite.is_known() && subject.registrations.is_empty()
}
