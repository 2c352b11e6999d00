//! Something that is in the way of a deployment.

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use serde::Serialize;

use crate::words::words_of;

/// Something that is in the way of a deployment, or may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    weight: Weight,
    /// What was found.
    pub(super) what: String,
    /// What that means.
    pub(super) meaning: String,
    /// What to do.
    pub(super) remedy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Weight {
    Refusal,
    Warning,
    Note,
}

impl Finding {
    /// With this a deployment cannot succeed.
    pub(super) fn refusal(what: impl Into<String>, meaning: &str, remedy: impl Into<String>) -> Self {
        Self { weight: Weight::Refusal, what: what.into(), meaning: meaning.to_owned(), remedy: remedy.into() }
    }

    /// With this a deployment may fail, or be less than what was wanted.
    pub(super) fn warning(what: impl Into<String>, meaning: &str, remedy: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, what: what.into(), meaning: meaning.to_owned(), remedy: remedy.into() }
    }

    /// AWS could not be asked about `what`, which needs these permissions. Nothing is known to be wrong.
    pub(super) fn unknown<E, R>(what: &str, error: &SdkError<E, R>, permissions: &str) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let is_denied = error.code().is_some_and(is_denial);
        Self {
            weight: Weight::Note,
            what: format!("{what}: not looked at ({})", words_of(error)),
            meaning: "Whether it is in the way is seen when the deployment needs it.".to_owned(),
            remedy: if is_denied {
                format!("to have it looked at, let whoever deploys do {permissions}")
            } else {
                format!("try again, or look yourself; it needs {permissions}")
            },
        }
    }

    /// How much it matters.
    pub(super) fn weight(&self) -> Weight {
        self.weight
    }

    /// Whether it keeps a deployment from beginning.
    pub(crate) fn refuses(&self) -> bool {
        self.weight == Weight::Refusal
    }
}

/// What services say to those who may not ask.
fn is_denial(code: &str) -> bool {
    code.starts_with("AccessDenied") || matches!(code, "UnauthorizedOperation" | "NotAuthorized" | "AuthorizationError")
}
