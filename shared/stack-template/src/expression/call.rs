//! Reads calls of intrinsic functions.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Call, Expression, Node, Piece, Section, attribute};
use crate::{
    definition::{Place, Reader},
    fault::Rule,
    template::pointer_to,
};

/// What a function is called with.
pub(super) struct Argument<'a> {
    pub(super) function: &'a str,
    pub(super) json: &'a Json,
    pub(super) pointer: String,
    pub(super) at: Place,
    pub(super) section: Section,
}

impl Argument<'_> {
    pub(super) fn call(&self, reader: &mut Reader<'_>) -> Option<Call> {
        const VALUES: [&str; 12] = [
            "Ref",
            "Fn::GetAtt",
            "Fn::Sub",
            "Fn::Join",
            "Fn::Split",
            "Fn::Select",
            "Fn::If",
            "Fn::FindInMap",
            "Fn::GetAZs",
            "Fn::Base64",
            "Fn::Cidr",
            "Fn::ImportValue",
        ];
        if !VALUES.contains(&self.function) || !self.section.takes(self.function) {
            reader.fault(
                self.at,
                Rule::Function,
                format!("uses {}, which CloudFormation does not take there", self.function),
            );
            return None;
        }
        let call = self.known(reader);
        if call.is_none() {
            reader.fault(self.at, Rule::Function, format!("gives {} what it does not take", self.function));
        }
        call
    }

    fn known(&self, reader: &mut Reader<'_>) -> Option<Call> {
        let call = match (self.function, self.json) {
            ("Ref", Json::String(name)) => Call::Ref(name.clone()),
            ("Fn::GetAtt", json) => {
                let (resource, attribute) = match json {
                    Json::String(text) => attribute(text)?,
                    json => (self.words::<2>(json)?[0], self.words::<2>(json)?[1]),
                };
                Call::GetAtt { resource: resource.to_owned(), attribute: attribute.to_owned() }
            }
            ("Fn::Sub", Json::String(text)) => Call::Sub { pieces: pieces(text)?, variables: BTreeMap::new() },
            ("Fn::Sub", Json::Array(items)) => {
                let [Json::String(text), Json::Object(variables)] = items.as_slice() else { return None };
                let pointer = pointer_to(&self.pointer, "1");
                let read = |(name, json): (&String, &Json)| {
                    (name.clone(), Node::read(reader, json, &pointer_to(&pointer, name), self.section))
                };
                Call::Sub { pieces: pieces(text)?, variables: variables.iter().map(read).collect() }
            }
            ("Fn::Join", json) => {
                let delimiter = json.get(0)?.as_str()?.to_owned();
                Call::Join { delimiter, items: self.item(reader, 1, 2)? }
            }
            ("Fn::Split", json) => {
                let delimiter = json.get(0)?.as_str()?.to_owned();
                Call::Split { delimiter, text: self.item(reader, 1, 2)? }
            }
            ("Fn::Select", _) => Call::Select { index: self.item(reader, 0, 2)?, items: self.item(reader, 1, 2)? },
            ("Fn::If", json) => Call::If {
                condition: json.get(0)?.as_str()?.to_owned(),
                then: self.item(reader, 1, 3)?,
                otherwise: self.item(reader, 2, 3)?,
            },
            ("Fn::FindInMap", _) => {
                let call = Call::FindInMap {
                    map: self.item(reader, 0, 3)?,
                    first: self.item(reader, 1, 3)?,
                    second: self.item(reader, 2, 3)?,
                };
                self.keys_are_plain(&call).then_some(call)?
            }
            ("Fn::GetAZs", json) => Call::GetAzs(self.whole(reader, json)),
            ("Fn::Base64", json) => Call::Base64(self.whole(reader, json)),
            ("Fn::ImportValue", json) => Call::ImportValue(self.whole(reader, json)),
            ("Fn::Cidr", Json::Array(items)) => {
                let count = items.len();
                Call::Cidr {
                    block: self.item(reader, 0, count)?,
                    count: self.item(reader, 1, count)?,
                    bits: if count == 3 { Some(self.item(reader, 2, count)?) } else { None },
                }
            }
            _ => return None,
        };
        Some(call)
    }

    /// The argument at `index` of `count`.
    fn item(&self, reader: &mut Reader<'_>, index: usize, count: usize) -> Option<Node> {
        let items = self.json.as_array().filter(|items| items.len() == count)?;
        Some(Node::read(reader, items.get(index)?, &pointer_to(&self.pointer, &index.to_string()), self.section))
    }

    fn whole(&self, reader: &mut Reader<'_>, json: &Json) -> Node {
        Node::read(reader, json, &self.pointer, self.section)
    }

    /// A list of exactly `N` texts.
    fn words<'a, const N: usize>(&self, json: &'a Json) -> Option<[&'a str; N]> {
        let words: Option<Vec<&str>> = json.as_array()?.iter().map(Json::as_str).collect();
        words?.try_into().ok()
    }

    /// Without a transform, `Fn::FindInMap` takes text, `Ref` and itself alone.
    fn keys_are_plain(&self, call: &Call) -> bool {
        let Call::FindInMap { map, first, second } = call else { return true };
        [map, first, second].into_iter().all(|key| match &key.expression {
            Expression::Text(_) => true,
            Expression::Call(call) => matches!(call.as_ref(), Call::Ref(_) | Call::FindInMap { .. }),
            _ => false,
        })
    }
}

/// Takes apart what `Fn::Sub` is given; `None` if a variable's name is none.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        literal.push_str(before);
        let (name, after) = after.split_once('}')?;
        rest = after;
        if let Some(name) = name.strip_prefix('!') {
            // `${!x}` is `${x}` and nothing more.
            literal.push_str(&format!("${{{name}}}"));
            continue;
        }
        let name = name.trim();
        let valid = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | ':');
        if name.is_empty() || !name.chars().all(valid) {
            return None;
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Variable(name.to_owned()));
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Some(pieces)
}
