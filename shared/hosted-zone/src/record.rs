//! A record as a function wants it.

use aws_sdk_route53::types::{ResourceRecord, ResourceRecordSet, RrType};

use crate::{Error, name::normalised};

/// A simple record set: one name and type, some values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The fully qualified name; case and a trailing dot do not matter.
    pub name: String,
    /// Its type, such as CNAME.
    pub record_type: RrType,
    /// How long resolvers may keep it, in seconds.
    pub ttl: i64,
    /// Its values as Route 53 writes them (TXT in quotes).
    pub values: Vec<String>,
}

impl Record {
    /// A record set that is neither an alias nor routed by weight and the like, exactly as it stands.
    pub(crate) fn simple(set: &ResourceRecordSet) -> Option<Self> {
        let is_simple = set.set_identifier().is_none() && set.alias_target().is_none();
        is_simple.then(|| Self {
            name: set.name().to_owned(),
            record_type: set.r#type().clone(),
            ttl: set.ttl().unwrap_or_default(),
            values: set.resource_records().iter().map(|record| record.value().to_owned()).collect(),
        })
    }

    pub(crate) fn is_named_like(&self, found: &ResourceRecordSet) -> bool {
        normalised(&self.name) == normalised(found.name()) && self.record_type == *found.r#type()
    }

    /// Whether a record set says the same, whatever its TTL and routing.
    pub(crate) fn says_the_same_as(&self, found: &ResourceRecordSet) -> bool {
        let comparable = |value: &str| match self.record_type {
            // These are names, which DNS compares without case and final dot; everything else counts to the letter.
            RrType::Cname | RrType::Mx | RrType::Ns => normalised(value),
            _ => value.to_owned(),
        };
        let mut wanted: Vec<_> = self.values.iter().map(|value| comparable(value)).collect();
        let mut there: Vec<_> = found.resource_records().iter().map(|record| comparable(record.value())).collect();
        wanted.sort_unstable();
        there.sort_unstable();
        self.is_named_like(found) && wanted == there
    }

    pub(crate) fn to_record_set(&self) -> Result<ResourceRecordSet, Error> {
        let values = self.values.iter().map(|value| ResourceRecord::builder().value(value).build());
        ResourceRecordSet::builder()
            .name(&self.name)
            .r#type(self.record_type.clone())
            .ttl(self.ttl)
            .set_resource_records(Some(values.collect::<Result<_, _>>().map_err(Error::Incomplete)?))
            .build()
            .map_err(Error::Incomplete)
    }
}
