//! Plays named cases at the same time and reports all of them.

use std::{
    fmt::Write as _,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::Semaphore,
    task::{JoinSet, LocalSet, spawn_local},
    time::timeout,
};

use crate::{cloud::Cloud, secrecy::Transcript, stage::Stage};

/// How many cases run at a time. They mostly wait; what limits them is the local AWS, one Python process.
const AT_ONCE: usize = 48;

/// More than any case takes; one that hangs is reported by name.
const LIMIT: Duration = Duration::from_secs(110);

/// Names the cases to play, all whose name contains the text; without it all are.
const ONLY: &str = "CASE";

type Played = Pin<Box<dyn Future<Output = ()>>>;

/// Something that may go wrong, and what must come of it.
pub struct Case {
    name: String,
    play: Box<dyn FnOnce(Arc<Stage>) -> Played>,
}

/// A case of this name; `play` panics when something else comes of it.
pub fn case<F>(name: impl Into<String>, play: impl FnOnce(Arc<Stage>) -> F + 'static) -> Case
where
    F: Future<Output = ()> + 'static,
{
    Case { name: name.into(), play: Box::new(|stage| Box::pin(play(stage))) }
}

/// What came of the cases.
#[derive(Debug, Default)]
pub struct Report {
    results: Vec<(String, Duration, Result<(), String>)>,
    /// Everything that the functions wrote.
    pub transcripts: Vec<Transcript>,
    /// What must not be in it.
    pub secrets: Vec<(String, String)>,
}

impl Report {
    /// Prints all cases.
    ///
    /// # Panics
    /// When one failed; the message has them all.
    pub fn check(&self) {
        let mut failed = String::new();
        for (name, took, result) in &self.results {
            match result {
                Ok(()) => println!("ok     {:5.1} s  {name}", took.as_secs_f32()),
                Err(problem) => {
                    println!("FAILED {:5.1} s  {name}", took.as_secs_f32());
                    let _ = writeln!(failed, "\n--- {name}\n{problem}");
                }
            }
        }
        assert!(!self.results.is_empty(), "no case is called so");
        assert!(failed.is_empty(), "{failed}");
    }
}

/// Plays the cases, each on a stage of its own in `cloud`.
pub async fn play(cloud: &Arc<Cloud>, cases: Vec<Case>) -> Report {
    // The cases share a thread and need not be `Send`; what serves them, proxies and endpoints, has the others.
    LocalSet::new().run_until(play_here(cloud, cases)).await
}

async fn play_here(cloud: &Arc<Cloud>, cases: Vec<Case>) -> Report {
    let only = std::env::var(ONLY).unwrap_or_default();
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut playing = JoinSet::new();
    for (number, case) in cases.into_iter().enumerate().filter(|(_, case)| case.name.contains(&only)) {
        let (cloud, places) = (Arc::clone(cloud), Arc::clone(&places));
        playing.spawn_local(async move {
            let _place = places.acquire_owned().await.expect("the semaphore stays open");
            let stage = Arc::new(Stage::set(cloud, number).await);
            let started = Instant::now();
            let result = outcome((case.play)(Arc::clone(&stage))).await;
            let took = started.elapsed();
            let transcripts = stage.transcripts(&case.name).await;
            (number, case.name, took, result, transcripts, stage.secrets())
        });
    }
    let mut played = playing.join_all().await;
    played.sort_by_key(|(number, ..)| *number);
    let mut report = Report::default();
    for (_, name, took, result, transcripts, secrets) in played {
        report.results.push((name, took, result));
        report.transcripts.extend(transcripts);
        report.secrets.extend(secrets);
    }
    report
}

async fn outcome(play: Played) -> Result<(), String> {
    // A task of its own: a panic in it ends it alone.
    let task = spawn_local(timeout(LIMIT, play));
    match task.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_elapsed)) => Err(format!("did not end within {LIMIT:?}")),
        Err(panic) => {
            let payload = panic.into_panic();
            let text = payload.downcast_ref::<String>().cloned();
            Err(text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
        }
    }
}
