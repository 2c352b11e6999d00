//! Why a promise was not kept.

/// A promise that was not kept, in words for people: it ends in the report and nowhere else.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

impl<E: std::error::Error> From<E> for Broken {
    /// The error with everything that it came from.
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let words = cause.to_string();
            // A transparent error repeats the words of its source.
            if !text.ends_with(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            source = cause.source();
        }
        Self(text)
    }
}

/// Breaks a promise unless `condition` holds.
pub(super) fn ensure(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), Broken> {
    if condition { Ok(()) } else { Err(Broken(otherwise())) }
}
