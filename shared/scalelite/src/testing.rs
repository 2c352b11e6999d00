//! A stand-in for Scalelite: its state and what moves it, as plain data, and the management API over HTTP in front of it.
//!
//! [`Scalelite`] needs no runtime and no network, and says what time it is by being told: property tests drive it at full speed. It talks to the servers of
//! [`bigbluebutton::testing`], which it is handed with each call that reaches out to them. [`StandIn`] is the management API, as strict as the real one.
//!
//! What the stand-in does was seen on Scalelite 1.8.5 itself, unless it says otherwise. The tests of this crate hold the ten facts that decide how a pool has to
//! be kept against it, one by one.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use bigbluebutton::testing::{NewMeeting, Role, Server, Servers};
//! use scalelite::{StateChange, testing::{Ids, Scalelite, Update}};
//!
//! let mut now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
//! let mut servers = Servers::from_iter([("vc-a.example.org".to_owned(), Server::new("secret"))]);
//! let mut scalelite = Scalelite::new("load balancer secret", Ids::HostNames);
//!
//! let id = scalelite.add("https://vc-a.example.org/bigbluebutton/api/", "secret", "").unwrap();
//! scalelite.update(&id, &Update { state: Some(StateChange::Enable), ..Update::default() }).unwrap();
//! scalelite.poll(&mut servers, now);
//! scalelite.create("lesson", NewMeeting::default(), None, &mut servers, now).unwrap();
//! scalelite.join("lesson", Role::Viewer, &mut servers, now).unwrap();
//!
//! // The cordon race: the poller has read the server and waits for its answer while it is cordoned.
//! let poll = scalelite.begin_poll(&mut servers, now);
//! scalelite.update(&id, &Update { state: Some(StateChange::Cordon), ..Update::default() }).unwrap();
//! now += Duration::from_secs(10);
//! scalelite.finish_poll(poll, &mut servers, now);
//! assert!(scalelite.is_chosen_for_meetings(&id));
//! ```

mod answers;
mod api;
mod cache;
mod http;
mod poll;
mod request;
mod rooms;

pub use api::{Ids, NotDone, Scalelite, Update};
pub use cache::Listed;
pub use http::{Fault, Instead, StandIn};
pub use poll::Poll;
pub use rooms::RoomError;
