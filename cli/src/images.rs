//! `bbb images`: copies of the containers' images in the account's own registry.

mod login;
mod plan;
mod show;

use std::path::Path;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use deployment::images::{Copied, Copier, Fault, ImageError, Platforms};
use deployment::stack;
use futures_util::future::join_all;
use serde_json::json;

use crate::aws::{self, Aws};
use crate::console::Console;
use crate::deploy::parameters::{Templates, Values};
use crate::deploy::stack_before;
use crate::exit::{SUCCESS, refused};
use crate::global::{Format, Global};
use crate::preflight::Given;
use crate::stack_name::StackName;
use crate::stdout;
use crate::words::words;
use crate::workspace;

pub(crate) use plan::IMAGES;

use plan::Planned;

/// What the repositories' stack is to people.
const WHAT: &str = "the stack with the repositories of images";

/// The repositories' stack, if nobody names another.
pub(crate) const REGISTRY_STACK: &str = "bbb-registry";

/// The arguments of `bbb images`.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  \
        bbb images copy                                 copy what a deployment uses, and say which parameters name the copies\n  \
        bbb deploy --copy-images                        copy, and deploy with the copies\n  \
        bbb images copy --dry-run                       show what would be copied to where\n  \
        bbb images copy --platform all --parameter BBBgreenlightImage=ghcr.io/me/greenlight:v3\n\n\
    A tag is never given to another image: to copy one that was published anew under the same tag, name it by its digest (NAME@sha256:...).\n\
    To be more to Docker Hub than an unknown guest with few pulls an hour, sign in with docker login; the file that it writes is read.\n\n{}",
    crate::exit::EXPLAINED
))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Copy the images of a deployment into repositories of this account; run again, it goes on where it was interrupted
    Copy(CopyArguments),
}

#[derive(Debug, Args)]
struct CopyArguments {
    #[command(flatten)]
    stack: StackName,

    #[command(flatten)]
    given: Given,

    #[command(flatten)]
    where_to: WhereTo,

    /// Show what would be copied to where, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Where images are copied to, and what of them.
#[derive(Debug, Clone, Args)]
pub(crate) struct WhereTo {
    /// The stack with the repositories, made if it is not there
    #[arg(long, value_name = "NAME", default_value = REGISTRY_STACK)]
    registry_stack: String,

    /// The platform to copy, or all that an image has. The deployment runs linux/amd64
    #[arg(long, value_name = "OS/ARCHITECTURE", default_value = "linux/amd64")]
    platform: Platforms,
}

/// Does it.
pub(crate) async fn run(arguments: Arguments, global: &Global, console: &Console) -> anyhow::Result<u8> {
    let Verb::Copy(arguments) = arguments.verb;
    let root = workspace::root()?;
    let templates = Templates::read(&root)?;
    let given = arguments.given.values(&templates, console)?;
    let aws = aws::connect(global).await?;
    let existing = stack::describe(&aws.cloudformation(), &arguments.stack.stack_name).await?;
    let kept = existing.map(|stack| stack.parameters).unwrap_or_default();
    let value = |name: &str| templates.value(name, &kept, &given);
    if arguments.dry_run {
        let stack = stack::describe(&aws.cloudformation(), &arguments.where_to.registry_stack).await?;
        let planned = plan::plan(&value, &stack.map(|stack| stack.outputs).unwrap_or_default())?;
        planned.iter().for_each(|one| console.step(&one.to_string()));
        say(&planned, &[], global.output);
        return Ok(SUCCESS);
    }
    let (planned, copied) = bring(&aws, &root, &value, &arguments.where_to, console).await?;
    say(&planned, &copied, global.output);
    Ok(SUCCESS)
}

/// Copies the images that `value` names, and gives the parameters that name the copies.
pub(crate) async fn copy(
    aws: &Aws,
    root: &Path,
    value: &dyn Fn(&str) -> String,
    where_to: &WhereTo,
    console: &Console,
) -> anyhow::Result<Values> {
    let (planned, _) = bring(aws, root, value, where_to, console).await?;
    Ok(planned.iter().map(Planned::parameter).collect())
}

async fn bring(
    aws: &Aws,
    root: &Path,
    value: &dyn Fn(&str) -> String,
    where_to: &WhereTo,
    console: &Console,
) -> anyhow::Result<(Vec<Planned>, Vec<Copied>)> {
    let name = &where_to.registry_stack;
    let outputs = stack_before(aws, root, "registry", name, WHAT, console).await?;
    let planned = plan::plan(value, &outputs)?;
    if planned.is_empty() {
        console.done("every image is in the account's own repositories already");
        return Ok((planned, Vec::new()));
    }
    let copies: Vec<_> = planned.iter().map(|one| one.copy.clone()).collect();
    let mut logins = vec![login::of_ecr(aws, &copies).await?];
    logins.extend(login::of_docker(&copies, console));
    console.step(&format!("copying {} images", copies.len()));
    let copier = Copier::new(logins, where_to.platform.clone())?;
    console.if_interrupted(Some(
        "No image is half there: a copy gets its name when it is whole. The same command copies what is missing."
            .to_owned(),
    ));
    let outcomes =
        show::showing(&copier.progress(), console, join_all(copies.iter().map(|copy| copier.copy(copy)))).await;
    console.if_interrupted(None);
    let mut done = Vec::new();
    let mut failures = Vec::new();
    for (one, outcome) in planned.iter().zip(outcomes) {
        match outcome {
            Ok(copied) => {
                let how = if copied.was_there { "was there" } else { "is there, whole and verified" };
                console.done(&format!("{} {how} ({})", one.copy.to, copied.digest));
                done.push(copied);
            }
            Err(error) => failures.push(error),
        }
    }
    if failures.is_empty() {
        return Ok((planned, done));
    }
    let last = failures.pop().map(explained);
    failures.into_iter().map(explained).for_each(|error| console.error(&words(&error)));
    Err(last.unwrap_or_else(|| anyhow!("no image was copied")))
}

/// An error with what to do, if that is known.
fn explained(error: ImageError) -> anyhow::Error {
    match &error {
        ImageError::Taken { image, .. } => refused(format!(
            "{error}. A tag is never given to another image. Name the new one by its digest, as NAME@sha256:..., with the parameter that has {image}"
        )),
        ImageError::Platform { .. } => refused(format!("{error}: see --platform, but servers and tasks are linux/amd64")),
        ImageError::Registry { fault: Fault::TooMany { .. }, .. } | ImageError::Layer { fault: Fault::TooMany { .. }, .. } => {
            anyhow::Error::new(error).context(
                "the registry's limit is used up: sign in (docker login), which gives more, or wait; Docker Hub counts pulls by six hours. \
                 What was copied stays, and the same command goes on",
            )
        }
        _ => anyhow::Error::new(error),
    }
}

fn say(planned: &[Planned], copied: &[Copied], format: Format) {
    if format == Format::Json {
        let images: Vec<_> = planned
            .iter()
            .enumerate()
            .map(|(number, one)| {
                let copied = copied.get(number);
                json!({
                    "parameter": one.name,
                    "from": one.copy.from.to_string(),
                    "to": one.copy.to.to_string(),
                    "digest": copied.map(|copied| &copied.digest),
                    "wasThere": copied.map(|copied| copied.was_there),
                })
            })
            .collect();
        let parameters: Values = planned.iter().map(Planned::parameter).collect();
        stdout::say_line(json!({"Parameters": parameters, "images": images}));
        return;
    }
    for (name, value) in planned.iter().map(Planned::parameter) {
        stdout::say_line(format_args!("--parameter {name}={value}"));
    }
}
