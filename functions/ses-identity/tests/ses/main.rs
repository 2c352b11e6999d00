//! The types as CloudFormation sees them: events in, answers over HTTP, AWS at its service boundary.

// A test that cannot go on is a test that fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// The closures of `world::on` are what `?` returns from.
#![allow(clippy::redundant_closure_call)]

mod drop_in;
mod email_domain;
mod notifications;
mod world;
