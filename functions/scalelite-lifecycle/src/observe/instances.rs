//! What EC2 says of instances.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use aws_sdk_ec2::{
    Client,
    primitives::DateTime,
    types::{Filter, Instance as Described, InstanceNetworkInterface, InstanceStateName, Reservation},
};
use function_runtime::AwsError;
use server_pool::{Instance, InstanceId, InstanceState, Moment, tag};

use super::Unread;

/// Auto Scaling's own tag with the group's name. Nobody else can write a tag that begins with `aws:`.
const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// How many instances EC2 describes at once, at most.
const PAGE: i32 = 1_000;

/// How many values a filter takes, at most.
const VALUES: usize = 200;

/// Instances by id.
pub(crate) type Instances = BTreeMap<InstanceId, Instance>;

/// All instances that carry the group's name.
pub(crate) async fn of_group(ec2: &Client, group: &str) -> Result<Instances, Unread> {
    describe(ec2, Filter::builder().name(format!("tag:{GROUP_TAG}")).values(group).build()).await
}

/// Those of these instances that EC2 knows. It is asked by a filter, because a list of ids is refused as a whole when it has forgotten one.
pub(crate) async fn with_ids(ec2: &Client, ids: &[&InstanceId]) -> Result<Instances, Unread> {
    let mut found = Instances::new();
    for ids in ids.chunks(VALUES) {
        let values = ids.iter().map(|id| id.as_str().to_owned()).collect();
        found.extend(describe(ec2, Filter::builder().name("instance-id").set_values(Some(values)).build()).await?);
    }
    Ok(found)
}

async fn describe(ec2: &Client, filter: Filter) -> Result<Instances, Unread> {
    let mut found = Instances::new();
    let mut pages = ec2.describe_instances().filters(filter).max_results(PAGE).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Unread::Instances(AwsError::from(error)))?;
        for described in page.reservations().iter().flat_map(Reservation::instances) {
            found.extend([instance(described)?]);
        }
    }
    Ok(found)
}

fn instance(described: &Described) -> Result<(InstanceId, Instance), Unread> {
    let id = described.instance_id().unwrap_or_default();
    let no_instance = || Unread::NoInstance(id.to_owned());
    let id = id.parse().map_err(|_not_an_id| no_instance())?;
    let state = described.state().and_then(|state| state.name()).and_then(state).ok_or_else(no_instance)?;
    let mut tags: BTreeMap<String, String> = described
        .tags()
        .iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect();
    let group = tags.remove(GROUP_TAG);
    tags.retain(|key, _| key.starts_with(tag::PREFIX));
    let instance = Instance {
        state,
        launched: Moment::from_unix(described.launch_time().map_or(0, DateTime::secs)),
        addresses: addresses(described),
        group,
        tags,
    };
    Ok((id, instance))
}

/// `None` for a state that this program does not know: to leave such an instance out would mean that it has ended.
fn state(name: &InstanceStateName) -> Option<InstanceState> {
    match name {
        InstanceStateName::Pending => Some(InstanceState::Pending),
        InstanceStateName::Running => Some(InstanceState::Running),
        InstanceStateName::ShuttingDown => Some(InstanceState::ShuttingDown),
        InstanceStateName::Terminated => Some(InstanceState::Terminated),
        InstanceStateName::Stopping => Some(InstanceState::Stopping),
        InstanceStateName::Stopped => Some(InstanceState::Stopped),
        _ => None,
    }
}

/// The addresses under which the public reaches it: the IPv4 address, and the IPv6 addresses of its first interface.
fn addresses(described: &Described) -> BTreeSet<IpAddr> {
    let first = described
        .network_interfaces()
        .iter()
        .filter(|interface| interface.attachment().is_none_or(|attachment| attachment.device_index() == Some(0)));
    let v6 = first.flat_map(InstanceNetworkInterface::ipv6_addresses).filter_map(|address| address.ipv6_address());
    described.public_ip_address().into_iter().chain(v6).filter_map(|address| address.parse().ok()).collect()
}
