//! A load that was measured: seats over time, as CSV.

use std::collections::VecDeque;

use time::Date;

use crate::{
    Error, Load, Meeting, Minute, Punctuality,
    calendar::{self, DAY},
};

/// How many people are in a meeting when a load only says how many there were in all: a class.
const PEOPLE_IN_A_MEETING: u32 = 25;

/// Makes meetings of a measured load, so that at each minute as many seats are taken as it says.
///
/// Each line has a moment by the local clock and the number of seats that are taken from then on, such as `2026-09-07T08:05,240`; seconds and a
/// zone are not looked at. A first line that is no such line is a heading. Where seats become more, classes begin; where they become
/// fewer, the oldest end.
///
/// # Errors
/// When a line cannot be read, or is not later than the one before it.
pub fn recorded(csv: &str) -> Result<Load, Error> {
    let mut points: Vec<(Date, Minute, u32)> = Vec::new();
    for (place, text) in csv.lines().enumerate() {
        let line = place + 1;
        if text.trim().is_empty() {
            continue;
        }
        let Some(point) = point(text) else {
            if line == 1 {
                continue;
            }
            return Err(Error::Recorded { line, text: text.to_owned() });
        };
        let is_later = points.last().is_none_or(|last| (last.0, last.1) < (point.0, point.1));
        if !is_later {
            return Err(Error::Order(line));
        }
        points.push(point);
    }
    let Some((first_day, ..)) = points.first().copied() else { return Err(Error::Empty) };
    let minute_of = |(day, minute, _): &(Date, Minute, u32)| calendar::days_between(first_day, *day) * DAY + minute;
    let days = points.last().map_or(0, |(day, ..)| calendar::days_between(first_day, *day)) + 1;
    if days > MOST_DAYS {
        return Err(Error::TooMuch(u64::from(days) * u64::from(DAY), u64::from(MOST_DAYS) * u64::from(DAY)));
    }
    let mut meetings = Vec::new();
    let mut running: VecDeque<(Minute, u32)> = VecDeque::new();
    for point in &points {
        follow(&mut running, &mut meetings, minute_of(point), point.2);
    }
    // What still runs when the measurement ends, runs until its last day is over.
    follow(&mut running, &mut meetings, days * DAY - 1, 0);
    Load::new(first_day, days * DAY, meetings, Punctuality::Exact)
}

/// Ten years.
const MOST_DAYS: u32 = 3_653;

/// Lets classes begin and end until as many seats are taken.
fn follow(running: &mut VecDeque<(Minute, u32)>, meetings: &mut Vec<Meeting>, now: Minute, seats: u32) {
    let mut taken: u32 = running.iter().map(|(_, people)| people).sum();
    while taken > seats {
        let Some((start, people)) = running.pop_front() else { break };
        let leave = people.min(taken - seats);
        taken -= leave;
        meetings.push(Meeting { start, minutes: now - start, participants: leave, recorded: false, opened_early: 0 });
        if leave < people {
            running.push_front((start, people - leave));
        }
    }
    while taken < seats {
        let people = PEOPLE_IN_A_MEETING.min(seats - taken);
        running.push_back((now, people));
        taken += people;
    }
}

fn point(line: &str) -> Option<(Date, Minute, u32)> {
    let (moment, seats) = line.split_once([',', ';'])?;
    let moment = moment.trim().trim_matches('"');
    let (day, clock) = moment.split_once(['T', ' '])?;
    let minute = calendar::clock(clock.get(..5)?).ok()?;
    Some((calendar::date(day).ok()?, minute, seats.trim().trim_matches('"').parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_seats_are_taken_as_were_measured() {
        let csv = "time,seats\n2026-09-07T08:00,60\n2026-09-07 08:30:10,110\n\n\"2026-09-07T09:00Z\";10\n2026-09-08T10:00,0\n";
        let load = recorded(csv).unwrap();
        let wanted = load.wanted();
        assert_eq!((wanted[479], wanted[480], wanted[509]), (0, 60, 60));
        assert_eq!((wanted[510], wanted[540], wanted[1440]), (110, 10, 10));
        assert_eq!((wanted[1440 + 600], load.minutes), (0, 2 * DAY));
    }

    #[test]
    fn mistakes_are_named_by_their_line() {
        let error = |csv| recorded(csv).unwrap_err().to_string();
        assert!(error("2026-09-07T08:00,60\nnonsense\n").starts_with("line 2"));
        assert!(error("2026-09-07T08:00,60\n2026-09-07T08:00,61\n").contains("line 2"));
        assert!(error("").contains("no meeting"));
        assert!(error("2026-09-07T08:00,-1\n2026-09-07T08:01,-1\n").starts_with("line 2"));
    }
}
