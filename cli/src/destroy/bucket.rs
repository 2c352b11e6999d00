//! Empties and deletes buckets, older versions included.

use anyhow::{Context as _, bail};
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use crate::aws::Aws;

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
pub(super) async fn empty(aws: &Aws, bucket: &str) -> anyhow::Result<Deleted> {
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
