//! Where a server's API is.

use reqwest::Url;

/// The base address of a server's API, such as `https://bbb.example.org/bigbluebutton/api`, with or without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

/// Not the address of an API. What was given is not repeated: an address may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address of an API is http:// or https://, a host and a path, and nothing else")]
pub struct NotAnAddress;

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is not an absolute `http` or `https` URL, or has a user, a password, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let Ok(mut url) = Url::parse(text) else { return Err(NotAnAddress) };
        let plain = url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain || !matches!(url.scheme(), "http" | "https") {
            return Err(NotAnAddress);
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }

    /// The URL of a call: a last path element with its query, as [`signature::signed`](crate::signature::signed) makes it.
    #[must_use]
    pub fn call(&self, signed: &str) -> Url {
        let mut url = self.0.clone();
        let (name, query) = signed.split_once('?').map_or((signed, None), |(name, query)| (name, Some(query)));
        let path = format!("{}{name}", self.0.path());
        url.set_path(&path);
        url.set_query(query);
        url
    }

    /// The URL of a path on the same host, outside the API.
    #[must_use]
    pub fn on_host(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url
    }

    /// The host's name, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_makes_no_difference() {
        for text in ["https://BBB.example.org/bigbluebutton/api", "https://bbb.example.org/bigbluebutton/api/"] {
            let address = Address::parse(text).unwrap();
            assert_eq!(
                address.call("getMeetings?checksum=ab").as_str(),
                "https://bbb.example.org/bigbluebutton/api/getMeetings?checksum=ab"
            );
            assert_eq!(address.on_host("/pool-status/a.json").as_str(), "https://bbb.example.org/pool-status/a.json");
            assert_eq!(address.host(), "bbb.example.org");
        }
    }

    #[test]
    fn anything_else_is_refused_and_not_repeated() {
        for text in [
            "",
            "bbb.example.org",
            "ftp://bbb.example.org/api",
            "https://user:hunter2@bbb.example.org/api",
            "https://bbb.example.org/api?a=hunter2",
            "https://bbb.example.org/api#hunter2",
            "mailto:hunter2@example.org",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
        }
    }
}
