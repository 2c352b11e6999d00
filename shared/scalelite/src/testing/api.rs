//! What the management API does.
//!
//! Scalelite 1.8.5: `app/controllers/api/servers_controller.rb`, `app/models/server.rb` lines 66 to 73 (ids).

use std::time::SystemTime;

use bigbluebutton::{
    Address,
    testing::{Server, Servers},
};

use super::cache::{Cache, Deleted, Fields, Listed};
use crate::{State, StateChange};

/// How servers are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ids {
    /// By a new UUID each: the same URL twice is two servers.
    Uuids,
    /// By the URL's host, with `SERVER_ID_IS_HOSTNAME=true`.
    HostNames,
}

/// A Scalelite, with what it remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalelite {
    /// `LOADBALANCER_SECRET`.
    pub secret: String,
    /// How servers are named.
    pub ids: Ids,
    pub(super) cache: Cache,
    uuids: u64,
}

/// A change of a server.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct Update {
    pub state: Option<StateChange>,
    /// An empty one removes the tag.
    pub tag: Option<String>,
    pub secret: Option<String>,
    pub load_multiplier: Option<f64>,
}

/// Why a call of the management API did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDone {
    /// There is no server with this id. 404.
    NoSuchServer,
    /// The id is taken, or the URL has no host that could be one. 500, and nothing in it.
    Crashed,
    /// A meeting did not end; its record is gone all the same. 400.
    MeetingNotEnded,
}

impl Scalelite {
    /// A Scalelite without servers.
    pub fn new(secret: impl Into<String>, ids: Ids) -> Self {
        Self { secret: secret.into(), ids, cache: Cache::default(), uuids: 0 }
    }

    /// All servers, by id.
    #[must_use]
    pub fn servers(&self) -> Vec<Listed> {
        self.cache.servers.keys().filter_map(|id| self.server(id)).collect()
    }

    /// One server.
    #[must_use]
    pub fn server(&self, id: &str) -> Option<Listed> {
        self.cache.copy(id).map(Listed::from)
    }

    /// Adds a server, disabled and offline; its id.
    ///
    /// # Errors
    /// [`NotDone::Crashed`], only when ids are host names. A URL is not looked at otherwise.
    pub fn add(&mut self, url: &str, secret: &str, tag: &str) -> Result<String, NotDone> {
        let id = match self.ids {
            Ids::HostNames => Address::parse(url).map_err(|_not_shown| NotDone::Crashed)?.host().to_owned(),
            Ids::Uuids => {
                self.uuids += 1;
                format!("6ed2f1a6-0000-4000-8000-{:012x}", self.uuids)
            }
        };
        if self.cache.servers.contains_key(&id) {
            return Err(NotDone::Crashed);
        }
        let fields = Fields {
            url: url.to_owned(),
            secret: secret.to_owned(),
            tag: tag.to_owned(),
            load_multiplier: 1.0,
            state: State::Disabled,
            online: false,
        };
        self.cache.servers.insert(id.clone(), fields);
        Ok(id)
    }

    /// Changes a server.
    ///
    /// # Errors
    /// [`NotDone::NoSuchServer`].
    pub fn update(&mut self, id: &str, update: &Update) -> Result<Listed, NotDone> {
        let mut copy = self.cache.copy(id).ok_or(NotDone::NoSuchServer)?;
        let Update { state, tag, secret, load_multiplier } = update;
        if let Some(state) = state {
            copy.fields.state = match state {
                StateChange::Enable => State::Enabled,
                StateChange::Cordon => State::Cordoned,
                StateChange::Disable => State::Disabled,
            };
        }
        if let Some(tag) = tag {
            copy.fields.tag.clone_from(tag);
        }
        if let Some(secret) = secret {
            copy.fields.secret.clone_from(secret);
        }
        if let Some(load_multiplier) = load_multiplier {
            copy.fields.load_multiplier = *load_multiplier;
        }
        self.cache.save(copy).map(Listed::from).map_err(|Deleted| NotDone::NoSuchServer)
    }

    /// Removes a server. Its meetings' records stay, and make their rooms unusable.
    ///
    /// # Errors
    /// [`NotDone::NoSuchServer`].
    pub fn delete(&mut self, id: &str) -> Result<(), NotDone> {
        if self.cache.delete(id) { Ok(()) } else { Err(NotDone::NoSuchServer) }
    }

    /// Ends the meetings that have a record on a server, one after the other until one does not end, and disables the server.
    ///
    /// # Errors
    /// [`NotDone`].
    pub fn panic(&mut self, id: &str, keep_state: bool, servers: &mut Servers, now: SystemTime) -> Result<(), NotDone> {
        self.cache.expire(now);
        let mut copy = self.cache.copy(id).ok_or(NotDone::NoSuchServer)?;
        for meeting in self.cache.meetings_of(id) {
            self.cache.meetings.remove(&meeting);
            let server = reach(servers, &copy.fields.url, &copy.fields.secret).ok_or(NotDone::MeetingNotEnded)?;
            server.end(&meeting, now).map_err(|_over| NotDone::MeetingNotEnded)?;
        }
        if !keep_state {
            copy.fields.state = State::Disabled;
        }
        // The real one answers 400 for a server that was deleted meanwhile, with the words of a meeting that did not end.
        self.cache.save(copy).map(drop).map_err(|Deleted| NotDone::MeetingNotEnded)
    }

    /// Loses everything: the cache was replaced.
    pub fn lose_cache(&mut self) {
        self.cache = Cache::default();
    }

    /// Whether new meetings are created on this server, tags aside, whatever its state says.
    #[must_use]
    pub fn is_chosen_for_meetings(&self, id: &str) -> bool {
        self.cache.server_load.contains_key(id)
    }

    /// The meetings that have a record, with the ids of their servers. The API does not show them.
    pub fn records(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cache.meetings.iter().map(|(meeting, record)| (meeting.as_str(), record.server.as_str()))
    }
}

/// The server behind a URL, if it answers to somebody with this secret.
pub(super) fn reach<'a>(servers: &'a mut Servers, url: &str, secret: &str) -> Option<&'a mut Server> {
    let address = Address::parse(url).ok()?;
    servers.get_mut(address.host()).filter(|server| server.answers(secret).is_ok())
}
