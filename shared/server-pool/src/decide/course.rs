//! Where a server is going.

use super::{Replacing, Subject};
use crate::{Lifecycle, Warmed, tag, tag::Wish};

/// Where a server is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// It is to get meetings.
    Join {
        /// Until another one is there in its place.
        being_replaced: bool,
    },
    /// It is to stay without new meetings.
    Cordon,
    /// It is to end when it is finished.
    Leave(Exit),
    /// Auto Scaling is ending it and waits for nobody.
    Going,
    /// It is in the warm pool.
    Warm,
    /// It ends from the warm pool, where it is stopped.
    EndWarm,
    /// It is in the group, and its instance has ended.
    Gone,
    /// It is not in the group.
    Leftover,
    /// What it is cannot be read.
    Blind,
    /// It is somebody else's business.
    LeaveAlone,
}

/// How a server that is finished comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Auto Scaling is told that it need not wait any longer.
    Hook,
    /// Auto Scaling is told to end an instance that it has given up waiting for.
    Retained,
    /// Auto Scaling is told to end an instance that it wants to keep.
    Terminate,
    /// Not yet: it is on its way to standby, or Auto Scaling is about to ask.
    Later,
}

pub(super) fn of(subject: &Subject<'_>, replacing: &Replacing) -> Course {
    let Some(member) = subject.member else { return Course::Leftover };
    if subject.instance.is_none() {
        return Course::Blind;
    }
    if subject.has_ended() {
        return Course::Gone;
    }
    match member.lifecycle {
        Lifecycle::Pending | Lifecycle::PendingWait | Lifecycle::PendingProceed => {
            Course::Join { being_replaced: false }
        }
        Lifecycle::InService => match subject.wish() {
            None => Course::Join { being_replaced: false },
            Some(Wish::Cordon) => Course::Cordon,
            Some(Wish::Drain | Wish::Remove) => Course::Leave(Exit::Later),
        },
        Lifecycle::EnteringStandby => on_standby(subject, replacing, Exit::Later),
        Lifecycle::Standby => on_standby(subject, replacing, Exit::Terminate),
        Lifecycle::Terminating => Course::Leave(Exit::Later),
        Lifecycle::TerminatingWait => Course::Leave(Exit::Hook),
        Lifecycle::TerminatingRetained => Course::Leave(Exit::Retained),
        Lifecycle::TerminatingProceed | Lifecycle::Terminated => Course::Going,
        Lifecycle::Warmed(warmed) => match warmed {
            Warmed::Pending
            | Warmed::PendingWait
            | Warmed::PendingProceed
            | Warmed::Running
            | Warmed::Stopped
            | Warmed::Hibernated => Course::Warm,
            Warmed::TerminatingProceed | Warmed::Terminated => Course::Going,
            // A stopped one cannot be asked, and was finished before it was stopped, or has never been in use.
            Warmed::Terminating | Warmed::TerminatingWait | Warmed::TerminatingRetained if subject.is_stopped() => {
                Course::EndWarm
            }
            // One that came back from service may still have recordings that were given up there.
            Warmed::Terminating => Course::Leave(Exit::Later),
            Warmed::TerminatingWait => Course::Leave(Exit::Hook),
            Warmed::TerminatingRetained => Course::Leave(Exit::Retained),
        },
        Lifecycle::Detaching | Lifecycle::Detached | Lifecycle::Other => Course::LeaveAlone,
    }
}

/// A server on standby is there because the pool put it there, which a tag says, or because somebody else did.
fn on_standby(subject: &Subject<'_>, replacing: &Replacing, exit: Exit) -> Course {
    let is_replaced = subject.has_tag(tag::REPLACED);
    match subject.wish() {
        Some(Wish::Drain | Wish::Remove) => Course::Leave(exit),
        Some(Wish::Cordon) => Course::Cordon,
        None if is_replaced && (subject.has_tag(tag::DRAINING) || replacing.drains(&subject.id)) => Course::Leave(exit),
        None if is_replaced => Course::Join { being_replaced: true },
        None if subject.has_tag(tag::ON_STANDBY) => Course::Join { being_replaced: false },
        None => Course::Cordon,
    }
}

/// Whether the termination hook holds it.
pub(super) fn waits_for_its_end(lifecycle: Lifecycle) -> bool {
    matches!(lifecycle, Lifecycle::TerminatingWait | Lifecycle::Warmed(Warmed::TerminatingWait))
}
