//! The pool in numbers.

use super::{Pool, Subject, joining};
use crate::{Lifecycle, Metrics, Reading, Server, ServersByState, State, World, tag};

/// The numbers of a tick that saw the group.
pub(super) fn measure(pool: &Pool<'_>, servers: &[Server]) -> Metrics {
    let mut metrics = Metrics { desired: pool.group.desired, ..unread(pool.world) };
    for server in servers {
        *count_of(&mut metrics.servers, &server.state) += 1;
        let Some(subject) = server.instance.as_ref().and_then(|id| pool.subjects.get(id)) else { continue };
        let load = subject.member.and_then(|_| subject.load(pool.now)).unwrap_or_default();
        metrics.meetings += load.meetings;
        metrics.participants += load.participants;
        metrics.largest_meeting = metrics.largest_meeting.max(load.largest_meeting);
        if matches!(server.state, State::Serving { .. }) {
            metrics.seats_used += load.seats;
            metrics.seats += pool.settings.seats_per_server;
        }
    }
    if metrics.seats > 0 {
        metrics.seats_used_percent = Some(f64::from(metrics.seats_used) * 100.0 / f64::from(metrics.seats));
    }
    let members = || pool.subjects.values().filter(|subject| subject.member.is_some());
    let age = |subject: &Subject<'_>, key| Some(pool.now.since(subject.moment(key)?)?.as_secs());
    metrics.oldest_drain_seconds = members().filter_map(|subject| age(subject, tag::DRAINING)).max().unwrap_or(0);
    metrics.oldest_unregistered_seconds = members().filter_map(|subject| waits_since(subject, pool)).max().unwrap_or(0);
    metrics.duplicates = members().map(|subject| subject.registrations.len().saturating_sub(1)).map(count).sum();
    metrics.outdated =
        count(members().filter(|subject| subject.member.is_some_and(|member| pool.is_outdated(member))).count());
    metrics
}

/// The numbers that need no group: which sources could not be read.
pub(super) fn unread(world: &World) -> Metrics {
    Metrics { unread_sources: count(failures(world).count()), ..Metrics::default() }
}

/// What could not be read, and why.
pub(super) fn remarks(world: &World) -> Vec<String> {
    failures(world).map(|(source, why)| format!("{source} could not be read: {why}")).collect()
}

fn failures(world: &World) -> impl Iterator<Item = (crate::Source, &str)> {
    use crate::Source;
    [
        (Source::Group, failure(&world.group)),
        (Source::Instances, failure(&world.instances)),
        (Source::Records, failure(&world.records)),
        (Source::Scalelite, failure(&world.scalelite)),
    ]
    .into_iter()
    .filter_map(|(source, why)| Some((source, why?)))
}

fn failure<T>(reading: &Reading<T>) -> Option<&str> {
    match reading {
        Reading::Failed { why } => Some(why),
        Reading::Known(_) | Reading::Absent => None,
    }
}

/// Seconds since the launch of a server that is in service, is wanted there, and gets no meetings.
fn waits_since(subject: &Subject<'_>, pool: &Pool<'_>) -> Option<u64> {
    let is_wanted = subject.lifecycle() == Some(Lifecycle::InService) && subject.wish().is_none();
    let launched = subject.instance.filter(|_| is_wanted && !subject.has_ended())?.launched;
    match joining::standing(subject, pool, false) {
        State::Serving { .. } => None,
        _ => Some(pool.now.since(launched)?.as_secs()),
    }
}

fn count_of<'a>(counts: &'a mut ServersByState, state: &State) -> &'a mut u32 {
    match state {
        State::Launching { .. } => &mut counts.launching,
        State::Joining { .. } => &mut counts.joining,
        State::Serving { .. } => &mut counts.serving,
        State::Cordoned { .. } => &mut counts.cordoned,
        State::Draining { .. } => &mut counts.draining,
        State::Finishing { .. } => &mut counts.finishing,
        State::Retained { .. } => &mut counts.retained,
        State::Unreachable { .. } => &mut counts.unreachable,
        State::Warmed { .. } => &mut counts.warmed,
        State::Gone => &mut counts.gone,
        State::Foreign { .. } => &mut counts.foreign,
        State::Unknown { .. } => &mut counts.unknown,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
