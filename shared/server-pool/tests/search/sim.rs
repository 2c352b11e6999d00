//! The whole: the cloud, Scalelite, BigBlueButton servers, and people.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use bigbluebutton::testing::{Agent, NewMeeting, Reach, Role, Server, Servers};
use scalelite::testing::{Ids, Poll, Scalelite};
use server_pool::{InstanceId, Settings};

use crate::{
    BIGBLUEBUTTON_SECRET, DOMAIN, GROUP, OWNER,
    cloud::{Cloud, Happening, TERMINATION_HOOK},
    schedule::{Setting, User},
};

/// Seconds from a running instance to a working server, at its first start. Longer in reality; that changes nothing but the schedules' length.
const INSTALLS: i64 = 300;
/// The same at a later start.
const BOOTS: i64 = 60;
/// Seconds between two polls of Scalelite.
const POLLS: i64 = 60;
/// Seconds that a meeting is on its way from Scalelite to its server at most (`RESPONSE_TIMEOUT`).
const CREATES: i64 = 10;

/// How many rooms there are.
pub(crate) const ROOMS: u8 = 6;

pub(crate) struct Sim {
    /// Seconds since 1970, truly.
    pub(crate) now: i64,
    pub(crate) cloud: Cloud,
    pub(crate) scalelite: Scalelite,
    /// All servers by host name, also of instances that are stopped.
    pub(crate) servers: Servers,
    pub(crate) settings: Settings,
    /// When a server works, if nothing else is in its way.
    works: BTreeMap<InstanceId, i64>,
    pub(crate) hanging: BTreeSet<InstanceId>,
    poll: Option<Poll>,
    next_poll: i64,
    /// A room whose meeting is on its way to a host.
    creating: Option<(String, String, i64)>,
    /// Since when, truly, the pool has been draining a server.
    pub(crate) drained_since: BTreeMap<InstanceId, i64>,
    /// Servers whose recordings were given up at their drain deadline, and that went back to the warm pool.
    pub(crate) given_up: BTreeSet<InstanceId>,
    /// By how many seconds the pool's clock has been slow at worst.
    pub(crate) slow: i64,
    pub(crate) was_wrong: bool,
    /// Scalelite's ids of servers that somebody put there and that are none of the pool's.
    pub(crate) by_hand: BTreeSet<String>,
    /// Whether somebody deleted a server from Scalelite by hand, which makes its rooms unusable.
    pub(crate) rooms_lost: bool,
    /// Whether EC2 showed old tags in this tick.
    pub(crate) saw_old_tags: bool,
    /// When the last tick without trouble was.
    pub(crate) last_good_tick: i64,
    /// What has happened that the pool must not let happen.
    pub(crate) broken: Option<String>,
}

impl Sim {
    pub(crate) fn new(setting: &Setting) -> Self {
        let mut settings = Settings::new(GROUP.to_owned(), DOMAIN.to_owned(), OWNER.to_owned());
        settings.drain_deadline = setting.drain_deadline.map(Duration::from_secs);
        settings.replace_at_once = setting.replace_at_once;
        settings.limits.registrations = setting.per_tick;
        settings.limits.removals = setting.per_tick;
        settings.limits.records = setting.per_tick;
        let ids = if setting.host_names { Ids::HostNames } else { Ids::Uuids };
        let now = 1_788_249_600;
        Self {
            now,
            cloud: Cloud::new(setting.desired, setting.warm),
            scalelite: Scalelite::new("load balancer secret", ids),
            servers: Servers::new(),
            settings,
            works: BTreeMap::new(),
            hanging: BTreeSet::new(),
            poll: None,
            next_poll: now + POLLS,
            creating: None,
            drained_since: BTreeMap::new(),
            given_up: BTreeSet::new(),
            slow: 0,
            was_wrong: false,
            by_hand: BTreeSet::new(),
            rooms_lost: false,
            saw_old_tags: false,
            last_good_tick: 0,
            broken: None,
        }
    }

    pub(crate) fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(self.now).unwrap())
    }

    /// The machine with this number, modulo how many there are.
    pub(crate) fn machine(&self, number: u8) -> Option<InstanceId> {
        let count = self.cloud.machines.len().max(1);
        self.cloud.machines.keys().nth(usize::from(number) % count).cloned()
    }

    pub(crate) fn server(&mut self, id: &InstanceId) -> Option<&mut Server> {
        self.servers.get_mut(&id.host(DOMAIN))
    }

    /// Lets seconds pass, with Scalelite's poller at work.
    pub(crate) fn pass(&mut self, seconds: i64) {
        let until = self.now + seconds;
        while self.now < until {
            self.now = until.min(self.now + 15);
            self.cloud.pass(self.now);
            self.hear();
            if self.creating.as_ref().is_some_and(|(_, _, since)| self.now - since >= CREATES) {
                self.finish_create();
            }
            if self.now >= self.next_poll {
                self.next_poll = self.now + POLLS;
                self.wire();
                let now = self.time();
                self.scalelite.poll(&mut self.servers, now);
            }
        }
    }

    /// Lets servers start, stop and end with their instances.
    pub(crate) fn hear(&mut self) {
        let now = self.time();
        for happening in std::mem::take(&mut self.cloud.happenings) {
            match happening {
                Happening::Starts(id) => {
                    let takes = if self.servers.contains_key(&id.host(DOMAIN)) { BOOTS } else { INSTALLS };
                    let server = self.servers.entry(id.host(DOMAIN)).or_insert_with(|| {
                        let mut server = Server::new(BIGBLUEBUTTON_SECRET);
                        server.agent = Agent::NotStarted;
                        server
                    });
                    server.reach = Reach::Hangs;
                    self.works.insert(id, self.now + takes);
                }
                Happening::Stops(id) => {
                    if let Some(server) = self.server(&id) {
                        let meetings: Vec<_> = server.meetings(now).keys().cloned().collect();
                        for meeting in meetings {
                            let _over = server.end(&meeting, now);
                        }
                    }
                }
                Happening::Ends(id) => {
                    self.servers.remove(&id.host(DOMAIN));
                }
                Happening::GivesUp(id) => {
                    let began = self.cloud.machines.get(&id).map_or(self.now, |machine| machine.hook_began);
                    let was_seen = self.last_good_tick > began && self.now - self.last_good_tick < TERMINATION_HOOK;
                    if was_seen {
                        self.broken = Some(format!("no heartbeat for {id}, which a tick had seen"));
                    }
                }
            }
        }
    }

    /// Lets servers answer that are up and whose names lead to them.
    pub(crate) fn wire(&mut self) {
        self.hear();
        for (id, machine) in &self.cloud.machines {
            let Some(server) = self.servers.get_mut(&id.host(DOMAIN)) else { continue };
            let works = machine.is_up() && self.works.get(id).is_some_and(|works| *works <= self.now);
            if works && server.agent == Agent::NotStarted {
                server.agent = Agent::Writes;
            }
            let answers = works && self.cloud.resolves(id) && !self.hanging.contains(id);
            server.reach = if answers { Reach::Answers } else { Reach::Hangs };
        }
    }

    pub(crate) fn begin_poll(&mut self) {
        self.wire();
        let now = self.time();
        self.poll = Some(self.scalelite.begin_poll(&mut self.servers, now));
    }

    pub(crate) fn finish_poll(&mut self) {
        self.wire();
        let now = self.time();
        if let Some(poll) = self.poll.take() {
            self.scalelite.finish_poll(poll, &mut self.servers, now);
        }
    }

    /// Does what people do. Whatever fails, they bear it.
    pub(crate) fn user(&mut self, user: &User) {
        self.wire();
        let now = self.time();
        match user {
            User::Meet { room, people, recorded } => self.meet(*room, *people, *recorded, None),
            User::MeetOnTagged { room } => self.meet(*room, 2, false, Some("draining")),
            User::Leave { room } => {
                for server in self.servers.values_mut() {
                    let people =
                        server.meetings(now).get(&name(*room)).map_or((0, 0), |it| (it.moderators, it.viewers));
                    for (role, count) in [(Role::Moderator, people.0), (Role::Viewer, people.1)] {
                        for _ in 0..count {
                            let _over = server.leave(&name(*room), role, now);
                        }
                    }
                }
            }
            User::BeginCreate { room } => self.begin_create(&name(*room)),
            User::FinishCreate => self.finish_create(),
        }
    }

    fn meet(&mut self, room: u8, people: u8, recorded: bool, tag: Option<&str>) {
        let now = self.time();
        let kind = NewMeeting { recorded, ..NewMeeting::default() };
        let created = self.scalelite.create(&name(room), kind, tag, &mut self.servers, now);
        for person in 0..if created.is_ok() { people } else { 0 } {
            let role = if person == 0 { Role::Moderator } else { Role::Viewer };
            let _refused = self.scalelite.join(&name(room), role, &mut self.servers, now);
        }
        if people == 4 {
            // They go into a breakout room, which Scalelite does not know of, and does not count.
            let breakout_of = Some(name(room));
            let holder = created.ok().and_then(|id| host_of(&self.scalelite.server(&id)?.url));
            if let Some(server) = holder.and_then(|host| self.servers.get_mut(&host)) {
                server.create("breakout", NewMeeting { breakout_of, ..NewMeeting::default() }, now);
                let _joined = server.join("breakout", Role::Viewer, now);
            }
        }
    }

    /// Scalelite chooses a server and writes that down; its call to the server hangs for now.
    fn begin_create(&mut self, room: &str) {
        if self.creating.is_some() {
            return;
        }
        for server in self.servers.values_mut() {
            server.reach = Reach::Hangs;
        }
        let now = self.time();
        let _hangs = self.scalelite.create(room, NewMeeting::default(), None, &mut self.servers, now);
        self.wire();
        let id = self.scalelite.records().find(|(meeting, _)| *meeting == room).map(|(_, id)| id.to_owned());
        let url = id.and_then(|id| Some(self.scalelite.server(&id)?.url));
        let host = url.and_then(|url| host_of(&url));
        self.creating = host.map(|host| (room.to_owned(), host, self.now));
    }

    fn finish_create(&mut self) {
        self.wire();
        let now = self.time();
        let Some((room, host, _)) = self.creating.take() else { return };
        if let Some(server) = self.servers.get_mut(&host).filter(|server| server.reach == Reach::Answers) {
            server.create(&room, NewMeeting::default(), now);
        }
    }

    /// Whether a server shows anything that ending it would lose, and the pool has no right to: its drain deadline is ahead.
    pub(crate) fn would_lose(&mut self, id: &InstanceId) -> Option<String> {
        let drained = self.drained_since.get(id).map(|since| self.now - since);
        let deadline = self.settings.drain_deadline.map(|deadline| i64::try_from(deadline.as_secs()).unwrap());
        if drained.zip(deadline).is_some_and(|(drained, deadline)| drained + self.slow >= deadline) {
            self.given_up.insert(id.clone());
            return None;
        }
        let now = self.time();
        let server = self.servers.get_mut(&id.host(DOMAIN))?;
        let meetings: Vec<_> = server.meetings(now).keys().cloned().collect();
        let recordings = if self.given_up.contains(id) { 0 } else { server.recordings(now).len() };
        if meetings.is_empty() && recordings == 0 {
            return None;
        }
        Some(format!(
            "{id} has the meetings {meetings:?} and {recordings} unfinished recordings, drained for {drained:?} s"
        ))
    }
}

fn host_of(url: &str) -> Option<String> {
    url.strip_prefix("https://")?.split('/').next().map(str::to_owned)
}

/// The name of a room's meeting.
pub(crate) fn name(room: u8) -> String {
    format!("room {room}")
}
