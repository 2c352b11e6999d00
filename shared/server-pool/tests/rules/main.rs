//! The rules of `decide`, one by one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod joining;
mod leaving;
mod leftovers;
mod numbers;
mod replacing;
mod scene;
