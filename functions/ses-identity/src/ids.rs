//! The forms that physical ids have, those of the older providers included.

use std::fmt;

/// `<domain>@<region>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DomainAt {
    pub(crate) domain: String,
    pub(crate) region: String,
}

impl DomainAt {
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (domain, region) = id.rsplit_once('@')?;
        let is_whole = !domain.is_empty() && !region.is_empty();
        is_whole.then(|| Self { domain: domain.to_owned(), region: region.to_owned() })
    }

    /// Whether both name the same; DNS does not know case.
    pub(crate) fn is(&self, domain: &str, region: &str) -> bool {
        self.domain.eq_ignore_ascii_case(domain) && self.region == region
    }
}

impl fmt::Display for DomainAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.domain, self.region)
    }
}

/// `arn:<partition>:ses:<region>:<account>:identity/<identity>`; binxio's provider left the partition out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdentityArn {
    pub(crate) partition: String,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) identity: String,
}

impl IdentityArn {
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let mut parts = id.splitn(6, ':').map(str::to_owned);
        let (prefix, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let identity = resource.strip_prefix("identity/")?.to_owned();
        let is_whole = prefix == "arn" && service == "ses" && !region.is_empty() && !identity.is_empty();
        is_whole.then_some(Self { partition, region, account, identity })
    }

    /// Whether both name the same identity, the partition aside.
    pub(crate) fn names_the_same_as(&self, other: &Self) -> bool {
        self.region == other.region
            && self.account == other.account
            && self.identity.eq_ignore_ascii_case(&other.identity)
    }
}

impl fmt::Display for IdentityArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, identity } = self;
        write!(f, "arn:{partition}:ses:{region}:{account}:identity/{identity}")
    }
}

/// `<identity>/@<policy>`.
pub(crate) fn policy_id(identity: &str, policy: &str) -> String {
    format!("{identity}/@{policy}")
}

/// Identity and policy of such an id.
pub(crate) fn parse_policy_id(id: &str) -> Option<(&str, &str)> {
    id.rsplit_once("/@").filter(|(identity, policy)| !identity.is_empty() && !policy.is_empty())
}

/// A name without the one final dot that it may have.
pub(crate) fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_malformed_arn_of_the_old_provider_is_read() {
        let old = IdentityArn::parse("arn::ses:eu-west-1:123456789012:identity/example.org").unwrap();
        let new = IdentityArn::parse("arn:aws:ses:eu-west-1:123456789012:identity/Example.org").unwrap();
        assert!(old.names_the_same_as(&new) && old != new);
        assert_eq!(old.partition, "");
        for other in
            ["could-not-create", "arn:aws:sns:eu-west-1:1:x", "arn:aws:ses:eu-west-1:1:configuration-set/x", ""]
        {
            assert_eq!(IdentityArn::parse(other), None, "{other}");
        }
    }

    #[test]
    fn an_address_keeps_its_at() {
        let id = DomainAt::parse("me@example.org@eu-west-1").unwrap();
        assert!(id.is("ME@example.org", "eu-west-1"));
        assert_eq!(parse_policy_id("me@example.org/@Send"), Some(("me@example.org", "Send")));
        assert_eq!(parse_policy_id("could-not-create"), None);
        assert_eq!(DomainAt::parse("could-not-create"), None);
        assert_eq!(without_dot("example.org."), "example.org");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(domain in "[a-z0-9.-]{1,40}", region in "[a-z0-9-]{1,20}", account in "[0-9]{12}", policy in "[A-Za-z0-9_-]{1,64}") {
            let at = DomainAt { domain: domain.clone(), region: region.clone() };
            prop_assert_eq!(DomainAt::parse(&at.to_string()), Some(at));
            let arn = IdentityArn { partition: "aws".into(), region, account, identity: domain.clone() };
            prop_assert_eq!(IdentityArn::parse(&arn.to_string()), Some(arn));
            let id = policy_id(&domain, &policy);
            prop_assert_eq!(parse_policy_id(&id), Some((domain.as_str(), policy.as_str())));
        }
    }
}
