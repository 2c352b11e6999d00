//! Builds the `bbb` command and runs it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::workspace_root;

/// More than any step takes.
const LIMIT: Duration = Duration::from_secs(180);

/// The command, with a log of its own.
#[derive(Debug)]
pub struct Bbb {
    program: PathBuf,
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it said besides.
    pub stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The exit code; panics with everything that was said if it is another one than `expected`.
    pub fn expect(&self, expected: i32) -> &Self {
        assert_eq!(self.status.code(), Some(expected), "{}\n{}\n{}", self.status, self.stdout, self.stderr);
        self
    }

    /// The same for `status`, which is 1 as soon as an alarm is on: nothing in the local AWS tells of tasks and load balancers, which some alarms
    /// take for the worst after the first minute.
    pub fn expect_status(&self) -> &Self {
        self.expect(i32::from(self.status.code() == Some(1)))
    }

    /// What it printed, as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

fn send(running: &Child, signal: Signal) {
    let pid = Pid::from_raw(running.id().expect("it runs").cast_signed()).expect("a process");
    kill_process(pid, signal).expect("a signal");
}

impl Bbb {
    /// Builds it, in the profile of the tests.
    ///
    /// # Panics
    /// When it does not build.
    pub async fn build(variables: Vec<(&'static str, String)>) -> Self {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(workspace_root()).stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        cargo.args([
            "build",
            "--locked",
            "--package",
            "bbb",
            "--bin",
            "bbb",
            "--message-format",
            "json-render-diagnostics",
        ]);
        let output = cargo.output().await.expect("cargo");
        assert!(output.status.success(), "the command does not build");
        let messages = String::from_utf8_lossy(&output.stdout);
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let program = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
        Self { program: program.expect("an executable"), folder: TempDir::new().expect("a folder"), variables }
    }

    /// The same command with other variables for it.
    #[must_use]
    pub fn with(&self, variables: Vec<(&'static str, String)>) -> Self {
        Self { program: self.program.clone(), folder: TempDir::new().expect("a folder"), variables }
    }

    /// The same command, to which AWS is at another address.
    #[must_use]
    pub fn through(&self, endpoint: &str) -> Self {
        let mut variables = self.variables.clone();
        variables.retain(|(name, _)| *name != "AWS_ENDPOINT_URL");
        variables.push(("AWS_ENDPOINT_URL", endpoint.to_owned()));
        self.with(variables)
    }

    /// The same command with one variable more.
    #[must_use]
    pub fn and(&self, name: &'static str, value: &str) -> Self {
        self.with(self.variables.iter().cloned().chain([(name, value.to_owned())]).collect())
    }

    /// Where it writes its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("bbb.log")
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().await.expect("the command"))
    }

    /// Starts it, with its standard error to be read.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command")
    }

    /// Runs it until it says something on standard error, and sends it a signal then.
    ///
    /// # Panics
    /// When it does not say it, or does not end, in time.
    pub async fn stop_when(&self, arguments: &[&str], signal: Signal, says: impl Fn(&str) -> bool) -> Ran {
        let mut running = self.start(arguments);
        let mut lines = BufReader::new(running.stderr.take().expect("standard error")).lines();
        let mut stderr = String::new();
        let said = async {
            while let Some(line) = lines.next_line().await.expect("a line") {
                let is_it = says(&line);
                stderr.extend([&line, "\n"]);
                if is_it {
                    return true;
                }
            }
            false
        };
        assert!(
            timeout(LIMIT, said).await.expect("it says something in time"),
            "it ended before it said that: {stderr}"
        );
        send(&running, signal);
        let mut errors = lines.into_inner();
        let rest = errors.read_to_string(&mut stderr);
        let (output, _) =
            timeout(LIMIT, async { tokio::join!(running.wait_with_output(), rest) }).await.expect("an end");
        let Output { status, stdout, .. } = output.expect("an end");
        Ran { status, stdout: String::from_utf8_lossy(&stdout).into_owned(), stderr }
    }

    /// Runs it until something has happened elsewhere, and sends it a signal then.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn stop_after(&self, arguments: &[&str], signal: Signal, happened: impl Future<Output = ()>) -> Ran {
        let running = self.start(arguments);
        happened.await;
        send(&running, signal);
        Ran::of(timeout(LIMIT, running.wait_with_output()).await.expect("it ends in time").expect("an end"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(workspace_root()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", Path::new("/nonexistent"));
        // Nobody outside of this machine is asked about a domain.
        command
            .env("DNS_RESOLVER", "127.0.0.1:9")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("BBB_LOG_FILE", self.log())
            .envs(self.variables.iter().cloned());
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}
