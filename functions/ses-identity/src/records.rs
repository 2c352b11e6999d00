//! The DNS records that SES asks for. No calls are made here.

use hosted_zone::{Record, RecordType};
use serde_json::{Map, Value, json};

/// The properties that every record of `RecordSets` gets.
pub(crate) type Defaults = Map<String, Value>;

/// Where the DKIM keys of most regions are published.
const DKIM_ZONE: &str = "dkim.amazonses.com";

/// How long a resolver may keep a record, in seconds. SES reads them again now and then; five minutes let a mistake heal soon.
const TTL: i64 = 300;

/// A record with one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The name, with its final dot.
    pub(crate) name: String,
    pub(crate) record_type: RecordType,
    /// The value as Route 53 writes it.
    pub(crate) value: String,
}

impl Wanted {
    /// As an entry of `AWS::Route53::RecordSetGroup`'s `RecordSets`.
    pub(crate) fn to_record_set(&self, defaults: &Defaults) -> Value {
        let mut set = defaults.clone();
        set.insert("Name".to_owned(), json!(self.name));
        set.insert("Type".to_owned(), json!(self.record_type.as_str()));
        set.insert("ResourceRecords".to_owned(), json!([self.value]));
        Value::Object(set)
    }

    pub(crate) fn to_record(&self) -> Record {
        Record {
            name: self.name.clone(),
            record_type: self.record_type.clone(),
            ttl: TTL,
            values: vec![self.value.clone()],
        }
    }
}

/// What `RecordSetDefaults` is when the template does not say.
pub(crate) fn default_defaults() -> Defaults {
    Map::from_iter([("TTL".to_owned(), json!("60"))])
}

/// The TXT record by which SES verified domains before it had DKIM for that.
pub(crate) fn verification(domain: &str, token: &str) -> Wanted {
    Wanted { name: format!("_amazonses.{domain}."), record_type: RecordType::Txt, value: quoted(token) }
}

/// The CNAMEs of Easy DKIM, in the order of their tokens. `zone` is where SES publishes the keys; newer regions have their own.
pub(crate) fn dkim(domain: &str, tokens: &[String], zone: Option<&str>) -> Vec<Wanted> {
    let zone = zone.map(|zone| zone.trim_end_matches('.')).filter(|zone| !zone.is_empty()).unwrap_or(DKIM_ZONE);
    let mut tokens = tokens.to_vec();
    tokens.sort_unstable();
    let record = |token: String| Wanted {
        name: format!("{token}._domainkey.{domain}."),
        record_type: RecordType::Cname,
        value: format!("{token}.{zone}"),
    };
    tokens.into_iter().map(record).collect()
}

/// The records of a MAIL FROM domain: bounces go to SES, and SES may send for it.
pub(crate) fn mail_from(mail_from_domain: &str, region: &str) -> [Wanted; 2] {
    let name = format!("{mail_from_domain}.");
    [
        Wanted {
            name: name.clone(),
            record_type: RecordType::Mx,
            value: format!("10 feedback-smtp.{region}.amazonses.com"),
        },
        Wanted { name, record_type: RecordType::Txt, value: quoted("v=spf1 include:amazonses.com ~all") },
    ]
}

/// What receivers are asked to do with mail that only claims to be of the domain.
pub(crate) fn dmarc(domain: &str, policy: &str, report_to: Option<&str>) -> Wanted {
    let reports = report_to.map(|address| format!(" rua=mailto:{address};")).unwrap_or_default();
    Wanted {
        name: format!("_dmarc.{domain}."),
        record_type: RecordType::Txt,
        value: quoted(&format!("v=DMARC1; p={policy};{reports}")),
    }
}

/// As Route 53 wants the value of a TXT record.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_record_sets_of_the_old_provider() {
        assert_eq!(
            verification("example.org", "t0ken=").to_record_set(&default_defaults()),
            json!({"TTL": "60", "Name": "_amazonses.example.org.", "Type": "TXT", "ResourceRecords": ["\"t0ken=\""]})
        );
        let defaults = Map::from_iter([
            ("TTL".to_owned(), json!("300")),
            ("Weight".to_owned(), json!("1")),
            ("SetIdentifier".to_owned(), json!("eu-west-1")),
        ]);
        let sets: Vec<_> = dkim("example.org", &["b".to_owned(), "a".to_owned()], None)
            .iter()
            .map(|record| record.to_record_set(&defaults))
            .collect();
        assert_eq!(
            sets,
            [
                json!({"TTL": "300", "Weight": "1", "SetIdentifier": "eu-west-1", "Name": "a._domainkey.example.org.", "Type": "CNAME",
                       "ResourceRecords": ["a.dkim.amazonses.com"]}),
                json!({"TTL": "300", "Weight": "1", "SetIdentifier": "eu-west-1", "Name": "b._domainkey.example.org.", "Type": "CNAME",
                       "ResourceRecords": ["b.dkim.amazonses.com"]}),
            ]
        );
        let [mx, spf] =
            mail_from("mail.example.org", "eu-west-1").map(|record| record.to_record_set(&default_defaults()));
        assert_eq!(
            mx,
            json!({"TTL": "60", "Name": "mail.example.org.", "Type": "MX", "ResourceRecords": ["10 feedback-smtp.eu-west-1.amazonses.com"]})
        );
        assert_eq!(
            spf,
            json!({"TTL": "60", "Name": "mail.example.org.", "Type": "TXT", "ResourceRecords": ["\"v=spf1 include:amazonses.com ~all\""]})
        );
    }

    #[test]
    fn a_region_with_a_signing_zone_of_its_own() {
        let records = dkim("example.org", &["a".to_owned()], Some("dkim.af-south-1.amazonses.com."));
        assert_eq!(records[0].value, "a.dkim.af-south-1.amazonses.com");
    }

    #[test]
    fn dmarc_with_and_without_reports() {
        assert_eq!(dmarc("example.org", "none", None).value, "\"v=DMARC1; p=none;\"");
        let with = dmarc("example.org", "reject", Some("dmarc@example.org"));
        assert_eq!(
            (with.name.as_str(), with.value.as_str()),
            ("_dmarc.example.org.", "\"v=DMARC1; p=reject; rua=mailto:dmarc@example.org;\"")
        );
    }

    proptest! {
        #[test]
        fn defaults_never_hide_what_a_record_is(
            keys in prop::collection::btree_map("Name|Type|ResourceRecords|TTL|Weight|[A-Z][a-z]{1,9}", "[a-z0-9]{1,9}", 0..6),
            domain in "[a-z]{1,9}\\.org", tokens in prop::collection::vec("[a-z0-9]{32}", 0..4),
        ) {
            let defaults: Defaults = keys.into_iter().map(|(key, value)| (key, json!(value))).collect();
            let records = dkim(&domain, &tokens, None);
            prop_assert_eq!(records.len(), tokens.len());
            for record in &records {
                let set = record.to_record_set(&defaults);
                prop_assert_eq!(&set["Name"], &json!(record.name));
                prop_assert_eq!(&set["Type"], &json!("CNAME"));
                prop_assert_eq!(&set["ResourceRecords"], &json!([record.value]));
                for (key, value) in defaults.iter().filter(|(key, _)| !["Name", "Type", "ResourceRecords"].contains(&key.as_str())) {
                    prop_assert_eq!(&set[key], value);
                }
                let suffix = format!("._domainkey.{domain}.");
                let token = record.name.strip_suffix(&suffix).unwrap();
                prop_assert_eq!(&record.value, &format!("{token}.dkim.amazonses.com"));
                prop_assert!(tokens.iter().any(|known| known == token));
            }
        }
    }
}
