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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn server() -> Value {
        json!({
            "id": "vc-a.example.org",
            "url": "https://vc-a.example.org/bigbluebutton/api/",
            "secret": "hunter2",
            "tag": "",
            "bbb_version": "",
            "state": "enabled",
            "load": 4.0,
            "load_multiplier": "1.0",
            "online": "online",
        })
    }

    fn with(field: &str, value: Value) -> Result<Server, serde_json::Error> {
        let mut server = server();
        server[field] = value;
        serde_json::from_str(&server.to_string())
    }

    #[test]
    fn a_server_as_it_is_listed() {
        let read: Server = serde_json::from_value(server()).unwrap();
        assert_eq!(
            (read.state, read.online, read.load, &read.tag),
            (State::Enabled, Availability::Online, Some(4.0), &None)
        );
        assert!(read.takes_meetings() && read.has_secret(&"hunter2".into()) && !read.has_secret(&"hunter".into()));
        assert!(!format!("{read:?}").contains("hunter2"));
    }

    #[test]
    fn what_takes_no_meetings() {
        for (field, value) in [
            ("state", json!("cordoned")),
            ("state", json!("disabled")),
            ("online", json!("offline")),
            ("load", json!("unavailable")),
            ("tag", json!("draining")),
        ] {
            assert!(!with(field, value.clone()).unwrap().takes_meetings(), "{field} {value}");
        }
    }

    #[test]
    fn loads_and_tags_come_in_several_forms() {
        assert_eq!(with("load", json!(17)).unwrap().load, Some(17.0));
        assert_eq!(with("load", json!("17.5")).unwrap().load, Some(17.5));
        assert_eq!(with("load", json!("unavailable")).unwrap().load, None);
        assert_eq!(with("tag", Value::Null).unwrap().tag, None);
        assert_eq!(with("tag", json!("gpu")).unwrap().tag.as_deref(), Some("gpu"));
        let mut without = server();
        without.as_object_mut().unwrap().remove("tag");
        assert_eq!(serde_json::from_value::<Server>(without).unwrap().tag, None);
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        for (field, value) in [
            ("state", json!("enable")),
            ("state", json!("maintenance")),
            ("state", Value::Null),
            ("online", json!(true)),
            ("load", json!("much")),
            ("load", Value::Null),
            ("id", json!(7)),
            ("url", Value::Null),
            ("secret", Value::Null),
        ] {
            let error = with(field, value.clone()).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{field} {value}: {error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fall_over(bytes: Vec<u8>, text in "[\\[\\]{}\":,a-z0-9. ]{0,80}") {
            let _either = serde_json::from_slice::<Vec<Server>>(&bytes);
            let _either = serde_json::from_str::<Vec<Server>>(&text);
        }
    }
}
