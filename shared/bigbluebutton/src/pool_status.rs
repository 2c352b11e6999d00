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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-05-04T08:15:00Z.
    const WRITTEN: u64 = 1_777_882_500;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn status(text: &str) -> PoolStatus {
        read(text.as_bytes(), at(WRITTEN))
    }

    #[test]
    fn the_path_is_known() {
        // printf %s 'poolStatus639259d4-9dd8-4b25-bf01-95f9567eaf4b' | sha256sum
        assert_eq!(
            path(&"639259d4-9dd8-4b25-bf01-95f9567eaf4b".into()),
            "/pool-status/0da4dc62c629e645f804d8cb19a8a6a5179a55f003c93d072ee210efb57367fa.json"
        );
    }

    #[test]
    fn a_status() {
        let expected = Report { written: at(WRITTEN), ready: true, unfinished_recordings: 3 };
        for text in [
            r#"{"version":1,"written":"2026-05-04T08:15:00Z","ready":true,"recordings":{"unfinished":3}}"#,
            r#"{"recordings":{"unfinished":3,"x":[]},"ready":true,"written":"2026-05-04T10:15:00+02:00","version":1,"y":null}"#,
        ] {
            assert_eq!(status(text), PoolStatus::Reported(expected));
        }
    }

    #[test]
    fn what_is_no_status() {
        for (text, silence) in [
            ("", Silence::Unreadable),
            ("null", Silence::Unreadable),
            ("<html></html>", Silence::Unreadable),
            (r#"{"version":1}"#, Silence::Unreadable),
            (r#"{"version":"1"}"#, Silence::Unreadable),
            (r#"{"version":2}"#, Silence::UnknownVersion),
            (
                r#"{"version":0,"written":"2026-05-04T08:15:00Z","ready":true,"recordings":{"unfinished":0}}"#,
                Silence::UnknownVersion,
            ),
            (
                r#"{"version":1,"written":"2026-05-04 08:15","ready":true,"recordings":{"unfinished":0}}"#,
                Silence::Unreadable,
            ),
            (
                r#"{"version":1,"written":"2026-05-04T08:15:00Z","ready":"yes","recordings":{"unfinished":0}}"#,
                Silence::Unreadable,
            ),
            (
                r#"{"version":1,"written":"2026-05-04T08:15:00Z","ready":true,"recordings":{"unfinished":-1}}"#,
                Silence::Unreadable,
            ),
            (r#"{"version":1,"written":"2026-05-04T08:15:00Z","ready":true,"recordings":{}}"#, Silence::Unreadable),
            (
                r#"{"version":1,"written":"2026-05-04T08:15:00Z","ready":true,"recordings":{"unfinished":0}"#,
                Silence::Unreadable,
            ),
        ] {
            assert_eq!(status(text), PoolStatus::Silent(silence), "{text}");
        }
    }

    #[test]
    fn a_status_is_current_for_five_minutes() {
        let text = br#"{"version":1,"written":"2026-05-04T08:15:00Z","ready":false,"recordings":{"unfinished":0}}"#;
        let is_silent = |now| match read(text, at(now)) {
            PoolStatus::Silent(silence) => Some(silence),
            PoolStatus::Reported(_) => None,
        };
        assert_eq!(is_silent(WRITTEN + 300), None);
        assert_eq!(is_silent(WRITTEN + 301), Some(Silence::Stale));
        assert_eq!(is_silent(WRITTEN - 60), None);
        assert_eq!(is_silent(WRITTEN - 61), Some(Silence::FromTheFuture));
        assert_eq!(is_silent(0), Some(Silence::FromTheFuture));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fall_over(bytes: Vec<u8>) {
            prop_assert!(matches!(read(&bytes, at(WRITTEN)), PoolStatus::Silent(_)));
        }

        #[test]
        fn any_moment_of_rfc_3339(
            written in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,12})?(Z|[+-][0-2][0-9]:[0-6][0-9])",
            now in 0..u64::from(u32::MAX),
        ) {
            let text = format!(r#"{{"version":1,"written":"{written}","ready":true,"recordings":{{"unfinished":0}}}}"#);
            let _either = read(text.as_bytes(), at(now));
        }
    }
}
