//! What a deletion leaves, because the templates say so.

use std::collections::BTreeSet;

use deployment::events::Event;
use serde::Serialize;

use crate::style::Style;

/// Something that is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Kept {
    /// The resource's type.
    #[serde(rename = "type")]
    pub(super) resource_type: String,
    /// The resource's id; of a snapshot, the id of what it is of.
    pub(super) id: String,
    /// Whether only a last snapshot is kept.
    pub(super) as_snapshot: bool,
}

/// The types that the templates have a last snapshot made of.
const SNAPSHOTS: [&str; 2] = ["AWS::RDS::DBCluster", "AWS::ElastiCache::ReplicationGroup"];

impl Kept {
    pub(super) fn is_bucket(&self) -> bool {
        self.resource_type == "AWS::S3::Bucket"
    }

    /// What lists or deletes it.
    fn command(&self, options: &str) -> Option<String> {
        let id = &self.id;
        Some(match self.resource_type.as_str() {
            "AWS::EFS::FileSystem" => format!("aws efs delete-file-system{options} --file-system-id {id}"),
            "AWS::S3::Bucket" => format!("aws s3 rb{options} --force s3://{id}"),
            "AWS::RDS::DBCluster" => {
                format!("aws rds describe-db-cluster-snapshots{options} --db-cluster-identifier {id}")
            }
            "AWS::ElastiCache::ReplicationGroup" => {
                format!("aws elasticache describe-snapshots{options} --replication-group-id {id}")
            }
            _ => return None,
        })
    }
}

/// What the events of a deletion say was kept.
pub(super) fn of(events: &[Event]) -> Vec<Kept> {
    let kept: BTreeSet<Kept> = events
        .iter()
        .filter_map(|event| {
            let as_snapshot = event.status == "DELETE_COMPLETE" && SNAPSHOTS.contains(&event.resource_type.as_str());
            let is_kept = as_snapshot || event.status == "DELETE_SKIPPED";
            let id = event.physical_id.clone().filter(|_| is_kept)?;
            Some(Kept { resource_type: event.resource_type.clone(), id, as_snapshot })
        })
        .collect();
    kept.into_iter().collect()
}

/// What is kept, for people.
pub(super) fn text(kept: &[Kept], options: &str, style: Style) -> String {
    if kept.is_empty() {
        return "Nothing is kept.\n".to_owned();
    }
    let mut text = format!("{}\n", style.strong("What is kept, and costs money"));
    for thing in kept {
        let of = if thing.as_snapshot { "a last snapshot of " } else { "" };
        text.push_str(&format!("  {of}{} {}\n", thing.resource_type, thing.id));
        if let Some(command) = thing.command(options) {
            text.push_str(&format!("    {}\n", style.faint(&command)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::style;

    fn event(resource_type: &str, id: &str, status: &str) -> Event {
        Event {
            id: id.to_owned(),
            time: SystemTime::UNIX_EPOCH,
            stack: "bbb".to_owned(),
            stack_id: "arn".to_owned(),
            depth: 1,
            logical_id: "Resource".to_owned(),
            physical_id: Some(id.to_owned()),
            resource_type: resource_type.to_owned(),
            status: status.to_owned(),
            reason: None,
        }
    }

    #[test]
    fn what_was_skipped_or_made_a_snapshot_of_is_kept() {
        let kept = of(&[
            event("AWS::EFS::FileSystem", "fs-1", "DELETE_SKIPPED"),
            event("AWS::EFS::FileSystem", "fs-1", "DELETE_SKIPPED"),
            event("AWS::RDS::DBCluster", "db", "DELETE_COMPLETE"),
            event("AWS::IAM::Role", "role", "DELETE_COMPLETE"),
            event("AWS::S3::Bucket", "logs", "DELETE_SKIPPED"),
        ]);
        assert_eq!(kept.iter().map(|kept| kept.id.as_str()).collect::<Vec<_>>(), ["fs-1", "db", "logs"]);
        let text = text(&kept, " --region r", style::plain());
        assert!(text.contains(
            "  AWS::EFS::FileSystem fs-1\n    aws efs delete-file-system --region r --file-system-id fs-1\n"
        ));
        assert!(text.contains("a last snapshot of AWS::RDS::DBCluster db\n"), "{text}");
    }
}
