//! Where Scalelite is and what opens it.

use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

/// What a [`Client`](crate::Client) needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The base of the API, such as `https://scalelite.example.org/scalelite/api/`, with or without a slash at its end.
    pub url: String,
    /// `LOADBALANCER_SECRET`.
    pub secret: SecretString,
    /// A header that the load balancer in front asks for, before it lets anyone at the API.
    pub header: Option<Header>,
}

/// A header with a secret value.
#[derive(Debug, Clone)]
pub struct Header {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

/// Not a header's name, or not a header's value. Neither is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a header has a name of letters, digits and hyphens, and a value of visible ASCII characters")]
pub struct InvalidHeader;

impl Header {
    /// A header with this name and value.
    ///
    /// # Errors
    /// When HTTP knows no such name or value.
    pub fn new(name: &str, value: &SecretString) -> Result<Self, InvalidHeader> {
        let (Ok(name), Ok(mut value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.expose_secret()))
        else {
            return Err(InvalidHeader);
        };
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_not_shown() {
        let header = Header::new("X-Scalelite-Management", &"hunter2".into()).unwrap();
        let settings =
            Settings { url: "https://a.example.org/".into(), secret: "hunter2".into(), header: Some(header) };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_no_header() {
        for (name, value) in [("", "a"), ("a b", "a"), ("a:", "a"), ("a", "b\r\nc: d"), ("a", "\u{0}")] {
            assert_eq!(Header::new(name, &value.into()).unwrap_err(), InvalidHeader);
        }
    }
}
