//! Cold starts: each function's real bootstrap beside Python that does the same.

use std::{collections::BTreeMap, thread, time::Duration};

use anyhow::{Context as _, Result};
use benchmark_endpoint::Script;
use serde::Serialize;
use serde_json::Value;

use crate::{
    case::Case,
    endpoint::Endpoint,
    life::{Life, Manner, Subject, Turns, live},
    processor::{ControlGroups, Mode},
    python::Python,
    statistics::{figure, grouped, median, megabytes, milliseconds},
    table::Table,
    workshop::Workshop,
};

/// How long an event may take. Python at 128 MB's share needs seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The sizes of the memory curve, in megabytes.
const SIZES: [u64; 5] = [128, 256, 512, 1_024, 1_769];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    Rust,
    Python,
}

/// Who is measured, with an endpoint of its own.
struct Entrant {
    case: Case,
    language: Language,
    subject: Subject,
    endpoint: Endpoint,
    script: Script,
    event: Value,
    log: std::path::PathBuf,
}

impl Entrant {
    /// Comes before every life.
    fn prepare(&mut self) -> Result<()> {
        self.endpoint.play(&self.script)
    }

    fn live(
        &mut self,
        mode: Mode,
        megabytes: u64,
        groups: Option<&ControlGroups>,
        turns: Option<&Turns>,
    ) -> Result<Life> {
        let name = format!("{:?}-{:?}", self.case, self.language).to_lowercase();
        let manner = Manner { mode, groups, megabytes, timeout: TIMEOUT, turns };
        let events = [self.event.clone(), self.event.clone()];
        let life = live(&name, &self.subject, manner, &events, &self.log)?;
        let played = self.endpoint.take()?;
        self.case.check(2, &life.answers, &played).with_context(|| format!("{name} did not do its work"))?;
        Ok(life)
    }
}

/// What was measured of one entrant in one mode, as medians, in milliseconds and bytes.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Medians {
    initialisation: f64,
    first: f64,
    /// Initialisation and first answer of the same run.
    both: f64,
    second: f64,
    processor: f64,
    peak_bytes: f64,
}

impl Medians {
    fn of(lives: &[Life]) -> Option<Self> {
        let of = |value: &dyn Fn(&Life) -> f64| median(lives.iter().map(value));
        let took = |life: &Life, place: usize| life.took.get(place).copied().unwrap_or_default();
        Some(Self {
            initialisation: of(&|life| milliseconds(life.initialisation))?,
            first: of(&|life| milliseconds(took(life, 0)))?,
            both: of(&|life| milliseconds(life.initialisation + took(life, 0)))?,
            second: of(&|life| milliseconds(took(life, 1)))?,
            processor: of(&|life| milliseconds(life.processor))?,
            #[allow(clippy::cast_precision_loss, reason = "megabytes")]
            peak_bytes: of(&|life| life.peak_bytes as f64)?,
        })
    }

    fn cells(&self) -> [String; 6] {
        let peak = megabytes(self.peak_bytes);
        [self.initialisation, self.first, self.both, self.second, self.processor, peak].map(figure)
    }
}

/// A line of a table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    function: String,
    mode: String,
    language: Language,
    megabytes: u64,
    runs: usize,
    #[serde(flatten)]
    medians: Medians,
    #[serde(skip)]
    case: Case,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct ColdStarts {
    machine: String,
    python: String,
    roots: usize,
    runs: usize,
    /// Bytes of the bootstrap and of its archive.
    sizes: BTreeMap<String, (u64, u64)>,
    lines: Vec<Line>,
    /// The functions at other sizes than their own, in mode `burst`.
    curve: Vec<Line>,
}

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) runs: usize,
    /// All functions if it is empty.
    pub(crate) functions: Vec<String>,
    /// Whether Python is measured too.
    pub(crate) beside_python: bool,
}

pub(crate) fn measure(workshop: &Workshop, wanted: &Wanted) -> Result<ColdStarts> {
    let python = Python::install(&workshop.root)?;
    let machine = Workshop::machine();
    let is_wanted =
        |case: &Case| wanted.functions.is_empty() || wanted.functions.iter().any(|name| name == case.function());
    let cases: Vec<Case> = Case::ALL.into_iter().filter(is_wanted).collect();
    let mut entrants = Vec::new();
    for &case in &cases {
        entrants.push(entrant(workshop, case, Language::Rust, &python)?);
        if wanted.beside_python {
            entrants.push(entrant(workshop, case, Language::Python, &python)?);
        }
    }
    let groups = workshop.groups.as_ref();
    let modes = if groups.is_some() { vec![Mode::Full, Mode::Burst, Mode::Slow] } else { vec![Mode::Full] };
    let mut lines = Vec::new();
    for mode in modes {
        let mut lives: Vec<Vec<Life>> = vec![Vec::new(); entrants.len()];
        for run in 1..=wanted.runs {
            eprint!("\r{}: run {run} of {}  ", mode.name(), wanted.runs);
            round(&mut entrants, &mut lives, mode, groups)?;
        }
        eprintln!();
        lines.extend(
            entrants
                .iter()
                .zip(&lives)
                .filter_map(|(entrant, lives)| line(entrant, mode, entrant.case.megabytes(), lives)),
        );
    }
    let mut curve = Vec::new();
    if groups.is_some() {
        entrants.retain(|entrant| entrant.language == Language::Rust);
        let mut lives: Vec<Vec<Life>> = vec![Vec::new(); entrants.len() * SIZES.len()];
        for run in 1..=wanted.runs {
            eprint!("\rmemory curve: run {run} of {}  ", wanted.runs);
            for (place, entrant) in entrants.iter_mut().enumerate() {
                for (size, megabytes) in SIZES.into_iter().enumerate() {
                    entrant.prepare()?;
                    lives[place * SIZES.len() + size].push(entrant.live(Mode::Burst, megabytes, groups, None)?);
                }
            }
        }
        eprintln!();
        for (place, entrant) in entrants.iter().enumerate() {
            let of_size = SIZES.into_iter().zip(&lives[place * SIZES.len()..]);
            curve.extend(of_size.filter_map(|(megabytes, lives)| line(entrant, Mode::Burst, megabytes, lives)));
        }
    }
    let mut sizes = BTreeMap::new();
    for case in cases {
        let bootstrap = workshop.bootstrap(case.function())?;
        sizes.insert(case.name().to_owned(), (bootstrap.binary_bytes, bootstrap.archive_bytes));
    }
    Ok(ColdStarts {
        machine,
        python: python.version,
        roots: workshop.authority.roots,
        runs: wanted.runs,
        sizes,
        lines,
        curve,
    })
}

/// Everybody once. Python needs seconds with its share of the processor, and leaves the rest to others, so all of it goes at the same time then;
/// everything else goes alone, and so does every initialisation with a whole processor.
fn round(entrants: &mut [Entrant], lives: &mut [Vec<Life>], mode: Mode, groups: Option<&ControlGroups>) -> Result<()> {
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for pair in entrants.iter_mut().zip(lives) {
        pair.0.prepare()?;
        let is_patient = mode != Mode::Full && pair.0.language == Language::Python;
        if is_patient { together.push(pair) } else { alone.push(pair) }
    }
    for (entrant, lives) in alone {
        lives.push(entrant.live(mode, entrant.case.megabytes(), groups, None)?);
    }
    let turns = (mode == Mode::Burst).then(|| Turns::of(together.len()));
    thread::scope(|scope| {
        let lived: Vec<_> = together
            .into_iter()
            .map(|(entrant, lives)| {
                let turns = turns.as_ref();
                scope.spawn(move || {
                    lives.push(entrant.live(mode, entrant.case.megabytes(), groups, turns)?);
                    Ok(())
                })
            })
            .collect();
        lived.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn entrant(workshop: &Workshop, case: Case, language: Language, python: &Python) -> Result<Entrant> {
    let endpoint = workshop.endpoint()?;
    let mut subject = workshop.function(case.function(), endpoint.ports, case.variables(endpoint.ports))?;
    if language == Language::Python {
        let handler = format!("{}.handler", case.module());
        subject.command =
            vec![python.program.display().to_string(), "-m".to_owned(), "awslambdaric".to_owned(), handler];
        let handlers = python.handlers.display().to_string();
        subject
            .environment
            .extend([("PYTHONPATH".to_owned(), handlers.clone()), ("LAMBDA_TASK_ROOT".to_owned(), handlers)]);
    }
    let log = workshop.log(&format!("{case:?}-{language:?}"));
    Ok(Entrant { case, language, subject, script: case.script()?, event: case.event(endpoint.ports)?, endpoint, log })
}

fn line(entrant: &Entrant, mode: Mode, megabytes: u64, lives: &[Life]) -> Option<Line> {
    Some(Line {
        function: entrant.case.name().to_owned(),
        mode: mode.name().to_owned(),
        language: entrant.language,
        megabytes,
        runs: lives.len(),
        medians: Medians::of(lives)?,
        case: entrant.case,
    })
}

impl ColdStarts {
    /// As Markdown.
    pub(crate) fn page(&self) -> String {
        let Self { machine, python, roots, runs, .. } = self;
        let mut text = format!(
            "Medians of {runs} interleaved runs on {machine} {python}, {roots} roots. Times in milliseconds, memory in Lambda's megabytes; \
             the factor is Python's initialisation and first answer by ours.\n\n{}",
            self.size_table()
        );
        for (mode, meaning) in [
            ("full", "A whole processor all the time."),
            (
                "burst",
                "A whole processor for the initialisation, and from the first event on the share of the function's memory, as Lambda gives it.",
            ),
            ("slow", "The share of the function's memory from the start."),
        ] {
            let lines: Vec<&Line> = self.lines.iter().filter(|line| line.mode == mode).collect();
            if !lines.is_empty() {
                text.push_str(&format!("\n**{mode}.** {meaning}\n\n{}", mode_table(&lines)));
            }
        }
        if !self.curve.is_empty() {
            text.push_str(&format!(
                "\n**Memory.** Initialisation and first answer / second answer by the function's memory, in mode burst.\n\n{}",
                self.curve_table()
            ));
        }
        text
    }

    fn size_table(&self) -> Table {
        let mut table = Table::new(["function", "what it does for an event", "memory", "bytes", "zipped"]);
        for case in Case::ALL {
            if let Some((binary, archive)) = self.sizes.get(case.name()) {
                table.row(vec![
                    case.name().to_owned(),
                    case.work().to_owned(),
                    case.megabytes().to_string(),
                    grouped(*binary),
                    grouped(*archive),
                ]);
            }
        }
        table
    }

    fn curve_table(&self) -> Table {
        let mut table = Table::new(["function".to_owned()].into_iter().chain(SIZES.map(|size| format!("{size} MB"))));
        for lines in self.curve.chunk_by(|one, other| one.case == other.case) {
            let cells =
                lines.iter().map(|line| format!("{} / {}", figure(line.medians.both), figure(line.medians.second)));
            table.row([lines[0].function.clone()].into_iter().chain(cells).collect());
        }
        table
    }
}

fn mode_table(lines: &[&Line]) -> Table {
    let mut table = Table::new([
        "function",
        "init",
        "first",
        "both",
        "second",
        "CPU",
        "peak",
        "Python: init",
        "first",
        "both",
        "second",
        "CPU",
        "peak",
        "factor",
    ]);
    for lines in lines.chunk_by(|one, other| one.case == other.case) {
        let of = |language| lines.iter().find(|line| line.language == language).map(|line| line.medians);
        let cells =
            |medians: Option<Medians>| medians.map_or_else(|| [const { String::new() }; 6], |medians| medians.cells());
        let (ours, pythons) = (of(Language::Rust), of(Language::Python));
        let factor = ours.zip(pythons).map(|(ours, pythons)| figure(pythons.both / ours.both)).unwrap_or_default();
        let name = [lines[0].function.clone()];
        table.row(name.into_iter().chain(cells(ours)).chain(cells(pythons)).chain([factor]).collect());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(initialisation: u64, first: u64) -> Life {
        let time = Duration::from_millis;
        Life {
            initialisation: time(initialisation),
            took: vec![time(first), time(1)],
            answers: Vec::new(),
            peak_bytes: 8 << 20,
            processor: time(5),
        }
    }

    #[test]
    fn a_cold_start_is_the_sum_of_one_run() {
        let medians = Medians::of(&[life(1, 90), life(50, 2), life(20, 30)]).unwrap();
        assert_eq!((medians.initialisation, medians.first, medians.both), (20.0, 30.0, 52.0));
        assert!(Medians::of(&[]).is_none());
    }

    #[test]
    fn a_row_has_both_languages_and_their_ratio() {
        let of = |language, both: u64| Line {
            function: "f".to_owned(),
            mode: "full".to_owned(),
            language,
            megabytes: 128,
            runs: 1,
            medians: Medians::of(&[life(both - 1, 1)]).unwrap(),
            case: Case::Image,
        };
        let (ours, pythons) = (of(Language::Rust, 10), of(Language::Python, 455));
        let table = mode_table(&[&ours, &pythons]).to_string();
        let row = table.lines().nth(2).unwrap();
        assert_eq!(row, "| f | 9.0 | 1.0 | 10.0 | 1.0 | 5.0 | 8.0 | 454 | 1.0 | 455 | 1.0 | 5.0 | 8.0 | 45.5 |");
    }
}
