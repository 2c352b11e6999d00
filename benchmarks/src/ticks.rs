//! Ticks: the real lifecycle function over pools of every size.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use benchmark_endpoint::Played;
use serde::Serialize;

use crate::{
    case::Case,
    life::{Life, Manner, live},
    pool::{Death, Pool},
    processor::Mode,
    statistics::{figure, grouped, median, megabytes, milliseconds},
    table::Table,
    workshop::Workshop,
};

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) runs: usize,
    pub(crate) servers: Vec<usize>,
}

/// A pool, measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    servers: usize,
    dead: usize,
    death: String,
    mode: String,
    megabytes: u64,
    /// The first tick of a process, initialisation not included, in milliseconds.
    first: f64,
    /// The next tick of the same process.
    second: f64,
    /// The processor time of both, with the initialisation.
    processor: f64,
    peak_bytes: f64,
    /// Of all runs the fewest servers that answered in the first tick, and in the second.
    answered: [usize; 2],
    most_open: u64,
    connections: u64,
    /// The calls of both ticks.
    calls: BTreeMap<String, u64>,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Ticks {
    machine: String,
    runs: usize,
    lines: Vec<Line>,
}

pub(crate) fn measure(workshop: &Workshop, wanted: &Wanted) -> Result<Ticks> {
    let machine = Workshop::machine();
    let modes = if workshop.groups.is_some() { vec![Mode::Full, Mode::Burst] } else { vec![Mode::Full] };
    let mut lines = Vec::new();
    for &servers in &wanted.servers {
        for death in [Death::Refusing, Death::Hanging] {
            for &mode in &modes {
                let pool = Pool { servers, dead: (servers / 100).max(1), death };
                eprintln!("{servers} servers, {} dead ({}), {}", pool.dead, death.name(), mode.name());
                lines.push(of_pool(workshop, pool, mode, wanted.runs)?);
            }
        }
    }
    Ok(Ticks { machine, runs: wanted.runs, lines })
}

fn of_pool(workshop: &Workshop, pool: Pool, mode: Mode, runs: usize) -> Result<Line> {
    let mut endpoint = workshop.endpoint()?;
    let case = Case::Lifecycle;
    let subject = workshop.function(case.function(), endpoint.ports, case.variables(endpoint.ports))?;
    let event = case.event(endpoint.ports)?;
    let manner = Manner {
        mode,
        groups: workshop.groups.as_ref(),
        megabytes: case.megabytes(),
        timeout: case.timeout(),
        turns: None,
    };
    let mut seen: Vec<(Life, Played, Vec<usize>)> = Vec::new();
    for _ in 0..runs {
        endpoint.play(&pool.script()?)?;
        let events = [event.clone(), event.clone()];
        let life = live("ticks", &subject, manner, &events, &workshop.log("ticks"))?;
        let played = endpoint.take()?;
        let answered = life.answers.iter().map(|answer| pool.answered(answer)).collect::<Result<Vec<usize>>>()?;
        check_calls(&answered, &played)?;
        seen.push((life, played, answered));
    }
    let of = |value: &dyn Fn(&Life) -> f64| median(seen.iter().map(|(life, ..)| value(life))).unwrap_or_default();
    let took = |life: &Life, place: usize| milliseconds(life.took.get(place).copied().unwrap_or_default());
    let (_, played, _) = seen.last().context("nothing was run")?;
    Ok(Line {
        servers: pool.servers,
        dead: pool.dead,
        death: pool.death.name().to_owned(),
        mode: mode.name().to_owned(),
        megabytes: manner.megabytes,
        first: of(&|life| took(life, 0)),
        second: of(&|life| took(life, 1)),
        processor: of(&|life| milliseconds(life.processor)),
        #[allow(clippy::cast_precision_loss, reason = "megabytes")]
        peak_bytes: of(&|life| life.peak_bytes as f64),
        answered: [0, 1]
            .map(|tick| seen.iter().filter_map(|(.., answered)| answered.get(tick).copied()).min().unwrap_or_default()),
        most_open: seen.iter().map(|(_, played, _)| played.most_open).max().unwrap_or_default(),
        connections: played.connections,
        calls: played.calls.clone(),
    })
}

/// Who is said to have answered must have been asked for meetings and status.
fn check_calls(answered: &[usize], played: &Played) -> Result<()> {
    let least = answered.iter().sum::<usize>() as u64;
    let calls = played.calls.get("server getMeetings").copied().unwrap_or_default();
    ensure!(calls >= least, "getMeetings: {calls} in two ticks, but {least} servers answered");
    Ok(())
}

impl Death {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Refusing => "refusing",
            Self::Hanging => "hanging",
        }
    }
}

impl Ticks {
    /// As Markdown.
    pub(crate) fn page(&self) -> String {
        let Self { machine, runs, .. } = self;
        let limits = Case::Lifecycle;
        format!(
            "Runs of each row (the median is shown): {runs}, on {machine} A run is a new process with two ticks. Times in milliseconds, memory in Lambda's megabytes; the function has \
             {} MB and {} s. `full` is a whole processor, `burst` the share of the function's memory from the first event on. \
             *answered* is how many servers did in the first tick and in the second; a tick stops asking when its time is up.\n\n{}\n\
             Calls of one tick, the mean of both:\n\n{}",
            limits.megabytes(),
            limits.timeout().as_secs(),
            self.time_table(),
            self.call_table(),
        )
    }

    fn time_table(&self) -> Table {
        let mut table = Table::new([
            "servers",
            "dead",
            "processor",
            "answered",
            "first tick",
            "second tick",
            "CPU of both",
            "CPU a server and tick",
            "peak",
            "most connections",
        ]);
        for line in &self.lines {
            #[allow(clippy::cast_precision_loss, reason = "thousands")]
            let each = line.processor / (2 * line.servers) as f64;
            table.row(vec![
                grouped(line.servers as u64),
                format!("{} {}", line.dead, line.death),
                line.mode.clone(),
                line.answered.map(|answered| grouped(answered as u64)).join(" / "),
                figure(line.first),
                figure(line.second),
                figure(line.processor),
                figure(each),
                figure(megabytes(line.peak_bytes)),
                grouped(line.most_open),
            ]);
        }
        table
    }

    /// By size; how the dead are dead changes nothing, and neither does the processor.
    fn call_table(&self) -> Table {
        let shown: Vec<&Line> = self
            .lines
            .iter()
            .filter(|line| line.mode == Mode::Full.name() && line.death == Death::Refusing.name())
            .collect();
        let sizes = shown.iter().map(|line| format!("{} servers", grouped(line.servers as u64)));
        let mut table = Table::new(["call".to_owned()].into_iter().chain(sizes));
        let calls: std::collections::BTreeSet<&String> = shown.iter().flat_map(|line| line.calls.keys()).collect();
        for call in calls {
            #[allow(clippy::cast_precision_loss, reason = "thousands")]
            let each = shown.iter().map(|line| line.calls.get(call).copied().unwrap_or_default() as f64 / 2.0);
            let each =
                each.map(|calls| if calls.fract() == 0.0 { format!("{calls:.0}") } else { format!("{calls:.1}") });
            table.row([call.clone()].into_iter().chain(each).collect());
        }
        table
    }
}

impl Case {
    /// How long an event may take, by the template.
    fn timeout(self) -> Duration {
        Duration::from_secs(self.template_number("Timeout"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_without_questions_are_noticed() {
        let played = Played { calls: [("server getMeetings".to_owned(), 18)].into(), ..Played::default() };
        assert!(check_calls(&[9, 9], &played).is_ok());
        assert!(check_calls(&[9, 10], &played).is_err());
    }
}
