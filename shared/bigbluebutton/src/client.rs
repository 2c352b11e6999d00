//! Questions to one server.

use std::time::{Duration, SystemTime};

use reqwest::{Method, header::CONNECTION};
use secrecy::SecretString;
use tokio::time::Instant;
use tracing::debug;

use crate::{
    Address, Answer, Error, Meeting, NotAnAddress, PoolStatus, Recordings, Transport, TransportError, meetings,
    pool_status::{self, Silence},
    recordings,
    signature::signed,
};

/// How long an answer may take. BigBlueButton answers within a fraction of a second, or is in trouble; Scalelite waits as long (`RESPONSE_TIMEOUT`).
const TIMEOUT: Duration = Duration::from_secs(10);

/// `getMeetings` lists everybody who is there: 500 people are about 200 kB.
const MEETINGS_LIMIT: usize = 4 << 20;

/// A recording is about 3 kB; nobody waits for more than a thousand.
const RECORDINGS_LIMIT: usize = 4 << 20;

/// A status is about 100 bytes.
const STATUS_LIMIT: usize = 16 << 10;

/// One server and its secret.
///
/// A question is asked once; only a kept-alive connection that broke is replaced. The next tick asks again.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    address: Address,
    secret: SecretString,
    after_status: AfterStatus,
}

/// What becomes of the connection to a server once it has told its status, which is the last that it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfterStatus {
    /// It is kept for the next questions: they need no handshake, which is most of what a question costs.
    #[default]
    Keep,
    /// It is closed: a process may have only so many files open.
    Close,
}

impl Client {
    /// The server whose API is at `url`, such as `https://bbb.example.org/bigbluebutton/api/`.
    ///
    /// # Errors
    /// When `url` is not the address of an API.
    pub fn new(transport: Transport, url: &str, secret: SecretString) -> Result<Self, NotAnAddress> {
        Ok(Self { transport, address: Address::parse(url)?, secret, after_status: AfterStatus::default() })
    }

    /// The same, with another end of the connection.
    #[must_use]
    pub fn after_status(self, after_status: AfterStatus) -> Self {
        Self { after_status, ..self }
    }

    /// All meetings that the server lists, breakout rooms included.
    ///
    /// That it answers also proves that BigBlueButton's web application runs and has this secret.
    ///
    /// # Errors
    /// When the answer is not whole, or not of BigBlueButton, or did not come. Never means that there are none.
    pub async fn meetings(&self, deadline: Instant) -> Result<Vec<Meeting>, Error> {
        let mut answer = self.ask("getMeetings", "", deadline, MEETINGS_LIMIT).await?;
        let meetings = meetings::read(&mut answer.body).await;
        answer.body.into_failure().map_or(Ok(()), Err)?;
        Ok(meetings?)
    }

    /// How many recordings the server has not handed over.
    ///
    /// # Errors
    /// As for [`meetings`](Self::meetings).
    pub async fn recordings(&self, deadline: Instant) -> Result<Recordings, Error> {
        let mut answer = self.ask("getRecordings", recordings::QUERY, deadline, RECORDINGS_LIMIT).await?;
        let recordings = recordings::read(&mut answer.body).await;
        answer.body.into_failure().map_or(Ok(()), Err)?;
        Ok(recordings?)
    }

    /// What the server says of itself; see [`pool_status`].
    pub async fn pool_status(&self, now: SystemTime, deadline: Instant) -> PoolStatus {
        let silent = |reason: TransportError| {
            debug!(host = self.address.host(), error = %reason, "no status");
            PoolStatus::Silent(match reason {
                TransportError::TooLarge { .. } => Silence::Unreadable,
                _ => Silence::Unreachable,
            })
        };
        let url = self.address.on_host(&pool_status::path(&self.secret));
        let answer = match self.get(url, deadline, STATUS_LIMIT, self.after_status).await {
            Ok(answer) => answer,
            Err(error) => return silent(error),
        };
        match answer.status {
            200 => match answer.body.read_to_end().await {
                Ok(body) => pool_status::read(&body, now),
                Err(error) => silent(error),
            },
            404 => PoolStatus::Silent(Silence::Absent),
            _ => PoolStatus::Silent(Silence::Unreadable),
        }
    }

    async fn ask(&self, call: &str, query: &str, deadline: Instant, limit: usize) -> Result<Answer, Error> {
        let url = self.address.call(&signed(call, query, &self.secret));
        let answer = self.get(url, deadline, limit, AfterStatus::Keep).await?;
        debug!(host = self.address.host(), call, status = answer.status, "answered");
        if answer.status == 200 { Ok(answer) } else { Err(Error::Status(answer.status)) }
    }

    async fn get(
        &self,
        url: reqwest::Url,
        deadline: Instant,
        limit: usize,
        afterwards: AfterStatus,
    ) -> Result<Answer, TransportError> {
        let deadline = deadline.min(Instant::now() + TIMEOUT);
        let request = || {
            let request = self.transport.request(Method::GET, url.clone());
            match afterwards {
                AfterStatus::Keep => request,
                AfterStatus::Close => request.header(CONNECTION, "close"),
            }
        };
        match self.transport.send(request(), deadline, limit).await {
            // The connection was kept from the last tick and the server has closed it since.
            Err(TransportError::Interrupted(_)) => self.transport.send(request(), deadline, limit).await,
            answer => answer,
        }
    }
}
