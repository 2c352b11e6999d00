//! Which parameters keep a promise about waiting at the least cost.

mod timetable;

use serde::Serialize;

use crate::{
    Error, JOINING_MINUTES, Load, Minute, Parameters, Prices, Report, Scheduled, report, suggest::timetable::Profile,
};

/// What is to be kept, besides that no meeting is cut and no recording lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Goal {
    /// How many minutes nobody waits longer than.
    pub longest_wait: Minute,
}

/// A way to run the pool, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suggestion {
    /// How the number of servers is found.
    pub way: Way,
    /// Whether the goal is kept.
    pub kept: bool,
    /// The numbers, the parameters among them.
    pub report: Report,
}

/// How the number of servers is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// By the seats that are taken alone.
    Seats,
    /// The same, with stopped servers in a warm pool.
    WarmPool,
    /// With one busy time a day, as server-pool-scaling.yaml has it.
    BusyTime,
    /// With as many scheduled actions as the timetable has steps.
    Steps,
}

/// The targets that are tried.
const TARGETS: [u32; 6] = [95, 90, 80, 70, 60, 50];

/// Tries each way with many parameters on the first load, and takes the cheapest that keeps the goal on the others, too: those are the same
/// timetable with other people's whims. If none does, it takes the one in which people wait for the least time. The best way comes first.
///
/// # Errors
/// When a parameter is out of its range.
pub fn suggest(loads: &[Load], parameters: &Parameters, prices: &Prices, goal: Goal) -> Result<Vec<Suggestion>, Error> {
    parameters.check()?;
    let (load, others) = loads.split_first().ok_or(Error::Empty)?;
    let base = Parameters { schedule: Vec::new(), warm_pool: 0, ..parameters.clone() };
    let profile = Profile::of(loads.iter(), base.seats_per_server);
    let search = Search { load, others, profile, prices, goal, base };
    let ways = [search.steps()?, search.busy_time()?, search.warm_pool()?, search.seats()?];
    let mut found: Vec<_> = ways.into_iter().flatten().collect();
    found.sort_by_key(rank);
    Ok(found)
}

/// What is better comes first: kept, then cheap; broken, then few minutes of waiting. Costs are compared in thousandths.
fn rank(suggestion: &Suggestion) -> (bool, u64, u64) {
    let report = &suggestion.report;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cost is not negative, and casts are bounded"
    )]
    let cost = (report.pool.cost * 1000.0) as u64;
    let harm = report.waiting.minutes + 1000 * (report.meetings_cut + report.recordings_lost);
    if suggestion.kept { (false, cost, 0) } else { (true, harm, cost) }
}

struct Search<'a> {
    load: &'a Load,
    others: &'a [Load],
    profile: Profile,
    prices: &'a Prices,
    goal: Goal,
    base: Parameters,
}

impl Search<'_> {
    fn seats(&self) -> Result<Option<Suggestion>, Error> {
        let most = self.profile.most();
        let minima = [self.base.min, most.div_ceil(2), most, most + 1];
        let tries = minima.into_iter().flat_map(|min| {
            TARGETS.map(|target_percent| Parameters {
                min: min.max(self.base.min),
                target_percent,
                ..self.base.clone()
            })
        });
        self.best(Way::Seats, tries)
    }

    fn warm_pool(&self) -> Result<Option<Suggestion>, Error> {
        let most = self.profile.most();
        let minima = [self.base.min, most.div_ceil(2)];
        let tries = minima.into_iter().flat_map(|min| {
            let warm_pool = most.saturating_sub(min).max(1);
            TARGETS.map(|target_percent| Parameters {
                min: min.max(self.base.min),
                warm_pool,
                target_percent,
                ..self.base.clone()
            })
        });
        self.best(Way::WarmPool, tries)
    }

    fn busy_time(&self) -> Result<Option<Suggestion>, Error> {
        let most = self.profile.most();
        let Some((days, first, last)) = self.profile.busy(self.base.min) else { return Ok(None) };
        let from = Profile::rounded(first.saturating_sub(self.lead() + MARGIN));
        let mut best: Option<Suggestion> = None;
        // The earlier it is quiet again, and the fewer there are until then, the cheaper; so the first that keeps the goal is the cheapest.
        for busy in [most, most + 1] {
            for quiet in (first / 60 * 60 + 120..=last.max(first + 120)).step_by(60) {
                let schedule =
                    vec![timetable::action(from, &days, busy)?, timetable::action(quiet, &days, self.base.min)?];
                let tries = [95, 90].map(|target_percent| Parameters {
                    schedule: schedule.clone(),
                    target_percent,
                    ..self.base.clone()
                });
                best = better(best, self.best(Way::BusyTime, tries.into_iter())?);
                if best.as_ref().is_some_and(|best| best.kept) {
                    return Ok(best);
                }
            }
        }
        Ok(best)
    }

    fn steps(&self) -> Result<Option<Suggestion>, Error> {
        let mut tries = Vec::new();
        for more in [0, 1] {
            let schedule = self.profile.steps(self.lead(), MARGIN, self.base.min, more, self.base.max)?;
            tries.extend(TARGETS.into_iter().take(3).map(|target_percent| Parameters {
                schedule: schedule.clone(),
                target_percent,
                ..self.base.clone()
            }));
        }
        self.best(Way::Steps, tries.into_iter())
    }

    fn best(&self, way: Way, tries: impl Iterator<Item = Parameters>) -> Result<Option<Suggestion>, Error> {
        let mut found = Vec::new();
        for parameters in tries {
            let max = parameters.max;
            if parameters.min <= max && parameters.schedule.iter().all(|Scheduled { min, .. }| *min <= max) {
                let report = report::study(self.load, &parameters, self.prices)?.report;
                found.push(Suggestion { way, kept: self.is_kept(&report), report });
            }
        }
        found.sort_by_key(rank);
        for suggestion in found.iter_mut().filter(|suggestion| suggestion.kept) {
            let mut all_kept = true;
            for load in self.others {
                let report = report::study(load, &suggestion.report.parameters, self.prices)?.report;
                all_kept &= self.is_kept(&report);
            }
            suggestion.kept = all_kept;
            if all_kept {
                break;
            }
        }
        found.sort_by_key(rank);
        Ok(found.into_iter().next())
    }

    fn is_kept(&self, report: &Report) -> bool {
        let Report { waiting, meetings_cut, recordings_lost, .. } = report;
        waiting.longest <= self.goal.longest_wait && waiting.gave_up == 0 && *meetings_cut == 0 && *recordings_lost == 0
    }

    /// Minutes from a launch to the first meeting.
    fn lead(&self) -> Minute {
        self.base.boot_minutes + JOINING_MINUTES
    }
}

/// Minutes to spare between a server's first meeting and when it is needed.
const MARGIN: Minute = 3;

fn better(one: Option<Suggestion>, other: Option<Suggestion>) -> Option<Suggestion> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if rank(&other) < rank(&one) { other } else { one }),
        (one, other) => one.or(other),
    }
}
