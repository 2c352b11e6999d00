//! What can be wrong with what a simulation is given.

/// Why something cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of a timetable, of prices or of parameters is not what it should be.
    #[error("line {} is not as it should be", source.line())]
    Json {
        /// What, and where.
        #[from]
        source: serde_json::Error,
    },
    /// A day is not written as a date.
    #[error("{0:?} is not a day; write it as 2026-09-07")]
    Day(String),
    /// A lesson's day is neither a date nor a weekday.
    #[error("{0:?} is not a day; write mon, tue, wed, thu, fri, sat, sun, or a date such as 2026-09-07")]
    Weekday(String),
    /// A time of day is none.
    #[error("{0:?} is not a time of day; write it as 08:00")]
    Clock(String),
    /// A span of days ends before it begins.
    #[error("{from} to {to} is no span of days: it ends before it begins")]
    Span {
        /// Its first day.
        from: String,
        /// Its last day.
        to: String,
    },
    /// A lesson without people or without length.
    #[error("the lesson at {0} has {1}; give it at least 1")]
    Lesson(String, &'static str),
    /// More meetings than a simulation of seconds can hold.
    #[error("that makes {0} meetings; {1} are as many as can be simulated at once")]
    TooMuch(u64, u64),
    /// The timetable has no lesson in its days.
    #[error("there is no meeting in it")]
    Empty,
    /// A line of a recorded load cannot be read.
    #[error(
        "line {line} of the recorded load is {text:?}; write a moment and a number of seats, such as 2026-09-07T08:05,240"
    )]
    Recorded {
        /// Which, counted from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// A line of a recorded load is earlier than the one before it.
    #[error("line {0} of the recorded load is not later than the line before it")]
    Order(usize),
    /// A recurrence that cannot be read.
    #[error(
        "{0:?} is not a recurrence; write minute, hour, day of month, month and day of week, such as 30 7 * * MON-FRI"
    )]
    Recurrence(String),
    /// A scheduled action that cannot be read.
    #[error(
        "{0:?} is not a scheduled action; write a recurrence and how many servers there are at least from then on, such as 30 7 * * MON-FRI=6"
    )]
    Scheduled(String),
    /// A parameter is out of its range.
    #[error("{name} is {value}; it must be {range}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        range: &'static str,
    },
}
