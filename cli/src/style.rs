//! Colours, on a terminal only.

use std::io::{IsTerminal, stderr, stdout};

/// Paints words, or leaves them plain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    colours: bool,
}

/// The style for standard output.
pub(crate) fn on_stdout() -> Style {
    Style::of(stdout().is_terminal())
}

/// The style for standard error.
pub(crate) fn on_stderr() -> Style {
    Style::of(stderr().is_terminal())
}

/// No colours, for tests that compare text.
#[cfg(test)]
pub(crate) fn plain() -> Style {
    Style::of(false)
}

impl Style {
    fn of(is_terminal: bool) -> Self {
        // https://no-color.org: set and not empty means none.
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colours: is_terminal && wanted }
    }

    /// For what went well.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// For what went wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// For what matters less.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_painted_away_from_a_terminal() {
        assert_eq!(plain().bad("text"), "text");
    }
}
