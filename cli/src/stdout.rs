//! What the command says to whoever, or whatever, reads its standard output.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};

/// Prints text as it is.
///
/// A reader that has seen enough, as `head` has, is no error: what the command does does not depend on who listens.
pub(crate) fn say(text: impl Display) {
    is_heard(text);
}

/// Prints a line.
pub(crate) fn say_line(text: impl Display) {
    is_heard(format_args!("{text}\n"));
}

/// Prints text as it is; whether anybody still reads, for what goes on until nobody does.
pub(crate) fn is_heard(text: impl Display) -> bool {
    match write!(std::io::stdout().lock(), "{text}") {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != ErrorKind::BrokenPipe {
                eprintln!("cannot write to standard output: {error}");
            }
            false
        }
    }
}
