//! What is to be done.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{InstanceId, Moment, Record};

/// Something to be done for one server, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The server's instance, even if it has ended. The actions for one server are done in their order, one after another, and after one
    /// that failed the rest is left for the next tick; those for different servers do not wait for each other.
    pub server: InstanceId,
    /// What is to be done.
    pub step: Step,
    /// Why, as a sentence.
    pub reason: Cow<'static, str>,
}

/// One thing to be done. Each can be repeated without harm, and each may already have been done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Tell Auto Scaling to go on waiting before it ends the instance (`RecordLifecycleActionHeartbeat`). Its failure does not keep the
    /// server's other actions from being done.
    Heartbeat,
    /// Write a tag of the instance.
    Tag {
        /// One of the keys in [`tag`](crate::tag).
        key: Cow<'static, str>,
        /// The value: a moment.
        at: Moment,
    },
    /// Remove a tag of the instance.
    Untag {
        /// One of the keys in [`tag`](crate::tag).
        key: Cow<'static, str>,
    },
    /// Write the name's A, AAAA and TXT records as they are here, in one change; a type for which there is nothing is removed.
    WriteRecord(Record),
    /// Remove the name's A, AAAA and TXT records in one change, if they still say this.
    RemoveRecord(Record),
    /// Register the server in Scalelite under this URL with the pool's secret (`addServer`), then enable it. An unknown outcome is for the
    /// next tick.
    Register {
        /// The URL.
        url: String,
    },
    /// Give a registration the pool's secret (`updateServer`).
    UpdateSecret {
        /// Scalelite's id.
        id: String,
    },
    /// Let a registered server have new meetings (`updateServer` with the state `enable` and this tag in one call).
    Enable {
        /// Scalelite's id.
        id: String,
        /// The tag to leave there.
        tag: String,
    },
    /// Let a registered server have no new meetings (`updateServer` with the state `cordon` and this tag in one call).
    Cordon {
        /// Scalelite's id.
        id: String,
        /// The tag to leave there.
        tag: String,
    },
    /// Delete a registration: `panicServer` until it answers 200, within bounds, then `deleteServer`. It fails unless both were done.
    Deregister {
        /// Scalelite's id.
        id: String,
        /// Whether the server is to be asked once more just before, and nothing is to be done if it lists a meeting: since the observation
        /// one may have begun. If it does not answer, it is deregistered.
        unless_in_use: bool,
    },
    /// Let Auto Scaling take the instance into service, or into the warm pool (`CompleteLifecycleAction` of the launch hook, `CONTINUE`).
    CompleteLaunch,
    /// Let Auto Scaling end the instance (`CompleteLifecycleAction` of the termination hook, `CONTINUE`).
    CompleteTermination,
    /// Take the instance out of service without ending it, so that the group launches another (`EnterStandby`).
    EnterStandby {
        /// Whether the group becomes one smaller instead (`ShouldDecrementDesiredCapacity`).
        decrement: bool,
    },
    /// Take the instance back into service; the group becomes one larger (`ExitStandby`).
    ExitStandby,
    /// Let Auto Scaling end the instance (`TerminateInstanceInAutoScalingGroup` without changing the group's size), which begins its
    /// termination hook unless the instance is retained.
    Terminate,
}
