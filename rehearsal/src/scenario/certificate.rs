//! The certificate: issued, left alone, replaced, and unharmed by a failing update.

use std::collections::BTreeSet;

use aws_sdk_acm::operation::describe_certificate::DescribeCertificateError;
use aws_sdk_acm::types::{CertificateDetail, CertificateStatus};
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};

use super::broken::{Broken, ensure};
use super::world::{Deployed, Parameters, STACK, World, outcome};

/// A name that lies in no hosted zone of ours; `.test` never does (RFC 6761).
const FOREIGN_NAME: &str = "other.invalid-zone.test";

pub(super) async fn run(world: &mut World<'_>) {
    world.promise_on_stack("certificate issued for the domain and its wildcard", issued).await;
    world.promise_on_stack("one validation record stands in the zone", record_stands_once).await;
    world.promise_on_stack("update without changes does nothing", unchanged).await;
    world.promise_on_stack("name added: certificate replaced, shared record untouched", name_added).await;
    world.promise_on_stack("failing update rolled back, certificate unharmed", failing_update).await;
}

async fn issued(world: &mut World<'_>, _: Parameters) -> Result<String, Broken> {
    let arn = certificate_arn(world).await?;
    let certificate = existing(world, &arn).await?;
    let domain = &world.domain;
    expect_issued(&certificate, &[domain.clone(), format!("*.{domain}")])?;
    Ok(arn)
}

async fn record_stands_once(world: &mut World<'_>, _: Parameters) -> Result<String, Broken> {
    let arn = certificate_arn(world).await?;
    let wanted = validation_records(&existing(world, &arn).await?)?;
    let standing = cnames(world).await?;
    expect_records(&standing, &wanted)?;
    Ok(wanted.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(", "))
}

async fn unchanged(world: &mut World<'_>, parameters: Parameters) -> Result<String, Broken> {
    let arn = certificate_arn(world).await?;
    match world.deploy(STACK, &parameters).await? {
        Deployed::Nothing => {}
        Deployed::Something(followed) => return Err(Broken(outcome(&followed))),
    }
    let now = certificate_arn(world).await?;
    ensure(now == arn, || format!("the certificate became {now}"))?;
    Ok("CloudFormation found no changes".to_owned())
}

async fn name_added(world: &mut World<'_>, parameters: Parameters) -> Result<String, Broken> {
    let old = certificate_arn(world).await?;
    let shared = cnames(world).await?;
    let name = format!("extra.{}", world.domain);

    let followed = world.deploy_root(with_names(parameters, &name)).await?;

    let new = certificate_arn(world).await?;
    ensure(new != old, || "the certificate was not replaced".to_owned())?;
    ensure(described(world, &old).await?.is_none(), || {
        format!("the replaced certificate is still there: {old}; {}", outcome(&followed))
    })?;
    let certificate = existing(world, &new).await?;
    let domain = &world.domain;
    expect_issued(&certificate, &[domain.clone(), format!("*.{domain}"), name])?;
    let standing = cnames(world).await?;
    for record in &shared {
        ensure(standing.contains(record), || format!("the record {} was changed or removed", record.name()))?;
    }
    expect_records(&standing, &validation_records(&certificate)?)?;
    Ok(format!("{old} became {new}; {} records stand", standing.len()))
}

async fn failing_update(world: &mut World<'_>, parameters: Parameters) -> Result<String, Broken> {
    let arn = certificate_arn(world).await?;
    let certificates = world.certificates().await?;
    let records = cnames(world).await?;
    let names = parameters
        .get("BBBAdditionalDomainNames")
        .filter(|names| !names.is_empty())
        .map_or_else(|| FOREIGN_NAME.to_owned(), |names| format!("{names},{FOREIGN_NAME}"));

    let followed = match world.deploy(STACK, &with_names(parameters, &names)).await? {
        Deployed::Something(followed) => followed,
        Deployed::Nothing => return Err(Broken("nothing changed".to_owned())),
    };

    ensure(followed.status == "UPDATE_ROLLBACK_COMPLETE", || outcome(&followed))?;
    let reason = followed.deepest_cause().map(|cause| cause.reason).unwrap_or_default();
    ensure(reason.contains(FOREIGN_NAME), || format!("the reason does not name {FOREIGN_NAME}: {reason}"))?;
    let now = certificate_arn(world).await?;
    ensure(now == arn, || format!("the certificate became {now}"))?;
    let status = existing(world, &arn).await?.status().cloned();
    ensure(status == Some(CertificateStatus::Issued), || format!("the certificate is {status:?}"))?;
    let left = world.certificates().await?;
    ensure(left == certificates, || format!("there were the certificates {certificates:?}, now there are {left:?}"))?;
    let standing = cnames(world).await?;
    ensure(standing == records, || format!("there were {} records, now there are {}", records.len(), standing.len()))?;
    Ok(reason)
}

impl World<'_> {
    /// The ARNs of all certificates.
    pub(super) async fn certificates(&self) -> Result<BTreeSet<String>, Broken> {
        let mut pages = self.acm.list_certificates().into_paginator().items().send();
        let mut arns = BTreeSet::new();
        while let Some(certificate) = pages.next().await {
            arns.extend(certificate?.certificate_arn);
        }
        Ok(arns)
    }

    /// Removes the records of the domain's zone that are called `domain` or lie below it.
    pub(super) async fn remove_records_below(&self, domain: &str) -> Result<(), Broken> {
        let mut changes = Vec::new();
        for record in self.records().await? {
            let name = record.name().trim_end_matches('.');
            if name == domain || name.ends_with(&format!(".{domain}")) {
                let change = Change::builder().action(ChangeAction::Delete).resource_record_set(record).build()?;
                changes.push(change);
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let batch = ChangeBatch::builder().set_changes(Some(changes)).build()?;
        self.route53.change_resource_record_sets().hosted_zone_id(&self.zone_id).change_batch(batch).send().await?;
        Ok(())
    }

    /// All records of the domain's zone.
    pub(super) async fn records(&self) -> Result<Vec<ResourceRecordSet>, Broken> {
        let mut records = Vec::new();
        let mut request = self.route53.list_resource_record_sets().hosted_zone_id(&self.zone_id);
        loop {
            let page = request.send().await?;
            records.extend_from_slice(page.resource_record_sets());
            if !page.is_truncated() {
                return Ok(records);
            }
            request = self
                .route53
                .list_resource_record_sets()
                .hosted_zone_id(&self.zone_id)
                .set_start_record_name(page.next_record_name)
                .set_start_record_type(page.next_record_type)
                .set_start_record_identifier(page.next_record_identifier);
        }
    }
}

fn with_names(mut parameters: Parameters, names: &str) -> Parameters {
    parameters.insert("BBBAdditionalDomainNames".to_owned(), names.to_owned());
    parameters
}

async fn certificate_arn(world: &World<'_>) -> Result<String, Broken> {
    world
        .outputs()
        .await?
        .remove("CertificateArn")
        .ok_or_else(|| Broken("the stack has no output CertificateArn".to_owned()))
}

/// The certificate of this ARN; `None` when there is none.
async fn described(world: &World<'_>, arn: &str) -> Result<Option<CertificateDetail>, Broken> {
    match world.acm.describe_certificate().certificate_arn(arn).send().await {
        Ok(answer) => Ok(answer.certificate),
        Err(error)
            if error.as_service_error().is_some_and(DescribeCertificateError::is_resource_not_found_exception) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

async fn existing(world: &World<'_>, arn: &str) -> Result<CertificateDetail, Broken> {
    described(world, arn).await?.ok_or_else(|| Broken(format!("there is no certificate {arn}")))
}

fn expect_issued(certificate: &CertificateDetail, names: &[String]) -> Result<(), Broken> {
    ensure(certificate.status() == Some(&CertificateStatus::Issued), || {
        format!("the certificate is {:?}", certificate.status())
    })?;
    let expected: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let covered: BTreeSet<&str> =
        certificate.subject_alternative_names().iter().map(String::as_str).chain(certificate.domain_name()).collect();
    ensure(covered == expected, || format!("the certificate is for {covered:?}, not for {expected:?}"))
}

/// The names and values of the records that validate a certificate, each once.
fn validation_records(certificate: &CertificateDetail) -> Result<BTreeSet<(String, String)>, Broken> {
    let records: BTreeSet<_> = certificate
        .domain_validation_options()
        .iter()
        .filter_map(|option| option.resource_record())
        .map(|record| (canonical(record.name()), canonical(record.value())))
        .collect();
    ensure(!records.is_empty(), || "the certificate has no validation record".to_owned())?;
    Ok(records)
}

/// The CNAME records of the domain's zone, but for those of its mail.
async fn cnames(world: &World<'_>) -> Result<Vec<ResourceRecordSet>, Broken> {
    let mut records = world.records().await?;
    records.retain(|record| *record.r#type() == RrType::Cname && !record.name().contains("._domainkey."));
    Ok(records)
}

/// Whether exactly the `wanted` records stand, each once and with one value.
fn expect_records(standing: &[ResourceRecordSet], wanted: &BTreeSet<(String, String)>) -> Result<(), Broken> {
    let found: Vec<(String, String)> = standing
        .iter()
        .flat_map(|set| set.resource_records().iter().map(|record| (canonical(set.name()), canonical(record.value()))))
        .collect();
    let once: BTreeSet<_> = found.iter().cloned().collect();
    ensure(once == *wanted && found.len() == wanted.len(), || {
        format!("the records {found:?} stand, wanted are {wanted:?}")
    })
}

/// A DNS name without the final dot and in lower case.
fn canonical(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
