//! The properties of `Custom::Certificate`, and which of them make another certificate.

use std::collections::BTreeSet;

use aws_sdk_acm::types::{CertificateExport, CertificateOptions, Tag as AcmTag};
use custom_resource::Request;
use hosted_zone::{Role, ZoneReference, is_within};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{Error, names::all_names};

/// The tag that holds [`Properties::digest`].
pub(crate) const DIGEST_TAG: &str = "custom-resource:properties";

/// The key that ACM makes when none is asked for.
const DEFAULT_KEY_ALGORITHM: &str = "RSA_2048";

/// The properties of `Custom::Certificate`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Properties {
    /// The first name of the certificate, such as `*.example.org`.
    pub domain_name: String,
    /// Further names. Order, case and repetitions do not matter.
    #[serde(default)]
    pub subject_alternative_names: Vec<String>,
    /// How the names are validated; only DNS.
    #[serde(default)]
    pub validation_method: ValidationMethod,
    /// The region of the certificate; by default that of the function.
    pub region: Option<String>,
    /// Options of the certificate.
    pub options: Option<Options>,
    /// The hosted zone of single names, and of names below them.
    #[serde(default)]
    pub domain_validation_options: Vec<DomainValidationOption>,
    /// The hosted zone of all other names. With a zone for every name, records are written and the certificate is awaited.
    pub hosted_zone_id: Option<String>,
    /// The role to assume for `HostedZoneId`, if the zone belongs to another account.
    pub hosted_zone_role_arn: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub hosted_zone_role_external_id: Option<String>,
    /// The tags of the certificate.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// A private certificate authority to issue it.
    pub certificate_authority_arn: Option<String>,
    /// The kind of key, such as `RSA_2048` or `EC_prime256v1`.
    pub key_algorithm: Option<String>,
    /// ACM's token; by default made from the request, which is what makes repeated requests harmless.
    pub idempotency_token: Option<String>,
}

/// How ACM checks that a domain is yours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum ValidationMethod {
    /// By a CNAME record.
    #[default]
    #[serde(rename = "DNS")]
    Dns,
}

/// Options of a certificate, as `RequestCertificate` has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Options {
    /// Accepted, and of no effect: since June 2026 ACM logs every certificate.
    pub certificate_transparency_logging_preference: Option<String>,
    /// Whether the private key can be exported: `ENABLED` or `DISABLED`. Fixed when the certificate is made.
    pub export: Option<String>,
}

/// The zone of a name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DomainValidationOption {
    /// The name; it stands for the names below it too.
    pub domain_name: String,
    /// For validation by mail; accepted, and of no effect.
    pub validation_domain: Option<String>,
    /// The zone that holds it.
    pub hosted_zone_id: Option<String>,
    /// The role to assume, if the zone belongs to another account.
    pub role_arn: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub role_external_id: Option<String>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

impl Properties {
    /// The certificate's names.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        all_names(&self.domain_name, &self.subject_alternative_names)
    }

    /// What makes it this certificate and not another: whatever ACM cannot change later. Two digests are equal if and only if an update from
    /// one to the other needs no new certificate.
    pub(crate) fn digest(&self, home: &str) -> String {
        let mut hash = Sha256::new();
        let mut feed = |label: &str, value: &str| {
            hash.update(format!("{label}={}:{value}\n", value.len()));
        };
        feed("region", self.region_or(home));
        feed("domain", &hosted_zone::normalised(&self.domain_name));
        for name in self.names() {
            feed("name", &name);
        }
        feed("key", self.key_algorithm.as_deref().unwrap_or(DEFAULT_KEY_ALGORITHM));
        feed("authority", self.certificate_authority_arn.as_deref().unwrap_or_default());
        let export = self.options.as_ref().and_then(|options| options.export.as_deref());
        feed("export", export.unwrap_or("DISABLED"));
        hex(&hash.finalize())
    }

    /// The region of the certificate.
    pub(crate) fn region_or<'a>(&'a self, home: &'a str) -> &'a str {
        self.region.as_deref().filter(|region| !region.is_empty()).unwrap_or(home)
    }

    /// Whether records are to be written and the certificate awaited.
    pub(crate) fn has_zones(&self) -> bool {
        given(&self.hosted_zone_id).is_some()
            || self.domain_validation_options.iter().any(|option| given(&option.hosted_zone_id).is_some())
    }

    /// The zone of a name: that of the longest option that is the name or a parent of it, else the zone for all.
    pub(crate) fn zone_of(&self, name: &str) -> Result<ZoneReference, Error> {
        let role = |arn: &Option<String>, external_id: &Option<String>| {
            given(arn).map(|arn| Role { arn, external_id: given(external_id) })
        };
        let bare = crate::names::validated_domain(name);
        let nearest = self
            .domain_validation_options
            .iter()
            .filter(|option| is_within(&bare, &crate::names::validated_domain(&option.domain_name)))
            .filter_map(|option| given(&option.hosted_zone_id).map(|id| (option, id)))
            .max_by_key(|(option, _)| hosted_zone::normalised(&option.domain_name).split('.').count());
        match (nearest, given(&self.hosted_zone_id)) {
            (Some((option, id)), _) => Ok(ZoneReference { id, role: role(&option.role_arn, &option.role_external_id) }),
            (None, Some(id)) => {
                Ok(ZoneReference { id, role: role(&self.hosted_zone_role_arn, &self.hosted_zone_role_external_id) })
            }
            (None, None) => Err(Error::NoZone(name.to_owned())),
        }
    }

    /// The options for a new certificate.
    pub(crate) fn acm_options(&self) -> Option<CertificateOptions> {
        let export = self.options.as_ref()?.export.as_deref()?;
        Some(CertificateOptions::builder().export(CertificateExport::from(export)).build())
    }

    /// The tags of a new certificate: the user's, and those that say whose it is.
    pub(crate) fn acm_tags(&self, request: &Request, home: &str) -> Vec<AcmTag> {
        let ownership = ownership_tags(request, &self.digest(home));
        ownership.into_iter().chain(self.tags.iter().filter_map(|tag| acm_tag(&tag.key, &tag.value))).collect()
    }
}

/// The tags that say whose a certificate is and what was asked for.
pub(crate) fn ownership_tags(request: &Request, digest: &str) -> Vec<AcmTag> {
    request
        .ownership()
        .into_iter()
        .chain([(DIGEST_TAG, digest)])
        .filter_map(|(key, value)| acm_tag(key, value))
        .collect()
}

/// A tag as ACM takes it; one without a key is no tag.
pub(crate) fn acm_tag(key: &str, value: &str) -> Option<AcmTag> {
    AcmTag::builder().key(key).value(value).build().ok()
}

/// What a template leaves empty is not given.
fn given(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn properties(value: Value) -> Properties {
        custom_resource::properties::from_value(value).unwrap()
    }

    fn digest(value: Value) -> String {
        properties(value).digest("eu-west-1")
    }

    #[test]
    fn what_acm_can_change_makes_no_other_certificate() {
        let base = digest(json!({"DomainName": "*.example.org", "SubjectAlternativeNames": ["example.org"]}));
        for same in [
            json!({"DomainName": "*.EXAMPLE.org.", "SubjectAlternativeNames": ["*.example.org", "Example.org"]}),
            json!({"DomainName": "*.example.org", "SubjectAlternativeNames": ["example.org"], "Region": "eu-west-1"}),
            json!({"DomainName": "*.example.org", "SubjectAlternativeNames": ["example.org"], "KeyAlgorithm": "RSA_2048"}),
            json!({"DomainName": "*.example.org", "SubjectAlternativeNames": ["example.org"], "HostedZoneId": "Z9",
                   "HostedZoneRoleArn": "arn:aws:iam::1:role/r", "Tags": [{"Key": "a", "Value": "b"}], "ValidationMethod": "DNS"}),
        ] {
            assert_eq!(digest(same.clone()), base, "{same}");
        }
        for other in [
            json!({"DomainName": "*.example.org"}),
            json!({"DomainName": "example.org", "SubjectAlternativeNames": ["*.example.org"]}),
            json!({"DomainName": "*.example.org", "SubjectAlternativeNames": ["example.org"], "Region": "us-east-1"}),
            json!({"DomainName": "*.example.org", "SubjectAlternativeNames": ["example.org"], "KeyAlgorithm": "EC_prime256v1"}),
            json!({"DomainName": "*.example.org", "SubjectAlternativeNames": ["example.org"], "Options": {"Export": "ENABLED"}}),
        ] {
            assert_ne!(digest(other.clone()), base, "{other}");
        }
    }

    #[test]
    fn the_longest_parent_gives_the_zone() {
        let properties = properties(json!({
            "DomainName": "example.org", "HostedZoneId": "ZALL",
            "DomainValidationOptions": [
                {"DomainName": "example.org", "HostedZoneId": "ZORG"},
                {"DomainName": "deep.example.org", "HostedZoneId": "ZDEEP", "RoleArn": "arn:aws:iam::2:role/dns", "RoleExternalId": "e"},
            ],
        }));
        let zone = |name| properties.zone_of(name).unwrap();
        assert_eq!(zone("example.net").id, "ZALL");
        assert_eq!(zone("*.example.org").id, "ZORG");
        assert_eq!(zone("notdeep.example.org").id, "ZORG");
        let deep = zone("*.Deep.example.org");
        assert_eq!((deep.id.as_str(), deep.role.unwrap().external_id.as_deref()), ("ZDEEP", Some("e")));
    }

    #[test]
    fn a_name_without_a_zone_is_an_error_that_names_it() {
        let properties = properties(json!({
            "DomainName": "example.org", "DomainValidationOptions": [{"DomainName": "example.org", "HostedZoneId": "Z"}],
        }));
        assert!(properties.has_zones());
        assert!(
            properties
                .zone_of("example.net")
                .unwrap_err()
                .to_string()
                .contains("no hosted zone is given for example.net")
        );
    }

    proptest! {
        #[test]
        fn the_digest_ignores_order_and_case(mut names in prop::collection::vec("[a-z]{1,8}\\.org", 1..6), upper: bool) {
            let one = digest(json!({"DomainName": "a.org", "SubjectAlternativeNames": names}));
            names.reverse();
            if upper { names.iter_mut().for_each(|name| *name = name.to_uppercase()); }
            prop_assert_eq!(digest(json!({"DomainName": "A.org", "SubjectAlternativeNames": names})), one);
        }
    }
}
