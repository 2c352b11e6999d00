//! A meeting and how it ends by itself.

use std::time::{Duration, SystemTime};

/// `meetingExpireIfNoUserJoinedInMinutes`.
const UNJOINED: Duration = Duration::from_secs(5 * 60);

/// `meetingExpireWhenLastUserLeftInMinutes`.
const LEFT: Duration = Duration::from_secs(60);

/// What a meeting is made with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewMeeting {
    /// Whether it is recorded, from the first who joins to the end.
    pub recorded: bool,
    /// The meeting that it is a breakout room of.
    pub breakout_of: Option<String>,
}

/// Who joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A moderator, who counts as a participant too.
    Moderator,
    /// Anybody else.
    Viewer,
}

/// A meeting on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    /// When it was created.
    pub created: SystemTime,
    /// Who is in it and does not moderate.
    pub viewers: u32,
    /// Who moderates.
    pub moderators: u32,
    /// Whether anybody ever joined.
    pub has_user_joined: bool,
    /// What it was made with.
    pub kind: NewMeeting,
    /// Since when it is empty.
    pub(super) empty_since: SystemTime,
}

impl Meeting {
    pub(super) fn new(kind: NewMeeting, now: SystemTime) -> Self {
        Self { created: now, viewers: 0, moderators: 0, has_user_joined: false, kind, empty_since: now }
    }

    /// How many people are in it.
    #[must_use]
    pub fn people(&self) -> u32 {
        self.viewers + self.moderators
    }

    pub(super) fn join(&mut self, role: Role) {
        self.has_user_joined = true;
        *self.count(role) += 1;
    }

    pub(super) fn leave(&mut self, role: Role, now: SystemTime) {
        let count = self.count(role);
        *count = count.saturating_sub(1);
        if self.people() == 0 {
            self.empty_since = now;
        }
    }

    fn count(&mut self, role: Role) -> &mut u32 {
        match role {
            Role::Moderator => &mut self.moderators,
            Role::Viewer => &mut self.viewers,
        }
    }

    /// When it ends by itself, if nobody comes.
    pub(super) fn expires(&self) -> Option<SystemTime> {
        (self.people() == 0).then(|| self.empty_since + if self.has_user_joined { LEFT } else { UNJOINED })
    }
}
