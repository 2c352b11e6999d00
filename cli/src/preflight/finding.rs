//! Something that is in the way of a deployment.

use serde::Serialize;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Weight {
    Refusal,
    Warning,
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

    /// Whether it keeps a deployment from beginning.
    pub(crate) fn refuses(&self) -> bool {
        self.weight == Weight::Refusal
    }
}
