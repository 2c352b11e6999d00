//! `bbb rehearse`.

use clap::Args;
use rehearsal::local_aws::Kept;
use rehearsal::outside::OutsideError;
use rehearsal::promises::{Promise, Promises};
use rehearsal::scenario::{self, Options, Progress, ScenarioError};

use crate::event_line::event_line;
use crate::exit::{CANNOT, FAILURE, SUCCESS};
use crate::global::Format;
use crate::stdout;
use crate::style::{self, Style};
use crate::workspace;

/// How much of a kept promise's detail the table shows.
const DETAIL_WIDTH: usize = 100;

/// The arguments of `bbb rehearse`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Leave the local AWS running with the stack in it, and print how to reach it
    #[arg(long)]
    pub(crate) keep: bool,

    /// Launch real servers, which run their user data, and rehearse their life alone: needs root, Debian and some minutes
    #[arg(long, conflicts_with = "keep")]
    pub(crate) real_servers: bool,

    /// The domain to deploy for; nothing outside of this machine is asked about it
    #[arg(long, default_value = "bbb.example.org", value_parser = domain)]
    pub(crate) domain: String,
}

/// Accepts what can be a domain: labels of letters, digits and inner hyphens, at least two of them.
fn domain(text: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= 253 && text.contains('.') && text.split('.').all(is_label) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("not a domain name such as bbb.example.org".to_owned())
    }
}

/// Rehearses, and prints what was kept.
pub(crate) async fn run(arguments: Arguments, output: Format) -> anyhow::Result<u8> {
    let options = Options {
        workspace_root: workspace::root()?,
        domain: arguments.domain,
        real_servers: arguments.real_servers,
        keep: arguments.keep,
    };
    let style = style::on_stderr();
    let real_servers = options.real_servers;
    let report = match scenario::run(options, |progress| show(progress, style)).await {
        Err(ScenarioError::Outside(error @ OutsideError::NoMachinesHere)) => {
            eprintln!("{error}");
            return Ok(CANNOT);
        }
        report => report?,
    };

    match output {
        Format::Text => {
            stdout::say(table(&report.promises, style::on_stdout()));
            if !real_servers {
                eprintln!("BBB servers were stand-ins; `sudo bbb rehearse --real-servers` launches real ones");
            }
        }
        Format::Json => stdout::say_line(serde_json::to_string(&report.promises)?),
    }
    if let Some(kept) = &report.kept {
        eprint!("{}", how_to_reach(kept));
    }
    if report.promises.all_kept() {
        Ok(SUCCESS)
    } else {
        eprintln!("the log of the local AWS: {}", report.log.display());
        Ok(FAILURE)
    }
}

fn show(progress: Progress<'_>, style: Style) {
    match progress {
        Progress::Step(step) => eprintln!("{} {step}", style.faint("..")),
        Progress::Event(event) => eprintln!("   {}", event_line(event, style)),
        Progress::Promise(promise) => {
            let took = style.faint(&format!("({:.1} s)", promise.seconds));
            eprintln!("{} {} {took}", mark(promise, style), promise.name);
            if !promise.kept {
                eprintln!("       {}", promise.detail);
            }
        }
    }
}

fn mark(promise: &Promise, style: Style) -> String {
    if promise.kept { style.good("kept  ") } else { style.bad("BROKEN") }
}

/// The promises as a table.
fn table(promises: &Promises, style: Style) -> String {
    let width = promises.promises.iter().map(|promise| promise.name.chars().count()).max().unwrap_or_default();
    let mut table = String::new();
    for promise in &promises.promises {
        table.push_str(&format!(
            "{} {:width$} {:>7.1} s  {}\n",
            mark(promise, style),
            promise.name,
            promise.seconds,
            shown(promise)
        ));
    }
    let kept = promises.promises.iter().filter(|promise| promise.kept).count();
    let seconds: f64 = promises.promises.iter().map(|promise| promise.seconds).sum();
    table.push_str(&format!("{kept} of {} promises kept in {seconds:.1} s\n", promises.promises.len()));
    table
}

/// The detail of a promise: in full when it was broken, else as much as fits beside the rest.
fn shown(promise: &Promise) -> String {
    let line = promise.detail.replace('\n', " ");
    if !promise.kept || line.chars().count() <= DETAIL_WIDTH {
        line
    } else {
        line.chars().take(DETAIL_WIDTH - 1).chain(['…']).collect()
    }
}

/// What to type to look around in the local AWS and to end it.
fn how_to_reach(kept: &Kept) -> String {
    let mut text = "The local AWS is still running. To reach it:\n".to_owned();
    for (name, value) in &kept.environment {
        text.push_str(&format!("  export {name}={value}\n"));
    }
    text.push_str(&format!(
        "  aws cloudformation describe-stacks\nIts log: {}\nTo stop it:\n  kill {} && rm -r {}\n",
        kept.log.display(),
        kept.pid,
        kept.folder.display()
    ));
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn domains_are_checked() {
        assert_eq!(domain("BBB.Example.org").as_deref(), Ok("bbb.example.org"));
        for wrong in ["example", "a..b", "-a.org", "a_b.org", "", "a.org."] {
            assert!(domain(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_table_is_plain_and_aligned() {
        let promise = |name, kept| Promise::new(name, kept, Duration::from_millis(1500), "seen".to_owned());
        let promises = Promises { promises: vec![promise("short", true), promise("a longer one", false)] };
        assert_eq!(
            table(&promises, style::plain()),
            "kept   short            1.5 s  seen\n\
             BROKEN a longer one     1.5 s  seen\n\
             1 of 2 promises kept in 3.0 s\n"
        );
    }
}
