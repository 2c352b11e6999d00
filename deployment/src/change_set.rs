//! Prepares, shows and executes change sets.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::SdkError;
use aws_sdk_cloudformation::operation::create_change_set::CreateChangeSetError;
use aws_sdk_cloudformation::operation::delete_change_set::DeleteChangeSetError;
use aws_sdk_cloudformation::operation::describe_change_set::{DescribeChangeSetError, DescribeChangeSetOutput};
use aws_sdk_cloudformation::operation::execute_change_set::ExecuteChangeSetError;
use aws_sdk_cloudformation::operation::list_change_sets::ListChangeSetsError;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetStatus, ChangeSetSummary, ChangeSetType, Parameter, ResourceChange, StackStatus, Tag,
};
use serde_json::Value;
use tokio::time::sleep;

use crate::events::{self, EventsError, Mark};
use crate::stack::{self, DeleteError, DescribeError, Stack};

/// The first wait for a change set; the following ones double up to [`LONGEST_WAIT`].
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// `CloudFormation` needs seconds to minutes for a change set with nested stacks.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// What a stack should become.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The packaged root template: its parameters decide which previous values are kept.
    pub template: &'a Value,
    /// Where `CloudFormation` finds the same template.
    pub location: Location<'a>,
    /// The parameters to set. On an update, those left out keep their values; a new one gets its default.
    pub parameters: &'a BTreeMap<String, String>,
    /// Tags for the stack and everything in it.
    pub tags: &'a BTreeMap<String, String>,
    /// Whether the remains of a failed creation (`ROLLBACK_COMPLETE`), which can only be deleted, may be deleted.
    pub replace_failed: bool,
}

/// Where `CloudFormation` finds a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location<'a> {
    /// In S3, at this address.
    Url(&'a str),
    /// In the call itself, up to 51,200 bytes: for the stack with the bucket that all others are put in.
    Body(&'a str),
}

/// What came of preparing a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// The stack is as it should be.
    NoChanges,
    /// The change set is ready to be shown and executed.
    Ready(ChangeSet),
}

/// A change set, ready to be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// The ARN of the stack that it is for.
    pub stack_id: String,
    /// Whether it creates the stack; otherwise it updates it.
    pub creates: bool,
    /// What it will do, nested stacks included as far as `CloudFormation` tells.
    pub changes: Vec<Change>,
}

/// What a change set will do to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The logical ids of the nested stacks around the resource, outermost first.
    pub path: Vec<String>,
    /// `Add`, `Modify`, `Remove`, `Import` or `Dynamic`.
    pub action: String,
    /// The resource's name in its template.
    pub logical_id: String,
    /// The resource's type.
    pub resource_type: String,
    /// For a modification: `True` when it is replaced, `Conditional` when that is not known yet, else `False`.
    pub replacement: Option<String>,
}

/// Why a change set could not be prepared or executed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeSetError {
    /// The stack could not be described.
    #[error(transparent)]
    Stack(#[from] DescribeError),
    /// The remains of a failed creation could not be deleted.
    #[error(transparent)]
    DeleteRemains(#[from] DeleteError),
    /// The stack's events could not be read.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// Something else is being done to the stack.
    #[error("the stack {stack} is busy ({status}); wait until it is done")]
    Busy {
        /// The stack.
        stack: String,
        /// Its status.
        status: StackStatus,
    },
    /// The creation of the stack failed and was rolled back; such a stack can only be deleted.
    #[error("the stack {stack} is what is left of a failed creation ({status}); delete it first")]
    FailedCreation {
        /// The stack.
        stack: String,
        /// Its status.
        status: StackStatus,
    },
    /// The deletion of the remains of a failed creation failed.
    #[error("what is left of the stack {stack} could not be deleted ({status})")]
    RemainsStay {
        /// The stack.
        stack: String,
        /// The status after the attempt.
        status: String,
    },
    /// An earlier operation left the stack in a state that no change set can start from.
    #[error("the stack {stack} cannot be changed in the status {status}{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Stuck {
        /// The stack.
        stack: String,
        /// Its status.
        status: StackStatus,
        /// Why it has it.
        reason: Option<String>,
    },
    /// The change set was refused.
    #[error("cannot create a change set for the stack {stack}")]
    Create {
        /// The stack.
        stack: String,
        /// Why.
        #[source]
        source: Box<SdkError<CreateChangeSetError>>,
    },
    /// The change set could not be described.
    #[error("cannot describe the change set of the stack {stack}")]
    Describe {
        /// The stack.
        stack: String,
        /// Why.
        #[source]
        source: Box<SdkError<DescribeChangeSetError>>,
    },
    /// `CloudFormation` could not compute the change set.
    #[error("the change set of the stack {stack} failed: {reason}")]
    Failed {
        /// The stack.
        stack: String,
        /// What `CloudFormation` says.
        reason: String,
    },
    /// The change sets could not be listed.
    #[error("cannot list the change sets of the stack {stack}")]
    List {
        /// The stack's id.
        stack: String,
        /// Why.
        #[source]
        source: Box<SdkError<ListChangeSetsError>>,
    },
    /// A change set that is not wanted could not be removed.
    #[error("cannot delete the change set of the stack {stack}")]
    Delete {
        /// The stack.
        stack: String,
        /// Why.
        #[source]
        source: Box<SdkError<DeleteChangeSetError>>,
    },
    /// The change set could not be executed.
    #[error("cannot execute the change set of the stack {stack}")]
    Execute {
        /// The stack's id.
        stack: String,
        /// Why.
        #[source]
        source: Box<SdkError<ExecuteChangeSetError>>,
    },
}

/// Computes what has to change for a stack to become `target`. Nothing is changed yet.
///
/// # Errors
///
/// When the stack is in no state to be changed, or `CloudFormation` refuses.
pub async fn prepare(client: &Client, target: &Target<'_>) -> Result<Prepared, ChangeSetError> {
    let existing = changeable(client, target).await?;
    let request = match target.location {
        Location::Url(url) => client.create_change_set().template_url(url),
        Location::Body(body) => client.create_change_set().template_body(body),
    };
    let created = request
        .stack_name(target.stack)
        .change_set_name(new_name())
        .change_set_type(match existing {
            None => ChangeSetType::Create,
            Some(_) => ChangeSetType::Update,
        })
        .set_parameters(Some(parameters(target, existing.as_ref())))
        .set_tags(Some(tags(target.tags)))
        // Our roles are unnamed, and there is no macro to expand.
        .capabilities(Capability::CapabilityIam)
        .include_nested_stacks(true)
        .send()
        .await
        .map_err(|source| ChangeSetError::Create { stack: target.stack.to_owned(), source: Box::new(source) })?;
    let id = created.id().unwrap_or_default().to_owned();
    let described = wait(client, target.stack, &id).await?;
    if described.status() == Some(&ChangeSetStatus::Failed) {
        let reason = described.status_reason().unwrap_or_default();
        if !says_no_changes(reason) {
            return Err(ChangeSetError::Failed { stack: target.stack.to_owned(), reason: reason.to_owned() });
        }
        client
            .delete_change_set()
            .change_set_name(&id)
            .send()
            .await
            .map_err(|source| ChangeSetError::Delete { stack: target.stack.to_owned(), source: Box::new(source) })?;
        return Ok(Prepared::NoChanges);
    }
    Ok(Prepared::Ready(ChangeSet {
        stack_id: created.stack_id().unwrap_or_default().to_owned(),
        creates: existing.is_none(),
        changes: changes(client, target.stack, &id).await?,
        id,
    }))
}

/// Starts a change set. [`events::follow`] the mark that is returned to see it happen.
///
/// # Errors
///
/// When `CloudFormation` refuses.
pub async fn execute(client: &Client, change_set: &ChangeSet) -> Result<Mark, ChangeSetError> {
    let mark = Mark::before(client, &change_set.stack_id).await?;
    client
        .execute_change_set()
        .change_set_name(&change_set.id)
        .send()
        .await
        .map_err(|source| ChangeSetError::Execute { stack: change_set.stack_id.clone(), source: Box::new(source) })?;
    Ok(mark)
}

/// Takes back a change set that was not executed. With the last one of a stack that was never created goes what stands for that stack.
///
/// # Errors
///
/// When `CloudFormation` refuses.
pub async fn discard(client: &Client, change_set: &ChangeSet) -> Result<(), ChangeSetError> {
    let stack = || change_set.stack_id.clone();
    client
        .delete_change_set()
        .change_set_name(&change_set.id)
        .send()
        .await
        .map_err(|source| ChangeSetError::Delete { stack: stack(), source: Box::new(source) })?;
    if !change_set.creates {
        return Ok(());
    }
    let others = client
        .list_change_sets()
        .stack_name(&change_set.stack_id)
        .send()
        .await
        .map_err(|source| ChangeSetError::List { stack: stack(), source: Box::new(source) })?;
    let is_other = |summary: &ChangeSetSummary| summary.change_set_id() != Some(&change_set.id);
    let found = stack::describe(client, &change_set.stack_id).await?;
    if found.is_some_and(|found| found.status == StackStatus::ReviewInProgress)
        && !others.summaries().iter().any(is_other)
    {
        stack::delete(client, &change_set.stack_id).await?;
    }
    Ok(())
}

/// The stack to update, or `None` when one has to be created.
async fn changeable(client: &Client, target: &Target<'_>) -> Result<Option<Stack>, ChangeSetError> {
    let Some(found) = stack::describe(client, target.stack).await? else {
        return Ok(None);
    };
    let name = || target.stack.to_owned();
    match &found.status {
        // Only a change set that was never executed is there, not a stack.
        StackStatus::ReviewInProgress | StackStatus::DeleteComplete => Ok(None),
        StackStatus::RollbackComplete | StackStatus::RollbackFailed | StackStatus::CreateFailed => {
            if target.replace_failed {
                delete_remains(client, &found).await?;
                Ok(None)
            } else {
                Err(ChangeSetError::FailedCreation { stack: name(), status: found.status })
            }
        }
        StackStatus::DeleteFailed | StackStatus::UpdateRollbackFailed | StackStatus::ImportRollbackFailed => {
            Err(ChangeSetError::Stuck { stack: name(), status: found.status, reason: found.reason })
        }
        status if status.as_str().ends_with("_IN_PROGRESS") => {
            Err(ChangeSetError::Busy { stack: name(), status: found.status })
        }
        _ => Ok(Some(found)),
    }
}

async fn delete_remains(client: &Client, remains: &Stack) -> Result<(), ChangeSetError> {
    let Some(mark) = stack::delete(client, &remains.id).await? else {
        return Ok(());
    };
    let followed = events::follow(client, &mark, |_| {}).await?;
    if followed.succeeded() {
        Ok(())
    } else {
        Err(ChangeSetError::RemainsStay { stack: remains.name.clone(), status: followed.status })
    }
}

/// The parameters of the template: as given, else as they are.
fn parameters(target: &Target<'_>, existing: Option<&Stack>) -> Vec<Parameter> {
    let given = target
        .parameters
        .iter()
        .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build());
    let declared = target.template["Parameters"].as_object();
    let kept = declared
        .into_iter()
        .flat_map(serde_json::Map::keys)
        .filter(|key| !target.parameters.contains_key(*key))
        .filter(|key| existing.is_some_and(|stack| stack.parameters.contains_key(*key)))
        .map(|key| Parameter::builder().parameter_key(key).use_previous_value(true).build());
    given.chain(kept).collect()
}

fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// A name that no other change set of the stack has.
fn new_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("bbb-{}", now.as_nanos())
}

/// Waits until a change set is computed, or cannot be.
async fn wait(client: &Client, stack: &str, id: &str) -> Result<DescribeChangeSetOutput, ChangeSetError> {
    let mut pause = SHORTEST_WAIT;
    loop {
        let described = describe(client, stack, id, None).await?;
        match described.status() {
            Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress) => {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_WAIT);
            }
            _ => return Ok(described),
        }
    }
}

async fn describe(
    client: &Client,
    stack: &str,
    id: &str,
    page: Option<String>,
) -> Result<DescribeChangeSetOutput, ChangeSetError> {
    client
        .describe_change_set()
        .change_set_name(id)
        .set_next_token(page)
        .send()
        .await
        .map_err(|source| ChangeSetError::Describe { stack: stack.to_owned(), source: Box::new(source) })
}

/// The changes of a change set and of those of its nested stacks.
async fn changes(client: &Client, stack: &str, id: &str) -> Result<Vec<Change>, ChangeSetError> {
    let mut changes = Vec::new();
    let mut open = vec![(id.to_owned(), Vec::new())];
    while let Some((id, path)) = open.pop() {
        let mut page = None;
        loop {
            let described = describe(client, stack, &id, page).await?;
            let resources = described.changes().iter().filter_map(|change| change.resource_change());
            for resource in resources {
                changes.push(read(resource, &path));
                if let Some(nested) = resource.change_set_id() {
                    let mut path = path.clone();
                    path.push(resource.logical_resource_id().unwrap_or_default().to_owned());
                    open.push((nested.to_owned(), path));
                }
            }
            page = described.next_token().map(str::to_owned);
            if page.is_none() {
                break;
            }
        }
    }
    Ok(changes)
}

fn read(resource: &ResourceChange, path: &[String]) -> Change {
    Change {
        path: path.to_vec(),
        action: resource.action().map(|action| action.as_str().to_owned()).unwrap_or_default(),
        logical_id: resource.logical_resource_id().unwrap_or_default().to_owned(),
        resource_type: resource.resource_type().unwrap_or_default().to_owned(),
        replacement: resource.replacement().map(|replacement| replacement.as_str().to_owned()),
    }
}

/// `CloudFormation` calls a change set without changes a failure and tells it by its words alone.
fn says_no_changes(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}
