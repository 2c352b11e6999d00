//! The types as CloudFormation sees them: events in, answers over HTTP, AWS at its service boundary.

// A test that cannot go on is a test that fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod credentials;
mod world;
