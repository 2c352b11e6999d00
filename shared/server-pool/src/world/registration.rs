//! What Scalelite says of its servers, and the mark that the pool leaves there.

use serde::{Deserialize, Serialize};

use crate::Moment;

/// A server as Scalelite lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Scalelite's id of it: a UUID, or the host name.
    pub id: String,
    /// The URL of the server's API.
    pub url: String,
    /// Whether it is registered with the pool's secret. The secret itself never comes here.
    pub secret: Secret,
    /// Its tag, empty if it has none.
    pub tag: String,
    /// Whether it is to get new meetings.
    pub state: RegistrationState,
    /// Whether Scalelite's poller reached it.
    pub online: bool,
}

/// Which secret a server is registered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secret {
    /// The one of the pool's servers.
    Ours,
    /// Another one.
    Other,
}

/// A server's state in Scalelite, as it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationState {
    /// Gets meetings once the poller has reached it.
    Enabled,
    /// Gets no new meetings; users can join those that it has.
    Cordoned,
    /// Nobody can join, not even a running meeting. Scalelite makes a cordoned server without load disabled.
    Disabled,
}

/// What the pool makes of a server's tag in Scalelite when it is not to get meetings.
///
/// Cordoning alone is not enough: Scalelite's poller can put a cordoned server back among those that are chosen from. It never
/// writes the tag, and a meeting created without one never goes to a server with one. The server's own tag is kept behind a dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Not one of the pool's: what the operator wrote, or empty.
    None,
    /// `draining`: no new meetings, for whatever reason.
    Draining,
    /// `leaving-<seconds since 1970>`: this registration is to be deleted, and has been found without need since then.
    Leaving(Moment),
}

/// The tag of a server that is to get no new meetings.
const DRAINING: &str = "draining";
/// How the tag of a registration begins that is to be deleted.
const LEAVING: &str = "leaving-";

impl Mark {
    /// Takes a tag apart: the mark, and the server's own tag.
    #[must_use]
    pub fn of(tag: &str) -> (Self, &str) {
        let (head, own) = tag.split_once('.').unwrap_or((tag, ""));
        if head == DRAINING {
            return (Self::Draining, own);
        }
        match head.strip_prefix(LEAVING).and_then(|seconds| seconds.parse().ok()) {
            Some(seconds) => (Self::Leaving(Moment::from_unix(seconds)), own),
            None => (Self::None, tag),
        }
    }

    /// The tag that carries this mark and the server's own tag.
    #[must_use]
    pub fn on(&self, own: &str) -> String {
        let head = match self {
            Self::None => return own.to_owned(),
            Self::Draining => DRAINING.to_owned(),
            Self::Leaving(since) => format!("{LEAVING}{}", since.unix()),
        };
        if own.is_empty() { head } else { format!("{head}.{own}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_keeps_the_servers_own_tag() {
        for own in ["", "music", "a.b", "draining-room"] {
            for mark in [Mark::None, Mark::Draining, Mark::Leaving(Moment::from_unix(60))] {
                assert_eq!(Mark::of(&mark.on(own)), (mark, own), "{own}");
            }
        }
        assert_eq!(Mark::of("draining"), (Mark::Draining, ""));
        assert_eq!(Mark::of("leaving-60.music"), (Mark::Leaving(Moment::from_unix(60)), "music"));
        assert_eq!(Mark::of("leaving-soon"), (Mark::None, "leaving-soon"));
    }
}
