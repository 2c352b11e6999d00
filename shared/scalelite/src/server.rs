//! What Scalelite says of a server.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de::Error as _};

/// A server on Scalelite's list.
#[derive(Debug, Clone, Deserialize)]
pub struct Server {
    /// A UUID, or with `SERVER_ID_IS_HOSTNAME=true` the URL's host in lower case.
    pub id: String,
    /// The address of the server's API, exactly as it was added.
    pub url: String,
    /// The secret that Scalelite signs its calls to the server with.
    #[serde(deserialize_with = "secret")]
    pub secret: SecretString,
    /// What Scalelite was told, or did by itself: its poller turns a cordoned server without load into a disabled one.
    pub state: State,
    /// Whether the poller reaches it.
    pub online: Availability,
    /// The weight that new meetings are distributed by; [`None`] until it was polled. It counts moderators twice, and is no number of people.
    #[serde(deserialize_with = "load")]
    pub load: Option<f64>,
    /// Only meetings that ask for this tag are created on a server that has one.
    #[serde(default, deserialize_with = "tag")]
    pub tag: Option<String>,
}

/// A server's state as it is reported. What a change is called is another word: [`StateChange`](crate::StateChange).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Takes new meetings, once it is online.
    Enabled,
    /// Takes no new meetings; those that run go on, and people can join them.
    Cordoned,
    /// Takes nothing, and nobody can join what still runs.
    Disabled,
}

/// Whether Scalelite's poller reaches a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Availability {
    /// At the last poll.
    Online,
    /// Not yet, or no longer: then its meeting records are gone.
    Offline,
}

impl Server {
    /// Whether new meetings can be created on it: it is enabled, was polled, and has no tag.
    #[must_use]
    pub fn takes_meetings(&self) -> bool {
        self.state == State::Enabled && self.online == Availability::Online && self.load.is_some() && self.tag.is_none()
    }

    /// Whether Scalelite signs its calls to it with this secret.
    #[must_use]
    pub fn has_secret(&self, secret: &SecretString) -> bool {
        self.secret.expose_secret() == secret.expose_secret()
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

fn tag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|tag| !tag.is_empty()))
}

/// A number, or the string `unavailable`.
fn load<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Load {
        Number(f64),
        Word(String),
    }
    match Load::deserialize(deserializer)? {
        Load::Number(number) => Ok(Some(number)),
        Load::Word(word) if word == "unavailable" => Ok(None),
        Load::Word(word) => word.parse().map(Some).map_err(|_not_shown| D::Error::custom("expected a number")),
    }
}
