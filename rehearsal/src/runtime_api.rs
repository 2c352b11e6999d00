//! Runs one real bootstrap over a Lambda Runtime API of our own, with deadlines and deaths as Lambda has them.
//!
//! ```no_run
//! # async fn example() -> Result<(), rehearsal::runtime_api::RuntimeError> {
//! use std::time::Duration;
//! use rehearsal::runtime_api::{Function, Outcome, Settings};
//!
//! let settings = Settings::new("acm-certificate").variable("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
//! let function = Function::new("target/lambda/acm-certificate/bootstrap", settings);
//! let invocation = function.invoke(&serde_json::json!({}), Duration::from_secs(60)).await?;
//! assert!(matches!(invocation.outcome, Outcome::Completed(_)));
//! # Ok(())
//! # }
//! ```

mod destination;
mod process;
mod server;
mod settings;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Mutex;

pub use destination::on_failure_record;
pub use settings::Settings;

use process::Process;

use crate::new_uuid;

/// How long Lambda lets a function initialise before the first event is charged for the time.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// A function: a bootstrap that is started when an event needs it and stays warm after.
///
/// Like one Lambda execution environment it takes one event at a time; concurrent events need a `Function` each.
/// Dropping it kills the process.
#[derive(Debug)]
pub struct Function {
    bootstrap: PathBuf,
    settings: Settings,
    process: Mutex<Option<Process>>,
    output: Arc<Output>,
}

/// What came of one event.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The function answered.
    Completed(Value),
    /// The function reported an error, for the event or for its initialisation.
    FunctionError(Value),
    /// The process ended without an answer.
    Died(ExitStatus),
    /// The process was killed at the deadline.
    TimedOut,
}

/// One event, done.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The request id under which the function saw the event.
    pub request_id: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The time from handing the event over, initialisation not included, to the outcome.
    pub duration: Duration,
    /// The time that starting the process took until it asked for the event; zero for a warm one.
    pub initialisation: Duration,
}

/// Why an event could not be handed to the function at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The Runtime API could not listen.
    #[error("cannot listen on 127.0.0.1 for the runtime API")]
    Listen(#[source] std::io::Error),
    /// The bootstrap could not be started.
    #[error("cannot start {}", bootstrap.display())]
    Start {
        /// The executable.
        bootstrap: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The process could not be waited for.
    #[error("cannot wait for the bootstrap")]
    Wait(#[source] std::io::Error),
}

impl Function {
    /// The function whose executable is `bootstrap`; nothing is started yet.
    #[must_use]
    pub fn new(bootstrap: impl Into<PathBuf>, settings: Settings) -> Self {
        Self { bootstrap: bootstrap.into(), settings, process: Mutex::new(None), output: Arc::default() }
    }

    /// Hands `event` to the function under a new request id and waits until it answered, died or had `timeout`.
    ///
    /// # Errors
    ///
    /// When the process cannot be started; whatever the process does is an [`Outcome`].
    pub async fn invoke(&self, event: &Value, timeout: Duration) -> Result<Invocation, RuntimeError> {
        let request_id = new_uuid();
        self.invoke_as(&request_id, event, timeout).await
    }

    /// As [`Function::invoke`], under a given request id: Lambda keeps the id when it tries an event again.
    ///
    /// # Errors
    ///
    /// As [`Function::invoke`].
    pub async fn invoke_as(
        &self,
        request_id: &str,
        event: &Value,
        timeout: Duration,
    ) -> Result<Invocation, RuntimeError> {
        let mut slot = self.process.lock().await;
        let started = Instant::now();
        // A process that ended between two events is replaced, as Lambda does.
        let warm = slot.take().and_then(Process::if_alive);
        let mut process = match warm {
            Some(process) => process,
            None => Process::start(&self.bootstrap, &self.settings, Arc::clone(&self.output)).await?,
        };
        let done = |outcome, initialisation, duration| Invocation {
            request_id: request_id.to_owned(),
            outcome,
            duration,
            initialisation,
        };
        if let Some(outcome) = process.wait_until_ready(INIT_TIMEOUT + timeout).await? {
            process.kill().await;
            return Ok(done(outcome, started.elapsed(), Duration::ZERO));
        }
        let initialisation = started.elapsed();
        let handed_over = Instant::now();
        let outcome = process.handle(request_id, event, timeout, &self.settings).await?;
        let duration = handed_over.elapsed();
        if matches!(outcome, Outcome::Died(_) | Outcome::TimedOut) {
            process.kill().await;
        } else {
            *slot = Some(process);
        }
        Ok(done(outcome, initialisation, duration))
    }

    /// Kills the process, if one is warm, and waits until all of its output is in [`Function::output`].
    ///
    /// The next event starts a new one.
    pub async fn stop(&self) {
        if let Some(process) = self.process.lock().await.take() {
            process.kill().await;
        }
    }

    /// Everything that all processes of this function wrote to standard output and standard error so far.
    ///
    /// What a warm process wrote just before its answer may still be on its way; [`Function::stop`] waits for it.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// The function's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// The collected output of a function's processes.
#[derive(Debug, Default)]
struct Output {
    bytes: std::sync::Mutex<Vec<u8>>,
}

impl Output {
    fn append(&self, bytes: &[u8]) {
        self.bytes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend_from_slice(bytes);
    }

    fn text(&self) -> String {
        let bytes = self.bytes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
