//! The `bbb` command: arguments, progress and results, thin over the libraries.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what a command is for; results go to standard output, all else to standard error"
)]

mod aws;
mod completions;
mod console;
mod deploy;
mod destroy;
mod event_line;
mod exit;
mod follow;
mod global;
mod images;
mod logs;
mod pool;
mod preflight;
mod prompt;
mod rehearse;
mod servers;
mod simulate;
mod stack_name;
mod status;
mod stdout;
mod style;
mod trouble;
mod validate;
mod words;
mod workspace;

use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use console::Console;
use exit::{FAILURE, INTERRUPTED, SUCCESS};
use global::Global;
use trouble::Trouble;

/// How long the runtime's threads may take to end: one that waits for a slow disk must not hold up the command.
const END: Duration = Duration::from_secs(2);

/// Operates BigBlueButton on AWS.
#[derive(Debug, Parser)]
#[command(
    name = "bbb",
    version,
    arg_required_else_help = true,
    after_help = format!(
        "Examples:\n  \
            bbb rehearse                                    try the whole deployment in a local AWS\n  \
            bbb deploy --parameters meet.json               deploy it, or bring a deployment up to date\n  \
            bbb simulate school-week                        what a school's week would cost, and who would wait\n  \
            bbb servers drain i-0123456789abcdef0           let a server leave when its last meeting is over\n  \
            source <(bbb completions bash)                  complete arguments in this shell\n\n\
        `bbb VERB --help` has more of them.\n\n{}",
        exit::EXPLAINED
    )
)]
struct Arguments {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Deploy, or bring a deployment up to date; run again, it goes on where it was interrupted
    Deploy(deploy::Arguments),
    /// Check parameters against the templates, without AWS
    Validate(validate::Arguments),
    /// Look for what would make a deployment fail, and change nothing
    Preflight(preflight::Arguments),
    /// Copy the containers' images into this account's own registry, without Docker
    Images(images::Arguments),
    /// See how a deployment is: its stack, servers, services, alarms, certificate and mail
    Status(status::Arguments),
    /// See the pool of BigBlueButton servers, and take servers out of it
    Servers(servers::Arguments),
    /// Show what a deployment's functions, servers and services write
    Logs(logs::Arguments),
    /// Delete a deployment, and say what is kept; not while meetings run
    Destroy(destroy::Arguments),
    /// Try the whole deployment in a local AWS: create, update, break and delete it, and see what is kept of its promises
    Rehearse(rehearse::Arguments),
    /// See what the pool of servers would do with a timetable: servers, cost and waiting
    Simulate(Box<simulate::Arguments>),
    /// Print what makes a shell complete arguments
    Completions(completions::Arguments),
}

fn main() -> ExitCode {
    let Arguments { global, command } = Arguments::parse();
    if global.no_color {
        style::turn_off();
    }
    let console = Console::new(&global);
    let outcome = match command {
        // These start nothing that would have to be ended, so that a signal may just end them.
        Command::Simulate(arguments) => simulate::run(&arguments, global.output),
        Command::Validate(arguments) => validate::run(&arguments, &global, &console),
        Command::Completions(arguments) => {
            completions::run::<Arguments>(&arguments);
            Ok(SUCCESS)
        }
        Command::Deploy(arguments) => run(&console, Box::pin(deploy::run(arguments, &global, &console))),
        Command::Preflight(arguments) => run(&console, Box::pin(preflight::run(arguments, &global, &console))),
        Command::Images(arguments) => run(&console, Box::pin(images::run(arguments, &global, &console))),
        Command::Status(arguments) => run(&console, Box::pin(status::run(arguments, &global, &console))),
        Command::Servers(arguments) => run(&console, Box::pin(servers::run(arguments, &global, &console))),
        Command::Logs(arguments) => run(&console, Box::pin(logs::run(arguments, &global, &console))),
        Command::Destroy(arguments) => run(&console, Box::pin(destroy::run(arguments, &global, &console))),
        Command::Rehearse(arguments) => run(&console, Box::pin(rehearse::run(arguments, global.output))),
    };
    let code = outcome.unwrap_or_else(|error| {
        let (words, code) = (words::words(&error), exit::code(&error));
        console.error(&words);
        if code == FAILURE {
            if let Some(trouble) = Trouble::of(&words) {
                console.line(&format!("  what to do: {}", trouble.remedy(&global)));
            }
            console.say_what_goes_on();
        }
        code
    });
    ExitCode::from(code)
}

/// Does the work of a verb, unless a signal comes.
fn run(console: &Console, work: Pin<Box<dyn Future<Output = anyhow::Result<u8>> + '_>>) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let outcome = runtime.block_on(async {
        // From here on: a signal that came before anybody listened would end the process without a word of what goes on.
        let stop_signal = stop_signal()?;
        tokio::select! {
            outcome = work => outcome,
            // Dropping the work ends everything that it has started.
            signal = stop_signal => {
                console.interrupted(signal);
                Ok(INTERRUPTED)
            }
        }
    });
    runtime.shutdown_timeout(END);
    outcome
}

/// Listens for signals to stop from now on; what it gives waits for the first and gives its name.
fn stop_signal() -> anyhow::Result<impl Future<Output = &'static str>> {
    let listen = |kind| signal(kind).context("cannot listen to signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "Ctrl-C",
            _ = terminate.recv() => "SIGTERM",
            _ = hang_up.recv() => "SIGHUP",
        }
    })
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
        let Command::Rehearse(arguments) = arguments.command else { panic!("another verb") };
        assert_eq!(arguments.domain, "bbb.example.org");
        assert!(!arguments.keep);
    }

    #[test]
    fn options_of_all_verbs_stand_before_and_after_the_verb() {
        for line in ["bbb --output json rehearse", "bbb rehearse --output json"] {
            let arguments = Arguments::try_parse_from(line.split(' ')).expect("valid");
            assert_eq!(arguments.global.output, global::Format::Json, "{line}");
        }
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
            vec!["bbb", "deploy", "--parameter", "NoValue"],
            vec!["bbb", "servers", "cordon"],
        ] {
            let error = Arguments::try_parse_from(wrong).expect_err("refused");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
