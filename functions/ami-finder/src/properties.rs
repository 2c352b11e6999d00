//! The properties of `Custom::FindAMI`.

use serde::Deserialize;

use crate::Error;

/// The properties of `Custom::FindAMI`. One of `Source`, and `Name` or `Names`, is required.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Properties {
    /// A fixed image (`ami-...`), or an SSM parameter that holds one (`/aws/service/...`).
    #[serde(default)]
    pub source: String,
    /// What the image is called; `*` and `?` stand for anything.
    #[serde(default)]
    pub name: String,
    /// Further names, any of which will do.
    #[serde(default)]
    pub names: Vec<String>,
    /// Whose image: an account, `self`, `amazon`, or `canonical` (the default), whose account depends on the partition.
    #[serde(default)]
    pub owner: String,
    /// For which processors: `x86_64` or `arm64`; anything if empty.
    #[serde(default)]
    pub architecture: String,
    /// The kind of root device; `ebs` by default.
    #[serde(default)]
    pub root_device_type: String,
    /// The kind of virtualisation; `hvm` by default.
    #[serde(default)]
    pub virtualization_type: String,
    /// Which Ubuntu it must be, such as `jammy`; checked if the image says what it is.
    #[serde(default)]
    pub expected_code_name: String,
    /// Any text: another one makes the function look again.
    #[serde(default)]
    pub refresh: String,
    /// An SSM parameter in which the function keeps what it chose for which question, so that a question asked again, as when an
    /// update is rolled back, gets the same answer.
    #[serde(default)]
    pub history_parameter: String,
}

/// Where the image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source<'a> {
    /// This image.
    Image(&'a str),
    /// The image that an SSM parameter holds.
    Parameter(&'a str),
    /// The newest that matches.
    Search(Search<'a>),
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search<'a> {
    pub(crate) owner: &'a str,
    pub(crate) names: Vec<&'a str>,
    pub(crate) architecture: &'a str,
    pub(crate) root_device_type: &'a str,
    pub(crate) virtualization_type: &'a str,
}

/// Canonical's accounts, as its documentation on finding images gives them.
const CANONICAL: [(&str, &str); 3] =
    [("aws", "099720109477"), ("aws-us-gov", "513442679011"), ("aws-cn", "837727238323")];

impl Properties {
    /// Where the image comes from.
    pub(crate) fn source(&self, partition: &str) -> Result<Source<'_>, Error> {
        let names: Vec<&str> = std::iter::once(&self.name)
            .chain(&self.names)
            .map(|name| name.trim())
            .filter(|name| !name.is_empty())
            .collect();
        match (self.source.trim(), names.is_empty()) {
            ("", false) => Ok(Source::Search(Search {
                owner: self.owner_in(partition),
                names,
                architecture: self.architecture.trim(),
                root_device_type: or(&self.root_device_type, "ebs"),
                virtualization_type: or(&self.virtualization_type, "hvm"),
            })),
            (source, true) if source.starts_with("ami-") => Ok(Source::Image(source)),
            (source, true) if source.starts_with('/') => Ok(Source::Parameter(source)),
            ("", true) | (_, false) => Err(Error::OneSource),
            (_, true) => Err(Error::UnknownSource),
        }
    }

    fn owner_in(&self, partition: &str) -> &str {
        let canonical =
            CANONICAL.iter().find(|(name, _)| *name == partition).map_or(CANONICAL[0].1, |(_, account)| account);
        match self.owner.trim() {
            "" => canonical,
            owner if owner.eq_ignore_ascii_case("canonical") => canonical,
            // The sample's owner is Canonical's account of the first partition, which owns nothing in the others.
            owner if owner == CANONICAL[0].1 => canonical,
            owner => owner,
        }
    }

    /// Everything that asks for another image when it changes, and nothing else.
    pub(crate) fn question(&self) -> Properties {
        Properties { expected_code_name: String::new(), history_parameter: String::new(), ..self.clone() }
    }
}

fn or<'a>(given: &'a str, default: &'a str) -> &'a str {
    if given.trim().is_empty() { default } else { given.trim() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut Properties)) -> Properties {
        let mut properties = Properties::default();
        change(&mut properties);
        properties
    }

    #[test]
    fn one_source_and_only_one() {
        let source = |properties: Properties| {
            properties.source("aws").map(|source| format!("{source:?}")).map_err(|error| error.to_string())
        };
        assert_eq!(source(with(|p| p.source = "ami-1".into())).unwrap(), "Image(\"ami-1\")");
        assert_eq!(source(with(|p| p.source = "/a/b".into())).unwrap(), "Parameter(\"/a/b\")");
        assert!(source(with(|p| p.source = "ubuntu".into())).unwrap_err().contains("neither an image id"));
        assert!(source(Properties::default()).unwrap_err().contains("give one of"));
        assert!(
            source(with(|p| (p.source, p.name) = ("ami-1".into(), "x".into()))).unwrap_err().contains("give one of")
        );
    }

    #[test]
    fn canonical_has_an_account_in_every_partition() {
        let owner = |owner: &str, partition: &str| {
            let properties = with(|p| (p.owner, p.name) = (owner.into(), "x*".into()));
            match properties.source(partition).unwrap() {
                Source::Search(search) => search.owner.to_owned(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(owner("", "aws"), "099720109477");
        assert_eq!(owner("Canonical", "aws-us-gov"), "513442679011");
        assert_eq!(owner("099720109477", "aws-cn"), "837727238323");
        assert_eq!(owner("self", "aws-cn"), "self");
    }
}
