//! What a deployment leaves, because the templates say so.
//!
//! `CloudFormation` itself is asked, which knows the events of a stack for 90 days after its deletion: what is told of here is provably what the
//! deployment made, however often its deletion was interrupted.

use std::collections::BTreeSet;

use deployment::events::Event;
use deployment::stack::Stack;
use serde::Serialize;

use crate::style::Style;

/// The nested stack with the bucket of access logs.
const ACCESS_LOGS: &str = "AccessLogs";

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
    /// The nested stack that left it.
    pub(super) stack: String,
    /// Whether it is the bucket of access logs.
    #[serde(skip)]
    access_logs: bool,
}

/// The types that the templates have a last snapshot made of.
const SNAPSHOTS: [&str; 3] = ["AWS::RDS::DBCluster", "AWS::ElastiCache::ReplicationGroup", "AWS::EC2::Volume"];

impl Kept {
    pub(super) fn is_access_logs(&self) -> bool {
        self.access_logs
    }

    /// What lists its snapshots, or deletes it.
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
            "AWS::EC2::Volume" => format!("aws ec2 describe-snapshots{options} --filters Name=volume-id,Values={id}"),
            _ => return None,
        })
    }

    /// The parameter of the root template that takes it over.
    fn parameter(&self) -> Option<String> {
        Some(match self.resource_type.as_str() {
            "AWS::EFS::FileSystem" => format!("BBBExistingFileSystem={}", self.id),
            "AWS::RDS::DBCluster" => "BBBDBSnapshotIdentifier=SNAPSHOT".to_owned(),
            "AWS::ElastiCache::ReplicationGroup" => "BBBCacheSnapshotName=SNAPSHOT".to_owned(),
            _ => return None,
        })
    }
}

/// What the history of a deployment says was kept: by its deletion, and by updates before.
pub(super) fn of(deployment: &Stack, history: &[Event]) -> Vec<Kept> {
    let is_deletion =
        |event: &&Event| event.depth == 0 && event.is_about_its_stack() && event.status == "DELETE_IN_PROGRESS";
    // What goes earlier, in a roll-back for one, goes without a snapshot.
    let began = history.iter().filter(is_deletion).map(|event| event.time).min();
    // Nobody but CloudFormation names nested stacks, and it names them so.
    let access_logs = format!("{}-{ACCESS_LOGS}-", deployment.name);
    let kept: BTreeSet<Kept> = history
        .iter()
        .filter_map(|event| {
            let as_snapshot = event.status == "DELETE_COMPLETE"
                && SNAPSHOTS.contains(&event.resource_type.as_str())
                && began.is_some_and(|began| event.time >= began);
            let is_kept = as_snapshot || event.status == "DELETE_SKIPPED";
            let id = event.physical_id.clone().filter(|_| is_kept)?;
            let access_logs = event.resource_type == "AWS::S3::Bucket" && event.stack.starts_with(&access_logs);
            let (resource_type, stack) = (event.resource_type.clone(), event.stack.clone());
            Some(Kept { resource_type, id, as_snapshot, stack, access_logs })
        })
        .collect();
    kept.into_iter().collect()
}

/// What is kept, for people, and how to go on with it.
pub(super) fn text(kept: &[Kept], name: &str, options: &str, style: Style) -> String {
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
    let parameters: Vec<String> = kept.iter().filter_map(Kept::parameter).collect();
    if !parameters.is_empty() {
        let parameters: String = parameters.iter().map(|parameter| format!(" --parameter {parameter}")).collect();
        text.push_str(&format!("{}\n", style.strong("To deploy with it again")));
        text.push_str(&format!("  bbb deploy{options} --stack-name {name}{parameters}\n"));
        if parameters.contains("=SNAPSHOT") {
            text.push_str("  where SNAPSHOT is what the commands above name\n");
        }
        text.push_str("  and all other parameters as they were; on a terminal those without a default are asked for\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_sdk_cloudformation::types::StackStatus;

    use super::*;
    use crate::style;

    fn deployment() -> Stack {
        Stack {
            id: "arn:bbb".to_owned(),
            name: "bbb".to_owned(),
            status: StackStatus::DeleteComplete,
            reason: None,
            parameters: [].into(),
            outputs: [].into(),
        }
    }

    fn event(second: u64, stack: &str, resource_type: &str, id: &str, status: &str) -> Event {
        Event {
            id: second.to_string(),
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
            stack: stack.to_owned(),
            stack_id: format!("arn:{stack}"),
            depth: usize::from(stack != "bbb"),
            logical_id: "Resource".to_owned(),
            physical_id: Some(id.to_owned()),
            resource_type: resource_type.to_owned(),
            status: status.to_owned(),
            reason: None,
        }
    }

    fn history() -> Vec<Event> {
        vec![
            event(1, "bbb-Database-1", "AWS::RDS::DBCluster", "never-whole", "DELETE_COMPLETE"),
            event(5, "bbb", "AWS::CloudFormation::Stack", "arn:bbb", "DELETE_IN_PROGRESS"),
            event(6, "bbb-Storage-1", "AWS::EFS::FileSystem", "fs-1", "DELETE_SKIPPED"),
            event(7, "bbb", "AWS::CloudFormation::Stack", "arn:bbb", "DELETE_FAILED"),
            event(8, "bbb", "AWS::CloudFormation::Stack", "arn:bbb", "DELETE_IN_PROGRESS"),
            event(9, "bbb-Database-1", "AWS::RDS::DBCluster", "db", "DELETE_COMPLETE"),
            event(9, "bbb-Roles-1", "AWS::IAM::Role", "role", "DELETE_COMPLETE"),
            event(9, "bbb-AccessLogs-1", "AWS::S3::Bucket", "logs", "DELETE_SKIPPED"),
            event(9, "bbb-Recordings-1", "AWS::S3::Bucket", "recordings", "DELETE_SKIPPED"),
        ]
    }

    #[test]
    fn what_an_earlier_try_kept_is_kept() {
        let kept = of(&deployment(), &history());
        let ids: Vec<&str> = kept.iter().map(|kept| kept.id.as_str()).collect();
        assert_eq!(ids, ["fs-1", "db", "logs", "recordings"]);
        let logs: Vec<&str> = kept.iter().filter(|kept| kept.is_access_logs()).map(|kept| kept.id.as_str()).collect();
        assert_eq!(logs, ["logs"]);
    }

    #[test]
    fn it_is_said_how_to_delete_it_and_how_to_use_it_again() {
        let text = text(&of(&deployment(), &history()), "bbb", " --region r", style::plain());
        for line in [
            "  AWS::EFS::FileSystem fs-1\n    aws efs delete-file-system --region r --file-system-id fs-1\n",
            "a last snapshot of AWS::RDS::DBCluster db\n",
            "  bbb deploy --region r --stack-name bbb --parameter BBBExistingFileSystem=fs-1 --parameter BBBDBSnapshotIdentifier=SNAPSHOT\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
