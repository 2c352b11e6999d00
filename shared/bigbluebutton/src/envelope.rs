//! What every answer is wrapped in: `<response><returncode>`, and on failure a `<messageKey>`, always with HTTP status 200.

use tokio::io::AsyncBufRead;

use crate::xml::{self, Malformed, Outline};

/// Why a BigBlueButton server, or Scalelite, refused a call. Their words are not kept: they may repeat what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// `checksumError`: the two sides do not have the same secret.
    Checksum,
    /// `unsupportedRequest` or `unsupportedContentType`: no such call, or not in this form.
    Unsupported,
    /// Anything else.
    Other,
}

impl Failure {
    /// Reads the failure out of an answer; `None` when it tells of none.
    pub async fn read(answer: impl AsyncBufRead + Unpin) -> Option<Self> {
        match read(answer, Nothing).await {
            Err(NotSuccessful::Failed(failure)) => Some(failure),
            Ok(_) | Err(NotSuccessful::Malformed) => None,
        }
    }

    fn of_message_key(key: &str) -> Self {
        match key {
            "checksumError" => Self::Checksum,
            "unsupportedRequest" | "unsupportedContentType" => Self::Unsupported,
            _ => Self::Other,
        }
    }
}

/// Why there is nothing to be had from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotSuccessful {
    Failed(Failure),
    /// Not an answer of this API, or not all of one.
    Malformed,
}

/// Reads an answer into `outline`, which is only returned when the answer is whole and says `SUCCESS`.
pub(crate) async fn read<R, O>(answer: R, outline: O) -> Result<O, NotSuccessful>
where
    R: AsyncBufRead + Unpin,
    O: Outline,
{
    let mut envelope = Envelope { succeeded: false, failed: false, failure: Failure::Other, outline };
    match xml::walk(answer, &mut envelope).await {
        Ok(()) if envelope.failed => Err(NotSuccessful::Failed(envelope.failure)),
        Ok(()) if envelope.succeeded => Ok(envelope.outline),
        Ok(()) | Err(Malformed) => Err(NotSuccessful::Malformed),
    }
}

struct Envelope<O> {
    succeeded: bool,
    failed: bool,
    failure: Failure,
    outline: O,
}

impl<O: Outline> Outline for Envelope<O> {
    fn opened(&mut self, path: &str) {
        self.outline.opened(path);
    }

    fn closed(&mut self, path: &str, text: &str) {
        match path {
            // Said twice, the bad news holds.
            "response/returncode" => match text {
                "SUCCESS" => self.succeeded = true,
                _ => self.failed = true,
            },
            "response/messageKey" => self.failure = Failure::of_message_key(text),
            _ => self.outline.closed(path, text),
        }
    }
}

struct Nothing;

impl Outline for Nothing {
    fn opened(&mut self, _: &str) {}

    fn closed(&mut self, _: &str, _: &str) {}
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn failure(answer: &str) -> Option<Failure> {
        Failure::read(answer.as_bytes()).now_or_never().unwrap()
    }

    #[test]
    fn failures_are_known_by_their_keys() {
        for (key, expected) in [
            ("checksumError", Failure::Checksum),
            ("unsupportedRequest", Failure::Unsupported),
            ("unsupportedContentType", Failure::Unsupported),
            ("internalError", Failure::Other),
            ("", Failure::Other),
        ] {
            let answer = format!("<response><returncode>FAILED</returncode><messageKey>{key}</messageKey></response>");
            assert_eq!(failure(&answer), Some(expected), "{key}");
        }
        assert_eq!(failure("<response><returncode>FAILED</returncode></response>"), Some(Failure::Other));
    }

    #[test]
    fn only_a_failure_is_one() {
        for answer in [
            "<response><returncode>SUCCESS</returncode></response>",
            "<response><metadata><returncode>FAILED</returncode></metadata><returncode>SUCCESS</returncode></response>",
            "<other><returncode>FAILED</returncode></other>",
            "<response><returncode>FAILED</returncode>",
            "FAILED",
            "",
        ] {
            assert_eq!(failure(answer), None, "{answer}");
        }
    }

    #[test]
    fn success_has_to_be_said_and_not_taken_back() {
        for answer in [
            "<response></response>",
            "<response><returncode></returncode></response>",
            "<response><returncode>success</returncode></response>",
            "<response><returncode>SUCCESS</returncode><returncode>FAILED</returncode></response>",
            "<response><returncode>FAILED</returncode><returncode>SUCCESS</returncode></response>",
            "<a><response><returncode>SUCCESS</returncode></response></a>",
        ] {
            assert!(read(answer.as_bytes(), Nothing).now_or_never().unwrap().is_err(), "{answer}");
        }
    }
}
