//! The `bbb` command: arguments, progress and results, thin over the libraries.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what a command is for; results go to standard output, all else to standard error"
)]

mod rehearse;
mod simulate;
mod style;
mod workspace;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// Everything was as it should be.
const SUCCESS: u8 = 0;

/// A promise was broken, or the command could not do its work.
const FAILURE: u8 = 1;

/// The user or the system asked the command to stop, as shells count it for Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Operates BigBlueButton on AWS.
#[derive(Debug, Parser)]
#[command(
    name = "bbb",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        bbb rehearse                        try the whole deployment in a local AWS\n  \
        bbb rehearse --output json          the same, for a program to read\n  \
        bbb rehearse --keep                 leave the local AWS running, to look around in it\n  \
        bbb simulate school-week            what a school's week would cost, and who would wait\n\n\
        Exit codes: 0 all promises kept, 1 a promise broken or an error, 2 wrong usage, 130 interrupted"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try the whole deployment in a local AWS: create, update, break and delete it, and see what is kept of its promises
    Rehearse(rehearse::Arguments),

    /// See what the pool of servers would do with a timetable: servers, cost and waiting
    Simulate(Box<simulate::Arguments>),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Rehearse(arguments) => rehearse(arguments),
        // It starts nothing that would have to be ended, so that a signal may just end it.
        Command::Simulate(arguments) => simulate::run(&arguments),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{} {error:#}", style::on_stderr().bad("error:"));
            ExitCode::from(FAILURE)
        }
    }
}

#[tokio::main]
async fn rehearse(arguments: rehearse::Arguments) -> anyhow::Result<u8> {
    let work = rehearse::run(arguments);
    tokio::select! {
        outcome = work => outcome,
        // Dropping the work ends everything that it has started.
        signal = stop_signal() => {
            eprintln!("{} by {}", style::on_stderr().bad("interrupted"), signal?);
            Ok(INTERRUPTED)
        }
    }
}

/// Waits for a signal to stop and gives its name.
async fn stop_signal() -> anyhow::Result<&'static str> {
    let listen = |kind| signal(kind).context("cannot listen to signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => Ok("Ctrl-C"),
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = hang_up.recv() => Ok("SIGHUP"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn rehearse_has_working_defaults() {
        let arguments = Arguments::try_parse_from(["bbb", "rehearse"]).expect("valid");
        let Command::Rehearse(arguments) = arguments.command else { panic!("another command") };
        assert_eq!(arguments.domain, "bbb.example.org");
        assert!(!arguments.keep);
    }

    #[test]
    fn wrong_usage_is_exit_code_2() {
        for wrong in [
            vec!["bbb", "deploi"],
            vec!["bbb", "rehearse", "--domain", "no domain"],
            vec!["bbb", "rehearse", "--output", "xml"],
            vec!["bbb", "simulate", "night-school"],
            vec!["bbb", "simulate", "school-day", "--timetable", "a.json"],
            vec!["bbb", "simulate", "school-day", "--schedule", "at eight"],
            vec!["bbb", "simulate", "school-day", "--longest-wait", "2"],
        ] {
            let error = Arguments::try_parse_from(wrong).expect_err("refused");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
