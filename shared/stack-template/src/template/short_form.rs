//! The short forms of intrinsic functions, `!Ref` and its like.

use saphyr_parser::Tag;
use serde_json::{Value, json};

/// The functions whose long form is `Fn::` and their name.
const FUNCTIONS: [&str; 24] = [
    "And",
    "Base64",
    "Cidr",
    "Contains",
    "EachMemberEquals",
    "EachMemberIn",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "RefAll",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
    "ValueOf",
    "ValueOfAll",
];

/// The functions whose long form is their bare name.
const BARE: [&str; 2] = ["Condition", "Ref"];

/// A function called by a tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShortForm {
    name: &'static str,
    bare: bool,
}

impl ShortForm {
    /// The function that `tag` stands for, if it stands for one.
    pub(super) fn tagged(tag: &Tag) -> Option<Self> {
        if tag.handle != "!" {
            return None;
        }
        let find = |names: &[&'static str]| names.iter().find(|name| **name == tag.suffix).copied();
        find(&BARE)
            .map(|name| Self { name, bare: true })
            .or_else(|| find(&FUNCTIONS).map(|name| Self { name, bare: false }))
    }

    /// The function's name in the long form.
    pub(super) fn long_name(self) -> String {
        if self.bare { self.name.to_owned() } else { format!("Fn::{}", self.name) }
    }

    /// The long form of the function called with `argument`.
    pub(super) fn of(self, argument: Value) -> Value {
        json!({ self.long_name(): argument })
    }

    /// The long form of the function called with a scalar, which is text whatever it looks like.
    pub(super) fn of_text(self, text: &str) -> Value {
        // `!GetAtt Stack.Outputs.Name`: only the first dot separates; the attribute may have more.
        match text.split_once('.') {
            Some((resource, attribute)) if self.name == "GetAtt" => self.of(json!([resource, attribute])),
            _ => self.of(Value::from(text)),
        }
    }
}
