//! What a handler can say about the work it was given.

use std::time::Duration;

/// The resource stands as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready<A> {
    pub(crate) physical_id: String,
    pub(crate) attributes: A,
    pub(crate) no_echo: bool,
    pub(crate) reason: Option<String>,
}

impl<A> Ready<A> {
    /// A resource with this physical id (what `Ref` gives, 1 to 1024 bytes) and these attributes (what `Fn::GetAtt` gives).
    ///
    /// On Update another id than the current one means replacement: CloudFormation will send a Delete for the current one later.
    pub fn new(physical_id: impl Into<String>, attributes: A) -> Self {
        Self { physical_id: physical_id.into(), attributes, no_echo: false, reason: None }
    }

    /// Masks the attributes wherever CloudFormation shows them. It does not mask the physical id.
    #[must_use]
    pub fn no_echo(mut self) -> Self {
        self.no_echo = true;
        self
    }

    /// A remark for the stack's events, such as "nothing to change".
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// Not done yet: the handler is to be called again with the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub(crate) waiting_for: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Pending {
    /// Waiting for what the text says. It becomes the reason of the failure when time runs out, so it should say what to do.
    pub fn new(waiting_for: impl Into<String>) -> Self {
        Self { waiting_for: waiting_for.into(), retry_after: None }
    }

    /// When to look again; without it the pauses grow from one second to fifteen.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }
}

/// The result of [`create`](crate::Resource::create) and [`update`](crate::Resource::update).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<A> {
    /// Done.
    Ready(Ready<A>),
    /// To be continued.
    Pending(Pending),
}

impl<A> From<Ready<A>> for Outcome<A> {
    fn from(ready: Ready<A>) -> Self {
        Outcome::Ready(ready)
    }
}

impl<A> From<Pending> for Outcome<A> {
    fn from(pending: Pending) -> Self {
        Outcome::Pending(pending)
    }
}

/// The result of [`delete`](crate::Resource::delete).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone, was gone before, or was never ours.
    Deleted,
    /// To be continued.
    Pending(Pending),
}

impl From<Pending> for Deletion {
    fn from(pending: Pending) -> Self {
        Deletion::Pending(pending)
    }
}
