//! What an evaluation comes to.

use std::{collections::BTreeMap, rc::Rc};

use crate::{
    definition::{Declared, Definition, Place},
    fault::Fault,
    value::{Data, Value},
};

/// A stack, evaluated.
#[derive(Debug)]
pub struct Stack<'a> {
    /// What it is made of.
    pub definition: &'a Definition,
    /// The logical ids that lead to it, joined by slashes; empty for the root.
    pub path: String,
    /// Its parameters.
    pub parameters: BTreeMap<&'a str, Data>,
    /// What its conditions come to.
    pub conditions: BTreeMap<&'a str, bool>,
    /// The resources that exist.
    pub resources: BTreeMap<&'a str, Resource<'a>>,
    /// The outputs that are given.
    pub outputs: BTreeMap<&'a str, Output>,
    /// What went wrong.
    pub faults: Vec<Fault>,
    /// Why CloudFormation would refuse the parameters: the name of the rule or parameter, and the reason.
    pub refusals: Vec<(&'a str, String)>,
}

/// A resource that exists, evaluated.
#[derive(Debug)]
pub struct Resource<'a> {
    /// As it is declared.
    pub declared: &'a Declared,
    /// `Properties`, `Metadata`, `CreationPolicy` and `UpdatePolicy`.
    pub attributes: BTreeMap<&'a str, Value>,
    /// The stack, if it is a nested one.
    pub nested: Option<Rc<Stack<'a>>>,
}

impl Resource<'_> {
    /// Where it is declared.
    #[must_use]
    pub fn at(&self) -> Place {
        self.declared.at
    }

    /// Its type.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.declared.type_name
    }

    /// A property.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.attributes.get("Properties")?.get(name)
    }
}

/// An output, evaluated.
#[derive(Debug, PartialEq, Eq)]
pub struct Output {
    /// Its value.
    pub value: Value,
    /// The name under which other stacks import it.
    pub export: Option<Value>,
}

impl<'a> Stack<'a> {
    /// This stack and all nested in it.
    #[must_use]
    pub fn all(&self) -> Vec<&Stack<'a>> {
        let nested = self.resources.values().filter_map(|resource| resource.nested.as_deref());
        std::iter::once(self).chain(nested.flat_map(Stack::all)).collect()
    }

    /// The resource `logical_id` of the stack at `path`, which may be this one or nested in it.
    #[must_use]
    pub fn find(&self, path: &str, logical_id: &str) -> Option<&Resource<'a>> {
        self.all().into_iter().find(|stack| stack.path == path)?.resources.get(logical_id)
    }
}
