//! Asks a [BigBlueButton] server what an autoscaler has to know before it removes the server, and nothing else.
//!
//! | question | asked with | see |
//! | --- | --- | --- |
//! | Which meetings are there? | `getMeetings`, signed | [`Client::meetings`] |
//! | Which recordings would be lost with the server? | `getRecordings`, signed | [`Client::recordings`] |
//! | What does the server say of itself? | [`/pool-status/<digest>.json`](pool_status) | [`Client::pool_status`] |
//!
//! Answers are read as a stream, with a limit on their size, by a parser that keeps what is asked for and forgets the rest: they hold
//! names and passwords. A BigBlueButton's answers are junk at times (numbers with grouping separators, elements that nobody knows,
//! meta data under free names), so what is missing or unreadable in a meeting is [`None`] while the meeting still counts; but an answer that
//! breaks off, or that is none at all, is an [`Error`] and never an empty list. Whoever removes servers can rely on that.
//!
//! Failures come as XML with HTTP status 200. Scalelite's own API speaks the same dialect, so the crate `scalelite` builds on this one's
//! [`Transport`], [`signature`] and [`Failure`].
//!
//! Neither a secret nor a URL gets into a log or an error: a signed URL is a password that does not expire.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use bigbluebutton::{Client, Transport};
//! use tokio::time::{Duration, Instant};
//!
//! let transport = Transport::new(&Default::default())?; // one for all servers
//! let server = Client::new(transport, "https://bbb.example.org/bigbluebutton/api/", "the secret".into())?;
//! let deadline = Instant::now() + Duration::from_secs(10);
//! let busy = !server.meetings(deadline).await?.is_empty() || server.recordings(deadline).await?.unfinished() > 0;
//! # let _ = busy; Ok(()) }
//! ```
//!
//! # Testing
//!
//! The feature `test-kit` has [`testing`]: BigBlueButton servers as plain state, and an HTTP server that answers for them.
//!
//! [BigBlueButton]: https://docs.bigbluebutton.org/development/api

mod address;
mod body;
mod client;
mod envelope;
mod error;
mod meetings;
pub mod pool_status;
mod recordings;
pub mod signature;
#[cfg(feature = "test-kit")]
pub mod testing;
mod transport;
mod xml;

pub use address::{Address, NotAnAddress};
pub use body::Body;
pub use client::{AfterStatus, Client};
pub use envelope::Failure;
pub use error::Error;
pub use meetings::Meeting;
pub use pool_status::PoolStatus;
pub use recordings::Recordings;
pub use secrecy::{ExposeSecret, SecretString};
pub use transport::{Answer, Transport, TransportError, TransportOptions};
