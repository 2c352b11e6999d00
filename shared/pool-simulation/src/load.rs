//! What the servers have to carry: meetings, and when people come to them and leave.

use time::Date;

use crate::{Error, Minute, calendar};

/// The most meetings in a simulation: what fits into memory and seconds.
pub(crate) const MOST_MEETINGS: u64 = 2_000_000;

/// Minutes before a meeting's beginning in which people come; in one of them the room is opened.
pub const OPENED_EARLY: u32 = 5;
/// Minutes after it.
const LATE: u32 = 3;
/// In which of the minutes from [`OPENED_EARLY`] before to [`LATE`] after the beginning how many percent of the people come: a few early, most around the
/// bell. An assumption of ours, since nobody publishes such a curve.
const COME_PERCENT: [u32; 9] = [4, 6, 10, 15, 20, 22, 13, 7, 3];
/// In which of the minutes from the end on they go.
const GO_PERCENT: [u32; 3] = [60, 30, 10];

/// A meeting that will be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meeting {
    /// When it is to begin.
    pub start: Minute,
    /// How many minutes it is to last.
    pub minutes: u32,
    /// How many people come, the one who holds it included.
    pub participants: u32,
    /// Whether it is recorded.
    pub recorded: bool,
    /// How many minutes before its beginning its room is opened, at most [`OPENED_EARLY`].
    pub opened_early: u32,
}

/// How people come to meetings and leave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Punctuality {
    /// From five minutes before the beginning to three after it, but not before the room is open, and away within three minutes from the end.
    Usual,
    /// All in the first minute, and away in the last: for a load that was measured, with people coming as they did.
    Exact,
}

/// All meetings of a span of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// The first day.
    pub first_day: Date,
    /// How many minutes are simulated.
    pub minutes: Minute,
    /// The meetings, by their beginning.
    pub meetings: Vec<Meeting>,
    /// How people come and go.
    pub punctuality: Punctuality,
}

/// People on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Movement {
    pub(crate) at: Minute,
    pub(crate) kind: Kind,
    /// Which meeting, by its place in the load.
    pub(crate) meeting: u32,
    pub(crate) people: u32,
}

/// Where they go. In the same minute those who leave make room for those who come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Leave,
    /// The last of them.
    LeaveLast,
    Come,
}

impl Load {
    /// Puts meetings in order.
    ///
    /// # Errors
    /// When there are none, or too many.
    pub(crate) fn new(
        first_day: Date,
        minutes: Minute,
        mut meetings: Vec<Meeting>,
        punctuality: Punctuality,
    ) -> Result<Self, Error> {
        let count = u64::try_from(meetings.len()).unwrap_or(u64::MAX);
        if count > MOST_MEETINGS {
            return Err(Error::TooMuch(count, MOST_MEETINGS));
        }
        if meetings.is_empty() {
            return Err(Error::Empty);
        }
        meetings.sort_by_key(|meeting| meeting.start);
        Ok(Self { first_day, minutes, meetings, punctuality })
    }

    /// How many people come in all.
    #[must_use]
    pub fn joins(&self) -> u64 {
        self.meetings.iter().map(|meeting| u64::from(meeting.participants)).sum()
    }

    /// The day of a minute.
    #[must_use]
    pub fn day_of(&self, minute: Minute) -> Date {
        calendar::day_after(self.first_day, minute / calendar::DAY)
    }

    /// The days from `from` to before `to` of it, counted from its first.
    #[must_use]
    pub fn part(&self, from: u32, to: u32) -> Self {
        let (first, end) = (from * calendar::DAY, (to * calendar::DAY).min(self.minutes));
        let inside = |meeting: &&Meeting| (first..end).contains(&meeting.start);
        let moved = |meeting: &Meeting| Meeting { start: meeting.start - first, ..*meeting };
        Self {
            first_day: calendar::day_after(self.first_day, from),
            minutes: end.saturating_sub(first),
            meetings: self.meetings.iter().filter(inside).map(moved).collect(),
            punctuality: self.punctuality,
        }
    }

    /// How many people want to be in meetings at each minute.
    pub(crate) fn wanted(&self) -> Vec<u32> {
        let mut present = 0_u32;
        let mut wanted = Vec::with_capacity(usize::try_from(self.minutes).unwrap_or(0));
        let movements = self.movements();
        let mut next = movements.iter().peekable();
        for minute in 0..self.minutes {
            while let Some(movement) = next.next_if(|movement| movement.at <= minute) {
                match movement.kind {
                    Kind::Come => present += movement.people,
                    Kind::Leave | Kind::LeaveLast => present = present.saturating_sub(movement.people),
                }
            }
            wanted.push(present);
        }
        wanted
    }

    /// Who comes and goes when, in the order of time. Those who would come before the first minute come in it.
    pub(crate) fn movements(&self) -> Vec<Movement> {
        let mut movements = Vec::new();
        for (place, meeting) in self.meetings.iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let end = meeting.start + meeting.minutes;
            let mut add = |at, kind, people| movements.push(Movement { at, kind, meeting: place, people });
            match self.punctuality {
                Punctuality::Exact => {
                    add(meeting.start, Kind::Come, meeting.participants);
                    add(end, Kind::LeaveLast, meeting.participants);
                }
                Punctuality::Usual => {
                    // A short meeting has nobody who comes when the others leave.
                    let late = LATE.min(meeting.minutes.saturating_sub(1));
                    for (minute, people) in (0..).zip(shares(meeting.participants, &COME_PERCENT)) {
                        let minute = minute.max(OPENED_EARLY - meeting.opened_early.min(OPENED_EARLY));
                        let at = (meeting.start + minute).saturating_sub(OPENED_EARLY).min(meeting.start + late);
                        if people > 0 {
                            add(at, Kind::Come, people);
                        }
                    }
                    let last = u32::try_from(GO_PERCENT.len()).unwrap_or(1) - 1;
                    for (minute, people) in (0..).zip(shares(meeting.participants, &GO_PERCENT)) {
                        let kind = if minute == last { Kind::LeaveLast } else { Kind::Leave };
                        if people > 0 || kind == Kind::LeaveLast {
                            add(end + minute, kind, people);
                        }
                    }
                }
            }
        }
        movements.sort_by_key(|movement| (movement.at, movement.kind, movement.meeting));
        movements
    }
}

/// Divides people by percent, without losing one. The last share has what is left by rounding.
fn shares(people: u32, percent: &[u32]) -> Vec<u32> {
    let mut sum = 0_u64;
    let mut given = 0;
    let share = |percent: &u32| {
        sum += u64::from(*percent);
        let until = u32::try_from(u64::from(people) * sum / 100).unwrap_or(u32::MAX);
        let share = until - given;
        given = until;
        share
    };
    percent.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_lost_by_rounding() {
        assert_eq!(COME_PERCENT.iter().sum::<u32>(), 100);
        assert_eq!(GO_PERCENT.iter().sum::<u32>(), 100);
        for people in [0, 1, 2, 25, 199, 2_000] {
            assert_eq!(shares(people, &COME_PERCENT).iter().sum::<u32>(), people);
        }
    }

    #[test]
    fn all_who_come_leave() {
        let meeting = |start, minutes| Meeting { start, minutes, participants: 25, recorded: false, opened_early: 3 };
        let meetings = vec![meeting(60, 45), meeting(2, 1), meeting(60, 2)];
        let load = Load::new(Date::MIN, 200, meetings, Punctuality::Usual).unwrap();
        let wanted = load.wanted();
        assert_eq!((wanted[56], wanted[57]), (0, 10), "nobody comes before the room is open");
        assert_eq!(wanted[70], 25);
        assert_eq!(wanted[107], 0);
        assert_eq!(wanted[199], 0);
    }
}
