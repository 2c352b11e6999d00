//! What conditions and rules come to, so that those are found that make no difference.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{
    definition::Definition,
    evaluate::Stack,
    fault::{Fault, Rule},
};

/// What conditions and rules came to, over all deployments.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    conditions: BTreeMap<(PathBuf, String), BTreeSet<bool>>,
    rules: BTreeMap<(PathBuf, String), BTreeSet<bool>>,
}

impl Outcomes {
    pub(super) fn note(&mut self, stack: &Stack<'_>) {
        let path = stack.definition.path();
        for (name, value) in &stack.conditions {
            let outcomes = self.conditions.entry((path.to_owned(), (*name).to_owned())).or_default();
            outcomes.insert(*value);
        }
    }

    pub(super) fn note_rules(&mut self, root: &Stack<'_>) {
        for name in root.definition.rules.keys() {
            let broken = root.refusals.iter().any(|(rule, _)| rule == name);
            let outcomes = self.rules.entry((root.definition.path().to_owned(), name.clone())).or_default();
            outcomes.insert(broken);
        }
    }

    /// Conditions that are never true or never false, and rules that never refuse anything or always do.
    pub(super) fn one_sided(&self, definitions: &BTreeMap<PathBuf, Definition>) -> Vec<Fault> {
        let mut faults = Vec::new();
        for ((path, name), outcomes) in &self.conditions {
            let Some(definition) = definitions.get(path) else { continue };
            if let (Some((at, _)), [only]) =
                (definition.conditions.get(name), outcomes.iter().collect::<Vec<_>>().as_slice())
            {
                faults.push(definition.fault(*at, Rule::Unused, format!("is {only} in every combination")));
            }
        }
        for ((path, name), outcomes) in &self.rules {
            let Some(definition) = definitions.get(path) else { continue };
            if let (Some(rule), [only]) = (definition.rules.get(name), outcomes.iter().collect::<Vec<_>>().as_slice()) {
                let what = if **only { "refuses every combination" } else { "refuses no combination" };
                faults.push(definition.fault(rule.at, Rule::Unused, what.to_owned()));
            }
        }
        faults
    }
}
