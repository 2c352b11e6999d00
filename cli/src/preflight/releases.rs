//! Which Ubuntu a release of BigBlueButton needs, and until when that gets security updates.

use aws_sdk_cloudformation::primitives::{DateTime, DateTimeFormat};
use serde::Deserialize;

use super::finding::Finding;

/// The dates, with their source.
const RELEASES: &str = include_str!("releases.json");

/// How long before the end it is said: time to plan, and to move to the next release.
const NOTICE_DAYS: i64 = 90;

const DAY: i64 = 24 * 3600;

#[derive(Debug, Deserialize)]
struct Releases {
    ubuntu: Vec<Ubuntu>,
}

#[derive(Debug, Deserialize)]
struct Ubuntu {
    code_name: String,
    release: String,
    /// The last month with updates, as `2027-04`.
    updates_until: String,
}

impl Ubuntu {
    /// When it is over, in seconds since 1970: with the end of the month.
    fn end(&self) -> Option<i64> {
        let (year, month) = self.updates_until.split_once('-')?;
        let (year, month): (u32, u32) = (year.parse().ok()?, month.parse().ok()?);
        let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        let first = format!("{year}-{month:02}-01T00:00:00Z");
        DateTime::from_str(&first, DateTimeFormat::DateTime).ok().map(|end| end.secs())
    }
}

/// Looks at the release of BigBlueButton and at the image, as far as its parameter says which Ubuntu it has; `now` in seconds since 1970.
pub(super) fn judge(version: &str, image: &str, now: i64) -> Vec<Finding> {
    let Ok(Releases { ubuntu: known }) = serde_json::from_str(RELEASES) else { return Vec::new() };
    let code_name = version.split('-').next().unwrap_or_default();
    let Some(needed) = known.iter().find(|ubuntu| ubuntu.code_name == code_name) else {
        return vec![Finding::warning(
            format!("BigBlueButton {version} runs on an Ubuntu ({code_name}) that this program does not know"),
            "Whether the image has it, and whether it still gets security updates, was not looked at.",
            "see https://docs.bigbluebutton.org for the Ubuntu that it needs",
        )];
    };
    let mut findings = Vec::new();
    let other = known
        .iter()
        .find(|ubuntu| ubuntu.release != needed.release && image.contains(&format!("/{}/", ubuntu.release)));
    if let Some(other) = other {
        findings.push(Finding::refusal(
            format!("BigBlueButton {version} needs Ubuntu {}, and the image has {}", needed.release, other.release),
            "Its installation would stop, and no server would come up.",
            format!("name an image of Ubuntu {} with BBBApplicationInstanceAMIParameter", needed.release),
        ));
    }
    let left = needed.end().map_or(0, |end| (end - now).div_euclid(DAY));
    if left < 0 {
        findings.push(Finding::warning(
            format!(
                "BigBlueButton {version} runs on Ubuntu {}, which gets no more security updates since {}",
                needed.release, needed.updates_until
            ),
            "Known holes stay open, and its packages may vanish from where they are fetched.",
            "leave BBBApplicationVersion and BBBApplicationInstanceAMIParameter at their defaults",
        ));
    } else if left < NOTICE_DAYS {
        findings.push(Finding::warning(
            format!("BigBlueButton {version} runs on Ubuntu {}, which gets security updates for {left} days more", needed.release),
            "After that known holes stay open.",
            "plan the move to a release of BigBlueButton for the next Ubuntu: BBBApplicationVersion and BBBApplicationInstanceAMIParameter",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22
    const NOW: i64 = 1_795_305_600;

    fn image(release: &str) -> String {
        format!("/aws/service/canonical/ubuntu/server/{release}/stable/current/amd64/hvm/ebs-gp2/ami-id")
    }

    #[test]
    fn every_date_is_one() {
        let releases: Releases = serde_json::from_str(RELEASES).expect("the dates");
        assert!(releases.ubuntu.len() >= 4);
        for ubuntu in releases.ubuntu {
            assert!(ubuntu.end().is_some_and(|end| end > 1_500_000_000), "{ubuntu:?}");
        }
    }

    #[test]
    fn the_image_has_the_ubuntu_that_the_release_needs() {
        assert_eq!(judge("jammy-300", &image("22.04"), NOW), []);
        assert_eq!(judge("jammy-300", "ami-0123456789abcdef0", NOW), []);
        let found = judge("noble-400", &image("22.04"), NOW);
        assert!(found.len() == 1 && found[0].refuses(), "{found:?}");
    }

    #[test]
    fn the_end_of_updates_is_announced_and_said() {
        let found = judge("focal-270", &image("20.04"), NOW);
        assert!(found.len() == 1 && !found[0].refuses() && found[0].what.contains("since 2025-05"), "{found:?}");
        // 2027-04-30 at noon is the last day, and 2027-05-01 the first without.
        let last = 1_809_086_400;
        assert!(judge("jammy-300", &image("22.04"), last)[0].what.contains("for 0 days more"));
        assert!(judge("jammy-300", &image("22.04"), last + DAY)[0].what.contains("no more security updates"));
        assert_eq!(judge("jammy-300", &image("22.04"), last - 91 * DAY), []);
    }

    #[test]
    fn an_unknown_release_is_said_to_be_so() {
        let found = judge("zesty-900", &image("22.04"), NOW);
        assert!(found.len() == 1 && !found[0].refuses(), "{found:?}");
    }
}
