//! The meetings on a server.

use std::time::{Duration, SystemTime};

use tokio::io::AsyncBufRead;

use crate::{
    envelope::{self, NotSuccessful},
    xml::Outline,
};

/// One meeting that a server lists. What is [`None`] was missing or unreadable.
///
/// A listed meeting is a meeting: BigBlueButton itself drops those that nobody joined (after 5 minutes) or that everybody left (after 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meeting {
    /// When it was created, by the server's clock.
    pub created: Option<SystemTime>,
    /// How many people are in it, moderators included.
    pub participants: Option<u32>,
    /// Whether it is a room of another meeting, which lists the same people.
    pub is_breakout: bool,
    /// Whether anybody ever joined.
    pub has_user_joined: Option<bool>,
    /// Whether somebody is in it.
    pub running: Option<bool>,
}

/// Reads the answer to `getMeetings`.
pub(crate) async fn read(answer: impl AsyncBufRead + Unpin) -> Result<Vec<Meeting>, NotSuccessful> {
    envelope::read(answer, Listing::default()).await.map(|listing| listing.0)
}

#[derive(Default)]
struct Listing(Vec<Meeting>);

impl Outline for Listing {
    fn opened(&mut self, path: &str) {
        if path == "response/meetings/meeting" {
            self.0.push(Meeting::default());
        }
    }

    fn closed(&mut self, path: &str, text: &str) {
        // Attendees, breakout rooms and meta data have children of the same names, deeper down.
        let Some(field) = path.strip_prefix("response/meetings/meeting/") else { return };
        let Some(meeting) = self.0.last_mut() else { return };
        match field {
            "createTime" => meeting.created = whole_number(text).and_then(moment),
            "participantCount" => meeting.participants = whole_number(text).and_then(|count| count.try_into().ok()),
            "isBreakout" => meeting.is_breakout = truth(text) == Some(true),
            "hasUserJoined" => meeting.has_user_joined = truth(text),
            "running" => meeting.running = truth(text),
            _ => {}
        }
    }
}

fn moment(milliseconds: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds))
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A whole number, with or without the grouping separators that old versions put into it by the language of the server.
fn whole_number(text: &str) -> Option<u64> {
    let is_separator = |character: char| matches!(character, ',' | '.' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}');
    let mut digits = String::with_capacity(text.len());
    for (place, group) in text.split(is_separator).enumerate() {
        let whole = if place == 0 { !group.is_empty() } else { group.len() == 3 && digits.len() <= 18 };
        if !whole || !group.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        if place == 1 && digits.len() > 3 {
            return None;
        }
        digits.push_str(group);
    }
    digits.parse().ok()
}
