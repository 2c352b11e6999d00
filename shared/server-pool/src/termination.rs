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

/// How many instances Auto Scaling needs to end in a zone, so that the zones stay in balance.
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
    },
    /// It did not answer, so it may have meetings.
    Unknown,
}

/// The emptiest of the candidates, as many as are needed where they are needed, the first to go first.
///
/// What is not in `known` counts as [`Occupancy::Unknown`]; such a server is named only if there is no other.
#[must_use]
pub fn choose(candidates: &[Candidate], needed: &[Needed], known: &BTreeMap<InstanceId, Occupancy>) -> Vec<InstanceId> {
    let mut chosen = Vec::new();
    for need in needed {
        let mut here: Vec<_> = candidates
            .iter()
            .filter(|candidate| candidate.zone == need.zone && candidate.market == need.market)
            .collect();
        here.sort_by_cached_key(|candidate| (cost(known.get(&candidate.instance)), candidate.instance.clone()));
        let left = here.into_iter().map(|candidate| &candidate.instance).filter(|instance| !chosen.contains(*instance));
        let taken: Vec<_> = left.take(usize::try_from(need.count).unwrap_or(usize::MAX)).cloned().collect();
        chosen.extend(taken);
    }
    chosen
}

/// What it would cost to lose a server, the cheapest first: one without meetings, then one that is drained anyway, then few participants.
fn cost(known: Option<&Occupancy>) -> (u8, u32, u32) {
    match known {
        Some(Occupancy::Answered { load, cordoned: true }) if load.meetings == 0 => (0, 0, 0),
        Some(Occupancy::Unused) => (1, 0, 0),
        Some(Occupancy::Answered { load, .. }) if load.meetings == 0 => (2, 0, 0),
        Some(Occupancy::Answered { load, cordoned: true }) => (3, load.participants, load.meetings),
        Some(Occupancy::Answered { load, cordoned: false }) => (4, load.participants, load.meetings),
        Some(Occupancy::Unknown) | None => (5, 0, 0),
    }
}
