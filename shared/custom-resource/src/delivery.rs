//! Handing the answer to CloudFormation: a PUT to a presigned URL.

use std::{error::Error, future::Future, pin::Pin, sync::Arc, time::Duration};

use reqwest::{Client, header::CONTENT_TYPE};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, warn};

/// How often the answer is sent before it is given up.
pub const ATTEMPTS: u32 = 6;

/// How long one attempt may take. A PUT to S3 takes tens of milliseconds; ten seconds are a lost connection.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest pause before the second attempt; it doubles from one to the next, and the pause taken is random below it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Why a PUT came to no answer.
pub type PutError = Box<dyn Error + Send + Sync>;

/// Sends one PUT.
///
/// [`Provider::new`](crate::Provider::new) brings a client of its own. A function that has an HTTP client anyway, as every one with an AWS SDK does,
/// saves time and memory by giving that one.
pub trait Put: Send + Sync + 'static {
    /// Sends `body` to `url`, exactly as it is, with an empty content type, within `limit`; gives the HTTP status of what came back.
    ///
    /// # Errors
    /// When nothing came back. The URL, which is a secret, must be neither in the error nor in its causes.
    fn put<'a>(&'a self, url: &'a str, body: &'a [u8], limit: Duration) -> Putting<'a>;
}

/// A PUT under way.
pub type Putting<'a> = Pin<Box<dyn Future<Output = Result<u16, PutError>> + Send + 'a>>;

/// The answer could not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The HTTP client could not be made.
    #[error("make the HTTP client")]
    Client(#[source] reqwest::Error),
    /// The URL's host could not be reached, or did not answer. The URL is not part of the error.
    #[error("send the answer")]
    Send(#[source] PutError),
    /// The URL refused the answer.
    #[error("the answer was refused with HTTP status {0}")]
    Refused(u16),
    /// The function's deadline came first.
    #[error("no time was left to send the answer")]
    OutOfTime,
}

/// Sends answers. One is made when a function starts and used for all requests.
#[derive(Clone)]
pub(crate) struct Delivery {
    put: Arc<dyn Put>,
}

impl Delivery {
    pub(crate) fn new() -> Result<Self, DeliveryError> {
        let client = Client::builder().connect_timeout(ATTEMPT_TIMEOUT / 2).build().map_err(DeliveryError::Client)?;
        Ok(Self::by(client))
    }

    pub(crate) fn by(put: impl Put) -> Self {
        Self { put: Arc::new(put) }
    }

    /// Sends `body` to `url` until it is accepted, [`ATTEMPTS`] are used up or `deadline` comes.
    pub(crate) async fn deliver(&self, url: &str, body: &[u8], deadline: Instant) -> Result<(), DeliveryError> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let error = match timeout_at(deadline, self.put(url, body)).await {
                Ok(Ok(())) => {
                    debug!(attempt, bytes = body.len(), "answer delivered");
                    return Ok(());
                }
                Ok(Err(error)) => error,
                Err(_elapsed) => return Err(DeliveryError::OutOfTime),
            };
            warn!(attempt, error = %crate::with_causes(&error), "answer not delivered");
            if attempt == ATTEMPTS {
                return Err(error);
            }
            // Full jitter: many resources of one stack that fail together do not come back together.
            let wait = pause.mul_f64(fastrand::f64());
            if Instant::now() + wait >= deadline {
                return Err(error);
            }
            sleep(wait).await;
            pause *= 2;
            attempt += 1;
        }
    }

    async fn put(&self, url: &str, body: &[u8]) -> Result<(), DeliveryError> {
        let status = self.put.put(url, body, ATTEMPT_TIMEOUT).await.map_err(DeliveryError::Send)?;
        if (200..300).contains(&status) { Ok(()) } else { Err(DeliveryError::Refused(status)) }
    }
}

impl Put for Client {
    fn put<'a>(&'a self, url: &'a str, body: &'a [u8], limit: Duration) -> Putting<'a> {
        Box::pin(async move {
            let request = Client::put(self, url)
                // The URL is signed for an empty content type; S3 refuses any other with 403.
                .header(CONTENT_TYPE, "")
                .body(body.to_vec())
                .timeout(limit);
            let response = request.send().await.map_err(reqwest::Error::without_url)?;
            Ok(response.status().as_u16())
        })
    }
}
