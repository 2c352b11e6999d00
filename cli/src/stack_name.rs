//! Which deployment a verb is about.

use clap::Args;

/// Which deployment a verb is about.
#[derive(Debug, Clone, Args)]
pub(crate) struct StackName {
    /// The root stack's name
    #[arg(long, global = true, value_name = "NAME", default_value = "bbb", env = "BBB_STACK_NAME", value_parser = name)]
    pub(crate) stack_name: String,
}

/// Accepts what can be a stack's name: a letter, then letters, digits and hyphens, 128 in all.
fn name(text: &str) -> Result<String, String> {
    let mut bytes = text.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if begins && text.len() <= 128 && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        Ok(text.to_owned())
    } else {
        Err("a stack's name is a letter, then letters, digits and hyphens, 128 in all at most".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert_eq!(name("bbb-2").as_deref(), Ok("bbb-2"));
        for wrong in ["", "2b", "a_b", "a.b", &"a".repeat(129)] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
