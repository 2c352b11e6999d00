//! The calls.

use std::time::Duration;

use bigbluebutton::{Address, Failure, Transport, signature::signed};
use reqwest::{Method, header::CONTENT_TYPE};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::{
    Change, Error, Header, Refusal, Server, Settings,
    answer::{Answer, classify},
};

/// How often a call is made that may be repeated.
pub const READ_ATTEMPTS: u32 = 3;

/// The longest pause before the second attempt; it doubles from one to the next, and the pause taken is random below it.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A server is about 300 bytes on the list; this is for 10,000 and more.
const LIMIT: usize = 4 << 20;

/// A Scalelite. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    address: Address,
    secret: SecretString,
    header: Option<Header>,
}

/// What [`Client::update`] came to.
#[derive(Debug, Clone)]
pub enum Updated {
    /// The server as it is now.
    Done(Server),
    /// Scalelite has no such server.
    Gone,
}

/// What [`Client::delete`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// By this call.
    Done,
    /// Scalelite had no such server.
    Gone,
}

/// The calls of the API that are needed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    List,
    Add,
    Update,
    Delete,
    Panic,
}

impl Call {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::List => "getServers",
            Self::Add => "addServer",
            Self::Update => "updateServer",
            Self::Delete => "deleteServer",
            Self::Panic => "panicServer",
        }
    }

    /// How long one answer may take.
    fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            // Three queries to the cache for each server.
            Self::List => 15,
            Self::Add | Self::Update | Self::Delete => 10,
            // One question after the other to a server that may be dead: five seconds each. Load balancers give up after a minute.
            Self::Panic => 30,
        })
    }
}

impl Client {
    /// A client of the Scalelite that `settings` name.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn new(transport: Transport, settings: Settings) -> Result<Self, Error> {
        let Settings { url, secret, header } = settings;
        Ok(Self { transport, address: Address::parse(&url)?, secret, header })
    }

    /// All servers, by id. Without any, an empty list; whatever else is wrong, an error.
    ///
    /// # Errors
    /// When the list cannot be read, or any part of it.
    pub async fn servers(&self, deadline: Instant) -> Result<Vec<Server>, Error> {
        match self.repeat(Call::List, None, deadline).await {
            Ok(body) => {
                let mut servers: Vec<Server> = read(Call::List, &body)?;
                // The order is that of a set in the cache: none.
                servers.sort_unstable_by(|one, other| one.id.cmp(&other.id));
                Ok(servers)
            }
            Err(Error::Refused { refusal: Refusal::NoServers, .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Adds a server, disabled. Ask only for a server that is not on the list: with UUIDs as ids Scalelite adds a second one of the same URL.
    ///
    /// When it is not known whether the call took effect, the list is read and tells: the server of this URL (the first by id, if there are several) was added,
    /// by this call or another one at the same time.
    ///
    /// # Errors
    /// [`Error::IdTaken`]; [`Error::OutcomeUnknown`] when the server is not on the list (it still may appear) or the list cannot be read.
    pub async fn add(&self, url: &str, secret: &SecretString, deadline: Instant) -> Result<Server, Error> {
        let body = json!({"server": {"url": url, "secret": secret.expose_secret()}});
        let error = match self.post(Call::Add, &body, deadline).await.and_then(|body| read(Call::Add, &body)) {
            Ok(server) => return Ok(server),
            Err(error) if error.means_no_effect() => return Err(error),
            Err(error) => error,
        };
        let unknown = |source| Err(Error::OutcomeUnknown { call: Call::Add.name(), source: Box::new(source) });
        let Ok(servers) = self.servers(deadline).await else { return unknown(error) };
        let host = Address::parse(url).map(|address| address.host().to_owned()).unwrap_or_default();
        let id_is_taken = servers.iter().any(|server| server.id == host);
        match servers.into_iter().find(|server| server.url == url) {
            Some(server) => Ok(server),
            None if id_is_taken => Err(Error::IdTaken { id: host }),
            None => unknown(error),
        }
    }

    /// Changes a server.
    ///
    /// Scalelite acknowledges and its poller may undo: an enabled server can be found disabled again. Compare and repeat at the next look.
    ///
    /// # Errors
    /// When Scalelite refuses or cannot be reached. Then the change may have been made or not.
    pub async fn update(&self, id: &str, change: &Change, deadline: Instant) -> Result<Updated, Error> {
        let body = json!({"id": id, "server": change});
        match self.repeat(Call::Update, Some(&body), deadline).await {
            Ok(body) => Ok(Updated::Done(read(Call::Update, &body)?)),
            Err(Error::Refused { refusal: Refusal::NoSuchServer | Refusal::Deleted, .. }) => Ok(Updated::Gone),
            Err(error) => Err(error),
        }
    }

    /// Removes a server from the list. Meeting records that it still has make their rooms unusable for a day: [`panic`](Self::panic) first, until it is done.
    ///
    /// # Errors
    /// When Scalelite refuses or cannot be reached. Then the server may have been removed or not.
    pub async fn delete(&self, id: &str, deadline: Instant) -> Result<Deleted, Error> {
        match self.post(Call::Delete, &json!({"id": id}), deadline).await {
            Ok(_) => Ok(Deleted::Done),
            Err(Error::Refused { refusal: Refusal::NoSuchServer | Refusal::Deleted, .. }) => Ok(Deleted::Gone),
            Err(error) => Err(error),
        }
    }

    /// Makes a call until it gets an answer of Scalelite.
    async fn repeat(&self, call: Call, body: Option<&Value>, deadline: Instant) -> Result<Vec<u8>, Error> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let error = match self.once(call, body, deadline).await {
                Err(error) if error.is_transient() => error,
                settled => return settled,
            };
            let next = Instant::now() + pause.mul_f64(fastrand::f64());
            if attempt == READ_ATTEMPTS || next >= deadline {
                return Err(error);
            }
            debug!(call = call.name(), attempt, error = %error, "tried again");
            sleep_until(next).await;
            pause *= 2;
            attempt += 1;
        }
    }

    pub(crate) async fn post(&self, call: Call, body: &Value, deadline: Instant) -> Result<Vec<u8>, Error> {
        self.once(call, Some(body), deadline).await
    }

    /// Makes a call once. What it returns is JSON, or at least says so.
    async fn once(&self, call: Call, body: Option<&Value>, deadline: Instant) -> Result<Vec<u8>, Error> {
        let name = call.name();
        let url = self.address.call(&signed(name, "", &self.secret));
        let mut request = match body {
            None => self.transport.request(Method::GET, url),
            Some(body) => {
                let request = self.transport.request(Method::POST, url);
                request.header(CONTENT_TYPE, "application/json").body(body.to_string())
            }
        };
        if let Some(Header { name, value }) = &self.header {
            request = request.header(name, value);
        }
        let deadline = deadline.min(Instant::now() + call.timeout());
        let answer = self.transport.send(request, deadline, LIMIT).await?;
        let (status, content_type) = (answer.status, answer.content_type);
        let body = answer.body.read_to_end().await?;
        debug!(call = name, status, bytes = body.len(), "answered");
        match classify(status, &content_type, &body).await {
            Answer::Success(_) => Ok(body),
            Answer::Refused(refusal) => Err(Error::Refused { call: name, refusal }),
            Answer::Failed(Failure::Checksum) => Err(Error::WrongSecret),
            Answer::Failed(Failure::Unsupported) => Err(Error::NotUnderstood { call: name }),
            Answer::Failed(Failure::Other) => Err(Error::Failed { call: name }),
            Answer::Unusable if matches!(status, 401 | 403) => Err(Error::NotLetThrough { call: name, status }),
            Answer::Unusable => Err(Error::Unusable { call: name, status }),
        }
    }
}

fn read<T: DeserializeOwned>(call: Call, body: &[u8]) -> Result<T, Error> {
    // The parser's words might repeat the answer's, and that has secrets in it.
    serde_json::from_slice(body).map_err(|_not_shown| Error::Malformed { call: call.name() })
}
