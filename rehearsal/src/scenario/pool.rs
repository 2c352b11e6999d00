//! The pool of servers: launched, used, drained, forgotten, replaced, and never a meeting cut.
//!
//! Time passes in minutes of the local AWS. In each of them the pool's function is invoked by its schedule, and Scalelite's poller runs.

mod lifecycle;
mod secrets;
mod trouble;
mod view;

use super::World;
use super::broken::Broken;
use crate::outside::Secrets;

pub(super) use secrets::search;
pub(super) use view::{
    addresses, instance_of, is_gone, is_serving, members, minute, registration, serving, terminate_for_good,
};

/// Finds the group of a deployment that was just made, and gives what lies outside the secrets that it made.
pub(super) async fn find(world: &mut World<'_>) -> Result<(), Broken> {
    let outputs = world.outputs().await?;
    world.server_group = outputs.get("ServerGroupName").cloned().unwrap_or_default();
    world.outside.take(Secrets::of(&world.secrets, &outputs).await?);
    Ok(())
}

pub(super) async fn run(world: &mut World<'_>) {
    if !world.promise_on_stack("group of servers may become larger", lifecycle::enlarge).await {
        return;
    }
    world.promise("server launched, named, registered and serving", lifecycle::launch).await;
    world
        .promise("server drained: its meeting goes on, its recording is handed over, then it goes", lifecycle::drain)
        .await;
    world.promise("cache lost: every server registered again", trouble::cache_lost).await;
    world.promise("event lost: the next tick does it", trouble::event_lost).await;
    world.promise("function down for an hour: nothing ended under a meeting", trouble::function_down).await;
    world.promise("scaling in takes the emptiest server", lifecycle::scale_in).await;
    world.promise_on_stack("other instance type: every server replaced, no meeting cut", lifecycle::replace).await;
    world.promise("no secret of the pool in any function's log", secrets::search).await;
}
