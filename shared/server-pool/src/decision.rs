//! What is decided.

use serde::{Deserialize, Serialize};

use crate::{Action, InstanceId, Metrics, State};

/// What is to be done, and how things stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What is to be done, the most urgent first: heartbeats, then what keeps new meetings from servers that are to leave, then the rest.
    pub actions: Vec<Action>,
    /// All servers, the pool's and others, by name.
    pub servers: Vec<Server>,
    /// The pool in numbers.
    pub metrics: Metrics,
    /// What the operator should know besides, as sentences.
    pub remarks: Vec<String>,
}

/// How a server stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its instance, if its name is one of the pool's.
    pub instance: Option<InstanceId>,
    /// Its host name, or its URL in Scalelite if it is not one of the pool's.
    pub name: String,
    /// Its state. As text it says why.
    pub state: State,
}
