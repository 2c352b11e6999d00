//! The instance tags in which the pool keeps what it cannot read from the world: moments, and what the operator wants.
//!
//! A moment is written in RFC 3339. A tag that cannot be read counts as absent, and one from the future as written just now: after a
//! jump of the clock a step comes later than it could, and never earlier than it may.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How the keys of all these tags begin, so that the function's role can be limited to them.
pub const PREFIX: &str = "scalelite-lifecycle:";

/// What the operator wants: a [`Wish`].
pub const WISH: &str = "scalelite-lifecycle:wish";
/// Since when the server may have meetings: written before the pool registers it, and as soon as it is seen registered, or with a meeting or
/// a recording. An instance without it has never had a meeting from this pool, and does not have to be asked before it goes.
pub const REGISTERED: &str = "scalelite-lifecycle:registered";
/// Since when the server is to be emptied, from which the drain deadline counts.
pub const DRAINING: &str = "scalelite-lifecycle:draining";
/// Since when it shows neither a meeting nor an unfinished recording while it is to be emptied. Two looks at least a minute apart are
/// needed, because a meeting may be on its way to it at the first.
pub const EMPTY: &str = "scalelite-lifecycle:empty";
/// Since when the drain deadline is seen to have passed; again two looks, because the clock may have jumped at the first.
pub const OVERDUE: &str = "scalelite-lifecycle:overdue";
/// Since when there is nothing left to wait for: it may be taken out of Scalelite and ended.
pub const FINISHED: &str = "scalelite-lifecycle:finished";
/// Since when it is replaced because it is outdated: written before it goes on standby. It leaves, also if the group returns to what it was
/// launched from: another has been launched in its place.
pub const REPLACED: &str = "scalelite-lifecycle:replaced";
/// Since when it is on standby because the operator [wishes](Wish) it to leave: written before it goes there. It comes back if the wish is
/// taken back. What is on standby with neither tag was put there by somebody else.
pub const ON_STANDBY: &str = "scalelite-lifecycle:on-standby";

/// What the operator wants of a server, as the value of the tag [`WISH`]; no tag means to use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// No new meetings; it stays.
    Cordon,
    /// No new meetings, and out of the group when it is empty, with another in its place.
    Drain,
    /// As [`Wish::Drain`], with the group one smaller unless it is at its minimum.
    Remove,
}

/// A text that is no wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a wish: cordon, drain or remove")]
pub struct NotAWish;

impl Wish {
    /// As it stands in the tag.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cordon => "cordon",
            Self::Drain => "drain",
            Self::Remove => "remove",
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Wish {
    type Err = NotAWish;

    fn from_str(text: &str) -> Result<Self, NotAWish> {
        [Self::Cordon, Self::Drain, Self::Remove].into_iter().find(|wish| wish.as_str() == text).ok_or(NotAWish)
    }
}
