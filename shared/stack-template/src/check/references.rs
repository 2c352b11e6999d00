//! References to what is not declared, used or not: CloudFormation refuses them before it evaluates anything.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    definition::{Definition, Place, STACK},
    expression::{Call, Expression, Node, Used},
    fault::{Fault, Rule},
};

/// Pseudo parameters.
const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

pub(super) fn check(definition: &Definition, definitions: &BTreeMap<PathBuf, Definition>) -> Vec<Fault> {
    let mut references = References { definition, definitions, faults: Vec::new() };
    for node in definition.nodes() {
        node.walk(&mut |node| references.node(node));
    }
    for (at, logic) in definition.conditions.values() {
        let mut others = Vec::new();
        logic.walk(&mut |node| references.node(node), &mut |name| others.push(name));
        others.into_iter().for_each(|name| references.condition(*at, name));
    }
    let rules = definition.rules.values();
    let logics = rules.flat_map(|rule| rule.condition.iter().chain(rule.assertions.iter().map(|one| &one.holds)));
    for logic in logics {
        logic.walk(&mut |node| references.node(node), &mut |_| {});
    }
    for declared in definition.resources.values() {
        declared.condition.iter().for_each(|name| references.condition(declared.at, name));
        for name in declared.depends_on.iter().filter(|name| !definition.resources.contains_key(*name)) {
            references.fault(declared.at, format!("depends on {name}, which the template does not declare"));
        }
        if let Some(path) = declared.nested.as_deref().filter(|path| !definitions.contains_key(*path)) {
            references.fault(declared.at, format!("is made of {}, which does not exist", path.display()));
        }
    }
    for output in definition.outputs.values() {
        output.condition.iter().for_each(|name| references.condition(output.at, name));
    }
    references.faults
}

struct References<'a> {
    definition: &'a Definition,
    definitions: &'a BTreeMap<PathBuf, Definition>,
    faults: Vec<Fault>,
}

impl References<'_> {
    fn fault(&mut self, at: Place, message: String) {
        let fault = self.definition.fault(at, Rule::Reference, message);
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn condition(&mut self, at: Place, name: &str) {
        if !self.definition.conditions.contains_key(name) {
            self.fault(at, format!("is under the condition {name}, which the template does not declare"));
        }
    }

    /// What an expression names itself.
    fn node(&mut self, node: &Node) {
        let Expression::Call(call) = &node.expression else { return };
        for used in call.used() {
            let (Used::Name(name) | Used::Attribute(name, _)) = used;
            let is_parameter = self.definition.parameters.contains_key(name) || PSEUDO.contains(&name);
            let resource = self.definition.resources.get(name);
            match used {
                Used::Name(_) if is_parameter || resource.is_some() => {}
                Used::Attribute(_, attribute) if resource.is_some() => {
                    let nested = resource.filter(|resource| resource.type_name == STACK);
                    if let Some(path) = nested.and_then(|resource| resource.nested.clone()) {
                        self.output(node.at, name, &path, attribute);
                    }
                }
                Used::Name(_) | Used::Attribute(..) => {
                    self.fault(node.at, format!("refers to {name}, which the template does not declare"));
                }
            }
        }
        match call.as_ref() {
            Call::If { condition, .. } => self.condition(node.at, condition),
            Call::FindInMap { map, .. } => {
                if let Some(name) = map.text().filter(|name| !self.definition.mappings.contains_key(*name)) {
                    self.fault(node.at, format!("looks into {name}, which the template does not declare"));
                }
            }
            _ => {}
        }
    }

    /// An output of a nested stack.
    fn output(&mut self, at: Place, logical_id: &str, path: &Path, attribute: &str) {
        let Some(nested) = self.definitions.get(path) else { return };
        match attribute.strip_prefix("Outputs.") {
            Some(name) if nested.outputs.contains_key(name) => {}
            Some(name) => {
                let file = path.display();
                self.fault(at, format!("reads the output {name} of {logical_id}, which {file} does not declare"));
            }
            None => self.fault(at, format!("reads {attribute} of {logical_id}, which has Outputs alone")),
        }
    }
}
