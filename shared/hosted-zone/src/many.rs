//! The records of many hosts at once: calls grow with pages and batches, not with hosts.

use std::sync::Arc;

use aws_sdk_route53::{
    Client,
    types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType},
};
use function_runtime::AwsError;
use tracing::info;

use crate::{Error, Record, RecordType, name::normalised};

/// How many records Route 53 lists at once, at most.
const PAGE: i32 = 300;

/// How many changes are sent at once. Route 53 takes 1,000 records and 32,000 characters of values, and counts an upsert twice: 400 IPv6 addresses are
/// 31,200 characters.
const BATCH: usize = 400;

/// How many refusals are followed up at once. Finding one group among hundreds takes ten; when nearly all are refused it is not about one of them.
const REFUSALS: usize = 24;

/// The records of a zone of this account.
///
/// Unlike [`HostedZone`](crate::HostedZone) it reads nothing of the zone itself: the caller knows what it holds.
#[derive(Debug, Clone)]
pub struct ZoneRecords {
    client: Client,
    zone: String,
}

/// A record set as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name, normalised.
    pub name: String,
    /// Its type.
    pub record_type: RecordType,
    /// Exactly what stands; `None` for an alias and for a record that is routed by weight and the like.
    pub simple: Option<Record>,
}

/// A change to a simple record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordChange {
    /// It stands, whatever stood under its name and type before.
    Upsert(Record),
    /// It is gone; refused unless it stands exactly so.
    Delete(Record),
}

/// Changes that are made together or not at all.
pub type Together = Vec<RecordChange>;

impl ZoneRecords {
    /// Of the zone with this id.
    #[must_use]
    pub fn new(client: Client, zone: &str) -> Self {
        Self { client, zone: zone.to_owned() }
    }

    /// The record sets whose names are `<prefix>...` directly below `domain`.
    ///
    /// # Errors
    /// When Route 53 refuses any page: part of a list is no list.
    pub async fn labelled(&self, prefix: &str, domain: &str) -> Result<Vec<Standing>, Error> {
        // Route 53 sorts by the labels from the right, so that these names stand together, with those below them.
        let start = format!("{prefix}.{domain}.");
        let failed = |source| Error::ListRecords { name: start.clone(), zone: self.zone.clone(), source };
        let mut found = Vec::new();
        let (mut name, mut record_type) = (start.clone(), None::<RrType>);
        loop {
            let page = self
                .client
                .list_resource_record_sets()
                .hosted_zone_id(&self.zone)
                .start_record_name(&name)
                .set_start_record_type(record_type)
                .max_items(PAGE)
                .send()
                .await
                .map_err(|error| failed(AwsError::from(error)))?;
            for set in page.resource_record_sets() {
                match labels_below(set.name(), domain) {
                    Some(labels) if labels.rsplit('.').next().is_some_and(|label| label.starts_with(prefix)) => {
                        if !labels.contains('.') {
                            found.push(Standing::of(set));
                        }
                    }
                    _ => return Ok(found),
                }
            }
            match page.next_record_name() {
                Some(next) if page.is_truncated() => {
                    (name, record_type) = (next.to_owned(), page.next_record_type().cloned());
                }
                _ => return Ok(found),
            }
        }
    }

    /// Makes the changes, as many as fit in one call, and says of each group whether it was made. What Route 53 refuses is tried again in
    /// halves, within bounds, so that a group that cannot be made stops no other.
    pub async fn change_many(&self, groups: &[Together]) -> Vec<Result<(), Arc<Error>>> {
        let mut results = Vec::with_capacity(groups.len());
        // A stack, so that the first part is done first.
        let mut parts = batches(groups);
        parts.reverse();
        let mut refusals = 0;
        while let Some(part) = parts.pop() {
            match self.change_all(part).await {
                Ok(()) => results.extend(part.iter().map(|_| Ok(()))),
                Err(error) if part.len() > 1 && is_refused(&error) && refusals < REFUSALS => {
                    refusals += 1;
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(error) => {
                    let error = Arc::new(error);
                    results.extend(part.iter().map(|_| Err(Arc::clone(&error))));
                }
            }
        }
        results
    }

    async fn change_all(&self, groups: &[Together]) -> Result<(), Error> {
        let failed = |source| Error::ChangeRecords { zone: self.zone.clone(), source };
        let changes: Vec<_> = groups.iter().flatten().map(RecordChange::to_change).collect::<Result<_, _>>()?;
        if changes.is_empty() {
            return Ok(());
        }
        let count = changes.len();
        let batch = ChangeBatch::builder().set_changes(Some(changes)).build().map_err(Error::Incomplete)?;
        self.client
            .change_resource_record_sets()
            .hosted_zone_id(&self.zone)
            .change_batch(batch)
            .send()
            .await
            .map_err(|error| failed(AwsError::from(error)))?;
        info!(zone = self.zone, changes = count, "records changed");
        Ok(())
    }
}

impl Standing {
    fn of(set: &ResourceRecordSet) -> Self {
        Self { name: normalised(set.name()), record_type: set.r#type().clone(), simple: Record::simple(set) }
    }
}

impl RecordChange {
    fn to_change(&self) -> Result<Change, Error> {
        let (action, record) = match self {
            RecordChange::Upsert(record) => (ChangeAction::Upsert, record),
            RecordChange::Delete(record) => (ChangeAction::Delete, record),
        };
        Change::builder().action(action).resource_record_set(record.to_record_set()?).build().map_err(Error::Incomplete)
    }
}

/// Whole groups, as many together as a call takes.
fn batches(groups: &[Together]) -> Vec<&[Together]> {
    let mut batches = Vec::new();
    let (mut start, mut changes) = (0, 0);
    for (index, group) in groups.iter().enumerate() {
        if changes + group.len() > BATCH && index > start {
            batches.push(&groups[start..index]);
            (start, changes) = (index, 0);
        }
        changes += group.len();
    }
    if start < groups.len() {
        batches.push(&groups[start..]);
    }
    batches
}

/// Whether Route 53 refused what the batch says, rather than to work at all.
fn is_refused(error: &Error) -> bool {
    match error {
        Error::ChangeRecords { source, .. } => source.is("InvalidChangeBatch") || source.is("InvalidInput"),
        Error::Incomplete(_) => true,
        _ => false,
    }
}

/// The labels before `domain` in a name below it.
fn labels_below(name: &str, domain: &str) -> Option<String> {
    normalised(name).strip_suffix(&normalised(domain))?.strip_suffix('.').map(str::to_owned)
}

#[cfg(test)]
mod tests;
