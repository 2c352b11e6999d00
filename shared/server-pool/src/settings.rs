//! What the operator chooses.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{InstanceId, moment::optional_seconds};

/// How the pool is to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Auto Scaling group's name.
    pub group: String,
    /// Servers are `vc-<instance>.<domain>`; in lower case, without a final dot.
    pub domain: String,
    /// What stands in the owner records: something that no other deployment has, such as the id of the stack.
    pub owner: String,
    /// How many participants a server can take.
    pub seats_per_server: u32,
    /// How long a server may take to become empty. After that its meetings are ended and its recordings given up. `None` waits for ever.
    #[serde(with = "optional_seconds")]
    pub drain_deadline: Option<Duration>,
    /// How many servers are replaced at once because they are outdated; 0 leaves that to somebody else.
    pub replace_at_once: u32,
    /// How much is done in one tick.
    pub limits: Limits,
}

/// How much is done in one tick, so that it ends within the function's time. What is left over comes in the next one; those who wait take turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Servers that are registered or enabled.
    pub registrations: u32,
    /// Registrations that are deleted; each may take seconds for each meeting that Scalelite still has on a dead server.
    pub removals: u32,
    /// DNS names that are written or removed.
    pub records: u32,
}

impl Settings {
    /// Settings with the defaults for everything that has one: 200 seats, 24 hours to drain, four servers replaced at
    /// once.
    #[must_use]
    pub fn new(group: String, domain: String, owner: String) -> Self {
        Self {
            group,
            domain,
            owner,
            seats_per_server: 200,
            drain_deadline: Some(Duration::from_hours(24)),
            replace_at_once: 4,
            limits: Limits { registrations: 100, removals: 10, records: 100 },
        }
    }

    /// The URL with which a server is registered.
    #[must_use]
    pub fn url(&self, instance: &InstanceId) -> String {
        format!("https://{}/bigbluebutton/api/", instance.host(&self.domain))
    }
}
