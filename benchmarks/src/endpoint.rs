//! The endpoint's process.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command as Program, Stdio},
};

use anyhow::{Context as _, Result, bail};
use benchmark_endpoint::{Command, Played, Ports, Script, Setting};
use serde::de::DeserializeOwned;

/// The endpoint, running. It ends when it is dropped, and when this program ends however.
#[derive(Debug)]
pub(crate) struct Endpoint {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub(crate) ports: Ports,
}

impl Endpoint {
    pub(crate) fn start(program: &Path, setting: &Setting) -> Result<Self> {
        let mut child = Program::new(program)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("the endpoint's output")?);
        let mut endpoint = Self { child, input, output, ports: Ports { aws: 0, answers: 0, proxy: 0 } };
        endpoint.ports = endpoint.tell(&Command::Open(setting.clone()))?;
        Ok(endpoint)
    }

    /// From now on answers by this script.
    pub(crate) fn play(&mut self, script: &Script) -> Result<()> {
        self.tell(&Command::Play(script.clone()))
    }

    /// What was played since.
    ///
    /// # Errors
    /// When something was called that the script does not know.
    pub(crate) fn take(&mut self) -> Result<Played> {
        let played: Played = self.tell(&Command::Take)?;
        if !played.unknown.is_empty() {
            bail!("calls that nobody expected:\n{}", played.unknown.join("\n"));
        }
        Ok(played)
    }

    fn tell<T: DeserializeOwned>(&mut self, command: &Command) -> Result<T> {
        let input = self.input.as_mut().context("the endpoint's input")?;
        writeln!(input, "{}", serde_json::to_string(command)?).context("tell the endpoint")?;
        let mut line = String::new();
        self.output.read_line(&mut line).context("hear the endpoint")?;
        serde_json::from_str(&line).context("the endpoint has ended")
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.input = None;
        // It ends with its input; if it has not it is too late to tell anybody.
        let _ended = self.child.wait();
    }
}
