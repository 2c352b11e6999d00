//! Follows an operation on a stack: its events as one stream, how far it is, what it waits for, and why it failed.

mod function_log;
mod remedy;
mod tracker;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_cloudformation::types::StackStatus;
use deployment::events::{self, Event, EventsError, Followed, Mark};
use deployment::stack::Stack;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::aws::Aws;
use crate::console::Console;
use crate::event_line::event_line;

pub(crate) use remedy::remedy;

use function_log::{Excerpt, Place};
use tracker::Tracker;

/// After how long without news it is said what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of how many failed functions the log is read: the first failure is the cause, the others follow from it.
const LOGS: usize = 3;

/// A finished operation, and what functions said that failed on the way.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) followed: Followed,
    excerpts: Vec<Excerpt>,
}

/// Follows the operation that began after `mark`; `total` is how many resources it is about, if that is known.
pub(crate) async fn follow(
    aws: &Aws,
    mark: &Mark,
    name: &str,
    total: Option<usize>,
    console: &Console,
) -> Result<Ended, EventsError> {
    console.if_interrupted(Some(format!(
        "CloudFormation goes on with {name} on its own. The same command follows it again; nothing has to be cleaned up."
    )));
    let tracker = Mutex::new(Tracker::new(total));
    let (failed, mut failures) = mpsc::unbounded_channel::<Place>();
    let client = aws.cloudformation();
    let following = async {
        // It ends with the events, and with it the fetching of logs.
        let failed = failed;
        let on_event = |event: &Event| {
            let progress = tracker.lock().unwrap_or_else(PoisonError::into_inner).see(event);
            let line = event_line(event, console.style);
            match progress {
                Some(progress) => console.line(&format!("{} {line}", console.style.faint(&progress))),
                // That something has begun is of interest only as long as it has not ended.
                None => console.log(&line),
            }
            if let Some(place) = Place::of(event) {
                // The log is fetched now: a roll-back may delete it.
                let _nobody_listens = failed.send(place);
            }
        };
        events::follow(&client, mark, on_event).await
    };
    let fetching = async {
        let mut excerpts = Vec::new();
        while let Some(place) = failures.recv().await {
            if excerpts.len() < LOGS {
                excerpts.push(function_log::fetch(&aws.logs(), place).await);
            }
        }
        excerpts
    };
    let waiting = async {
        let mut beat = interval(PATIENCE);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            if let Some(text) = tracker.lock().unwrap_or_else(PoisonError::into_inner).waiting_for(PATIENCE) {
                console.step(&text);
            }
        }
    };
    let (followed, excerpts) = tokio::select! {
        both = async { tokio::join!(following, fetching) } => both,
        () = waiting => unreachable!("it waits for ever"),
    };
    let followed = followed?;
    console.if_interrupted(None);
    Ok(Ended { followed, excerpts })
}

/// Follows what is being done to a stack already, if something is.
pub(crate) async fn resume(
    aws: &Aws,
    existing: Option<&Stack>,
    console: &Console,
) -> Result<Option<Ended>, EventsError> {
    let Some(stack) = existing.filter(|stack| is_busy(&stack.status)) else { return Ok(None) };
    console.step(&format!("{} is in {}: following that first", stack.name, stack.status.as_str()));
    let mark = Mark::before_current_operation(&aws.cloudformation(), &stack.id).await?;
    follow(aws, &mark, &stack.name, None, console).await.map(Some)
}

/// Whether something is being done to a stack of this status. One in review waits for its user.
pub(crate) fn is_busy(status: &StackStatus) -> bool {
    *status != StackStatus::ReviewInProgress && status.as_str().ends_with("_IN_PROGRESS")
}

/// Says why an operation failed, what the function said whose failure it was, and what to do.
pub(crate) fn explain(ended: &Ended, name: &str, console: &Console) {
    console.error(&format!("{name} ended in {}", ended.followed.status));
    let Some(cause) = ended.followed.deepest_cause() else { return };
    console.line(&format!(
        "  the cause: {} ({}) in {}: {}",
        cause.logical_id, cause.resource_type, cause.stack, cause.status
    ));
    console
        .line(&format!("  {}", if cause.reason.is_empty() { "CloudFormation gives no reason" } else { &cause.reason }));
    for excerpt in ended.excerpts.iter().filter(|excerpt| excerpt.is_of(&cause)) {
        excerpt.lines().iter().for_each(|line| console.line(&format!("    {line}")));
    }
    if let Some(remedy) = remedy(&cause) {
        console.line(&format!("  what to do: {remedy}"));
    }
    if let Some(path) = console.log_path() {
        console.line(&console.style.faint(&format!("  all events are in the log: {}", path.display())));
    }
}
