//! What Scalelite does for the people who meet: choosing servers, and finding them again.
//!
//! Scalelite 1.8.5: `app/controllers/bigbluebutton_api_controller.rb`, `app/models/server.rb` lines 289 to 336 (the choice).

use std::time::SystemTime;

use bigbluebutton::testing::{NewMeeting, Role, Servers};

use super::{Scalelite, api::reach, cache::Record};
use crate::State;

/// Why a meeting cannot be created or joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomError {
    /// `internalError`, "Could not find any available servers."
    NoServers,
    /// `internalError`, "Couldn't find Server with id=...": the meeting's record names a server that was deleted.
    ServerForgotten(String),
    /// `notFound`.
    NotFound,
    /// `serverUnavailable`.
    ServerUnavailable,
    /// `internalError`: the server did not answer.
    ServerFailed,
}

impl Scalelite {
    /// `create`, with `meta_server-tag` if there is a tag; the id of the server that the meeting is on.
    ///
    /// # Errors
    /// [`RoomError`].
    pub fn create(
        &mut self,
        meeting: &str,
        kind: NewMeeting,
        tag: Option<&str>,
        servers: &mut Servers,
        now: SystemTime,
    ) -> Result<String, RoomError> {
        self.cache.expire(now);
        let id = match self.kept_server(meeting, servers, now)? {
            Some(id) => id,
            None => {
                let id = self.least_loaded(tag).ok_or(RoomError::NoServers)?;
                self.cache.meetings.insert(meeting.to_owned(), Record { server: id.clone(), created: now });
                id
            }
        };
        self.cache.add_load(&id);
        let fields = self.cache.servers.get(&id).ok_or_else(|| RoomError::ServerForgotten(id.clone()))?;
        let server = reach(servers, &fields.url, &fields.secret).ok_or(RoomError::ServerFailed)?;
        server.create(meeting, kind, now);
        Ok(id)
    }

    /// `join`; the id of the server that the meeting is on.
    ///
    /// # Errors
    /// [`RoomError`].
    pub fn join(
        &mut self,
        meeting: &str,
        role: Role,
        servers: &mut Servers,
        now: SystemTime,
    ) -> Result<String, RoomError> {
        self.cache.expire(now);
        let id = self.cache.meetings.get(meeting).ok_or(RoomError::NotFound)?.server.clone();
        let fields = self.cache.servers.get(&id).ok_or(RoomError::NotFound)?;
        if fields.state == State::Disabled || !fields.online {
            return Err(RoomError::ServerUnavailable);
        }
        let server = reach(servers, &fields.url, &fields.secret).ok_or(RoomError::ServerFailed)?;
        server.join(meeting, role, now).map_err(|_over| RoomError::NotFound)?;
        self.cache.add_load(&id);
        Ok(id)
    }

    /// The server that the meeting has a record on. Since Scalelite 1.8.4 a record on a cordoned server holds only while the meeting runs.
    fn kept_server(&self, meeting: &str, servers: &mut Servers, now: SystemTime) -> Result<Option<String>, RoomError> {
        let Some(Record { server: id, .. }) = self.cache.meetings.get(meeting) else { return Ok(None) };
        let fields = self.cache.servers.get(id).ok_or_else(|| RoomError::ServerForgotten(id.clone()))?;
        let is_over = fields.state == State::Cordoned
            && reach(servers, &fields.url, &fields.secret)
                .is_some_and(|server| !server.meetings(now).contains_key(meeting));
        Ok((!is_over).then(|| id.clone()))
    }

    /// The server with the lowest load: one with this tag if there is one, else one without a tag.
    fn least_loaded(&self, tag: Option<&str>) -> Option<String> {
        let tagged = |wanted: &str| {
            let candidates = self
                .cache
                .server_load
                .iter()
                .filter(|(id, _)| self.cache.servers.get(*id).is_some_and(|fields| fields.tag == wanted));
            candidates.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(id, _)| id.clone())
        };
        tag.and_then(tagged).or_else(|| tagged(""))
    }
}
