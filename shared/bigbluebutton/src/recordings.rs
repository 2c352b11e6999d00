//! The recordings that a server still has.

use tokio::io::AsyncBufRead;

use crate::{
    envelope::{self, NotSuccessful},
    xml::Outline,
};

/// The query that lists recordings a server has not handed over.
pub(crate) const QUERY: &str = "state=processing,processed,published";

/// How many recordings are on a server, by state.
///
/// A server behind Scalelite keeps none: a published recording is handed over and removed. What is listed would be lost with the server. Recordings
/// in the stages before (ended, archived, checked) are not listed by BigBlueButton; the server's own [status](crate::pool_status) counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recordings {
    /// Being made.
    pub processing: u32,
    /// Made, not published yet.
    pub processed: u32,
    /// Published here, not handed over yet.
    pub published: u32,
    /// In a state of another name, or of none.
    pub unrecognised: u32,
}

impl Recordings {
    /// How many would be lost with the server.
    #[must_use]
    pub fn unfinished(&self) -> u32 {
        [self.processing, self.processed, self.published, self.unrecognised].into_iter().fold(0, u32::saturating_add)
    }
}

/// Reads the answer to `getRecordings`.
pub(crate) async fn read(answer: impl AsyncBufRead + Unpin) -> Result<Recordings, NotSuccessful> {
    envelope::read(answer, Count::default()).await.map(|count| count.0)
}

#[derive(Default)]
struct Count(Recordings, State);

#[derive(Default, Clone, Copy)]
enum State {
    Processing,
    Processed,
    Published,
    #[default]
    Unrecognised,
}

impl Outline for Count {
    fn opened(&mut self, path: &str) {
        if path == "response/recordings/recording" {
            self.1 = State::default();
        }
    }

    fn closed(&mut self, path: &str, text: &str) {
        match path {
            "response/recordings/recording/state" => {
                self.1 = match text {
                    "processing" => State::Processing,
                    "processed" => State::Processed,
                    "published" => State::Published,
                    _ => State::Unrecognised,
                }
            }
            "response/recordings/recording" => {
                let Recordings { processing, processed, published, unrecognised } = &mut self.0;
                let count = match self.1 {
                    State::Processing => processing,
                    State::Processed => processed,
                    State::Published => published,
                    State::Unrecognised => unrecognised,
                };
                *count = count.saturating_add(1);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    fn parsed(answer: &str) -> Result<Recordings, NotSuccessful> {
        read(answer.as_bytes()).now_or_never().unwrap()
    }

    #[test]
    fn none() {
        let answer =
            "<response><returncode>SUCCESS</returncode><recordings/><messageKey>noRecordings</messageKey></response>";
        assert_eq!(parsed(answer), Ok(Recordings::default()));
        assert_eq!(Recordings::default().unfinished(), 0);
    }

    #[test]
    fn states_are_counted_and_unknown_ones_too() {
        let answer = "<response><returncode>SUCCESS</returncode><recordings>\
            <recording><state>processing</state></recording><recording><state>processing</state></recording>\
            <recording><metadata><state>processing</state></metadata><state>processed</state></recording>\
            <recording><state>published</state><state>published</state></recording>\
            <recording><state>unpublished</state></recording><recording/>\
            </recordings></response>";
        let expected = Recordings { processing: 2, processed: 1, published: 1, unrecognised: 2 };
        assert_eq!(parsed(answer), Ok(expected));
        assert_eq!(expected.unfinished(), 6);
    }

    proptest! {
        #[test]
        fn every_recording_counts(states in proptest::collection::vec("[a-z]{0,12}|processing|processed|published", 0..20)) {
            let listed: String = states.iter().map(|state| format!("<recording><state>{state}</state></recording>")).collect();
            let answer = format!("<response><returncode>SUCCESS</returncode><recordings>{listed}</recordings></response>");
            let count = usize::try_from(parsed(&answer).unwrap().unfinished()).unwrap();
            prop_assert_eq!(count, states.len());
        }
    }
}
