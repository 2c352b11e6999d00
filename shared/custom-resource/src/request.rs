//! A request as a handler sees it.

use std::{fmt, sync::Mutex, time::Duration};

use tokio::time::Instant;

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

/// Everything about a request but its properties.
#[derive(Debug)]
pub struct Request {
    pub(crate) request_type: RequestType,
    pub(crate) request_id: String,
    pub(crate) stack_id: String,
    pub(crate) logical_resource_id: String,
    pub(crate) resource_type: String,
    pub(crate) physical_id: Option<String>,
    pub(crate) recorded: Mutex<Option<String>>,
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
        *self.recorded_slot() = Some(physical_id.into());
    }

    /// What [`created`](Self::created) was told, in this call or an earlier one for the same request.
    pub fn recorded(&self) -> Option<String> {
        self.recorded_slot().clone()
    }

    fn recorded_slot(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        // A handler that panicked while it recorded left a whole value: assignment is the only thing done under the lock.
        self.recorded.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
