//! The pool's stacks, in the order that they need: the pool, the group, the scaling; and back.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::StackStatus;
use deployment::stack;

use super::view::{GROUP, GROUP_NAME, POOL, SCALING, members, minute};
use crate::outside::scalelite_host;
use crate::scenario::World;
use crate::scenario::broken::{Broken, ensure};
use crate::scenario::world::{Deployed, Parameters, outcome};

/// The subnets of the default VPC of the local AWS.
const SUBNETS: &str = "subnet-00000001,subnet-00000002";

/// Where the outputs of the pool's stack go in the group's.
const HANDED_ON: [&str; 4] = ["GroupName", "LaunchHookName", "TerminateHookName", "TerminationPolicyArn"];

pub(super) async fn deploy(world: &mut World<'_>) -> Result<String, Broken> {
    let pool = parameters(&[
        ("DomainName", &world.domain),
        ("HostedZoneId", &world.zone_id),
        ("ServerSecretArn", &secret(world, "servers", &world.outside.secrets.servers).await?),
        ("ScaleliteUrl", &format!("https://{}/scalelite/api/", scalelite_host(&world.domain))),
        ("ScaleliteSecretArn", &json_secret(world).await?),
        ("ScaleliteSecretKey", "basekeyvalue"),
        ("ManagementSecretArn", &secret(world, "management", &world.outside.secrets.management).await?),
        ("LogLevel", "DEBUG"),
    ]);
    create(world, POOL, "templates/server-pool.yaml", &pool).await?;
    create_group(world, "1").await?;
    let scaling = parameters(&[("GroupName", GROUP_NAME)]);
    create(world, SCALING, "templates/server-pool-scaling.yaml", &scaling).await?;
    let members = members(world).await?;
    ensure(members.len() == 1, || format!("the group has {members:?}"))?;
    Ok(format!("{POOL}, {GROUP}, {SCALING}"))
}

/// Creates the group, or updates it to servers of another release.
pub(super) async fn create_group(world: &mut World<'_>, release: &str) -> Result<(), Broken> {
    let outputs = outputs(world, POOL).await?;
    let image = world.outputs().await?.remove("ImageId").unwrap_or_default();
    let mut group = parameters(&[("SubnetIds", SUBNETS), ("ImageId", &image), ("Release", release)]);
    for name in HANDED_ON {
        group.insert(name.to_owned(), outputs.get(name).cloned().unwrap_or_default());
    }
    create(world, GROUP, "rehearsal/fixtures/server-group.yaml", &group).await
}

async fn create(world: &mut World<'_>, stack: &str, template: &str, parameters: &Parameters) -> Result<(), Broken> {
    let packaged = world.package_file(template.as_ref()).await?;
    match world.deploy_packaged(stack, &packaged, parameters).await? {
        Deployed::Nothing => Err(Broken(format!("nothing changed in {stack}"))),
        Deployed::Something(followed) => ensure(followed.succeeded(), || outcome(&followed)),
    }
}

pub(super) async fn outputs(world: &World<'_>, name: &str) -> Result<BTreeMap<String, String>, Broken> {
    let found = stack::describe(&world.cloudformation, name).await?;
    found.map(|stack| stack.outputs).ok_or_else(|| Broken(format!("there is no stack {name}")))
}

fn parameters(named: &[(&str, &str)]) -> Parameters {
    named.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn secret(world: &World<'_>, name: &str, value: &str) -> Result<String, Broken> {
    let made = world.secrets.create_secret().name(format!("bbb-rehearsal-{name}")).secret_string(value).send().await?;
    Ok(made.arn.unwrap_or_default())
}

async fn json_secret(world: &World<'_>) -> Result<String, Broken> {
    let value = serde_json::json!({"basekeyvalue": world.outside.secrets.scalelite}).to_string();
    secret(world, "scalelite", &value).await
}

/// Deletes the stacks in the opposite order. The group goes when its servers have been drained, for which minutes have to pass.
pub(super) async fn delete(world: &mut World<'_>) -> Result<String, Broken> {
    world.delete(SCALING).await?;
    stack::delete(&world.cloudformation, GROUP).await?;
    let mut minutes = 0;
    while stack::describe(&world.cloudformation, GROUP)
        .await?
        .is_some_and(|stack| stack.status != StackStatus::DeleteComplete)
    {
        ensure(minutes < 60, || "the group was not deleted within an hour".to_owned())?;
        minute(world).await?;
        minutes += 1;
    }
    world.delete(POOL).await?;
    for name in ["servers", "scalelite", "management"] {
        let call = world.secrets.delete_secret().secret_id(format!("bbb-rehearsal-{name}"));
        call.force_delete_without_recovery(true).send().await?;
    }
    let (guests, registrations) = (world.outside.guests(), world.outside.rooms().0.servers());
    ensure(guests.is_empty() && registrations.is_empty(), || format!("left: {guests:?}, {registrations:?}"))?;
    Ok(format!("in {minutes} minutes"))
}

/// No line of any function's log holds a secret of the pool.
pub(super) async fn secrecy(world: &mut World<'_>) -> Result<String, Broken> {
    let lines = world.aws.function_log().await?;
    let secrets = &world.outside.secrets;
    let secrets = [&secrets.servers, &secrets.scalelite, &secrets.management];
    let telling = lines.iter().filter(|line| secrets.iter().any(|secret| line.contains(secret.as_str()))).count();
    ensure(telling == 0, || format!("{telling} of {} lines hold one", lines.len()))?;
    Ok(format!("{} lines searched", lines.len()))
}
