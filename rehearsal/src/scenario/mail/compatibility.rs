//! Mail as the sample's deployments have it, with only the `ServiceToken` changed.

use crate::local_aws::REGION;
use crate::scenario::World;
use crate::scenario::alone::Alone;
use crate::scenario::broken::{Broken, ensure};

use super::{expect_credentials, records_of_mail};

const STACK: &str = "bbb-rehearsal-old-mail";

pub(super) async fn run(world: &mut World<'_>) {
    let mut deployed = None;
    let created = world
        .promise_on_stack("mail of the old sample: verified, reported, credentials stored", async |world, _| {
            let (stack, detail) = create(world).await?;
            deployed = Some(stack);
            Ok(detail)
        })
        .await;
    if let (true, Some((mut stack, domain))) = (created, deployed) {
        world
            .promise("mail of the old sample: updated in place", async |world| {
                let identity = world.aws.email_identity(REGION, &domain).await?;
                stack.deploy(world, &[("HeadersInNotifications", "false")]).await?;
                let now = world.aws.email_identity(REGION, &domain).await?;
                ensure(now["DkimAttributes"]["Tokens"] == identity["DkimAttributes"]["Tokens"], || {
                    "the identity was replaced".to_owned()
                })?;
                expect_credentials(world, &stack.output(world, "CredentialsSecretArn").await?).await?;
                Ok("identity and credentials are what they were".to_owned())
            })
            .await;
        world
            .promise("mail of the old sample: deleted with its identity", async |world| {
                let deleted = stack.delete(world).await?;
                let left = world.aws.email_identities().await?;
                ensure(!left.contains(&domain), || format!("{domain} is still there"))?;
                let records = records_of_mail(world, &domain).await?;
                ensure(records.is_empty(), || format!("the records {records:?} are still there"))?;
                Ok(deleted)
            })
            .await;
    }
}

async fn create(world: &mut World<'_>) -> Result<((Alone, String), String), Broken> {
    let domain = format!("old.{}", world.domain);
    let mut outputs = world.outputs().await?;
    let topic = outputs.remove("OperatorTopicArn").unwrap_or_default();
    let last_resort = outputs.remove("LastResortFunctionArn").unwrap_or_default();
    let zone = world.zone_id.clone();
    let parameters = [
        ("DomainName", domain.as_str()),
        ("HostedZoneId", &zone),
        ("TopicArn", &topic),
        ("LastResortFunctionArn", &last_resort),
    ];
    let mut stack = Alone::package(world, STACK, "rehearsal/stacks/mail-of-the-sample.yaml", &parameters).await?;
    stack.deploy(world, &[]).await?;

    let status = stack.output(world, "VerificationStatus").await?;
    ensure(status == "Success", || format!("the status is {status:?}"))?;
    let identity = world.aws.email_identity(REGION, &domain).await?;
    ensure(identity["VerificationStatus"] == "SUCCESS", || format!("SES says {}", identity["VerificationStatus"]))?;
    let records = records_of_mail(world, &domain).await?;
    ensure(records.len() == 3, || format!("the DKIM records {records:?} stand"))?;
    let topics = world.aws.notification_topics(&domain).await?;
    ensure(topics[0].as_ref() == Some(&topic) && topics[1].as_ref() == Some(&topic), || {
        format!("bounces and complaints go to {:?} and {:?}", topics[0], topics[1])
    })?;
    let (key, user) = expect_credentials(world, &stack.output(world, "CredentialsSecretArn").await?).await?;
    Ok(((stack, domain), format!("the key {key} of {user}")))
}
