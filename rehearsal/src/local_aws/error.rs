//! Why the local AWS could not be installed, started or stopped.

use std::path::PathBuf;
use std::process::ExitStatus;

/// Why the local AWS could not be installed, started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalAwsError {
    /// There is no Python that the emulator runs on.
    #[error("the local AWS needs Python 3.10 or newer; looked for {} on the path", looked_for.join(", "))]
    NoPython {
        /// The commands that were tried.
        looked_for: Vec<&'static str>,
    },
    /// The list of pinned packages could not be read.
    #[error("cannot read {}", path.display())]
    Requirements {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The folder for the installation could not be prepared.
    #[error("cannot write {}", path.display())]
    Prepare {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The virtual environment or its packages could not be installed.
    #[error("{command} failed ({status}):\n{output}{}", hint(output))]
    Install {
        /// What was run.
        command: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed.
        output: String,
    },
    /// A process could not be started.
    #[error("cannot start {}", python.display())]
    Spawn {
        /// The executable.
        python: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The clock of the local AWS could not be moved.
    #[error("cannot move the clock of the local AWS")]
    Advance(#[source] reqwest::Error),
    /// It could not be told to go on without this process.
    #[error("the local AWS cannot be left running")]
    Keep(#[source] std::io::Error),
    /// The process was gone before it could be watched.
    #[error("the local AWS ended as soon as it was started")]
    NoProcess,
    /// The log could not be written or read.
    #[error("cannot use the log {}", log.display())]
    Log {
        /// The log.
        log: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No free port was found.
    #[error("cannot listen on 127.0.0.1")]
    Listen(#[source] std::io::Error),
    /// The temporary folder could not be made or removed.
    #[error("cannot make or remove the local AWS's temporary folder")]
    Folder(#[source] std::io::Error),
    /// The client that talks to it could not be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// It did not answer a question about what exists in it.
    #[error("the local AWS did not answer {operation}")]
    Request {
        /// The question.
        operation: &'static str,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The process ended before it answered.
    #[error("the local AWS ended while it started ({status}); the end of {}:\n{end}", log.display())]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        end: String,
    },
    /// The process runs but does not answer.
    #[error("the local AWS did not answer within {seconds} seconds; the end of {}:\n{end}", log.display())]
    Silent {
        /// How long it was waited for.
        seconds: u64,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        end: String,
    },
}

/// What to do about an installation that failed for a known reason.
fn hint(output: &str) -> &'static str {
    if output.contains("ensurepip") { "\non Debian and Ubuntu the package python3-venv is missing" } else { "" }
}
