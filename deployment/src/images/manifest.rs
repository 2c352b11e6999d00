//! What an image is made of.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// The kinds of manifests that are asked for and copied: Docker's and the OCI's, for one platform and for several.
pub(super) const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
];

/// Which platforms of an image are copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platforms {
    /// All that it has. The copy has the digest of the whole.
    All,
    /// One. The copy has the digest of that one.
    One {
        /// Such as `linux`.
        os: String,
        /// Such as `amd64`.
        architecture: String,
    },
}

impl FromStr for Platforms {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            None if text == "all" => Ok(Self::All),
            Some((os, architecture)) if !os.is_empty() && !architecture.is_empty() && !architecture.contains('/') => {
                Ok(Self::One { os: os.to_owned(), architecture: architecture.to_owned() })
            }
            _ => Err("neither all nor a platform such as linux/amd64".to_owned()),
        }
    }
}

impl fmt::Display for Platforms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::One { os, architecture } => write!(f, "{os}/{architecture}"),
        }
    }
}

/// A layer, or the configuration of an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Blob {
    pub(super) digest: String,
    pub(super) size: u64,
}

/// A manifest: its very bytes, which its digest is of, and what they say.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: String,
    /// By which it was made, and which is a part of what it is.
    pub(super) media_type: String,
    blobs: Vec<Blob>,
    entries: Option<Vec<Entry>>,
}

/// What is read of a manifest, whichever of the four kinds it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Says {
    media_type: Option<String>,
    config: Option<Blob>,
    layers: Option<Vec<Blob>>,
    manifests: Option<Vec<Entry>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Entry {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Debug, Clone, Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

impl Manifest {
    pub(super) fn parse(bytes: Vec<u8>, digest: &str) -> Result<Self, serde_json::Error> {
        let says: Says = serde_json::from_slice(&bytes)?;
        let mut blobs: Vec<Blob> = Vec::new();
        for blob in says.layers.into_iter().flatten().chain(says.config) {
            if !blobs.contains(&blob) {
                blobs.push(blob);
            }
        }
        // The OCI's kinds need not say which they are.
        let unsaid = if says.manifests.is_some() { MEDIA_TYPES[3] } else { MEDIA_TYPES[2] };
        let media_type = says.media_type.unwrap_or_else(|| unsaid.to_owned());
        Ok(Self { bytes, digest: digest.to_owned(), media_type, blobs, entries: says.manifests })
    }

    /// What has to be in the repository before the manifest, each once.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.blobs.iter()
    }

    /// The digests of the manifests to be copied with it or instead of it; `None` if it is for one platform itself.
    ///
    /// # Errors
    ///
    /// The platforms that it has, when it has not the one that is wanted.
    pub(super) fn parts(&self, platforms: &Platforms) -> Result<Option<Vec<String>>, Vec<String>> {
        let Some(entries) = &self.entries else { return Ok(None) };
        let Platforms::One { os, architecture } = platforms else {
            return Ok(Some(entries.iter().map(|entry| entry.digest.clone()).collect()));
        };
        let fits = |platform: &Platform| platform.os == *os && platform.architecture == *architecture;
        match entries.iter().find(|entry| entry.platform.as_ref().is_some_and(fits)) {
            Some(entry) => Ok(Some(vec![entry.digest.clone()])),
            None => {
                let has = entries.iter().filter_map(|entry| entry.platform.as_ref());
                Err(has.map(|platform| format!("{}/{}", platform.os, platform.architecture)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(json: &serde_json::Value) -> Manifest {
        Manifest::parse(json.to_string().into_bytes(), "sha256:0").expect("a manifest")
    }

    fn amd64() -> Platforms {
        "linux/amd64".parse().expect("a platform")
    }

    #[test]
    fn an_image_is_its_layers_and_its_configuration_each_once() {
        let layer = |digest: &str| json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": 7});
        let image = manifest(&json!({"schemaVersion": 2, "mediaType": MEDIA_TYPES[0], "config": layer("sha256:c"),
            "layers": [layer("sha256:a"), layer("sha256:b"), layer("sha256:a")]}));
        let digests: Vec<&str> = image.blobs().map(|blob| blob.digest.as_str()).collect();
        assert_eq!(digests, ["sha256:a", "sha256:b", "sha256:c"]);
        assert_eq!(image.parts(&amd64()), Ok(None));
        assert_eq!(image.media_type, MEDIA_TYPES[0]);
    }

    #[test]
    fn of_several_platforms_one_is_chosen_or_all_are_taken() {
        let entry = |digest: &str, architecture: &str| {
            json!({"mediaType": MEDIA_TYPES[2], "digest": digest, "size": 7,
            "platform": {"os": "linux", "architecture": architecture}})
        };
        let index = manifest(&json!({"schemaVersion": 2, "mediaType": MEDIA_TYPES[3],
            "manifests": [entry("sha256:arm", "arm64"), entry("sha256:amd", "amd64")]}));
        assert_eq!(index.parts(&amd64()), Ok(Some(vec!["sha256:amd".to_owned()])));
        assert_eq!(index.parts(&Platforms::All).expect("parts").map(|parts| parts.len()), Some(2));
        let other = "linux/s390x".parse().expect("a platform");
        assert_eq!(index.parts(&other), Err(vec!["linux/arm64".to_owned(), "linux/amd64".to_owned()]));
    }

    #[test]
    fn platforms_are_read_and_written() {
        for text in ["all", "linux/amd64"] {
            assert_eq!(text.parse::<Platforms>().expect("platforms").to_string(), text);
        }
        for wrong in ["", "linux", "linux/", "/amd64", "linux/arm/v7"] {
            assert!(wrong.parse::<Platforms>().is_err(), "{wrong}");
        }
    }
}
