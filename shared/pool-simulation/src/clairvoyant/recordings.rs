//! What meetings that stay where they are, and their recordings, ask of every plan.

use std::{cmp::Reverse, collections::BTreeMap};

use super::server_minutes;
use crate::{Load, Minute, Parameters, load::Kind};

/// Over how many cuts a stretch of recordings goes at most: a day and a half of two-hour slots.
const LONGEST_STRETCH: usize = 24;

/// A meeting as its server has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    /// From when on somebody is there.
    opened: Minute,
    /// From when on all are there.
    complete: Minute,
    /// When the first leave.
    breaks_up: Minute,
    /// When the last have left.
    over: Minute,
    /// How many are there when all are.
    seats: u32,
    /// Minutes that its recording is processed, from the next one on at the earliest; none if it is not recorded.
    processing: Minute,
}

impl Stay {
    /// From when on a server need not be there for it any longer, at the earliest.
    fn released(&self) -> Minute {
        if self.processing > 0 { self.over + 1 + self.processing } else { self.over }
    }
}

/// All meetings of a load.
pub(super) fn stays(load: &Load, parameters: &Parameters) -> Vec<Stay> {
    let mut stays: BTreeMap<u32, Stay> = BTreeMap::new();
    for movement in load.movements() {
        let stay = stays.entry(movement.meeting).or_insert(Stay {
            opened: movement.at,
            complete: movement.at,
            breaks_up: Minute::MAX,
            over: Minute::MAX,
            seats: 0,
            processing: 0,
        });
        match movement.kind {
            Kind::Come => {
                stay.complete = movement.at;
                stay.seats += movement.people;
            }
            Kind::Leave | Kind::LeaveLast => stay.breaks_up = stay.breaks_up.min(movement.at),
        }
        if movement.kind == Kind::LeaveLast {
            stay.over = movement.at;
            let place = usize::try_from(movement.meeting).ok();
            if place.and_then(|place| load.meetings.get(place)).is_some_and(|meeting| meeting.recorded) {
                stay.processing = parameters.processing(movement.at + 1 - stay.opened);
            }
        }
    }
    stays.into_values().collect()
}

/// How many servers are held at each minute by what they have been given, whatever a plan does.
///
/// Meetings that are complete at the same minute take so many servers; as many stay as those of them took that are not released.
pub(super) fn held(stays: &[Stay], minutes: usize, seats_per_server: u32) -> Vec<u32> {
    let mut coming: Vec<_> = stays.iter().collect();
    coming.sort_by_key(|stay| Reverse(stay.complete));
    let mut complete: Vec<&Stay> = Vec::new();
    // Until when the first, the second, the third server is held.
    let mut until: Vec<Minute> = Vec::new();
    let mut held = Vec::with_capacity(minutes);
    for minute in (0..).take(minutes) {
        let before = complete.len();
        while let Some(stay) = coming.pop_if(|stay| stay.complete <= minute) {
            complete.push(stay);
        }
        if complete.len() > before {
            complete.retain(|stay| stay.breaks_up > minute);
            complete.sort_unstable_by_key(|stay| Reverse(stay.released()));
            let mut seats = 0;
            for stay in &complete {
                seats += stay.seats.min(seats_per_server);
                let servers = usize::try_from(seats.div_ceil(seats_per_server)).unwrap_or(usize::MAX);
                if until.len() < servers {
                    until.resize(servers, 0);
                }
                for server in until.iter_mut().take(servers) {
                    *server = (*server).max(stay.released());
                }
            }
        }
        held.push(u32::try_from(until.iter().filter(|until| **until > minute).count()).unwrap_or(u32::MAX));
    }
    held
}

/// How many minutes are paid for at least: for the servers that are needed at each minute or, where that is more, for the processing of
/// recordings, one at a time on each server.
pub(super) fn least_minutes(stays: &[Stay], needed: &[u32], seats_per_server: u32, floor: u32, lead: Minute) -> u64 {
    let recordings = Recordings::new(stays, seats_per_server);
    let cuts = cuts(stays, needed.len(), lead);
    let cut = |place: usize| cuts.get(place).copied().unwrap_or(0);
    let between = |from: usize, to: usize| {
        let place = |cut: Minute| usize::try_from(cut).unwrap_or(usize::MAX);
        needed.get(place(cut(from))..place(cut(to))).map_or(0, |needed| server_minutes(needed, floor, lead))
    };
    // For each cut, the stretches before it that gain most over what the seats need.
    let mut best: Vec<Gain> = vec![Gain::default()];
    for to in 1..cuts.len() {
        let mut most = Gain { minutes: best.last().map_or(0, |best| best.minutes), stretch: None };
        for from in to.saturating_sub(LONGEST_STRETCH)..to {
            let stretch = cuts.get(from..=to).unwrap_or_default();
            let Some(processed) = recordings.least_minutes(stretch, floor) else { continue };
            let before = best.get(from).map_or(0, |best| best.minutes);
            let minutes = before + processed.saturating_sub(between(from, to));
            if minutes > most.minutes {
                most = Gain { minutes, stretch: Some((from, processed)) };
            }
        }
        best.push(most);
    }
    let last = best.len() - 1;
    let (mut sum, mut to, mut place) = (0, last, last);
    while place > 0 {
        match best.get(place).and_then(|best| best.stretch) {
            Some((from, processed)) => {
                sum += processed + between(place, to);
                (to, place) = (from, from);
            }
            None => place -= 1,
        }
    }
    sum + between(0, to)
}

/// What is gained up to a cut by counting recordings instead of seats.
#[derive(Debug, Clone, Copy, Default)]
struct Gain {
    minutes: u64,
    /// The cut at which the last stretch of recordings begins that is counted for it, if it ends here, and its minutes.
    stretch: Option<(usize, u64)>,
}

/// Where a plan may be looked at in parts: at the beginning of each pause, and where servers have to be launched for what comes after it.
fn cuts(stays: &[Stay], minutes: usize, lead: Minute) -> Vec<Minute> {
    let minutes = Minute::try_from(minutes).unwrap_or(Minute::MAX);
    let mut by_opening: Vec<_> = stays.iter().map(|stay| (stay.opened, stay.over)).collect();
    by_opening.sort_unstable();
    let mut cuts = vec![0];
    let mut over = 0;
    for (opened, until) in by_opening {
        if opened > over {
            cuts.extend([over, opened.saturating_sub(lead).max(over)]);
        }
        over = over.max(until);
    }
    cuts.extend([over.min(minutes), minutes]);
    cuts.dedup();
    cuts
}

/// The meetings that are recorded, by their ends.
#[derive(Debug)]
struct Recordings {
    stays: Vec<Stay>,
    seats_per_server: u32,
}

impl Recordings {
    fn new(stays: &[Stay], seats_per_server: u32) -> Self {
        // What is larger than a server is crowded on one.
        let seated = |stay: &Stay| Stay { seats: stay.seats.min(seats_per_server), ..*stay };
        let mut stays: Vec<_> = stays.iter().filter(|stay| stay.processing > 0).map(seated).collect();
        stays.sort_by_key(|stay| stay.over);
        Self { stays, seats_per_server }
    }

    fn that_end(&self, from: Minute, to: Minute) -> &[Stay] {
        let place = |minute| self.stays.partition_point(|stay| stay.over < minute);
        self.stays.get(place(from)..place(to)).unwrap_or_default()
    }

    /// How many minutes are paid for at least in a stretch because of the recordings of the meetings that end in it; nothing if not all of them
    /// are certain to be processed before its end. The stretch is given by its cuts.
    ///
    /// All are processed at some moment, and each minute of processing up to then is one of a server; from then on there is the floor. What
    /// servers have left from before the stretch puts that moment off by no more than they work on it.
    fn least_minutes(&self, stretch: &[Minute], floor: u32) -> Option<u64> {
        let (from, to) = (*stretch.first()?, *stretch.last()?);
        let minutes: u64 = self.that_end(from, to).iter().map(|stay| u64::from(stay.processing)).sum();
        // A server processes what it has without a break: since its last break there has been nothing but what ended after it.
        let processed = stretch.windows(2).filter_map(|cuts| {
            let [from, until] = *cuts else { return None };
            let last = self.that_end(from, until).last()?;
            Some(u64::from(last.over + 1) + self.most_on_one(self.that_end(from, to)))
        });
        let idle = u64::from(to).checked_sub(processed.max()?)?;
        Some(minutes + u64::from(floor) * idle)
    }

    /// How many minutes of processing one server has at most of these: in groups of meetings that are all complete at the same minute, it has no
    /// more than fits on it.
    fn most_on_one(&self, stays: &[Stay]) -> u64 {
        let mut left: Vec<_> = stays.to_vec();
        left.sort_by_key(|stay| stay.breaks_up);
        let mut left = left.as_mut_slice();
        let mut most = 0;
        while let Some(first) = left.first() {
            let breaks_up = first.breaks_up;
            let count = left.iter().take_while(|stay| stay.complete < breaks_up).count().max(1);
            let (group, rest) = left.split_at_mut(count);
            most += self.most_of_a_group(group);
            left = rest;
        }
        most
    }

    /// Those with the most processing for a seat, and the last of them in part: no choice that fits has more.
    fn most_of_a_group(&self, group: &mut [Stay]) -> u64 {
        let worth = |one: &Stay, other: &Stay| u64::from(one.processing) * u64::from(other.seats);
        group.sort_by(|one, other| worth(other, one).cmp(&worth(one, other)));
        let mut free = self.seats_per_server;
        let mut most = 0;
        for stay in group {
            if stay.seats > free {
                return most + (u64::from(stay.processing) * u64::from(free)).div_ceil(u64::from(stay.seats));
            }
            most += u64::from(stay.processing);
            free -= stay.seats;
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::Date;

    use super::*;
    use crate::{Meeting, Punctuality, clairvoyant};

    const SEATS: u32 = 100;

    fn least(meetings: &[Meeting], minutes: Minute, floor: u32, lead: Minute) -> u64 {
        let load = Load::new(Date::MIN, minutes, meetings.to_vec(), Punctuality::Usual).unwrap();
        let parameters = Parameters { seats_per_server: SEATS, ..Parameters::default() };
        let needed = clairvoyant::needed(&load.wanted(), SEATS);
        clairvoyant::least_minutes(&load, &parameters, &needed, floor, lead)
    }

    fn lecture(start: Minute, participants: u32, recorded: bool) -> Meeting {
        Meeting { start, minutes: 60, participants, recorded, opened_early: 0 }
    }

    #[test]
    fn a_server_stays_for_a_recording() {
        // Opened at 100, over at 162; recorded it is processed for 63 minutes from 163 on.
        assert_eq!(least(&[lecture(100, 80, false)], 600, 0, 10), 10 + 62);
        assert_eq!(least(&[lecture(100, 80, true)], 600, 0, 10), 10 + 62 + 1 + 63);
    }

    #[test]
    fn recordings_are_processed_one_after_another_where_they_were_made() {
        // One server has both, and they wait for each other; on two, each would be launched and have its lecture.
        let both = [lecture(100, 50, true), lecture(100, 50, true)];
        assert_eq!(least(&both, 600, 0, 10), 10 + 62 + 2 * 63);
        // Of four on two servers the floor has two. The other one waits a minute for the first recording, which is not counted.
        assert_eq!(least(&[both, both].concat(), 1000, 1, 10), 1000 + 10 + 62 + 2 * 63 - 1);
        // No two of three fit on one. The third server is needed a minute later than the others, when there are more than 200.
        let large = [lecture(100, 80, true), lecture(100, 80, true), lecture(100, 80, true)];
        assert_eq!(least(&large, 1000, 1, 10), 1000 + 2 * (10 + 62 + 1 + 63) - 1);
    }

    /// A plan that is carried out: each meeting on the first server that has seats for it, beginning with one of them.
    fn carried_out(stays: &[Stay], begin: &[usize], minutes: Minute, floor: u32, lead: Minute) -> u64 {
        let mut servers: Vec<Vec<&Stay>> = vec![Vec::new(); stays.len()];
        for (stay, begin) in stays.iter().zip(begin) {
            let fits = |server: &&mut Vec<&Stay>| {
                let beside = server.iter().filter(|other| other.opened < stay.over && stay.opened < other.over);
                beside.map(|other| other.seats).sum::<u32>() + stay.seats <= SEATS
            };
            let begin = begin % servers.len();
            let (before, after) = servers.split_at_mut(begin);
            after.iter_mut().chain(before).find(fits).unwrap().push(stay);
        }
        let mut paid = vec![0_u32; minutes as usize];
        for server in &mut servers {
            server.sort_by_key(|stay| stay.over);
            let mut busy: Vec<_> = server.iter().map(|stay| (stay.opened, stay.over)).collect();
            let mut processed = 0;
            for stay in server.iter().filter(|stay| stay.processing > 0) {
                processed = processed.max(stay.over + 1) + stay.processing;
                busy.push((stay.over, processed));
            }
            busy.sort_unstable();
            let mut until = 0;
            for (from, to) in busy {
                for minute in from.saturating_sub(lead).max(until)..to.max(until).min(minutes) {
                    paid[minute as usize] += 1;
                }
                until = until.max(to);
            }
        }
        paid.iter().map(|paid| u64::from((*paid).max(floor))).sum()
    }

    proptest! {
        #[test]
        fn no_plan_that_is_carried_out_costs_less(
            meetings in proptest::collection::vec((5..700_u32, 1..120_u32, 1..=SEATS, any::<bool>(), 0..=5_u32), 1..12),
            slots in any::<bool>(),
            begin in proptest::collection::vec(0..3_usize, 12),
            floor in 0..2_u32,
            lead in 0..40_u32,
        ) {
            let meetings: Vec<_> = meetings
                .into_iter()
                .map(|(start, minutes, participants, recorded, opened_early)| {
                    let (start, minutes) = if slots { (10 + start / 120 * 120, 90) } else { (start, minutes) };
                    Meeting { start, minutes, participants, recorded, opened_early }
                })
                .collect();
            let load = Load::new(Date::MIN, 2400, meetings, Punctuality::Usual).unwrap();
            let stays = stays(&load, &Parameters::default());
            let plan = carried_out(&stays, &begin, load.minutes, floor, lead);
            let least = least(&load.meetings, load.minutes, floor, lead);
            prop_assert!(least <= plan, "{least} of {plan}");
        }
    }
}
