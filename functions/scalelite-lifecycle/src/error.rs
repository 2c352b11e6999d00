//! Why a request was not answered.

use std::sync::Arc;

use function_runtime::AwsError;

use crate::request::RequestError;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is no request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Without the group nothing can be decided; everything stays as it is.
    #[error("the Auto Scaling group {group} could not be read: {why}")]
    Group {
        /// The group.
        group: String,
        /// Why.
        why: String,
    },
    /// The time was up. What was done stays done.
    #[error("there was no time left")]
    Late,
    /// A mistake in this program; the log says where.
    #[error("the function panicked")]
    Panicked,
    /// The text names no server.
    #[error("{0:?} is neither the id of an instance (i-...) nor the name of a server (vc-...)")]
    NotAServer(String),
    /// The group has no such server.
    #[error("the Auto Scaling group {group} has no instance {server}; \"list\" says which there are")]
    NoSuchServer {
        /// The group.
        group: String,
        /// The instance.
        server: String,
    },
    /// What the operator wants could not be written down.
    #[error("tag the instance with what is wanted of it")]
    Wish(#[source] Arc<AwsError>),
}
