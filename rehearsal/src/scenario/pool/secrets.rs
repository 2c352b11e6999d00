//! The secrets that the pool shares with Scalelite and the servers.

use crate::scenario::World;
use crate::scenario::broken::{Broken, ensure};

/// No line of any function's log holds a secret of the pool.
pub(in crate::scenario) async fn search(world: &mut World<'_>) -> Result<String, Broken> {
    let lines = world.aws.function_log().await?;
    let secrets = world.outside.secrets();
    let secrets = [&secrets.servers, &secrets.scalelite, &secrets.management];
    let telling = lines.iter().filter(|line| secrets.iter().any(|secret| line.contains(secret.as_str()))).count();
    ensure(telling == 0, || format!("{telling} of {} lines hold one", lines.len()))?;
    Ok(format!("{} lines searched", lines.len()))
}
