//! What the tests across crates share: the real function binaries, one local AWS, and stages on which cases are played.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`aws_cli`] | installs the pinned AWS CLI and runs it |
//! | [`cases`] | plays named cases at the same time, each on a stage of its own, and reports all |
//! | [`cloud`] | the local AWS and what stands in it |
//! | [`command`] | builds the `bbb` command and runs it |
//! | [`detours`] | catches a function's calls to itself, resets connections, denies everything |
//! | [`mutation`] | makes hostile events out of samples |
//! | [`processes`] | finds and signals the process of a function |
//! | [`registry`] | a real registry of images |
//! | [`secrecy`] | searches what processes wrote for what they must not |
//! | [`site`] | the local AWS with stand-ins for servers and Scalelite, and time that passes |
//! | [`stage`] | a stack, a zone, a fault proxy and functions for one case |
//!
//! Helpers panic where a test would: what they cannot do fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

pub mod aws_cli;
pub mod cases;
pub mod cloud;
pub mod command;
pub mod detours;
pub mod mutation;
pub mod processes;
pub mod registry;
pub mod secrecy;
pub mod site;
pub mod stage;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use deployment::functions::{self, Bootstrap};
use tokio::{
    select,
    signal::unix::{SignalKind, signal},
    sync::OnceCell,
    time::sleep,
};

/// The folder of the workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a parent folder").to_owned()
}

static BOOTSTRAPS: OnceCell<BTreeMap<String, Bootstrap>> = OnceCell::const_new();

/// The functions as they are deployed, by name. The first call builds what is not up to date.
pub async fn bootstraps() -> &'static BTreeMap<String, Bootstrap> {
    BOOTSTRAPS
        .get_or_init(|| async {
            let built = functions::build(&workspace_root()).await.expect("the functions build");
            built.into_iter().map(|bootstrap| (bootstrap.name.clone(), bootstrap)).collect()
        })
        .await
}

/// Waits until `condition` holds; panics with `what` after `limit`.
pub async fn until(what: &str, limit: Duration, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < limit, "waited {limit:?} in vain until {what}");
        sleep(Duration::from_millis(25)).await;
    }
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Plays a test that starts processes to its end, or until Ctrl-C or SIGTERM: then it panics, so that what it started is ended, and so do
/// the tests that come after.
pub async fn unless_interrupted<T>(test: impl Future<Output = T>) -> T {
    assert!(!INTERRUPTED.load(Ordering::SeqCst), "interrupted before");
    let mut interrupt = signal(SignalKind::interrupt()).expect("a signal");
    let mut terminate = signal(SignalKind::terminate()).expect("a signal");
    select! {
        result = test => return result,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    INTERRUPTED.store(true, Ordering::SeqCst);
    panic!("interrupted");
}

/// A word that nobody else says: what is found of it in a log is a leak.
#[must_use]
pub fn unique_word(prefix: &str) -> String {
    format!("{prefix}{:032x}", fastrand::u128(..))
}
