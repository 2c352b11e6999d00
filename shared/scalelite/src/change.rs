//! What can be changed about a server.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

/// The tag of a server that is being emptied.
pub const DRAINING_TAG: &str = "draining";

/// What a server's state should become. What is reported afterwards is another word: [`State`](crate::State).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StateChange {
    /// [`State::Enabled`](crate::State::Enabled).
    Enable,
    /// [`State::Cordoned`](crate::State::Cordoned).
    Cordon,
    /// [`State::Disabled`](crate::State::Disabled).
    Disable,
}

/// A change of a server. What is not named stays. Making the same change again is harmless.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<StateChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "reveal")]
    secret: Option<SecretString>,
}

impl Change {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes new meetings, untagged ones, from the next poll on.
    #[must_use]
    pub fn serve() -> Self {
        Self::new().state(StateChange::Enable).tag("")
    }

    /// Takes no new meetings. The tag is set in the same call because cordoning alone may not last: if the poller was reading the server at that moment, it
    /// puts the server back among those that new meetings are created on, and there it stays. Its tag the poller leaves alone.
    #[must_use]
    pub fn drain() -> Self {
        Self::new().state(StateChange::Cordon).tag(DRAINING_TAG)
    }

    /// Changes the state.
    #[must_use]
    pub fn state(mut self, state: StateChange) -> Self {
        self.state = Some(state);
        self
    }

    /// Changes the tag. An empty one removes it.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Changes the secret that Scalelite signs its calls to the server with.
    #[must_use]
    pub fn secret(mut self, secret: SecretString) -> Self {
        self.secret = Some(secret);
        self
    }
}

fn reveal<S: serde::Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(SecretString::expose_secret).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn changes_are_said_in_the_words_for_changes() {
        assert_eq!(to_value(Change::drain()).unwrap(), json!({"state": "cordon", "tag": "draining"}));
        assert_eq!(to_value(Change::serve()).unwrap(), json!({"state": "enable", "tag": ""}));
        assert_eq!(to_value(Change::new().state(StateChange::Disable)).unwrap(), json!({"state": "disable"}));
    }

    #[test]
    fn a_secret_is_sent_and_not_shown() {
        let change = Change::new().secret("hunter2".into());
        assert_eq!(to_value(&change).unwrap(), json!({"secret": "hunter2"}));
        assert!(!format!("{change:?}").contains("hunter2"));
    }
}
