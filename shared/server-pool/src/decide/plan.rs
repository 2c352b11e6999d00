//! What is to be done for one server.

use std::borrow::Cow;

use super::Subject;
use crate::{Action, InstanceId, Moment, Step, tag};

/// The actions for one server, in their order.
#[derive(Debug)]
pub(super) struct Plan {
    server: InstanceId,
    pub(super) actions: Vec<Action>,
}

impl Plan {
    pub(super) fn new(server: InstanceId) -> Self {
        Self { server, actions: Vec::new() }
    }

    /// Does this, because of that.
    pub(super) fn act(&mut self, step: Step, reason: impl Into<Cow<'static, str>>) {
        self.actions.push(Action { server: self.server.clone(), step, reason: reason.into() });
    }

    /// Remembers the moment.
    pub(super) fn tag(&mut self, key: &'static str, at: Moment, reason: &'static str) {
        self.act(Step::Tag { key: Cow::Borrowed(key), at }, reason);
    }

    /// Forgets the moment, if there is one to forget.
    pub(super) fn untag(&mut self, subject: &Subject<'_>, key: &'static str, reason: &'static str) {
        let untag = Step::Untag { key: Cow::Borrowed(key) };
        if subject.has_tag(key) && self.actions.iter().all(|action| action.step != untag) {
            self.act(untag, reason);
        }
    }

    /// Forgets everything about leaving, as it does not leave.
    pub(super) fn stay(&mut self, subject: &Subject<'_>) {
        for key in [tag::FINISHED, tag::EMPTY, tag::OVERDUE, tag::DRAINING] {
            self.untag(subject, key, "it does not leave");
        }
    }
}
