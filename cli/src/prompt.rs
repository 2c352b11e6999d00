//! Questions to the user, on a terminal only.

use std::io::{IsTerminal as _, Write as _};

use anyhow::{Context as _, bail};
use tokio::sync::oneshot;

/// Whether there is somebody to ask.
pub(crate) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a line of text.
///
/// # Errors
///
/// When the input ends instead.
pub(crate) async fn ask(question: &str) -> anyhow::Result<String> {
    eprint!("{question} ");
    std::io::stderr().flush().context("cannot ask")?;
    let (answer, answered) = oneshot::channel();
    // A thread that nobody waits for: whoever types Ctrl-C gives no answer.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line).map(|bytes| (bytes > 0).then_some(line));
        let _nobody_waits = answer.send(read);
    });
    match answered.await.context("the question was given up")?.context("cannot read the answer")? {
        Some(line) => Ok(line.trim().to_owned()),
        None => bail!("no answer"),
    }
}

/// Asks whether to do something; anything but yes is no.
///
/// # Errors
///
/// When the input ends instead.
pub(crate) async fn agrees(question: &str) -> anyhow::Result<bool> {
    let answer = ask(&format!("{question} [y/N]")).await?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes("y") && is_yes("YES"));
        for no in ["", "n", "no", "yess", "j", " "] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
