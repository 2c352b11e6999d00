//! What goes wrong: a lost cache, a lost event, a function that is down.

use super::view::{
    addresses, instance_of, is_gone, leave, meet, members, minutes, people_in, registration, serving, terminate,
    until_serving, within, without_function,
};
use crate::scenario::World;
use crate::scenario::broken::{Broken, ensure};

pub(super) async fn cache_lost(world: &mut World<'_>) -> Result<String, Broken> {
    let before = until_serving(world, 1).await?;
    world.outside.rooms().0.lose_cache();
    ensure(serving(world).is_empty(), || "the cache was not lost".to_owned())?;
    let took =
        within(world, 3, "every server serves again", async |world: &World<'_>| Ok(serving(world) == before)).await?;
    Ok(format!("after {took} minutes"))
}

pub(super) async fn event_lost(world: &mut World<'_>) -> Result<String, Broken> {
    let host = until_serving(world, 1).await?.remove(0);
    without_function(world, async |world| terminate(world, &host).await).await?;
    within(world, 2, "the server takes no more meetings", async |world: &World<'_>| {
        Ok(registration(world, &host).is_none_or(|one| one.tag == "draining"))
    })
    .await?;
    let took = within(world, 10, "the server is gone", async |world: &World<'_>| is_gone(world, &host).await).await?;
    until_serving(world, 1).await?;
    Ok(format!("gone after {took} minutes more"))
}

pub(super) async fn function_down(world: &mut World<'_>) -> Result<String, Broken> {
    let host = meet(world, "long lesson", false, 4)?;
    let id = instance_of(world, &host)?;
    terminate(world, &host).await?;
    without_function(world, async |world| {
        minutes(world, 65).await?;
        let state = members(world).await?.remove(&id).map(|member| member.state).unwrap_or_default();
        ensure(state == "Terminating:Retained", || format!("{id} is {state}"))?;
        ensure(!addresses(world, &host).await?.is_empty(), || format!("{host} lost its name"))?;
        let people = people_in(world, &host, "long lesson");
        ensure(people == 4, || format!("{people} of 4 people are left in the meeting"))
    })
    .await?;
    until_serving(world, 1).await?;
    leave(world, &host, "long lesson")?;
    let took =
        within(world, 15, "the retained server is gone", async |world: &World<'_>| is_gone(world, &host).await).await?;
    Ok(format!("{host} was retained, and gone {took} minutes after its meeting"))
}
