//! Finds what is wrong with templates, in any combination of parameters.

mod combined;
mod declared;
mod form;
mod names;
mod network;
mod operation;
mod outcomes;
mod policies;
mod references;
mod secrets;
mod traffic;

use std::{collections::BTreeMap, fmt, path::PathBuf};

use crate::{
    combination::Deployment,
    definition::Definition,
    fault::{Fault, Readable, Rule},
    template::Location,
};

/// What is looked for beside CloudFormation's own rules.
#[derive(Debug, Clone, Default)]
pub struct Policy<'a> {
    /// What may be open to the world.
    pub open: &'a [Open<'a>],
    /// Types of resources and their attributes that hold secrets, `*` for all, beside AWS's own.
    pub secret_attributes: &'a [(&'a str, &'a str)],
    /// Parameters of nested templates that nobody gives, on purpose: the template, and the parameter's name.
    pub not_given: &'a [(&'a str, &'a str)],
    /// The stacks whose exports may be imported: a template, and the name of the stack that is made of it.
    pub exporting: &'a [(&'a str, &'a str)],
}

/// Ports that may be open to the world.
#[derive(Debug, Clone, Copy)]
pub struct Open<'a> {
    /// The template.
    pub template: &'a str,
    /// The logical id of the security group.
    pub group: &'a str,
    /// The protocol, as in the rule: tcp or udp.
    pub protocol: &'a str,
    /// The first port and the last.
    pub ports: (u16, u16),
}

/// Something wrong, where, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// The file, and the place in it.
    pub at: Location,
    /// In which combinations; empty if it does not depend on them.
    pub when: String,
}

impl Finding {
    /// The rule that is broken.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.fault.rule
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.at, Readable(&self.fault.pointer), self.fault.message)?;
        if !self.when.is_empty() {
            write!(f, ", {}", self.when)?;
        }
        f.write_str(".")
    }
}

/// What came of a check.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong, in the order of files and lines.
    pub findings: Vec<Finding>,
    /// What was evaluated, for each deployment.
    pub evaluated: Vec<Evaluated>,
}

/// How much was evaluated for a deployment.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// The root template.
    pub template: PathBuf,
    /// Combinations that were evaluated: all in which any part of the stacks can differ.
    pub combinations: usize,
    /// Those of them that the template's rules refuse, with every completion.
    pub refused: usize,
    /// All combinations of all choices, which come down to those above.
    pub all: f64,
    /// Stacks that were evaluated, root and nested, each with different inputs.
    pub stacks: usize,
}

/// Checks `definitions` as they are written, and `deployments` of them in every combination that can differ.
#[must_use]
pub fn check(definitions: &BTreeMap<PathBuf, Definition>, deployments: &[Deployment], policy: &Policy<'_>) -> Report {
    let mut findings: BTreeMap<Fault, String> = BTreeMap::new();
    for definition in definitions.values() {
        let mut faults = definition.faults.clone();
        faults.extend(declared::check(definition));
        faults.extend(references::check(definition, definitions));
        faults.extend(form::check(definition));
        faults.extend(declared::not_given(definition, definitions, policy));
        findings.extend(faults.into_iter().map(|fault| (fault, String::new())));
    }
    let mut evaluated = Vec::new();
    let mut outcomes = outcomes::Outcomes::default();
    for (index, deployment) in deployments.iter().enumerate() {
        let alone = (index > 0).then(|| format!("with {} deployed by itself", deployment.template.display()));
        let combined = combined::check(definitions, deployment, policy, &mut outcomes);
        for (fault, when) in combined.faults {
            let when = [alone.clone(), Some(when)].into_iter().flatten().filter(|part| !part.is_empty());
            findings.entry(fault).or_insert_with(|| when.collect::<Vec<_>>().join(" "));
        }
        evaluated.push(combined.evaluated);
    }
    // What comes of something wrong says nothing more.
    let one_sided = outcomes.one_sided(definitions).into_iter().filter(|one| {
        let is_in_it =
            |fault: &Fault| fault.pointer == one.pointer || fault.pointer.starts_with(&format!("{}/", one.pointer));
        !findings.keys().any(|fault| fault.template == one.template && is_in_it(fault))
    });
    let one_sided: Vec<Fault> = one_sided.collect();
    findings.extend(one_sided.into_iter().map(|fault| (fault, String::new())));
    let mut findings: Vec<Finding> = findings
        .into_iter()
        .map(|(fault, when)| {
            let at = match definitions.get(&fault.template) {
                Some(definition) => definition.template().locate(&fault.pointer),
                None => Location { file: fault.template.clone(), position: None },
            };
            Finding { fault, at, when }
        })
        .collect();
    findings.sort_by_key(|finding| {
        (finding.at.file.clone(), finding.at.position.map(|position| (position.line, position.column)))
    });
    Report { findings, evaluated }
}
