//! A server of the pool for real: a machine with a system of its own, which runs the user data that the stack's launch template gave it.
//!
//! Its time is the real one, so that no minute is skipped here; the pool's function is invoked by its schedule, each minute.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::World;
use super::broken::{Broken, ensure};
use super::pool::{
    addresses, instance_of, is_gone, is_serving, members, registration, search, serving, terminate_for_good,
};
use crate::outside::Machines;

/// How often Scalelite's poller runs, and it is looked how far things are.
const LOOK: Duration = Duration::from_secs(2);

/// How long a machine may take from nothing to a server that serves: on two busy processors three minutes were seen.
const INSTALLATION: Duration = Duration::from_secs(20 * 60);

/// How long the pool may take to see something, and to do what follows.
const TICKS: Duration = Duration::from_secs(5 * 60);

/// Makes a recording that is processed and not handed over: the beginning, and the end, in which it is published and handed over by the
/// server's own script.
const RECORD: &str = "install -d -o bigbluebutton -g bigbluebutton /var/bigbluebutton/recording/status/processed && \
    touch /var/bigbluebutton/recording/status/processed/$ID-presentation.done";
const PUBLISH: &str = "rm /var/bigbluebutton/recording/status/processed/$ID-presentation.done && \
    cd /var/bigbluebutton && mkdir -p published/presentation/$ID recording/status/published && \
    echo \"<recording><id>$ID</id><meta/><playback><format>presentation</format></playback></recording>\" \
    >published/presentation/$ID/metadata.xml && touch recording/status/published/$ID-presentation.done && \
    chown -R bigbluebutton: published recording/status && systemctl start bbb-server-hand-over.service && \
    tar -tf spool/$ID-presentation.tar";
const RECORDING: &str = "ID=da39a3ee5e6b4b0d3255bfef95601890afd80709-1777000000000; set -e; ";

pub(super) async fn run(world: &mut World<'_>) {
    let launched = world.promise_on_stack("real server: launched, installed, named, registered and serving", launch);
    if !launched.await {
        return;
    }
    world.promise("real server drained: its recording is handed over first, then it goes", drain).await;
    world.promise("no secret of the pool in any function's log", search).await;
}

async fn launch(world: &mut World<'_>, _parameters: super::world::Parameters) -> Result<String, Broken> {
    let since = Instant::now();
    until(world, INSTALLATION, "a server serves and is in service", async |world: &World<'_>| {
        let in_service = members(world).await?.values().any(|member| member.state == "InService");
        Ok(in_service && !serving(world).is_empty())
    })
    .await?;
    let took = since.elapsed().as_secs();
    let host = serving(world).remove(0);
    let id = instance_of(world, &host)?;
    let guest = world.outside.guests().remove(&id).ok_or_else(|| Broken(format!("{id} does not run")))?;
    let address = guest.address.map(|address| address.to_string()).unwrap_or_default();
    let found = addresses(world, &host).await?;
    ensure(found == [address.clone()], || format!("{host} is at {found:?} and should be at {address}"))?;

    // What the user data were made of, as the server has it; and the secret where BigBlueButton reads it.
    let about_it = "cat /etc/bbb-server/settings; echo; echo BUNDLE=$(cat /opt/bbb-server/bundle-id)";
    let settings = run_in(world, &id, about_it).await?;
    let wanted =
        [format!("DOMAIN={}", world.domain), format!("BUNDLE={}", machines(world)?.bundle.id), "ROLE=pool".to_owned()];
    for line in wanted {
        ensure(settings.lines().any(|one| one == line), || format!("{line} is not in {settings}"))?;
    }
    let salt = run_in(world, &id, "sed -n s/^securitySalt=//p /etc/bigbluebutton/bbb-web.properties").await?;
    ensure(salt.trim() == world.outside.secrets().servers, || "it has another API secret".to_owned())?;
    Ok(format!("{host}, {took} s after the stack was there"))
}

async fn drain(world: &mut World<'_>) -> Result<String, Broken> {
    let host = serving(world).pop().ok_or_else(|| Broken("no server serves".to_owned()))?;
    let id = instance_of(world, &host)?;
    run_in(world, &id, &format!("{RECORDING}{RECORD}; systemctl start bbb-server-status.service")).await?;
    terminate_for_good(world, &host).await?;
    until(world, TICKS, "the server takes no more meetings", async |world: &World<'_>| {
        Ok(registration(world, &host).is_none_or(|one| one.tag == "draining"))
    })
    .await?;
    // Two ticks of the pool's, in which a server without recordings would have gone.
    sleep(2 * Duration::from_secs(60)).await;
    let state = members(world).await?.remove(&id).map(|member| member.state).unwrap_or_default();
    ensure(state == "Terminating:Wait", || format!("{id} is {state} while it has a recording"))?;

    let listing = run_in(world, &id, &format!("{RECORDING}{PUBLISH}")).await?;
    ensure(listing.contains("/metadata.xml"), || format!("the archive has {listing}"))?;
    let since = Instant::now();
    until(world, TICKS, "the server is gone", async |world: &World<'_>| is_gone(world, &host).await).await?;
    ensure(!is_serving(world, &host), || format!("{host} still serves"))?;
    Ok(format!("{host} was gone {} s after its recording was handed over", since.elapsed().as_secs()))
}

fn machines<'a>(world: &'a World<'_>) -> Result<&'a Machines, Broken> {
    world.outside.machines().map(AsRef::as_ref).ok_or_else(|| Broken("there are no real servers".to_owned()))
}

/// What a script says that runs in the machine of an instance, which must succeed.
async fn run_in(world: &World<'_>, id: &str, script: &str) -> Result<String, Broken> {
    let ran = machines(world)?.run(id, script).await?;
    ensure(ran.status == 0, || format!("{script:?} in {id}: {} {}", ran.status, ran.output))?;
    Ok(ran.output)
}

/// Waits until something is so, in real time.
async fn until(
    world: &World<'_>,
    most: Duration,
    what: &str,
    is_so: impl AsyncFn(&World<'_>) -> Result<bool, Broken>,
) -> Result<(), Broken> {
    let deadline = Instant::now() + most;
    loop {
        world.outside.look_at_servers().await?;
        if is_so(world).await? {
            return Ok(());
        }
        let mut told = String::new();
        for id in world.outside.guests().keys() {
            let about = machines(world)?.about(id).await?;
            told.push_str(&format!("{id}: {}\n{}\n", about.problem.as_deref().unwrap_or("no problem"), about.log));
            ensure(about.problem.is_none(), || format!("{what}: {told}"))?;
        }
        ensure(Instant::now() < deadline, || format!("not within {} s: {what}; the group has {told}", most.as_secs()))?;
        sleep(LOOK).await;
    }
}
