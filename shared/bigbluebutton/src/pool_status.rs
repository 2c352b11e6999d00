//! What a server says of itself.
//!
//! BigBlueButton's API answers as soon as its web application is up, while the conference's other parts may be down, and it does not list the recordings
//! that wait to be archived. Only the server knows. So a server of the pool writes a small file every minute, and its web server hands it out:
//!
//! ```text
//! GET https://<host>/pool-status/<digest>.json
//!
//! {"version":1,"written":"2026-05-04T08:15:00Z","ready":true,"recordings":{"unfinished":0}}
//! ```
//!
//! | member | meaning |
//! | --- | --- |
//! | `version` | 1; a file of another version is not understood |
//! | `written` | when it was written, as RFC 3339 |
//! | `ready` | whether all of BigBlueButton's units run |
//! | `recordings.unfinished` | recordings in any stage from the end of the meeting until they are handed over |
//!
//! Other members are ignored. `<digest>` is the SHA-256 of `poolStatus` followed by the API secret, in lower-case hexadecimal: who does not have the secret
//! does not find the file, and it needs no signature for each request. A web server can hand out a file whose name it does not know how to compute.
//!
//! A server that is silent (no file, an unreadable one, an old one) has not said that it is empty. What follows from that is the caller's decision.

use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::signature;

/// How old a status may be. It is written every minute; after five the writer has stopped.
pub const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// How far in the future a status may be written: by how much two clocks may differ.
pub const MAX_AHEAD: Duration = Duration::from_secs(60);

/// The version of the format.
const VERSION: u64 = 1;

/// What a server says of itself, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolStatus {
    /// A status that is current.
    Reported(Report),
    /// Nothing to go by.
    Silent(Silence),
}

/// A server's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// When it was written, by the server's clock.
    pub written: SystemTime,
    /// Whether all of BigBlueButton's units run.
    pub ready: bool,
    /// How many recordings would be lost with the server.
    pub unfinished_recordings: u64,
}

/// Why there is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The server did not answer.
    Unreachable,
    /// The server has no status: it is still being set up, or is not of the pool, or has another secret.
    Absent,
    /// What the server answered is no status.
    Unreadable,
    /// The status has another version.
    UnknownVersion,
    /// The status is older than [`MAX_AGE`].
    Stale,
    /// The status is from the future, by more than [`MAX_AHEAD`].
    FromTheFuture,
}

/// The path of a server's status.
#[must_use]
pub fn path(secret: &SecretString) -> String {
    format!("/pool-status/{}.json", signature::checksum("poolStatus", "", secret))
}

/// Reads a status.
#[must_use]
pub fn read(body: &[u8], now: SystemTime) -> PoolStatus {
    match parse(body) {
        Err(silence) => PoolStatus::Silent(silence),
        Ok(report) => match now.duration_since(report.written) {
            Ok(age) if age > MAX_AGE => PoolStatus::Silent(Silence::Stale),
            Err(ahead) if ahead.duration() > MAX_AHEAD => PoolStatus::Silent(Silence::FromTheFuture),
            Ok(_) | Err(_) => PoolStatus::Reported(report),
        },
    }
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

#[derive(Deserialize)]
struct File {
    written: String,
    ready: bool,
    recordings: Recordings,
}

#[derive(Deserialize)]
struct Recordings {
    unfinished: u64,
}

fn parse(body: &[u8]) -> Result<Report, Silence> {
    match serde_json::from_slice(body) {
        Ok(Version { version: VERSION }) => {}
        Ok(Version { .. }) => return Err(Silence::UnknownVersion),
        Err(_not_shown) => return Err(Silence::Unreadable),
    }
    let Ok(File { written, ready, recordings }) = serde_json::from_slice(body) else { return Err(Silence::Unreadable) };
    let Ok(written) = OffsetDateTime::parse(&written, &Rfc3339) else { return Err(Silence::Unreadable) };
    Ok(Report { written: written.into(), ready, unfinished_recordings: recordings.unfinished })
}
