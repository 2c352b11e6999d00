//! Real servers: each instance is a machine of the servers' own trial (`instance/trial`), which runs the instance's user data.
//!
//! The machines are in another network. Two sockets in a folder lead across: one from them to the local AWS, one to them.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::OutsideError;

/// The status of the trial where it cannot be made.
const CANNOT: i32 = 77;

/// More than an answer is, the end of a log included.
const LONGEST_ANSWER: u64 = 1024 * 1024;

/// What the trial says when machines can be had.
#[derive(Debug, Deserialize)]
struct Ready {
    roots: String,
    bundle: String,
    archive: PathBuf,
}

/// The bundle of `instance/` that the machines run: the real one, but for what is pinned.
#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    /// Its SHA-256.
    pub(crate) id: String,
    /// Its file.
    pub(crate) archive: PathBuf,
}

/// What became of a machine.
#[derive(Debug, Deserialize)]
pub(crate) struct About {
    /// Why it could not be started, or its user data not run.
    pub(crate) problem: Option<String>,
    /// The end of its log.
    pub(crate) log: String,
}

/// What came of a script.
#[derive(Debug, Deserialize)]
pub(crate) struct Ran {
    /// Its status.
    pub(crate) status: i32,
    /// What it said.
    pub(crate) output: String,
}

/// The trial, waiting for instances. Dropping it closes its standard input, upon which it ends and takes all machines with it.
#[derive(Debug)]
pub(crate) struct Machines {
    folder: PathBuf,
    roots: String,
    pub(crate) bundle: Bundle,
    child: Mutex<Child>,
}

impl Machines {
    /// Starts the trial. What it fetches from Debian's archive the first time takes minutes.
    pub(super) async fn start(workspace_root: &Path, folder: &Path, domain: &str) -> Result<Self, OutsideError> {
        let mut child = Command::new(workspace_root.join("instance/trial/run"))
            .arg("--serve")
            .arg(folder)
            .arg(domain)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The terminal's Ctrl-C is for us, who then let it end.
            .process_group(0)
            .spawn()
            .map_err(OutsideError::StartMachines)?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).await.map_err(OutsideError::StartMachines)?;
        }
        match serde_json::from_str::<Ready>(&line) {
            Ok(Ready { roots, bundle, archive }) => {
                let bundle = Bundle { id: bundle, archive };
                Ok(Self { folder: folder.to_path_buf(), roots, bundle, child: Mutex::new(child) })
            }
            Err(_) => {
                let status = child.wait().await.map_err(OutsideError::StartMachines)?;
                Err(match status.code() {
                    Some(CANNOT) => OutsideError::NoMachinesHere,
                    _ => OutsideError::Machines(status),
                })
            }
        }
    }

    /// The certificates (PEM) of the authority that vouches for the machines' names.
    pub(super) fn roots(&self) -> &str {
        &self.roots
    }

    /// Leads the machines to the local AWS.
    pub(super) fn lead_to(&self, endpoint: &str) -> Result<Lead, OutsideError> {
        let listener = UnixListener::bind(self.folder.join("aws")).map_err(OutsideError::Listen)?;
        let address = endpoint.trim_start_matches("http://").to_owned();
        let task = tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let address = address.clone();
                tokio::spawn(async move {
                    // A connection that breaks is the machine's to notice.
                    if let Ok(mut to) = TcpStream::connect(address).await {
                        copy_bidirectional(&mut from, &mut to).await.ok();
                    }
                });
            }
        });
        Ok(Lead { task })
    }

    /// Says what the local AWS says of an instance.
    pub(super) async fn tell(&self, told: &Value) -> io::Result<()> {
        self.ask::<Value>(&json!({"instance": told})).await.map(drop)
    }

    /// A connection to a machine by its public address.
    pub(super) async fn connect(&self, address: Ipv4Addr, port: u16) -> io::Result<UnixStream> {
        let (answer, stream): (Value, _) = self.request(&json!({"connect": [address, port]})).await?;
        match answer.get("problem").and_then(Value::as_str) {
            None => Ok(stream),
            Some(problem) => Err(io::Error::other(problem.to_owned())),
        }
    }

    /// Runs a script in the machine of an instance.
    pub(crate) async fn run(&self, instance_id: &str, script: &str) -> io::Result<Ran> {
        self.ask(&json!({"run": instance_id, "script": script})).await
    }

    /// What became of the machine of an instance.
    pub(crate) async fn about(&self, instance_id: &str) -> io::Result<About> {
        self.ask(&json!({"about": instance_id})).await
    }

    /// Ends all machines, and what they were in.
    pub(super) async fn end(&self) -> io::Result<()> {
        let mut child = self.child.lock().await;
        drop(child.stdin.take());
        child.wait().await.map(drop)
    }

    async fn ask<A: DeserializeOwned>(&self, request: &Value) -> io::Result<A> {
        self.request(request).await.map(|(answer, _)| answer)
    }

    async fn request<A: DeserializeOwned>(&self, request: &Value) -> io::Result<(A, UnixStream)> {
        let mut stream = UnixStream::connect(self.folder.join("machines")).await?;
        stream.write_all(format!("{request}\n").as_bytes()).await?;
        // Byte by byte: what follows the answer is not ours.
        let mut line = Vec::new();
        while let Ok(byte) = stream.read_u8().await {
            if byte == b'\n' || line.len() as u64 > LONGEST_ANSWER {
                break;
            }
            line.push(byte);
        }
        Ok((serde_json::from_slice(&line).map_err(io::Error::other)?, stream))
    }
}

/// The way from the machines to the local AWS. Dropping it closes it.
pub(super) struct Lead {
    task: JoinHandle<()>,
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Machines that are not there: a socket that answers one request.
    async fn answering(answer: &'static str) -> (tempfile::TempDir, Machines, JoinHandle<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("machines")).expect("a socket");
        let asked = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("a request");
            stream.write_all(answer.as_bytes()).await.expect("an answer");
            line
        });
        let child = Mutex::new(Command::new("true").spawn().expect("a process"));
        let bundle = Bundle { id: String::new(), archive: PathBuf::new() };
        let machines = Machines { folder: folder.path().to_path_buf(), roots: String::new(), bundle, child };
        (folder, machines, asked)
    }

    #[tokio::test]
    async fn a_connection_begins_behind_the_answer() {
        let (_folder, machines, asked) = answering("{}\nhello").await;
        let mut stream = machines.connect(Ipv4Addr::new(198, 18, 0, 1), 443).await.expect("a connection");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("what follows");
        assert_eq!(text, "hello");
        assert_eq!(asked.await.expect("it was asked"), "{\"connect\":[\"198.18.0.1\",443]}\n");
    }

    #[tokio::test]
    async fn nobody_at_an_address_is_an_error() {
        let (_folder, machines, _asked) = answering("{\"problem\": \"No route to host\"}\n").await;
        let error = machines.connect(Ipv4Addr::new(198, 18, 0, 1), 443).await.expect_err("nobody is there");
        assert_eq!(error.to_string(), "No route to host");
    }

    #[tokio::test]
    async fn what_became_of_a_machine_is_told() {
        let (_folder, machines, _asked) = answering("{\"problem\": null, \"log\": \"== configure\"}\n").await;
        let about = machines.about("i-1").await.expect("an answer");
        assert_eq!((about.problem, about.log.as_str()), (None, "== configure"));
    }
}
