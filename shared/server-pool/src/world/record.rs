//! DNS records, and whose they are.

use std::{collections::BTreeSet, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::Moment;

/// What stands in DNS under one name: its A and AAAA records, and the TXT record that says whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The fully qualified name, in lower case and without a final dot.
    pub name: String,
    /// The addresses of its A and AAAA records.
    pub addresses: BTreeSet<IpAddr>,
    /// What its TXT record says; `None` if it has none, or none of this form.
    pub owner: Option<Owner>,
}

/// What the TXT record beside a server's address says: which deployment wrote it.
///
/// The address alone does not prove whose it is once EC2 has forgotten the instance: two deployments may share a domain, and the
/// instance may be another region's or account's. So the name carries its owner, written in the same change as the address and
/// removed with it. `server-pool=<owner>`, followed by ` gone=<seconds since 1970>` when the instance was first found to be gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// [`Settings::owner`](crate::Settings::owner) of the pool that wrote it.
    pub owner: String,
    /// When the pool first found that the instance is gone.
    pub gone: Option<Moment>,
}

/// How the text begins.
const OWNER: &str = "server-pool=";
/// What stands before the moment.
const GONE: &str = " gone=";

impl Owner {
    /// The text of the TXT record, without quotation marks.
    #[must_use]
    pub fn to_text(&self) -> String {
        let gone = self.gone.map(|gone| format!("{GONE}{}", gone.unix())).unwrap_or_default();
        format!("{OWNER}{}{gone}", self.owner)
    }

    /// What a TXT record's text says, without quotation marks; `None` if it is somebody else's.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(OWNER)?;
        let (owner, gone) = match rest.split_once(GONE) {
            Some((owner, seconds)) => (owner, Some(Moment::from_unix(seconds.parse().ok()?))),
            None => (rest, None),
        };
        if owner.is_empty() { None } else { Some(Self { owner: owner.to_owned(), gone }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_as_it_was_written() {
        for gone in [None, Some(Moment::from_unix(1_788_249_600))] {
            let owner = Owner { owner: "arn:aws:cloudformation:eu-west-1:1:stack/pool/1".to_owned(), gone };
            assert_eq!(Owner::from_text(&owner.to_text()), Some(owner));
        }
        assert_eq!(
            Owner { owner: "a".to_owned(), gone: Some(Moment::from_unix(60)) }.to_text(),
            "server-pool=a gone=60"
        );
        for other in ["", "server-pool=", "v=spf1 -all", "server-pool=a gone=yesterday"] {
            assert_eq!(Owner::from_text(other), None, "{other}");
        }
    }
}
