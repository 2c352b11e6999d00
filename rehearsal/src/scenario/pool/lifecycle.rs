//! What a server goes through when nothing goes wrong.

use scalelite::State;

use super::view::{
    Member, addresses, group, instance_of, is_gone, is_serving, leave, meet, members, minutes, people_in, registration,
    serving, terminate, until_serving, want, within, without_function,
};
use crate::scenario::World;
use crate::scenario::broken::{Broken, ensure};
use crate::scenario::world::Parameters;

/// How many servers there may be.
const MOST: i32 = 8;

pub(super) async fn enlarge(world: &mut World<'_>, mut parameters: Parameters) -> Result<String, Broken> {
    // The clock goes on, and a tick at this moment would change what is compared.
    without_function(world, async |world| {
        let before = members(world).await?;
        ensure(before.len() == 1, || format!("the group has {before:?}"))?;

        parameters.insert("BBBApplicationMaxInstances".to_owned(), MOST.to_string());
        world.deploy_root(parameters).await?;
        let largest = group(world).await?.max_size();
        ensure(largest == Some(MOST), || format!("its largest size is {largest:?}"))?;
        let after = members(world).await?;
        ensure(before == after, || format!("there was {before:?}, and is {after:?}"))
    })
    .await?;
    Ok(world.server_group.clone())
}

pub(super) async fn launch(world: &mut World<'_>) -> Result<String, Broken> {
    let took = within(world, 30, "a server serves", async |world: &World<'_>| Ok(!serving(world).is_empty())).await?;
    let host = until_serving(world, 1).await?.remove(0);
    let id = instance_of(world, &host)?;
    let guest = world.outside.guests().remove(&id).ok_or_else(|| Broken(format!("{id} does not run")))?;
    let address = guest.address.map(|address| address.to_string()).unwrap_or_default();
    let found = addresses(world, &host).await?;
    ensure(found == [address.clone()], || format!("{host} is at {found:?} and should be at {address}"))?;
    let state = members(world).await?.remove(&id).map(|member| member.state).unwrap_or_default();
    ensure(state == "InService", || format!("{id} is {state}"))?;
    Ok(format!("{host} after {took} minutes"))
}

pub(super) async fn drain(world: &mut World<'_>) -> Result<String, Broken> {
    let host = meet(world, "lesson", true, 3)?;
    let id = instance_of(world, &host)?;
    terminate(world, &host).await?;
    within(world, 3, "the server is cordoned and tagged", async |world: &World<'_>| {
        Ok(registration(world, &host).is_some_and(|one| one.state == State::Cordoned && one.tag == "draining"))
    })
    .await?;
    until_serving(world, 1).await?;
    let elsewhere = meet(world, "another lesson", false, 2)?;
    ensure(elsewhere != host, || format!("a new meeting came to {host}, which drains"))?;

    // Longer than the hook waits without a heartbeat.
    minutes(world, 45).await?;
    let state = members(world).await?.remove(&id).map(|member| member.state).unwrap_or_default();
    ensure(state == "Terminating:Wait", || format!("{id} is {state}"))?;
    let people = people_in(world, &host, "lesson");
    ensure(people == 3, || format!("{people} of 3 people are left in the meeting"))?;

    leave(world, &host, "lesson")?;
    let took = within(world, 180, "the server is gone", async |world: &World<'_>| is_gone(world, &host).await).await?;
    leave(world, &elsewhere, "another lesson")?;
    Ok(format!("{host} was gone {took} minutes after its meeting"))
}

pub(super) async fn scale_in(world: &mut World<'_>) -> Result<String, Broken> {
    want(world, 2).await?;
    until_serving(world, 2).await?;
    let used = meet(world, "the only meeting", false, 5)?;
    want(world, 1).await?;
    let took = within(world, 30, "one server is left", async |world: &World<'_>| {
        Ok(members(world).await?.len() == 1 && serving(world).len() == 1)
    })
    .await?;
    ensure(is_serving(world, &used), || format!("{used}, which has a meeting, was taken"))?;
    leave(world, &used, "the only meeting")?;
    Ok(format!("{used} stayed, the other was gone after {took} minutes"))
}

pub(super) async fn replace(world: &mut World<'_>, mut parameters: Parameters) -> Result<String, Broken> {
    want(world, 2).await?;
    until_serving(world, 2).await?;
    let first = meet(world, "first", false, 20)?;
    let second = meet(world, "second", false, 20)?;
    ensure(first != second, || format!("both meetings are on {first}"))?;

    // The clock goes on, and a tick would begin to replace them in its own way.
    let old = without_function(world, async |world| {
        let old = members(world).await?;
        parameters.insert("BBBApplicationInstanceType".to_owned(), "c6a.xlarge".to_owned());
        world.deploy_root(parameters).await?;
        let updated = members(world).await?;
        ensure(updated == old, || format!("the update itself replaced: there was {old:?}, and is {updated:?}"))?;
        let desired = group(world).await?.desired_capacity();
        ensure(desired == Some(2), || format!("the update set back what scaling wanted: {desired:?}"))?;
        Ok(old)
    })
    .await?;
    within(world, 60, "new servers serve, the old ones do not", async |world: &World<'_>| {
        let new = serving(world);
        Ok(new.len() >= 2 && !new.contains(&first) && !new.contains(&second))
    })
    .await?;
    minutes(world, 30).await?;
    for (host, meeting) in [(&first, "first"), (&second, "second")] {
        let people = people_in(world, host, meeting);
        ensure(people == 20, || format!("{people} of 20 people are left in the meeting on {host}"))?;
        leave(world, host, meeting)?;
    }
    let took = within(world, 60, "all servers are new", async |world: &World<'_>| {
        let members = members(world).await?;
        // Meanwhile scaling may have found that one is enough.
        let is_new = |(id, one): (&String, &Member)| !old.contains_key(id) && one.state == "InService";
        Ok(!members.is_empty() && members.iter().all(is_new))
    })
    .await?;
    Ok(format!("both replaced {took} minutes after their meetings"))
}
