//! What a load needs on each weekday, as scheduled actions.

use std::collections::BTreeMap;

use time::Weekday;

use crate::{DAY, Error, Load, Minute, Scheduled, clairvoyant};

/// How many servers are needed at each minute of each weekday, at most.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    days: BTreeMap<u8, Vec<u32>>,
}

/// Minutes to which scheduled actions are rounded.
const STEP: Minute = 5;
/// The weekdays, as a recurrence writes them, beginning with Sunday.
const NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Profile {
    /// What the loads need, the neediest at each minute.
    pub(super) fn of<'a>(loads: impl Iterator<Item = &'a Load>, seats_per_server: u32) -> Self {
        let mut days: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
        let length = usize::try_from(DAY).unwrap_or(usize::MAX);
        for load in loads {
            let needed = clairvoyant::needed(&load.wanted(), seats_per_server);
            for (place, day) in (0..).zip(needed.chunks(length)) {
                let weekday: Weekday = load.day_of(place * DAY).weekday();
                let profile = days.entry(weekday.number_days_from_sunday()).or_insert_with(|| vec![0; length]);
                for (most, needed) in profile.iter_mut().zip(day) {
                    *most = (*most).max(*needed);
                }
            }
        }
        Self { days }
    }

    /// The most servers that are ever needed at once.
    pub(super) fn most(&self) -> u32 {
        self.days.values().flatten().copied().max().unwrap_or(0).max(1)
    }

    /// A time of day, rounded down to one for a scheduled action.
    pub(super) fn rounded(minute: Minute) -> Minute {
        minute / STEP * STEP
    }

    /// The weekdays on which more than these servers are needed, and from when until when on one of them.
    pub(super) fn busy(&self, floor: u32) -> Option<(Vec<u8>, Minute, Minute)> {
        let busy = |day: &Vec<u32>| -> Option<(usize, usize)> {
            let first = day.iter().position(|needed| *needed > floor)?;
            Some((first, day.iter().rposition(|needed| *needed > floor)?))
        };
        let times: Vec<_> = self.days.iter().filter_map(|(day, needed)| Some((*day, busy(needed)?))).collect();
        let first = times.iter().map(|(_, (first, _))| *first).min()?;
        let last = times.iter().map(|(_, (_, last))| *last).max()?;
        let minute = |place: usize| Minute::try_from(place).unwrap_or(DAY);
        Some((times.into_iter().map(|(day, _)| day).collect(), minute(first), minute(last)))
    }

    /// An action for each step of what is needed. A server is there so much earlier, and stays where it would soon be launched again.
    pub(super) fn steps(
        &self,
        lead: Minute,
        margin: Minute,
        floor: u32,
        more: u32,
        max: u32,
    ) -> Result<Vec<Scheduled>, Error> {
        let ahead = usize::try_from(lead + margin).unwrap_or(usize::MAX);
        let mut actions: BTreeMap<(Minute, u32), Vec<u8>> = BTreeMap::new();
        for (weekday, needed) in &self.days {
            let wanted: Vec<_> = needed
                .iter()
                .map(|needed| if *needed > floor { (needed + more).min(max) } else { (*needed).max(floor) })
                .collect();
            let mut before = floor;
            for from in (0..DAY).step_by(usize::try_from(STEP).unwrap_or(1)) {
                let place = usize::try_from(from).unwrap_or(usize::MAX);
                // What is needed from here until a launch from the next step on would be in time.
                let until = place.saturating_add(ahead + usize::try_from(STEP).unwrap_or(0)).min(wanted.len());
                let min = wanted.get(place..until).and_then(|window| window.iter().max().copied()).unwrap_or(floor);
                if min != before {
                    actions.entry((from, min)).or_default().push(*weekday);
                    before = min;
                }
            }
        }
        actions.into_iter().map(|((from, min), days)| action(from, &days, min)).collect()
    }
}

/// A scheduled action at this time of these weekdays.
pub(super) fn action(from: Minute, days: &[u8], min: u32) -> Result<Scheduled, Error> {
    let (hour, minute) = (from / 60, from % 60);
    Ok(Scheduled { at: format!("{minute} {hour} * * {}", names(days)).parse()?, min })
}

/// Weekdays as a recurrence has them: two or more in a row as a range.
fn names(days: &[u8]) -> String {
    let name = |day: u8| NAMES.get(usize::from(day)).copied().unwrap_or("SUN");
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for day in days {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *day => *last = *day,
            _ => ranges.push((*day, *day)),
        }
    }
    let range = |(first, last): &(u8, u8)| match last - first {
        0 => name(*first).to_owned(),
        1 => format!("{},{}", name(*first), name(*last)),
        _ => format!("{}-{}", name(*first), name(*last)),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_are_written_as_ranges() {
        assert_eq!(names(&[1, 2, 3, 4, 5]), "MON-FRI");
        assert_eq!(names(&[0, 1, 3, 5, 6]), "SUN,MON,WED,FRI,SAT");
    }

    #[test]
    fn steps_come_early_enough_and_not_where_a_pause_is_short() {
        // Three servers from 8:00 to 8:45 and from 9:00 to 9:45, on Mondays.
        let mut day = vec![0; 1440];
        day[480..525].fill(3);
        day[540..585].fill(3);
        let profile = Profile { days: BTreeMap::from([(1, day)]) };
        let steps = profile.steps(25, 0, 1, 0, 10).unwrap();
        let texts: Vec<_> = steps.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["35 7 * * MON=3", "45 9 * * MON=1"].map(str::to_owned));
        assert_eq!(profile.busy(1), Some((vec![1], 480, 584)));
    }
}
