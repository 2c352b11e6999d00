//! The pool of servers: launched, used, drained, forgotten, replaced, and never a meeting cut.
//!
//! Time passes in minutes of the local AWS. In each of them the pool's function is invoked by its schedule, and Scalelite's poller runs.

mod deployment;
mod lifecycle;
mod trouble;
mod view;

use super::World;

pub(super) async fn run(world: &mut World<'_>) {
    if !world.promise("server pool deployed before its group", deployment::deploy).await {
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
    world.promise("new launch template: every server replaced, no meeting cut", lifecycle::replace).await;
    world.promise("pool deleted after its last server", deployment::delete).await;
    world.promise("no secret of the pool in any function's log", deployment::secrecy).await;
}
