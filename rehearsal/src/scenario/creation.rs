//! The root stack with its nested stacks is packaged and created.

use std::collections::BTreeSet;

use super::World;
use super::pool;
use super::world::STACK;

pub(super) async fn run(world: &mut World<'_>) {
    let packaged = world
        .promise("templates and functions packaged", async |world| {
            world.make_surroundings().await?;
            let packaged = world.package().await?;
            let bytes: usize = packaged.artifacts.iter().map(|artifact| artifact.bytes).sum();
            Ok(format!("{} artifacts, {} kB", packaged.artifacts.len(), bytes / 1000))
        })
        .await;
    if !packaged {
        return;
    }
    world
        .promise("stack created with its nested stacks", async |world| {
            let parameters = world.base_parameters();
            let followed = world.deploy_root(parameters).await?;
            pool::find(world).await?;
            let completed = |event: &&deployment::events::Event| event.status == "CREATE_COMPLETE";
            let stacks: BTreeSet<&str> = followed
                .events
                .iter()
                .filter(completed)
                .filter(|event| event.is_about_its_stack())
                .map(|event| event.stack.as_str())
                .collect();
            Ok(format!(
                "{} resources in {} stacks",
                followed.events.iter().filter(completed).count() - stacks.len(),
                stacks.len()
            ))
        })
        .await;
}

/// Creates the stack again, for people to look at.
pub(super) async fn once_more(world: &mut World<'_>) {
    world
        .promise_on_stack("stack created once more, to be looked at", async |world, _| {
            let parameters = world.base_parameters();
            world.deploy_root(parameters).await?;
            pool::find(world).await?;
            Ok(STACK.to_owned())
        })
        .await;
}
