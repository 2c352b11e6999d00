//! A server, and all servers by name.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use super::{Meeting, NewMeeting, Recording, Role, Stage};

/// How often the status is written.
const STATUS_EVERY: Duration = Duration::from_secs(60);

/// All servers, by host name in lower case. One that is not here does not exist: it was terminated, or has no DNS record.
pub type Servers = BTreeMap<String, Server>;

/// What a question to a server comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// An answer.
    Answers,
    /// The web server is up, what is behind it is not: HTTP 502.
    BadGateway,
    /// The connection is made, and nothing comes.
    Hangs,
    /// Half an answer.
    BreaksOff,
}

/// What writes the server's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// It has not begun: there is no status.
    NotStarted,
    /// It writes every minute.
    Writes,
    /// It stopped: the last status stays.
    Stopped,
    /// It writes this.
    WritesJunk(Vec<u8>),
}

/// The server, or the meeting, cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable;

/// No such meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotFound;

/// Why a meeting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// Nobody was there any more.
    Expired,
    /// Somebody called `end`: a moderator, or Scalelite.
    Called,
}

/// A meeting that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Its id.
    pub meeting: String,
    /// When.
    pub at: SystemTime,
    /// How many people were thrown out.
    pub people: u32,
    /// Why.
    pub cause: EndCause,
}

/// A BigBlueButton server. What is public can be set at any time; the rest moves by calls, and by [`pass`](Self::pass).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its API secret.
    pub secret: String,
    /// What a question to it comes to.
    pub reach: Reach,
    /// What writes its status.
    pub agent: Agent,
    /// Whether all its units run, as its status says.
    pub ready: bool,
    /// Whether recordings go on to their next stage.
    pub processes_recordings: bool,
    /// What old versions put between a number's groups of three digits.
    pub grouping: Option<char>,
    pub(super) meetings: BTreeMap<String, Meeting>,
    recordings: Vec<Recording>,
    ends: Vec<End>,
    status: Option<Status>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Status {
    written: SystemTime,
    ready: bool,
    unfinished: usize,
}

impl Server {
    /// A server that is ready, says so, and is empty.
    pub fn new(secret: impl Into<String>) -> Self {
        Self {
            secret: secret.into(),
            reach: Reach::Answers,
            agent: Agent::Writes,
            ready: true,
            processes_recordings: true,
            grouping: None,
            meetings: BTreeMap::new(),
            recordings: Vec::new(),
            ends: Vec::new(),
            status: None,
        }
    }

    /// Whether it answers, and to somebody with this secret.
    ///
    /// # Errors
    /// When not.
    pub fn answers(&self, secret: &str) -> Result<(), Unreachable> {
        if self.reach == Reach::Answers && self.secret == secret { Ok(()) } else { Err(Unreachable) }
    }

    /// Lets time pass: meetings expire, recordings are processed, the status is written. Every other call does it first.
    pub fn pass(&mut self, now: SystemTime) {
        let expired: Vec<_> = self
            .meetings
            .iter()
            .filter_map(|(id, meeting)| Some((id.clone(), meeting.expires().filter(|moment| *moment <= now)?)))
            .collect();
        for (id, at) in expired {
            self.finish(&id, at, EndCause::Expired);
        }
        if self.processes_recordings {
            self.recordings.retain_mut(|recording| recording.pass(now));
        }
        let due = |status: &Status| now.duration_since(status.written).map_or(true, |age| age >= STATUS_EVERY);
        if self.agent == Agent::Writes && self.status.as_ref().is_none_or(due) {
            self.status = Some(Status { written: now, ready: self.ready, unfinished: self.recordings.len() });
        }
    }

    /// Creates a meeting, or finds that it exists.
    pub fn create(&mut self, meeting: &str, kind: NewMeeting, now: SystemTime) {
        self.pass(now);
        self.meetings.entry(meeting.to_owned()).or_insert_with(|| Meeting::new(kind, now));
    }

    /// Somebody joins.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn join(&mut self, meeting: &str, role: Role, now: SystemTime) -> Result<(), NotFound> {
        self.pass(now);
        self.meetings.get_mut(meeting).ok_or(NotFound)?.join(role);
        Ok(())
    }

    /// Somebody leaves.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn leave(&mut self, meeting: &str, role: Role, now: SystemTime) -> Result<(), NotFound> {
        self.pass(now);
        self.meetings.get_mut(meeting).ok_or(NotFound)?.leave(role, now);
        Ok(())
    }

    /// Ends a meeting and throws everybody out.
    ///
    /// # Errors
    /// [`NotFound`]: it is over already.
    pub fn end(&mut self, meeting: &str, now: SystemTime) -> Result<(), NotFound> {
        self.pass(now);
        if !self.meetings.contains_key(meeting) {
            return Err(NotFound);
        }
        self.finish(meeting, now, EndCause::Called);
        Ok(())
    }

    /// The meetings it lists.
    pub fn meetings(&mut self, now: SystemTime) -> &BTreeMap<String, Meeting> {
        self.pass(now);
        &self.meetings
    }

    /// The recordings that would be lost with it, those that it does not list included.
    pub fn recordings(&mut self, now: SystemTime) -> &[Recording] {
        self.pass(now);
        &self.recordings
    }

    /// How many people are on it, those in breakout rooms counted in both rooms.
    pub fn people(&mut self, now: SystemTime) -> u32 {
        self.meetings(now).values().map(Meeting::people).sum()
    }

    /// The meetings that ended so far. Those with people in them that ended by a call were cut.
    #[must_use]
    pub fn ends(&self) -> &[End] {
        &self.ends
    }

    /// The file with its status, if there is one.
    pub fn status(&mut self, now: SystemTime) -> Option<Vec<u8>> {
        self.pass(now);
        if let Agent::WritesJunk(junk) = &self.agent {
            return Some(junk.clone());
        }
        let Status { written, ready, unfinished } = self.status.filter(|_| self.agent != Agent::NotStarted)?;
        let written = super::answers::rfc3339(written);
        let text = format!(
            r#"{{"version":1,"written":"{written}","ready":{ready},"recordings":{{"unfinished":{unfinished}}}}}"#
        );
        Some(text.into_bytes())
    }

    /// The stages of the recordings that `getRecordings` lists.
    pub(super) fn listed_recordings(&mut self, now: SystemTime) -> impl Iterator<Item = &Recording> {
        self.recordings(now).iter().filter(|recording| recording.stage != Stage::Raw)
    }

    fn finish(&mut self, id: &str, at: SystemTime, cause: EndCause) {
        let Some(meeting) = self.meetings.remove(id) else { return };
        // A breakout room does not outlive its meeting.
        let is_its_room = |(_, room): &(&String, &Meeting)| room.kind.breakout_of.as_deref() == Some(id);
        let rooms: Vec<_> = self.meetings.iter().filter(is_its_room).map(|(room, _)| room.clone()).collect();
        for room in rooms {
            self.finish(&room, at, cause);
        }
        if meeting.kind.recorded && meeting.has_user_joined {
            let length = at.duration_since(meeting.created).unwrap_or_default();
            self.recordings.push(Recording::new(id.to_owned(), length, at));
        }
        self.ends.push(End { meeting: id.to_owned(), at, people: meeting.people(), cause });
    }
}
