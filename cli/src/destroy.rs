//! `bbb destroy`.

mod beside;
mod bucket;
mod kept;
mod meetings;

use anyhow::{Context as _, bail};
use aws_sdk_cloudformation::types::StackStatus;
use clap::Args;
use deployment::events::{self, Mark};
use deployment::stack::{self, Stack};
use serde_json::json;

use crate::aws::{self, Aws};
use crate::console::Console;
use crate::exit::{FAILURE, SUCCESS, refused};
use crate::follow;
use crate::global::{Format, Global};
use crate::images::REGISTRY_STACK;
use crate::prompt;
use crate::stack_name::StackName;
use crate::stdout;
use crate::style;
use crate::words::words;

use bucket::Deleted;
use kept::Kept;

/// The parameter that keeps load balancers and the database from being deleted.
const PROTECTION: &str = "BBBDeletionProtection";

/// The arguments of `bbb destroy`.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  \
        bbb destroy                                     ask for the stack's name before anything is deleted\n  \
        bbb destroy --stack-name exam --yes-delete exam\n  \
        bbb destroy --end-meetings                      also while meetings run: they end within minutes\n\n\
    Recordings (the file system), a last snapshot of the database and of the cache, and the bucket of access logs are always kept; what is kept is\n\
    listed at the end, with what deletes it and what deploys with it again. When it is interrupted, CloudFormation goes on; the same command follows\n\
    it. When the stack is gone, the same command shows what it left.\n\n{}",
    crate::exit::EXPLAINED
))]
pub(crate) struct Arguments {
    #[command(flatten)]
    stack: StackName,

    /// The stack's name once more, instead of typing it when asked
    #[arg(long, value_name = "NAME")]
    yes_delete: Option<String>,

    /// Also while meetings run, which are ended
    #[arg(long)]
    end_meetings: bool,

    /// Delete the access logs too, with their bucket; also when the stack is gone
    #[arg(long)]
    purge_access_logs: bool,

    /// Delete the stack with the bucket of sources too, if no other deployment uses it
    #[arg(long)]
    sources: bool,

    /// Delete the stack with the repositories of copied images too (bbb-registry, unless another is named), if no other deployment uses it
    #[arg(long, value_name = "STACK", num_args = 0..=1, require_equals = true, default_missing_value = REGISTRY_STACK)]
    images: Option<String>,
}

/// Deletes a deployment, or goes on with what is left of one that is gone.
pub(crate) async fn run(arguments: Arguments, global: &Global, console: &Console) -> anyhow::Result<u8> {
    let name = arguments.stack.stack_name.as_str();
    if arguments.yes_delete.as_deref().is_some_and(|given| given != name) {
        return Err(refused(format!("--yes-delete has to repeat the stack's name, {name}")));
    }
    let aws = aws::connect(global).await?;
    let client = aws.cloudformation();
    console.if_interrupted(Some("Nothing was deleted.".to_owned()));
    let existing = stack::describe(&client, name).await?;
    let is_new = existing.is_some();
    let deployment = match existing {
        Some(existing) => {
            if !delete(&aws, &existing, &arguments, global, console).await? {
                return Ok(FAILURE);
            }
            console.if_interrupted(Some(format!(
                "{name} is deleted. The same command shows what is kept, and goes on with what is left."
            )));
            Some(existing)
        }
        None => {
            console.done(&format!("there is no stack {name} in {}", aws.place()));
            let gone = stack::last_deleted(&client, name).await?;
            match gone {
                Some(id) => stack::describe(&client, &id).await?,
                None => None,
            }
        }
    };
    let mut kept = match &deployment {
        Some(stack) => kept::of(stack, &events::history(&client, &stack.id).await?),
        None => Vec::new(),
    };
    let cleared = clear(&aws, deployment.as_ref(), &mut kept, &arguments, console).await;
    let status = deployment.as_ref().map(|_| "DELETE_COMPLETE");
    match global.output {
        Format::Json => stdout::say_line(json!({"stack": name, "status": status, "kept": kept})),
        Format::Text => stdout::say(kept::text(&kept, name, &aws.options, style::on_stdout())),
    }
    match cleared {
        Ok(()) => Ok(SUCCESS),
        // What could have been a refusal is none any longer.
        Err(error) if is_new => bail!("{name} is deleted, but: {}", words(&error)),
        Err(error) => Err(error),
    }
}

/// Says what a stack left that is deleted to make room for another.
pub(crate) async fn say_what_is_left(aws: &Aws, stack: &Stack, console: &Console) -> anyhow::Result<()> {
    let kept = kept::of(stack, &events::history(&aws.cloudformation(), &stack.id).await?);
    if !kept.is_empty() {
        console.warn(&format!("what failed before has left something behind in {}", stack.name));
        console.line(kept::text(&kept, &stack.name, &aws.options, console.style).trim_end());
    }
    Ok(())
}

/// Deletes what is asked for beyond the deployment itself.
async fn clear(
    aws: &Aws,
    deployment: Option<&Stack>,
    kept: &mut Vec<Kept>,
    arguments: &Arguments,
    console: &Console,
) -> anyhow::Result<()> {
    if arguments.purge_access_logs {
        purge(aws, kept, console).await?;
    }
    if arguments.sources {
        beside::delete_sources(aws, &sources_stack(deployment), console).await?;
    }
    if let Some(name) = &arguments.images {
        beside::delete_images(aws, name, console).await?;
    }
    Ok(())
}

/// Deletes the stack, or follows its deletion; whether that succeeded. If not, why was said.
async fn delete(
    aws: &Aws,
    existing: &Stack,
    arguments: &Arguments,
    global: &Global,
    console: &Console,
) -> anyhow::Result<bool> {
    let client = aws.cloudformation();
    let name = existing.name.clone();
    let is_being_deleted = existing.status == StackStatus::DeleteInProgress;
    let resumed = follow::resume(aws, Some(existing), console).await?;
    let ended = match resumed {
        Some(ended) if is_being_deleted => ended,
        _ => {
            // It may have come to rest only now.
            let Some(existing) = stack::describe(&client, &name).await? else {
                bail!("the stack {name} is gone; somebody else deleted it");
            };
            console.if_interrupted(Some("Nothing was deleted.".to_owned()));
            ready(aws, &existing, arguments, console).await?;
            agreed(aws, &existing, arguments).await?;
            if arguments.end_meetings {
                meetings::hurry(aws, &existing, console).await?;
            }
            console.step(&format!("deleting {name} in {}", aws.place()));
            let mark: Option<Mark> = stack::delete(&client, &existing.id).await?;
            let mark = mark.with_context(|| format!("the stack {name} is gone; somebody else deleted it"))?;
            follow::follow(aws, &mark, &name, None, console).await?
        }
    };
    if ended.followed.status == "DELETE_COMPLETE" {
        console.whenever_interrupted(None);
        return Ok(true);
    }
    follow::explain(&ended, &name, console);
    console.line("  when that is put right, run the same command again: what is deleted already stays so");
    if global.output == Format::Json {
        let kept = kept::of(existing, &events::history(&client, &existing.id).await?);
        stdout::say_line(json!({"stack": name, "status": ended.followed.status, "kept": kept}));
    }
    Ok(false)
}

/// Refuses what would fail half-way, or would harm meetings.
async fn ready(aws: &Aws, stack: &Stack, arguments: &Arguments, console: &Console) -> anyhow::Result<()> {
    if stack.parameters.get(PROTECTION).is_some_and(|value| value == "true") {
        return Err(refused(format!(
            "{} is protected from deletion. Take the protection away first: bbb deploy --stack-name {} --parameter {PROTECTION}=false",
            stack.name, stack.name
        )));
    }
    if !arguments.end_meetings {
        meetings::none_run(aws, stack, console).await?;
    }
    Ok(())
}

/// Has the stack's name typed, unless it was given twice already.
async fn agreed(aws: &Aws, stack: &Stack, arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.yes_delete.is_some() {
        return Ok(());
    }
    if !prompt::is_possible() {
        return Err(refused(format!("there is nobody to ask: run it with --yes-delete {}", stack.name)));
    }
    let question = format!("This deletes {} in {}. Type its name to go on:", stack.name, aws.place());
    let typed = prompt::ask(&question).await?;
    if typed == stack.name { Ok(()) } else { Err(refused("that is not its name: nothing was deleted")) }
}

/// The stack with the bucket of sources that a deployment uses.
fn sources_stack(existing: Option<&Stack>) -> String {
    let used = existing.and_then(|stack| stack.parameters.get("BBBStackBucketStack"));
    used.map_or_else(|| "bbb-sources".to_owned(), Clone::clone)
}

/// Deletes the buckets of access logs that the deployment left, by what CloudFormation itself tells of its stacks.
async fn purge(aws: &Aws, kept: &mut Vec<Kept>, console: &Console) -> anyhow::Result<()> {
    let (buckets, rest) = std::mem::take(kept).into_iter().partition(Kept::is_access_logs);
    let mut buckets: Vec<Kept> = buckets;
    *kept = rest;
    while let Some(Kept { id, .. }) = buckets.first() {
        console.if_interrupted(Some(format!("The bucket {id} may be half empty. The same command goes on with it.")));
        console.step(&format!("deleting the bucket {id} with the access logs in it"));
        match bucket::delete(aws, id).await {
            Ok(Deleted::Now) => console.done(&format!("{id} is deleted")),
            Ok(Deleted::Before) => console.done(&format!("{id} was deleted before")),
            Err(error) => {
                // What could not be deleted is still there.
                kept.append(&mut buckets);
                return Err(error);
            }
        }
        buckets.remove(0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_sources_are_those_that_the_deployment_uses() {
        let stack = Stack {
            id: "arn".to_owned(),
            name: "bbb".to_owned(),
            status: StackStatus::CreateComplete,
            reason: None,
            parameters: BTreeMap::from([("BBBStackBucketStack".to_owned(), "mine".to_owned())]),
            outputs: BTreeMap::new(),
        };
        assert_eq!(sources_stack(Some(&stack)), "mine");
        assert_eq!(sources_stack(None), "bbb-sources");
    }
}
