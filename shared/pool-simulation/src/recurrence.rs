//! When a scheduled action happens: the five fields of cron, as Auto Scaling takes them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::Date;

use crate::Error;

/// A recurrence such as `30 7 * * MON-FRI`: minute, hour, day of month, month and day of week. As in cron, if both kinds of day are
/// restricted, either suffices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Recurrence {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

impl Recurrence {
    /// Whether it happens on a day at all.
    #[must_use]
    pub(crate) fn is_on(&self, day: Date) -> bool {
        let has = |set: u64, number: u8| set >> number & 1 == 1;
        let on_day = has(self.days, day.day());
        let on_weekday = has(self.weekdays, day.weekday().number_days_from_sunday());
        let fits = match (self.any_day, self.any_weekday) {
            (false, false) => on_day || on_weekday,
            _ => on_day && on_weekday,
        };
        fits && has(self.months, u8::from(day.month()))
    }

    /// Whether it happens at this minute of a day that it is on.
    #[must_use]
    pub(crate) fn is_at(&self, minute_of_day: u32) -> bool {
        self.hours >> (minute_of_day / 60) & 1 == 1 && self.minutes >> (minute_of_day % 60) & 1 == 1
    }
}

impl FromStr for Recurrence {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Recurrence(text.to_owned());
        let fields: Vec<_> = text.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else { return Err(wrong()) };
        let read = |field, from, to, names| set(field, from, to, names).ok_or_else(wrong);
        let mut of_week = read(weekdays, 0, 7, &WEEKDAYS)?;
        // Sunday is 0 and 7.
        of_week |= of_week >> 7 & 1;
        Ok(Self {
            text: fields.join(" "),
            minutes: read(minutes, 0, 59, &[])?,
            hours: read(hours, 0, 23, &[])?,
            days: read(days, 1, 31, &[])?,
            months: read(months, 1, 12, &MONTHS)?,
            weekdays: of_week,
            any_day: days.starts_with('*'),
            any_weekday: weekdays.starts_with('*'),
        })
    }
}

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: [&str; 13] = ["", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// The numbers that a field names, as bits.
fn set(field: &str, from: u32, to: u32, names: &[&str]) -> Option<u64> {
    let number = |text: &str| {
        let named = names.iter().position(|name| !name.is_empty() && name.eq_ignore_ascii_case(text));
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = named.and_then(|place| u32::try_from(place).ok()).or_else(|| text.parse().ok().filter(|_| digits));
        number.filter(|number| (from..=to).contains(number))
    };
    let mut bits = 0;
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, Some(1)), |(range, step)| (range, step.parse().ok()));
        let step = step.filter(|step| (1..=to).contains(step))?;
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (from, to),
            Some((first, last)) => (number(first)?, number(last)?),
            None if part.contains('/') => (number(range)?, to),
            None => (number(range)?, number(range)?),
        };
        if first > last {
            return None;
        }
        for number in (first..=last).step_by(usize::try_from(step).ok()?) {
            bits |= 1 << number;
        }
    }
    Some(bits)
}

impl TryFrom<String> for Recurrence {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Recurrence> for String {
    fn from(recurrence: Recurrence) -> Self {
        recurrence.text
    }
}

impl fmt::Display for Recurrence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::date;

    fn happens(text: &str, day: &str, minute: u32) -> bool {
        let recurrence: Recurrence = text.parse().unwrap();
        recurrence.is_on(date(day).unwrap()) && recurrence.is_at(minute)
    }

    #[test]
    fn fields_mean_what_they_mean_in_cron() {
        // 2026-09-07 is a Monday.
        assert!(happens("30 7 * * MON-FRI", "2026-09-07", 450));
        assert!(!happens("30 7 * * MON-FRI", "2026-09-07", 451));
        assert!(!happens("30 7 * * MON-FRI", "2026-09-06", 450));
        assert!(happens("0 0 1 1 0", "2026-01-01", 0), "the day of the month suffices");
        assert!(happens("0 0 2 1 4", "2026-01-01", 0), "the day of the week suffices");
        assert!(happens("*/15 8-10 * sep 1,3", "2026-09-07", 525));
        assert!(!happens("*/15 8-10 * sep 1,3", "2026-09-07", 526));
        assert!(happens("5/20 * * * 7", "2026-09-06", 45), "7 is Sunday, too");
    }

    #[test]
    fn what_is_none_is_refused() {
        for wrong in [
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "5-1 * * * *",
            "* * 0 * *",
            "* * * * MO",
            "*/0 * * * *",
            "a * * * *",
        ] {
            assert!(wrong.parse::<Recurrence>().is_err(), "{wrong}");
        }
    }
}
