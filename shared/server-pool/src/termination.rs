//! Whom Auto Scaling may end: the emptiest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{InstanceId, Load};

/// An instance that Auto Scaling suggests to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its id.
    pub instance: InstanceId,
    /// Its availability zone.
    pub zone: String,
    /// How it was bought: `on-demand` or `spot`.
    pub market: String,
}

/// How many instances Auto Scaling recommends to end in a zone, so that the zones stay in balance; all of them together are needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needed {
    /// The availability zone.
    pub zone: String,
    /// How they were bought: `on-demand` or `spot`.
    pub market: String,
    /// How many.
    pub count: u32,
}

/// What is known of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occupancy {
    /// It has never had a meeting from the pool: it is still launching.
    Unused,
    /// It answered.
    Answered {
        /// What it has.
        load: Load,
        /// Whether it gets no new meetings.
        cordoned: bool,
        /// Recordings that it has still to process or to hand over, for which it would have to stay; `None` if it did not say.
        unfinished_recordings: Option<u32>,
    },
    /// It did not answer, so it may have meetings.
    Unknown,
}

/// The emptiest of the candidates, as many as are needed, the first to go first.
///
/// The zones are a recommendation: "You can choose to terminate more or less instances per AZ than Auto Scaling recommends, as long as you
/// don't terminate more instances than the scale-in requires" (AWS, What's New, 29 July 2021). So a zone decides only among servers that are
/// equally empty. What is not in `known` counts as [`Occupancy::Unknown`]; such a server is named only if there is no other.
#[must_use]
pub fn choose(candidates: &[Candidate], needed: &[Needed], known: &BTreeMap<InstanceId, Occupancy>) -> Vec<InstanceId> {
    let mut by_market: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for need in needed {
        let zones = by_market.entry(&need.market).or_default();
        *zones.entry(&need.zone).or_default() += usize::try_from(need.count).unwrap_or(usize::MAX);
    }
    let chosen = by_market.into_iter().flat_map(|(market, mut zones)| {
        let total = zones.values().copied().fold(0, usize::saturating_add);
        let mut left: Vec<_> = candidates.iter().filter(|candidate| candidate.market == market).collect();
        left.sort_by_cached_key(|candidate| (cost(known.get(&candidate.instance)), candidate.instance.clone()));
        left.dedup_by(|one, other| one.instance == other.instance);
        let mut chosen = Vec::new();
        while chosen.len() < total && !left.is_empty() {
            let least = cost(known.get(&left[0].instance));
            let mut equals = left.iter().take_while(|candidate| cost(known.get(&candidate.instance)) == least);
            let is_wanted = |candidate: &&Candidate| zones.get(candidate.zone.as_str()).is_some_and(|count| *count > 0);
            let place = equals.position(is_wanted).unwrap_or(0);
            let taken = left.remove(place);
            if let Some(count) = zones.get_mut(taken.zone.as_str()) {
                *count = count.saturating_sub(1);
            }
            chosen.push(taken.instance.clone());
        }
        chosen
    });
    chosen.collect()
}

/// What it would cost to lose a server, the cheapest first: one without meetings, then one that is drained anyway, then few participants, and of equals
/// the one with the fewest recordings to process, which is paid for until they are done.
fn cost(known: Option<&Occupancy>) -> (u8, u32, u32, u32) {
    let Some(Occupancy::Answered { load, cordoned, unfinished_recordings }) = known else {
        return if known == Some(&Occupancy::Unused) { (1, 0, 0, 0) } else { (5, 0, 0, 0) };
    };
    let class = match (load.meetings, cordoned) {
        (0, true) => 0,
        (0, false) => 2,
        (_, true) => 3,
        (_, false) => 4,
    };
    (class, load.participants, load.meetings, unfinished_recordings.unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> InstanceId {
        format!("i-{number:017x}").parse().expect("an id")
    }

    fn candidate(number: u8, zone: &str) -> Candidate {
        Candidate { instance: id(number), zone: zone.to_owned(), market: "on-demand".to_owned() }
    }

    fn need(zone: &str, count: u32) -> Needed {
        Needed { zone: zone.to_owned(), market: "on-demand".to_owned(), count }
    }

    fn answered(meetings: u32, participants: u32, cordoned: bool) -> Occupancy {
        let load = Load { meetings, participants, ..Load::default() };
        Occupancy::Answered { load, cordoned, unfinished_recordings: Some(0) }
    }

    fn numbers(chosen: &[InstanceId]) -> Vec<u8> {
        (0..=9).flat_map(|number| chosen.iter().filter(move |one| **one == id(number)).map(move |_| number)).collect()
    }

    #[test]
    fn the_cheapest_first() {
        let candidates: Vec<_> = (0..=6).map(|number| candidate(number, "a")).collect();
        let known = BTreeMap::from([
            (id(0), Occupancy::Unknown),
            (id(1), answered(2, 40, false)),
            (id(2), answered(1, 3, false)),
            (id(3), answered(1, 50, true)),
            (id(4), answered(0, 0, false)),
            (id(5), Occupancy::Unused),
            (id(6), answered(0, 0, true)),
        ]);
        assert_eq!(choose(&candidates, &[need("a", 7)], &known), [6, 5, 4, 3, 2, 1, 0].map(id));
        assert_eq!(choose(&candidates, &[need("a", 2)], &known), [6, 5].map(id));
        assert!(choose(&candidates, &[], &known).is_empty());
    }

    #[test]
    fn of_equally_empty_ones_that_goes_first_which_has_no_recordings_to_stay_for() {
        let candidates: Vec<_> = (1..=4).map(|number| candidate(number, "a")).collect();
        let empty = |unfinished_recordings| Occupancy::Answered {
            load: Load::default(),
            cordoned: false,
            unfinished_recordings,
        };
        let known = BTreeMap::from([
            (id(1), empty(None)),
            (id(2), empty(Some(2))),
            (id(3), empty(Some(0))),
            (id(4), answered(1, 0, false)),
        ]);
        assert_eq!(choose(&candidates, &[need("a", 4)], &known), [3, 2, 1, 4].map(id));
    }

    #[test]
    fn an_empty_server_goes_before_a_used_one_of_the_zone_that_is_too_large() {
        let candidates = [candidate(1, "a"), candidate(2, "b"), candidate(3, "a")];
        let known = BTreeMap::from([
            (id(1), answered(1, 5, false)),
            (id(2), answered(0, 0, false)),
            (id(3), answered(1, 6, false)),
        ]);
        assert_eq!(choose(&candidates, &[need("a", 1)], &known), [id(2)]);
    }

    #[test]
    fn of_equally_empty_ones_those_go_that_keep_the_zones_in_balance() {
        let candidates: Vec<_> =
            [(1, "a"), (2, "b"), (3, "b"), (4, "c"), (5, "c")].map(|(n, z)| candidate(n, z)).into();
        let known: BTreeMap<_, _> = (1..=5).map(|number| (id(number), answered(0, 0, false))).collect();
        assert_eq!(numbers(&choose(&candidates, &[need("b", 1), need("c", 1)], &known)), [2, 4]);
    }

    #[test]
    fn nobody_twice_and_nobody_of_another_market() {
        let spot = Candidate { market: "spot".to_owned(), ..candidate(2, "a") };
        let candidates = [candidate(1, "a"), candidate(1, "a"), spot];
        assert_eq!(choose(&candidates, &[need("a", 3)], &BTreeMap::new()), [id(1)]);
    }
}
