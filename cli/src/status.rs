//! `bbb status`.

mod look;
mod page;

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use tokio::time::sleep;

use crate::aws;
use crate::console::Console;
use crate::exit::{FAILURE, SUCCESS};
use crate::global::{Format, Global};
use crate::stack_name::StackName;
use crate::stdout;
use crate::style;
use crate::trouble::Trouble;
use crate::words::words;

/// Clears a terminal and goes to its first line (ECMA-48).
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// The arguments of `bbb status`.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  \
        bbb status\n  \
        bbb status --watch                              again and again, until Ctrl-C\n  \
        bbb status --output json | jq .alarms\n\n\
    What may not be read is shown as unknown, with the reason; that is no failure. It fails when something is known to be wrong: the stack is in a failed\n\
    state, or an alarm is on.\n\n{}",
    crate::exit::EXPLAINED
))]
pub(crate) struct Arguments {
    #[command(flatten)]
    stack: StackName,

    /// Look again every so many seconds, 30 if no number is given
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30", value_parser = clap::value_parser!(u64).range(5..))]
    watch: Option<u64>,
}

/// Shows how a deployment is.
pub(crate) async fn run(arguments: Arguments, global: &Global, console: &Console) -> anyhow::Result<u8> {
    let aws = aws::connect(global).await?;
    let mut has_seen = false;
    loop {
        let seen = match look::look(&aws, &arguments.stack.stack_name, console).await {
            Ok(seen) => seen,
            Err(error) => {
                let words = words(&error);
                let passes = Trouble::of(&words).is_some_and(Trouble::passes);
                let (Some(seconds), true) = (arguments.watch, has_seen && passes) else { return Err(error) };
                console.warn(&format!("{words}; looking again in {seconds} s"));
                sleep(Duration::from_secs(seconds)).await;
                continue;
            }
        };
        has_seen = true;
        let is_heard = match global.output {
            Format::Json => stdout::is_heard(format_args!("{}\n", page::json(&seen))),
            Format::Text => {
                if arguments.watch.is_some() && std::io::stdout().is_terminal() {
                    stdout::say(CLEAR);
                }
                stdout::is_heard(page::text(&seen, style::on_stdout()))
            }
        };
        match arguments.watch {
            Some(seconds) if is_heard => sleep(Duration::from_secs(seconds)).await,
            _ => return Ok(if seen.is_wrong() { FAILURE } else { SUCCESS }),
        }
    }
}
