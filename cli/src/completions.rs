//! `bbb completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::stdout;

/// The arguments of `bbb completions`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints what the shell has to read.
pub(crate) fn run<C: CommandFactory>(arguments: &Arguments) {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut C::command(), "bbb", &mut script);
    stdout::say(String::from_utf8_lossy(&script));
}
