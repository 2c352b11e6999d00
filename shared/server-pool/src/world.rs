//! What was observed: a dump of the world at one moment, source by source, that can be written as JSON and read again.
//!
//! Nothing in it is secret, and nothing in it is concluded: what follows from it is [`decide`](crate::decide)'s business.

mod amazon;
mod record;
mod registration;
mod server;

use std::collections::BTreeMap;

pub use amazon::{Group, Instance, InstanceState, LaunchTemplate, Lifecycle, Member, Warmed};
pub use record::{Owner, Record};
pub use registration::{Mark, Registration, RegistrationState, Secret};
use serde::{Deserialize, Serialize};
pub use server::{Answer, Meeting, Meetings, Status};

use crate::{InstanceId, Moment};

/// The world at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// The wall clock when the observation began. It may jump.
    pub now: Moment,
    /// The Auto Scaling group with its warm pool.
    pub group: Reading<Group>,
    /// What EC2 says of the group's instances, and of those whose id is in the name of a [record](Self::records) or the URL of a
    /// [registration](Self::scalelite). EC2 forgets a terminated instance after about an hour.
    pub instances: Reading<BTreeMap<InstanceId, Instance>>,
    /// The DNS records of all names `vc-*.<domain>`, ours or not.
    pub records: Reading<Vec<Record>>,
    /// Scalelite's servers, ours or not. An empty list is `Known` and empty.
    pub scalelite: Reading<Vec<Registration>>,
    /// What the servers say of themselves. Nothing here of a server means that it was not asked.
    #[serde(default)]
    pub answers: BTreeMap<InstanceId, Answer>,
}

/// Something that was asked for as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading<T> {
    /// The whole answer, never a part of it.
    Known(T),
    /// The answer is that there is no such thing: the group does not exist yet, or no longer.
    Absent,
    /// No answer, or not the whole.
    Failed {
        /// Why, without any secret.
        why: String,
    },
}

impl<T> Reading<T> {
    /// The whole answer, if there is one.
    #[must_use]
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Failed { .. } => None,
        }
    }

    /// Whether there is a whole answer.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.known().is_some()
    }
}
