//! Which images are copied, and what their copies are called.

use std::collections::BTreeMap;
use std::fmt;

use deployment::images::{Copy, Reference};

use crate::exit::refused;

/// The parameters that name images, and the output of templates/registry.yaml with the repository of their copies.
pub(crate) const IMAGES: [(&str, &str); 5] = [
    ("BBBgreenlightImage", "GreenlightRepositoryUri"),
    ("BBBScaleliteApiImage", "ScaleliteRepositoryUri"),
    ("BBBScaleliteNginxImage", "ScaleliteRepositoryUri"),
    ("BBBScalelitePollerImage", "ScaleliteRepositoryUri"),
    ("BBBScaleliteImporterImage", "ScaleliteRepositoryUri"),
];

/// An image that is to be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    /// The parameter that names it.
    pub(super) name: &'static str,
    pub(super) copy: Copy,
}

impl Planned {
    /// The parameter that names the copy.
    pub(super) fn parameter(&self) -> (String, String) {
        (self.name.to_owned(), self.copy.to.to_string())
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.copy.from, self.copy.to)
    }
}

/// What is to be copied: what a deployment with these parameters uses and what is not in the repositories already. Without outputs the repositories are not
/// there yet, and nobody knows their names.
///
/// # Errors
///
/// A refusal when a name is none, when two images would get one name, and when the stack has other outputs.
pub(super) fn plan(value: &dyn Fn(&str) -> String, outputs: &BTreeMap<String, String>) -> anyhow::Result<Vec<Planned>> {
    let mut planned: Vec<Planned> = Vec::new();
    for (name, output) in IMAGES {
        if name == "BBBgreenlightImage" && value("BBBFrontendType") != "Greenlight" {
            continue;
        }
        let text = value(name);
        let from: Reference =
            text.parse().map_err(|error| refused(format!("{name} is no name of an image ({text}): {error}")))?;
        let repository = match outputs.get(output) {
            Some(repository) => repository.as_str(),
            None if outputs.is_empty() => "repository-to-be-made/name",
            None => {
                return Err(refused(format!(
                    "the stack has no output {output}: it is not one of templates/registry.yaml"
                )));
            }
        };
        let to = format!("{repository}:{}", tag(&from));
        let to: Reference = to.parse().map_err(|error| refused(format!("{to} is no name of an image: {error}")))?;
        if (from.registry(), from.repository()) == (to.registry(), to.repository()) {
            continue;
        }
        if let Some(other) = planned.iter().find(|other| other.copy.to == to && other.copy.from != from) {
            return Err(refused(format!(
                "{} and {name} would both become {}: give one of the images another tag",
                other.name, to
            )));
        }
        planned.push(Planned { name, copy: Copy { from, to } });
    }
    Ok(planned)
}

/// The tag of a copy: that of the image, or its digest if that is what names it.
fn tag(from: &Reference) -> String {
    match from.digest() {
        Some(digest) => digest.replace(':', "-"),
        None => from.tag().unwrap_or("latest").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::parameters::value_of;

    const REPOSITORY: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

    fn outputs() -> BTreeMap<String, String> {
        let output = |name: &str, repository: &str| (name.to_owned(), format!("{REPOSITORY}/{repository}"));
        BTreeMap::from([output("GreenlightRepositoryUri", "g"), output("ScaleliteRepositoryUri", "s")])
    }

    fn planned(given: &[(&str, &str)]) -> anyhow::Result<Vec<Planned>> {
        plan(&value_of(given), &outputs())
    }

    #[test]
    fn the_five_images_of_the_templates_are_copied_by_their_tags() {
        let planned = planned(&[]).expect("a plan");
        assert_eq!(planned.len(), 5);
        let (name, value) = planned[0].parameter();
        assert_eq!(name, "BBBgreenlightImage");
        assert!(value.starts_with(&format!("{REPOSITORY}/g:v")), "{value}");
        assert!(planned[1].parameter().1.starts_with(&format!("{REPOSITORY}/s:v")));
        assert_eq!(planned[0].copy.from.registry(), "docker.io");
    }

    #[test]
    fn without_greenlight_its_image_is_not_copied() {
        assert_eq!(planned(&[("BBBFrontendType", "External")]).expect("a plan").len(), 4);
    }

    #[test]
    fn an_image_that_is_there_already_is_left_alone() {
        let own = format!("{REPOSITORY}/g:v3");
        assert_eq!(planned(&[("BBBgreenlightImage", &own)]).expect("a plan").len(), 4);
    }

    #[test]
    fn an_image_by_digest_is_called_by_it() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let planned = planned(&[("BBBgreenlightImage", &format!("me/g:v1@{digest}"))]).expect("a plan");
        assert_eq!(planned[0].copy.to.tag(), Some(digest.replace(':', "-").as_str()));
    }

    #[test]
    fn two_images_never_get_one_name() {
        let same = [("BBBScaleliteApiImage", "me/api:v1"), ("BBBScaleliteNginxImage", "me/nginx:v1")];
        assert!(planned(&same).expect_err("refused").to_string().contains("would both become"));
        let one = [("BBBScaleliteApiImage", "me/all:v1"), ("BBBScaleliteNginxImage", "me/all:v1")];
        assert_eq!(planned(&one).expect("a plan").len(), 5);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert!(planned(&[("BBBgreenlightImage", "UPPER/case:v1")]).is_err());
    }
}
