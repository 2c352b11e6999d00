//! The records of a server's name.

use hosted_zone::{Record as RecordSet, RecordChange, RecordType, Standing, Together};
use server_pool::Record;

/// How long resolvers may keep an address, in seconds: an instance that was stopped and started again has another one.
const TTL: i64 = 60;

/// The changes after which the name says this, and nothing else.
pub(super) fn write(record: &Record, standing: &[Standing]) -> Together {
    let addresses = |is_v4: bool| {
        let wanted = record.addresses.iter().filter(move |address| address.is_ipv4() == is_v4);
        wanted.map(ToString::to_string).collect::<Vec<_>>()
    };
    let text = record.owner.iter().map(|owner| format!("\"{}\"", owner.to_text())).collect();
    let wanted = [(RecordType::A, addresses(true)), (RecordType::Aaaa, addresses(false)), (RecordType::Txt, text)];
    let changes = wanted.into_iter().filter_map(|(record_type, values)| {
        if values.is_empty() {
            let there = standing.iter().find(|set| set.record_type == record_type)?;
            return there.simple.clone().map(RecordChange::Delete);
        }
        let name = format!("{}.", record.name);
        Some(RecordChange::Upsert(RecordSet { name, record_type, ttl: TTL, values }))
    });
    changes.collect()
}

/// The changes after which the name is gone: every record exactly as it stood when it was decided.
pub(super) fn remove(standing: &[Standing]) -> Together {
    let ours = [RecordType::A, RecordType::Aaaa, RecordType::Txt];
    let ours = standing.iter().filter(|set| ours.contains(&set.record_type));
    ours.filter_map(|set| set.simple.clone().map(RecordChange::Delete)).collect()
}

#[cfg(test)]
mod tests {
    use server_pool::Owner;

    use super::*;

    fn standing(record_type: RecordType, ttl: i64, value: &str) -> Standing {
        let simple = RecordSet {
            name: "vc-1.example.org.".into(),
            record_type: record_type.clone(),
            ttl,
            values: vec![value.into()],
        };
        Standing { name: "vc-1.example.org".into(), record_type, simple: Some(simple) }
    }

    fn record(addresses: &[&str]) -> Record {
        Record {
            name: "vc-1.example.org".into(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            owner: Some(Owner { owner: "me".into(), gone: None }),
        }
    }

    #[test]
    fn a_name_gets_its_addresses_and_its_owner() {
        let set = |record_type, value: &str| {
            let values = vec![value.to_owned()];
            RecordChange::Upsert(RecordSet { name: "vc-1.example.org.".into(), record_type, ttl: 60, values })
        };
        let changes = write(&record(&["198.51.100.1", "2001:db8::1"]), &[]);
        let expected = [
            set(RecordType::A, "198.51.100.1"),
            set(RecordType::Aaaa, "2001:db8::1"),
            set(RecordType::Txt, "\"server-pool=me\""),
        ];
        assert_eq!(changes, expected);
        let without_v6 = write(&record(&["198.51.100.1"]), &[standing(RecordType::Aaaa, 300, "2001:db8::1")]);
        let RecordChange::Delete(old) = &without_v6[1] else { panic!("{without_v6:?}") };
        assert_eq!((old.ttl, old.values.as_slice()), (300, ["2001:db8::1".to_owned()].as_slice()));
    }

    #[test]
    fn a_name_goes_exactly_as_it_stood() {
        let alias = Standing { name: "vc-1.example.org".into(), record_type: RecordType::Aaaa, simple: None };
        let sets = [standing(RecordType::A, 77, "198.51.100.1"), alias, standing(RecordType::Mx, 60, "10 mail.")];
        let changes = remove(&sets);
        let [RecordChange::Delete(removed)] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((&removed.record_type, removed.ttl), (&RecordType::A, 77));
        assert!(remove(&[]).is_empty());
    }
}
