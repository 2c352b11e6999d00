//! What a rehearsal promises, and whether it was kept.

use std::time::Duration;

use serde::Serialize;

/// One promise, examined.
///
/// It is written as JSON with the keys `name`, `kept`, `seconds` and `detail`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Promise {
    /// What is promised, in a few words.
    pub name: String,
    /// Whether it was kept.
    pub kept: bool,
    /// How long it took to find out, doing what is promised included; in milliseconds' precision.
    pub seconds: f64,
    /// What was seen, or what went wrong.
    pub detail: String,
}

/// All promises of a rehearsal, in the order in which they were examined.
///
/// It is written as JSON as `{"promises": [...]}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Promises {
    /// The promises.
    pub promises: Vec<Promise>,
}

impl Promise {
    /// A promise that took this long to examine.
    #[must_use]
    pub fn new(name: &str, kept: bool, took: Duration, detail: String) -> Self {
        Self { name: name.to_owned(), kept, seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0, detail }
    }
}

impl Promises {
    /// Whether there are promises and each was kept.
    #[must_use]
    pub fn all_kept(&self) -> bool {
        !self.promises.is_empty() && self.promises.iter().all(|promise| promise.kept)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_one_document() {
        let promise = |kept| Promise::new("p", kept, Duration::from_micros(1_234_567), "d".to_owned());
        let mut promises = Promises::default();
        assert!(!promises.all_kept());
        promises.promises.push(promise(true));
        assert!(promises.all_kept());
        promises.promises.push(promise(false));
        assert!(!promises.all_kept());
        assert_eq!(
            json!(promises)["promises"][1],
            json!({"name": "p", "kept": false, "seconds": 1.235, "detail": "d"})
        );
    }
}
