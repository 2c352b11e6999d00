//! The secrets that the pool shares with Scalelite and the servers.

use std::collections::BTreeMap;

use crate::outside::Secrets;
use crate::scenario::World;
use crate::scenario::broken::{Broken, ensure};

/// Gives what lies outside the secrets that the deployment made.
pub(super) async fn take(world: &World<'_>, outputs: &BTreeMap<String, String>) -> Result<(), Broken> {
    let scalelite: serde_json::Value = serde_json::from_str(&read(world, outputs, "LoadbalancerSecretArn").await?)
        .map_err(|error| Broken(format!("the secret of Scalelite is no JSON: {error}")))?;
    world.outside.take(Secrets {
        servers: read(world, outputs, "ServerSecretArn").await?,
        scalelite: scalelite["basekeyvalue"].as_str().unwrap_or_default().to_owned(),
        management: read(world, outputs, "ManagementSecretArn").await?,
    });
    Ok(())
}

async fn read(world: &World<'_>, outputs: &BTreeMap<String, String>, output: &str) -> Result<String, Broken> {
    let arn = outputs.get(output).ok_or_else(|| Broken(format!("there is no output {output}")))?;
    let answer = world.secrets.get_secret_value().secret_id(arn).send().await?;
    answer.secret_string.filter(|value| !value.is_empty()).ok_or_else(|| Broken(format!("{output} is empty")))
}

/// No line of any function's log holds a secret of the pool.
pub(in crate::scenario) async fn search(world: &mut World<'_>) -> Result<String, Broken> {
    let lines = world.aws.function_log().await?;
    let secrets = world.outside.secrets();
    let secrets = [&secrets.servers, &secrets.scalelite, &secrets.management];
    let telling = lines.iter().filter(|line| secrets.iter().any(|secret| line.contains(secret.as_str()))).count();
    ensure(telling == 0, || format!("{telling} of {} lines hold one", lines.len()))?;
    Ok(format!("{} lines searched", lines.len()))
}
