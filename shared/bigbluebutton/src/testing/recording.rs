//! A recording on its way from the end of a meeting to where recordings are played.

use std::time::{Duration, SystemTime};

/// Collecting the raw media, checking them.
const ARCHIVE: Duration = Duration::from_secs(60);

/// Publishing, and handing over to the shared storage: moving files.
const MOVE: Duration = Duration::from_secs(30);

/// How far a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The meeting ended; the media are being collected. `getRecordings` does not list it.
    Raw,
    /// Listed as `processing`; takes as long as the meeting was.
    Processing,
    /// Listed as `processed`.
    Processed,
    /// Listed as `published`, until it is handed over. Then it is no longer here.
    Published,
}

/// A recording on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The meeting's id.
    pub meeting: String,
    /// How far it is.
    pub stage: Stage,
    /// How long the meeting was.
    pub length: Duration,
    /// When the next stage begins.
    pub(super) due: SystemTime,
}

impl Recording {
    pub(super) fn new(meeting: String, length: Duration, now: SystemTime) -> Self {
        Self { meeting, stage: Stage::Raw, length, due: now + ARCHIVE }
    }

    /// Goes as far as it is at `now`; `false` when it was handed over.
    pub(super) fn pass(&mut self, now: SystemTime) -> bool {
        while self.due <= now {
            let (stage, takes) = match self.stage {
                Stage::Raw => (Stage::Processing, self.length),
                Stage::Processing => (Stage::Processed, MOVE),
                Stage::Processed => (Stage::Published, MOVE),
                Stage::Published => return false,
            };
            self.stage = stage;
            self.due += takes;
        }
        true
    }
}
