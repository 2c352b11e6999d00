//! Two looks before anything that cannot be taken back.

use std::time::Duration;

use crate::Moment;

/// How long after the first look the second one counts: longer than a meeting is on its way from Scalelite to a server (Scalelite gives a
/// server 10 s to answer) and than the minute in which Scalelite's poller and a server's status move.
pub(crate) const AFTER: Duration = Duration::from_mins(1);

/// How long the first look is good for. What was seen an hour ago says little about the time between, and a moment that seems to be hours
/// old may be a minute old, written when the clock was wrong.
pub(crate) const WITHIN: Duration = Duration::from_mins(30);

/// Which look this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The first, or the first that counts: now is to be remembered.
    First,
    /// Too early after the first.
    Early,
    /// The second: both agree.
    Second,
}

impl Look {
    /// The look at `now` when the first was at `first`, if there was one. A first look in the future does not count.
    pub(super) fn at(now: Moment, first: Option<Moment>) -> Self {
        match first.and_then(|first| now.since(first)) {
            Some(age) if age < AFTER => Self::Early,
            Some(age) if age <= WITHIN => Self::Second,
            Some(_) | None => Self::First,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_looks_are_a_minute_apart_and_no_more_than_half_an_hour() {
        let at = |first| Look::at(Moment::from_unix(10_000), first);
        assert_eq!(at(None), Look::First);
        assert_eq!(at(Some(Moment::from_unix(10_001))), Look::First);
        assert_eq!(at(Some(Moment::from_unix(10_000))), Look::Early);
        assert_eq!(at(Some(Moment::from_unix(9_941))), Look::Early);
        assert_eq!(at(Some(Moment::from_unix(9_940))), Look::Second);
        assert_eq!(at(Some(Moment::from_unix(8_200))), Look::Second);
        assert_eq!(at(Some(Moment::from_unix(8_199))), Look::First);
    }
}
