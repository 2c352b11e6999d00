//! Copies container images from one registry to another, without Docker and without a disk.
//!
//! A copy is seen under its tag only when it is whole: layers first, each verified by its digest, then the manifest that names them, by which the registry
//! itself checks that all are there. Interrupted at any moment, it leaves layers without a tag, which the next copy finds and does not send again.
//!
//! | module | what it does |
//! | --- | --- |
//! | `challenge` | how a registry says that it wants to know who asks |
//! | `error` | why an image could not be copied, without what a URL may hold |
//! | `manifest` | what an image is made of |
//! | `layer` | one layer, which goes on where it broke off and is verified |
//! | `reference` | names of images, as Docker writes them |
//! | `registry` | the part of the distribution protocol that a copy needs |
//! | `retry` | what is worth another try, and when |

mod challenge;
mod error;
mod layer;
mod manifest;
mod reference;
mod registry;
mod retry;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use tokio::sync::{OnceCell, Semaphore};

pub use error::{Fault, ImageError};
pub use manifest::Platforms;
pub use reference::{NoReference, Reference};

use manifest::{Blob, Manifest};
use registry::Registries;
use retry::Tries;

/// How many layers are on their way at a time: enough to fill a line in spite of the round trips, few enough for a registry's limits.
const AT_A_TIME: usize = 6;

/// Who one is to a registry.
#[derive(Clone)]
pub struct Login {
    /// As in an image's name; `docker.io` for Docker Hub.
    registry: String,
    user: String,
    password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("registry", &self.registry).field("user", &self.user).finish_non_exhaustive()
    }
}

impl Login {
    /// With a user's name and password.
    #[must_use]
    pub fn new(registry: String, user: String, password: String) -> Self {
        Self { registry, user, password }
    }

    fn header(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

/// An image and where its copy is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The image.
    pub from: Reference,
    /// The name of its copy: a repository and a tag.
    pub to: Reference,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The digest of the image, and of its copy.
    pub digest: String,
    /// Whether the copy was there already.
    pub was_there: bool,
}

/// How far a copy is, in bytes.
#[derive(Debug, Default)]
pub struct Progress {
    total: AtomicU64,
    sent: AtomicU64,
    there: AtomicU64,
}

impl Progress {
    /// All layers of all images whose manifests were read so far.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// What was sent. More than needed if a layer had to be sent again.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// What did not have to be sent: it was there, or the registry took it from another repository of its own.
    pub fn there(&self) -> u64 {
        self.there.load(Ordering::Relaxed)
    }
}

/// Copies images.
pub struct Copier {
    registries: Registries,
    platforms: Platforms,
    lanes: Semaphore,
    /// Layers that images have in common are sent once: by target repository and digest.
    blobs: Mutex<HashMap<String, Arc<OnceCell<()>>>>,
    progress: Arc<Progress>,
}

impl fmt::Debug for Copier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copier")
            .field("platforms", &self.platforms)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl Copier {
    /// A copier that signs in with `logins`, and is a guest elsewhere. Registries on this machine's loopback addresses are spoken to without TLS, as Docker
    /// does.
    ///
    /// # Errors
    ///
    /// When the system's certificates cannot be used.
    pub fn new(logins: Vec<Login>, platforms: Platforms) -> Result<Self, ImageError> {
        Ok(Self {
            registries: Registries::new(logins).map_err(ImageError::Client)?,
            platforms,
            lanes: Semaphore::new(AT_A_TIME),
            blobs: Mutex::default(),
            progress: Arc::default(),
        })
    }

    /// How far all copies together are.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Copies an image. Several may be copied at the same time.
    ///
    /// # Errors
    ///
    /// When a registry refuses or stays away, when the image has not the platform that is asked for, when a layer is not what its digest says, and when
    /// the name of the copy belongs to another image.
    pub async fn copy(&self, copy: &Copy) -> Result<Copied, ImageError> {
        let Copy { from, to } = copy;
        let failed = |what: &'static str| move |fault| ImageError::Registry { what, image: to.to_string(), fault };
        let (root, parts) = self.manifests(from).await?;
        let blobs: Vec<&Blob> = parts.iter().flat_map(Manifest::blobs).chain(root.blobs()).collect();
        let bytes = blobs.iter().map(|blob| blob.size).sum();
        self.progress.total.fetch_add(bytes, Ordering::Relaxed);
        let taken = |has: String| ImageError::Taken {
            image: from.to_string(),
            copy: to.to_string(),
            has,
            wanted: root.digest.clone(),
        };
        match trying(async || self.registries.digest(to).await).await.map_err(failed("look for"))? {
            Some(digest) if digest == root.digest => {
                self.progress.there.fetch_add(bytes, Ordering::Relaxed);
                return Ok(Copied { digest, was_there: true });
            }
            Some(other) => return Err(taken(other)),
            None => {}
        }
        try_join_all(blobs.into_iter().map(|blob| self.bring(copy, blob))).await?;
        let write = async |manifest: &Manifest, name: &Reference| {
            trying(async || self.registries.put(name, &manifest.bytes, &manifest.media_type).await).await
        };
        for part in &parts {
            write(part, &to.with_digest(&part.digest)).await.map_err(failed("write a manifest of"))?;
        }
        // Whoever reads the tag from now on finds all of it.
        write(&root, to).await.map_err(failed("write"))?;
        match trying(async || self.registries.digest(to).await).await.map_err(failed("read back"))? {
            Some(digest) if digest == root.digest => Ok(Copied { digest, was_there: false }),
            other => Err(taken(other.unwrap_or_else(|| "nothing".to_owned()))),
        }
    }

    /// The manifest to be copied, and those that it consists of if it is for several platforms.
    async fn manifests(&self, from: &Reference) -> Result<(Manifest, Vec<Manifest>), ImageError> {
        let failed = |fault| ImageError::Registry { what: "read the manifest of", image: from.to_string(), fault };
        let read = async |image: Reference| {
            let (bytes, digest) = trying(async || self.registries.manifest(&image).await).await.map_err(failed)?;
            Manifest::parse(bytes, &digest).map_err(|source| ImageError::Manifest { image: from.to_string(), source })
        };
        let root = read(from.clone()).await?;
        let parts = root.parts(&self.platforms).map_err(|has| ImageError::Platform {
            image: from.to_string(),
            wanted: self.platforms.to_string(),
            has,
        })?;
        let Some(parts) = parts else { return Ok((root, Vec::new())) };
        let mut parts = try_join_all(parts.iter().map(|digest| read(from.with_digest(digest)))).await?;
        match self.platforms {
            Platforms::One { .. } if !parts.is_empty() => Ok((parts.swap_remove(0), Vec::new())),
            _ => Ok((root, parts)),
        }
    }

    /// Sees to it that a layer is in the copy's repository.
    async fn bring(&self, copy: &Copy, blob: &Blob) -> Result<(), ImageError> {
        let key = format!("{}/{}@{}", copy.to.registry(), copy.to.repository(), blob.digest);
        let cell = Arc::clone(self.blobs.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let mut is_first = false;
        let brought = cell.get_or_try_init(|| {
            is_first = true;
            self.bring_once(copy, blob)
        });
        brought.await.map_err(|fault| ImageError::Layer {
            digest: blob.digest.clone(),
            image: copy.from.to_string(),
            fault,
        })?;
        if !is_first {
            self.progress.there.fetch_add(blob.size, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn bring_once(&self, Copy { from, to }: &Copy, blob: &Blob) -> Result<(), Fault> {
        // It is never closed.
        let _lane = self.lanes.acquire().await;
        let there = || self.progress.there.fetch_add(blob.size, Ordering::Relaxed);
        if trying(async || self.registries.has(to, &blob.digest).await).await? {
            there();
            return Ok(());
        }
        let neighbour = (from.registry() == to.registry()).then_some(from);
        trying(async || {
            let Some(place) = self.registries.begin(to, &blob.digest, neighbour).await? else {
                there();
                return Ok(());
            };
            layer::transfer(&self.registries, (from, to), blob, place, &self.progress).await
        })
        .await
    }
}

/// Tries, and tries again when that is worth it.
async fn trying<T>(attempt: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Fault> {
    let mut tries = Tries::default();
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(fault) => tries.wait(&fault).await.map_err(|()| fault)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_login_is_not_its_password() {
        let login = Login::new("x".to_owned(), "AWS".to_owned(), "hidden".to_owned());
        assert!(!format!("{login:?}").contains("hidden"));
        assert_eq!(login.header(), "Basic QVdTOmhpZGRlbg==");
    }
}
