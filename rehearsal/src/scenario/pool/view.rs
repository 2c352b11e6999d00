//! What can be seen of the pool, and the passing of time.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_autoscaling::types::AutoScalingGroup;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_route53::types::{ResourceRecord, ResourceRecordSet, RrType};
use bigbluebutton::testing::{Meeting, NewMeeting, Role};
use scalelite::State;
use scalelite::testing::Listed;

use crate::local_aws::LocalAws;
use crate::outside::Outside;
use crate::scenario::World;
use crate::scenario::broken::{Broken, ensure};

const MINUTE: Duration = Duration::from_secs(60);

/// An instance as Auto Scaling lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scenario) struct Member {
    pub(in crate::scenario) state: String,
    /// The version of the launch template that it was launched from.
    pub(in crate::scenario) version: String,
}

/// The group.
pub(super) async fn group(world: &World<'_>) -> Result<AutoScalingGroup, Broken> {
    let name = &world.server_group;
    let groups = world.auto_scaling.describe_auto_scaling_groups().auto_scaling_group_names(name).send().await?;
    let found = groups.auto_scaling_groups.into_iter().flatten().next();
    found.ok_or_else(|| Broken(format!("there is no group {name}")))
}

/// The instances of the group.
pub(in crate::scenario) async fn members(world: &World<'_>) -> Result<BTreeMap<String, Member>, Broken> {
    Ok(group(world)
        .await?
        .instances()
        .iter()
        .map(|instance| {
            let state = instance.lifecycle_state().map(|state| state.as_str().to_owned()).unwrap_or_default();
            let version = instance.launch_template().and_then(|template| template.version()).unwrap_or_default();
            (instance.instance_id().unwrap_or_default().to_owned(), Member { state, version: version.to_owned() })
        })
        .collect())
}

/// A server as Scalelite has it.
pub(in crate::scenario) fn registration(world: &World<'_>, host: &str) -> Option<Listed> {
    let (scalelite, _servers) = world.outside.rooms();
    scalelite.server(host)
}

/// Whether new meetings may come to a server.
pub(in crate::scenario) fn is_serving(world: &World<'_>, host: &str) -> bool {
    registration(world, host)
        .is_some_and(|server| server.state == State::Enabled && server.online && server.tag.is_empty())
}

/// The hosts that serve.
pub(in crate::scenario) fn serving(world: &World<'_>) -> Vec<String> {
    let hosts = world.outside.guests().into_values().map(|guest| guest.host);
    hosts.filter(|host| is_serving(world, host)).collect()
}

/// The instance of a host.
pub(in crate::scenario) fn instance_of(world: &World<'_>, host: &str) -> Result<String, Broken> {
    let guests = world.outside.guests();
    let found = guests.into_iter().find(|(_, guest)| guest.host == host).map(|(id, _)| id);
    found.ok_or_else(|| Broken(format!("{host} does not run")))
}

/// The IPv4 addresses of a name.
pub(in crate::scenario) async fn addresses(world: &World<'_>, host: &str) -> Result<Vec<String>, Broken> {
    let records = world.records().await?;
    let of_host = records.iter().filter(|one| one.r#type() == &RrType::A && one.name().trim_end_matches('.') == host);
    Ok(of_host.flat_map(ResourceRecordSet::resource_records).map(ResourceRecord::value).map(str::to_owned).collect())
}

/// Lets a minute pass, in which nothing may be lost.
pub(in crate::scenario) async fn minute(aws: &LocalAws, outside: &Outside) -> Result<(), Broken> {
    aws.advance(MINUTE).await?;
    outside.minute();
    let losses = outside.losses();
    ensure(losses.is_empty(), || format!("lost: {losses:?}"))
}

pub(super) async fn minutes(world: &World<'_>, number: u32) -> Result<(), Broken> {
    for _ in 0..number {
        minute(&world.aws, &world.outside).await?;
    }
    Ok(())
}

/// Lets minutes pass until something is so; how many it took.
pub(super) async fn within(
    world: &World<'_>,
    most: u32,
    what: &str,
    is_so: impl AsyncFn(&World<'_>) -> Result<bool, Broken>,
) -> Result<u32, Broken> {
    for passed in 0..=most {
        if is_so(world).await? {
            return Ok(passed);
        }
        minute(&world.aws, &world.outside).await?;
    }
    let members = members(world).await?;
    let registrations: Vec<_> = world
        .outside
        .rooms()
        .0
        .servers()
        .into_iter()
        .map(|one| format!("{} {:?} online={} tag={}", one.id, one.state, one.online, one.tag))
        .collect();
    let said = said(world).await?;
    Err(Broken(format!(
        "not within {most} minutes: {what}; the group has {members:?}, Scalelite has {registrations:?}; the pool says {said}"
    )))
}

/// What the pool's function answers when it is asked for its servers, in short.
async fn said(world: &World<'_>) -> Result<String, Broken> {
    let function = world.outputs().await?.remove("PoolFunctionName").unwrap_or_default();
    let call = world.lambda.invoke().function_name(function).payload(Blob::new(r#"{"request":"list"}"#));
    let payload = call.send().await?.payload.map(Blob::into_inner).unwrap_or_default();
    let answer: serde_json::Value = serde_json::from_slice(&payload).unwrap_or_default();
    let servers = answer["servers"].as_array().into_iter().flatten();
    let said: Vec<_> =
        servers.map(|server| format!("{} is {}: {}", server["name"], server["state"], server["reason"])).collect();
    Ok(if said.is_empty() { answer.to_string() } else { said.join(", ") })
}

/// Waits until so many servers serve; which.
pub(super) async fn until_serving(world: &World<'_>, number: usize) -> Result<Vec<String>, Broken> {
    let what = format!("{number} servers serve");
    within(world, 30, &what, async |world: &World<'_>| Ok(serving(world).len() == number)).await?;
    Ok(serving(world))
}

/// Starts a meeting, and so many people join; the host it is on.
pub(super) fn meet(world: &World<'_>, meeting: &str, recorded: bool, people: u32) -> Result<String, Broken> {
    let now = world.outside.clock.now();
    let (mut scalelite, mut servers) = world.outside.rooms();
    let failed = |error| Broken(format!("the meeting {meeting} could not be created or joined: {error:?}"));
    let kind = NewMeeting { recorded, ..NewMeeting::default() };
    let host = scalelite.create(meeting, kind, None, &mut servers, now).map_err(failed)?;
    for _ in 0..people {
        scalelite.join(meeting, Role::Viewer, &mut servers, now).map_err(failed)?;
    }
    Ok(host)
}

/// How many people are in a meeting on a host.
pub(super) fn people_in(world: &World<'_>, host: &str, meeting: &str) -> u32 {
    let now = world.outside.clock.now();
    let (_scalelite, mut servers) = world.outside.rooms();
    let people = |server: &mut bigbluebutton::testing::Server| server.meetings(now).get(meeting).map(Meeting::people);
    servers.get_mut(host).and_then(people).unwrap_or(0)
}

/// Everybody leaves.
pub(super) fn leave(world: &World<'_>, host: &str, meeting: &str) -> Result<(), Broken> {
    let people = people_in(world, host, meeting);
    let now = world.outside.clock.now();
    let (_scalelite, mut servers) = world.outside.rooms();
    let server = servers.get_mut(host).ok_or_else(|| Broken(format!("{host} is gone")))?;
    for _ in 0..people {
        server.leave(meeting, Role::Viewer, now).map_err(|_gone| Broken(format!("{meeting} is over")))?;
    }
    Ok(())
}

/// Sets the desired capacity.
pub(super) async fn want(world: &World<'_>, desired: i32) -> Result<(), Broken> {
    let call = world
        .auto_scaling
        .set_desired_capacity()
        .auto_scaling_group_name(&world.server_group)
        .desired_capacity(desired);
    call.send().await?;
    Ok(())
}

/// Has Auto Scaling end a server, and launch another in its place.
pub(super) async fn terminate(world: &World<'_>, host: &str) -> Result<(), Broken> {
    end(world, host, false).await
}

/// Has Auto Scaling end a server, and none in its place.
pub(in crate::scenario) async fn terminate_for_good(world: &World<'_>, host: &str) -> Result<(), Broken> {
    end(world, host, true).await
}

async fn end(world: &World<'_>, host: &str, for_good: bool) -> Result<(), Broken> {
    let call = world
        .auto_scaling
        .terminate_instance_in_auto_scaling_group()
        .instance_id(instance_of(world, host)?)
        .should_decrement_desired_capacity(for_good);
    call.send().await?;
    Ok(())
}

/// Whether nothing is left of a server: instance, registration, name.
pub(in crate::scenario) async fn is_gone(world: &World<'_>, host: &str) -> Result<bool, Broken> {
    let runs = world.outside.guests().values().any(|guest| guest.host == host);
    Ok(!runs && registration(world, host).is_none() && addresses(world, host).await?.is_empty())
}

/// Does something while every event for the pool's function is lost. It gets them again whatever came of that.
pub(super) async fn without_function<'a, T>(
    world: &mut World<'a>,
    act: impl AsyncFnOnce(&mut World<'a>) -> Result<T, Broken>,
) -> Result<T, Broken> {
    concurrency(world, 0).await?;
    let outcome = act(world).await;
    concurrency(world, 1).await?;
    outcome
}

async fn concurrency(world: &World<'_>, executions: i32) -> Result<(), Broken> {
    let function = world.outputs().await?.remove("PoolFunctionName").unwrap_or_default();
    let call = world.lambda.put_function_concurrency().function_name(function);
    call.reserved_concurrent_executions(executions).send().await?;
    Ok(())
}
