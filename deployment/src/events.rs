//! Follows a stack and all its nested stacks as one stream of events.

mod cause;
mod merge;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, SystemTime};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::describe_stack_events::DescribeStackEventsError;
use aws_sdk_cloudformation::operation::list_stack_resources::ListStackResourcesError;
use aws_sdk_cloudformation::types::StackEvent;
use tokio::time::sleep;

pub use cause::Cause;

use crate::stack::{self, DescribeError};

/// The resource type of a nested stack, and of a stack's events about itself.
const STACK: &str = "AWS::CloudFormation::Stack";

/// The shortest time between two looks, for when things happen.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);

/// The longest time between two looks, for when nothing happens: `CloudFormation` throttles an account's readers together.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How often in a row a look may fail for a passing reason before following is given up.
const PATIENCE: u32 = 20;

/// Something that happened to a resource of a stack or to a stack itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event's id, unique in its stack.
    pub id: String,
    /// When it happened, by `CloudFormation`'s clock.
    pub time: SystemTime,
    /// The name of the stack it happened in.
    pub stack: String,
    /// The id of the stack it happened in.
    pub stack_id: String,
    /// How deep this stack is nested; 0 for the root.
    pub depth: usize,
    /// The resource's name in the template.
    pub logical_id: String,
    /// The resource's own id, once it has one.
    pub physical_id: Option<String>,
    /// The resource's type, such as `AWS::Lambda::Function`.
    pub resource_type: String,
    /// The status that it reached, such as `CREATE_FAILED`.
    pub status: String,
    /// Why, when `CloudFormation` says so.
    pub reason: Option<String>,
}

impl Event {
    /// Whether the event is about the stack it is listed in, rather than about one of the stack's resources.
    #[must_use]
    pub fn is_about_its_stack(&self) -> bool {
        self.physical_id.as_deref() == Some(self.stack_id.as_str())
    }

    /// The nested stack that the event is about, if it is about one.
    fn nested_stack(&self) -> Option<&str> {
        (self.resource_type == STACK && !self.is_about_its_stack())
            .then_some(self.physical_id.as_deref())
            .flatten()
            .filter(|id| id.starts_with("arn:"))
    }

    /// Whether it says that somebody asked for an operation on its stack.
    fn begins_its_stacks_operation(&self) -> bool {
        const FIRST: [&str; 4] =
            ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"];
        self.is_about_its_stack() && FIRST.contains(&self.status.as_str())
    }

    /// Whether it says that an operation on its stack is over.
    fn ends_its_stacks_operation(&self) -> bool {
        self.is_about_its_stack() && (self.status.ends_with("_COMPLETE") || self.status.ends_with("_FAILED"))
    }
}

/// Why a stack's events could not be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// The events of a stack could not be listed.
    #[error("cannot list the events of the stack {stack}")]
    DescribeStackEvents {
        /// Its id.
        stack: String,
        /// Why.
        #[source]
        source: Box<SdkError<DescribeStackEventsError>>,
    },
    /// The nested stacks of a stack could not be listed.
    #[error("cannot list the resources of the stack {stack}")]
    ListStackResources {
        /// Its id.
        stack: String,
        /// Why.
        #[source]
        source: Box<SdkError<ListStackResourcesError>>,
    },
    /// The stack could not be asked whether it is done.
    #[error(transparent)]
    Describe(#[from] DescribeError),
}

/// A point in the history of a stack and its nested stacks: what comes after it is new.
///
/// It is made of event ids, so that no clock needs to agree with `CloudFormation`'s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    root: String,
    /// The newest event of each stack that exists.
    newest: BTreeMap<String, String>,
}

impl Mark {
    /// The point before whatever is done next to the stack of this id.
    ///
    /// # Errors
    ///
    /// When the events or resources cannot be listed.
    pub async fn before(client: &Client, stack_id: &str) -> Result<Self, EventsError> {
        let mut newest = BTreeMap::new();
        let mut open = vec![stack_id.to_owned()];
        while let Some(stack) = open.pop() {
            if let Some(event) = newest_event(client, &stack).await? {
                newest.insert(stack.clone(), event);
            }
            open.extend(nested_stacks(client, &stack).await?);
        }
        Ok(Self { root: stack_id.to_owned(), newest })
    }

    /// The point before what is being done to the stack of this id now, or was done last.
    ///
    /// # Errors
    ///
    /// When the events or resources cannot be listed.
    pub async fn before_current_operation(client: &Client, stack_id: &str) -> Result<Self, EventsError> {
        let mut newest = BTreeMap::new();
        let mut began = None;
        let mut open = vec![stack_id.to_owned()];
        while let Some(stack) = open.pop() {
            let mut pages = client.describe_stack_events().stack_name(&stack).into_paginator().items().send();
            while let Some(event) = pages.next().await {
                let event = event.map_err(|source| unlisted(&stack, source))?;
                let Some(event) = read(event, 0) else { continue };
                match began {
                    // Newest first, and the root first of all: before this one there is only what was done earlier.
                    Some(began) if event.time < began => {
                        newest.insert(stack.clone(), event.id);
                        break;
                    }
                    None if event.begins_its_stacks_operation() => began = Some(event.time),
                    _ => {}
                }
            }
            open.extend(nested_stacks(client, &stack).await?);
        }
        Ok(Self { root: stack_id.to_owned(), newest })
    }

    /// The id of the stack that this is about.
    #[must_use]
    pub fn stack_id(&self) -> &str {
        &self.root
    }
}

/// A finished operation on a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The status that the root stack ended in, such as `UPDATE_ROLLBACK_COMPLETE`.
    pub status: String,
    /// All events in order.
    pub events: Vec<Event>,
}

impl Followed {
    /// Whether the operation did what it was asked to do.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.ends_with("_COMPLETE") && !self.status.contains("ROLLBACK")
    }

    /// The failure that all others followed from: the first one in the innermost stack.
    #[must_use]
    pub fn deepest_cause(&self) -> Option<Cause> {
        cause::deepest(&self.events)
    }
}

/// Follows the operation that began after `mark` until the root stack's part in it is over.
///
/// `on_event` sees each event of the root and of all nested stacks once, those of one stack in their order.
///
/// # Errors
///
/// When the events cannot be listed; throttling and passing faults are waited out.
pub async fn follow(client: &Client, mark: &Mark, mut on_event: impl FnMut(&Event)) -> Result<Followed, EventsError> {
    let mut follower = Follower::new(client, mark);
    let mut events = Vec::new();
    let mut wait = SHORTEST_WAIT;
    loop {
        let news = follower.look().await?;
        wait = if news.is_empty() { (wait * 2).min(LONGEST_WAIT) } else { SHORTEST_WAIT };
        news.iter().for_each(&mut on_event);
        let end = news
            .iter()
            .rev()
            .find(|event| event.depth == 0 && event.ends_its_stacks_operation())
            .map(|event| event.status.clone());
        events.extend(news);
        if let Some(status) = end
            && is_over(client, mark, &status).await?
        {
            // A nested stack may have been looked at before its last events happened.
            follower.watch_all();
            let rest = follower.look().await?;
            rest.iter().for_each(&mut on_event);
            events.extend(rest);
            return Ok(Followed { status, events });
        }
        sleep(wait).await;
    }
}

/// Everything that `CloudFormation` still knows to have happened to the stack of this id and to all that ever were nested in it, one stack after another.
///
/// It keeps the events of deleted stacks for 90 days.
///
/// # Errors
///
/// When the events cannot be listed.
pub async fn history(client: &Client, stack_id: &str) -> Result<Vec<Event>, EventsError> {
    let mut all = Vec::new();
    let mut open = vec![(stack_id.to_owned(), 0)];
    let mut known = BTreeSet::from([stack_id.to_owned()]);
    while let Some((stack, depth)) = open.pop() {
        let mut pages = client.describe_stack_events().stack_name(&stack).into_paginator().items().send();
        while let Some(event) = pages.next().await {
            let event = event.map_err(|source| unlisted(&stack, source))?;
            let Some(event) = read(event, depth) else { continue };
            if let Some(nested) = event.nested_stack()
                && known.insert(nested.to_owned())
            {
                open.push((nested.to_owned(), depth + 1));
            }
            all.push(event);
        }
    }
    Ok(all)
}

/// Whether the root stack has come to rest, now that one of its events says `status`.
async fn is_over(client: &Client, mark: &Mark, status: &str) -> Result<bool, EventsError> {
    // A failure ends the operation only where roll-back is off; only the stack itself knows.
    if !status.ends_with("_FAILED") {
        return Ok(true);
    }
    let root = stack::describe(client, &mark.root).await?;
    Ok(root.is_none_or(|root| !root.status.as_str().ends_with("_IN_PROGRESS")))
}

/// A stack that is being followed.
struct Watched {
    depth: usize,
    /// Whether something may still happen in it.
    active: bool,
    seen: HashSet<String>,
}

struct Follower<'a> {
    client: &'a Client,
    mark: &'a Mark,
    stacks: BTreeMap<String, Watched>,
    /// The nested stacks that events told of.
    named: BTreeSet<String>,
    failures: u32,
}

impl<'a> Follower<'a> {
    fn new(client: &'a Client, mark: &'a Mark) -> Self {
        let mut follower = Self { client, mark, stacks: BTreeMap::new(), named: BTreeSet::new(), failures: 0 };
        follower.watch(&mark.root, 0);
        follower
    }

    /// Watches a stack from its mark on, again if it had come to rest.
    fn watch(&mut self, stack: &str, depth: usize) {
        self.stacks
            .entry(stack.to_owned())
            .or_insert_with(|| Watched {
                depth,
                active: true,
                seen: self.mark.newest.get(stack).cloned().into_iter().collect(),
            })
            .active = true;
    }

    /// Watches all known stacks again.
    fn watch_all(&mut self) {
        for watched in self.stacks.values_mut() {
            watched.active = true;
        }
    }

    /// The events since the last look, of nested stacks that they reveal too.
    async fn look(&mut self) -> Result<Vec<Event>, EventsError> {
        let mut news = Vec::new();
        let mut looked_at = BTreeSet::new();
        loop {
            // Outer stacks first: what an outer one says of an inner one is then never shown before the inner one's own events.
            let next = self
                .stacks
                .iter()
                .filter(|(stack, watched)| watched.active && !looked_at.contains(*stack))
                .min_by_key(|(_, watched)| watched.depth)
                .map(|(stack, _)| stack.clone());
            let Some(stack) = next else { break };
            let events = match self.new_events(&stack).await {
                Ok(events) => events,
                Err(error) => {
                    self.failures += 1;
                    if !is_passing(&error) || self.failures > PATIENCE {
                        return Err(error);
                    }
                    Vec::new()
                }
            };
            for event in &events {
                if let Some(nested) = event.nested_stack() {
                    // What its parent says of it may come after all of its own events were seen: one more look finds out.
                    self.watch(nested, event.depth + 1);
                }
            }
            // A failure may yet be rolled back, and the root is watched to the end.
            if let Some(last) = events.last()
                && last.depth > 0
                && last.ends_its_stacks_operation()
                && last.status.ends_with("_COMPLETE")
                && let Some(watched) = self.stacks.get_mut(&stack)
            {
                watched.active = false;
            }
            news.push(events);
            looked_at.insert(stack);
        }
        Ok(merge::merge(news, &mut self.named))
    }

    /// The events of one stack that were not seen yet, oldest first.
    async fn new_events(&mut self, stack: &str) -> Result<Vec<Event>, EventsError> {
        let Some(watched) = self.stacks.get_mut(stack) else {
            return Ok(Vec::new());
        };
        let mut news = Vec::new();
        let mut pages = self.client.describe_stack_events().stack_name(stack).into_paginator().items().send();
        while let Some(event) = pages.next().await {
            let event = event.map_err(|source| unlisted(stack, source))?;
            let Some(event) = read(event, watched.depth) else {
                continue;
            };
            // Newest first: behind the first event that is known there are only known ones.
            if watched.seen.contains(&event.id) {
                break;
            }
            news.push(event);
        }
        // Only now, so that a page that failed is read again.
        watched.seen.extend(news.iter().map(|event| event.id.clone()));
        self.failures = 0;
        news.reverse();
        Ok(news)
    }
}

/// Whether waiting may help.
fn is_passing(error: &EventsError) -> bool {
    const THROTTLING: [&str; 3] = ["Throttling", "ThrottlingException", "RequestLimitExceeded"];
    let EventsError::DescribeStackEvents { source, .. } = error else {
        return false;
    };
    match source.as_ref() {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(refusal) => {
            refusal.raw().status().is_server_error() || source.code().is_some_and(|code| THROTTLING.contains(&code))
        }
        _ => false,
    }
}

fn unlisted(stack: &str, source: SdkError<DescribeStackEventsError>) -> EventsError {
    EventsError::DescribeStackEvents { stack: stack.to_owned(), source: Box::new(source) }
}

async fn newest_event(client: &Client, stack: &str) -> Result<Option<String>, EventsError> {
    let page =
        client.describe_stack_events().stack_name(stack).send().await.map_err(|source| unlisted(stack, source))?;
    Ok(page.stack_events().first().and_then(|event| event.event_id()).map(str::to_owned))
}

/// The ids of the stacks nested directly in `stack`.
async fn nested_stacks(client: &Client, stack: &str) -> Result<Vec<String>, EventsError> {
    let mut pages = client.list_stack_resources().stack_name(stack).into_paginator().items().send();
    let mut nested = Vec::new();
    while let Some(resource) = pages.next().await {
        let resource = resource
            .map_err(|source| EventsError::ListStackResources { stack: stack.to_owned(), source: Box::new(source) })?;
        if resource.resource_type() == Some(STACK)
            && let Some(id) = resource.physical_resource_id()
            && id.starts_with("arn:")
        {
            nested.push(id.to_owned());
        }
    }
    Ok(nested)
}

/// Our view of an event; `None` for one without the fields that every event has.
fn read(event: StackEvent, depth: usize) -> Option<Event> {
    Some(Event {
        time: SystemTime::try_from(*event.timestamp()?).ok()?,
        depth,
        status: event.resource_status()?.as_str().to_owned(),
        id: event.event_id?,
        stack: event.stack_name?,
        stack_id: event.stack_id?,
        logical_id: event.logical_resource_id?,
        physical_id: event.physical_resource_id.filter(|id| !id.is_empty()),
        resource_type: event.resource_type?,
        reason: event.resource_status_reason.filter(|reason| !reason.is_empty()),
    })
}
