//! The resources as CloudFormation sees them: requests in, answers over HTTP out, with an AWS account in memory.

// What a test's helpers unwrap is part of what the test asserts.
#![allow(clippy::unwrap_used)]

mod account;
mod companions;
mod create;
mod delete;
mod update;
mod world;
