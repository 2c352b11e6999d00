//! Describes a stack, and deletes one.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::operation::delete_stack::DeleteStackError;
use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError;
use aws_sdk_cloudformation::operation::list_stacks::ListStacksError;
use aws_sdk_cloudformation::types::StackStatus;

use crate::events::{EventsError, Mark};

/// A stack as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its ARN, which stays valid after its deletion.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: StackStatus,
    /// Why it has this status, when `CloudFormation` says so.
    pub reason: Option<String>,
    /// Its parameters' values; those of `NoEcho` parameters are masked.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs' values.
    pub outputs: BTreeMap<String, String>,
}

/// A stack could not be described.
#[derive(Debug, thiserror::Error)]
#[error("cannot describe the stack {stack}")]
pub struct DescribeError {
    /// Its name or id.
    pub stack: String,
    /// Why.
    #[source]
    pub source: Box<SdkError<DescribeStacksError>>,
}

/// Why a stack could not be deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// The stack could not be looked for.
    #[error(transparent)]
    Describe(#[from] DescribeError),
    /// The events before the deletion could not be read.
    #[error(transparent)]
    Mark(#[from] EventsError),
    /// The deletion was refused.
    #[error("cannot delete the stack {stack}")]
    Delete {
        /// Its name or id.
        stack: String,
        /// Why.
        #[source]
        source: Box<SdkError<DeleteStackError>>,
    },
}

/// Describes the stack of this name or id; `None` when there is none.
///
/// A deleted stack is only found by its id, with the status `DELETE_COMPLETE`.
///
/// # Errors
///
/// When `CloudFormation` refuses or cannot be reached.
pub async fn describe(client: &Client, stack: &str) -> Result<Option<Stack>, DescribeError> {
    let described = match client.describe_stacks().stack_name(stack).send().await {
        Ok(described) => described,
        Err(error) if does_not_exist(&error) => return Ok(None),
        Err(source) => {
            return Err(DescribeError { stack: stack.to_owned(), source: Box::new(source) });
        }
    };
    Ok(described.stacks().first().map(|found| Stack {
        id: found.stack_id().unwrap_or_default().to_owned(),
        name: found.stack_name().unwrap_or_default().to_owned(),
        status: found.stack_status().cloned().unwrap_or_else(|| StackStatus::from("UNKNOWN")),
        reason: found.stack_status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
        parameters: found
            .parameters()
            .iter()
            .filter_map(|p| Some((p.parameter_key()?.to_owned(), p.parameter_value()?.to_owned())))
            .collect(),
        outputs: found
            .outputs()
            .iter()
            .filter_map(|o| Some((o.output_key()?.to_owned(), o.output_value()?.to_owned())))
            .collect(),
    }))
}

/// The deleted stacks could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("cannot list the stacks that were deleted")]
pub struct ListError(#[source] Box<SdkError<ListStacksError>>);

/// The id of the root stack of this name that was deleted last; `None` when there is none that `CloudFormation` remembers, which it does for 90 days.
///
/// # Errors
///
/// When `CloudFormation` refuses or cannot be reached.
pub async fn last_deleted(client: &Client, name: &str) -> Result<Option<String>, ListError> {
    let request = client.list_stacks().stack_status_filter(StackStatus::DeleteComplete);
    let mut pages = request.into_paginator().items().send();
    let mut last = None;
    while let Some(stack) = pages.next().await {
        let stack = stack.map_err(|source| ListError(Box::new(source)))?;
        if stack.stack_name() == Some(name) && stack.parent_id().is_none() {
            let deleted =
                stack.deletion_time().or(stack.creation_time()).map(|time| (time.secs(), time.subsec_nanos()));
            last = last.max(Some((deleted, stack.stack_id.unwrap_or_default())));
        }
    }
    Ok(last.map(|(_, id)| id))
}

/// Asks for the deletion of a stack. [`crate::events::follow`] the mark that is returned to see it happen.
///
/// `None` when there is no such stack, or it is deleted already.
///
/// # Errors
///
/// When `CloudFormation` refuses or cannot be reached.
pub async fn delete(client: &Client, stack: &str) -> Result<Option<Mark>, DeleteError> {
    let Some(found) = describe(client, stack).await? else {
        return Ok(None);
    };
    if found.status == StackStatus::DeleteComplete {
        return Ok(None);
    }
    let mark = Mark::before(client, &found.id).await?;
    client
        .delete_stack()
        .stack_name(&found.id)
        .send()
        .await
        .map_err(|source| DeleteError::Delete { stack: stack.to_owned(), source: Box::new(source) })?;
    Ok(Some(mark))
}

/// `CloudFormation` has no error code of its own for a stack that is not there.
pub(crate) fn does_not_exist<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.code() == Some("ValidationError") && error.message().is_some_and(|message| message.contains("does not exist"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::error::ErrorMetadata;
    use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksOutput;
    use aws_sdk_cloudformation::operation::list_stacks::ListStacksOutput;
    use aws_sdk_cloudformation::primitives::DateTime;
    use aws_sdk_cloudformation::types::{self, StackSummary};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;

    fn missing() -> DescribeStacksError {
        DescribeStacksError::generic(
            ErrorMetadata::builder().code("ValidationError").message("Stack with id bbb does not exist").build(),
        )
    }

    #[tokio::test]
    async fn outputs_and_parameters_are_maps() {
        let rule = mock!(Client::describe_stacks).then_output(|| {
            DescribeStacksOutput::builder()
                .stacks(
                    types::Stack::builder()
                        .stack_id("arn:stack")
                        .stack_name("bbb")
                        .creation_time(aws_sdk_cloudformation::primitives::DateTime::from_secs(0))
                        .stack_status(StackStatus::CreateComplete)
                        .stack_status_reason("")
                        .outputs(types::Output::builder().output_key("Url").output_value("u").build())
                        .parameters(types::Parameter::builder().parameter_key("Name").parameter_value("n").build())
                        .build(),
                )
                .build()
        });
        let client = mock_client!(aws_sdk_cloudformation, RuleMode::MatchAny, [&rule]);
        let stack = describe(&client, "bbb").await.expect("an answer").expect("a stack");
        assert_eq!(stack.outputs["Url"], "u");
        assert_eq!(stack.parameters["Name"], "n");
        assert_eq!(stack.reason, None);
    }

    #[tokio::test]
    async fn a_missing_stack_is_none_and_nothing_to_delete() {
        let rule = mock!(Client::describe_stacks).then_error(missing);
        let client = mock_client!(aws_sdk_cloudformation, RuleMode::MatchAny, [&rule]);
        assert_eq!(describe(&client, "bbb").await.expect("an answer"), None);
        assert!(delete(&client, "bbb").await.expect("an answer").is_none());
    }

    #[tokio::test]
    async fn of_the_deleted_stacks_of_a_name_the_last_root_counts() {
        let summary = |id: &str, name: &str, deleted| {
            StackSummary::builder()
                .stack_id(id)
                .stack_name(name)
                .creation_time(DateTime::from_secs(0))
                .deletion_time(DateTime::from_secs(deleted))
                .stack_status(StackStatus::DeleteComplete)
        };
        let rule = mock!(Client::list_stacks).then_output(move || {
            ListStacksOutput::builder()
                .stack_summaries(summary("first", "bbb", 10).build())
                .stack_summaries(summary("second", "bbb", 20).build())
                .stack_summaries(summary("other", "exam", 30).build())
                .stack_summaries(summary("nested", "bbb", 40).parent_id("exam").build())
                .build()
        });
        let client = mock_client!(aws_sdk_cloudformation, RuleMode::MatchAny, [&rule]);
        assert_eq!(last_deleted(&client, "bbb").await.expect("an answer").as_deref(), Some("second"));
        assert_eq!(last_deleted(&client, "none").await.expect("an answer"), None);
    }

    #[tokio::test]
    async fn another_refusal_is_an_error() {
        let rule = mock!(Client::describe_stacks)
            .then_error(|| DescribeStacksError::generic(ErrorMetadata::builder().code("AccessDenied").build()));
        let client = mock_client!(aws_sdk_cloudformation, RuleMode::MatchAny, [&rule]);
        assert!(describe(&client, "bbb").await.is_err());
    }
}
