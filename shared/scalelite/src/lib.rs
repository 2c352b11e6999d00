//! A client of [Scalelite]'s server-management API (`/scalelite/api/...`, Scalelite 1.6 and later), for programs that keep its list of servers.
//!
//! The API is small; what it means is not what it says. This crate's calls and types hold what was found out by running Scalelite 1.8.5:
//!
//! | Scalelite | so this crate |
//! | --- | --- |
//! | answers authentication errors and unknown calls with HTTP 200 and XML | looks at the content, not at the status: [`Error::WrongSecret`], [`Error::NotUnderstood`] |
//! | answers 404 to `getServers` when there are no servers | returns an empty list for that text, and an [`Error`] for any other 404 |
//! | adds a server twice when asked twice, or answers an empty 500 when its ids are host names | never repeats [`add`](Client::add); reads the list again when the outcome is unknown |
//! | takes other words for states than it reports | has two types: [`StateChange`] and [`State`] |
//! | may give new meetings to a cordoned server, if its poller saved at the wrong moment | cordons with a tag in the same call, which keeps new meetings away in any case: [`Change::drain`] |
//! | stops `panicServer` with a 400 at the first meeting that does not end, one record further than before | calls until it is a 200, within [`PanicBounds`] |
//! | forgets nothing when a server with meeting records is deleted: those rooms are dead | offers [`delete`](Client::delete) apart from [`panic`](Client::panic); call that first |
//! | lists secrets in clear | keeps them as [`SecretString`] |
//! | does not sign bodies, so that one seen URL is a key for ever | logs no URL, follows no redirect, and sends a second secret in a header if there is one: [`Settings::header`] |
//!
//! # Time-outs and repeats
//!
//! Each call takes a deadline. Within it:
//!
//! | call | answer expected within | repeated |
//! | --- | --- | --- |
//! | [`servers`](Client::servers) | 15 s | up to [`READ_ATTEMPTS`] times |
//! | [`update`](Client::update) | 10 s | the same: it says what should be, not what should change |
//! | [`panic`](Client::panic) | 30 s, as it waits for a server that may be dead | within its bounds |
//! | [`add`](Client::add), [`delete`](Client::delete) | 10 s | never: the next look at the list tells |
//!
//! # Testing
//!
//! The feature `test-kit` has [`testing`]: Scalelite as plain state, and over HTTP.
//!
//! [Scalelite]: https://github.com/blindsidenetworks/scalelite

mod answer;
mod change;
mod client;
mod error;
mod panic;
mod server;
mod settings;
#[cfg(feature = "test-kit")]
pub mod testing;

pub use bigbluebutton::{ExposeSecret, NotAnAddress, SecretString, Transport, TransportError, TransportOptions};
pub use change::{Change, DRAINING_TAG, StateChange};
pub use client::{Client, Deleted, READ_ATTEMPTS, Updated};
pub use error::{Error, Refusal};
pub use panic::{PanicBounds, Panicked};
pub use server::{Availability, Server, State};
pub use settings::{Header, InvalidHeader, Settings};
