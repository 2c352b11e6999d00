//! EC2's instance ids, and the names that are made of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An EC2 instance id such as `i-0123456789abcdef0`. EC2 never gives one twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId(String);

/// A text that is no instance id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an instance id: i- and 8 or 17 hexadecimal digits in lower case")]
pub struct NotAnInstanceId;

impl InstanceId {
    /// As EC2 writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first label of the server's name: `vc-` and the id without its `i-`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("vc-{}", self.digits())
    }

    /// The server's fully qualified name: its label in the domain, without a final dot.
    #[must_use]
    pub fn host(&self, domain: &str) -> String {
        format!("vc-{}.{domain}", self.digits())
    }

    /// The instance that a host name belongs to; `None` if it is not one of the pool's names in this domain.
    #[must_use]
    pub fn of_host(host: &str, domain: &str) -> Option<Self> {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let digits = host.strip_suffix(&domain.to_ascii_lowercase())?.strip_suffix('.')?.strip_prefix("vc-")?;
        format!("i-{digits}").parse().ok()
    }

    /// The instance that the host of a URL belongs to; `None` if it is not one of the pool's names in this domain, or has a user,
    /// or is not reached by HTTPS on its own port.
    #[must_use]
    pub fn of_url(url: &str, domain: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.strip_suffix(":443").unwrap_or(authority);
        if scheme.eq_ignore_ascii_case("https") { Self::of_host(host, domain) } else { None }
    }

    fn digits(&self) -> &str {
        self.0.get(2..).unwrap_or_default()
    }
}

impl FromStr for InstanceId {
    type Err = NotAnInstanceId;

    fn from_str(text: &str) -> Result<Self, NotAnInstanceId> {
        let digits = text.strip_prefix("i-").ok_or(NotAnInstanceId)?;
        let is_hexadecimal = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_hexadecimal && matches!(digits.len(), 8 | 17) { Ok(Self(text.to_owned())) } else { Err(NotAnInstanceId) }
    }
}

impl TryFrom<String> for InstanceId {
    type Error = NotAnInstanceId;

    fn try_from(text: String) -> Result<Self, NotAnInstanceId> {
        text.parse()
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> Self {
        id.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> InstanceId {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_and_its_instance_say_the_same() {
        let host = id("i-0123456789abcdef0").host("meet.example.org");
        assert_eq!(host, "vc-0123456789abcdef0.meet.example.org");
        assert_eq!(InstanceId::of_host(&host, "meet.example.org"), Some(id("i-0123456789abcdef0")));
        assert_eq!(
            InstanceId::of_host("VC-0123456789ABCDEF0.Meet.Example.org.", "meet.example.org"),
            Some(id("i-0123456789abcdef0"))
        );
        assert_eq!(id("i-0123456789abcdef0").label(), "vc-0123456789abcdef0");
    }

    #[test]
    fn other_names_belong_to_no_instance() {
        for host in [
            "vc-0123456789abcdef0.example.org",
            "vc-0123456789abcdef0.xmeet.example.org",
            "vc-0123456789abcdef0.a.meet.example.org",
            "vc-0123456789abcde.meet.example.org",
            "vc-.meet.example.org",
            "vc-moodle.meet.example.org",
            "tu-0123456789abcdef0.meet.example.org",
            "meet.example.org",
            "",
        ] {
            assert_eq!(InstanceId::of_host(host, "meet.example.org"), None, "{host}");
        }
    }

    #[test]
    fn a_url_counts_only_with_exactly_this_host() {
        let of = |url| InstanceId::of_url(url, "example.org");
        assert_eq!(of("https://vc-01234567.example.org/bigbluebutton/api/"), Some(id("i-01234567")));
        assert_eq!(of("HTTPS://VC-01234567.example.org:443/bigbluebutton/api"), Some(id("i-01234567")));
        assert_eq!(of("http://vc-01234567.example.org/bigbluebutton/api"), None);
        assert_eq!(of("https://vc-01234567.example.org:8443/bigbluebutton/api"), None);
        assert_eq!(of("https://vc-01234567.example.org@evil.example/"), None);
        assert_eq!(of("https://evil.example/vc-01234567.example.org"), None);
        assert_eq!(of("https://me@vc-01234567.example.org/"), None);
        assert_eq!(of("vc-01234567.example.org"), None);
    }
}
