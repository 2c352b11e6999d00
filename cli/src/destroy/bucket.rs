//! Empties and deletes buckets, older versions included, and deletes the stack with the bucket of sources.

use anyhow::{Context as _, bail, ensure};
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use deployment::stack;

use crate::aws::Aws;
use crate::console::Console;
use crate::exit::refused;
use crate::follow;

/// When a bucket was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deleted {
    Now,
    /// It was not there any longer.
    Before,
}

/// Deletes a bucket with everything in it.
pub(super) async fn delete(aws: &Aws, bucket: &str) -> anyhow::Result<Deleted> {
    let client = aws.s3();
    if empty(aws, bucket).await? == Deleted::Before {
        return Ok(Deleted::Before);
    }
    match client.delete_bucket().bucket(bucket).set_expected_bucket_owner(aws.account.clone()).send().await {
        Ok(_) => Ok(Deleted::Now),
        Err(error) if is_gone(&error) => Ok(Deleted::Now),
        Err(error) => Err(error).with_context(|| format!("cannot delete the bucket {bucket}")),
    }
}

/// Deletes everything in a bucket of this account: all versions, and the marks of what was deleted before.
async fn empty(aws: &Aws, bucket: &str) -> anyhow::Result<Deleted> {
    let client = aws.s3();
    // A bucket's name may have become somebody else's.
    let owner = || aws.account.clone();
    loop {
        // Always the first page: what it showed is gone before the next look. It has a thousand at most, as many as one call deletes.
        let listed = client.list_object_versions().bucket(bucket).set_expected_bucket_owner(owner()).send().await;
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) if is_gone(&error) => return Ok(Deleted::Before),
            Err(error) => return Err(error).with_context(|| format!("cannot list what is in the bucket {bucket}")),
        };
        let versions = listed.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = listed.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let mut objects = Vec::new();
        for (key, version) in versions.chain(markers) {
            let object =
                ObjectIdentifier::builder().key(key.unwrap_or_default()).set_version_id(version.map(str::to_owned));
            objects.push(object.build().context("an object without a key")?);
        }
        if objects.is_empty() {
            return Ok(Deleted::Now);
        }
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().context("what to delete")?;
        let request = client.delete_objects().bucket(bucket).delete(delete).set_expected_bucket_owner(owner());
        let deleted = request.send().await.with_context(|| format!("cannot empty the bucket {bucket}"))?;
        if let Some(error) = deleted.errors().first() {
            bail!(
                "cannot delete {} in the bucket {bucket}: {}",
                error.key().unwrap_or_default(),
                error.message().or(error.code()).unwrap_or("no reason given")
            );
        }
    }
}

/// Whether there is no such bucket.
fn is_gone<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.code() == Some("NoSuchBucket")
}

/// Deletes the stack with the bucket of sources, unless another deployment uses it.
pub(super) async fn delete_sources(aws: &Aws, name: &str, console: &Console) -> anyhow::Result<()> {
    let client = aws.cloudformation();
    let Some(stack) = stack::describe(&client, name).await? else {
        console.done(&format!("there is no stack {name}"));
        return Ok(());
    };
    if let Some(user) = importer(aws, &format!("{name}-BBBStackBucket")).await? {
        return Err(refused(format!("{name} stays: the stack {user} uses it")));
    }
    if let Some(bucket) = stack.outputs.get("BucketName") {
        console
            .if_interrupted(Some(format!("The bucket {bucket} may be half empty. The same command goes on with it.")));
        console.step(&format!("emptying the bucket {bucket}"));
        empty(aws, bucket).await?;
    }
    console.step(&format!("deleting {name}"));
    let Some(mark) = stack::delete(&client, &stack.id).await? else { return Ok(()) };
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
