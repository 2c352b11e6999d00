//! Mail: a sending domain that is verified, SMTP credentials that only their secret knows, and nobody else's identity harmed.

mod compatibility;

use std::collections::BTreeSet;

use aws_sdk_route53::types::RrType;
use serde_json::Value;

use crate::local_aws::REGION;

use super::World;
use super::alone::Alone;
use super::broken::{Broken, ensure};
use super::world::Parameters;

/// The stack that has nothing but mail.
const STACK: &str = "bbb-rehearsal-mail";

/// A region of SES that is not the stack's.
const ELSEWHERE: &str = "us-east-1";

/// As long as every SMTP password of SES: 33 bytes in Base64.
const PASSWORD_LENGTH: usize = 44;

pub(super) async fn run(world: &mut World<'_>) {
    world.promise_on_stack("sending domain verified by records that stand", verified).await;
    world.promise_on_stack("SMTP credentials in their secret", credentials_of_the_root).await;
    world.promise_on_stack("mail removed when it is set up elsewhere, and made again", elsewhere).await;

    let mut alone = None;
    let created = world
        .promise("mail deployed alone, for a domain of its own", async |world| {
            let (mail, detail) = Mail::create(world).await?;
            alone = Some(mail);
            Ok(detail)
        })
        .await;
    if let (true, Some(mut mail)) = (created, alone) {
        world.promise("SMTP credentials rotated, the old key gone", async |world| mail.rotate(world).await).await;
        world
            .promise("DMARC policy changed in place, credentials kept", async |world| mail.change_policy(world).await)
            .await;
        world.promise("mail moved to another region of SES", async |world| mail.relocate(world).await).await;
        world.promise("mail deleted with its identity and records", async |world| mail.delete(world).await).await;
    }
    world.promise("identity of somebody else refused, adopted when asked, never deleted", adopted).await;
    compatibility::run(world).await;
}

async fn verified(world: &mut World<'_>, _: Parameters) -> Result<String, Broken> {
    let domain = world.domain.clone();
    expect_verified(world, REGION, &domain).await?;
    let records = records_of_mail(world, &domain).await?;
    let expected: BTreeSet<String> =
        [format!("MX mail.{domain}"), format!("TXT mail.{domain}"), format!("TXT _dmarc.{domain}")].into();
    let (dkim, others): (BTreeSet<_>, BTreeSet<_>) = records.into_iter().partition(|record| record.contains("CNAME"));
    ensure(dkim.len() == 3, || format!("{} DKIM records stand", dkim.len()))?;
    ensure(others == expected, || format!("the records {others:?} stand, expected are {expected:?}"))?;
    let topic = world.outputs().await?.remove("OperatorTopicArn");
    let topics = world.aws.notification_topics(&domain).await?;
    ensure(topic.is_some() && topics[0] == topic && topics[1] == topic, || {
        format!("bounces and complaints go to {:?} and {:?}", topics[0], topics[1])
    })?;
    Ok("3 DKIM records, MX and SPF of mail., DMARC; bounces and complaints reach the operator".to_owned())
}

async fn credentials_of_the_root(world: &mut World<'_>, _: Parameters) -> Result<String, Broken> {
    let secret = world.outputs().await?.remove("SmtpSecretArn").unwrap_or_default();
    let (key, user) = expect_credentials(world, &secret).await?;
    Ok(format!("the key {key} of {user}"))
}

async fn elsewhere(world: &mut World<'_>, parameters: Parameters) -> Result<String, Broken> {
    let domain = world.domain.clone();
    let with = |validated: &str| {
        let mut parameters = parameters.clone();
        parameters.insert("BBBSESValidated".to_owned(), validated.to_owned());
        parameters
    };
    world.deploy_root(with("true")).await?;
    let left = world.aws.email_identities().await?;
    ensure(!left.contains(&domain), || format!("{domain} is still there"))?;
    let records = records_of_mail(world, &domain).await?;
    ensure(records.is_empty(), || format!("the records {records:?} are still there"))?;
    ensure(!world.outputs().await?.contains_key("SmtpSecretArn"), || "there is still a secret".to_owned())?;

    world.deploy_root(with("false")).await?;
    expect_verified(world, REGION, &domain).await?;
    credentials_of_the_root(world, parameters).await
}

/// The stack with nothing but mail, for a domain of its own.
struct Mail {
    stack: Alone,
    domain: String,
    key: String,
}

impl Mail {
    async fn create(world: &mut World<'_>) -> Result<(Self, String), Broken> {
        let domain = format!("alone.{}", world.domain);
        let mut mail = Self { stack: package(world, &domain).await?, domain, key: String::new() };
        mail.stack.deploy(world, &[]).await?;
        expect_verified(world, REGION, &mail.domain).await?;
        mail.key = mail.expect_credentials(world).await?;
        let detail = format!("{}, the key {}", mail.domain, mail.key);
        Ok((mail, detail))
    }

    async fn rotate(&mut self, world: &mut World<'_>) -> Result<String, Broken> {
        let before = self.key.clone();
        self.stack.deploy(world, &[("CredentialsRotation", "2")]).await?;
        self.key = self.expect_credentials(world).await?;
        ensure(self.key != before, || format!("the key is still {before}"))?;
        Ok(format!("{before} became {}", self.key))
    }

    async fn change_policy(&mut self, world: &mut World<'_>) -> Result<String, Broken> {
        self.stack.deploy(world, &[("DmarcPolicy", "reject")]).await?;
        let record = self.stack.output(world, "DmarcRecord").await?;
        ensure(record.contains("p=reject"), || format!("the record is {record}"))?;
        let key = self.expect_credentials(world).await?;
        ensure(key == self.key, || format!("the key became {key}"))?;
        Ok(record)
    }

    async fn relocate(&mut self, world: &mut World<'_>) -> Result<String, Broken> {
        self.stack.deploy(world, &[("SesRegion", ELSEWHERE)]).await?;
        expect_verified(world, ELSEWHERE, &self.domain).await?;
        let left = world.aws.email_identities().await?;
        ensure(!left.contains(&self.domain), || format!("{} is still in {REGION}", self.domain))?;
        let endpoint = self.stack.output(world, "SmtpEndpoint").await?;
        ensure(endpoint.contains(ELSEWHERE), || format!("the endpoint is {endpoint}"))?;
        let key = self.expect_credentials(world).await?;
        ensure(key != self.key, || "the password is still for the region before".to_owned())?;
        Ok(endpoint)
    }

    async fn delete(self, world: &mut World<'_>) -> Result<String, Broken> {
        let deleted = self.stack.delete(world).await?;
        let left = world.aws.email_identity(ELSEWHERE, &self.domain).await;
        ensure(left.is_err(), || format!("{} is still there", self.domain))?;
        let records = records_of_mail(world, &self.domain).await?;
        ensure(records.is_empty(), || format!("the records {records:?} are still there"))?;
        Ok(deleted)
    }

    async fn expect_credentials(&self, world: &mut World<'_>) -> Result<String, Broken> {
        let secret = self.stack.output(world, "CredentialsSecretArn").await?;
        Ok(expect_credentials(world, &secret).await?.0)
    }
}

/// The template of mail alone, for this domain.
async fn package(world: &World<'_>, domain: &str) -> Result<Alone, Broken> {
    let zone = world.zone_id.clone();
    let parameters = [("DomainName", domain), ("HostedZoneId", &zone), ("LogLevel", "DEBUG")];
    Alone::package(world, STACK, "templates/email.yaml", &parameters).await
}

/// An identity that was there before is refused, then adopted, and stays when the stack goes.
async fn adopted(world: &mut World<'_>) -> Result<String, Broken> {
    let domain = format!("adopted.{}", world.domain);
    world.aws.create_email_identity(&domain).await?;
    let mut stack = package(world, &domain).await?;
    let reason = stack.fail(world, &[], "ROLLBACK_COMPLETE").await?;
    ensure(reason.contains(&format!("{domain} already exists")), || format!("the reason is {reason}"))?;
    stack.delete(world).await?;
    ensure(world.aws.email_identities().await?.contains(&domain), || "the identity was deleted".to_owned())?;

    stack.deploy(world, &[("AdoptExisting", "true")]).await?;
    expect_verified(world, REGION, &domain).await?;
    let secret = stack.output(world, "CredentialsSecretArn").await?;
    expect_credentials(world, &secret).await?;
    stack.delete(world).await?;
    expect_verified(world, REGION, &domain).await?;
    let identity = world.aws.email_identity(REGION, &domain).await?;
    let tags = identity["Tags"].to_string();
    ensure(!tags.contains("custom-resource:"), || format!("the identity is marked as ours: {tags}"))?;

    // Its owner's to remove, with its records.
    world.aws.delete_email_identity(&domain).await?;
    world.remove_records_below(&domain).await?;
    Ok(reason)
}

/// SES must have verified the domain with its DKIM and MAIL FROM.
async fn expect_verified(world: &World<'_>, region: &str, domain: &str) -> Result<(), Broken> {
    let identity = world.aws.email_identity(region, domain).await?;
    let statuses = [
        &identity["VerificationStatus"],
        &identity["DkimAttributes"]["Status"],
        &identity["MailFromAttributes"]["MailFromDomainStatus"],
    ];
    ensure(statuses.iter().all(|status| *status == "SUCCESS"), || format!("identity, DKIM and MAIL FROM: {statuses:?}"))
}

/// The secret must hold working credentials, whose key is its user's only one. Gives key and user; the password is noted to be searched for.
async fn expect_credentials(world: &mut World<'_>, secret: &str) -> Result<(String, String), Broken> {
    let text = world.aws.secret(secret).await?;
    // What is in it is never told, whatever is wrong with it.
    let found: Value = serde_json::from_str(&text).unwrap_or_default();
    let part = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    let (key, password) = (part("username"), part("password"));
    ensure(key.starts_with("AKIA") && password.len() == PASSWORD_LENGTH, || {
        "the secret does not hold SMTP credentials".to_owned()
    })?;
    world.smtp_passwords.push(password);
    for user in world.aws.users().await? {
        let keys = world.aws.access_keys(&user).await?;
        if keys.contains(&key) {
            ensure(keys.len() == 1, || format!("{user} has the keys {keys:?}"))?;
            return Ok((key, user));
        }
    }
    Err(Broken(format!("the key {key} is no user's")))
}

/// Type and name of the records below a domain that are about mail.
async fn records_of_mail(world: &World<'_>, domain: &str) -> Result<BTreeSet<String>, Broken> {
    let records = world.records().await?;
    let names = records.iter().filter(|record| matches!(record.r#type(), RrType::Mx | RrType::Txt | RrType::Cname));
    Ok(names
        .map(|record| format!("{} {}", record.r#type().as_str(), record.name().trim_end_matches('.')))
        .filter(|record| {
            record.ends_with(&format!("mail.{domain}"))
                || record.ends_with(&format!("_dmarc.{domain}"))
                || record.ends_with(&format!("._domainkey.{domain}"))
        })
        .collect())
}
