//! What state a server is in.

mod why;

use serde::{Deserialize, Serialize};

use crate::{Lifecycle, Moment};

/// How much a server is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// All meetings, breakout rooms included.
    pub meetings: u32,
    /// Participants of all meetings but breakout rooms, whose users are also in the meeting that they came from.
    pub participants: u32,
    /// Seats that are taken: as participants, but a meeting younger than a quarter of an hour takes at least fifteen, because its
    /// participants are on their way.
    pub seats: u32,
    /// Participants of the largest meeting.
    pub largest_meeting: u32,
}

/// The state of a server, with what it depends on. Its text is a sentence that says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    /// On its way into service.
    Launching {
        /// What it waits for.
        waits_for: Launch,
    },
    /// It works, and Scalelite does not give it meetings yet.
    Joining {
        /// What it waits for.
        waits_for: Join,
    },
    /// It gets meetings.
    Serving {
        /// What it has of them; `None` if it was not asked.
        load: Option<Load>,
        /// Whether another one is being launched in its place, after which it is drained.
        being_replaced: bool,
    },
    /// It gets no new meetings and stays, because the operator wants it so.
    Cordoned {
        /// What it still has of them; `None` if it did not say.
        load: Option<Load>,
    },
    /// It is to leave and has meetings, or may have some.
    Draining {
        /// Since when; `None` if that is only now being written.
        since: Option<Moment>,
        /// What keeps it.
        kept_by: Kept,
    },
    /// It is to leave and has no meeting.
    Finishing {
        /// Since when it is drained; `None` if that is only now being written.
        since: Option<Moment>,
        /// What keeps it.
        kept_by: Kept,
    },
    /// It is to leave, and Auto Scaling has stopped waiting for it. It is drained all the same.
    Retained {
        /// Since when it is drained; `None` if that is only now being written.
        since: Option<Moment>,
        /// What keeps it.
        kept_by: Kept,
    },
    /// It was in service, and does not answer or is not up.
    Unreachable {
        /// Why not.
        why: String,
    },
    /// In the warm pool, where it takes no meetings.
    Warmed {
        /// Where it is there.
        lifecycle: Lifecycle,
    },
    /// Its instance has ended, and what is left of it is cleared away.
    Gone,
    /// Not the pool's, and left alone.
    Foreign {
        /// Why.
        because: Foreign,
    },
    /// What has to be known of it could not be read; it is kept alive, and nothing else is done with it.
    Unknown {
        /// What could not be read.
        missing: Source,
    },
}

/// What a server waits for on its way into service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Launch {
    /// For EC2 to run it and give it an address.
    Address,
    /// For its name to stand in DNS.
    Record,
    /// For its name, which carries another owner.
    ForeignRecord,
    /// For the instance to say that it is ready.
    Ready,
    /// For BigBlueButton to answer.
    Answer {
        /// Why it does not.
        why: String,
    },
    /// For BigBlueButton to answer to the pool's secret; it has another one.
    Secret,
    /// For the group to take it into service.
    Service,
}

/// What a working server waits for before it gets meetings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Join {
    /// For Scalelite's list of servers, which could not be read.
    Scalelite,
    /// For its registration.
    Registration,
    /// For being enabled.
    Enabling,
    /// For Scalelite's poller to find it.
    Poller,
}

/// What keeps a server that is to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// Nobody knows that it gets no new meetings: Scalelite's list of servers could not be read, or it is only now being cordoned.
    Scalelite,
    /// It has meetings.
    Meetings(Load),
    /// Nobody knows whether it has meetings: it does not answer, or was not asked.
    Silence {
        /// Why.
        why: String,
    },
    /// It has no meetings, and recordings that are not handed over.
    Recordings {
        /// How many.
        count: u32,
    },
    /// It has no meetings, and does not say whether it has recordings that are not handed over.
    SilentRecordings,
    /// It shows nothing of the kind, and is to show that a second time.
    SecondLook,
    /// It is being taken out of Scalelite.
    Removal,
    /// Auto Scaling is ending it.
    End,
}

/// Why something is not the pool's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Foreign {
    /// Its name is not of the form that the pool gives.
    Name,
    /// It has such a name, and nothing proves that this pool gave it.
    Unproven,
    /// Its instance runs outside the group.
    Detached,
    /// Its server answers although no such instance is known.
    Answers,
}

/// Where something is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The Auto Scaling group.
    Group,
    /// EC2's instances.
    Instances,
    /// The DNS records.
    Records,
    /// Scalelite's servers.
    Scalelite,
}
