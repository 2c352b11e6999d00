//! Colours, on a terminal only.

use std::io::{IsTerminal, stderr, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the user wants no colours in this run.
static OFF: AtomicBool = AtomicBool::new(false);

/// From now on nothing is painted.
pub(crate) fn turn_off() {
    OFF.store(true, Ordering::Relaxed);
}

/// `text` without what paints it.
pub(crate) fn plain_text(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..start]);
        let code = &rest[start..];
        rest = code.find('m').map_or("", |end| &code[end + 1..]);
    }
    plain + rest
}

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
        Self { colours: is_terminal && wanted && !OFF.load(Ordering::Relaxed) }
    }

    /// For what to look at.
    pub(crate) fn warning(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// For headings.
    pub(crate) fn strong(self, text: &str) -> String {
        self.paint("1", text)
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

    #[test]
    fn paint_can_be_taken_off() {
        let painted = Style { colours: true }.bad("no") + " and " + &Style { colours: true }.good("yes");
        assert_eq!(plain_text(&painted), "no and yes");
        assert_eq!(plain_text("cut \u{1b}[1;3"), "cut ");
    }
}
