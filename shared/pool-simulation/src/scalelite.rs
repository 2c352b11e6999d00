//! Scalelite, as far as placing meetings goes, as `facts` observed of v1.8.5: it chooses by its own idea of a server's load, which is a minute old.

use server_pool::RegistrationState;

use crate::Minute;

/// A meeting counts as if this many people were in it …
const YOUNG_LOAD: u32 = 15;
/// … for this many minutes, because they are on their way.
pub(crate) const YOUNG: Minute = 15;

/// A server, by the order of its launch.
pub(crate) type Place = usize;

/// A server as Scalelite keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) place: Place,
    pub(crate) state: RegistrationState,
    pub(crate) tag: String,
    pub(crate) online: bool,
    /// What it is chosen by; unknown until the poller came by.
    load: Option<u32>,
}

/// What the poller sees of a meeting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) people: u32,
    pub(crate) opened: Minute,
}

/// Scalelite with its servers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scalelite {
    pub(crate) servers: Vec<Registered>,
}

impl Scalelite {
    /// `addServer` and `updateServer` with `enable`: it is known, and not chosen before the poller found it.
    pub(crate) fn register(&mut self, place: Place) {
        if self.find(place).is_none() {
            let state = RegistrationState::Enabled;
            self.servers.push(Registered { place, state, tag: String::new(), online: false, load: None });
        }
    }

    /// `updateServer`. What becomes enabled is chosen after the next poll only.
    pub(crate) fn update(&mut self, place: Place, state: RegistrationState, tag: &str) {
        if let Some(server) = self.find(place) {
            if server.state != state {
                server.load = None;
            }
            server.state = state;
            tag.clone_into(&mut server.tag);
        }
    }

    /// `deleteServer`.
    pub(crate) fn delete(&mut self, place: Place) {
        self.servers.retain(|server| server.place != place);
    }

    /// Where a new meeting goes: to the least loaded of the enabled, untagged servers that the poller has seen; to the first of them if they are
    /// alike. `None` makes `create` fail.
    pub(crate) fn choose(&self) -> Option<Place> {
        let open = self.servers.iter().filter(|it| it.state == RegistrationState::Enabled && it.tag.is_empty());
        open.filter_map(|it| Some((it.load?, it.place))).min().map(|(_, place)| place)
    }

    /// Each `create` and each `join` counts one until the next poll.
    pub(crate) fn count_one_more(&mut self, place: Place, people: u32) {
        if let Some(load) = self.find(place).and_then(|server| server.load.as_mut()) {
            *load += people;
        }
    }

    /// The poller's round: what answers is online with the load that it has. A cordoned server without load becomes disabled. Says whether what
    /// `getServers` shows has changed.
    pub(crate) fn poll(&mut self, now: Minute, meetings: impl Fn(Place) -> Option<Vec<Seen>>) -> bool {
        let mut has_changed = false;
        for server in &mut self.servers {
            let seen = meetings(server.place);
            let online = seen.is_some();
            has_changed |= server.online != online;
            server.online = online;
            // Moderators count twice; a lesson has one.
            let load_of = |seen: &Seen| {
                let load = seen.people + u32::from(seen.people > 0);
                if now - seen.opened < YOUNG { load.max(YOUNG_LOAD) } else { load }
            };
            let load = seen.map(|seen| seen.iter().map(load_of).sum());
            if server.state == RegistrationState::Cordoned && load == Some(0) {
                server.state = RegistrationState::Disabled;
                has_changed = true;
            }
            server.load = load.filter(|_| server.state == RegistrationState::Enabled);
        }
        has_changed
    }

    /// The servers that get new meetings.
    pub(crate) fn open(&self) -> impl Iterator<Item = Place> {
        let is_open =
            |it: &&Registered| it.state == RegistrationState::Enabled && it.tag.is_empty() && it.load.is_some();
        self.servers.iter().filter(is_open).map(|server| server.place)
    }

    /// Whether a server gets new meetings.
    pub(crate) fn is_open(&self, place: Place) -> bool {
        self.open().any(|open| open == place)
    }

    fn find(&mut self, place: Place) -> Option<&mut Registered> {
        self.servers.iter_mut().find(|server| server.place == place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(people: u32, opened: Minute) -> Vec<Seen> {
        vec![Seen { people, opened }]
    }

    #[test]
    fn a_server_is_chosen_after_it_was_polled_and_while_it_has_no_tag() {
        let mut scalelite = Scalelite::default();
        scalelite.register(3);
        assert_eq!((scalelite.choose(), scalelite.is_open(3)), (None, false));
        scalelite.poll(0, |_| Some(Vec::new()));
        assert_eq!(scalelite.choose(), Some(3));
        scalelite.update(3, RegistrationState::Cordoned, "draining");
        assert_eq!(scalelite.choose(), None);
    }

    #[test]
    fn load_is_what_was_observed_of_scalelite() {
        // 3 users, 1 moderator, 20 minutes old: 4. A fresh empty meeting: 15. 40 users: 41 with one moderator.
        for (meeting, load) in [(seen(3, 0), 4), (seen(0, 10), 15), (seen(40, 0), 41)] {
            let mut scalelite = Scalelite::default();
            scalelite.register(0);
            scalelite.poll(20, |_| Some(meeting.clone()));
            assert_eq!(scalelite.servers[0].load, Some(load));
        }
    }

    #[test]
    fn the_least_loaded_is_chosen_and_what_came_since_the_poll_counts() {
        let mut scalelite = Scalelite::default();
        scalelite.register(0);
        scalelite.register(1);
        scalelite.poll(20, |place| Some(seen(if place == 0 { 5 } else { 8 }, 0)));
        assert_eq!(scalelite.choose(), Some(0));
        scalelite.count_one_more(0, 4);
        assert_eq!(scalelite.choose(), Some(1));
    }

    #[test]
    fn a_cordoned_server_without_load_becomes_disabled() {
        let mut scalelite = Scalelite::default();
        scalelite.register(0);
        scalelite.update(0, RegistrationState::Cordoned, "draining");
        assert!(scalelite.poll(20, |_| Some(Vec::new())));
        assert_eq!(scalelite.servers[0].state, RegistrationState::Disabled);
    }
}
