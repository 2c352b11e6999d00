//! No code: the features of dependencies that the workspace's tests turn on, turned on for the `bbb` command and the benchmarks too.
//!
//! Cargo compiles a dependency once for every set of features it is asked for. The tests ask for more of the AWS SDK than the command does,
//! so that `cargo run` after `cargo test --workspace` would compile the SDK, and everything built on it, a second time: minutes on two
//! cores. The functions do not depend on this crate; what is deployed has only what it needs.
//!
//! The test `features` in `tests/` says which features are missing here.
