//! Everything that is known of one server, from all sources.

use std::time::Duration;

use crate::{
    Answer, Instance, InstanceId, InstanceState, Lifecycle, Load, Mark, Meetings, Member, Moment, Record, Registration,
    RegistrationState, tag, tag::Wish,
};

/// How long a meeting counts as if its participants were on their way: what Scalelite does too (`LOAD_JOIN_BUFFER_TIME`).
const YOUNG: Duration = Duration::from_mins(15);
/// How many seats such a meeting takes at least (Scalelite's `LOAD_MIN_USER_COUNT`).
const YOUNG_SEATS: u32 = 15;

/// A server, as far as it is known.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) id: InstanceId,
    pub(super) member: Option<&'a Member>,
    pub(super) instance: Option<&'a Instance>,
    pub(super) record: Option<&'a Record>,
    /// Its registrations in Scalelite, the one to keep first.
    pub(super) registrations: Vec<&'a Registration>,
    pub(super) answer: Option<&'a Answer>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(id: InstanceId) -> Self {
        Self { id, member: None, instance: None, record: None, registrations: Vec::new(), answer: None }
    }

    pub(super) fn lifecycle(&self) -> Option<Lifecycle> {
        self.member.map(|member| member.lifecycle)
    }

    /// Whether EC2 says that it is over with the instance. Not being known to EC2 is another thing.
    pub(super) fn has_ended(&self) -> bool {
        self.instance
            .is_some_and(|instance| matches!(instance.state, InstanceState::ShuttingDown | InstanceState::Terminated))
    }

    /// Whether EC2 says that the instance is stopped, with its disk kept.
    pub(super) fn is_stopped(&self) -> bool {
        self.instance.is_some_and(|instance| matches!(instance.state, InstanceState::Stopping | InstanceState::Stopped))
    }

    pub(super) fn has_tag(&self, key: &str) -> bool {
        self.instance.is_some_and(|instance| instance.tags.contains_key(key))
    }

    /// The moment in a tag; `None` if there is none, or nothing readable.
    pub(super) fn moment(&self, key: &str) -> Option<Moment> {
        self.instance?.tags.get(key)?.parse().ok()
    }

    /// What the operator wants of it, if it is not to be used. A wish that cannot be read is taken as the mildest.
    pub(super) fn wish(&self) -> Option<Wish> {
        Some(self.instance?.tags.get(tag::WISH)?.parse().unwrap_or(Wish::Cordon))
    }

    pub(super) fn meetings(&self) -> &'a Meetings {
        self.answer.map_or(&Meetings::NotAsked, |answer| &answer.meetings)
    }

    /// Whether BigBlueButton answers to the pool's secret.
    pub(super) fn answers(&self) -> bool {
        matches!(self.meetings(), Meetings::Listed(_))
    }

    /// Whether it shows meetings. No answer is no meeting that is shown.
    pub(super) fn shows_meetings(&self) -> bool {
        matches!(self.meetings(), Meetings::Listed(meetings) if !meetings.is_empty())
    }

    /// How much it is used, if it says.
    pub(super) fn load(&self, now: Moment) -> Option<Load> {
        let Meetings::Listed(meetings) = self.meetings() else { return None };
        let mut load = Load { meetings: u32::try_from(meetings.len()).unwrap_or(u32::MAX), ..Load::default() };
        for meeting in meetings.iter().filter(|meeting| !meeting.breakout) {
            let is_young = now.since(meeting.created).is_none_or(|age| age < YOUNG);
            let seats = if is_young { meeting.participants.max(YOUNG_SEATS) } else { meeting.participants };
            load.participants = load.participants.saturating_add(meeting.participants);
            load.seats = load.seats.saturating_add(seats);
            load.largest_meeting = load.largest_meeting.max(meeting.participants);
        }
        Some(load)
    }

    /// Whether the instance's status was written after the moment in a tag.
    pub(super) fn spoke_since(&self, key: &str) -> bool {
        let status = self.answer.and_then(|answer| answer.status.as_ref());
        self.moment(key).zip(status).is_some_and(|(moment, status)| status.at > moment)
    }

    /// Whether the instance says that everything on it works; `None` if it is silent.
    pub(super) fn ready(&self) -> Option<bool> {
        Some(self.answer?.status.as_ref()?.ready)
    }

    /// How many recordings are known not to be handed over. It may have others that nobody told of.
    pub(super) fn known_recordings(&self) -> u32 {
        let Some(answer) = self.answer else { return 0 };
        let on_disk = answer.status.as_ref().map_or(0, |status| status.unfinished_recordings);
        on_disk.max(answer.unfinished_recordings.unwrap_or(0))
    }

    /// Whether the pool may ever have given it a meeting.
    pub(super) fn was_registered(&self) -> bool {
        self.has_tag(tag::REGISTERED) || !self.registrations.is_empty()
    }
}

impl Registration {
    /// Whether it is to get new meetings.
    pub(super) fn is_open(&self) -> bool {
        self.state == RegistrationState::Enabled && self.mark() == Mark::None
    }

    /// The pool's mark on it.
    pub(super) fn mark(&self) -> Mark {
        Mark::of(&self.tag).0
    }

    /// Its tag with another mark of the pool's.
    pub(super) fn marked(&self, mark: &Mark) -> String {
        mark.on(Mark::of(&self.tag).1)
    }
}
