//! Names of images, as Docker writes them.

use std::fmt;
use std::str::FromStr;

/// Where Docker Hub's names are really answered.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// A name of an image: registry, repository, and a tag, a digest or both, of which the digest counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// A text is no name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoReference(&'static str);

impl Reference {
    /// The registry, as it is written: `docker.io` if none is.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository within it.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` if neither a tag nor a digest is written.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, such as `sha256:...`.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The host that answers for the registry.
    pub(super) fn host(&self) -> &str {
        if self.registry == DOCKER_HUB.0 { DOCKER_HUB.1 } else { &self.registry }
    }

    /// What a registry is asked for.
    pub(super) fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The image with this digest in the same repository.
    pub(super) fn with_digest(&self, digest: &str) -> Self {
        Self { tag: None, digest: Some(digest.to_owned()), ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

impl FromStr for Reference {
    type Err = NoReference;

    fn from_str(text: &str) -> Result<Self, NoReference> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) if is_digest(digest) => (name, Some(digest.to_owned())),
            Some(_) => return Err(NoReference("what follows @ is not sha256: and 64 digits from 0 to f")),
            None => (text, None),
        };
        // As Docker does: what is before the first slash is a registry if it looks like a host.
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => (DOCKER_HUB.0, name),
        };
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) if is_tag(tag) => (path, Some(tag.to_owned())),
            Some(_) => {
                return Err(NoReference("the tag is not 1 to 128 letters, digits, underscores, dots and hyphens"));
            }
            None => (path, None),
        };
        let repository =
            if registry == DOCKER_HUB.0 && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        if !repository.split('/').all(is_component) || repository.len() > 255 {
            return Err(NoReference(
                "a repository is small letters and digits, with single dots, underscores and hyphens between, and slashes",
            ));
        }
        if registry.contains(|letter: char| !(letter.is_ascii_alphanumeric() || ".:-".contains(letter))) {
            return Err(NoReference("the registry is no host"));
        }
        let tag = if tag.is_none() && digest.is_none() { Some("latest".to_owned()) } else { tag };
        Ok(Self { registry: registry.to_owned(), repository, tag, digest })
    }
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

fn is_component(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().next().is_some_and(plain)
        && text.bytes().next_back().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Reference {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn names_are_read_as_docker_reads_them() {
        let hub = of("bigbluebutton/greenlight:v3.8");
        assert_eq!(
            (hub.registry(), hub.host(), hub.repository(), hub.tag()),
            ("docker.io", "registry-1.docker.io", "bigbluebutton/greenlight", Some("v3.8"))
        );
        assert_eq!(of("redis").to_string(), "docker.io/library/redis:latest");
        assert_eq!(of("localhost/x:1").registry(), "localhost");
        let local = of("127.0.0.1:5000/a/b:c");
        assert_eq!((local.registry(), local.repository(), local.version()), ("127.0.0.1:5000", "a/b", "c"));
        assert_eq!(of("127.0.0.1:5000/a").to_string(), "127.0.0.1:5000/a:latest");
    }

    #[test]
    fn a_digest_counts_more_than_a_tag() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let both = of(&format!("me/x:v1@{digest}"));
        assert_eq!((both.tag(), both.version()), (Some("v1"), digest.as_str()));
        assert_eq!(of(&format!("me/x@{digest}")).tag(), None);
        assert_eq!(of("me/x:v1").with_digest(&digest).to_string(), format!("docker.io/me/x@{digest}"));
    }

    #[test]
    fn what_is_no_name_is_none() {
        for wrong in [
            "",
            "UPPER/x",
            "a//b",
            "a/b:",
            "a/b:x y",
            "a@sha256:0",
            "a@md5:1",
            "-a",
            "a_/b",
            "h.x/../b",
            "bad host.x/a",
        ] {
            assert!(wrong.parse::<Reference>().is_err(), "{wrong}");
        }
    }
}
