//! A request as a handler sees it.

use std::{fmt, sync::Mutex, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// The tag that names the stack a thing was created by, by its ARN.
pub const STACK_TAG: &str = "custom-resource:stack-id";
/// The tag that names the resource in that stack's template.
pub const LOGICAL_ID_TAG: &str = "custom-resource:logical-id";

/// What CloudFormation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestType {
    /// Make it.
    Create,
    /// Change it, or make another in its place.
    Update,
    /// Remove it.
    Delete,
}

impl fmt::Display for RequestType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestType::Create => "Create",
            RequestType::Update => "Update",
            RequestType::Delete => "Delete",
        })
    }
}

/// What earlier calls for the same request left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Progress {
    /// The physical id that was created.
    pub(crate) recorded: Option<String>,
    /// Whether a call was abandoned, or failed in a way that does not say whether it had its effect.
    #[serde(default)]
    pub(crate) in_doubt: bool,
    /// What the handler wanted to be remembered.
    #[serde(default)]
    pub(crate) memory: Value,
}

/// Everything about a request but its properties.
#[derive(Debug)]
pub struct Request {
    pub(crate) request_type: RequestType,
    pub(crate) request_id: String,
    pub(crate) stack_id: String,
    pub(crate) logical_resource_id: String,
    pub(crate) resource_type: String,
    pub(crate) physical_id: Option<String>,
    pub(crate) progress: Mutex<Progress>,
    pub(crate) started: Instant,
    pub(crate) ends: Instant,
}

impl Request {
    /// Create, Update or Delete.
    pub fn request_type(&self) -> RequestType {
        self.request_type
    }

    /// The id of this request; CloudFormation uses it again when it repeats an operation.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The ARN of the stack.
    pub fn stack_id(&self) -> &str {
        &self.stack_id
    }

    /// The resource's name in the template.
    pub fn logical_resource_id(&self) -> &str {
        &self.logical_resource_id
    }

    /// The `Type` in the template.
    pub fn resource_type(&self) -> &str {
        &self.resource_type
    }

    /// The partition of the stack, such as `aws`, `aws-cn` or `aws-us-gov`.
    pub fn partition(&self) -> &str {
        self.stack_id.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws")
    }

    /// The id that came with an Update or Delete, markers included.
    pub(crate) fn physical_id(&self) -> Option<&str> {
        self.physical_id.as_deref()
    }

    /// Says that the resource exists now under this physical id. From here on a failure, a panic or the deadline is answered with this
    /// id, so that CloudFormation's roll-back deletes it; a later call for the same request finds it in [`recorded`](Self::recorded).
    pub fn created(&self, physical_id: impl Into<String>) {
        self.progress_slot().recorded = Some(physical_id.into());
    }

    /// What [`created`](Self::created) was told, in this call or an earlier one for the same request.
    pub fn recorded(&self) -> Option<String> {
        self.progress_slot().recorded.clone()
    }

    /// Keeps a small value for later calls for the same request, in whatever invocation. It travels in an event: nothing secret.
    pub fn remember(&self, value: impl Serialize) {
        self.progress_slot().memory = serde_json::to_value(value).unwrap_or_default();
    }

    /// What [`remember`](Self::remember) was last given, if it is of this type.
    pub fn recall<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(&self.progress_slot().memory).ok()
    }

    /// Notes that something may have been created of which nobody knows.
    pub(crate) fn doubt(&self) {
        self.progress_slot().in_doubt = true;
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress_slot().clone()
    }

    fn progress_slot(&self) -> std::sync::MutexGuard<'_, Progress> {
        // A handler that panicked while it recorded left a whole value: assignment is the only thing done under the lock.
        self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The tags that mark what this resource creates as its own, where a service has tags: the stack, and the logical id.
    pub fn ownership(&self) -> [(&'static str, &str); 2] {
        [(STACK_TAG, &self.stack_id), (LOGICAL_ID_TAG, &self.logical_resource_id)]
    }

    /// Twenty hexadecimal digits that stand for this stack's resource and whatever else is given: a mark for where there is no room for [`Request::ownership`].
    #[must_use]
    pub fn ownership_digest(&self, more: &[&str]) -> String {
        let mut hash = Sha256::new();
        for part in [self.stack_id(), self.logical_resource_id()].iter().chain(more) {
            hash.update(format!("{}:{part}\n", part.len()));
        }
        let mut digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        digits.truncate(20);
        digits
    }

    /// How long this request has been worked on, earlier invocations included.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long until CloudFormation must have been answered, later invocations included.
    pub fn remaining(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }
}
