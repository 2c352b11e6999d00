//! Asks for parameters that have no default and were not given.

use std::collections::BTreeMap;

use super::parameters::Templates;
use crate::exit::refused;
use crate::prompt;

/// Completes `given`: on a terminal by asking.
///
/// # Errors
///
/// A refusal that names what is missing, when there is nobody to ask.
pub(super) async fn answer(
    templates: &Templates,
    kept: &BTreeMap<String, String>,
    given: &mut BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let missing = templates.missing(kept, given);
    if missing.is_empty() {
        return Ok(());
    }
    if !prompt::is_possible() {
        let lines: Vec<String> = missing
            .iter()
            .map(|(name, parameter)| format!("  {name}: {}", parameter.description.as_deref().unwrap_or_default()))
            .collect();
        return Err(refused(format!(
            "parameters are missing; give them with --parameter or in a file with --parameters\n{}",
            lines.join("\n")
        )));
    }
    for (name, parameter) in missing {
        eprintln!("{}", parameter.description.as_deref().unwrap_or_default());
        let value = loop {
            let value = prompt::ask(&format!("{name}:")).await?;
            match parameter.refusal(&value) {
                None => break value,
                Some(why) => eprintln!("  {why}"),
            }
        };
        given.insert(name.to_owned(), value);
    }
    Ok(())
}
