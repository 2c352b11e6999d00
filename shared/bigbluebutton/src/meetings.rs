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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::{collection::vec, option, prelude::*};
    use tokio::io::BufReader;

    use super::*;

    fn parsed(answer: &str) -> Result<Vec<Meeting>, NotSuccessful> {
        read(answer.as_bytes()).now_or_never().unwrap()
    }

    #[test]
    fn no_meetings() {
        for meetings in ["<meetings/>", "<meetings></meetings>", ""] {
            let answer = format!("<response><returncode>SUCCESS</returncode>{meetings}</response>");
            assert_eq!(parsed(&answer), Ok(Vec::new()));
        }
    }

    #[test]
    fn a_meeting_of_which_nothing_is_known_is_a_meeting() {
        for meeting in ["<meeting/>", "<meeting><participantCount>many</participantCount></meeting>", "<x:meeting/>"] {
            let answer = format!("<response><returncode>SUCCESS</returncode><meetings>{meeting}</meetings></response>");
            assert_eq!(parsed(&answer), Ok(vec![Meeting::default()]), "{meeting}");
        }
    }

    #[test]
    fn what_lies_deeper_is_not_the_meetings() {
        let answer = "<response><returncode>SUCCESS</returncode><meetings><meeting>\
            <participantCount>2</participantCount><isBreakout>false</isBreakout><running>true</running>\
            <attendees><attendee><participantCount>3</participantCount></attendee></attendees>\
            <metadata><isBreakout>true</isBreakout><meeting><running>false</running></meeting></metadata>\
            </meeting></meetings></response>";
        let expected = Meeting { participants: Some(2), running: Some(true), ..Meeting::default() };
        assert_eq!(parsed(answer), Ok(vec![expected]));
    }

    #[test]
    fn numbers_with_and_without_groups() {
        for (text, expected) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("2000", Some(2000)),
            ("2,000", Some(2000)),
            ("2.000", Some(2000)),
            ("2\u{202f}000", Some(2000)),
            ("2\u{a0}000", Some(2000)),
            ("1'788'249'600'000", Some(1_788_249_600_000)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18,446,744,073,709,551,615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("999,999,999,999,999,999,999,999,999,999", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("2,00", None),
            ("2,0000", None),
            ("2000,000", None),
            (",000", None),
            ("1,", None),
            ("1e3", None),
            ("\u{661}", None),
        ] {
            assert_eq!(whole_number(text), expected, "{text}");
        }
    }

    fn junk() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(String::new()),
            Just("<metadata><a-b.c>1</a-b.c><meeting/></metadata>".to_owned()),
            Just("<attendees><attendee><fullName>A &lt;b&gt; &amp; C</fullName></attendee></attendees>".to_owned()),
            Just("<breakoutRooms><breakout>x</breakout></breakoutRooms><!-- - -->".to_owned()),
            "<[a-z]{20,30}>[a-z ]{0,99}</".prop_map(|open| {
                let name = open[1..].split('>').next().unwrap_or_default().to_owned();
                format!("{open}{name}>")
            }),
        ]
    }

    fn meeting() -> impl Strategy<Value = Meeting> {
        let created = option::of((0..u64::from(u32::MAX) * 1000).prop_map(|at| moment(at).unwrap()));
        let parts = (created, any::<Option<u32>>(), any::<bool>(), any::<Option<bool>>(), any::<Option<bool>>());
        parts.prop_map(|(created, participants, is_breakout, has_user_joined, running)| Meeting {
            created,
            participants,
            is_breakout,
            has_user_joined,
            running,
        })
    }

    fn written(meeting: &Meeting, junk: &str) -> String {
        let field = |name: &str, value: Option<String>| {
            value.map_or_else(String::new, |value| format!("{junk}<{name}>{value}</{name}>\n"))
        };
        let created = meeting.created.map(|at| at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis());
        format!(
            "<meeting>{}{}{}{}{}{junk}</meeting>",
            field("createTime", created.map(|it| it.to_string())),
            field("participantCount", meeting.participants.map(|it| it.to_string())),
            field("isBreakout", Some(meeting.is_breakout.to_string())),
            field("hasUserJoined", meeting.has_user_joined.map(|it| it.to_string())),
            field("running", meeting.running.map(|it| it.to_string())),
        )
    }

    proptest! {
        #[test]
        fn meetings_are_found_among_junk(meetings in vec((meeting(), junk()), 0..6), pieces in 1_usize..64) {
            let listed: String = meetings.iter().map(|(meeting, junk)| written(meeting, junk)).collect();
            let answer = format!("<response><returncode>SUCCESS</returncode><meetings>{listed}</meetings></response>");
            let expected: Vec<_> = meetings.into_iter().map(|(meeting, _)| meeting).collect();
            let found = read(BufReader::with_capacity(pieces, answer.as_bytes())).now_or_never().unwrap();
            prop_assert_eq!(found, Ok(expected));
        }

        #[test]
        fn an_answer_that_breaks_off_is_no_list(meetings in vec((meeting(), junk()), 0..3), at in 0.0..1.0) {
            let listed: String = meetings.iter().map(|(meeting, junk)| written(meeting, junk)).collect();
            let answer = format!("<response><returncode>SUCCESS</returncode><meetings>{listed}</meetings></response>");
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let length = (answer.len() as f64 * at) as usize;
            prop_assert_eq!(read(&answer.as_bytes()[..length]).now_or_never().unwrap(), Err(NotSuccessful::Malformed));
        }

        #[test]
        fn a_number_is_read_or_not_but_never_another(text in "[0-9,. ]{0,12}") {
            if let Some(number) = whole_number(&text) {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                prop_assert_eq!(digits.parse::<u64>(), Ok(number));
            }
        }
    }
}
