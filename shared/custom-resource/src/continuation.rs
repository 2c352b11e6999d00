//! Carrying a wait on into another invocation of the same function.

use std::{error::Error, future::Future, pin::Pin};

use serde::{Deserialize, Serialize};

use crate::request::Progress;

/// How many further invocations one request may take.
///
/// With the function's time-out at its maximum of 900 seconds five suffice for CloudFormation's hour, and they stay far from the
/// sixteen after which Lambda's recursion guard stops a chain.
pub const MAX_HOPS: u32 = 5;

/// The event's key under which the continuation travels; CloudFormation sends no such key.
pub(crate) const KEY: &str = "Continuation";

/// What a later invocation must know of the earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Continuation {
    /// 1 for the first continuation.
    pub(crate) hop: u32,
    /// When the request was first seen, in milliseconds since 1970.
    pub(crate) started_epoch_ms: u64,
    /// When CloudFormation must have its answer, in milliseconds since 1970.
    pub(crate) ends_epoch_ms: u64,
    /// What the handler recorded.
    pub(crate) progress: Progress,
    /// What the wait was for.
    pub(crate) waiting_for: String,
}

/// The result of [`Reinvoke::reinvoke`], to come.
pub type Reinvoked<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Invokes the function that is running once more, asynchronously.
///
/// The crate knows no AWS service; a function implements this with Lambda's `Invoke` and invocation type `Event`. The event holds the
/// response URL: it must not be logged.
pub trait Reinvoke: Send + Sync + 'static {
    /// Hands `event` (JSON) to a new invocation of this function.
    ///
    /// # Errors
    /// Whatever kept the event from being accepted; the request is then answered FAILED with it.
    fn reinvoke<'a>(&'a self, event: &'a [u8]) -> Reinvoked<'a>;
}
