//! A moment in time, as the pool needs it.

use std::{fmt, ops, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use time::{UtcDateTime, format_description::well_known::Rfc3339};

/// A second in UTC. Everything here happens over minutes; a second is as fine as a tag needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(i64);

impl Moment {
    /// The first second of the year 1: nothing here is earlier.
    const MIN: i64 = -62_135_596_800;
    /// The last second of the year 9999, the end of RFC 3339.
    const MAX: i64 = 253_402_300_799;

    /// This many seconds after 1970 began, within the years 1 to 9999.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        if seconds < Self::MIN {
            Self(Self::MIN)
        } else if seconds > Self::MAX {
            Self(Self::MAX)
        } else {
            Self(seconds)
        }
    }

    /// Seconds since 1970 began.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; `None` if `earlier` lies in the future, as it can after a jump of the clock.
    #[must_use]
    pub fn since(self, earlier: Self) -> Option<Duration> {
        u64::try_from(self.0 - earlier.0).ok().map(Duration::from_secs)
    }
}

impl ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self::from_unix(self.0.saturating_add(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = UtcDateTime::from_unix_timestamp(self.0).map_err(|_out_of_range| fmt::Error)?;
        formatter.write_str(&utc.format(&Rfc3339).map_err(|_out_of_range| fmt::Error)?)
    }
}

/// A text that is no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a moment as RFC 3339 writes it, such as 2026-09-01T08:00:00Z")]
pub struct NotAMoment;

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let utc = UtcDateTime::parse(text, &Rfc3339).map_err(|_not_rfc_3339| NotAMoment)?;
        Ok(Self::from_unix(utc.unix_timestamp()))
    }
}

impl TryFrom<String> for Moment {
    type Error = NotAMoment;

    fn try_from(text: String) -> Result<Self, NotAMoment> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

/// A duration that may be missing, as a number of seconds in JSON.
pub(crate) mod optional_seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::ref_option, reason = "what serde hands over")]
    pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration.map(|duration| duration.as_secs()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_secs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let moment = Moment::from_unix(1_788_249_600);
        assert_eq!(moment.to_string(), "2026-09-01T08:00:00Z");
        assert_eq!("2026-09-01T10:00:00.7+02:00".parse(), Ok(moment));
        assert_eq!("yesterday".parse::<Moment>(), Err(NotAMoment));
        assert_eq!(Moment::from_unix(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Moment::from_unix(i64::MIN).to_string(), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn what_lies_in_the_future_has_no_age() {
        let now = Moment::from_unix(100);
        assert_eq!(now.since(Moment::from_unix(40)), Some(Duration::from_secs(60)));
        assert_eq!(now.since(Moment::from_unix(101)), None);
        assert_eq!(Moment::from_unix(i64::MAX) + Duration::MAX, Moment::from_unix(i64::MAX));
    }
}
