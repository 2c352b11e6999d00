//! What can go wrong with a question to a server.

use crate::{Failure, TransportError, envelope::NotSuccessful};

/// Why nothing is known of a server. None of it means that the server is empty.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("ask the BigBlueButton server")]
    Transport(#[from] TransportError),
    /// An answer of something in front of BigBlueButton: 502 while it starts, for instance.
    #[error("the BigBlueButton server answered with HTTP status {0}")]
    Status(u16),
    /// Not an answer of BigBlueButton, or not a whole one.
    #[error("what the BigBlueButton server answered is not one of its answers")]
    Malformed,
    /// The server has another secret.
    #[error("the BigBlueButton server has another secret")]
    WrongSecret,
    /// The server refused for another reason.
    #[error("the BigBlueButton server refused the call")]
    Refused,
}

impl From<NotSuccessful> for Error {
    fn from(reason: NotSuccessful) -> Self {
        match reason {
            NotSuccessful::Malformed => Self::Malformed,
            NotSuccessful::Failed(Failure::Checksum) => Self::WrongSecret,
            NotSuccessful::Failed(Failure::Unsupported | Failure::Other) => Self::Refused,
        }
    }
}
