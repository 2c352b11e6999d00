//! What comes to true or false: conditions, and the assertions of rules.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::{
    definition::{Place, Reader},
    expression::{Node, Section},
    fault::Rule,
    template::pointer_to,
};

/// An expression that comes to true or false.
#[derive(Debug, Clone)]
pub(crate) enum Logic {
    Equals(Place, Node, Node),
    And(Vec<Logic>),
    Or(Vec<Logic>),
    Not(Box<Logic>),
    /// Another condition.
    Condition(Place, String),
    /// A list holds a text.
    Contains(Place, Node, Node),
    /// Every item of a list is a text.
    EachMemberEquals(Place, Node, Node),
    /// Every item of a list is in another.
    EachMemberIn(Place, Node, Node),
    /// What could not be read; the fault is noted.
    Broken,
}

/// A rule: assertions that must hold, under a condition or always.
#[derive(Debug, Clone)]
pub(crate) struct Assertions {
    pub(crate) at: Place,
    pub(crate) condition: Option<Logic>,
    pub(crate) assertions: Vec<Assertion>,
}

#[derive(Debug, Clone)]
pub(crate) struct Assertion {
    pub(crate) holds: Logic,
    /// What CloudFormation says if it does not hold.
    pub(crate) description: String,
}

impl Logic {
    pub(crate) fn read(reader: &mut Reader<'_>, json: &Json, pointer: &str, section: Section) -> Self {
        let at = reader.place(pointer);
        let single = json.as_object().filter(|entries| entries.len() == 1).and_then(|entries| entries.iter().next());
        let Some((function, argument)) = single else {
            reader.fault(at, Rule::Function, "is not one condition function".to_owned());
            return Self::Broken;
        };
        let pointer = pointer_to(pointer, function);
        let items = argument.as_array().map_or(&[][..], Vec::as_slice);
        let only_in_rules = matches!(function.as_str(), "Fn::Contains" | "Fn::EachMemberEquals" | "Fn::EachMemberIn");
        let known = match (function.as_str(), items.len()) {
            ("Condition", _) if section == Section::Conditions => {
                argument.as_str().map(|name| Self::Condition(at, name.to_owned()))
            }
            ("Fn::And", 2..=10) => Some(Self::And(Self::read_all(reader, items, &pointer, section))),
            ("Fn::Or", 2..=10) => Some(Self::Or(Self::read_all(reader, items, &pointer, section))),
            ("Fn::Not", 1) => {
                Some(Self::Not(Box::new(Self::read(reader, &items[0], &pointer_to(&pointer, "0"), section))))
            }
            (name, 2) if name == "Fn::Equals" || (only_in_rules && section == Section::Rules) => {
                let first = Node::read(reader, &items[0], &pointer_to(&pointer, "0"), section);
                let second = Node::read(reader, &items[1], &pointer_to(&pointer, "1"), section);
                Some(match name {
                    "Fn::Equals" => Self::Equals(at, first, second),
                    "Fn::Contains" => Self::Contains(at, first, second),
                    "Fn::EachMemberEquals" => Self::EachMemberEquals(at, first, second),
                    _ => Self::EachMemberIn(at, first, second),
                })
            }
            _ => None,
        };
        known.unwrap_or_else(|| {
            reader.fault(
                at,
                Rule::Function,
                format!("uses {function} in a way that CloudFormation does not take there"),
            );
            Self::Broken
        })
    }

    fn read_all(reader: &mut Reader<'_>, items: &[Json], pointer: &str, section: Section) -> Vec<Self> {
        items
            .iter()
            .enumerate()
            .map(|(index, item)| Self::read(reader, item, &pointer_to(pointer, &index.to_string()), section))
            .collect()
    }

    /// Visits the values that are compared, and the names of other conditions.
    pub(crate) fn walk<'a>(&'a self, node: &mut impl FnMut(&'a Node), condition: &mut impl FnMut(&'a str)) {
        match self {
            Self::Equals(_, first, second)
            | Self::Contains(_, first, second)
            | Self::EachMemberEquals(_, first, second)
            | Self::EachMemberIn(_, first, second) => {
                first.walk(node);
                second.walk(node);
            }
            Self::And(all) | Self::Or(all) => all.iter().for_each(|logic| logic.walk(node, condition)),
            Self::Not(logic) => logic.walk(node, condition),
            Self::Condition(_, name) => condition(name),
            Self::Broken => {}
        }
    }
}

impl Assertions {
    pub(crate) fn read(reader: &mut Reader<'_>, json: &Json, pointer: &str) -> Self {
        let at = reader.place(pointer);
        let condition = json
            .get("RuleCondition")
            .map(|condition| Logic::read(reader, condition, &pointer_to(pointer, "RuleCondition"), Section::Rules));
        let list = pointer_to(pointer, "Assertions");
        let assertions: Vec<Assertion> = json["Assertions"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
            .map(|(index, assertion)| {
                let pointer = pointer_to(&list, &index.to_string());
                Assertion {
                    holds: Logic::read(reader, &assertion["Assert"], &pointer_to(&pointer, "Assert"), Section::Rules),
                    description: assertion["AssertDescription"].as_str().unwrap_or_default().to_owned(),
                }
            })
            .collect();
        if assertions.is_empty() || assertions.iter().any(|assertion| assertion.description.is_empty()) {
            reader.fault(at, Rule::Form, "has no assertion, or one without AssertDescription".to_owned());
        }
        Self { at, condition, assertions }
    }
}

/// Reads every entry of a section with `read`.
pub(crate) fn entries<'a, T>(
    body: &'a Json,
    section: &str,
    mut read: impl FnMut(&'a Json, String) -> T,
) -> BTreeMap<String, T> {
    let pointer = pointer_to("", section);
    let entries = body.get(section).and_then(Json::as_object).into_iter().flatten();
    entries.map(|(name, json)| (name.clone(), read(json, pointer_to(&pointer, name)))).collect()
}
