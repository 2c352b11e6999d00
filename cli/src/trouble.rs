//! What AWS may answer whatever it is asked, and what helps.

use crate::aws;
use crate::global::Global;

/// Something that is wrong with asking AWS, rather than with what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The credentials are valid no longer.
    Expired,
    /// Who asks may not.
    Denied,
    /// The account asked too often.
    Throttled,
    /// There was no answer.
    Unreachable,
}

/// The codes and words that services have for each.
const SIGNS: [(Trouble, &[&str]); 4] = [
    (
        Trouble::Expired,
        &[
            "ExpiredToken",
            "RequestExpired",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "InvalidAccessKeyId",
        ],
    ),
    (Trouble::Denied, &["AccessDenied", "UnauthorizedOperation", "AuthorizationError", "not authorized to perform"]),
    (
        Trouble::Throttled,
        &["Throttling", "Throttled", "TooManyRequests", "RequestLimitExceeded", "Rate exceeded", "SlowDown"],
    ),
    (Trouble::Unreachable, &["AWS could not be reached", "AWS did not answer in time"]),
];

impl Trouble {
    /// What the words of an error tell of, if it is one of these.
    pub(crate) fn of(words: &str) -> Option<Self> {
        let told = |signs: &[&str]| signs.iter().any(|sign| words.contains(sign));
        SIGNS.iter().find(|(_, signs)| told(signs)).map(|(trouble, _)| *trouble)
    }

    /// Whether waiting helps.
    pub(crate) fn passes(self) -> bool {
        matches!(self, Self::Throttled | Self::Unreachable)
    }

    /// What to do about it.
    pub(crate) fn remedy(self, global: &Global) -> String {
        match self {
            Self::Expired => {
                format!("{}. Then run the same command: it goes on where it was", aws::how_to_sign_in(global))
            }
            Self::Denied => "whoever runs this lacks that permission; AWS's words name it. Give it to the role or user \
                             (what each verb needs: docs/bbb.md), and run the same command again"
                .to_owned(),
            Self::Throttled => {
                "AWS was asked too often, by this account as a whole, and went on refusing. Run the same command again in a few minutes"
                    .to_owned()
            }
            Self::Unreachable => {
                "see whether this machine reaches AWS, and whether --region and --endpoint-url are right. Then run the same command again".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_has_many_names() {
        for (words, trouble) in [
            (
                "cannot list the events: ExpiredToken: The security token included in the request is expired",
                Trouble::Expired,
            ),
            ("AccessDenied: User: u is not authorized to perform: cloudformation:DescribeStacks", Trouble::Denied),
            ("UnauthorizedOperation: You are not authorized to perform this operation.", Trouble::Denied),
            ("ThrottlingException: Rate exceeded", Trouble::Throttled),
            ("cannot describe the stack bbb: AWS could not be reached: connection refused", Trouble::Unreachable),
        ] {
            assert_eq!(Trouble::of(words), Some(trouble), "{words}");
        }
        assert_eq!(Trouble::of("ValidationError: Template error"), None);
    }
}
