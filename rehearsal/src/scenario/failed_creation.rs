//! A second stack that cannot be created leaves nothing behind.

use super::World;
use super::broken::{Broken, ensure};
use super::leftovers::Inventory;
use super::world::{Deployed, outcome};

/// The stack that cannot be created.
const STACK: &str = "bbb-rehearsal-impossible";

/// Well-formed, and nobody's.
const NO_ZONE: &str = "Z0NOSUCHZONE00000000";

pub(super) async fn run(world: &mut World<'_>) {
    world
        .promise_on_stack("failing creation rolled back wholly", async |world, _| {
            let seen = fail(world).await;
            world.delete(STACK).await?;
            seen
        })
        .await;
}

/// Tries to create the stack; gives the reason why that failed, if nothing is left of it.
async fn fail(world: &mut World<'_>) -> Result<String, Broken> {
    let before = Inventory::take(world).await?;
    let mut parameters = world.base_parameters();
    parameters.insert("BBBHostedZone".to_owned(), NO_ZONE.to_owned());

    // CloudFormation may know already that there is no such zone; then nothing begins.
    let reason = match world.deploy(STACK, &parameters).await {
        Err(refused) => format!("refused: {}", refused.0),
        Ok(Deployed::Nothing) => "nothing to do".to_owned(),
        Ok(Deployed::Something(followed)) => {
            ensure(followed.status == "ROLLBACK_COMPLETE", || outcome(&followed))?;
            followed.deepest_cause().map(|cause| cause.reason).unwrap_or_default()
        }
    };
    ensure(reason.contains(NO_ZONE), || format!("the reason does not name the zone {NO_ZONE}: {reason}"))?;
    let left = Inventory::take(world).await?.without_stack(STACK);
    let extra = left.beyond(&before, &world.retained);
    ensure(extra.is_empty(), || format!("left behind: {}", extra.join(", ")))?;
    Ok(reason)
}
