//! `bbb simulate`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use pool_simulation::{
    DAY, Load, Parameters, Prices, Scheduled, Timetable, examples, picture, prices, recorded,
    suggest::{self, Goal},
    text,
};
use serde_json::json;

use crate::exit::{FAILURE, SUCCESS};
use crate::global::Format;
use crate::stdout;

/// How many days parameters are searched with at most: the busiest of a longer load.
const SEARCHED_DAYS: u32 = 7;

/// How many times the same timetable is drawn anew to see whether a suggestion holds.
const OTHER_DRAWS: u64 = 4;

/// The arguments of `bbb simulate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        bbb simulate school-week                                what a school's week costs\n  \
        bbb simulate school-week --picture week.svg             with a picture of seats and servers\n  \
        bbb simulate --print-example school-week >my.json       a timetable to change\n  \
        bbb simulate --timetable my.json --suggest              the cheapest parameters that let nobody wait longer than a minute\n  \
        bbb simulate --recorded load.csv --target-percent 70    a load that was measured: lines such as 2026-09-07T08:05,240\n\n\
        Examples that come with it: school-day, school-week, university-week, sudden-lecture, school-year\n\n\
        Exit codes: 0 no meeting cut and no recording lost (with --suggest: the goal can be kept), 1 otherwise or an error, 2 wrong usage")]
pub(crate) struct Arguments {
    /// A timetable that comes with the command
    #[arg(conflicts_with_all = ["timetable", "recorded"], value_parser = example)]
    pub(crate) example: Option<examples::Example>,

    /// A timetable of your own; --print-example shows how it is written
    #[arg(long, value_name = "FILE", conflicts_with = "recorded")]
    pub(crate) timetable: Option<PathBuf>,

    /// A load that was measured: lines with a moment and the seats that are taken from then on
    #[arg(long, value_name = "FILE")]
    recorded: Option<PathBuf>,

    /// What servers cost; --print-prices shows the built-in prices
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,

    /// What is left to chance, how many people come to each lesson and when, follows from this number
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Draw seats and servers over time into this file, as SVG
    #[arg(long, value_name = "FILE", conflicts_with = "suggest")]
    picture: Option<PathBuf>,

    /// Search for the parameters that keep the goal at the least cost
    #[arg(long)]
    suggest: bool,

    /// The goal: nobody waits for longer than so many minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 1, requires = "suggest")]
    longest_wait: u32,

    /// Print the file of a timetable that comes with the command, and do nothing else
    #[arg(long, value_name = "EXAMPLE", value_parser = example, exclusive = true)]
    print_example: Option<examples::Example>,

    /// Print the file of the built-in prices, and do nothing else
    #[arg(long, exclusive = true)]
    print_prices: bool,

    #[command(flatten)]
    changes: Changes,
}

/// What is to be otherwise than in the timetable.
#[derive(Debug, Args)]
#[command(next_help_heading = "How the pool is run")]
struct Changes {
    /// Servers at least
    #[arg(long)]
    min: Option<u32>,

    /// Servers at most
    #[arg(long)]
    max: Option<u32>,

    /// How many percent of the seats are to be taken, as server-pool-scaling.yaml has it
    #[arg(long)]
    target_percent: Option<u32>,

    /// How many people a server is to hold, as server-pool.yaml has it
    #[arg(long)]
    seats_per_server: Option<u32>,

    /// From when on there are how many servers at least, such as "30 7 * * MON-FRI=5"; once for each scheduled action, in place of the timetable's
    #[arg(long)]
    schedule: Option<Vec<Scheduled>>,

    /// Without the timetable's scheduled actions
    #[arg(long, conflicts_with = "schedule")]
    no_schedule: bool,

    /// Stopped servers in a warm pool
    #[arg(long)]
    warm_pool: Option<u32>,

    /// Minutes until a new server is ready: 25 when BigBlueButton is installed, some 5 from an image that has it
    #[arg(long)]
    boot_minutes: Option<u32>,

    /// Minutes of processing for a minute of recording
    #[arg(long)]
    recording_factor: Option<f64>,
}

impl Changes {
    fn apply(&self, parameters: &mut Parameters) {
        fn set<T: Copy>(parameter: &mut T, change: Option<T>) {
            *parameter = change.unwrap_or(*parameter);
        }
        set(&mut parameters.min, self.min);
        set(&mut parameters.max, self.max);
        set(&mut parameters.target_percent, self.target_percent);
        set(&mut parameters.seats_per_server, self.seats_per_server);
        set(&mut parameters.warm_pool, self.warm_pool);
        set(&mut parameters.boot_minutes, self.boot_minutes);
        set(&mut parameters.recording_factor, self.recording_factor);
        if let Some(schedule) = &self.schedule {
            parameters.schedule.clone_from(schedule);
        }
        if self.no_schedule {
            parameters.schedule.clear();
        }
    }
}

/// What is simulated.
enum Source {
    Timetable(Timetable),
    Recorded(Load),
}

impl Source {
    fn load(&self, seed: u64) -> Result<Load, pool_simulation::Error> {
        match self {
            Self::Timetable(timetable) => timetable.load(seed),
            Self::Recorded(load) => Ok(load.clone()),
        }
    }
}

fn example(name: &str) -> Result<examples::Example, String> {
    let names = || examples::ALL.map(|example| example.name).join(", ");
    examples::find(name).ok_or_else(|| format!("there is no such example; there are {}", names()))
}

/// Simulates, and prints what came of it.
pub(crate) fn run(arguments: &Arguments, output: Format) -> anyhow::Result<u8> {
    if let Some(example) = arguments.print_example {
        stdout::say(example.json);
        return Ok(SUCCESS);
    }
    if arguments.print_prices {
        stdout::say(prices::BUILT_IN);
        return Ok(SUCCESS);
    }
    let (source, title) = source(arguments)?;
    let mut parameters = match &source {
        Source::Timetable(timetable) => timetable.parameters.clone(),
        Source::Recorded(_) => Parameters::default(),
    };
    arguments.changes.apply(&mut parameters);
    let prices = match &arguments.prices {
        Some(file) => Prices::read(&read(file)?).with_context(|| format!("{} are no prices", file.display()))?,
        None => Prices::built_in()?,
    };
    let load = source.load(arguments.seed).with_context(|| format!("{title} cannot be simulated"))?;
    if arguments.suggest {
        return suggest(arguments, output, &source, &load, &parameters, &prices);
    }
    let study = pool_simulation::study(&load, &parameters, &prices).context("this cannot be simulated")?;
    if let Some(file) = &arguments.picture {
        std::fs::write(file, picture::draw(&study, &title))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let report = &study.report;
    match output {
        Format::Text => stdout::say(format_args!("{title}, seed {}\n{}", arguments.seed, text::report(report))),
        Format::Json => {
            stdout::say_line(json!({ "title": title, "seed": arguments.seed, "prices": prices, "report": report }));
        }
    }
    let is_kept = report.meetings_cut == 0 && report.recordings_lost == 0;
    Ok(if is_kept { SUCCESS } else { FAILURE })
}

fn suggest(
    arguments: &Arguments,
    output: Format,
    source: &Source,
    load: &Load,
    parameters: &Parameters,
    prices: &Prices,
) -> anyhow::Result<u8> {
    let (from, to) = busiest(load);
    let mut loads = vec![load.part(from, to)];
    if matches!(source, Source::Timetable(_)) {
        for draw in 1..=OTHER_DRAWS {
            loads.push(source.load(arguments.seed.wrapping_add(draw))?.part(from, to));
        }
    }
    if load.minutes > SEARCHED_DAYS * DAY {
        let day = |day: u32| load.day_of(day * DAY);
        eprintln!("searching with the busiest days, {} to {}", day(from), day(to - 1));
    }
    let goal = Goal { longest_wait: arguments.longest_wait };
    let found = suggest::suggest(&loads, parameters, prices, goal).context("this cannot be simulated")?;
    match output {
        Format::Text => stdout::say(text::suggestions(&found, goal)),
        Format::Json => {
            stdout::say_line(json!({ "seed": arguments.seed, "goal": goal, "prices": prices, "suggestions": found }));
        }
    }
    Ok(if found.iter().any(|suggestion| suggestion.kept) { SUCCESS } else { FAILURE })
}

/// The days with the most meetings' minutes: from which, and to before which.
fn busiest(load: &Load) -> (u32, u32) {
    let days = load.minutes / DAY;
    let minutes = |from: u32| -> u64 {
        let inside =
            load.meetings.iter().filter(|meeting| (from..from + SEARCHED_DAYS).contains(&(meeting.start / DAY)));
        inside.map(|meeting| u64::from(meeting.minutes) * u64::from(meeting.participants)).sum()
    };
    let last = days.saturating_sub(SEARCHED_DAYS);
    // Whole weeks, as far as there are any, so that no weekday is missing; the earliest of the busiest.
    let from = (0..=last).step_by(7).max_by_key(|from| (minutes(*from), std::cmp::Reverse(*from))).unwrap_or(0);
    (from, days.min(from + SEARCHED_DAYS))
}

fn source(arguments: &Arguments) -> anyhow::Result<(Source, String)> {
    let timetable = |json: &str, name: &str| -> anyhow::Result<(Source, String)> {
        let timetable = Timetable::read(json).with_context(|| format!("{name} is no timetable"))?;
        Ok((Source::Timetable(timetable), name.to_owned()))
    };
    match (arguments.example, &arguments.timetable, &arguments.recorded) {
        (Some(example), None, None) => timetable(example.json, example.name),
        (None, Some(file), None) => timetable(&read(file)?, &file.display().to_string()),
        (None, None, Some(file)) => {
            let load = recorded(&read(file)?).with_context(|| format!("{} is no recorded load", file.display()))?;
            Ok((Source::Recorded(load), file.display().to_string()))
        }
        _ => bail!(
            "what is to be simulated? Name an example ({}), or give --timetable or --recorded",
            examples::ALL.map(|example| example.name).join(", ")
        ),
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_week_is_found() {
        let json = examples::find("school-year").expect("there").json;
        let load = Timetable::read(json).expect("valid").load(1).expect("valid");
        let (from, to) = busiest(&load);
        assert_eq!(to - from, SEARCHED_DAYS);
        assert_eq!(from % 7, 0);
        let day = Timetable::read(examples::ALL[0].json).expect("valid").load(1).expect("valid");
        assert_eq!(busiest(&day), (0, 1));
    }
}
