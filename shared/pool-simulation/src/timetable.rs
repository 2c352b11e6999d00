//! A timetable as a school writes it, as JSON.

use serde::Deserialize;
use time::{Date, Weekday};

use crate::{
    Error, Load, Meeting, Parameters, Punctuality,
    calendar::{self, DAY},
    load::{MOST_MEETINGS, OPENED_EARLY},
};

/// A timetable: which lessons are held when, and how the pool is run for them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timetable {
    /// What it is, for people.
    #[serde(default)]
    pub about: String,
    /// The first day.
    from: String,
    /// The last day.
    to: String,
    /// Days without lessons, except those that name the day.
    #[serde(default)]
    holidays: Vec<Span>,
    lessons: Vec<Lesson>,
    /// How the pool is run; what is missing has its default.
    #[serde(default)]
    pub parameters: Parameters,
}

/// A day, or several in a row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Span {
    Day(String),
    Days { from: String, to: String },
}

/// Meetings of the same kind that begin at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lesson {
    /// Weekdays and dates.
    on: Vec<String>,
    /// Times of day, one or several.
    start: OneOrMore,
    minutes: u32,
    participants: Participants,
    #[serde(default = "one")]
    meetings: u32,
    #[serde(default)]
    recorded: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// How many people come: a number, or the smallest and the largest, between which it is drawn for each meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Participants {
    Exactly(u32),
    Between([u32; 2]),
}

fn one() -> u32 {
    1
}

/// A lesson's day.
enum On {
    Weekday(Weekday),
    Date(Date),
}

impl Timetable {
    /// Reads a timetable.
    ///
    /// # Errors
    /// When it is not one.
    pub fn read(json: &str) -> Result<Self, Error> {
        Ok(serde_json::from_str(json)?)
    }

    /// All its meetings. What is left to chance, how many people come to each, follows from the seed.
    ///
    /// # Errors
    /// When a date, a time or a number is wrong, or nothing is held.
    pub fn load(&self, seed: u64) -> Result<Load, Error> {
        let (first, last) = span(&self.from, &self.to)?;
        let holidays = self.holidays.iter().map(|holiday| match holiday {
            Span::Day(day) => span(day, day),
            Span::Days { from, to } => span(from, to),
        });
        let holidays = holidays.collect::<Result<Vec<_>, _>>()?;
        let is_holiday = |day: Date| holidays.iter().any(|(from, to)| (*from..=*to).contains(&day));
        let mut random = fastrand::Rng::with_seed(seed);
        let days = calendar::days_between(first, last) + 1;
        let mut meetings = Vec::new();
        let mut count = 0_u64;
        for lesson in &self.lessons {
            let held = lesson.read()?;
            for (place, day) in (0..days).map(|place| (place, calendar::day_after(first, place))) {
                let named = held.on.iter().any(|on| matches!(on, On::Date(date) if *date == day));
                let usual = held.on.iter().any(|on| matches!(on, On::Weekday(weekday) if *weekday == day.weekday()));
                if !named && (!usual || is_holiday(day)) {
                    continue;
                }
                count += u64::from(lesson.meetings) * u64::try_from(held.starts.len()).unwrap_or(u64::MAX);
                if count > MOST_MEETINGS {
                    return Err(Error::TooMuch(count, MOST_MEETINGS));
                }
                for start in &held.starts {
                    meetings.extend((0..lesson.meetings).map(|_| Meeting {
                        start: place * DAY + start,
                        minutes: lesson.minutes,
                        participants: lesson.participants.draw(&mut random),
                        recorded: lesson.recorded,
                        opened_early: random.u32(1..=OPENED_EARLY),
                    }));
                }
            }
        }
        Load::new(first, days * DAY, meetings, Punctuality::Usual)
    }
}

/// What a lesson's texts say.
struct Held {
    on: Vec<On>,
    starts: Vec<u32>,
}

impl Lesson {
    fn read(&self) -> Result<Held, Error> {
        let starts = match &self.start {
            OneOrMore::One(start) => std::slice::from_ref(start),
            OneOrMore::More(starts) => starts,
        };
        let name = || starts.join(", ");
        let least = match self.participants {
            Participants::Exactly(participants) => participants,
            Participants::Between([least, most]) if least <= most => least,
            Participants::Between(_) => return Err(Error::Lesson(name(), "fewer participants at most than at least")),
        };
        for (number, what) in [(least, "no participants"), (self.minutes, "no minutes"), (self.meetings, "no meetings")]
        {
            if number == 0 {
                return Err(Error::Lesson(name(), what));
            }
        }
        if self.minutes > DAY {
            return Err(Error::Lesson(name(), "more than a day's minutes"));
        }
        let on = self.on.iter().map(|day| match calendar::weekday(day) {
            Some(weekday) => Ok(On::Weekday(weekday)),
            None => calendar::date(day).map(On::Date).map_err(|_neither| Error::Weekday(day.clone())),
        });
        let starts = starts.iter().map(|start| calendar::clock(start));
        Ok(Held { on: on.collect::<Result<_, _>>()?, starts: starts.collect::<Result<_, _>>()? })
    }
}

impl Participants {
    fn draw(self, random: &mut fastrand::Rng) -> u32 {
        match self {
            Self::Exactly(participants) => participants,
            Self::Between([least, most]) => random.u32(least..=most),
        }
    }
}

fn span(from: &str, to: &str) -> Result<(Date, Date), Error> {
    let (first, last) = (calendar::date(from)?, calendar::date(to)?);
    if first <= last { Ok((first, last)) } else { Err(Error::Span { from: from.to_owned(), to: to.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(lessons: &str) -> Result<Load, Error> {
        let text = format!(
            r#"{{"from": "2026-09-07", "to": "2026-09-20", "holidays": ["2026-09-09", {{"from": "2026-09-12", "to": "2026-09-14"}}],
                "lessons": [{lessons}]}}"#
        );
        Timetable::read(&text)?.load(1)
    }

    #[test]
    fn lessons_recur_every_week_but_on_holidays() {
        let load = load(
            r#"{"on": ["mon", "wed", "2026-09-13"], "start": ["08:00", "9:00"], "minutes": 45, "participants": 25}"#,
        );
        let starts: Vec<_> =
            load.unwrap().meetings.iter().map(|meeting| (meeting.start / DAY, meeting.start % DAY)).collect();
        // The first Wednesday and the second Monday are holidays; the 13th is one, too, and is named.
        assert_eq!(starts, [(0, 480), (0, 540), (6, 480), (6, 540), (9, 480), (9, 540)]);
    }

    #[test]
    fn how_many_come_follows_from_the_seed() {
        let text = r#"{"from": "2026-09-07", "to": "2026-09-07",
            "lessons": [{"on": ["mon"], "start": "08:00", "minutes": 45, "participants": [18, 30], "meetings": 50}]}"#;
        let timetable = Timetable::read(text).unwrap();
        let load = timetable.load(7).unwrap();
        assert_eq!(load, timetable.load(7).unwrap());
        assert_ne!(load, timetable.load(8).unwrap());
        assert!(load.meetings.iter().all(|meeting| (18..=30).contains(&meeting.participants)));
    }

    #[test]
    fn mistakes_are_named() {
        for (lesson, message) in [
            (r#"{"on": ["monday"], "start": "08:00", "minutes": 45, "participants": 25}"#, "monday"),
            (r#"{"on": ["mon"], "start": "8", "minutes": 45, "participants": 25}"#, "time of day"),
            (r#"{"on": ["mon"], "start": "08:00", "minutes": 0, "participants": 25}"#, "no minutes"),
            (r#"{"on": ["mon"], "start": "08:00", "minutes": 45, "participants": [9, 3]}"#, "fewer participants"),
            (r#"{"on": ["mon"], "start": "08:00", "minutes": 45, "participant": 25}"#, "participant"),
            (r#"{"on": [], "start": "08:00", "minutes": 45, "participants": 25}"#, "no meeting"),
            (r#"{"on": ["mon"], "start": "08:00", "minutes": 45, "participants": 25, "meetings": 4000000}"#, "as many"),
        ] {
            let error = load(lesson).unwrap_err();
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            assert!(format!("{error}: {cause}").contains(message), "{error}: {cause}");
        }
    }
}
