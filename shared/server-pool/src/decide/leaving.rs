//! A server that is to end, but not before it is finished.

use super::{Budget, Plan, Pool, Subject, course::Exit, joining, look::Look, scalelite};
use crate::{Kept, Meetings, State, Step, tag};

/// Drains a server and, when it is finished, ends it.
pub(super) fn leave(subject: &Subject<'_>, pool: &Pool<'_>, exit: Exit, plan: &mut Plan, budget: &mut Budget) -> State {
    if exit == Exit::Hook {
        plan.act(Step::Heartbeat, "Auto Scaling is to wait until it is finished");
    }
    let deadline = Deadline::of(subject, pool);
    let is_quiet = scalelite::is_quiet(subject);
    if !is_quiet && deadline != Deadline::Passed {
        // Before it is cordoned: from then on nothing shows that it may have got meetings after these were written.
        plan.untag(subject, tag::FINISHED, "it gets meetings");
        plan.untag(subject, tag::EMPTY, "it gets meetings");
    }
    scalelite::quieten(subject, plan);
    joining::remember_use(subject, pool, plan);
    let since = subject.moment(tag::DRAINING);
    if since.is_none() {
        plan.tag(tag::DRAINING, pool.now, "it is to leave");
    }
    scalelite::mend_secret(subject, plan);
    let kept_by = kept_by(subject, pool, is_quiet);
    deadline.remember(subject, pool, plan);
    let is_finished = is_finished(subject, pool, is_quiet, kept_by.as_ref(), deadline, plan);
    let kept_by = if is_finished || deadline == Deadline::Passed {
        end(subject, pool, exit, deadline, plan, budget)
    } else {
        joining::keep_record(subject, pool, plan, budget);
        kept_by.unwrap_or(Kept::SecondLook)
    };
    match kept_by {
        kept_by if exit == Exit::Retained => State::Retained { since, kept_by },
        Kept::Scalelite | Kept::Meetings(_) | Kept::Silence { .. } => State::Draining { since, kept_by },
        Kept::Recordings { .. } | Kept::SilentRecordings | Kept::SecondLook | Kept::Removal | Kept::End => {
            State::Finishing { since, kept_by }
        }
    }
}

/// Auto Scaling is ending it and waits for nobody.
pub(super) fn going(subject: &Subject<'_>, plan: &mut Plan) -> State {
    scalelite::quieten(subject, plan);
    State::Finishing { since: subject.moment(tag::DRAINING), kept_by: Kept::End }
}

/// What keeps it from its end; `None` if nothing does at this look.
fn kept_by(subject: &Subject<'_>, pool: &Pool<'_>, is_quiet: bool) -> Option<Kept> {
    if !is_quiet || !is_believed(subject, pool) {
        return Some(Kept::Scalelite);
    }
    match subject.meetings() {
        Meetings::Listed(_) if subject.shows_meetings() => {
            return Some(Kept::Meetings(subject.load(pool.now).unwrap_or_default()));
        }
        Meetings::Listed(_) => {}
        Meetings::NotAsked => return Some(Kept::Silence { why: "it was not asked".to_owned() }),
        Meetings::Refused => return Some(Kept::Silence { why: "it refuses the pool's secret".to_owned() }),
        Meetings::Unreachable { why } => return Some(Kept::Silence { why: why.clone() }),
    }
    match (subject.known_recordings(), subject.ready()) {
        (0, Some(_)) => None,
        (0, None) => Some(Kept::SilentRecordings),
        (count, _) => Some(Kept::Recordings { count }),
    }
}

/// Whether Scalelite's list is believed about this server: it shows it, or others of the group, or there are none that it should show.
fn is_believed(subject: &Subject<'_>, pool: &Pool<'_>) -> bool {
    !subject.registrations.is_empty() || pool.lists_whom_it_should()
}

/// Whether there is nothing left to wait for.
fn is_finished(
    subject: &Subject<'_>,
    pool: &Pool<'_>,
    is_quiet: bool,
    kept_by: Option<&Kept>,
    deadline: Deadline,
    plan: &mut Plan,
) -> bool {
    let shows_need = !is_quiet || matches!(kept_by, Some(Kept::Meetings(_) | Kept::Recordings { .. }));
    if subject.has_tag(tag::FINISHED) {
        if shows_need && deadline != Deadline::Passed {
            plan.untag(subject, tag::FINISHED, "it was taken for finished, and is not");
            plan.untag(subject, tag::EMPTY, "it is not empty");
            return false;
        }
        return true;
    }
    // Without a meeting from this pool there is nothing to ask it for; it may never have worked.
    let was_in_use =
        subject.was_registered() || !is_believed(subject, pool) || shows_need || subject.known_recordings() > 0;
    if was_in_use && kept_by.is_some() {
        plan.untag(subject, tag::EMPTY, "it is not known to be empty");
        return false;
    }
    match Look::at(pool.now, subject.moment(tag::EMPTY)) {
        Look::First => {
            plan.tag(tag::EMPTY, pool.now, "nothing shows a meeting or an unfinished recording");
            false
        }
        Look::Early => false,
        // A status from before the first look may not know yet of the recording of a meeting that had just ended.
        Look::Second => !was_in_use || subject.spoke_since(tag::EMPTY),
    }
}

/// Takes a finished server out of Scalelite and lets it end; says what is left to do of that.
fn end(
    subject: &Subject<'_>,
    pool: &Pool<'_>,
    exit: Exit,
    deadline: Deadline,
    plan: &mut Plan,
    budget: &mut Budget,
) -> Kept {
    let is_registered = !subject.registrations.is_empty();
    if !pool.world.scalelite.is_known() || is_registered && !budget.removal() {
        return Kept::Removal;
    }
    if !subject.has_tag(tag::FINISHED) {
        plan.tag(tag::FINISHED, pool.now, "there is nothing left to wait for");
    }
    for registration in &subject.registrations {
        let unless_in_use = deadline != Deadline::Passed;
        plan.act(Step::Deregister { id: registration.id.clone(), unless_in_use }, "it is finished");
    }
    match exit {
        Exit::Hook => plan.act(Step::CompleteTermination, "it is finished"),
        Exit::Retained | Exit::Terminate => plan.act(Step::Terminate, "it is finished"),
        Exit::Later => {}
    }
    // Last of all: without its name the server could not be asked again.
    let is_last = matches!(exit, Exit::Hook | Exit::Retained);
    if let Some(record) = subject.record.filter(|_| is_last && !pool.is_somebody_elses(subject)) {
        plan.act(Step::RemoveRecord(record.clone()), "its server has ended");
    }
    if is_registered { Kept::Removal } else { Kept::End }
}

/// How a drain stands to its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deadline {
    /// It has not passed, or there is none.
    Ahead,
    /// It seems to have passed, and this is the first look that shows it, or one too soon after.
    Seen(Look),
    /// It has passed.
    Passed,
}

impl Deadline {
    fn of(subject: &Subject<'_>, pool: &Pool<'_>) -> Self {
        let age = subject.moment(tag::DRAINING).and_then(|since| pool.now.since(since));
        if pool.settings.drain_deadline.zip(age).is_none_or(|(deadline, age)| age < deadline) {
            return Self::Ahead;
        }
        match Look::at(pool.now, subject.moment(tag::OVERDUE)) {
            Look::Second => Self::Passed,
            look => Self::Seen(look),
        }
    }

    fn remember(self, subject: &Subject<'_>, pool: &Pool<'_>, plan: &mut Plan) {
        match self {
            Self::Ahead => plan.untag(subject, tag::OVERDUE, "its drain deadline has not passed"),
            Self::Seen(Look::First) => plan.tag(tag::OVERDUE, pool.now, "its drain deadline has passed"),
            Self::Seen(_) | Self::Passed => {}
        }
    }
}
