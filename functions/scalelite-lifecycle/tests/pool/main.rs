//! The function as EventBridge, an operator and Auto Scaling see it: events in, answers out, Scalelite and the servers over HTTP, AWS at its service
//! boundary.

// A test that cannot go on is a test that fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// A tick is a deep future, and some tests hold it within others.
#![recursion_limit = "256"]

mod account;
mod deaths;
mod draining;
mod faults;
mod launching;
mod operator;
mod requests;
mod secrecy;
mod termination_policy;
mod world;
