//! Finds the failure that the others followed from.

use std::collections::BTreeSet;

use super::Event;

/// The failure that a stack operation failed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The name of the stack in which it happened.
    pub stack: String,
    /// The resource's name in that stack's template.
    pub logical_id: String,
    /// The resource's type.
    pub resource_type: String,
    /// The status that it reached, such as `CREATE_FAILED`.
    pub status: String,
    /// Why; empty when `CloudFormation` does not say.
    pub reason: String,
}

/// The first failure that is neither an echo of a nested stack's nor a cancellation because of another.
///
/// A roll-back may fail at other resources later on; what made it necessary is the cause.
pub(super) fn deepest(events: &[Event]) -> Option<Cause> {
    let failures: Vec<&Event> =
        events.iter().filter(|event| event.status.ends_with("_FAILED") && !is_cancellation(event)).collect();
    let stacks_with_failures: BTreeSet<&str> =
        failures.iter().filter(|event| !event.is_about_its_stack()).map(|event| event.stack_id.as_str()).collect();
    let is_echo = |event: &Event| {
        event.is_about_its_stack() || event.nested_stack().is_some_and(|nested| stacks_with_failures.contains(nested))
    };
    failures
        .iter()
        .find(|event| !is_echo(event))
        // A stack can fail without any of its resources, for example when its template is refused.
        .or_else(|| failures.first())
        .map(|event| Cause {
            stack: event.stack.clone(),
            logical_id: event.logical_id.clone(),
            resource_type: event.resource_type.clone(),
            status: event.status.clone(),
            reason: event.reason.clone().unwrap_or_default(),
        })
}

/// Whether a resource was only given up because another one failed.
fn is_cancellation(event: &Event) -> bool {
    event
        .reason
        .as_deref()
        .is_some_and(|reason| reason.starts_with("Resource") && reason.trim_end_matches('.').ends_with("cancelled"))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::events::STACK;

    fn event(stack: &str, logical_id: &str, status: &str, reason: &str) -> Event {
        Event {
            id: format!("{stack}-{logical_id}-{status}"),
            time: SystemTime::UNIX_EPOCH,
            stack: stack.to_owned(),
            stack_id: format!("arn:{stack}"),
            depth: 0,
            logical_id: logical_id.to_owned(),
            physical_id: None,
            resource_type: "Custom::Certificate".to_owned(),
            status: status.to_owned(),
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
        }
    }

    fn about_stack(stack: &str, subject: &str, status: &str, reason: &str) -> Event {
        Event {
            physical_id: Some(format!("arn:{subject}")),
            resource_type: STACK.to_owned(),
            ..event(stack, subject, status, reason)
        }
    }

    #[test]
    fn the_innermost_failure_is_the_cause() {
        let events = [
            about_stack("root", "root", "CREATE_IN_PROGRESS", ""),
            event("inner", "Other", "CREATE_FAILED", "Resource creation cancelled"),
            event("inner", "Certificate", "CREATE_FAILED", "the zone is not delegated"),
            about_stack("inner", "inner", "ROLLBACK_IN_PROGRESS", ""),
            event("inner", "Role", "DELETE_FAILED", "still in use"),
            about_stack("inner", "inner", "ROLLBACK_FAILED", ""),
            about_stack("root", "inner", "CREATE_FAILED", "Embedded stack was not successfully created"),
            about_stack("root", "root", "ROLLBACK_COMPLETE", ""),
        ];
        let cause = deepest(&events).expect("a cause");
        assert_eq!((cause.stack.as_str(), cause.logical_id.as_str()), ("inner", "Certificate"));
        assert_eq!(cause.reason, "the zone is not delegated");
    }

    #[test]
    fn an_echo_is_the_cause_when_nothing_else_is_known() {
        let events = [about_stack("root", "inner", "CREATE_FAILED", "TemplateURL must reference a valid S3 object")];
        assert_eq!(deepest(&events).expect("a cause").logical_id, "inner");
    }

    #[test]
    fn success_has_no_cause() {
        let events = [about_stack("root", "root", "CREATE_COMPLETE", "")];
        assert_eq!(deepest(&events), None);
    }
}
