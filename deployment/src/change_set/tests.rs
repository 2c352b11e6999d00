use aws_sdk_cloudformation::operation::create_change_set::CreateChangeSetOutput;
use aws_sdk_cloudformation::operation::delete_change_set::DeleteChangeSetOutput;
use aws_sdk_cloudformation::operation::delete_stack::DeleteStackOutput;
use aws_sdk_cloudformation::operation::describe_stack_events::DescribeStackEventsOutput;
use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksOutput;
use aws_sdk_cloudformation::operation::list_change_sets::ListChangeSetsOutput;
use aws_sdk_cloudformation::operation::list_stack_resources::ListStackResourcesOutput;
use aws_sdk_cloudformation::primitives::DateTime;
use aws_sdk_cloudformation::types::{self, ChangeAction, ResourceStatus, StackEvent};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use serde_json::json;

use super::*;

fn described_stack(status: StackStatus) -> Rule {
    mock!(Client::describe_stacks).then_output(move || {
        let stack = types::Stack::builder()
            .stack_id("arn:bbb")
            .stack_name("bbb")
            .creation_time(DateTime::from_secs(0))
            .stack_status(status.clone())
            .parameters(Parameter::builder().parameter_key("Kept").parameter_value("k").build())
            .parameters(Parameter::builder().parameter_key("Dropped").parameter_value("d").build())
            .build();
        DescribeStacksOutput::builder().stacks(stack).build()
    })
}

/// Accepts a change set of this kind only.
fn created(kind: ChangeSetType) -> Rule {
    mock!(Client::create_change_set)
        .match_requests(move |request| {
            let parameters: Vec<_> = request
                .parameters()
                .iter()
                .map(|p| (p.parameter_key().unwrap_or_default(), p.parameter_value(), p.use_previous_value()))
                .collect();
            let expected: &[_] = if kind == ChangeSetType::Update {
                &[("Given", Some("new"), None), ("Kept", None, Some(true))]
            } else {
                &[("Given", Some("new"), None)]
            };
            request.change_set_type() == Some(&kind) && parameters == expected
        })
        .then_output(|| CreateChangeSetOutput::builder().id("arn:change-set").stack_id("arn:bbb").build())
}

fn ready() -> DescribeChangeSetOutput {
    let role = ResourceChange::builder()
        .action(ChangeAction::Modify)
        .logical_resource_id("Role")
        .resource_type("AWS::IAM::Role")
        .replacement(types::Replacement::False)
        .build();
    DescribeChangeSetOutput::builder()
        .status(ChangeSetStatus::CreateComplete)
        .changes(types::Change::builder().resource_change(role).build())
        .build()
}

async fn prepared(rules: &[&Rule], replace_failed: bool) -> Result<Prepared, ChangeSetError> {
    let client = mock_client!(aws_sdk_cloudformation, RuleMode::MatchAny, rules);
    let target = Target {
        stack: "bbb",
        template: &json!({"Parameters": {"Given": {}, "Kept": {}, "New": {}}}),
        location: Location::Url("https://s3.eu-central-1.amazonaws.com/b/t"),
        parameters: &BTreeMap::from([("Given".to_owned(), "new".to_owned())]),
        tags: &BTreeMap::new(),
        replace_failed,
    };
    prepare(&client, &target).await
}

#[tokio::test(start_paused = true)]
async fn an_update_is_waited_for_and_keeps_other_parameters() {
    let waiting = mock!(Client::describe_change_set)
        .sequence()
        .output(|| DescribeChangeSetOutput::builder().status(ChangeSetStatus::CreateInProgress).build())
        .times(3)
        .output(ready)
        .repeatedly()
        .build();
    let outcome = prepared(
        &[&described_stack(StackStatus::UpdateRollbackComplete), &created(ChangeSetType::Update), &waiting],
        false,
    )
    .await
    .expect("prepared");
    let Prepared::Ready(change_set) = outcome else {
        panic!("there are changes");
    };
    assert!(!change_set.creates);
    assert_eq!(change_set.stack_id, "arn:bbb");
    assert_eq!(
        change_set.changes,
        [Change {
            path: Vec::new(),
            action: "Modify".to_owned(),
            logical_id: "Role".to_owned(),
            resource_type: "AWS::IAM::Role".to_owned(),
            replacement: Some("False".to_owned()),
        }]
    );
}

#[tokio::test]
async fn no_changes_is_an_outcome_and_leaves_no_change_set() {
    let empty = mock!(Client::describe_change_set).then_output(|| {
        DescribeChangeSetOutput::builder()
            .status(ChangeSetStatus::Failed)
            .status_reason("The submitted information didn't contain changes. Submit different information.")
            .build()
    });
    let deleted = mock!(Client::delete_change_set).then_output(|| DeleteChangeSetOutput::builder().build());
    let outcome = prepared(
        &[&described_stack(StackStatus::CreateComplete), &created(ChangeSetType::Update), &empty, &deleted],
        false,
    )
    .await;
    assert_eq!(outcome.expect("an outcome"), Prepared::NoChanges);
    assert_eq!(deleted.num_calls(), 1);
}

#[tokio::test]
async fn another_failure_is_an_error_with_its_reason() {
    let failed = mock!(Client::describe_change_set).then_output(|| {
        DescribeChangeSetOutput::builder().status(ChangeSetStatus::Failed).status_reason("Transform not found").build()
    });
    let error =
        prepared(&[&described_stack(StackStatus::CreateComplete), &created(ChangeSetType::Update), &failed], false)
            .await
            .expect_err("it failed");
    assert!(error.to_string().ends_with("Transform not found"), "{error}");
}

#[tokio::test]
async fn a_stack_under_review_is_created() {
    let ready = mock!(Client::describe_change_set).then_output(ready);
    let outcome =
        prepared(&[&described_stack(StackStatus::ReviewInProgress), &created(ChangeSetType::Create), &ready], false)
            .await
            .expect("prepared");
    assert!(matches!(outcome, Prepared::Ready(ChangeSet { creates: true, .. })));
}

#[tokio::test]
async fn states_that_cannot_be_changed_are_told_apart() {
    let refused = async |status| prepared(&[&described_stack(status)], false).await;
    assert!(matches!(refused(StackStatus::RollbackComplete).await, Err(ChangeSetError::FailedCreation { .. })));
    assert!(matches!(refused(StackStatus::UpdateInProgress).await, Err(ChangeSetError::Busy { .. })));
    assert!(matches!(refused(StackStatus::UpdateRollbackFailed).await, Err(ChangeSetError::Stuck { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_remains_of_a_failed_creation_are_deleted_when_asked() {
    let before = mock!(Client::describe_stack_events)
        .sequence()
        .output(|| DescribeStackEventsOutput::builder().build())
        .output(|| {
            let end = StackEvent::builder()
                .event_id("1")
                .stack_id("arn:bbb")
                .stack_name("bbb")
                .logical_resource_id("bbb")
                .physical_resource_id("arn:bbb")
                .resource_type("AWS::CloudFormation::Stack")
                .resource_status(ResourceStatus::DeleteComplete)
                .timestamp(DateTime::from_secs(1))
                .build();
            DescribeStackEventsOutput::builder().stack_events(end).build()
        })
        .repeatedly()
        .build();
    let resources = mock!(Client::list_stack_resources).then_output(|| ListStackResourcesOutput::builder().build());
    let deleted = mock!(Client::delete_stack).then_output(|| DeleteStackOutput::builder().build());
    let ready = mock!(Client::describe_change_set).then_output(ready);
    let outcome = prepared(
        &[
            &described_stack(StackStatus::RollbackComplete),
            &before,
            &resources,
            &deleted,
            &created(ChangeSetType::Create),
            &ready,
        ],
        true,
    )
    .await
    .expect("prepared");
    assert!(matches!(outcome, Prepared::Ready(ChangeSet { creates: true, .. })));
    assert_eq!(deleted.num_calls(), 1);
}

/// A change set that was not executed, of a stack that is there only because of it.
fn unexecuted() -> ChangeSet {
    ChangeSet { id: "arn:change-set".to_owned(), stack_id: "arn:stack".to_owned(), creates: true, changes: Vec::new() }
}

fn listed(ids: &'static [&'static str]) -> Rule {
    mock!(Client::list_change_sets).then_output(move || {
        let summaries = ids.iter().map(|id| ChangeSetSummary::builder().change_set_id(*id).build()).collect();
        ListChangeSetsOutput::builder().set_summaries(Some(summaries)).build()
    })
}

/// Takes back a change set where these others are; gives how often the stack was deleted.
async fn discarded(status: StackStatus, others: &'static [&'static str]) -> usize {
    let removed = mock!(Client::delete_change_set).then_output(|| DeleteChangeSetOutput::builder().build());
    let found = mock!(Client::describe_stacks).then_output(move || {
        let stack = types::Stack::builder().stack_id("arn:stack").stack_name("bbb").stack_status(status.clone());
        DescribeStacksOutput::builder().stacks(stack.creation_time(DateTime::from_secs(0)).build()).build()
    });
    let events = mock!(Client::describe_stack_events).then_output(|| DescribeStackEventsOutput::builder().build());
    let resources = mock!(Client::list_stack_resources).then_output(|| ListStackResourcesOutput::builder().build());
    let deleted = mock!(Client::delete_stack).then_output(|| DeleteStackOutput::builder().build());
    let others = listed(others);
    let rules = [&removed, &found, &events, &resources, &deleted, &others];
    let client = mock_client!(aws_sdk_cloudformation, RuleMode::MatchAny, &rules);
    discard(&client, &unexecuted()).await.expect("taken back");
    assert_eq!(removed.num_calls(), 1);
    deleted.num_calls()
}

#[tokio::test]
async fn with_its_last_change_set_a_stack_that_never_was_goes() {
    assert_eq!(discarded(StackStatus::ReviewInProgress, &[]).await, 1);
    assert_eq!(discarded(StackStatus::ReviewInProgress, &["arn:change-set"]).await, 1);
    assert_eq!(discarded(StackStatus::ReviewInProgress, &["arn:somebody-elses"]).await, 0);
    assert_eq!(discarded(StackStatus::CreateInProgress, &[]).await, 0);
}
