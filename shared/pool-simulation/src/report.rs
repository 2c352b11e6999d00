//! What came of it, beside what else could have been.

use serde::Serialize;

use crate::{
    DAY, Error, JOINING_MINUTES, Load, Parameters, Prices, Sample, Waiting, calendar, clairvoyant,
    simulation::{self, Course},
};

/// Minutes of an hour.
const HOUR: f64 = 60.0;

/// A load that was simulated, with all that a picture needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// The numbers.
    pub report: Report,
    /// The pool at each minute.
    pub samples: Vec<Sample>,
    /// How many seats were wanted at each minute.
    pub wanted: Vec<u32>,
}

/// The numbers of a simulation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
    /// How the pool was run.
    pub parameters: Parameters,
    /// The prices' currency.
    pub currency: String,
    /// Meetings of the load.
    pub meetings: u64,
    /// People who wanted to come to them.
    pub joins: u64,
    /// The most people at once.
    pub seats_wanted_at_most: u32,
    /// The pool as it would scale.
    pub pool: Plan,
    /// A number of servers that never changes and has a seat for everybody: what the sample recommends.
    pub fixed: Plan,
    /// The least that any plan costs which knows the future, pays for launches, has a seat for everybody, leaves meetings where they were
    /// opened, processes recordings there, and has never fewer than one server, if the pool never has none.
    pub clairvoyant: Plan,
    /// The pool's server-hours for each of the clairvoyant plan's: at most so much more than the best plan there is.
    pub pool_to_clairvoyant: f64,
    /// Who waited in the pool.
    pub waiting: Waiting,
    /// Meetings that were held.
    pub meetings_held: u64,
    /// The most people on one server: Scalelite does not know of seats, so it may be more than there are.
    pub people_on_one_server_at_most: u32,
    /// How many percent of the time in meetings people spent on a server with more people than seats.
    pub crowded_percent: f64,
    /// Meetings that were ended with people in them.
    pub meetings_cut: u64,
    /// Recordings that were lost.
    pub recordings_lost: u64,
    /// The fewest free seats on servers that get new meetings, at the worst moment; less than none if people waited.
    pub seats_free_at_worst: i64,
    /// When that was, as a date and a time.
    pub worst_moment: String,
    /// Launches and starts of servers.
    pub launches: u64,
    /// Ticks of the function, one a minute.
    pub ticks: u64,
    /// How many of them were not the same as the one before.
    pub ticks_decided: u64,
}

/// A way to run servers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Plan {
    /// Servers at most, as they are paid for by the hour.
    pub servers_at_most: u32,
    /// Hours that servers run.
    pub server_hours: f64,
    /// Hours that servers are stopped.
    pub stopped_hours: f64,
    /// What that costs.
    pub cost: f64,
}

impl Plan {
    fn new(servers_at_most: u32, minutes: u64, stopped_minutes: u64, prices: &Prices) -> Self {
        let hours = |minutes: u64| {
            #[allow(clippy::cast_precision_loss, reason = "there are no 2^52 minutes")]
            let minutes = minutes as f64;
            minutes / HOUR
        };
        let (server_hours, stopped_hours) = (hours(minutes), hours(stopped_minutes));
        Self { servers_at_most, server_hours, stopped_hours, cost: prices.of(server_hours, stopped_hours) }
    }
}

/// Simulates a load, and finds out what else could have carried it.
///
/// # Errors
/// When a parameter is out of its range.
pub fn study(load: &Load, parameters: &Parameters, prices: &Prices) -> Result<Study, Error> {
    parameters.check()?;
    let wanted = load.wanted();
    let needed = clairvoyant::needed(&wanted, parameters.seats_per_server);
    let course = simulation::simulate(load, parameters, needed.first().copied().unwrap_or(0))?;
    let report = report(load, parameters, prices, &course, &wanted, &needed);
    Ok(Study { report, samples: course.samples, wanted })
}

fn report(
    load: &Load,
    parameters: &Parameters,
    prices: &Prices,
    course: &Course,
    wanted: &[u32],
    needed: &[u32],
) -> Report {
    let samples = &course.samples;
    let sum = |what: fn(&Sample) -> u32| samples.iter().map(|sample| u64::from(what(sample))).sum::<u64>();
    let most = |what: fn(&Sample) -> u32| samples.iter().map(what).max().unwrap_or(0);
    let pool = Plan::new(most(|sample| sample.paid), sum(|sample| sample.paid), sum(|sample| sample.stopped), prices);
    // One server for whoever comes unannounced: nobody's plan does without, and a pool that keeps more has to answer for them.
    let floor = parameters.floor().min(1);
    let lead = parameters.boot_minutes + JOINING_MINUTES;
    let most_needed = needed.iter().copied().max().unwrap_or(0).max(floor);
    let least = clairvoyant::least_minutes(load, parameters, needed, floor, lead);
    let clairvoyant = Plan::new(most_needed, least, 0, prices);
    // The sample recommends one number for minimum, maximum and desired.
    let fixed = Plan::new(most_needed, u64::from(most_needed) * u64::from(load.minutes), 0, prices);
    let free = |sample: &Sample| {
        let seats = i64::from(sample.serving) * i64::from(parameters.seats_per_server);
        seats + i64::from(sample.seated_on_draining) - i64::from(sample.seated) - i64::from(sample.waiting)
    };
    let worst = (0..).zip(samples).min_by_key(|(_, sample)| free(sample));
    let last = load.minutes.saturating_sub(1);
    Report {
        from: load.first_day.to_string(),
        to: load.day_of(last).to_string(),
        parameters: parameters.clone(),
        currency: prices.currency.clone(),
        meetings: u64::try_from(load.meetings.len()).unwrap_or(u64::MAX),
        joins: load.joins(),
        seats_wanted_at_most: wanted.iter().copied().max().unwrap_or(0),
        pool,
        fixed,
        clairvoyant,
        pool_to_clairvoyant: if clairvoyant.server_hours > 0.0 {
            pool.server_hours / clairvoyant.server_hours
        } else {
            0.0
        },
        waiting: course.tally.waiting.clone(),
        meetings_held: course.tally.held,
        people_on_one_server_at_most: course.tally.crowd,
        crowded_percent: percent(course.tally.crowded_minutes, course.tally.person_minutes),
        meetings_cut: course.cut,
        recordings_lost: course.lost_recordings,
        seats_free_at_worst: worst.map_or(0, |(_, sample)| free(sample)),
        worst_moment: worst.map_or_else(String::new, |(minute, _)| moment(load, minute)),
        launches: course.launches,
        ticks: u64::from(load.minutes),
        ticks_decided: course.decided,
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "there are no 2^52 minutes")]
    let (part, whole) = (part as f64, whole.max(1) as f64);
    100.0 * part / whole
}

/// A minute as a date and a time.
fn moment(load: &Load, minute: u32) -> String {
    let of_day = minute % DAY;
    format!("{} {:02}:{:02}", calendar::day_after(load.first_day, minute / DAY), of_day / 60, of_day % 60)
}
