//! Ending what is left on a server.

use serde_json::json;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::{
    Client, Error, Refusal,
    client::{Call, FIRST_PAUSE},
};

/// How long [`Client::panic`] goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PanicBounds {
    /// The most calls. A server that is gone needs one for each of its meeting records, and one more.
    pub calls: u32,
    /// When to stop, whatever is left.
    pub deadline: Instant,
}

/// What [`Client::panic`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panicked {
    /// Scalelite has no meeting record of the server, and the server is disabled: it can be deleted.
    Done,
    /// Scalelite has no such server.
    Gone,
    /// The bounds came first. What was done stays done; call again.
    Unfinished,
}

impl Client {
    /// Ends all meetings on a server and disables it: **people who are in them are thrown out**. With none it only disables.
    ///
    /// Each call that ends in a 400 has removed one more meeting record, so it is repeated; a call without an answer is repeated too.
    ///
    /// # Errors
    /// Those that another call cannot mend. A failure that may pass is [`Panicked::Unfinished`] at the bounds, unless no call ever got an answer.
    pub async fn panic(&self, id: &str, bounds: PanicBounds) -> Result<Panicked, Error> {
        let body = json!({ "id": id });
        let mut last_failure = None;
        let mut progress = false;
        let mut pause = FIRST_PAUSE;
        for number in 1..=bounds.calls {
            match self.post(Call::Panic, &body, bounds.deadline).await {
                Ok(_) => return Ok(Panicked::Done),
                Err(Error::Refused { refusal: Refusal::NoSuchServer | Refusal::Deleted, .. }) => {
                    return Ok(Panicked::Gone);
                }
                Err(Error::Refused { refusal: Refusal::MeetingNotEnded, .. }) => {
                    debug!(number, "a meeting record less");
                    progress = true;
                    pause = FIRST_PAUSE;
                }
                Err(error) if error.is_transient() => {
                    last_failure = Some(error);
                    let next = Instant::now() + pause.mul_f64(fastrand::f64());
                    if number == bounds.calls || next >= bounds.deadline {
                        break;
                    }
                    sleep_until(next).await;
                    pause *= 2;
                }
                Err(error) => return Err(error),
            }
            if Instant::now() >= bounds.deadline {
                break;
            }
        }
        match last_failure {
            Some(failure) if !progress => Err(failure),
            _ => Ok(Panicked::Unfinished),
        }
    }
}
