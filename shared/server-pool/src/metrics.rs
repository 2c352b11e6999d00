//! The pool in numbers.

use serde::{Deserialize, Serialize};

/// The pool in numbers, at every tick, also when nothing happens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Seats taken in percent of those there are, over servers that get new meetings; `None` if no server does. May exceed 100.
    pub seats_used_percent: Option<f64>,
    /// Seats taken on servers that get new meetings.
    pub seats_used: u32,
    /// Seats there are on servers that get new meetings.
    pub seats: u32,
    /// Meetings on all the pool's servers, as far as they answered.
    pub meetings: u32,
    /// Participants on all the pool's servers, as far as they answered.
    pub participants: u32,
    /// Participants of the largest meeting.
    pub largest_meeting: u32,
    /// How many instances the group wants.
    pub desired: u32,
    /// Servers by their state.
    pub servers: ServersByState,
    /// Seconds since the longest drain began; 0 if none is under way.
    pub oldest_drain_seconds: u64,
    /// Seconds since the launch of the longest-running instance that is in service and gets no meetings although it should; 0 if there is none.
    pub oldest_unregistered_seconds: u64,
    /// Registrations of the pool's servers in Scalelite beyond the one that each needs.
    pub duplicates: u32,
    /// Servers of an older launch template that are in the group, its warm pool included.
    pub outdated: u32,
    /// Sources that could not be read.
    pub unread_sources: u32,
}

/// How many servers are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the states' names")]
pub struct ServersByState {
    pub launching: u32,
    pub joining: u32,
    pub serving: u32,
    pub cordoned: u32,
    pub draining: u32,
    pub finishing: u32,
    pub retained: u32,
    pub unreachable: u32,
    pub warmed: u32,
    pub gone: u32,
    pub foreign: u32,
    pub unknown: u32,
}
