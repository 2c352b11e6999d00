//! Scalelite's poller.
//!
//! Scalelite 1.8.5: `lib/tasks/poll.rake` (loads in lines 41 to 64, cordoned servers without load in 82, failures in 93 to 110).

use std::time::{Duration, SystemTime};

use bigbluebutton::testing::Servers;

use super::{Scalelite, api::reach, cache::Copy};
use crate::State;

/// `LOAD_MIN_USER_COUNT`.
const LOAD_MIN_USER_COUNT: u32 = 15;

/// `LOAD_JOIN_BUFFER_TIME`.
const LOAD_JOIN_BUFFER_TIME: Duration = Duration::from_secs(15 * 60);

/// `SERVER_UNHEALTHY_THRESHOLD`.
const SERVER_UNHEALTHY_THRESHOLD: u32 = 2;

/// A poll that has read the servers and asked them, and has written nothing yet.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a poll is finished, unless the poller died in it"]
pub struct Poll {
    /// Each server as it was, and the load that its answer came to.
    answers: Vec<(Copy, Option<f64>)>,
}

impl Scalelite {
    /// One run of the poller, which takes place every minute.
    pub fn poll(&mut self, servers: &mut Servers, now: SystemTime) {
        let poll = self.begin_poll(servers, now);
        self.finish_poll(poll, servers, now);
    }

    /// The first half of a run: all servers are read and asked, disabled ones too.
    pub fn begin_poll(&self, servers: &mut Servers, now: SystemTime) -> Poll {
        let ask = |copy: Copy| {
            let server = reach(servers, &copy.fields.url, &copy.fields.secret);
            let load = server.map(|server| server.meetings(now)).map(|meetings| {
                let counted = meetings.values().filter(|meeting| meeting.kind.breakout_of.is_none());
                let load: u32 = counted
                    .map(|meeting| {
                        // The number of participants includes the moderators already.
                        let people = meeting.people() + meeting.moderators;
                        let is_young =
                            now.duration_since(meeting.created).map_or(true, |age| age < LOAD_JOIN_BUFFER_TIME);
                        if is_young { people.max(LOAD_MIN_USER_COUNT) } else { people }
                    })
                    .sum();
                f64::from(load)
            });
            (copy, load)
        };
        let copies = self.cache.servers.keys().filter_map(|id| self.cache.copy(id));
        Poll { answers: copies.map(ask).collect() }
    }

    /// The second half: what the answers came to is written, by the servers as they were read.
    pub fn finish_poll(&mut self, poll: Poll, servers: &mut Servers, now: SystemTime) {
        self.cache.expire(now);
        for (mut copy, load) in poll.answers {
            match load {
                Some(load) => {
                    self.cache.unhealthy.remove(&copy.id);
                    let load = load * copy.fields.load_multiplier;
                    copy.fields.online = true;
                    copy.load = Some(load);
                    if copy.fields.state == State::Cordoned && load == 0.0 {
                        copy.fields.state = State::Disabled;
                    }
                }
                None if copy.fields.online => {
                    let failures = self.cache.unhealthy.entry(copy.id.clone()).or_default();
                    *failures += 1;
                    if *failures >= SERVER_UNHEALTHY_THRESHOLD {
                        *failures = 0;
                        self.give_up(&mut copy, servers, now);
                    }
                }
                None => {}
            }
            // A server that was deleted meanwhile is only logged.
            let _deleted = self.cache.save(copy);
        }
        self.drop_ended_meetings(servers, now);
    }

    /// A server that failed twice: its meetings are forgotten, and ended if they can be.
    fn give_up(&mut self, copy: &mut Copy, servers: &mut Servers, now: SystemTime) {
        for meeting in self.cache.meetings_of(&copy.id) {
            self.cache.meetings.remove(&meeting);
            if let Some(server) = reach(servers, &copy.fields.url, &copy.fields.secret) {
                let _over_already = server.end(&meeting, now);
            }
        }
        copy.load = None;
        copy.fields.online = false;
    }

    /// Forgets the meetings that their servers do not know any more. Where the server is not known, nothing happens.
    fn drop_ended_meetings(&mut self, servers: &mut Servers, now: SystemTime) {
        let hashes = &self.cache.servers;
        self.cache.meetings.retain(|meeting, record| {
            let Some(fields) = hashes.get(&record.server) else { return true };
            reach(servers, &fields.url, &fields.secret).is_none_or(|server| server.meetings(now).contains_key(meeting))
        });
    }
}
