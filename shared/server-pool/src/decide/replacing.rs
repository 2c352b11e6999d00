//! Which servers are replaced: outdated ones a few at a time, and those that the operator wants to leave.
//!
//! A server is replaced by way of standby: there it runs on, and the group launches another. What is on standby does not count for
//! the group's size, so that nothing has to be remembered to get back to it. An outdated one goes on getting meetings there until the
//! group is complete without it, and is drained only then.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{Plan, Pool, Subject, joining};
use crate::{InstanceId, Lifecycle, Load, Meetings, Secret, State, Step, tag, tag::Wish};

/// Which servers are replaced.
#[derive(Debug, Default)]
pub(super) struct Replacing {
    /// Those that go on standby because the operator wants them to leave, and whether the group becomes smaller by that.
    wished: BTreeMap<InstanceId, bool>,
    /// Those that go on standby because they are outdated.
    outdated: BTreeSet<InstanceId>,
    /// Those on standby that need not get meetings any longer.
    drain: BTreeSet<InstanceId>,
}

impl Replacing {
    /// Whether an outdated server on standby is no longer needed for new meetings.
    pub(super) fn drains(&self, id: &InstanceId) -> bool {
        self.drain.contains(id)
    }
}

pub(super) fn choose(pool: &Pool<'_>) -> Replacing {
    let mut replacing = Replacing { wished: wished(pool), ..Replacing::default() };
    if !pool.world.scalelite.is_known() {
        return replacing;
    }
    let of_own_accord = pool.subjects.values().filter(|subject| subject.wish().is_none() && !subject.has_ended());
    let on_standby: Vec<_> = of_own_accord
        .clone()
        .filter(|subject| matches!(subject.lifecycle(), Some(Lifecycle::EnteringStandby | Lifecycle::Standby)))
        .filter(|subject| subject.has_tag(tag::REPLACED))
        .collect();
    replacing.drain = superfluous(pool, &on_standby);
    let slots = usize::try_from(pool.settings.replace_at_once).unwrap_or(usize::MAX).saturating_sub(on_standby.len());
    let mut next: Vec<_> = of_own_accord
        .filter(|subject| subject.lifecycle() == Some(Lifecycle::InService) && subject.instance.is_some())
        .filter(|subject| subject.member.is_some_and(|member| pool.is_outdated(member)))
        .collect();
    // What was to go before goes first: its tag is written, and what came after that failed.
    next.sort_by_cached_key(|subject| (Reverse(subject.has_tag(tag::REPLACED)), usefulness(subject, pool)));
    replacing.outdated.extend(next.into_iter().take(slots).map(|subject| subject.id.clone()));
    replacing
}

/// Puts a server on standby, or back into service, if it is its turn.
pub(super) fn put(subject: &Subject<'_>, pool: &Pool<'_>, replacing: &Replacing, plan: &mut Plan) {
    match subject.lifecycle() {
        Some(Lifecycle::InService) => {
            let wished = replacing.wished.get(&subject.id);
            let is_outdated = replacing.outdated.contains(&subject.id);
            let ways = [(tag::ON_STANDBY, wished.is_some()), (tag::REPLACED, is_outdated)];
            for (key, is_this) in ways {
                if !is_this {
                    plan.untag(subject, key, "it is in service and stays there");
                } else if !subject.has_tag(key) {
                    plan.tag(key, pool.now, "it is about to go on standby for another one to take its place");
                }
            }
            if wished.is_some() || is_outdated {
                let decrement = wished.is_some_and(|decrement| *decrement);
                plan.act(Step::EnterStandby { decrement }, "another one is to take its place");
            }
        }
        // At its largest, the group would refuse; then it goes on getting meetings where it is.
        Some(Lifecycle::Standby) if pool.group.desired < pool.group.max => {
            let is_replaced = subject.has_tag(tag::REPLACED);
            if subject.wish().is_none() && subject.has_tag(tag::ON_STANDBY) && !is_replaced {
                plan.act(Step::ExitStandby, "the operator wants it to stay after all");
            }
        }
        _ => {}
    }
}

/// Those in service that the operator wants to leave, and whether the group becomes smaller by that, down to its minimum.
fn wished(pool: &Pool<'_>) -> BTreeMap<InstanceId, bool> {
    let mut room = pool.group.desired.saturating_sub(pool.group.min);
    let in_service = pool.subjects.values().filter(|subject| subject.lifecycle() == Some(Lifecycle::InService));
    in_service
        .filter_map(|subject| match subject.wish()? {
            Wish::Cordon => None,
            Wish::Drain => Some((subject.id.clone(), false)),
            Wish::Remove => {
                let decrement = room > 0;
                room = room.saturating_sub(1);
                Some((subject.id.clone(), decrement))
            }
        })
        .collect()
}

/// Those on standby that can be drained: as many as the group has servers beyond what it wants, the emptiest first, and those that get no
/// meetings anyway.
fn superfluous(pool: &Pool<'_>, on_standby: &[&Subject<'_>]) -> BTreeSet<InstanceId> {
    let mut waiting: Vec<_> = on_standby.iter().filter(|subject| !subject.has_tag(tag::DRAINING)).collect();
    waiting.sort_by_cached_key(|subject| usefulness(subject, pool));
    let arrived = pool.subjects.values().filter(|subject| has_arrived(subject, pool)).count();
    let wanted = usize::try_from(pool.group.desired).unwrap_or(usize::MAX);
    let beyond = (arrived + waiting.len()).saturating_sub(wanted);
    let chosen = waiting.iter().enumerate().filter(|(place, subject)| *place < beyond || !gets_meetings(subject));
    chosen.map(|(_, subject)| subject.id.clone()).collect()
}

/// Whether a server is in service and has come as far as to get meetings. One that broke down later counts: it is not waited for.
fn has_arrived(subject: &Subject<'_>, pool: &Pool<'_>) -> bool {
    subject.lifecycle() == Some(Lifecycle::InService)
        && match subject.wish() {
            Some(Wish::Drain | Wish::Remove) => false,
            Some(Wish::Cordon) => true,
            None => {
                matches!(joining::standing(subject, pool, false), State::Serving { .. } | State::Unreachable { .. })
            }
        }
}

/// Whether Scalelite gives it meetings, or will when its poller has found that it works. That it does not answer to the pool just now does not
/// keep Scalelite from that.
fn gets_meetings(subject: &Subject<'_>) -> bool {
    let works = matches!(subject.meetings(), Meetings::Listed(_));
    subject.registrations.iter().any(|registration| registration.is_open() && (registration.online || works))
}

/// How much would be missed if a server were drained, the least first: it gets no meetings, Scalelite cannot use it before its secret is mended,
/// it does not serve, or it has few participants.
fn usefulness(subject: &Subject<'_>, pool: &Pool<'_>) -> (bool, bool, bool, u32, InstanceId) {
    let is_usable = subject.registrations.iter().any(|it| it.is_open() && it.secret == Secret::Ours);
    let serves = matches!(joining::standing(subject, pool, false), State::Serving { .. });
    let seats = subject.load(pool.now).map_or(u32::MAX, |Load { seats, .. }| seats);
    (gets_meetings(subject), is_usable, serves, seats, subject.id.clone())
}
