//! The rehearsal: deploys the real root stack into the local AWS, changes it, breaks it, deletes it, and says what was kept.
//!
//! One module a part. A part that is added later brings its own promises: a module with a `run`, and a line in [`run`].

mod alone;
mod broken;
mod certificate;
mod creation;
mod deletion;
mod failed_creation;
mod image;
mod leftovers;
mod mail;
mod pool;
mod progress;
mod real_server;
mod secrecy;
mod world;

use std::path::PathBuf;

use crate::local_aws::{Kept, LocalAwsError};
use crate::outside::OutsideError;
use crate::promises::Promises;

pub use progress::Progress;

use deployment::functions::BuildError;
use world::World;

/// What to rehearse.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder with `template.yaml`.
    pub workspace_root: PathBuf,
    /// The domain to deploy for; a hosted zone of this name is made in the local AWS.
    pub domain: String,
    /// Whether the servers are real: machines that run their user data. That needs root, Debian and some minutes, and is all that is rehearsed then.
    pub real_servers: bool,
    /// Whether to leave the local AWS running, with the stack deployed once more.
    pub keep: bool,
}

/// What came of a rehearsal.
#[derive(Debug)]
pub struct Report {
    /// The promises.
    pub promises: Promises,
    /// The local AWS's log.
    pub log: PathBuf,
    /// How to reach the local AWS, if it was left running.
    pub kept: Option<Kept>,
}

/// Why there could be no rehearsal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The functions could not be built.
    #[error("cannot build the functions")]
    Build(#[from] BuildError),
    /// The local AWS could not be installed, started or stopped.
    #[error("cannot use the local AWS")]
    LocalAws(#[from] LocalAwsError),
    /// What lies outside AWS could not be started.
    #[error("cannot start what lies outside AWS")]
    Outside(#[from] OutsideError),
}

/// Rehearses a deployment from the first build to the last deletion; `progress` is told everything on the way.
///
/// When the returned future is dropped, by a signal for one, all that was started is ended.
///
/// # Errors
///
/// When there can be no rehearsal because the functions do not build or the local AWS does not start. Whatever goes wrong
/// after that is a broken promise.
pub async fn run(options: Options, mut progress: impl FnMut(Progress<'_>)) -> Result<Report, ScenarioError> {
    let mut world = World::prepare(&options, &mut progress).await?;

    creation::run(&mut world).await;
    if options.real_servers {
        real_server::run(&mut world).await;
    } else {
        certificate::run(&mut world).await;
        image::run(&mut world).await;
        mail::run(&mut world).await;
        pool::run(&mut world).await;
        failed_creation::run(&mut world).await;
    }
    deletion::run(&mut world).await;
    leftovers::run(&mut world).await;
    if !options.real_servers {
        secrecy::run(&mut world).await;
    }

    if options.keep {
        creation::once_more(&mut world).await;
    }
    let log = world.aws.log().to_path_buf();
    world.outside.end().await?;
    let kept = if options.keep {
        Some(world.aws.keep()?)
    } else {
        world.aws.stop().await?;
        None
    };
    Ok(Report { promises: world.promises, log, kept })
}
