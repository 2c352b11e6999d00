//! One process of a function, from its start to its end.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::server::{Event, Report, Server};
use super::{Outcome, Output, RuntimeError, Settings};

/// A started bootstrap with the server it talks to.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    server: Server,
    readers: [JoinHandle<()>; 2],
    /// Whether it asked for its next event already.
    ready: bool,
}

impl Process {
    /// Starts `bootstrap` in the environment that `settings` describe and nothing else.
    pub(super) async fn start(
        bootstrap: &Path,
        settings: &Settings,
        output: Arc<Output>,
    ) -> Result<Self, RuntimeError> {
        let failed = |source| RuntimeError::Start { bootstrap: bootstrap.to_path_buf(), source };
        let server = Server::start().await?;
        let bootstrap = tokio::fs::canonicalize(bootstrap).await.map_err(failed)?;
        let task_root = bootstrap.parent().unwrap_or(Path::new("/"));
        let mut child = Command::new(&bootstrap)
            .env_clear()
            .envs(settings.environment(&server.address.to_string(), task_root))
            .current_dir(task_root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let readers = [
            tokio::spawn(collect(child.stdout.take(), Arc::clone(&output))),
            tokio::spawn(collect(child.stderr.take(), output)),
        ];
        Ok(Self { child, server, readers, ready: false })
    }

    /// The process, unless it has ended.
    pub(super) fn if_alive(mut self) -> Option<Self> {
        matches!(self.child.try_wait(), Ok(None)).then_some(self)
    }

    /// Waits until the process asks for an event; gives an outcome when it fails to, within `timeout`.
    pub(super) async fn wait_until_ready(&mut self, timeout: Duration) -> Result<Option<Outcome>, RuntimeError> {
        let deadline = Instant::now() + timeout;
        while !self.ready {
            match self.next_report(deadline).await? {
                Ok(Report::Ready) => self.ready = true,
                Ok(Report::InitError(error)) => return Ok(Some(Outcome::FunctionError(error))),
                // Answers to events that it never got mean nothing.
                Ok(Report::Response(..) | Report::Error(..)) => {}
                Err(outcome) => return Ok(Some(outcome)),
            }
        }
        Ok(None)
    }

    /// Hands one event to the waiting process and waits for what comes of it.
    pub(super) async fn handle(
        &mut self,
        request_id: &str,
        event: &Value,
        timeout: Duration,
        settings: &Settings,
    ) -> Result<Outcome, RuntimeError> {
        let deadline = Instant::now() + timeout;
        let wall_clock = SystemTime::now() + timeout;
        // If the process died meanwhile the server is still there, and the report below says so.
        let _ = self.server.events.send(Event {
            request_id: request_id.to_owned(),
            deadline: wall_clock.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis(),
            function_arn: settings.arn(),
            trace_id: trace_id(),
            payload: event.to_string().into_bytes(),
        });
        self.ready = false;
        loop {
            match self.next_report(deadline).await? {
                Ok(Report::Response(id, answer)) if id == request_id => {
                    return Ok(Outcome::Completed(answer));
                }
                Ok(Report::Error(id, error)) if id == request_id => {
                    return Ok(Outcome::FunctionError(error));
                }
                Ok(Report::InitError(error)) => return Ok(Outcome::FunctionError(error)),
                Ok(Report::Ready) => self.ready = true,
                Ok(Report::Response(..) | Report::Error(..)) => {}
                Err(outcome) => return Ok(outcome),
            }
        }
    }

    /// The next thing that the process says, or the outcome when it ends or `deadline` passes first.
    async fn next_report(&mut self, deadline: Instant) -> Result<Result<Report, Outcome>, RuntimeError> {
        tokio::select! {
            // A process may answer and end at once: the answer counts.
            biased;
            report = self.server.reports.recv() => match report {
                Some(report) => Ok(Ok(report)),
                None => Ok(Err(Outcome::TimedOut)),
            },
            status = self.child.wait() => match self.server.reports.try_recv() {
                Ok(report) => Ok(Ok(report)),
                Err(_) => Ok(Err(Outcome::Died(status.map_err(RuntimeError::Wait)?))),
            },
            () = sleep_until(deadline) => Ok(Err(Outcome::TimedOut)),
        }
    }

    /// Kills the process and waits for the rest of its output.
    pub(super) async fn kill(mut self) {
        // It fails only when the process has ended already.
        let _ = self.child.kill().await;
        for reader in self.readers {
            let _ = reader.await;
        }
    }
}

/// Copies a stream of the process into the function's output until it ends.
async fn collect(stream: Option<impl AsyncRead + Unpin>, output: Arc<Output>) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 8192];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        output.append(&buffer[..read]);
    }
}

/// A trace header as Lambda makes them, without a sampled trace behind it.
fn trace_id() -> String {
    format!(
        "Root=1-{:08x}-{:024x};Parent={:016x};Sampled=0",
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        fastrand::u128(..) >> 32,
        fastrand::u64(..)
    )
}
