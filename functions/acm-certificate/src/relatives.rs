//! Other certificates of the account: those this resource made before, and those that need the same validation records.

use std::collections::BTreeSet;

use aws_sdk_acm::types::CertificateSummary;
use custom_resource::{LOGICAL_ID_TAG, Request, STACK_TAG};
use futures_util::{StreamExt, stream};
use hosted_zone::normalised;
use tracing::warn;

use crate::{Error, acm::Certificates, arn::CertificateArn, names::validated_domain, properties::DIGEST_TAG};

/// A certificate that this resource made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) arn: String,
    pub(crate) digest: String,
    pub(crate) in_use: bool,
}

/// The certificates that carry this stack's and resource's tags, pending or issued. `domains` are the first names they may have, so that not
/// every certificate of a large account is asked for its tags; empty means any.
pub(crate) async fn own(
    certificates: &Certificates,
    region: &str,
    request: &Request,
    domains: &BTreeSet<String>,
) -> Result<Vec<Own>, Error> {
    let mut found = Vec::new();
    for summary in certificates.list(region).await? {
        let domain = normalised(summary.domain_name().unwrap_or_default());
        let Some(arn) = summary.certificate_arn else { continue };
        if !domains.is_empty() && !domains.contains(&domain) {
            continue;
        }
        let tags = match certificates.tags(&arn).await {
            // Somebody has deleted it since it was listed.
            Err(Error::ReadTags { source, .. }) if source.is("ResourceNotFoundException") => continue,
            tags => tags?,
        };
        let is = |key: &str, value: &str| tags.get(key).is_some_and(|tag| tag == value);
        if is(STACK_TAG, request.stack_id()) && is(LOGICAL_ID_TAG, request.logical_resource_id()) {
            let digest = tags.get(DIGEST_TAG).cloned().unwrap_or_default();
            found.push(Own { arn, digest, in_use: summary.in_use.unwrap_or_default() });
        }
    }
    Ok(found)
}

/// The regions that ACM has, by partition; a certificate's own region is always looked into.
///
/// ACM gives one account the same record for a domain in every region, so a record may serve a certificate anywhere.
const REGIONS: &[(&str, &[&str])] = &[
    (
        "aws",
        &[
            "af-south-1",
            "ap-east-1",
            "ap-east-2",
            "ap-northeast-1",
            "ap-northeast-2",
            "ap-northeast-3",
            "ap-south-1",
            "ap-south-2",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "ca-central-1",
            "ca-west-1",
            "eu-central-1",
            "eu-central-2",
            "eu-north-1",
            "eu-south-1",
            "eu-south-2",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "il-central-1",
            "me-central-1",
            "me-south-1",
            "mx-central-1",
            "sa-east-1",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ],
    ),
    ("aws-cn", &["cn-north-1", "cn-northwest-1"]),
    ("aws-us-gov", &["us-gov-east-1", "us-gov-west-1"]),
];

/// How many regions are asked at the same time: enough for a second or two in all, few enough for the memory of a small function.
const REGIONS_AT_ONCE: usize = 6;

/// What services say in a region that the account has not enabled.
const NOT_ENABLED: [&str; 4] = ["UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "OptInRequired"];

/// Of these validated domains, those that another certificate of the account needs the record of, or may need.
///
/// What cannot be found out counts as needed: a record too many harms nobody, a missing one ends a certificate at its next renewal.
pub(crate) async fn needed_elsewhere(
    certificates: &Certificates,
    deleted: &str,
    partition: &str,
    domains: &BTreeSet<String>,
) -> BTreeSet<String> {
    let known = REGIONS.iter().find(|(name, _)| *name == partition).map_or(&[][..], |(_, regions)| *regions);
    let own_region = CertificateArn::parse(deleted).map(|arn| arn.region);
    let regions: BTreeSet<_> = known.iter().copied().chain(own_region).chain([certificates.home()]).collect();
    let asked: Vec<_> = regions.into_iter().map(|region| needed_in(certificates, region, deleted, domains)).collect();
    stream::iter(asked)
        .buffer_unordered(REGIONS_AT_ONCE)
        .fold(BTreeSet::new(), |mut all, needed| async {
            all.extend(needed);
            all
        })
        .await
}

async fn needed_in(
    certificates: &Certificates,
    region: &str,
    deleted: &str,
    domains: &BTreeSet<String>,
) -> BTreeSet<String> {
    match needs_in(certificates, region, deleted, domains).await {
        Ok(needed) => needed,
        Err(Error::List { source, .. }) if source.code().is_some_and(|code| NOT_ENABLED.contains(&code)) => {
            BTreeSet::new()
        }
        Err(error) => {
            let reason = custom_resource::with_causes(&error);
            warn!(region, reason, "validation records are kept: it is not known whether a certificate needs them");
            domains.clone()
        }
    }
}

async fn needs_in(
    certificates: &Certificates,
    region: &str,
    deleted: &str,
    domains: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Error> {
    let mut needed = BTreeSet::new();
    for summary in certificates.list(region).await? {
        let arn = summary.certificate_arn().unwrap_or_default();
        if arn != deleted {
            let names = match listed_names(&summary) {
                Some(names) => names,
                None => described_names(certificates, arn).await?,
            };
            needed.extend(names.iter().map(|name| validated_domain(name)).filter(|domain| domains.contains(domain)));
        }
    }
    Ok(needed)
}

/// The names in a summary, if it has all of them.
fn listed_names(summary: &CertificateSummary) -> Option<Vec<String>> {
    let names = summary.subject_alternative_name_summaries();
    let complete = !names.is_empty() && summary.has_additional_subject_alternative_names() != Some(true);
    complete.then(|| names.iter().cloned().chain(summary.domain_name().map(str::to_owned)).collect())
}

async fn described_names(certificates: &Certificates, arn: &str) -> Result<Vec<String>, Error> {
    let Some(certificate) = certificates.describe(arn).await? else { return Ok(Vec::new()) };
    Ok(certificate.domain_name.into_iter().chain(certificate.subject_alternative_names.unwrap_or_default()).collect())
}
