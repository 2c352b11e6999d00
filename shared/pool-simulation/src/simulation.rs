//! A pool through its days, minute by minute.

use serde::Serialize;
use server_pool::Lifecycle;

use crate::{
    Error, Load, Minute, Parameters,
    calendar::{self, DAY},
    group::Group,
    hall::{Hall, Tally},
    load::Movement,
    pool::{self, Pool},
    scalelite::{Place, Scalelite},
    tracking::{METRIC_DELAY, Tracking},
};

/// Minutes from being ready to the first meeting: the tick that finds it ready, and Scalelite's next poll.
pub const JOINING_MINUTES: Minute = 2;

/// The pool at the end of a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// People in meetings that there is a seat for.
    pub seated: u32,
    /// People who wait for a seat.
    pub waiting: u32,
    /// Servers that get new meetings.
    pub serving: u32,
    /// Servers on their way to that.
    pub launching: u32,
    /// Servers that are drained.
    pub draining: u32,
    /// Servers that are paid for by the hour.
    pub paid: u32,
    /// Servers that are stopped in the warm pool.
    pub stopped: u32,
    /// People with a seat on servers that get no new meetings.
    pub seated_on_draining: u32,
}

/// What became of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Course {
    /// The pool at each minute.
    pub(crate) samples: Vec<Sample>,
    /// Who waited, and who was crowded.
    pub(crate) tally: Tally,
    /// Meetings that were ended by the pool while somebody was in them.
    pub(crate) cut: u64,
    /// Recordings that were lost with their server.
    pub(crate) lost_recordings: u64,
    /// How often servers were launched or started.
    pub(crate) launches: u64,
    /// How many of the ticks had to be decided; at the others the world was the same as at the tick before, when nothing was to be done.
    pub(crate) decided: u64,
}

/// Simulates a pool that carries a load, beginning with this many servers in service.
///
/// # Errors
/// When a parameter is out of its range.
pub(crate) fn simulate(load: &Load, parameters: &Parameters, initial: u32) -> Result<Course, Error> {
    parameters.check()?;
    Ok(Simulation::new(load, &load.movements(), parameters, initial).run(load, parameters, true))
}

struct Simulation<'a> {
    group: Group,
    scalelite: Scalelite,
    hall: Hall<'a>,
    pool: Pool,
    tracking: Tracking,
    /// The last metrics, the newest last, as CloudWatch will have them.
    metrics: [Option<f64>; 1 + METRIC_DELAY as usize],
    course: Course,
}

impl<'a> Simulation<'a> {
    fn new(load: &'a Load, movements: &'a [Movement], parameters: &'a Parameters, initial: u32) -> Self {
        let mut group = Group::new(parameters, initial);
        let mut scalelite = Scalelite::default();
        let pool = Pool::new(parameters, calendar::unix(load.first_day));
        pool.settle(&mut group, &mut scalelite);
        let course = Course {
            samples: Vec::with_capacity(usize::try_from(load.minutes).unwrap_or(0)),
            tally: Tally::default(),
            cut: 0,
            lost_recordings: 0,
            launches: 0,
            decided: 0,
        };
        Self {
            group,
            scalelite,
            hall: Hall::new(load, movements, parameters),
            pool,
            tracking: Tracking::new(parameters.target_percent, parameters.scale_in),
            metrics: Default::default(),
            course,
        }
    }

    fn run(mut self, load: &Load, parameters: &Parameters, may_skip: bool) -> Course {
        let mut today: Vec<(Minute, u32)> = Vec::new();
        for now in 0..load.minutes {
            if now % DAY == 0 {
                today = due(load, parameters, now);
            }
            for (_, min) in today.iter().filter(|(at, _)| *at == now) {
                self.group.set_min(*min);
            }
            self.pass(now, may_skip);
        }
        self.course.tally = self.hall.tally;
        self.course.decided = self.pool.decided;
        self.course.launches = self.group.launches();
        self.course
    }

    fn pass(&mut self, now: Minute, may_skip: bool) {
        self.group.pass(now);
        for place in std::mem::take(&mut self.group.ended) {
            let (cut, lost) = self.hall.cut(place, now);
            self.course.cut += cut;
            self.course.lost_recordings += lost;
        }
        self.hall.pass(now, &mut self.scalelite);
        self.poll(now);
        // The function ticks every minute. Where nothing has changed since a tick that had nothing to do, and nothing is under way that depends on
        // the clock, it would decide the same; that is a test's business to prove.
        let has_changed = self.hall.take_changes() | std::mem::take(&mut self.group.has_changed);
        let may_rest = may_skip && !has_changed && self.pool.is_idle && self.group.is_settled(now);
        if !may_rest {
            self.pool.tick(now, &mut self.group, &mut self.scalelite, &self.hall);
            self.group.has_changed |= !self.pool.is_idle;
        }
        self.metrics.rotate_left(1);
        if let Some(last) = self.metrics.last_mut() {
            *last = self.pool.metrics.seats_used_percent;
        }
        let datapoint = self.metrics.first().copied().flatten();
        let wanted = self.tracking.follow(datapoint, self.group.capacity(now));
        self.group.want(wanted);
        let (scalelite, hall) = (&self.scalelite, &self.hall);
        self.group.reconcile(now, |candidates, count| pool::whom_to_end(candidates, count, now, scalelite, hall));
        self.course.samples.push(self.sample());
    }

    fn poll(&mut self, now: Minute) {
        let (machines, hall) = (&self.group.machines, &self.hall);
        let answers = |place: Place| {
            let machine = machines.iter().find(|machine| machine.place == place)?;
            machine.answers(now).then(|| hall.seen(place))
        };
        self.group.has_changed |= self.scalelite.poll(now, answers);
    }

    fn sample(&self) -> Sample {
        let mut sample = Sample { seated: self.hall.seated, waiting: self.hall.seatless(), ..Sample::default() };
        for machine in &self.group.machines {
            sample.paid += u32::from(machine.is_billed());
            let is_open = self.scalelite.is_open(machine.place);
            match machine.lifecycle {
                Lifecycle::InService if is_open => sample.serving += 1,
                Lifecycle::Pending | Lifecycle::PendingWait | Lifecycle::PendingProceed | Lifecycle::InService => {
                    sample.launching += 1;
                }
                Lifecycle::Warmed(_) if machine.is_billed() => sample.launching += 1,
                Lifecycle::Warmed(_) => sample.stopped += 1,
                _ => {
                    sample.draining += u32::from(machine.is_billed());
                    sample.seated_on_draining += self.hall.seated_on(machine.place);
                }
            }
        }
        sample
    }
}

/// The scheduled actions of a day.
fn due(load: &Load, parameters: &Parameters, midnight: Minute) -> Vec<(Minute, u32)> {
    let day = load.day_of(midnight);
    let today = parameters.schedule.iter().filter(|scheduled| scheduled.at.is_on(day));
    let moments = today.flat_map(|scheduled| {
        (0..DAY).filter(|minute| scheduled.at.is_at(*minute)).map(|minute| (midnight + minute, scheduled.min))
    });
    moments.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Timetable, examples};

    fn course(name: &str, change: impl FnOnce(&mut Parameters), may_skip: bool) -> Course {
        let timetable = Timetable::read(examples::find(name).unwrap().json).unwrap();
        let load = timetable.load(1).unwrap();
        let mut parameters = timetable.parameters.clone();
        change(&mut parameters);
        Simulation::new(&load, &load.movements(), &parameters, 1).run(&load, &parameters, may_skip)
    }

    #[test]
    fn ticks_that_are_skipped_would_have_decided_nothing() {
        for name in ["school-week", "university-week"] {
            let skipping = course(name, |_| {}, true);
            let all = course(name, |_| {}, false);
            assert_eq!(all.decided, 7 * u64::from(DAY));
            assert!(skipping.decided < all.decided / 2, "{}", skipping.decided);
            assert_eq!(skipping, Course { decided: skipping.decided, ..all });
        }
        let unplanned = |parameters: &mut Parameters| {
            parameters.schedule.clear();
            parameters.warm_pool = 2;
        };
        let skipping = course("university-week", unplanned, true);
        assert_eq!(skipping, Course { decided: skipping.decided, ..course("university-week", unplanned, false) });
    }

    #[test]
    fn a_server_gets_meetings_so_long_after_its_launch() {
        for boot_minutes in [1, 5, 25, 55] {
            let change = |parameters: &mut Parameters| {
                parameters.boot_minutes = boot_minutes;
                parameters.schedule = vec!["0 3 * * *=2".parse().unwrap()];
            };
            let course = course("school-day", change, true);
            let paid = course.samples.iter().position(|sample| sample.paid == 2).unwrap();
            assert_eq!(paid, 180);
            let serving = course.samples.iter().position(|sample| sample.serving == 2).unwrap();
            // The poll at the end of a minute finds it, so its first meeting is of the next one.
            assert_eq!(serving + 1 - paid, usize::try_from(boot_minutes + JOINING_MINUTES).unwrap());
        }
    }
}
