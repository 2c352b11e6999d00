//! The stack with the bucket of templates, functions and of what runs on the servers.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use deployment::change_set::{self, Location, Prepared, Target};
use deployment::package::Bucket;
use deployment::stack;
use stack_template::template::Template;

use crate::aws::Aws;
use crate::console::Console;
use crate::follow;

/// The bucket's stack is made, or brought up to date; then its bucket is given.
pub(super) async fn bucket(aws: &Aws, root: &Path, name: &str, console: &Console) -> anyhow::Result<Bucket> {
    let path = root.join("templates/sources-bucket.yaml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let template = Template::parse(&path, &text)?;
    let body = template.body.to_string();
    let client = aws.cloudformation();
    if let Some(ended) = follow::resume(aws, stack::describe(&client, name).await?.as_ref(), console).await? {
        console.step(&format!("{name} is in {} now", ended.followed.status));
    }
    let target = Target {
        stack: name,
        template: &template.body,
        location: Location::Body(&body),
        parameters: &BTreeMap::new(),
        tags: &BTreeMap::new(),
        // It failed before it held anything.
        replace_failed: true,
    };
    if let Prepared::Ready(change_set) = change_set::prepare(&client, &target).await? {
        console.step(&format!(
            "{} {name}, the stack with the bucket of sources",
            if change_set.creates { "making" } else { "updating" }
        ));
        let mark = change_set::execute(&client, &change_set).await?;
        let ended = follow::follow(aws, &mark, name, Some(change_set.changes.len()), console).await?;
        if !ended.followed.succeeded() {
            follow::explain(&ended, name, console);
            bail!("without the bucket of sources nothing can be deployed");
        }
    }
    let outputs = stack::describe(&client, name).await?.map(|stack| stack.outputs).unwrap_or_default();
    match outputs.get("BucketName") {
        Some(bucket) => Ok(Bucket { client: aws.s3(), name: bucket.clone(), region: aws.region.clone() }),
        None => bail!("the stack {name} has no output BucketName; it is not one of templates/sources-bucket.yaml"),
    }
}
