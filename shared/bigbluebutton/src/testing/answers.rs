//! Answers as BigBlueButton writes them.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use quick_xml::escape::escape;
use time::OffsetDateTime;

use super::{Meeting, Recording, Server, Stage};

/// Without anything to say.
pub(super) const NO_MEETINGS: &str = "<response><returncode>SUCCESS</returncode><meetings/>\
    <messageKey>noMeetings</messageKey><message>no meetings were found on this server</message></response>";
pub(super) const CHECKSUM_ERROR: &str = "<response><returncode>FAILED</returncode>\
    <messageKey>checksumError</messageKey><message>Checksums do not match</message></response>";
pub(super) const NOT_FOUND: &str = "<response><returncode>FAILED</returncode>\
    <messageKey>notFound</messageKey><message>A meeting with that ID does not exist</message></response>";
pub(super) const UNSUPPORTED: &str = "<response><returncode>FAILED</returncode>\
    <messageKey>unsupportedRequest</messageKey><message>This request is not supported.</message></response>";
pub(super) const VERSION: &str = "<response><returncode>SUCCESS</returncode>\
    <version>2.0</version><apiVersion>2.0</apiVersion><bbbVersion/></response>";
pub(super) const ENDED: &str = "<response><returncode>SUCCESS</returncode>\
    <messageKey>sentEndMeetingRequest</messageKey><message>A request to end the meeting was sent.</message></response>";

pub(super) const JOINED: &str = "<response><returncode>SUCCESS</returncode><messageKey>successfullyJoined</messageKey>\
    <message>You have joined successfully.</message></response>";

/// The answer to `getMeetings`.
pub(super) fn meetings(server: &Server) -> String {
    if server.meetings.is_empty() {
        return NO_MEETINGS.to_owned();
    }
    let mut text = "<?xml version=\"1.0\"?>\n<response>\n  <returncode>SUCCESS</returncode>\n  <meetings>\n".to_owned();
    for (id, meeting) in &server.meetings {
        push_meeting(&mut text, server, id, meeting);
    }
    text + "  </meetings>\n</response>\n"
}

fn push_meeting(text: &mut String, server: &Server, id: &str, meeting: &Meeting) {
    let number = |number: u64| grouped(number, server.grouping);
    let id = escape(id);
    let created = milliseconds(meeting.created);
    let people = meeting.people();
    let parent = &meeting.kind.breakout_of;
    let _infallible = write!(
        text,
        "    <meeting>
      <meetingName>Lesson &amp; {id}</meetingName>
      <meetingID>{id}</meetingID>
      <internalMeetingID>183f0bf3a0982a127bdb8161e0c44eb696b3e75c-{created}</internalMeetingID>
      <createTime>{}</createTime>
      <createDate>Wed May 06 08:15:00 UTC 2026</createDate>
      <voiceBridge>70066</voiceBridge>
      <dialNumber>613-555-1234</dialNumber>
      <attendeePW>attendee-password</attendeePW>
      <moderatorPW>moderator-password</moderatorPW>
      <running>{}</running>
      <duration>0</duration>
      <hasUserJoined>{}</hasUserJoined>
      <recording>{}</recording>
      <hasBeenForciblyEnded>false</hasBeenForciblyEnded>
      <startTime>{created}</startTime>
      <endTime>0</endTime>
      <participantCount>{}</participantCount>
      <listenerCount>0</listenerCount>
      <voiceParticipantCount>0</voiceParticipantCount>
      <videoCount>0</videoCount>
      <maxUsers>{}</maxUsers>
      <moderatorCount>{}</moderatorCount>
      <attendees>\n",
        number(created),
        people > 0,
        meeting.has_user_joined,
        meeting.kind.recorded,
        number(people.into()),
        number(2000),
        number(meeting.moderators.into()),
    );
    for person in 0..people {
        let role = if person < meeting.moderators { "MODERATOR" } else { "VIEWER" };
        let _infallible = writeln!(
            text,
            "        <attendee><userID>w_{person}</userID><fullName>Zo&#xEB; &lt;{person}&gt;</fullName><role>{role}</role>\
             <isPresenter>false</isPresenter><isListeningOnly>false</isListeningOnly><hasJoinedVoice>false</hasJoinedVoice>\
             <hasVideo>false</hasVideo><clientType>HTML5</clientType></attendee>"
        );
    }
    // The names of meta data are anybody's choice, those of this answer included.
    text.push_str(
        "      </attendees>\n      <metadata><returncode>FAILED</returncode><participantcount>7</participantcount>\
         <bbb-origin-version>3.8</bbb-origin-version><meeting><isBreakout>true</isBreakout></meeting></metadata>\n",
    );
    let _infallible = writeln!(text, "      <isBreakout>{}</isBreakout>", parent.is_some());
    if let Some(parent) = parent {
        let parent = escape(parent.as_str());
        let _infallible = writeln!(
            text,
            "      <parentMeetingID>{parent}</parentMeetingID><sequence>1</sequence><freeJoin>false</freeJoin>"
        );
    }
    text.push_str("    </meeting>\n");
}

/// The answer to `getRecordings`.
pub(super) fn recordings<'a>(recordings: impl Iterator<Item = &'a Recording>) -> String {
    let mut listed = String::new();
    for recording in recordings {
        let Recording { meeting, stage, length, .. } = recording;
        let state = state(recording);
        let _infallible = write!(
            listed,
            "<recording><recordID>{0}</recordID><meetingID>{0}</meetingID><name>Lesson</name><published>{1}</published>\
             <state>{state}</state><startTime>0</startTime><endTime>{2}</endTime><participants>3</participants>\
             <metadata><state>published</state></metadata><playback><format><type>presentation</type></format></playback>\
             </recording>",
            escape(meeting.as_str()),
            *stage == Stage::Published,
            length.as_millis(),
        );
    }
    if listed.is_empty() {
        return "<response><returncode>SUCCESS</returncode><recordings/><messageKey>noRecordings</messageKey>\
                <message>There are no recordings for the meeting(s).</message></response>"
            .to_owned();
    }
    format!("<response><returncode>SUCCESS</returncode><recordings>{listed}</recordings></response>")
}

/// What a recording's stage is called.
pub(super) fn state(recording: &Recording) -> &'static str {
    match recording.stage {
        Stage::Raw | Stage::Processing => "processing",
        Stage::Processed => "processed",
        Stage::Published => "published",
    }
}

/// The answer to `create`.
pub(super) fn created(id: &str, meeting: &Meeting) -> String {
    format!(
        "<response><returncode>SUCCESS</returncode><meetingID>{}</meetingID><createTime>{}</createTime>\
         <attendeePW>attendee-password</attendeePW><moderatorPW>moderator-password</moderatorPW>\
         <hasUserJoined>{}</hasUserJoined><messageKey/><message/></response>",
        escape(id),
        milliseconds(meeting.created),
        meeting.has_user_joined
    )
}

fn milliseconds(moment: SystemTime) -> u64 {
    let since: Duration = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn grouped(number: u64, separator: Option<char>) -> String {
    let plain = number.to_string();
    let Some(separator) = separator else { return plain };
    let mut text = String::new();
    for (place, digit) in plain.chars().enumerate() {
        if place > 0 && (plain.len() - place).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// The moment as RFC 3339, in seconds.
pub(super) fn rfc3339(moment: SystemTime) -> String {
    let moment = OffsetDateTime::from(moment);
    let (date, time) = (moment.date(), moment.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}
