//! Nested stacks: what they are given, and what they give back.

use std::{collections::BTreeMap, rc::Rc};

use super::{Evaluation, Stack};
use crate::{
    definition::{Definition, Place},
    fault::Rule,
    value::{Data, Text},
};

impl<'a> Evaluation<'_, 'a> {
    /// The nested stack `logical_id`, evaluated once.
    pub(super) fn nested(&mut self, at: Place, logical_id: &'a str) -> Option<Rc<Stack<'a>>> {
        match self.nested.get(logical_id) {
            Some(Some(stack)) => return Some(Rc::clone(stack)),
            Some(None) => {
                self.fault(at, Rule::Reference, format!("needs {logical_id}, which needs this in turn"));
                return None;
            }
            None => {}
        }
        let declared = self.definition.resources.get(logical_id)?;
        let template = declared.nested.as_deref()?;
        let world = self.world;
        let definition = world.definitions.get(template)?;
        self.nested.insert(logical_id, None);
        let path = if self.path.is_empty() { logical_id.to_owned() } else { format!("{}/{logical_id}", self.path) };
        let given = self.inputs(declared.at, logical_id, definition);
        let inputs = given.iter().map(|(name, (_, text))| ((*name).to_owned(), text.clone())).collect();
        let call = (template.to_owned(), path.clone(), inputs);
        // A template that is nested in itself has no end.
        if path.matches('/').count() > 8 {
            self.fault(declared.at, Rule::Form, "is nested too deeply".to_owned());
            return None;
        }
        let known = world.known.borrow().get(&call).cloned();
        let stack = known.unwrap_or_else(|| {
            let stack = Rc::new(Evaluation::new(world, definition, path).stack(&call.2));
            world.known.borrow_mut().insert(call, Rc::clone(&stack));
            stack
        });
        for (name, refusal) in &stack.refusals {
            let at = given.get(name).map_or(declared.at, |(at, _)| *at);
            let file = definition.path().display();
            self.fault(at, Rule::Input, format!("is refused by {name} of {file}: {refusal}"));
        }
        self.nested.insert(logical_id, Some(Rc::clone(&stack)));
        Some(stack)
    }

    /// What the nested stack is given, and where.
    fn inputs(&mut self, at: Place, logical_id: &'a str, nested: &'a Definition) -> BTreeMap<&'a str, (Place, Text)> {
        let mut given = BTreeMap::new();
        let declared = self.definition.resources.get(logical_id).map(super::Declared::inputs).unwrap_or_default();
        for (name, node) in declared {
            let value = self.value(node);
            let text = match value.data {
                Data::Absent => continue,
                Data::Text(text) => text,
                Data::List(_) | Data::Map(_) => {
                    self.fault(node.at, Rule::Input, "must be text; join a list by commas".to_owned());
                    continue;
                }
            };
            match nested.parameters.get(name) {
                None => {
                    let file = nested.path().display();
                    self.fault(node.at, Rule::Input, format!("is not a parameter of {file}"));
                }
                Some(parameter) => {
                    if let (Some(secret), false) = (text.secret(), parameter.secret) {
                        let file = nested.path().display();
                        let message = format!(
                            "passes {secret} on to {name} of {file}, which shows it to everybody who may see the stack"
                        );
                        self.fault(node.at, Rule::Secret, message);
                    }
                    given.insert(name, (node.at, text));
                }
            }
        }
        for (name, parameter) in &nested.parameters {
            if parameter.default.is_none() && !given.contains_key(name.as_str()) {
                let file = nested.path().display();
                self.fault(at, Rule::Input, format!("is not given {name}, for which {file} has no default"));
                // Said once; the nested stack is evaluated with something all the same.
                given.insert(name, (at, Text::default()));
            }
        }
        given
    }

    /// What `Fn::GetAtt` gives for a nested stack.
    pub(super) fn output(&mut self, at: Place, logical_id: &'a str, attribute: &'a str) -> Data {
        let Some(stack) = self.nested(at, logical_id) else {
            return self.broken();
        };
        // What is not declared is found elsewhere.
        let Some(output) = attribute.strip_prefix("Outputs.") else { return self.broken() };
        if let Some(output) = stack.outputs.get(output) {
            return output.value.data.clone();
        }
        if stack.definition.outputs.contains_key(output) {
            let file = stack.definition.path().display();
            self.fault(
                at,
                Rule::Reference,
                format!("reads the output {output} of {logical_id}, which {file} does not give"),
            );
        }
        self.broken()
    }
}
