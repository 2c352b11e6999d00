//! Builds the `bbb` command and runs it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::workspace_root;

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
    /// The exit code; panics with everything that was said if it is another one than `expected`.
    pub fn expect(&self, expected: i32) -> &Self {
        assert_eq!(self.status.code(), Some(expected), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// What it printed, as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
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
        let output = self.command(arguments).output().await.expect("the command");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Starts it, with its standard error to be read.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(workspace_root()).env_clear().envs(self.variables.iter().cloned());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", Path::new("/nonexistent"));
        // Nobody outside of this machine is asked about a domain.
        command
            .env("DNS_RESOLVER", "127.0.0.1:9")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("BBB_LOG_FILE", self.log());
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}
