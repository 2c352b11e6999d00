//! What goes wrong only in operation: alarms that reach nobody, custom resources without an end, texts that stand for nothing.

use crate::{
    definition::STACK,
    evaluate::{Stack, UNSET},
    fault::{Fault, Rule},
    value::Data,
};

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for resource in stack.resources.values() {
        let type_name = resource.type_name();
        if matches!(type_name, "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm") {
            let reaches = resource.property("AlarmActions").is_some_and(|actions| {
                actions.items().any(|action| action.literal().is_none_or(|text| !UNSET.contains(&text)))
            });
            if !reaches {
                let message = "is an alarm that reaches nobody".to_owned();
                faults.push(stack.definition.fault(resource.at(), Rule::Operation, message));
            }
        }
        let is_custom = type_name.starts_with("Custom::") || type_name == "AWS::CloudFormation::CustomResource";
        if is_custom && resource.property("ServiceTimeout").is_none() {
            let message =
                "is a custom resource without ServiceTimeout, for which CloudFormation waits an hour".to_owned();
            faults.push(stack.definition.fault(resource.at(), Rule::Operation, message));
        }
        // What a nested stack is given is its own to understand.
        if type_name == STACK {
            continue;
        }
        for value in resource.attributes.values() {
            value.walk(&mut |_, value| {
                let unset = value.literal().filter(|text| !text.is_empty() && UNSET.contains(text));
                if let (Data::Text(_), Some(text)) = (&value.data, unset) {
                    let message = format!("is \"{text}\", which should leave it unset");
                    faults.push(stack.definition.fault(value.at, Rule::Unset, message));
                }
            });
        }
    }
    faults
}
