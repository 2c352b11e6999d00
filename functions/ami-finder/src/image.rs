//! Images as they are chosen among. No calls are made here.

use std::cmp::Reverse;

use aws_sdk_ec2::types::ImageState;

use crate::properties::Search;

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) name: String,
    /// RFC 3339 in UTC, so that the order of texts is the order of times.
    pub(crate) creation_date: String,
    /// When it was or will be deprecated; empty for never.
    pub(crate) deprecation_time: String,
    pub(crate) is_available: bool,
    pub(crate) architecture: String,
    pub(crate) root_device_type: String,
    pub(crate) root_device_name: String,
    pub(crate) virtualization_type: String,
    /// What the tag `CodeName` says, for images whose name does not.
    pub(crate) code_name_tag: String,
}

impl From<aws_sdk_ec2::types::Image> for Image {
    fn from(image: aws_sdk_ec2::types::Image) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let tag = image.tags().iter().find(|tag| tag.key() == Some("CodeName")).and_then(|tag| tag.value());
        Self {
            id: text(image.image_id()),
            name: text(image.name()),
            creation_date: text(image.creation_date()),
            deprecation_time: text(image.deprecation_time()),
            is_available: image.state() == Some(&ImageState::Available),
            architecture: text(image.architecture().map(aws_sdk_ec2::types::ArchitectureValues::as_str)),
            root_device_type: text(image.root_device_type().map(aws_sdk_ec2::types::DeviceType::as_str)),
            root_device_name: text(image.root_device_name()),
            virtualization_type: text(image.virtualization_type().map(aws_sdk_ec2::types::VirtualizationType::as_str)),
            code_name_tag: text(tag),
        }
    }
}

impl Image {
    /// Which Ubuntu it is, such as `jammy`: from `ubuntu-CODENAME-22.04` in its name, else from its tag, else unknown.
    pub(crate) fn code_name(&self) -> &str {
        let in_name = self.name.match_indices("ubuntu-").find_map(|(at, prefix)| {
            let mut words = self.name[at + prefix.len()..].split('-');
            let (code_name, version) = (words.next()?, words.next()?);
            let is_word = !code_name.is_empty() && code_name.bytes().all(|byte| byte.is_ascii_lowercase());
            let is_version =
                version.split('.').count() == 2 && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            (is_word && is_version).then_some(code_name)
        });
        in_name.unwrap_or(&self.code_name_tag)
    }

    fn is_deprecated(&self, now: &str) -> bool {
        !self.deprecation_time.is_empty() && self.deprecation_time.as_str() <= now
    }

    /// What keeps it from being what was searched for.
    fn shortcomings(&self, search: &Search<'_>, now: &str) -> Vec<String> {
        let mut found = Vec::new();
        if !self.is_available {
            found.push("not available".to_owned());
        }
        if self.is_deprecated(now) {
            found.push(format!("deprecated since {}", day(&self.deprecation_time)));
        }
        for (is, wanted) in [
            (&self.architecture, search.architecture),
            (&self.root_device_type, search.root_device_type),
            (&self.virtualization_type, search.virtualization_type),
        ] {
            if !wanted.is_empty() && is != wanted {
                found.push(is.clone());
            }
        }
        found
    }
}

fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

/// The newest that can be used; between equals the one whose name, then whose id, comes last, so that the choice does not depend on the order
/// in which EC2 lists them.
pub(crate) fn newest(images: impl IntoIterator<Item = Image>, now: &str) -> Option<Image> {
    let usable = images.into_iter().filter(|image| image.is_available && !image.is_deprecated(now));
    usable.max_by(|a, b| (&a.creation_date, &a.name, &a.id).cmp(&(&b.creation_date, &b.name, &b.id)))
}

/// Says in one line what comes nearest to a search that found nothing.
pub(crate) fn nearest(mut candidates: Vec<Image>, search: &Search<'_>, now: &str) -> String {
    candidates.sort_by_cached_key(|image| {
        (image.shortcomings(search, now).len(), Reverse(image.creation_date.clone()), image.id.clone())
    });
    match candidates.first() {
        None => format!("{} has no image with a similar name in this region", search.owner),
        Some(image) => {
            let shortcomings = image.shortcomings(search, now);
            let but = if shortcomings.is_empty() { "of another name".to_owned() } else { shortcomings.join(", ") };
            format!("the nearest is {} {} of {} ({but})", image.id, image.name, day(&image.creation_date))
        }
    }
}

/// A search in words.
pub(crate) fn asked(search: &Search<'_>) -> String {
    let architecture = if search.architecture.is_empty() { "any architecture" } else { search.architecture };
    format!(
        "named {} by {} ({architecture}, {}, {}, available, not deprecated)",
        search.names.join(" or "),
        search.owner,
        search.root_device_type,
        search.virtualization_type
    )
}

/// What names similar to a pattern begin with: the pattern up to its first placeholder, cut back to the last dash or slash.
pub(crate) fn similar(pattern: &str) -> String {
    let fixed = pattern.split(['*', '?']).next().unwrap_or_default();
    let end = if fixed.len() == pattern.len() { fixed.rfind(['-', '/']).map_or(0, |at| at + 1) } else { fixed.len() };
    let shorter = fixed[..end].trim_end_matches(['-', '/']);
    let stem = shorter.rfind(['-', '/']).map_or(shorter, |at| &shorter[..=at]);
    format!("{stem}*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: &str = "2026-11-22T10:00:00.000Z";

    fn image(id: &str, name: &str, created: &str) -> Image {
        Image {
            id: id.into(),
            name: name.into(),
            creation_date: created.into(),
            deprecation_time: String::new(),
            is_available: true,
            architecture: "x86_64".into(),
            root_device_type: "ebs".into(),
            root_device_name: "/dev/sda1".into(),
            virtualization_type: "hvm".into(),
            code_name_tag: String::new(),
        }
    }

    fn search() -> Search<'static> {
        Search {
            owner: "self",
            names: vec!["a*"],
            architecture: "x86_64",
            root_device_type: "ebs",
            virtualization_type: "hvm",
        }
    }

    #[test]
    fn the_newest_that_can_be_used() {
        let old = image("ami-1", "a", "2026-01-01T00:00:00.000Z");
        let new = image("ami-2", "a", "2026-02-01T00:00:00.000Z");
        let pending = Image { is_available: false, ..image("ami-3", "a", "2026-03-01T00:00:00.000Z") };
        let deprecated = Image {
            deprecation_time: "2026-11-01T00:00:00.000Z".into(),
            ..image("ami-4", "a", "2026-04-01T00:00:00.000Z")
        };
        let later = Image { deprecation_time: "2027-11-01T00:00:00.000Z".into(), ..new.clone() };
        assert_eq!(newest([old, later.clone(), pending, deprecated], NOW), Some(later));
        assert_eq!(newest([], NOW), None);
    }

    #[test]
    fn code_names() {
        let code_name = |name: &str| image("ami-1", name, "").code_name().to_owned();
        assert_eq!(code_name("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260901"), "jammy");
        assert_eq!(code_name("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20260901"), "noble");
        assert_eq!(code_name("ubuntu-minimal/images/ubuntu-focal-20.04-amd64-minimal-1"), "focal");
        assert_eq!(code_name("bbb-server-42"), "");
        assert_eq!(code_name("ubuntu-pro-server"), "");
        assert_eq!(Image { code_name_tag: "jammy".into(), ..image("ami-1", "own", "") }.code_name(), "jammy");
    }

    #[test]
    fn the_nearest_is_named_with_what_it_lacks() {
        let arm = Image { architecture: "arm64".into(), ..image("ami-2", "a-2", "2026-02-01T00:00:00.000Z") };
        let stale = Image { is_available: false, ..arm.clone() };
        let text = nearest(vec![stale, arm], &search(), NOW);
        assert_eq!(text, "the nearest is ami-2 a-2 of 2026-02-01 (arm64)");
        assert_eq!(nearest(vec![], &search(), NOW), "self has no image with a similar name in this region");
    }

    #[test]
    fn similar_names_share_all_but_the_last_word() {
        assert_eq!(
            similar("ubuntu/images/hvm-ssd/ubuntu-jamy-22.04-amd64-server-*"),
            "ubuntu/images/hvm-ssd/ubuntu-jamy-22.04-amd64-*"
        );
        assert_eq!(similar("*"), "*");
        assert_eq!(similar("own-image-7"), "own-*");
    }

    proptest! {
        #[test]
        fn the_order_of_the_list_does_not_matter(
            list in prop::collection::vec(("[ab]{1,2}", 1..4u32, 0..9u32), 1..8).prop_shuffle(),
        ) {
            let images: Vec<_> = list.iter().map(|(name, day, id)| image(&format!("ami-{id}"), name, &format!("2026-01-0{day}"))).collect();
            let mut other = images.clone();
            other.reverse();
            prop_assert_eq!(newest(images, NOW), newest(other, NOW));
        }

        #[test]
        fn no_name_is_too_strange(name in "\\PC{0,40}") {
            image("ami-1", &name, "").code_name();
            similar(&name);
        }
    }
}
