//! Stand-ins for BigBlueButton servers: plain state that moves with the time it is told, and an HTTP server that answers for it.
//!
//! The state needs no runtime and no network: a property test can drive thousands of worlds a second with [`Servers`] alone. [`StandIn`] puts the same state behind
//! HTTP. It plays all servers at once: it is a proxy for plain HTTP, so that servers keep their names and no DNS is needed.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use bigbluebutton::{Client, Transport, TransportOptions, testing::{Clock, NewMeeting, Role, Server, Servers, StandIn}};
//! use tokio::time::{Duration, Instant};
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//!
//! let clock = Clock::system();
//! let mut server = Server::new("the secret");
//! server.create("lesson", NewMeeting::default(), clock.now());
//! server.join("lesson", Role::Moderator, clock.now()).unwrap();
//! let servers = Arc::new(Mutex::new(Servers::from_iter([("bbb.example.org".to_owned(), server)])));
//! let stand_in = StandIn::start(servers, clock).await.unwrap();
//!
//! let options = TransportOptions { proxy: Some(stand_in.proxy()), ..Default::default() };
//! let transport = Transport::new(&options).unwrap();
//! let client = Client::new(transport, "http://bbb.example.org/bigbluebutton/api/", "the secret".into()).unwrap();
//! let meetings = client.meetings(Instant::now() + Duration::from_secs(5)).await.unwrap();
//! assert_eq!(meetings[0].participants, Some(1));
//! # });
//! ```
//!
//! What is known of real servers is in the project's notes on BigBlueButton: its API answers failures with HTTP 200, lists every attendee, counts moderators among the
//! participants, drops a meeting that nobody joined for five minutes or that everybody left a minute ago, and processes a recording for about as long as it is.

mod answers;
mod clock;
mod http;
mod meeting;
mod recording;
mod server;

pub use clock::Clock;
pub use http::StandIn;
pub use meeting::{Meeting, NewMeeting, Role};
pub use recording::{Recording, Stage};
pub use server::{Agent, End, EndCause, NotFound, Reach, Server, Servers, Unreachable};
