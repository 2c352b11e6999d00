//! `bbb preflight`: what would make a deployment fail after half an hour, found in seconds.

mod certificates;
mod finding;
mod machines;
mod mail;
mod numbers;
mod quotas;
mod releases;
mod roles;
mod types;
mod zone;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use crate::aws::{self, Aws};
use crate::console::Console;
use crate::deploy::parameters::{self, Templates, Values};
use crate::exit::{REFUSED, SUCCESS, refused};
use crate::global::{Format, Global};
use crate::stack_name::StackName;
use crate::stdout;
use crate::workspace;

pub(crate) use finding::Finding;

use finding::Weight;

/// The arguments of `bbb preflight`.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  \
        bbb preflight --parameters meet.json\n  \
        bbb preflight --parameter BBBDomainName=meet.school.edu --parameter BBBHostedZone=Z0123456789ABC --parameter BBBOperatorEMail=me@school.edu\n  \
        DNS_RESOLVER=9.9.9.9:53 bbb preflight           ask another resolver about the domain\n\n\
    bbb deploy looks at the same before it begins. A refusal keeps it from that, a warning does not.\n\
    A note says what could not be looked at, and which permission that needs. Whether a zone has the cache's node type nobody can ask AWS.\n\n{}",
    crate::exit::EXPLAINED
))]
pub(crate) struct Arguments {
    #[command(flatten)]
    stack: StackName,

    #[command(flatten)]
    given: Given,
}

/// Parameters as they are given on the command line.
#[derive(Debug, Args)]
pub(crate) struct Given {
    /// A JSON file with parameters
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,

    /// A parameter; may be given several times, and wins over the file
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
    pairs: Vec<(String, String)>,
}

/// Reads `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("not NAME=VALUE".to_owned()),
    }
}

impl Given {
    /// All that is given, with names of today, and known to the templates.
    pub(crate) fn values(&self, templates: &Templates, console: &Console) -> anyhow::Result<Values> {
        let mut given = match &self.parameters {
            Some(file) => parameters::read(file)?,
            None => BTreeMap::new(),
        };
        given.extend(self.pairs.iter().cloned());
        let (given, warnings) = parameters::renamed(given);
        warnings.iter().for_each(|warning| console.warn(warning));
        templates.known(&given)?;
        Ok(given)
    }
}

/// Looks, and says what was found.
pub(crate) async fn run(arguments: Arguments, global: &Global, console: &Console) -> anyhow::Result<u8> {
    let templates = Templates::read(&workspace::root()?)?;
    let given = arguments.given.values(&templates, console)?;
    let aws = aws::connect(global).await?;
    let existing = deployment::stack::describe(&aws.cloudformation(), &arguments.stack.stack_name).await?;
    let kept = existing.map(|stack| stack.parameters).unwrap_or_default();
    if let Some((name, _)) = templates.missing(&kept, &given).first() {
        return Err(refused(format!("{name} is not given: --parameter {name}=VALUE, or --parameters FILE")));
    }
    templates.check(&kept, &given, &aws.region)?;
    let Found { findings, .. } = findings(&aws, &templates, &kept, &given).await;
    match global.output {
        Format::Json => stdout::say_line(serde_json::to_string(&findings)?),
        Format::Text => say(&findings, console),
    }
    Ok(if findings.iter().any(Finding::refuses) { REFUSED } else { SUCCESS })
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Refusals first, notes last.
    pub(crate) findings: Vec<Finding>,
    /// The services' roles that are not there, and that can be made.
    missing_roles: Vec<&'static roles::ServiceRole>,
}

impl Found {
    /// Whether there are roles to be made.
    pub(crate) fn lacks_roles(&self) -> bool {
        !self.missing_roles.is_empty()
    }

    /// Makes the services' roles that are not there.
    ///
    /// # Errors
    ///
    /// What could not be made, in words.
    pub(crate) async fn make_roles(&self, aws: &Aws) -> Result<(), String> {
        roles::make(&aws.iam(), &self.missing_roles).await
    }
}

/// Looks at everything that a deployment with these parameters depends on.
pub(crate) async fn findings(aws: &Aws, templates: &Templates, kept: &Values, given: &Values) -> Found {
    let value = |name: &str| templates.value(name, kept, given);
    let there = |name: &str| templates.value(name, kept, &Values::new());
    let mut findings = numbers::judge(&value);
    findings.extend(certificates::judge(&value));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_secs()).ok());
    let [zone, domain, frontend, elsewhere, version, image] = [
        "BBBHostedZone",
        "BBBDomainName",
        "BBBFrontendType",
        "BBBSESValidated",
        "BBBApplicationVersion",
        "BBBApplicationInstanceAMIParameter",
    ]
    .map(value);
    findings.extend(releases::judge(&version, &image, now.unwrap_or_default()));
    let there: Option<&dyn Fn(&str) -> String> = if kept.is_empty() { None } else { Some(&there) };
    let iam = aws.iam();
    let (zone, mail, machines, (roles, missing_roles)) = tokio::join!(
        zone::look(aws, &zone, &domain),
        mail::look(aws, &frontend, &elsewhere),
        machines::look(aws, &value, there),
        roles::look(&iam),
    );
    findings.extend([zone, mail, machines, roles].concat());
    findings.sort_by_key(Finding::weight);
    Found { findings, missing_roles }
}

/// Says what was found, refusals first.
pub(crate) fn say(findings: &[Finding], console: &Console) {
    if findings.is_empty() {
        console.done("nothing was found that is in the way");
    }
    for finding in findings {
        let text = format!("{}. {}\n  what to do: {}", finding.what, finding.meaning, finding.remedy);
        match finding.weight() {
            Weight::Refusal => console.error(&text),
            Weight::Warning => console.warn(&text),
            Weight::Note => console.step(&format!("note: {text}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_have_a_name_and_maybe_a_value() {
        assert_eq!(pair("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("A="), Ok(("A".to_owned(), String::new())));
        assert!(pair("A").is_err() && pair("=a").is_err());
    }
}
