//! Handing the answer to CloudFormation: a PUT to a presigned URL.

use std::time::Duration;

use reqwest::{Client, StatusCode, header::CONTENT_TYPE};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, warn};

/// How often the answer is sent before it is given up.
pub const ATTEMPTS: u32 = 6;

/// How long one attempt may take. A PUT to S3 takes tens of milliseconds; ten seconds are a lost connection.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest pause before the second attempt; it doubles from one to the next, and the pause taken is random below it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The answer could not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The HTTP client could not be made.
    #[error("make the HTTP client")]
    Client(#[source] reqwest::Error),
    /// The URL's host could not be reached, or did not answer. The URL is not part of the error.
    #[error("send the answer")]
    Send(#[source] reqwest::Error),
    /// The URL refused the answer.
    #[error("the answer was refused with HTTP status {0}")]
    Refused(StatusCode),
    /// The function's deadline came first.
    #[error("no time was left to send the answer")]
    OutOfTime,
}

/// Sends answers. One is made when a function starts and used for all requests.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    client: Client,
}

impl Delivery {
    pub(crate) fn new() -> Result<Self, DeliveryError> {
        let client = Client::builder()
            .connect_timeout(ATTEMPT_TIMEOUT / 2)
            .timeout(ATTEMPT_TIMEOUT)
            .build()
            .map_err(DeliveryError::Client)?;
        Ok(Self { client })
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
        let response = self
            .client
            .put(url)
            // The URL is signed for an empty content type; S3 refuses any other with 403.
            .header(CONTENT_TYPE, "")
            .body(body.to_vec())
            .send()
            .await
            .map_err(|error| DeliveryError::Send(error.without_url()))?;
        if response.status().is_success() { Ok(()) } else { Err(DeliveryError::Refused(response.status())) }
    }
}
