//! What Scalelite keeps in Redis, and how a record of a server is saved: only what changed since it was read.
//!
//! Scalelite 1.8.5: `app/models/server.rb` (`save!` and the handlers of states, lines 127 to 155), `app/models/meeting.rb`.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use crate::State;

/// How long a meeting's record stays, since Scalelite 1.6.6.
const RECORD_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything Scalelite remembers. All of it is lost with the cache.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cache {
    /// The set `servers` with its hashes.
    pub(super) servers: BTreeMap<String, Fields>,
    /// The sorted set `server_load`: the only thing that is looked at for new meetings.
    pub(super) server_load: BTreeMap<String, f64>,
    /// The sorted set `cordoned_server_load`.
    pub(super) cordoned_server_load: BTreeMap<String, f64>,
    /// Failed polls in a row; outlives the server.
    pub(super) unhealthy: BTreeMap<String, u32>,
    /// The meetings' records, by the meetings' ids.
    pub(super) meetings: BTreeMap<String, Record>,
}

/// Which server a meeting was created on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) server: String,
    pub(super) created: SystemTime,
}

/// A server's hash.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fields {
    pub(super) url: String,
    pub(super) secret: String,
    pub(super) tag: String,
    pub(super) load_multiplier: f64,
    pub(super) state: State,
    pub(super) online: bool,
}

/// A server as it was read at one moment, with what was changed about it since.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Copy {
    pub(super) id: String,
    as_read: Fields,
    load_as_read: Option<f64>,
    pub(super) fields: Fields,
    pub(super) load: Option<f64>,
}

/// A server as the API lists it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the API's own names")]
pub struct Listed {
    pub id: String,
    pub url: String,
    pub secret: String,
    pub tag: String,
    pub state: State,
    pub load: Option<f64>,
    pub load_multiplier: f64,
    pub online: bool,
}

/// The server was deleted after it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deleted;

impl Cache {
    /// Reads a server.
    pub(super) fn copy(&self, id: &str) -> Option<Copy> {
        let fields = self.servers.get(id)?.clone();
        let load = match fields.state {
            State::Enabled => self.server_load.get(id).copied(),
            State::Cordoned => self.cordoned_server_load.get(id).copied(),
            State::Disabled => None,
        };
        Some(Copy { id: id.to_owned(), as_read: fields.clone(), load_as_read: load, fields, load })
    }

    /// Writes what changed of a copy. What somebody else changed meanwhile stays, and the sorted sets are kept by what the copy says: that is the cordon race.
    pub(super) fn save(&mut self, mut copy: Copy) -> Result<Copy, Deleted> {
        let id = copy.id.clone();
        let Copy { as_read, load_as_read, fields, load, .. } = &mut copy;
        let state_changed = fields.state != as_read.state;
        if fields.state == State::Disabled {
            *load = None;
            *load_as_read = None;
        } else if state_changed && load.is_none() {
            // The load moves with the server from one sorted set to the other.
            let other = if fields.state == State::Cordoned { &self.server_load } else { &self.cordoned_server_load };
            *load = other.get(&id).copied();
        }
        let load_changed = load != load_as_read;
        let stored = self.servers.get_mut(&id).ok_or(Deleted)?;
        if fields.secret != as_read.secret {
            stored.secret.clone_from(&fields.secret);
        }
        if fields.tag != as_read.tag {
            stored.tag.clone_from(&fields.tag);
        }
        if fields.load_multiplier.total_cmp(&as_read.load_multiplier).is_ne() {
            stored.load_multiplier = fields.load_multiplier;
        }
        if fields.online != as_read.online {
            stored.online = fields.online;
        }
        if state_changed {
            stored.state = fields.state;
        }
        let (own, other) = match fields.state {
            State::Enabled => (&mut self.server_load, &mut self.cordoned_server_load),
            State::Cordoned => (&mut self.cordoned_server_load, &mut self.server_load),
            State::Disabled => {
                if state_changed {
                    self.server_load.remove(&id);
                    self.cordoned_server_load.remove(&id);
                }
                return Ok(copy);
            }
        };
        if state_changed {
            other.remove(&id);
        }
        match *load {
            Some(load) if state_changed || load_changed => {
                own.insert(id, load);
            }
            None if load_changed => {
                own.remove(&id);
            }
            Some(_) | None => {}
        }
        Ok(copy)
    }

    /// Forgets a server, but not its meetings' records.
    pub(super) fn delete(&mut self, id: &str) -> bool {
        self.server_load.remove(id);
        self.cordoned_server_load.remove(id);
        self.servers.remove(id).is_some()
    }

    /// Adds to the load of a server that new meetings are created on; nothing for any other.
    pub(super) fn add_load(&mut self, id: &str) {
        let multiplier = self.servers.get(id).map_or(1.0, |fields| fields.load_multiplier);
        if let Some(load) = self.server_load.get_mut(id) {
            *load += multiplier;
        }
    }

    /// Forgets the meetings' records that are too old.
    pub(super) fn expire(&mut self, now: SystemTime) {
        // The cache counts by a clock of its own, which does not jump back.
        self.meetings.retain(|_, record| now.duration_since(record.created).map_or(true, |age| age < RECORD_LIFE));
    }

    /// The ids of the meetings that have a record on a server.
    pub(super) fn meetings_of(&self, server: &str) -> Vec<String> {
        let records = self.meetings.iter().filter(|(_, record)| record.server == server);
        records.map(|(meeting, _)| meeting.clone()).collect()
    }
}

impl From<Copy> for Listed {
    fn from(Copy { id, fields, load, .. }: Copy) -> Self {
        let Fields { url, secret, tag, load_multiplier, state, online } = fields;
        Self { id, url, secret, tag, state, load, load_multiplier, online }
    }
}
