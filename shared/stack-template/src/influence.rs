//! Which parameters decide what of a template, so that only combinations that can differ need be evaluated.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{
    definition::{Declared, Definition},
    expression::{Call, Expression, Node, Used},
    logic::{Assertions, Logic},
};

/// Stands for the region and what follows from it, as if it were a parameter.
pub(crate) const REGION: &str = "AWS::Region";

/// Names of parameters.
pub(crate) type Names = BTreeSet<String>;

/// Works out who decides what, in a set of templates.
pub(crate) struct Influence<'a> {
    definitions: &'a BTreeMap<PathBuf, Definition>,
    /// The parameters that decide anything in a template; those that are being worked out have none yet.
    deciding: RefCell<BTreeMap<&'a Path, Names>>,
    /// The outputs that are being followed, so that a circle ends.
    following: RefCell<Vec<(&'a Path, String, String)>>,
}

impl<'a> Influence<'a> {
    pub(crate) fn new(definitions: &'a BTreeMap<PathBuf, Definition>) -> Self {
        Self { definitions, deciding: RefCell::default(), following: RefCell::default() }
    }

    /// For each part of a template that CloudFormation evaluates, the parameters that decide how: its conditions, rules, resources and
    /// outputs, each by itself.
    pub(crate) fn parts(&self, definition: &'a Definition) -> Vec<Names> {
        let conditions = definition.conditions.values().map(|(_, logic)| self.in_logic(definition, logic));
        let rules = definition.rules.values().map(|rule| self.in_rule(definition, rule));
        let resources = definition.resources.values().map(|declared| self.in_resource(definition, declared));
        let outputs = definition.outputs.values().map(|output| {
            let mut names = self.in_condition(definition, output.condition.as_deref());
            for node in std::iter::once(&output.value).chain(&output.export) {
                names.append(&mut self.decisions(definition, node));
            }
            names
        });
        conditions.chain(rules).chain(resources).chain(outputs).collect()
    }

    /// The parameters that a rule looks at.
    pub(crate) fn in_rule(&self, definition: &'a Definition, rule: &'a Assertions) -> Names {
        let logics = rule.condition.iter().chain(rule.assertions.iter().map(|assertion| &assertion.holds));
        logics.flat_map(|logic| self.in_logic(definition, logic)).collect()
    }

    /// The parameters that decide anything in a template.
    fn deciding(&self, definition: &'a Definition) -> Names {
        if let Some(names) = self.deciding.borrow().get(definition.path()) {
            return names.clone();
        }
        self.deciding.borrow_mut().insert(definition.path(), Names::new());
        let names: Names = self.parts(definition).into_iter().flatten().collect();
        self.deciding.borrow_mut().insert(definition.path(), names.clone());
        names
    }

    fn in_resource(&self, definition: &'a Definition, declared: &'a Declared) -> Names {
        let mut names = self.in_condition(definition, declared.condition.as_deref());
        for node in declared.attributes.values() {
            names.append(&mut self.decisions(definition, node));
        }
        let nested = declared.nested.as_deref().and_then(|path| self.definitions.get(path));
        if let Some(nested) = nested {
            let deciding = self.deciding(nested);
            for (name, node) in declared.inputs() {
                if deciding.contains(name) {
                    names.append(&mut self.mentions(definition, node));
                }
            }
            if deciding.contains(REGION) {
                names.insert(REGION.to_owned());
            }
        }
        names
    }

    fn in_condition(&self, definition: &'a Definition, name: Option<&str>) -> Names {
        let logic = name.and_then(|name| definition.conditions.get(name));
        logic.map(|(_, logic)| self.in_logic(definition, logic)).unwrap_or_default()
    }

    fn in_logic(&self, definition: &'a Definition, logic: &'a Logic) -> Names {
        let mut names = Names::new();
        let mut open = vec![logic];
        let mut met = BTreeSet::new();
        while let Some(logic) = open.pop() {
            let mut others = Vec::new();
            logic.walk(&mut |node| names.append(&mut self.mentions_directly(definition, node)), &mut |name| {
                others.push(name);
            });
            let others = others.into_iter().filter(|name| met.insert(*name));
            open.extend(others.filter_map(|name| definition.conditions.get(name).map(|(_, logic)| logic)));
        }
        names
    }

    /// The parameters that can change what an expression comes to.
    fn mentions(&self, definition: &'a Definition, node: &'a Node) -> Names {
        let mut names = Names::new();
        node.walk(&mut |node| names.append(&mut self.mentions_directly(definition, node)));
        names
    }

    /// The same for the expression without those in it.
    fn mentions_directly(&self, definition: &'a Definition, node: &'a Node) -> Names {
        let mut names = Names::new();
        let Expression::Call(call) = &node.expression else { return names };
        for used in call.used() {
            match used {
                Used::Name(name) if definition.parameters.contains_key(name) => {
                    names.insert(name.to_owned());
                }
                Used::Name("AWS::Region" | "AWS::Partition" | "AWS::URLSuffix") => {
                    names.insert(REGION.to_owned());
                }
                Used::Name(_) => {}
                Used::Attribute(resource, attribute) => {
                    names.append(&mut self.carried(definition, resource, attribute, |nested, output| {
                        let output = nested.outputs.get(output);
                        output.map(|output| self.mentions(nested, &output.value)).unwrap_or_default()
                    }));
                }
            }
        }
        match call.as_ref() {
            Call::If { condition, .. } => names.append(&mut self.in_condition(definition, Some(condition))),
            Call::GetAzs(_) => {
                names.insert(REGION.to_owned());
            }
            _ => {}
        }
        names
    }

    /// The parameters that decide what of an expression is evaluated, and whether it can be.
    fn decisions(&self, definition: &'a Definition, node: &'a Node) -> Names {
        let mut names = Names::new();
        node.walk(&mut |node| {
            let Expression::Call(call) = &node.expression else { return };
            for used in call.used() {
                let (Used::Name(resource) | Used::Attribute(resource, _)) = used;
                let declared = definition.resources.get(resource);
                let condition = declared.and_then(|declared| declared.condition.as_deref());
                names.append(&mut self.in_condition(definition, condition));
                if let Used::Attribute(resource, attribute) = used {
                    names.append(&mut self.carried(definition, resource, attribute, |nested, output| {
                        let output = nested.outputs.get(output);
                        self.in_condition(nested, output.and_then(|output| output.condition.as_deref()))
                    }));
                }
            }
            match call.as_ref() {
                Call::If { condition, .. } => names.append(&mut self.in_condition(definition, Some(condition))),
                Call::Split { .. }
                | Call::Select { .. }
                | Call::Cidr { .. }
                | Call::FindInMap { .. }
                | Call::GetAzs(_)
                | Call::ImportValue(_) => names.append(&mut self.mentions(definition, node)),
                _ => {}
            }
        });
        names
    }

    /// What `of` says of an output of a nested stack, in terms of the parameters of the stack that it is nested in.
    fn carried(
        &self,
        definition: &'a Definition,
        resource: &str,
        attribute: &str,
        of: impl FnOnce(&'a Definition, &str) -> Names,
    ) -> Names {
        let Some(declared) = definition.resources.get(resource) else { return Names::new() };
        let nested = declared.nested.as_deref().and_then(|path| self.definitions.get(path));
        let (Some(nested), Some(output)) = (nested, attribute.strip_prefix("Outputs.")) else { return Names::new() };
        let step = (definition.path(), resource.to_owned(), output.to_owned());
        if self.following.borrow().contains(&step) {
            return Names::new();
        }
        self.following.borrow_mut().push(step);
        let names = of(nested, output);
        let inputs = declared.inputs();
        let carried = names
            .iter()
            .flat_map(|name| match inputs.get(name.as_str()) {
                Some(node) => self.mentions(definition, node),
                None if name == REGION => Names::from([REGION.to_owned()]),
                None => Names::new(),
            })
            .collect();
        self.following.borrow_mut().pop();
        carried
    }
}
