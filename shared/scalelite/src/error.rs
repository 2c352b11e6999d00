//! What can go wrong with a call.

use bigbluebutton::{NotAnAddress, TransportError};

/// Why a call did not succeed. Nothing that Scalelite said is repeated: it might be what was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings name no address.
    #[error("read Scalelite's address")]
    Address(#[from] NotAnAddress),
    /// No answer.
    #[error("call Scalelite")]
    Transport(#[from] TransportError),
    /// An answer of something in front of Scalelite, or of one of its crashes.
    #[error("Scalelite answered {call} with HTTP status {status} and nothing of its own")]
    Unusable {
        /// The call.
        call: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// What stands in front of Scalelite did not let the call through: the header's secret is missing or another, or the host's name is.
    #[error("the call {call} was not let through to Scalelite: HTTP status {status}")]
    NotLetThrough {
        /// The call.
        call: &'static str,
        /// The HTTP status: 401 or 403.
        status: u16,
    },
    /// Scalelite says that it failed, in no words that are known.
    #[error("Scalelite failed to carry out {call}")]
    Failed {
        /// The call.
        call: &'static str,
    },
    /// JSON that is not what this call answers.
    #[error("what Scalelite answered to {call} is not of the form that is known")]
    Malformed {
        /// The call.
        call: &'static str,
    },
    /// Scalelite has another secret. Asking again does not help; somebody has to be told.
    #[error("Scalelite has another secret: LOADBALANCER_SECRET is not what was configured here")]
    WrongSecret,
    /// Scalelite does not know the call, or not in this form: its version is not one that this client is for.
    #[error("Scalelite does not know the call {call}")]
    NotUnderstood {
        /// The call.
        call: &'static str,
    },
    /// Scalelite refused the call.
    #[error("Scalelite refused {call}: {refusal}")]
    Refused {
        /// The call.
        call: &'static str,
        /// Why.
        refusal: Refusal,
    },
    /// Scalelite names servers by their host, and another URL of the same host is on the list.
    #[error("Scalelite already has a server {id} with another URL")]
    IdTaken {
        /// The server's id.
        id: String,
    },
    /// The call may have taken effect. The list of servers tells, when it can be read.
    #[error("it is not known whether {call} took effect")]
    OutcomeUnknown {
        /// The call.
        call: &'static str,
        /// What happened to it.
        #[source]
        source: Box<Error>,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport(
                TransportError::Client(_) | TransportError::NoCertificate | TransportError::TooLarge { .. },
            ) => false,
            Self::Transport(_) | Self::Unusable { .. } | Self::Failed { .. } | Self::OutcomeUnknown { .. } => true,
            Self::Address(_)
            | Self::NotLetThrough { .. }
            | Self::Malformed { .. }
            | Self::WrongSecret
            | Self::NotUnderstood { .. }
            | Self::Refused { .. }
            | Self::IdTaken { .. } => false,
        }
    }

    /// Whether the call certainly changed nothing.
    pub(crate) fn means_no_effect(&self) -> bool {
        match self {
            Self::Transport(TransportError::Client(_) | TransportError::NoCertificate | TransportError::Connect(_))
            | Self::Address(_)
            | Self::NotLetThrough { .. }
            | Self::WrongSecret
            | Self::NotUnderstood { .. }
            | Self::Refused { .. }
            | Self::IdTaken { .. } => true,
            Self::Transport(_)
            | Self::Unusable { .. }
            | Self::Failed { .. }
            | Self::Malformed { .. }
            | Self::OutcomeUnknown { .. } => false,
        }
    }
}

/// Why Scalelite refused a call, of the reasons that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no server on its list.
    #[error("no servers are configured")]
    NoServers,
    /// There is no server with this id.
    #[error("it has no such server")]
    NoSuchServer,
    /// The server was deleted by somebody else while the call was carried out.
    #[error("the server was deleted meanwhile")]
    Deleted,
    /// One of the server's meetings did not end; its record is gone all the same. Call again.
    #[error("a meeting did not end")]
    MeetingNotEnded,
    /// Something else.
    #[error("HTTP status {0}")]
    Other(u16),
}
