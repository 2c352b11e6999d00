//! What a BigBlueButton server says of itself.

use serde::{Deserialize, Serialize};

use crate::Moment;

/// What a server answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Its meetings, from the signed call `getMeetings`.
    #[serde(default)]
    pub meetings: Meetings,
    /// How many recordings `getRecordings` lists that are not handed over (processing, processed or published);
    /// `None` if it was not asked, or did not answer. The API does not show the stages before; the [status](Self::status) does.
    #[serde(default)]
    pub unfinished_recordings: Option<u32>,
    /// What the instance publishes of itself; `None` if it is silent, which an old status is too.
    #[serde(default)]
    pub status: Option<Status>,
}

/// What `getMeetings` gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meetings {
    /// It was not asked.
    #[default]
    NotAsked,
    /// No answer that could be understood.
    Unreachable {
        /// Why, without any secret.
        why: String,
    },
    /// It answers, and does not know the pool's secret.
    Refused,
    /// All its meetings.
    Listed(Vec<Meeting>),
}

/// A meeting that a server lists. Its names, ids and passwords never come here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meeting {
    /// Everybody in it, moderators included.
    pub participants: u32,
    /// When it was created, by the server's clock.
    pub created: Moment,
    /// Whether it is a breakout room of another one.
    pub breakout: bool,
}

/// What an instance publishes of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// When it was written, by the instance's clock. What it says may have changed since.
    pub at: Moment,
    /// Whether everything that BigBlueButton consists of is installed and active.
    pub ready: bool,
    /// How many recordings are on its disk in any stage before having been handed over.
    pub unfinished_recordings: u32,
}
