//! Uploads what a template refers to by relative path, and points the template to it.
//!
//! Nested stacks (`TemplateURL` of `AWS::CloudFormation::Stack`) are packaged recursively; function code (`Code` of
//! `AWS::Lambda::Function`) may be a zip archive or a folder. Objects are named by the SHA-256 of their content, so that
//! an unchanged artifact is not uploaded again and never makes a stack change.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};
use stack_template::template::{Location, Template, TemplateError, pointer_to};

use crate::archive::{self, ArchiveError};
use crate::digest;
use crate::partition::Partition;

/// Where artifacts are put.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// A client for the bucket's region.
    pub client: Client,
    /// The bucket's name. Its encryption and retention are the bucket's own business.
    pub name: String,
    /// The bucket's region, part of the templates' addresses.
    pub region: String,
}

/// A template, packaged.
#[derive(Debug, Clone)]
pub struct Packaged {
    /// The root template in long form, with addresses instead of paths.
    pub template: Value,
    /// The address of the uploaded root template.
    pub url: String,
    /// Everything that the stack needs in the bucket, in the order in which it was met.
    pub artifacts: Vec<Artifact>,
}

/// An object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The file or folder that it was made from.
    pub source: PathBuf,
    /// The object's key.
    pub key: String,
    /// The object's size in bytes.
    pub bytes: usize,
    /// Whether it was uploaded now; otherwise it was there already.
    pub uploaded: bool,
}

/// Why a template could not be packaged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// A template could not be read.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A path in a template leads nowhere.
    #[error("{at}: {} does not exist{}", path.display(), hint(path))]
    Missing {
        /// Where the path is written.
        at: Location,
        /// The path, resolved.
        path: PathBuf,
    },
    /// A template refers to itself, directly or through others.
    #[error("{at}: {} is nested in itself", path.display())]
    Circular {
        /// Where the path is written.
        at: Location,
        /// The template.
        path: PathBuf,
    },
    /// A function's code is neither an archive nor a folder.
    #[error("{at}: {} is neither a zip archive nor a folder", path.display())]
    NotAnArchive {
        /// Where the path is written.
        at: Location,
        /// The path, resolved.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A folder could not be zipped.
    #[error("cannot zip {}", path.display())]
    Zip {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: ArchiveError,
    },
    /// The bucket did not say whether an object is there.
    #[error("cannot look for s3://{bucket}/{key}")]
    HeadObject {
        /// The bucket.
        bucket: String,
        /// The object.
        key: String,
        /// Why.
        #[source]
        source: Box<SdkError<HeadObjectError>>,
    },
    /// Whoever asks may not see whether an object is there. S3 gives no words with it.
    #[error(
        "cannot look for s3://{bucket}/{key}: AccessDenied: not authorized to perform: s3:GetObject on it, or s3:ListBucket on the bucket"
    )]
    MayNotLook {
        /// The bucket.
        bucket: String,
        /// The object.
        key: String,
    },
    /// The bucket did not take an object.
    #[error("cannot upload s3://{bucket}/{key}")]
    PutObject {
        /// The bucket.
        bucket: String,
        /// The object.
        key: String,
        /// Why.
        #[source]
        source: Box<SdkError<PutObjectError>>,
    },
}

/// What to do about a file that is missing, when its path tells.
fn hint(path: &Path) -> String {
    let mut names = path.iter().map(|name| name.to_string_lossy()).rev();
    match (names.next(), names.next(), names.next(), names.next()) {
        (Some(_), Some(function), Some(lambda), Some(target)) if lambda == "lambda" && target == "target" => {
            format!("; build it first: cargo lambda build --release --output-format zip -p {function}")
        }
        _ => String::new(),
    }
}

/// Packages the template at `root` with everything that it refers to.
///
/// # Errors
///
/// When a template cannot be read, a path leads nowhere, or the bucket refuses.
pub async fn package(root: &Path, bucket: &Bucket) -> Result<Packaged, PackageError> {
    let mut packager = Packager { bucket, artifacts: Vec::new(), present: BTreeSet::new(), open: Vec::new() };
    let (template, key) = packager.template(root.to_path_buf()).await?;
    Ok(Packaged { url: bucket.url(&key), template, artifacts: packager.artifacts })
}

/// Uploads one file that no template refers to, unless an object of this key is there already: the key has to say what is in it.
///
/// # Errors
///
/// When the file cannot be read, or the bucket refuses.
pub async fn upload(bucket: &Bucket, file: &Path, key: &str) -> Result<Artifact, PackageError> {
    let content =
        tokio::fs::read(file).await.map_err(|source| PackageError::Read { path: file.to_path_buf(), source })?;
    bucket.put_as(file.to_path_buf(), content, key.to_owned()).await
}

impl Bucket {
    /// The address of an object, in path style: `CloudFormation` takes both styles, the local AWS this one.
    fn url(&self, key: &str) -> String {
        format!("https://s3.{}.{}/{}/{key}", self.region, Partition::of(&self.region).suffix, self.name)
    }

    /// Puts an object under a key that says what is in it, unless it is there already.
    async fn put_as(&self, source: PathBuf, content: Vec<u8>, key: String) -> Result<Artifact, PackageError> {
        let bytes = content.len();
        let uploaded = !self.exists(&key).await?;
        if uploaded {
            self.client
                .put_object()
                .bucket(&self.name)
                .key(&key)
                .body(ByteStream::from(content))
                .send()
                .await
                .map_err(|source| PackageError::PutObject {
                    bucket: self.name.clone(),
                    key: key.clone(),
                    source: Box::new(source),
                })?;
        }
        Ok(Artifact { source, key, bytes, uploaded })
    }

    async fn exists(&self, key: &str) -> Result<bool, PackageError> {
        match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(false),
            Err(SdkError::ServiceError(refusal)) if refusal.raw().status().as_u16() == 403 => {
                Err(PackageError::MayNotLook { bucket: self.name.clone(), key: key.to_owned() })
            }
            Err(source) => Err(PackageError::HeadObject {
                bucket: self.name.clone(),
                key: key.to_owned(),
                source: Box::new(source),
            }),
        }
    }
}

/// A relative path found in a template.
struct Reference {
    /// The logical id of the resource.
    resource: String,
    property: &'static str,
    /// As it is written.
    path: String,
    at: Location,
}

struct Packager<'a> {
    bucket: &'a Bucket,
    artifacts: Vec<Artifact>,
    /// The keys that are known to be in the bucket.
    present: BTreeSet<String>,
    /// The templates that are being packaged, outermost first.
    open: Vec<PathBuf>,
}

impl Packager<'_> {
    /// Packages one template; returns its rewritten body and its key.
    async fn template(&mut self, path: PathBuf) -> Result<(Value, String), PackageError> {
        let mut template = match tokio::fs::read_to_string(&path).await {
            Ok(text) => Template::parse(&path, &text)?,
            Err(source) => return Err(TemplateError::Read { file: path, source }.into()),
        };
        self.open.push(path.clone());
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        for reference in references(&template) {
            let target = resolve(&folder, &reference).await?;
            let address = match reference.property {
                "TemplateURL" => Value::from(self.nested(target, &reference).await?),
                _ => self.code(target, &reference).await?,
            };
            template.body["Resources"][&reference.resource]["Properties"][reference.property] = address;
        }
        self.open.pop();
        let text = template.body.to_string().into_bytes();
        let key = self.put(path, text, "template.json").await?;
        Ok((template.body, key))
    }

    /// Packages a nested template and returns its address.
    async fn nested(&mut self, path: PathBuf, reference: &Reference) -> Result<String, PackageError> {
        if self.open.contains(&path) {
            return Err(PackageError::Circular { at: reference.at.clone(), path });
        }
        let (_, key) = Box::pin(self.template(path)).await?;
        Ok(self.bucket.url(&key))
    }

    /// Uploads a function's code and returns the property that names it.
    async fn code(&mut self, path: PathBuf, reference: &Reference) -> Result<Value, PackageError> {
        let is_folder = path.is_dir();
        let source = path.clone();
        let content = tokio::task::spawn_blocking(move || {
            if is_folder {
                archive::folder(&source).map_err(|error| PackageError::Zip { path: source, source: error })
            } else {
                std::fs::read(&source).map_err(|error| PackageError::Read { path: source, source: error })
            }
        })
        .await
        .unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))?;
        if archive::comment(&content).is_none() {
            return Err(PackageError::NotAnArchive { at: reference.at.clone(), path });
        }
        let key = self.put(path, content, "zip").await?;
        Ok(json!({"S3Bucket": self.bucket.name, "S3Key": key}))
    }

    /// Puts an object into the bucket under its content's hash, unless it is there already.
    async fn put(&mut self, source: PathBuf, content: Vec<u8>, extension: &str) -> Result<String, PackageError> {
        let key = format!("{}.{extension}", digest::sha256(&content));
        if !self.present.insert(key.clone()) {
            return Ok(key);
        }
        let artifact = self.bucket.put_as(source, content, key.clone()).await?;
        self.artifacts.push(artifact);
        Ok(key)
    }
}

/// The relative paths that `template` refers to.
fn references(template: &Template) -> Vec<Reference> {
    let Some(resources) = template.body["Resources"].as_object() else {
        return Vec::new();
    };
    resources
        .iter()
        .filter_map(|(logical_id, resource)| {
            let property = match resource["Type"].as_str()? {
                "AWS::CloudFormation::Stack" => "TemplateURL",
                "AWS::Lambda::Function" => "Code",
                _ => return None,
            };
            let path = resource["Properties"][property].as_str()?;
            let is_address = ["https://", "http://", "s3://"].iter().any(|scheme| path.starts_with(scheme));
            let pointer = pointer_to("/Resources", logical_id);
            (!is_address).then(|| Reference {
                resource: logical_id.clone(),
                property,
                path: path.to_owned(),
                at: template.locate(&format!("{pointer}/Properties/{property}")),
            })
        })
        .collect()
}

/// The file or folder that `reference`, written in a template in `folder`, means.
async fn resolve(folder: &Path, reference: &Reference) -> Result<PathBuf, PackageError> {
    let path = folder.join(&reference.path);
    tokio::fs::canonicalize(&path).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => PackageError::Missing { at: reference.at.clone(), path: normalise(&path) },
        _ => PackageError::Read { path, source },
    })
}

/// `path` without `..` where a name precedes it, to be read by people.
fn normalise(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            std::path::Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            part => plain.push(part),
        }
        plain
    })
}
