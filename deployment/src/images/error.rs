//! Why an image could not be copied.

use std::time::Duration;

/// Why an image could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// No client could be made.
    #[error("cannot speak to registries")]
    Client(#[source] Fault),
    /// A registry refused, or stayed away.
    #[error("cannot {what} {image}")]
    Registry {
        /// What was being done.
        what: &'static str,
        /// The image.
        image: String,
        /// Why.
        #[source]
        fault: Fault,
    },
    /// A layer could not be copied.
    #[error("cannot copy the layer {digest} of {image}")]
    Layer {
        /// The layer.
        digest: String,
        /// The image.
        image: String,
        /// Why.
        #[source]
        fault: Fault,
    },
    /// The manifest is no manifest.
    #[error("the manifest of {image} cannot be understood")]
    Manifest {
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The image is not there for the platform.
    #[error("{image} is not for {wanted}, but for {}", has.join(", "))]
    Platform {
        /// The image.
        image: String,
        /// The platform that was asked for.
        wanted: String,
        /// Those that it has.
        has: Vec<String>,
    },
    /// The name of the copy has another image, and is never given to a new one.
    #[error("{copy} is another image ({has}) than {image} is now ({wanted})")]
    Taken {
        /// The image.
        image: String,
        /// The name of its copy.
        copy: String,
        /// The digest of what has the name.
        has: String,
        /// The digest of the image.
        wanted: String,
    },
}

/// What a registry said, or why it said nothing. It holds no URL: one that a registry redirects to may be as good as a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It does not know who asks, or does not let them.
    #[error("the registry does not let us ({status}): {message}")]
    Denied {
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// Too much was asked of it.
    #[error("the registry wants to be asked less often (429): {message}")]
    TooMany {
        /// What it said.
        message: String,
        /// After how long it may be asked again, if it said so.
        after: Option<Duration>,
    },
    /// It answered something else than was wanted.
    #[error("the registry answered {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
        /// After how long it may be asked again, if it said so.
        after: Option<Duration>,
    },
    /// It could not be reached, or the connection broke.
    #[error("the connection to the registry failed")]
    Connection(#[source] reqwest::Error),
    /// What came is not what was asked for.
    #[error("what came is not what its digest says: {came} and not {wanted}")]
    Digest {
        /// What came.
        came: String,
        /// What was asked for.
        wanted: String,
    },
    /// It ended before it was whole, or did not end.
    #[error("{came} bytes came, and not {wanted}")]
    Length {
        /// How many came.
        came: u64,
        /// How many were announced.
        wanted: u64,
    },
    /// It does not keep to the protocol.
    #[error("the registry does not keep to the protocol: {0}")]
    Protocol(&'static str),
}

/// As much as is shown of what a registry says.
const SHOWN: usize = 300;

impl Fault {
    /// What an answer means that is none of the wanted ones.
    pub(super) fn of(status: u16, after: Option<Duration>, body: &str) -> Self {
        let message = said(body);
        match status {
            401 | 403 => Self::Denied { status, message },
            429 => Self::TooMany { message, after },
            _ => Self::Status { status, message, after },
        }
    }

    /// Whether what was asked for is not there.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }
}

/// The messages in a registry's answer, or its beginning.
fn said(body: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let messages: Vec<&str> =
        json["errors"].as_array().into_iter().flatten().filter_map(|error| error["message"].as_str()).collect();
    let text = if messages.is_empty() { body.trim().to_owned() } else { messages.join("; ") };
    text.chars().take(SHOWN).collect()
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        Self::Connection(error.without_url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_is_told_apart() {
        let limit = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
        assert!(
            matches!(Fault::of(429, None, limit), Fault::TooMany { message, .. } if message == "You have reached your pull rate limit.")
        );
        assert!(Fault::of(404, None, "").is_absent() && !Fault::of(403, None, "").is_absent());
        assert!(matches!(Fault::of(401, None, "no"), Fault::Denied { status: 401, .. }));
        assert!(
            matches!(Fault::of(502, None, &"x".repeat(1000)), Fault::Status { message, .. } if message.len() == SHOWN)
        );
    }
}
