//! What a description of a certificate says about its validation. No calls are made here.

use std::collections::BTreeMap;

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, DomainStatus, DomainValidation, ValidationMethod};
use hosted_zone::{Record, RecordType, normalised};

use crate::{Error, names::validated_domain};

/// How long a resolver may keep a validation record, in seconds. ACM reads it again for every renewal; five minutes let a mistake heal soon.
const RECORD_TTL: i64 = 300;

/// How long a certificate may claim to be validated by mail before that is believed, in seconds: for some seconds after a request ACM says
/// so of every certificate (issue 41 of cfn-certificate-provider).
const EMAIL_DOUBT_SECONDS: i64 = 60;

/// How far a certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is issued.
    Issued,
    /// These names wait for their validation.
    Waiting { names: Vec<String> },
    /// It will not be issued.
    Ended { status: String, reason: String },
}

/// How far a certificate is.
pub(crate) fn progress(certificate: &CertificateDetail) -> Progress {
    match certificate.status() {
        Some(CertificateStatus::Issued) => Progress::Issued,
        Some(CertificateStatus::PendingValidation) | None => Progress::Waiting {
            names: certificate
                .domain_validation_options()
                .iter()
                .filter(|option| option.validation_status() != Some(&DomainStatus::Success))
                .map(|option| option.domain_name().to_owned())
                .collect(),
        },
        Some(status) => Progress::Ended { status: status.as_str().to_owned(), reason: end_reason(certificate, status) },
    }
}

fn end_reason(certificate: &CertificateDetail, status: &CertificateStatus) -> String {
    match (certificate.failure_reason(), status) {
        (Some(reason), _) => {
            let advice = match reason.as_str() {
                "CAA_ERROR" => "; allow amazon.com in the domain's CAA records, or remove them",
                "DOMAIN_NOT_ALLOWED" => "; ACM issues nothing for this domain, ask AWS Support",
                "DOMAIN_VALIDATION_DENIED" => "; the owner of the domain has denied it",
                _ => "",
            };
            format!("{}{advice}", reason.as_str())
        }
        (None, CertificateStatus::ValidationTimedOut) => {
            "its validation records did not stand in the public DNS for 72 hours".to_owned()
        }
        (None, _) => "ACM gives no reason".to_owned(),
    }
}

/// The CNAMEs that validate a certificate, one for every validated domain, or the names of which ACM has not said it yet.
pub(crate) fn records(certificate: &CertificateDetail, now: i64) -> Result<Result<Vec<Record>, Vec<String>>, Error> {
    let mut records = BTreeMap::new();
    let mut unknown = Vec::new();
    for option in certificate.domain_validation_options() {
        match record(certificate, option, now)? {
            Some(record) => drop(records.insert(validated_domain(option.domain_name()), record)),
            None => unknown.push(option.domain_name().to_owned()),
        }
    }
    if certificate.domain_validation_options().is_empty() {
        unknown.push(certificate.domain_name().unwrap_or_default().to_owned());
    }
    // ACM may describe some names before others.
    let described: Vec<_> =
        certificate.domain_validation_options().iter().map(|option| normalised(option.domain_name())).collect();
    unknown.extend(
        certificate.subject_alternative_names().iter().filter(|name| !described.contains(&normalised(name))).cloned(),
    );
    unknown.sort();
    unknown.dedup();
    Ok(if unknown.is_empty() { Ok(records.into_values().collect()) } else { Err(unknown) })
}

/// The CNAME that validates one name, if ACM has said it.
pub(crate) fn record(
    certificate: &CertificateDetail,
    option: &DomainValidation,
    now: i64,
) -> Result<Option<Record>, Error> {
    if let Some(given) = option.resource_record() {
        return Ok(Some(Record {
            name: given.name().to_owned(),
            record_type: RecordType::Cname,
            ttl: RECORD_TTL,
            values: vec![given.value().to_owned()],
        }));
    }
    let age = certificate.created_at().map_or(0, |created| now - created.secs());
    if option.validation_method() == Some(&ValidationMethod::Email) && age > EMAIL_DOUBT_SECONDS {
        return Err(Error::ValidatedByEmail(option.domain_name().to_owned()));
    }
    Ok(None)
}
