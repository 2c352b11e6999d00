//! Errors as one line for the stack's events.

use std::error::Error;

/// The error and its causes, `a: b: c`, leaving out a cause that the text before it already contains.
///
/// SDK errors say little themselves ("service error") and everything in their sources.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !cause_text.is_empty() && !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("request the certificate")]
    struct Outer(#[source] Inner);
    #[derive(Debug, thiserror::Error)]
    #[error("throttled")]
    struct Inner;

    #[test]
    fn names_every_cause_once() {
        assert_eq!(with_causes(&Outer(Inner)), "request the certificate: throttled");
        let repeated = std::io::Error::other(Inner);
        assert_eq!(with_causes(&repeated), "throttled");
    }
}
