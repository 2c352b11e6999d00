//! What stands in a template where a value is wanted: text, lists, maps, and calls of intrinsic functions.

mod call;

use std::collections::BTreeMap;

use call::Argument;
use serde_json::Value as Json;

use crate::{
    definition::{Place, Reader},
    fault::Rule,
    parameter::scalar,
    template::pointer_to,
};

/// An expression and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Place,
    pub(crate) expression: Expression,
}

#[derive(Debug, Clone)]
pub(crate) enum Expression {
    Text(String),
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
    Call(Box<Call>),
    /// What could not be read; the fault is noted.
    Broken,
}

/// A call of an intrinsic function that comes to a value.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Ref(String),
    GetAtt { resource: String, attribute: String },
    Sub { pieces: Vec<Piece>, variables: BTreeMap<String, Node> },
    Join { delimiter: String, items: Node },
    Split { delimiter: String, text: Node },
    Select { index: Node, items: Node },
    If { condition: String, then: Node, otherwise: Node },
    FindInMap { map: Node, first: Node, second: Node },
    GetAzs(Node),
    Base64(Node),
    Cidr { block: Node, count: Node, bits: Option<Node> },
    ImportValue(Node),
}

/// Something that a call names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Used<'a> {
    /// A parameter or a resource.
    Name(&'a str),
    /// A resource and an attribute of it.
    Attribute(&'a str, &'a str),
}

impl Call {
    /// What the call itself names, without what it is called with.
    pub(crate) fn used(&self) -> Vec<Used<'_>> {
        match self {
            Self::Ref(name) => vec![Used::Name(name)],
            Self::GetAtt { resource, attribute } => vec![Used::Attribute(resource, attribute)],
            Self::Sub { pieces, variables } => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Variable(name) if !variables.contains_key(name) => Some(name),
                    _ => None,
                })
                .map(|name| match attribute(name) {
                    Some((resource, attribute)) => Used::Attribute(resource, attribute),
                    None => Used::Name(name),
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// A part of what `Fn::Sub` is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    Variable(String),
}

/// Where an expression stands, which decides what CloudFormation takes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// In `Rules`: parameters alone.
    Rules,
    /// In `Conditions`: parameters, and what can be made of them.
    Conditions,
    /// In `Resources` and `Outputs`.
    Body,
}

impl Section {
    fn takes(self, function: &str) -> bool {
        match self {
            Self::Rules => function == "Ref",
            Self::Conditions => {
                matches!(function, "Ref" | "Fn::FindInMap" | "Fn::Sub" | "Fn::Join" | "Fn::Select" | "Fn::Split")
            }
            Self::Body => true,
        }
    }
}

/// The resource and the attribute of `Resource.Attribute`.
pub(crate) fn attribute(text: &str) -> Option<(&str, &str)> {
    text.split_once('.').filter(|(resource, attribute)| !resource.is_empty() && !attribute.is_empty())
}

impl Node {
    pub(crate) fn read(reader: &mut Reader<'_>, json: &Json, pointer: &str, section: Section) -> Self {
        let at = reader.place(pointer);
        let expression = match json {
            Json::Array(items) => Expression::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| Self::read(reader, item, &pointer_to(pointer, &index.to_string()), section))
                    .collect(),
            ),
            Json::Object(entries) => {
                let function = entries.keys().find(|key| *key == "Ref" || key.starts_with("Fn::"));
                match function {
                    Some(function) if entries.len() == 1 => {
                        let argument = Argument {
                            function,
                            json: &entries[function],
                            pointer: pointer_to(pointer, function),
                            at,
                            section,
                        };
                        argument.call(reader).map_or(Expression::Broken, |call| Expression::Call(Box::new(call)))
                    }
                    Some(function) => {
                        reader.fault(at, Rule::Function, format!("mixes {function} with other keys"));
                        Expression::Broken
                    }
                    None => Expression::Map(
                        entries
                            .iter()
                            .map(|(key, value)| {
                                (key.clone(), Self::read(reader, value, &pointer_to(pointer, key), section))
                            })
                            .collect(),
                    ),
                }
            }
            Json::Null => {
                reader.fault(at, Rule::Form, "is null".to_owned());
                Expression::Broken
            }
            json => scalar(json).map_or(Expression::Broken, Expression::Text),
        };
        Self { at, expression }
    }

    /// The text, if it is nothing but that.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.expression {
            Expression::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The expression under `key`, if it is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.expression {
            Expression::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The expressions directly in this one.
    pub(crate) fn children(&self) -> Vec<&Node> {
        match &self.expression {
            Expression::Text(_) | Expression::Broken => Vec::new(),
            Expression::List(items) => items.iter().collect(),
            Expression::Map(entries) => entries.values().collect(),
            Expression::Call(call) => match call.as_ref() {
                Call::Ref(_) | Call::GetAtt { .. } => Vec::new(),
                Call::Sub { variables, .. } => variables.values().collect(),
                Call::Join { items, .. } => vec![items],
                Call::Split { text, .. } => vec![text],
                Call::Select { index, items } => vec![index, items],
                Call::If { then, otherwise, .. } => vec![then, otherwise],
                Call::FindInMap { map, first, second } => vec![map, first, second],
                Call::GetAzs(node) | Call::Base64(node) | Call::ImportValue(node) => vec![node],
                Call::Cidr { block, count, bits } => [block, count].into_iter().chain(bits).collect(),
            },
        }
    }

    /// The expression and all expressions in it.
    pub(crate) fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Node)) {
        visit(self);
        self.children().into_iter().for_each(|child| child.walk(visit));
    }
}
