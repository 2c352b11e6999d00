//! What Auto Scaling says of the group.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::{AutoScalingGroup, Instance, LaunchTemplateSpecification};
use aws_sdk_ec2::types::LaunchTemplate as Template;
use function_runtime::AwsError;
use server_pool::{Group, InstanceId, LaunchTemplate, Lifecycle, Member, Reading};
use tracing::warn;

use super::Unread;

/// Reads the group, and its warm pool if it has one.
pub(crate) async fn read(
    auto_scaling: &aws_sdk_autoscaling::Client,
    ec2: &aws_sdk_ec2::Client,
    name: &str,
) -> Reading<Group> {
    match group(auto_scaling, ec2, name).await {
        Ok(Some(group)) => Reading::Known(group),
        Ok(None) => Reading::Absent,
        Err(unread) => unread.into_reading(),
    }
}

async fn group(
    auto_scaling: &aws_sdk_autoscaling::Client,
    ec2: &aws_sdk_ec2::Client,
    name: &str,
) -> Result<Option<Group>, Unread> {
    let call = auto_scaling.describe_auto_scaling_groups().auto_scaling_group_names(name).include_instances(true);
    let mut pages = call.into_paginator().items().send();
    let mut found = None;
    while let Some(group) = pages.next().await {
        let group = group.map_err(|error| Unread::Group(AwsError::from(error)))?;
        if group.auto_scaling_group_name() == Some(name) {
            found = Some(group);
        }
    }
    let Some(found) = found else { return Ok(None) };
    let mut members = BTreeMap::new();
    for instance in found.instances() {
        members.extend([member(instance)?]);
    }
    if found.warm_pool_configuration().is_some() {
        for instance in warm_pool(auto_scaling, name).await? {
            members.extend([member(&instance)?]);
        }
    }
    let count = |number: Option<i32>| u32::try_from(number.unwrap_or_default()).unwrap_or_default();
    Ok(Some(Group {
        desired: count(found.desired_capacity()),
        min: count(found.min_size()),
        max: count(found.max_size()),
        launch_template: match specification(&found) {
            Some(specification) => launch_template(ec2, specification).await,
            None => None,
        },
        members,
    }))
}

async fn warm_pool(auto_scaling: &aws_sdk_autoscaling::Client, name: &str) -> Result<Vec<Instance>, Unread> {
    let mut instances = Vec::new();
    let mut pages = auto_scaling.describe_warm_pool().auto_scaling_group_name(name).into_paginator().items().send();
    while let Some(instance) = pages.next().await {
        instances.push(instance.map_err(|error| Unread::WarmPool(AwsError::from(error)))?);
    }
    Ok(instances)
}

fn member(instance: &Instance) -> Result<(InstanceId, Member), Unread> {
    let id = instance.instance_id().unwrap_or_default();
    let id = id.parse().map_err(|_not_an_id| Unread::NoInstance(id.to_owned()))?;
    let launched_from = instance.launch_template().and_then(|template| {
        let version = template.version().and_then(|version| version.parse().ok())?;
        Some(LaunchTemplate { id: template.launch_template_id()?.to_owned(), version })
    });
    let member = Member {
        lifecycle: Lifecycle::of(instance.lifecycle_state().map_or("", |state| state.as_str())),
        healthy: instance.health_status().is_none_or(|health| health.eq_ignore_ascii_case("healthy")),
        zone: instance.availability_zone().unwrap_or_default().to_owned(),
        launch_template: launched_from,
    };
    Ok((id, member))
}

/// What the group launches from, directly or with a mix of instance types.
fn specification(group: &AutoScalingGroup) -> Option<&LaunchTemplateSpecification> {
    let mixed = || group.mixed_instances_policy()?.launch_template()?.launch_template_specification();
    group.launch_template().or_else(mixed)
}

/// A version by its number. A group that launches `$Latest` or `$Default` makes EC2 be asked which that is; if it does not say, no server counts
/// as outdated in this tick.
async fn launch_template(ec2: &aws_sdk_ec2::Client, wanted: &LaunchTemplateSpecification) -> Option<LaunchTemplate> {
    let id = wanted.launch_template_id()?;
    let number: fn(&Template) -> Option<i64> = match wanted.version() {
        Some("$Latest") => Template::latest_version_number,
        Some("$Default") | None => Template::default_version_number,
        Some(number) => {
            return number.parse().ok().map(|version| LaunchTemplate { id: id.to_owned(), version });
        }
    };
    match ec2.describe_launch_templates().launch_template_ids(id).send().await.map_err(AwsError::from) {
        Ok(answer) => {
            let version = answer.launch_templates().first().and_then(number)?;
            Some(LaunchTemplate { id: id.to_owned(), version: u64::try_from(version).ok()? })
        }
        Err(error) => {
            warn!(launch_template = id, reason = %error, "nobody knows which servers are outdated");
            None
        }
    }
}
