//! What Auto Scaling and EC2 say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
};

use serde::{Deserialize, Serialize};

use crate::{InstanceId, Moment};

/// An Auto Scaling group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// How many instances it is to have in service.
    pub desired: u32,
    /// Never fewer.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// What it launches today, `$Latest` and `$Default` resolved; `None` if it has no launch template.
    pub launch_template: Option<LaunchTemplate>,
    /// Its instances, those of its warm pool and the retained ones included.
    pub members: BTreeMap<InstanceId, Member>,
}

/// A version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchTemplate {
    /// `lt-...`.
    pub id: String,
    /// Its number.
    pub version: u64,
}

/// An instance as its group sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Where it is in its life.
    pub lifecycle: Lifecycle,
    /// Whether the group thinks it healthy; it replaces it by itself if not.
    pub healthy: bool,
    /// The availability zone.
    pub zone: String,
    /// What it was launched from; `None` if from something else, or attached by hand.
    pub launch_template: Option<LaunchTemplate>,
}

/// An instance as EC2 sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Its state.
    pub state: InstanceState,
    /// When it was launched, or last started.
    pub launched: Moment,
    /// Its public addresses, as they are to stand in DNS.
    pub addresses: BTreeSet<IpAddr>,
    /// The group that it carries in Auto Scaling's own tag `aws:autoscaling:groupName`, which nobody else can write.
    pub group: Option<String>,
    /// The tags whose keys begin with [`tag::PREFIX`](crate::tag::PREFIX), as they are.
    pub tags: BTreeMap<String, String>,
}

/// EC2's instance states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "EC2's own words")]
pub enum InstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

/// Where an instance is in its group's life cycle; written as Auto Scaling writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[allow(missing_docs, reason = "Auto Scaling's own words")]
pub enum Lifecycle {
    Pending,
    PendingWait,
    PendingProceed,
    InService,
    EnteringStandby,
    Standby,
    Detaching,
    Detached,
    Terminating,
    TerminatingWait,
    TerminatingProceed,
    /// The termination hook ran out or was abandoned, and the group's policy is to keep such instances until told otherwise.
    TerminatingRetained,
    Terminated,
    /// In the warm pool.
    Warmed(Warmed),
    /// Something that this crate has no use for, such as the states of a root volume's replacement: such an instance is left alone.
    Other,
}

/// Where an instance is in the warm pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "Auto Scaling's own words")]
pub enum Warmed {
    Pending,
    PendingWait,
    PendingProceed,
    Running,
    Stopped,
    Hibernated,
    Terminating,
    TerminatingWait,
    TerminatingProceed,
    TerminatingRetained,
    Terminated,
}

/// All life-cycle states that have a name here.
const LIFECYCLES: [(Lifecycle, &str); 24] = [
    (Lifecycle::Pending, "Pending"),
    (Lifecycle::PendingWait, "Pending:Wait"),
    (Lifecycle::PendingProceed, "Pending:Proceed"),
    (Lifecycle::InService, "InService"),
    (Lifecycle::EnteringStandby, "EnteringStandby"),
    (Lifecycle::Standby, "Standby"),
    (Lifecycle::Detaching, "Detaching"),
    (Lifecycle::Detached, "Detached"),
    (Lifecycle::Terminating, "Terminating"),
    (Lifecycle::TerminatingWait, "Terminating:Wait"),
    (Lifecycle::TerminatingProceed, "Terminating:Proceed"),
    (Lifecycle::TerminatingRetained, "Terminating:Retained"),
    (Lifecycle::Terminated, "Terminated"),
    (Lifecycle::Warmed(Warmed::Pending), "Warmed:Pending"),
    (Lifecycle::Warmed(Warmed::PendingWait), "Warmed:Pending:Wait"),
    (Lifecycle::Warmed(Warmed::PendingProceed), "Warmed:Pending:Proceed"),
    (Lifecycle::Warmed(Warmed::Running), "Warmed:Running"),
    (Lifecycle::Warmed(Warmed::Stopped), "Warmed:Stopped"),
    (Lifecycle::Warmed(Warmed::Hibernated), "Warmed:Hibernated"),
    (Lifecycle::Warmed(Warmed::Terminating), "Warmed:Terminating"),
    (Lifecycle::Warmed(Warmed::TerminatingWait), "Warmed:Terminating:Wait"),
    (Lifecycle::Warmed(Warmed::TerminatingProceed), "Warmed:Terminating:Proceed"),
    (Lifecycle::Warmed(Warmed::TerminatingRetained), "Warmed:Terminating:Retained"),
    (Lifecycle::Warmed(Warmed::Terminated), "Warmed:Terminated"),
];

impl Lifecycle {
    /// As Auto Scaling writes it; `Other` for what has no name here.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        LIFECYCLES.iter().find(|(state, _)| *state == self).map_or("Other", |(_, name)| name)
    }

    /// What Auto Scaling wrote; a state that this crate does not know is [`Lifecycle::Other`].
    #[must_use]
    pub fn of(name: &str) -> Self {
        LIFECYCLES.iter().find(|(_, known)| *known == name).map_or(Self::Other, |(state, _)| *state)
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl From<String> for Lifecycle {
    fn from(name: String) -> Self {
        Self::of(&name)
    }
}

impl From<Lifecycle> for String {
    fn from(state: Lifecycle) -> Self {
        state.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn life_cycle_states_are_read_as_auto_scaling_writes_them() {
        for (state, name) in LIFECYCLES {
            assert_eq!(Lifecycle::of(name), state);
            assert_eq!(state.to_string(), name);
        }
        assert_eq!(Lifecycle::of("ReplacingRootVolume:Wait"), Lifecycle::Other);
    }
}
