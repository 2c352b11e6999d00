//! What runs in the instances: nothing in the local AWS does, so that each is a stand-in for a BigBlueButton server, or a machine of the servers'
//! own trial.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use bigbluebutton::testing::{Agent, EndCause, Reach, Server, Servers};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Machines, MovedClock, OutsideError};

/// How long a server is installed. On AWS it is twenty to thirty minutes, or a few from an image that was prepared.
pub(crate) const INSTALLATION: Duration = Duration::from_secs(5 * 60);

/// What the local AWS says of an instance whenever its state changes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    instance_id: String,
    state: String,
    public_ip_address: Option<Ipv4Addr>,
}

/// An instance that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Its name, which it makes from its own id.
    pub host: String,
    /// Its public address.
    pub address: Option<Ipv4Addr>,
    installed: bool,
    since: SystemTime,
}

/// Something that must never happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// A meeting was ended although people were in it.
    Meeting {
        /// Which, and on which server.
        meeting: String,
        /// How many people were in it.
        people: u32,
    },
    /// A server went while it still had recordings that were not handed over.
    Recordings {
        /// The server.
        host: String,
        /// How many.
        number: usize,
    },
}

/// All instances.
#[derive(Debug)]
pub(super) struct Guests {
    domain: String,
    secret: Mutex<String>,
    servers: Arc<Mutex<Servers>>,
    clock: MovedClock,
    running: Mutex<BTreeMap<String, Guest>>,
    losses: Mutex<Vec<Loss>>,
    /// Real ones: what is kept here of each is then only what Scalelite's poller found of it.
    machines: Option<Arc<Machines>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guests {
    pub(super) fn new(
        domain: &str,
        secret: String,
        servers: Arc<Mutex<Servers>>,
        clock: MovedClock,
        machines: Option<Arc<Machines>>,
    ) -> Self {
        let (running, losses) = (Mutex::default(), Mutex::default());
        Self { domain: domain.to_owned(), secret: Mutex::new(secret), servers, clock, running, losses, machines }
    }

    /// What the instance's own bootstrap makes of its id.
    fn host(&self, instance_id: &str) -> String {
        format!("vc-{}.{}", instance_id.trim_start_matches("i-"), self.domain)
    }

    fn hear(&self, told: &Told) {
        match told.state.as_str() {
            "running" => self.starts(told),
            "stopping" | "shutting-down" => self.ends(&told.instance_id),
            _ => {}
        }
    }

    fn starts(&self, told: &Told) {
        let host = self.host(&told.instance_id);
        lock(&self.servers).insert(host.clone(), starting(&lock(&self.secret)));
        let guest = Guest { host, address: told.public_ip_address, installed: false, since: self.clock.now() };
        lock(&self.running).insert(told.instance_id.clone(), guest);
    }

    /// Gives the secret to those that are installed from now on, or at the moment.
    pub(super) fn take(&self, secret: &str) {
        secret.clone_into(&mut lock(&self.secret));
        for guest in lock(&self.running).values().filter(|guest| !guest.installed) {
            lock(&self.servers).insert(guest.host.clone(), starting(secret));
        }
    }

    fn ends(&self, instance_id: &str) {
        let Some(guest) = lock(&self.running).remove(instance_id) else { return };
        let Some(mut server) = lock(&self.servers).remove(&guest.host) else { return };
        let now = self.clock.now();
        let mut losses = lock(&self.losses);
        losses.extend(cut_by_calls(&guest.host, &server));
        for (meeting, state) in server.meetings(now) {
            if state.people() > 0 {
                losses.push(Loss::Meeting { meeting: format!("{meeting} on {}", guest.host), people: state.people() });
            }
        }
        match server.recordings(now).len() {
            0 => {}
            number => losses.push(Loss::Recordings { host: guest.host, number }),
        }
    }

    /// Lets those be ready that were installed long enough.
    pub(super) fn install(&self) {
        if self.machines.is_some() {
            return;
        }
        let now = self.clock.now();
        for guest in lock(&self.running).values_mut() {
            let over = now.duration_since(guest.since).is_ok_and(|time| time >= INSTALLATION);
            if over && !guest.installed {
                guest.installed = true;
                if let Some(server) = lock(&self.servers).get_mut(&guest.host) {
                    server.reach = Reach::Answers;
                    server.ready = true;
                    server.agent = Agent::Writes;
                }
            }
        }
    }

    /// Who has an address.
    pub(super) fn name_at(&self, address: Ipv4Addr) -> Option<String> {
        lock(&self.running).values().find(|guest| guest.address == Some(address)).map(|guest| guest.host.clone())
    }

    pub(super) fn running(&self) -> BTreeMap<String, Guest> {
        lock(&self.running).clone()
    }

    pub(super) fn losses(&self) -> Vec<Loss> {
        let mut losses = lock(&self.losses).clone();
        for (host, server) in lock(&self.servers).iter() {
            losses.extend(cut_by_calls(host, server));
        }
        losses
    }
}

/// A server at the beginning of its installation: the web server comes up early, and what is behind it does not.
fn starting(secret: &str) -> Server {
    let mut server = Server::new(secret.to_owned());
    server.reach = Reach::BadGateway;
    server.ready = false;
    server.agent = Agent::NotStarted;
    server
}

/// The meetings that somebody ended by a call although people were in them. In a rehearsal nobody but the pool and Scalelite would.
fn cut_by_calls(host: &str, server: &Server) -> Vec<Loss> {
    let cut = server.ends().iter().filter(|end| end.cause == EndCause::Called && end.people > 0);
    cut.map(|end| Loss::Meeting { meeting: format!("{} on {host}", end.meeting), people: end.people }).collect()
}

/// Where the local AWS tells of its instances. Dropping it ends it.
pub(super) struct Hook {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Hook {
    pub(super) async fn start(guests: Arc<Guests>) -> Result<Self, OutsideError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(OutsideError::Listen)?;
        let address = listener.local_addr().map_err(OutsideError::Listen)?;
        let router = Router::new().route("/", post(hear)).with_state(guests);
        let task = tokio::spawn(async move {
            // It ends with the task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, task })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hear(State(guests): State<Arc<Guests>>, body: Bytes) -> StatusCode {
    let Ok(told) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST };
    guests.hear(&told);
    match (&guests.machines, serde_json::from_slice(&body)) {
        (Some(machines), Ok(everything)) => match machines.tell(&everything).await {
            Ok(()) => StatusCode::NO_CONTENT,
            Err(_) => StatusCode::BAD_GATEWAY,
        },
        _ => StatusCode::NO_CONTENT,
    }
}
