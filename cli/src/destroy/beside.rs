//! The stacks beside a deployment that others may use too: the bucket of sources, and the copies of images.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use deployment::stack::{self, Stack};

use super::bucket;
use crate::aws::Aws;
use crate::console::Console;
use crate::exit::refused;
use crate::follow;
use crate::images::IMAGES;

/// Deletes the stack with the bucket of sources, unless another deployment uses it.
pub(super) async fn delete_sources(aws: &Aws, name: &str, console: &Console) -> anyhow::Result<()> {
    let Some(stack) = found(aws, name, console).await? else { return Ok(()) };
    if let Some(user) = importer(aws, &format!("{name}-BBBStackBucket")).await? {
        return Err(refused(format!("{name} stays: the stack {user} uses it")));
    }
    if let Some(bucket) = stack.outputs.get("BucketName") {
        console
            .if_interrupted(Some(format!("The bucket {bucket} may be half empty. The same command goes on with it.")));
        console.step(&format!("emptying the bucket {bucket}"));
        bucket::empty(aws, bucket).await?;
    }
    delete(aws, &stack, console).await
}

/// Deletes the stack with the repositories, and the images in them, unless another deployment takes its images from there.
pub(super) async fn delete_images(aws: &Aws, name: &str, console: &Console) -> anyhow::Result<()> {
    let Some(stack) = found(aws, name, console).await? else { return Ok(()) };
    let repositories: Option<BTreeSet<&String>> = IMAGES.iter().map(|(_, output)| stack.outputs.get(*output)).collect();
    let Some(repositories) = repositories else {
        return Err(refused(format!("{name} stays: it is no stack of templates/registry.yaml")));
    };
    if let Some(user) = puller(aws, &repositories).await? {
        return Err(refused(format!("{name} stays: the stack {user} uses it")));
    }
    console.if_interrupted(Some(format!("The same command goes on with {name}.")));
    delete(aws, &stack, console).await
}

async fn found(aws: &Aws, name: &str, console: &Console) -> anyhow::Result<Option<Stack>> {
    let stack = stack::describe(&aws.cloudformation(), name).await?;
    if stack.is_none() {
        console.done(&format!("there is no stack {name}"));
    }
    Ok(stack)
}

async fn delete(aws: &Aws, stack: &Stack, console: &Console) -> anyhow::Result<()> {
    let name = &stack.name;
    console.step(&format!("deleting {name}"));
    let Some(mark) = stack::delete(&aws.cloudformation(), &stack.id).await? else { return Ok(()) };
    let ended = follow::follow(aws, &mark, name, None, console).await?;
    if !ended.followed.succeeded() {
        follow::explain(&ended, name, console);
    }
    ensure!(ended.followed.succeeded(), "the stack {name} could not be deleted; run the same command again");
    Ok(())
}

/// A stack that imports `export`, if one does.
async fn importer(aws: &Aws, export: &str) -> anyhow::Result<Option<String>> {
    match aws.cloudformation().list_imports().export_name(export).send().await {
        Ok(imports) => Ok(imports.imports().first().cloned()),
        // That is how CloudFormation says that there is none.
        Err(error)
            if error
                .message()
                .is_some_and(|message| message.contains("not imported") || message.contains("does not exist")) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).context("cannot tell whether another deployment uses the sources"),
    }
}

/// A deployment with an image of one of the repositories among its parameters, if there is one.
async fn puller(aws: &Aws, repositories: &BTreeSet<&String>) -> anyhow::Result<Option<String>> {
    let mut stacks = aws.cloudformation().describe_stacks().into_paginator().items().send();
    while let Some(stack) = stacks.next().await {
        let stack = stack.context("cannot tell whether another deployment uses the images")?;
        // A nested stack has what its root gives it.
        let pulls = stack.root_id().is_none()
            && stack.parameters().iter().filter_map(|one| one.parameter_value()).any(|image| {
                repositories.iter().any(|repository| {
                    image.strip_prefix(repository.as_str()).is_some_and(|rest| rest.starts_with([':', '@']))
                })
            });
        if pulls {
            return Ok(stack.stack_name().map(str::to_owned));
        }
    }
    Ok(None)
}
