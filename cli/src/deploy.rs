//! `bbb deploy`.

mod artifacts;
mod changes;
mod ending;
pub(crate) mod parameters;
mod questions;
mod sources;

pub(crate) use sources::stack_before;

use anyhow::Context as _;
use aws_sdk_cloudformation::types::StackStatus;
use clap::Args;
use deployment::change_set::{self, ChangeSet, ChangeSetError, Location, Prepared, Target};
use deployment::package::{self, Bucket};
use deployment::stack::{self, Stack};
use serde_json::json;

use crate::aws::{self, Aws};
use crate::console::Console;
use crate::exit::{FAILURE, REFUSED, SUCCESS, refused};
use crate::follow::{self, Ended};
use crate::global::{Format, Global};
use crate::images::{self, WhereTo};
use crate::preflight::{self, Finding, Found, Given, pair};
use crate::stdout;
use crate::{destroy, prompt, workspace};

/// The arguments of `bbb deploy`.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  \
        bbb deploy                                      ask for what is needed\n  \
        bbb deploy --parameters meet.json --yes         ask nothing\n  \
        bbb deploy --stack-name exam --parameter BBBDomainName=exam.example.org --parameter BBBHostedZone=Z0123456789ABC\n  \
        bbb deploy --copy-images                        take the containers' images from this account instead of from Docker Hub\n  \
        bbb deploy --dry-run                            show what would change, and change nothing\n\n\
    A file of parameters is {{\"Parameters\": {{\"Name\": \"value\"}}}}, the same without \"Parameters\", or the list that the AWS CLI takes.\n\
    What is not given keeps its value, or has the template's default: docs/parameters.md.\n\n\
    When it is interrupted, CloudFormation goes on. The same command follows what goes on, and then does what is left.\n\n{}",
    crate::exit::EXPLAINED
))]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) stack: crate::stack_name::StackName,

    #[command(flatten)]
    given: Given,

    /// A tag for everything that can have one; may be given several times
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = pair)]
    tags: Vec<(String, String)>,

    /// Do not ask whether to make the changes
    #[arg(long)]
    yes: bool,

    /// Delete what is left of a first deployment that failed, without asking
    #[arg(long)]
    replace_failed: bool,

    /// Show what would change, and change nothing but the bucket of sources
    #[arg(long, conflicts_with_all = ["yes", "replace_failed"])]
    dry_run: bool,

    /// Copy the containers' images into repositories of this account first, and deploy with the copies
    #[arg(long, conflicts_with = "dry_run")]
    copy_images: bool,

    #[command(flatten)]
    images: WhereTo,

    /// Take the functions as they lie in target/lambda, instead of building them
    #[arg(long)]
    skip_build: bool,
}

/// Deploys.
pub(crate) async fn run(arguments: Arguments, global: &Global, console: &Console) -> anyhow::Result<u8> {
    let root = workspace::root()?;
    let templates = parameters::Templates::read(&root)?;
    let mut given = arguments.given.values(&templates, console)?;

    let aws = aws::connect(global).await?;
    let name = arguments.stack.stack_name.as_str();
    console.step(&format!("deploying {name} in {}", aws.place()));
    let cloudformation = aws.cloudformation();
    let mut existing = stack::describe(&cloudformation, name).await?;
    if let Some(ended) = follow::resume(&aws, existing.as_ref(), console).await? {
        if !ended.followed.succeeded() {
            return Ok(failure(&ended, name, global, console));
        }
        existing = stack::describe(&cloudformation, name).await?;
    }
    console.if_interrupted(Some(format!("Nothing was changed in {name}. The same command begins again.")));
    let keeps = existing.as_ref().filter(|stack| keeps_parameters(&stack.status));
    let kept = keeps.map(|stack| stack.parameters.clone()).unwrap_or_default();
    questions::answer(&templates, &kept, &mut given).await?;
    templates.check(&kept, &given, &aws.region)?;
    let found = preflight::findings(&aws, &templates, &kept, &given).await;
    preflight::say(&found.findings, console);
    if found.findings.iter().any(Finding::refuses) {
        return Err(refused("what was found above has to be put right first"));
    }
    make_roles(&aws, &found, &arguments, console).await?;
    let replace_failed = may_replace(existing.as_ref(), &arguments).await?;

    if arguments.copy_images {
        let value = |name: &str| templates.value(name, &kept, &given);
        let copies = images::copy(&aws, &root, &value, &arguments.images, console).await?;
        given.extend(copies);
    }
    artifacts::build(&root, arguments.skip_build, console).await?;
    let bundle = artifacts::bundle(&root).await?;
    given.entry("BBBInstanceBundle".to_owned()).or_insert_with(|| bundle.sha256.clone());
    let sources_stack = templates.value("BBBStackBucketStack", &kept, &given);
    let bucket = sources::bucket(&aws, &root, &sources_stack, console).await?;
    let packaged = package(&root, &bucket, &bundle, console).await?;
    let tags = arguments.tags.iter().cloned().collect();
    let target = Target {
        stack: name,
        template: &packaged.template,
        location: Location::Url(&packaged.url),
        parameters: &given,
        tags: &tags,
        replace_failed,
    };
    if let Some(remains) = existing.as_ref().filter(|_| replace_failed) {
        destroy::say_what_is_left(&aws, remains, console).await?;
    }
    console.step("asking CloudFormation what has to change");
    console.if_interrupted(Some(if replace_failed {
        format!("CloudFormation may go on deleting what was left of {name}. The same command goes on from there.")
    } else {
        format!("Nothing was changed in {name}; a change set that was not executed may be left.")
    }));
    let prepared = change_set::prepare(&cloudformation, &target).await.map_err(explained)?;
    let change_set = match prepared {
        Prepared::NoChanges => {
            console.done("nothing has to change");
            return ending::success(&aws, name, None, global, console).await;
        }
        Prepared::Ready(change_set) => change_set,
    };
    changes::show(&change_set, console);
    if !confirmed(&aws, &change_set, &arguments).await? {
        console.done("nothing was changed");
        if arguments.dry_run && global.output == Format::Json {
            stdout::say_line(json!({"stack": name, "changes": changes::as_json(&change_set.changes)}));
        }
        return Ok(if arguments.dry_run { SUCCESS } else { REFUSED });
    }
    let mark = change_set::execute(&cloudformation, &change_set).await?;
    let ended = follow::follow(&aws, &mark, name, changes::total(&change_set.changes), console).await?;
    if !ended.followed.succeeded() {
        return Ok(failure(&ended, name, global, console));
    }
    ending::success(&aws, name, Some(&change_set), global, console).await
}

/// Makes the services' roles that are not there, if that is agreed to. Without them a deployment may succeed all the same.
async fn make_roles(aws: &Aws, found: &Found, arguments: &Arguments, console: &Console) -> anyhow::Result<()> {
    let may_make = found.lacks_roles()
        && !arguments.dry_run
        && (arguments.yes
            || (prompt::is_possible() && prompt::agrees("Make the roles that services of AWS lack?").await?));
    if may_make {
        match found.make_roles(aws).await {
            Ok(()) => console.done("the services of AWS have their roles"),
            Err(why) => console.warn(&why),
        }
    }
    Ok(())
}

/// Whether a stack of this status has parameters that an update keeps.
fn keeps_parameters(status: &StackStatus) -> bool {
    !matches!(
        status,
        StackStatus::ReviewInProgress
            | StackStatus::DeleteComplete
            | StackStatus::RollbackComplete
            | StackStatus::RollbackFailed
            | StackStatus::CreateFailed
    )
}

/// Whether the remains of a failed creation, if that is what is there, may be deleted.
async fn may_replace(existing: Option<&Stack>, arguments: &Arguments) -> anyhow::Result<bool> {
    let Some(stack) = existing else { return Ok(false) };
    let has_failed =
        matches!(stack.status, StackStatus::RollbackComplete | StackStatus::RollbackFailed | StackStatus::CreateFailed);
    if !has_failed || arguments.replace_failed {
        return Ok(has_failed);
    }
    let what = format!(
        "{} is what is left of a first deployment that failed ({}); CloudFormation can only delete it",
        stack.name,
        stack.status.as_str()
    );
    if !arguments.dry_run
        && prompt::is_possible()
        && prompt::agrees(&format!("{what}. Delete it, and deploy anew?")).await?
    {
        return Ok(true);
    }
    Err(refused(format!("{what}. Run bbb deploy with --replace-failed, which does that first")))
}

async fn package(
    root: &std::path::Path,
    bucket: &Bucket,
    bundle: &artifacts::Bundle,
    console: &Console,
) -> anyhow::Result<package::Packaged> {
    console.step(&format!("packaging into s3://{}", bucket.name));
    let uploaded = package::upload(bucket, &bundle.file, &bundle.key()).await?;
    let packaged = package::package(&root.join("template.yaml"), bucket).await?;
    let all = packaged.artifacts.iter().chain([&uploaded]);
    let new: Vec<_> = all.clone().filter(|artifact| artifact.uploaded).collect();
    let bytes: usize = new.iter().map(|artifact| artifact.bytes).sum();
    console.done(&format!("{} of {} files uploaded, {} kB", new.len(), all.count(), bytes.div_ceil(1000)));
    Ok(packaged)
}

/// Whether the change set is to be executed; if not, it is taken back.
async fn confirmed(aws: &Aws, change_set: &ChangeSet, arguments: &Arguments) -> anyhow::Result<bool> {
    if arguments.yes {
        return Ok(true);
    }
    let can_ask = !arguments.dry_run && prompt::is_possible();
    let agreed = can_ask && prompt::agrees("Make these changes?").await?;
    if !agreed {
        change_set::discard(&aws.cloudformation(), change_set).await.context("cannot take back the change set")?;
        if !arguments.dry_run && !can_ask {
            return Err(refused("there is nobody to ask whether to make these changes: run it with --yes"));
        }
    }
    Ok(agreed)
}

/// A state of the stack that nothing can be changed from is a refusal with the way out of it.
fn explained(error: ChangeSetError) -> anyhow::Error {
    let ChangeSetError::Stuck { stack, status, .. } = &error else { return error.into() };
    let way_out = match status {
        StackStatus::UpdateRollbackFailed => format!(
            "an update failed, and taking it back failed too. Put right what kept it from being taken back (bbb status --stack-name {stack} shows it), then \
             run: aws cloudformation continue-update-rollback --stack-name {stack}"
        ),
        StackStatus::DeleteFailed => {
            format!("deleting it failed half-way. Finish that: bbb destroy --stack-name {stack}")
        }
        _ => "see its events in the CloudFormation console".to_owned(),
    };
    refused(format!("{error}: {way_out}"))
}

/// Says why it failed and what to do.
fn failure(ended: &Ended, name: &str, global: &Global, console: &Console) -> u8 {
    follow::explain(ended, name, console);
    if global.output == Format::Json {
        let cause = ended.followed.deepest_cause();
        stdout::say_line(json!({
            "stack": name,
            "status": ended.followed.status,
            "cause": cause.as_ref().map(|cause| json!({
                "stack": cause.stack, "resource": cause.logical_id, "type": cause.resource_type,
                "status": cause.status, "reason": cause.reason, "remedy": follow::remedy(cause),
            })),
        }));
    }
    FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_out_of_a_failed_roll_back_is_said() {
        let stuck = |status| ChangeSetError::Stuck { stack: "bbb".to_owned(), status, reason: Some("why".to_owned()) };
        let said = explained(stuck(StackStatus::UpdateRollbackFailed)).to_string();
        assert!(said.contains("why") && said.contains("continue-update-rollback --stack-name bbb"), "{said}");
        assert!(explained(stuck(StackStatus::DeleteFailed)).to_string().contains("bbb destroy --stack-name bbb"));
        assert_eq!(crate::exit::code(&explained(stuck(StackStatus::DeleteFailed))), crate::exit::REFUSED);
    }
}
