//! What may pass to and from the world.

use super::Policy;
use crate::{
    evaluate::{Resource, Stack},
    fault::{Fault, Rule},
    value::Value,
};

pub(super) fn check(stack: &Stack<'_>, policy: &Policy<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |at, message: String| faults.push(stack.definition.fault(at, Rule::Traffic, message));
    for (logical_id, resource) in &stack.resources {
        match resource.type_name() {
            "AWS::EC2::SecurityGroup" => {
                let outward: Vec<_> = rules(resource, "SecurityGroupEgress").collect();
                if outward.is_empty() {
                    // AWS then adds a rule of its own, which lets everything out.
                    fault(resource.at(), "does not say what may go out".to_owned());
                }
                for rule in rules(resource, "SecurityGroupIngress") {
                    inward(stack, logical_id, rule, policy, &mut fault);
                }
                for rule in outward {
                    outward_rule(rule, &mut fault);
                }
            }
            "AWS::EC2::SecurityGroupIngress" => {
                if let Some(rule) = resource.attributes.get("Properties") {
                    let group = rule.get("GroupId").and_then(Value::text).and_then(|text| group(&text.to_string()));
                    inward(stack, group.as_deref().unwrap_or_default(), rule, policy, &mut fault);
                }
            }
            "AWS::EC2::SecurityGroupEgress" => {
                if let Some(rule) = resource.attributes.get("Properties") {
                    outward_rule(rule, &mut fault);
                }
            }
            _ => {}
        }
    }
    faults
}

fn rules<'a>(resource: &'a Resource<'_>, property: &str) -> impl Iterator<Item = &'a Value> {
    resource.property(property).into_iter().flat_map(Value::items)
}

/// The logical id of the group in `<Stack/Group.GroupId>`.
fn group(text: &str) -> Option<String> {
    let name = text.strip_prefix('<')?.strip_suffix('>')?;
    let name = name.rsplit('/').next()?;
    Some(name.split('.').next()?.to_owned())
}

/// Whether a rule is about the whole world.
fn is_world(rule: &Value) -> bool {
    ["CidrIp", "CidrIpv6"]
        .iter()
        .filter_map(|key| rule.get(key).and_then(Value::literal))
        .any(|range| range.ends_with("/0"))
}

fn described(rule: &Value, fault: &mut impl FnMut(crate::definition::Place, String)) {
    if rule.get("Description").is_none() {
        fault(rule.at, "is a rule without a description".to_owned());
    }
}

fn inward(
    stack: &Stack<'_>,
    group: &str,
    rule: &Value,
    policy: &Policy<'_>,
    fault: &mut impl FnMut(crate::definition::Place, String),
) {
    described(rule, fault);
    if !is_world(rule) {
        return;
    }
    let protocol = rule.get("IpProtocol").and_then(Value::literal).unwrap_or("-1");
    let port = |key: &str| rule.get(key).and_then(Value::literal).and_then(|text| text.parse::<u16>().ok());
    let (from, to) = (port("FromPort"), port("ToPort"));
    let listed = policy.open.iter().any(|open| {
        stack.definition.path().ends_with(open.template)
            && open.group == group
            && open.protocol == protocol
            && from.is_some_and(|from| from >= open.ports.0)
            && to.is_some_and(|to| to <= open.ports.1)
    });
    if !listed {
        let port = |port: Option<u16>| port.map_or("any".to_owned(), |port| port.to_string());
        let ports = format!("{} to {}", port(from), port(to));
        fault(rule.at, format!("opens {group} to the world for {protocol}, ports {ports}, which is not on the list"));
    }
}

fn outward_rule(rule: &Value, fault: &mut impl FnMut(crate::definition::Place, String)) {
    described(rule, fault);
    if is_world(rule) && rule.get("IpProtocol").and_then(Value::literal) == Some("-1") {
        fault(rule.at, "lets everything out to the world".to_owned());
    }
}
