//! How the command ends.

use std::fmt;

/// Everything is as it should be.
pub(crate) const SUCCESS: u8 = 0;

/// The command could not do its work, or a promise was broken.
pub(crate) const FAILURE: u8 = 1;

/// Nothing was changed, because something has to be put right or agreed to first. (2 is wrong usage, which clap finds.)
pub(crate) const REFUSED: u8 = 3;

/// What was asked for cannot be tried on this machine.
pub(crate) const CANNOT: u8 = 77;

/// The user or the system asked the command to stop, as shells count it for Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// What `--help` says of them.
pub(crate) const EXPLAINED: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused: nothing was changed, 77 cannot be tried here, 130 interrupted";

/// Why the command does not begin with its work. Nothing was changed.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// An error that ends the command with [`REFUSED`].
pub(crate) fn refused(why: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Refused(why.into()))
}

/// The exit code for an error.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    if error.chain().any(<dyn std::error::Error>::is::<Refused>) { REFUSED } else { FAILURE }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn a_refusal_stays_one_under_context() {
        assert_eq!(code(&refused("no")), REFUSED);
        assert_eq!(code(&refused("no").context("cannot deploy")), REFUSED);
        assert_eq!(code(&anyhow!("broken")), FAILURE);
        let failed: anyhow::Result<()> = Err(std::io::Error::other("broken")).context("reading");
        assert_eq!(code(&failed.expect_err("an error")), FAILURE);
    }
}
