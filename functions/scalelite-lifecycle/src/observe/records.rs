//! What stands in DNS under the pool's names.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hosted_zone::{Record as RecordSet, RecordType, Standing, ZoneRecords};
use server_pool::{Owner, Record};

use super::Unread;

/// How the pool's names begin.
const PREFIX: &str = "vc-";

/// The record sets by name, exactly as they stand: what is removed must be named exactly.
pub(crate) type ByName = BTreeMap<String, Vec<Standing>>;

/// Reads them.
pub(crate) async fn read(zone: &ZoneRecords, domain: &str) -> Result<ByName, Unread> {
    let mut by_name = ByName::new();
    for standing in zone.labelled(PREFIX, domain).await.map_err(|error| Unread::Records(Arc::new(error)))? {
        by_name.entry(standing.name.clone()).or_default().push(standing);
    }
    Ok(by_name)
}

/// What they say. An alias, or a record that is routed, says nothing and is there: such a name belongs to somebody else.
pub(crate) fn said(by_name: &ByName) -> Vec<Record> {
    by_name.iter().map(|(name, standing)| record(name, standing)).collect()
}

fn record(name: &str, standing: &[Standing]) -> Record {
    let simple: Vec<&RecordSet> = standing.iter().filter_map(|set| set.simple.as_ref()).collect();
    let is_plain = simple.len() == standing.len();
    let values = |wanted: &[RecordType]| {
        let sets = simple.iter().filter(|set| wanted.contains(&set.record_type)).copied().collect::<Vec<_>>();
        sets.into_iter().flat_map(|set| &set.values).map(String::as_str).collect::<Vec<_>>()
    };
    let addresses = values(&[RecordType::A, RecordType::Aaaa]);
    let texts = values(&[RecordType::Txt]);
    let owner = match texts.as_slice() {
        [text] if is_plain => text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(Owner::from_text),
        _ => None,
    };
    let addresses = addresses.into_iter().filter_map(|address| address.parse().ok()).collect::<BTreeSet<_>>();
    Record { name: name.to_owned(), addresses, owner }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(record_type: RecordType, values: &[&str]) -> Standing {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        let simple = RecordSet { name: "vc-1.example.org.".into(), record_type: record_type.clone(), ttl: 60, values };
        Standing { name: "vc-1.example.org".into(), record_type, simple: Some(simple) }
    }

    #[test]
    fn a_name_has_addresses_and_an_owner() {
        let sets = [
            set(RecordType::A, &["198.51.100.1"]),
            set(RecordType::Aaaa, &["2001:db8::1"]),
            set(RecordType::Txt, &["\"server-pool=me gone=60\""]),
        ];
        let record = record("vc-1.example.org", &sets);
        assert_eq!(record.addresses, ["198.51.100.1".parse().unwrap(), "2001:db8::1".parse().unwrap()].into());
        let owner = record.owner.unwrap();
        assert_eq!((owner.owner.as_str(), owner.gone.is_some()), ("me", true));
    }

    #[test]
    fn what_is_not_plainly_the_pools_has_no_owner() {
        let alias = Standing { name: "vc-1.example.org".into(), record_type: RecordType::A, simple: None };
        for sets in [
            vec![set(RecordType::A, &["198.51.100.1"])],
            vec![set(RecordType::Txt, &["\"server-pool=me\"", "\"v=spf1 -all\""])],
            vec![set(RecordType::Txt, &["server-pool=me"])],
            vec![alias, set(RecordType::Txt, &["\"server-pool=me\""])],
        ] {
            assert_eq!(record("vc-1.example.org", &sets).owner, None, "{sets:?}");
        }
    }
}
