//! The root stack is deleted with everything in it.

use super::World;
use super::world::STACK;

pub(super) async fn run(world: &mut World<'_>) {
    world.promise("stack deleted", async |world| world.delete(STACK).await).await;
}
