use std::sync::{Arc, Mutex};

use aws_sdk_cloudformation::error::ErrorMetadata;
use aws_sdk_cloudformation::operation::describe_stack_events::DescribeStackEventsOutput;
use aws_sdk_cloudformation::operation::list_stack_resources::ListStackResourcesOutput;
use aws_sdk_cloudformation::primitives::DateTime;
use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

use super::*;

fn event(stack: &str, second: i64, logical_id: &str, physical_id: &str, status: &str) -> StackEvent {
    let kind = if physical_id.starts_with("arn:") { STACK } else { "AWS::IAM::Role" };
    StackEvent::builder()
        .event_id(format!("{stack}-{second}"))
        .stack_id(format!("arn:{stack}"))
        .stack_name(stack)
        .logical_resource_id(logical_id)
        .physical_resource_id(physical_id)
        .resource_type(kind)
        .resource_status(ResourceStatus::from(status))
        .timestamp(DateTime::from_secs(second))
        .build()
}

/// The events of a stack, listed newest first as far as `now` has come; one more second passes with every look.
fn history(stack: &'static str, now: &Arc<Mutex<i64>>, events: Vec<StackEvent>) -> Rule {
    let now = Arc::clone(now);
    mock!(Client::describe_stack_events)
        .match_requests(move |request| request.stack_name() == Some(&format!("arn:{stack}")))
        .then_compute_output(move |_| {
            let mut now = now.lock().expect("the clock");
            *now += 1;
            let until = DateTime::from_secs(*now);
            let past = events
                .iter()
                .filter(|event| event.timestamp().is_some_and(|time| *time <= until))
                .rev()
                .cloned()
                .collect();
            DescribeStackEventsOutput::builder().set_stack_events(Some(past)).build()
        })
}

fn nested_history() -> Vec<StackEvent> {
    vec![
        event("inner", 1, "inner", "arn:inner", "CREATE_COMPLETE"),
        event("inner", 12, "inner", "arn:inner", "UPDATE_IN_PROGRESS"),
        event("inner", 13, "Role", "role", "UPDATE_COMPLETE"),
        event("inner", 14, "inner", "arn:inner", "UPDATE_COMPLETE"),
    ]
}

fn root_history() -> Vec<StackEvent> {
    vec![
        event("root", 2, "root", "arn:root", "CREATE_COMPLETE"),
        event("root", 10, "root", "arn:root", "UPDATE_IN_PROGRESS"),
        event("root", 11, "Inner", "arn:inner", "UPDATE_IN_PROGRESS"),
        event("root", 20, "Inner", "arn:inner", "UPDATE_COMPLETE"),
        event("root", 21, "root", "arn:root", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        event("root", 22, "root", "arn:root", "UPDATE_COMPLETE"),
    ]
}

#[tokio::test(start_paused = true)]
async fn nested_events_join_the_stream_once_and_in_order() {
    let now = Arc::new(Mutex::new(2));
    let root = history("root", &now, root_history());
    let inner = history("inner", &now, nested_history());
    let of_root = mock!(Client::list_stack_resources)
        .match_requests(|request| request.stack_name() == Some("arn:root"))
        .then_output(|| {
            let nested = StackResourceSummary::builder()
                .logical_resource_id("Inner")
                .physical_resource_id("arn:inner")
                .resource_type(STACK)
                .resource_status(ResourceStatus::CreateComplete)
                .last_updated_timestamp(DateTime::from_secs(0))
                .build();
            ListStackResourcesOutput::builder().stack_resource_summaries(nested).build()
        });
    let of_inner = mock!(Client::list_stack_resources).then_output(|| ListStackResourcesOutput::builder().build());
    let client = mock_client!(aws_sdk_cloudformation, RuleMode::MatchAny, [&root, &inner, &of_root, &of_inner]);

    let mark = Mark::before(&client, "arn:root").await.expect("a mark");
    let mut shown = Vec::new();
    let followed = follow(&client, &mark, |event| shown.push(event.id.clone())).await.expect("followed");

    assert_eq!(followed.status, "UPDATE_COMPLETE");
    assert!(followed.succeeded());
    let mut all: Vec<_> = followed.events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(shown, all);
    let of = |stack: &str| -> Vec<String> { shown.iter().filter(|id| id.starts_with(stack)).cloned().collect() };
    assert_eq!(of("root"), ["root-10", "root-11", "root-20", "root-21", "root-22"]);
    assert_eq!(of("inner"), ["inner-12", "inner-13", "inner-14"]);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), followed.events.len());
    assert!(followed.events.iter().all(|event| event.depth == usize::from(event.stack == "inner")));
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_out_and_a_refusal_is_not() {
    let throttled = || {
        DescribeStackEventsError::generic(ErrorMetadata::builder().code("Throttling").message("Rate exceeded").build())
    };
    let rule = mock!(Client::describe_stack_events)
        .sequence()
        .error(throttled)
        .times(5)
        .output(|| {
            DescribeStackEventsOutput::builder()
                .stack_events(event("root", 1, "root", "arn:root", "DELETE_COMPLETE"))
                .build()
        })
        .repeatedly()
        .build();
    let client = mock_client!(aws_sdk_cloudformation, RuleMode::Sequential, [&rule]);
    let mark = Mark { root: "arn:root".to_owned(), newest: BTreeMap::new() };
    let followed = follow(&client, &mark, |_| {}).await.expect("followed");
    assert_eq!(followed.status, "DELETE_COMPLETE");

    let refused = mock!(Client::describe_stack_events)
        .then_error(|| DescribeStackEventsError::generic(ErrorMetadata::builder().code("AccessDenied").build()));
    let client = mock_client!(aws_sdk_cloudformation, [&refused]);
    assert!(matches!(follow(&client, &mark, |_| {}).await, Err(EventsError::DescribeStackEvents { .. })));
}

#[tokio::test]
async fn what_is_being_done_already_is_followed_from_its_beginning() {
    let now = Arc::new(Mutex::new(100));
    let (root, inner) = (history("root", &now, root_history()), history("inner", &now, nested_history()));
    let nested = StackResourceSummary::builder().resource_type(STACK).physical_resource_id("arn:inner");
    let nested = nested.logical_resource_id("Inner").last_updated_timestamp(DateTime::from_secs(0));
    let nested = nested.resource_status(ResourceStatus::UpdateComplete).build();
    let of_root = mock!(Client::list_stack_resources)
        .match_requests(|request| request.stack_name() == Some("arn:root"))
        .then_output(move || ListStackResourcesOutput::builder().stack_resource_summaries(nested.clone()).build());
    let of_inner = mock!(Client::list_stack_resources)
        .match_requests(|request| request.stack_name() == Some("arn:inner"))
        .then_output(|| ListStackResourcesOutput::builder().build());
    let rules = [&root, &inner, &of_root, &of_inner];
    let client = mock_client!(aws_sdk_cloudformation, RuleMode::MatchAny, &rules);
    let mark = Mark::before_current_operation(&client, "arn:root").await.expect("a mark");
    let before = [("arn:inner", "inner-1"), ("arn:root", "root-2")];
    assert_eq!(mark.newest, before.map(|(stack, event)| (stack.to_owned(), event.to_owned())).into());
}

#[tokio::test]
async fn the_history_holds_stacks_that_are_nested_no_longer() {
    let now = Arc::new(Mutex::new(100));
    let (root, inner) = (history("root", &now, root_history()), history("inner", &now, nested_history()));
    let client = mock_client!(aws_sdk_cloudformation, RuleMode::MatchAny, [&root, &inner]);
    let events = super::history(&client, "arn:root").await.expect("events");
    let of = |stack: &str| events.iter().filter(|event| event.stack == stack).count();
    assert_eq!((of("root"), of("inner")), (root_history().len(), nested_history().len()));
    assert!(events.iter().all(|event| event.depth == usize::from(event.stack == "inner")));
}
