//! What the endpoint is told, and what it tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

/// A line of standard input.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// The first: as whom to speak TLS. Answered with [`Ports`].
    Open(Setting),
    /// Plays another script and forgets what was played before. Answered with `null`.
    Play(Script),
    /// Asks what was played since. Answered with [`Played`].
    Take,
}

/// Keys and certificates, as PEM files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Setting {
    /// As AWS.
    pub aws: Identity,
    /// As Scalelite and the servers, through the proxy.
    pub servers: Identity,
}

/// A key, and the chain of certificates that is sent with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Identity {
    /// The certificates, the identity's own first.
    pub chain: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Where the endpoint listens, on 127.0.0.1.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Ports {
    /// AWS.
    pub aws: u16,
    /// CloudFormation's presigned URLs.
    pub answers: u16,
    /// The proxy to everybody else.
    pub proxy: u16,
}

/// What to answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Script {
    /// The first that fits is played.
    pub rules: Vec<Rule>,
    /// Names to which the proxy refuses a connection.
    pub refusing: BTreeSet<String>,
    /// Names to which a connection is never made.
    pub hanging: BTreeSet<String>,
}

/// One answer, and to what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rule {
    /// What the call is counted as.
    pub call: String,
    /// Texts that all have to stand in the request: in its line, its headers or its body.
    pub request: Vec<String>,
    /// The HTTP status.
    pub status: u16,
    /// The headers, besides those that say how long the body is.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// What was played.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Played {
    /// How often each call was answered.
    pub calls: BTreeMap<String, u64>,
    /// The bodies that were `PUT` to presigned URLs, in order.
    pub answers: Vec<String>,
    /// The first lines of requests that no rule fits.
    pub unknown: Vec<String>,
    /// How many TLS connections were made.
    pub connections: u64,
    /// How many connections of any kind were open at the same time, at most.
    pub most_open: u64,
}
