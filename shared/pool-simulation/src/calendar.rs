//! Days and times of day, as a timetable writes them.

use time::{Date, Month, Weekday};

use crate::Error;

/// Minutes since the midnight in which the simulated time begins, by the local clock, which is never put forward or back.
pub type Minute = u32;

/// Minutes of a day.
pub const DAY: Minute = 24 * 60;

/// Reads a date such as 2026-09-07.
pub(crate) fn date(text: &str) -> Result<Date, Error> {
    let wrong = || Error::Day(text.to_owned());
    let mut parts = text.splitn(3, '-');
    let mut part = || parts.next().filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let (year, month, day) = (part(), part(), part());
    let year = year.and_then(|year| year.parse().ok()).ok_or_else(wrong)?;
    let month: u8 = month.and_then(|month| month.parse().ok()).ok_or_else(wrong)?;
    let month = Month::try_from(month).map_err(|_no_month| wrong())?;
    let day = day.and_then(|day| day.parse().ok()).ok_or_else(wrong)?;
    // AWS is younger than 1970, and a file of the year 20260 a slip of the pen.
    if !(1970..=2999).contains(&year) {
        return Err(wrong());
    }
    Date::from_calendar_date(year, month, day).map_err(|_no_such_day| wrong())
}

/// Reads a time of day such as 08:00, as minutes since midnight.
pub(crate) fn clock(text: &str) -> Result<Minute, Error> {
    let wrong = || Error::Clock(text.to_owned());
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |part: &str| {
        let is_number = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<Minute>().ok().filter(|_| is_number).ok_or_else(wrong)
    };
    match (number(hour)?, number(minute)?) {
        (hour @ 0..=23, minute @ 0..=59) => Ok(hour * 60 + minute),
        _ => Err(wrong()),
    }
}

/// Reads a weekday such as mon.
pub(crate) fn weekday(text: &str) -> Option<Weekday> {
    const NAMES: [(&str, Weekday); 7] = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];
    NAMES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, day)| day)
}

/// Days from one date to another, which is not earlier.
pub(crate) fn days_between(from: Date, to: Date) -> u32 {
    u32::try_from(to.to_julian_day() - from.to_julian_day()).unwrap_or(0)
}

/// The date that lies this many days after another.
pub(crate) fn day_after(from: Date, days: u32) -> Date {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    Date::from_julian_day(from.to_julian_day().saturating_add(days)).unwrap_or(Date::MAX)
}

/// Seconds since 1970 of a day's midnight.
pub(crate) fn unix(day: Date) -> i64 {
    i64::from(day.to_julian_day() - UNIX_EPOCH_JULIAN_DAY) * 86_400
}

/// The Julian day of 1970-01-01.
const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_counted() {
        let monday = date("2026-09-07").unwrap();
        assert_eq!(monday.weekday(), Weekday::Monday);
        assert_eq!(days_between(monday, date("2026-09-11").unwrap()), 4);
        assert_eq!(day_after(monday, 4), date("2026-09-11").unwrap());
        assert_eq!(unix(date("1970-01-02").unwrap()), 86_400);
        for wrong in ["", "2026-9", "2026-02-30", "7.9.2026", "2026-13-01", "26-01-01", "+2026-01-01"] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_of_day_are_read() {
        assert_eq!(clock("08:05").unwrap(), 485);
        assert_eq!(clock("8:05").unwrap(), 485);
        for wrong in ["", "24:00", "8", "08:60", "08:5x", "+8:00", "008:00"] {
            assert!(clock(wrong).is_err(), "{wrong}");
        }
    }
}
