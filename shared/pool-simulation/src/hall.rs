//! The meetings: who is in them, on which server, and who has no seat.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    Load, Minute, Parameters, Waiting,
    load::{Kind, Movement},
    scalelite::{Place, Scalelite, Seen, YOUNG},
};

/// All meetings of a load, as they are held on servers.
#[derive(Debug, Clone)]
pub(crate) struct Hall<'a> {
    load: &'a Load,
    /// Those that are still to come.
    movements: &'a [Movement],
    parameters: &'a Parameters,
    rooms: Vec<Room>,
    /// Servers with meetings or recordings.
    servers: BTreeMap<Place, Server>,
    /// Who waits for a seat, the first to come first.
    queue: VecDeque<Seatless>,
    /// Rooms that the last has left a minute ago: BigBlueButton ends them now.
    left: Vec<u32>,
    /// Rooms by their opening, until they are no longer young.
    young: VecDeque<(Minute, u32)>,
    /// Whether what a server says of itself has changed since that was asked.
    has_changed: bool,
    /// People in meetings that the pool has a seat for.
    pub(crate) seated: u32,
    /// How it went.
    pub(crate) tally: Tally,
}

/// How it went so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) waiting: Waiting,
    /// Meetings that were opened.
    pub(crate) held: u64,
    /// The most people on one server.
    pub(crate) crowd: u32,
    /// Minutes that people were in meetings.
    pub(crate) person_minutes: u64,
    /// Those of them on a server with more people than seats.
    pub(crate) crowded_minutes: u64,
}

/// A meeting.
#[derive(Debug, Clone, Default)]
struct Room {
    at: Option<Place>,
    opened: Minute,
    present: u32,
    /// Those of them that have a seat.
    seated: u32,
    is_over: bool,
}

/// People who came to a meeting and wait for seats.
#[derive(Debug, Clone, Copy)]
struct Seatless {
    since: Minute,
    meeting: u32,
    people: u32,
    /// Whether they are in the meeting: BigBlueButton lets everybody in. Outside are only those for whose meeting there is no server.
    inside: bool,
}

/// What is on a server.
#[derive(Debug, Clone, Default)]
struct Server {
    rooms: Vec<u32>,
    present: u32,
    seated: u32,
    /// Minutes of processing left for each recording; the first is being processed.
    recordings: VecDeque<u32>,
}

impl<'a> Hall<'a> {
    pub(crate) fn new(load: &'a Load, movements: &'a [Movement], parameters: &'a Parameters) -> Self {
        Self {
            load,
            movements,
            parameters,
            rooms: vec![Room::default(); load.meetings.len()],
            servers: BTreeMap::new(),
            queue: VecDeque::new(),
            left: Vec::new(),
            young: VecDeque::new(),
            has_changed: false,
            seated: 0,
            tally: Tally::default(),
        }
    }

    /// Lets a minute pass.
    pub(crate) fn pass(&mut self, now: Minute, scalelite: &mut Scalelite) {
        self.process_recordings();
        self.end_left(now);
        self.servers.retain(|_, server| !server.rooms.is_empty() || !server.recordings.is_empty());
        while self.young.front().is_some_and(|(opened, _)| now - opened >= YOUNG) {
            self.young.pop_front();
            // It counts for fewer seats from now on.
            self.has_changed = true;
        }
        while let Some((movement, rest)) = self.movements.split_first().filter(|(movement, _)| movement.at <= now) {
            self.movements = rest;
            let Movement { meeting, people, .. } = *movement;
            match movement.kind {
                Kind::Come => self.queue.push_back(Seatless { since: now, meeting, people, inside: false }),
                Kind::Leave => self.leave(meeting, people, now),
                Kind::LeaveLast => self.leave_last(meeting, now),
            }
        }
        self.let_in(now, scalelite);
        self.seat(now, scalelite);
        self.count();
    }

    /// Lets everybody in whose meeting has a server, or gets one.
    fn let_in(&mut self, now: Minute, scalelite: &mut Scalelite) {
        let mut queue = std::mem::take(&mut self.queue);
        for waiting in queue.iter_mut().filter(|waiting| !waiting.inside) {
            let at = get(&mut self.rooms, waiting.meeting).and_then(|room| room.at);
            let Some(place) = at.or_else(|| self.open(waiting.meeting, now, scalelite)) else { continue };
            waiting.inside = true;
            scalelite.count_one_more(place, waiting.people);
            self.servers.entry(place).or_default().present += waiting.people;
            if let Some(room) = get(&mut self.rooms, waiting.meeting) {
                room.present += waiting.people;
            }
            self.has_changed = true;
        }
        self.queue = queue;
    }

    /// Gives seats to those who wait for them, the first to come first.
    ///
    /// The seats of all servers that take new meetings are one: Scalelite knows of no seats, so one server may become crowded while others
    /// have room, which is counted apart. A server that takes no new meetings has its own seats besides, for the meetings that it has.
    fn seat(&mut self, now: Minute, scalelite: &Scalelite) {
        if self.queue.is_empty() {
            return;
        }
        let open: Vec<_> = scalelite.open().collect();
        let taken = open.iter().filter_map(|place| self.servers.get(place)).map(|server| server.seated).sum::<u32>();
        let seats = u32::try_from(open.len()).unwrap_or(u32::MAX).saturating_mul(self.parameters.seats_per_server);
        let mut free = seats.saturating_sub(taken);
        for waiting in self.queue.iter_mut().filter(|waiting| waiting.inside) {
            let Some(room) = get(&mut self.rooms, waiting.meeting) else { continue };
            let Some((place, server)) = room.at.and_then(|place| Some((place, self.servers.get_mut(&place)?))) else {
                continue;
            };
            let left =
                if open.contains(&place) { 0 } else { self.parameters.seats_per_server.saturating_sub(server.seated) };
            let own = left.min(waiting.people);
            let others = free.min(waiting.people - own);
            free -= others;
            let people = own + others;
            room.seated += people;
            server.seated += people;
            self.seated += people;
            waiting.people -= people;
            self.tally.waiting.seated(now - waiting.since, people);
        }
        self.queue.retain(|waiting| waiting.people > 0);
    }

    /// Scalelite's `create`: the room gets a server if there is one.
    fn open(&mut self, meeting: u32, now: Minute, scalelite: &mut Scalelite) -> Option<Place> {
        let place = scalelite.choose()?;
        scalelite.count_one_more(place, 1);
        let room = get(&mut self.rooms, meeting)?;
        room.at = Some(place);
        room.opened = now;
        self.servers.entry(place).or_default().rooms.push(meeting);
        self.young.push_back((now, meeting));
        self.tally.held += 1;
        self.has_changed = true;
        Some(place)
    }

    /// People leave, those with a seat first; the others never had one.
    fn leave(&mut self, meeting: u32, people: u32, now: Minute) {
        let Some(room) = get(&mut self.rooms, meeting) else { return };
        let gone = people.min(room.seated);
        room.seated -= gone;
        self.seated -= gone;
        let mut others = people - gone;
        let mut inside = 0;
        if others > 0 {
            for waiting in self.queue.iter_mut().filter(|waiting| waiting.meeting == meeting) {
                let gone = others.min(waiting.people);
                self.tally.waiting.gave_up(now - waiting.since, gone);
                waiting.people -= gone;
                others -= gone;
                inside += if waiting.inside { gone } else { 0 };
            }
            self.queue.retain(|waiting| waiting.people > 0);
        }
        room.present -= gone + inside;
        if let Some(server) = room.at.and_then(|place| self.servers.get_mut(&place)) {
            server.seated -= gone;
            server.present -= gone + inside;
            self.has_changed |= gone + inside > 0;
        }
    }

    /// All that are left leave.
    fn leave_last(&mut self, meeting: u32, now: Minute) {
        self.leave(meeting, u32::MAX, now);
        if let Some(room) = get(&mut self.rooms, meeting) {
            room.is_over = true;
            if room.at.is_some() {
                self.left.push(meeting);
            }
        }
    }

    /// A minute after the last has left, BigBlueButton ends a meeting, and processes its recording.
    fn end_left(&mut self, now: Minute) {
        for meeting in std::mem::take(&mut self.left) {
            let is_recorded =
                usize::try_from(meeting).is_ok_and(|at| self.load.meetings.get(at).is_some_and(|it| it.recorded));
            let Some(room) = get(&mut self.rooms, meeting) else { continue };
            let processing = self.parameters.processing(now - room.opened);
            let Some(server) = room.at.take().and_then(|place| self.servers.get_mut(&place)) else { continue };
            server.rooms.retain(|room| *room != meeting);
            if is_recorded && processing > 0 {
                server.recordings.push_back(processing);
            }
            self.has_changed = true;
        }
    }

    /// One recording after another is processed on each server.
    fn process_recordings(&mut self) {
        for server in self.servers.values_mut() {
            let Some(left) = server.recordings.front_mut() else { continue };
            *left = left.saturating_sub(1);
            if *left == 0 {
                server.recordings.pop_front();
                self.has_changed = true;
            }
        }
    }

    fn count(&mut self) {
        for server in self.servers.values() {
            self.tally.person_minutes += u64::from(server.present);
            self.tally.crowd = self.tally.crowd.max(server.present);
            if server.present > self.parameters.seats_per_server {
                self.tally.crowded_minutes += u64::from(server.present);
            }
        }
    }

    /// Ends what is on a server, because its instance ends: how many meetings with people in them and how many recordings are lost.
    pub(crate) fn cut(&mut self, place: Place, now: Minute) -> (u64, u64) {
        let Some(server) = self.servers.get(&place) else { return (0, 0) };
        let recordings = u64::try_from(server.recordings.len()).unwrap_or(u64::MAX);
        let mut cut = 0;
        for meeting in server.rooms.clone() {
            let Some(room) = get(&mut self.rooms, meeting) else { continue };
            cut += u64::from(room.present > 0);
            self.tally.waiting.thrown_out(room.present);
            self.leave(meeting, u32::MAX, now);
            if let Some(room) = get(&mut self.rooms, meeting) {
                *room = Room { is_over: room.is_over, ..Room::default() };
            }
        }
        self.servers.remove(&place);
        self.has_changed = true;
        (cut, recordings)
    }

    /// The meetings of a server.
    pub(crate) fn seen(&self, place: Place) -> Vec<Seen> {
        let rooms = self.servers.get(&place).map_or(&[][..], |server| &server.rooms);
        let room = |meeting: &u32| self.rooms.get(usize::try_from(*meeting).ok()?);
        rooms.iter().filter_map(room).map(|room| Seen { people: room.present, opened: room.opened }).collect()
    }

    /// How many recordings of a server are not processed.
    pub(crate) fn recordings(&self, place: Place) -> u32 {
        self.servers.get(&place).map_or(0, |server| u32::try_from(server.recordings.len()).unwrap_or(u32::MAX))
    }

    /// How many people are on a server.
    pub(crate) fn present(&self, place: Place) -> u32 {
        self.servers.get(&place).map_or(0, |server| server.present)
    }

    /// How many people wait for a seat.
    pub(crate) fn seatless(&self) -> u32 {
        self.queue.iter().map(|waiting| waiting.people).sum()
    }

    /// How many people on a server have a seat.
    pub(crate) fn seated_on(&self, place: Place) -> u32 {
        self.servers.get(&place).map_or(0, |server| server.seated)
    }

    /// Whether what a server says of itself has changed since this was asked last.
    pub(crate) fn take_changes(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }
}

fn get(rooms: &mut [Room], meeting: u32) -> Option<&mut Room> {
    rooms.get_mut(usize::try_from(meeting).ok()?)
}
