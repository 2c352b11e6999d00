//! What a template asks for, and what it accepts.

use fancy_regex::Regex;
use serde_json::Value as Json;

use crate::{
    definition::{Place, Reader},
    fault::Rule,
};

/// The type of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `String`, or the id of something in AWS.
    Text,
    /// `Number`.
    Number,
    /// `CommaDelimitedList`, or a list of ids.
    List,
    /// `List<Number>`.
    Numbers,
    /// The name of an SSM parameter, for whose value CloudFormation asks.
    Looked,
}

/// A declared parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Where it is declared.
    pub at: Place,
    /// Its type as it is written.
    pub type_name: String,
    /// What kind of type that is.
    pub kind: Kind,
    /// The value it has when none is given.
    pub default: Option<String>,
    /// The values that are accepted; any if empty.
    pub allowed: Vec<String>,
    /// What every value must match as a whole.
    pub pattern: Option<String>,
    matcher: Option<Regex>,
    /// What a value must be, for people.
    pub constraint: Option<String>,
    /// What it means.
    pub description: Option<String>,
    /// Whether its value is kept from view.
    pub secret: bool,
    /// The shortest and the longest text.
    pub length: (Option<usize>, Option<usize>),
    /// The smallest and the largest number.
    pub range: (Option<f64>, Option<f64>),
}

impl Parameter {
    /// Reads the declaration `json` at `pointer`.
    pub(crate) fn read(reader: &mut Reader<'_>, json: &Json, pointer: &str) -> Self {
        let at = reader.place(pointer);
        let text = |key: &str| scalar(&json[key]);
        let type_name = text("Type").unwrap_or_default();
        let kind = match type_name.as_str() {
            "Number" => Kind::Number,
            "List<Number>" => Kind::Numbers,
            "CommaDelimitedList" => Kind::List,
            name if name.starts_with("List<") => Kind::List,
            name if name.starts_with("AWS::SSM::Parameter::Value<") => Kind::Looked,
            name if name == "String" || name.starts_with("AWS::") => Kind::Text,
            _ => {
                reader.fault(at, Rule::Parameter, "has no type that CloudFormation knows".to_owned());
                Kind::Text
            }
        };
        let pattern = text("AllowedPattern");
        let matcher = pattern.as_deref().and_then(|pattern| match Regex::new(&format!("^(?:{pattern})$")) {
            Ok(matcher) => Some(matcher),
            Err(error) => {
                reader.fault(at, Rule::Parameter, format!("has a pattern that cannot be read: {error}"));
                None
            }
        });
        let number = |key: &str| text(key).and_then(|text| text.parse::<f64>().ok());
        let length = |key: &str| text(key).and_then(|text| text.parse::<usize>().ok());
        Self {
            at,
            type_name,
            kind,
            default: text("Default"),
            allowed: json["AllowedValues"].as_array().into_iter().flatten().filter_map(scalar).collect(),
            pattern,
            matcher,
            constraint: text("ConstraintDescription"),
            description: text("Description"),
            secret: text("NoEcho").as_deref() == Some("true"),
            length: (length("MinLength"), length("MaxLength")),
            range: (number("MinValue"), number("MaxValue")),
        }
    }

    /// Whether the value is a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List | Kind::Numbers)
    }

    /// Why CloudFormation would refuse `value`, if it would.
    #[must_use]
    pub fn refusal(&self, value: &str) -> Option<String> {
        if self.is_list() {
            return value.split(',').find_map(|item| self.refusal_of_one(item.trim()));
        }
        self.refusal_of_one(value)
    }

    fn refusal_of_one(&self, value: &str) -> Option<String> {
        let explained = |why: String| match &self.constraint {
            Some(constraint) => format!("{why} ({constraint})"),
            None => why,
        };
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed == value) {
            return Some(explained(format!("\"{value}\" is none of the allowed values")));
        }
        if self.matcher.as_ref().is_some_and(|matcher| !matcher.is_match(value).unwrap_or_default()) {
            return Some(explained(format!("\"{value}\" does not match the pattern")));
        }
        let length = value.chars().count();
        if self.length.0.is_some_and(|least| length < least) || self.length.1.is_some_and(|most| length > most) {
            return Some(explained(format!("\"{value}\" has {length} characters")));
        }
        if matches!(self.kind, Kind::Number | Kind::Numbers) {
            let Ok(number) = value.parse::<f64>() else {
                return Some(explained(format!("\"{value}\" is not a number")));
            };
            if self.range.0.is_some_and(|least| number < least) || self.range.1.is_some_and(|most| number > most) {
                return Some(explained(format!("{value} is out of range")));
            }
        }
        None
    }
}

/// A scalar as text.
pub(crate) fn scalar(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
