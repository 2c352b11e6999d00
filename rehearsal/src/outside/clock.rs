//! The time of day of the local AWS, for the stand-ins and for the functions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use bigbluebutton::testing::Clock;
use serde::Deserialize;
use tokio::process::Command;

use super::OutsideError;

/// The library that moves a function's clock, in `rehearsal/moved-clock`.
const PACKAGE: &str = "moved-clock";
const LIBRARY: &str = "moved_clock";

/// The time of day of the local AWS, as the file says that it keeps.
#[derive(Debug, Clone)]
pub struct MovedClock {
    file: PathBuf,
    library: PathBuf,
}

impl MovedClock {
    /// Builds the library, and makes the file in `folder`.
    pub(super) async fn prepare(workspace_root: &Path, folder: &Path) -> Result<Self, OutsideError> {
        let library = build(workspace_root).await?;
        let file = folder.join("clock");
        std::fs::write(&file, [0; 8]).map_err(OutsideError::Folder)?;
        Ok(Self { file, library })
    }

    /// What time it is in the local AWS.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        SystemTime::now() + ahead(&self.file)
    }

    /// The same for the stand-ins.
    pub(super) fn for_stand_ins(&self) -> Clock {
        let clock = self.clone();
        Clock::new(move || clock.now())
    }

    pub(super) fn file(&self) -> String {
        self.file.to_string_lossy().into_owned()
    }

    pub(super) fn function_variables(&self) -> BTreeMap<String, String> {
        [("CLOCK_FILE", &self.file), ("LD_PRELOAD", &self.library)]
            .map(|(name, path)| (name.to_owned(), path.to_string_lossy().into_owned()))
            .into()
    }
}

/// How far the local AWS is ahead. It is never moved back.
fn ahead(file: &Path) -> Duration {
    let bytes: Option<[u8; 8]> = std::fs::read(file).ok().and_then(|bytes| bytes.try_into().ok());
    Duration::from_nanos(bytes.map(i64::from_le_bytes).and_then(|ahead| u64::try_from(ahead).ok()).unwrap_or(0))
}

/// A message of `cargo build --message-format json`; only what is read here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<MessageTarget>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
}

async fn build(workspace_root: &Path) -> Result<PathBuf, OutsideError> {
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let output = Command::new(&cargo)
        .current_dir(workspace_root)
        .args(["build", "--release", "--message-format", "json-render-diagnostics", "-p", PACKAGE])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| OutsideError::StartCargo { cargo: cargo.clone(), source })?
        .wait_with_output()
        .await
        .map_err(|source| OutsideError::StartCargo { cargo, source })?;
    if !output.status.success() {
        return Err(OutsideError::Clock(output.status));
    }
    library(&output.stdout).ok_or(OutsideError::NoLibrary)
}

fn library(messages: &[u8]) -> Option<PathBuf> {
    String::from_utf8_lossy(messages)
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .find(|message| message.target.as_ref().is_some_and(|target| target.name == LIBRARY))?
        .filenames
        .into_iter()
        .find(|file| file.extension().is_some_and(|extension| extension == "so" || extension == "dylib"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_as_far_ahead_as_its_file_says() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("clock");
        assert_eq!(ahead(&file), Duration::ZERO);
        std::fs::write(&file, 3_600_000_000_000_i64.to_le_bytes()).expect("a file");
        assert_eq!(ahead(&file), Duration::from_secs(3600));
    }

    #[test]
    fn the_library_is_found_among_cargos_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"libc"},"filenames":["/t/liblibc.rlib"]}
{"reason":"compiler-artifact","target":{"name":"moved_clock"},"filenames":["/t/libmoved_clock.so"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(library(messages), Some(PathBuf::from("/t/libmoved_clock.so")));
        assert_eq!(library(b""), None);
    }
}
