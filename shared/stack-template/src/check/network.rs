//! Networks that lie apart, and what must span zones.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use crate::{
    evaluate::Stack,
    fault::{Fault, Rule},
    value::Value,
};

/// Types that AWS makes only in two zones or more, and the property with the subnets.
const SPANNING: [(&str, &str); 2] =
    [("AWS::ElasticLoadBalancingV2::LoadBalancer", "Subnets"), ("AWS::RDS::DBSubnetGroup", "SubnetIds")];

/// Subnets of one VPC that overlap or lie outside of it, and ranges that are none.
pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut subnets: Vec<(&Value, Ipv4Net, &Value)> = Vec::new();
    let of_type = |name: &'static str| stack.resources.values().filter(move |resource| resource.type_name() == name);
    for subnet in of_type("AWS::EC2::Subnet") {
        let (Some(range), Some(vpc)) = (subnet.property("CidrBlock"), subnet.property("VpcId")) else { continue };
        let Some(text) = range.literal() else { continue };
        let Ok(network) = text.parse::<Ipv4Net>() else {
            faults.push(stack.definition.fault(range.at, Rule::Network, format!("is \"{text}\" and not a CIDR block")));
            continue;
        };
        for (_, other, of) in &subnets {
            if of.data == vpc.data && (network.contains(other) || other.contains(&network)) {
                faults.push(stack.definition.fault(
                    range.at,
                    Rule::Network,
                    format!("is {network}, which overlaps {other}"),
                ));
            }
        }
        let whole = vpc.text().and_then(|text| text.resource()).and_then(|(_, logical_id)| {
            stack.resources.get(logical_id)?.property("CidrBlock")?.literal()?.parse::<Ipv4Net>().ok()
        });
        if whole.is_some_and(|whole| !whole.contains(&network)) {
            faults.push(stack.definition.fault(
                range.at,
                Rule::Network,
                format!("is {network}, which is outside of the VPC"),
            ));
        }
        subnets.push((range, network, vpc));
    }
    faults
}

/// What spans fewer than two zones and must not, in a root stack with all nested in it.
pub(super) fn spans(root: &Stack<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for stack in root.all() {
        for resource in stack.resources.values() {
            let Some((_, property)) = SPANNING.iter().find(|(name, _)| *name == resource.type_name()) else { continue };
            let Some(subnets) = resource.property(property) else { continue };
            let zones: BTreeSet<String> = subnets.items().map(|subnet| zone(root, subnet)).collect();
            if zones.len() < 2 {
                let message = format!("spans {} zone, and AWS takes two or more", zones.len());
                faults.push(stack.definition.fault(subnets.at, Rule::Network, message));
            }
        }
    }
    faults
}

/// The zone of a subnet, or what stands for it: a subnet that is not made here is taken to be in a zone of its own.
fn zone(root: &Stack<'_>, subnet: &Value) -> String {
    let made =
        subnet.text().and_then(|text| text.resource()).and_then(|(path, logical_id)| root.find(path, logical_id));
    let zone = made.and_then(|subnet| subnet.property("AvailabilityZone")).and_then(Value::text);
    zone.or(subnet.text()).map(ToString::to_string).unwrap_or_default()
}
