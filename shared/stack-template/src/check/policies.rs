//! Policies that grant more than they name, without saying why.

use crate::{
    evaluate::Stack,
    fault::{Fault, Rule},
    value::{Data, Value},
};

/// Actions in variants that AWS itself names together.
const VARIANTS: [&str; 2] = ["kms:GenerateDataKey*", "kms:ReEncrypt*"];

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for resource in stack.resources.values() {
        // In a key's own policy, the resource is the key whatever it says.
        let is_key = resource.type_name() == "AWS::KMS::Key";
        for value in resource.attributes.values() {
            value.walk(&mut |_, value| {
                let statements = value.get("Statement").into_iter().flat_map(Value::items);
                for statement in statements.filter(|statement| matches!(statement.data, Data::Map(_))) {
                    let Some(wide) = wide(statement, is_key) else { continue };
                    let explained = stack.definition.template().is_explained(stack.definition.pointer(statement.at));
                    if !explained {
                        let message = format!("grants {wide} and no comment says why");
                        faults.push(stack.definition.fault(statement.at, Rule::Wildcard, message));
                    }
                }
            });
        }
    }
    faults
}

/// What a statement grants without naming it.
fn wide(statement: &Value, is_key: bool) -> Option<String> {
    if statement.get("Effect").and_then(Value::literal) != Some("Allow") {
        return None;
    }
    let all =
        |key: &str| statement.get(key).into_iter().flat_map(Value::items).filter_map(Value::text).collect::<Vec<_>>();
    for inverted in ["NotAction", "NotResource", "NotPrincipal"] {
        if statement.get(inverted).is_some() {
            return Some(format!("by {inverted}"));
        }
    }
    // What the account itself may do to a key is decided by the account's own policies.
    let is_account = statement
        .get("Principal")
        .and_then(|principal| principal.get("AWS"))
        .is_some_and(|principal| principal.items().all(|one| one.literal().is_some_and(|arn| arn.ends_with(":root"))));
    let is_wide = |text: &str| text.contains('*') && !VARIANTS.contains(&text);
    let wide_action = all("Action").into_iter().find(|action| action.literals().any(is_wide));
    if let Some(action) = wide_action.filter(|action| !(is_key && is_account && action.literal() == Some("kms:*"))) {
        return Some(action.to_string());
    }
    if !is_key {
        let everything = |arn: &str| arn == "*" || (arn.starts_with("arn:") && arn.splitn(6, ':').nth(5) == Some("*"));
        if all("Resource").into_iter().any(|resource| everything(&resource.to_string())) {
            return Some("on every resource".to_owned());
        }
    }
    let everybody = |principal: &Value| principal.items().any(|one| one.literal() == Some("*"));
    let principal = statement.get("Principal")?;
    let is_everybody = everybody(principal) || principal.get("AWS").is_some_and(everybody);
    is_everybody.then(|| "to everybody".to_owned())
}
