//! The stacks that a deployment needs before it can begin: the bucket of templates, functions and of what runs on the servers, and the repositories of
//! images.

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
    let outputs =
        stack_before(aws, root, "sources-bucket", name, "the stack with the bucket of sources", console).await?;
    match outputs.get("BucketName") {
        Some(bucket) => Ok(Bucket { client: aws.s3(), name: bucket.clone(), region: aws.region.clone() }),
        None => bail!("the stack {name} has no output BucketName; it is not one of templates/sources-bucket.yaml"),
    }
}

/// Makes a stack of the template `templates/TEMPLATE.yaml`, or brings it up to date; `what` it is to people. Gives its outputs.
pub(crate) async fn stack_before(
    aws: &Aws,
    root: &Path,
    template: &str,
    name: &str,
    what: &str,
    console: &Console,
) -> anyhow::Result<BTreeMap<String, String>> {
    let path = root.join(format!("templates/{template}.yaml"));
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
        console.step(&format!("{} {name}, {what}", if change_set.creates { "making" } else { "updating" }));
        let mark = change_set::execute(&client, &change_set).await?;
        let ended = follow::follow(aws, &mark, name, Some(change_set.changes.len()), console).await?;
        if !ended.followed.succeeded() {
            follow::explain(&ended, name, console);
            bail!("{what} is needed first");
        }
    }
    Ok(stack::describe(&client, name).await?.map(|stack| stack.outputs).unwrap_or_default())
}
