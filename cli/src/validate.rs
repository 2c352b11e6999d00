//! `bbb validate`.

use clap::Args;
use serde_json::json;

use crate::console::Console;
use crate::deploy::parameters::{Templates, Values};
use crate::exit::{REFUSED, SUCCESS};
use crate::global::{Format, Global};
use crate::preflight::Given;
use crate::stdout;
use crate::workspace;

/// Where a deployment is evaluated for if no region is given. What is checked is the same in all regions.
const SOME_REGION: &str = "us-east-1";

/// The arguments of `bbb validate`.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  \
        bbb validate --parameters meet.json\n  \
        bbb validate --parameters meet.json --output json | jq -r .problems[]\n\n\
    Checked are names, patterns, allowed values and the template's rules, and every nested stack as it would come out of the parameters. Nothing is\n\
    called: neither credentials nor a network are needed. What only AWS knows is for bbb preflight.\n\n{}",
    crate::exit::EXPLAINED
))]
pub(crate) struct Arguments {
    #[command(flatten)]
    given: Given,
}

/// Checks parameters.
pub(crate) fn run(arguments: &Arguments, global: &Global, console: &Console) -> anyhow::Result<u8> {
    let templates = Templates::read(&workspace::root()?)?;
    let given = arguments.given.values(&templates, console)?;
    let region = global.region.as_deref().unwrap_or(SOME_REGION);
    let problems = templates.problems(&Values::new(), &given, region);
    match global.output {
        Format::Json => stdout::say_line(json!({"valid": problems.is_empty(), "problems": problems})),
        Format::Text if problems.is_empty() => console.done("CloudFormation would take these parameters"),
        Format::Text => problems.iter().for_each(|problem| console.error(problem)),
    }
    Ok(if problems.is_empty() { SUCCESS } else { REFUSED })
}
