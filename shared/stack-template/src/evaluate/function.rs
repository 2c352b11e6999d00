//! What intrinsic functions come to.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde_json::Value as Json;

use super::{ACCOUNT, Evaluation};
use crate::{
    definition::{Place, STACK},
    expression::{self, Call, Expression, Node, Piece},
    fault::Rule,
    parameter::scalar,
    value::{Data, Origin, Text, Value},
};

impl<'a> Evaluation<'_, 'a> {
    /// What `node` comes to.
    pub(super) fn value(&mut self, node: &'a Node) -> Value {
        let at = node.at;
        let data = match &node.expression {
            Expression::Text(text) => Data::Text(Text::of(text)),
            Expression::List(items) => {
                let items = items.iter().map(|item| self.value(item));
                Data::List(items.filter(|item| item.data != Data::Absent).collect())
            }
            Expression::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| (key.clone(), self.value(node)));
                Data::Map(entries.filter(|(_, value)| value.data != Data::Absent).collect())
            }
            Expression::Call(call) => return self.call(at, call),
            Expression::Broken => self.broken(),
        };
        Value { at, data }
    }

    fn call(&mut self, at: Place, call: &'a Call) -> Value {
        let data = match call {
            Call::Ref(name) => self.reference(at, name),
            Call::GetAtt { resource, attribute } => self.attribute(at, resource, attribute),
            Call::Sub { pieces, variables } => Data::Text(self.substitute(at, pieces, variables)),
            Call::Join { delimiter, items } => self.join(delimiter, items),
            Call::Split { delimiter, text } => {
                let source = self.text(text);
                match source.split(delimiter) {
                    Some(parts) => {
                        Data::List(parts.into_iter().map(|part| Value { at, data: Data::Text(part) }).collect())
                    }
                    None => {
                        let description = format!("the parts of {source}");
                        self.derived(description, &[&Value { at, data: Data::Text(source) }])
                    }
                }
            }
            Call::Select { index, items } => return self.select(at, index, items),
            Call::If { condition, then, otherwise } => {
                return if self.condition(at, condition) { self.value(then) } else { self.value(otherwise) };
            }
            Call::FindInMap { map, first, second } => self.find_in_map(at, map, first, second),
            Call::GetAzs(region) => {
                let region = self.text(region);
                if region.literal().is_some_and(|name| name.is_empty() || name == self.world.region.name) {
                    let zones = self.world.region.zones.iter();
                    Data::List(zones.map(|zone| Value { at, data: Data::Text(Text::of(zone)) }).collect())
                } else {
                    self.derived(format!("the zones of {region}"), &[])
                }
            }
            Call::Base64(text) => Data::Text(self.text(text)),
            Call::Cidr { block, count, bits } => self.cidr(at, block, count, bits.as_ref()),
            Call::ImportValue(name) => {
                let name = self.text(name);
                if !name.literal().is_some_and(|name| self.world.exports.contains(name)) {
                    self.fault(at, Rule::Reference, format!("imports {name}, which no known stack exports"));
                }
                self.unknown(Origin::Import(name.to_string()), false)
            }
        };
        Value { at, data }
    }

    /// What `Ref` gives.
    fn reference(&mut self, at: Place, name: &'a str) -> Data {
        let region = self.world.region;
        match name {
            "AWS::NoValue" => return Data::Absent,
            "AWS::Region" => return Data::Text(Text::of(&region.name)),
            "AWS::Partition" => return Data::Text(Text::of(&region.partition)),
            "AWS::URLSuffix" => return Data::Text(Text::of(&region.url_suffix)),
            "AWS::AccountId" => return Data::Text(Text::of(ACCOUNT)),
            "AWS::StackName" | "AWS::StackId" | "AWS::NotificationARNs" => {
                return self.unknown(Origin::Pseudo(name.to_owned()), false);
            }
            _ => {}
        }
        if let Some(value) = self.parameters.get(name) {
            return match value {
                // The items stand where they are referred to.
                Data::List(items) => {
                    Data::List(items.iter().map(|item| Value { at, data: item.data.clone() }).collect())
                }
                value => value.clone(),
            };
        }
        if self.is_deciding {
            self.fault(at, Rule::Reference, format!("refers to {name}, which is no parameter"));
            return self.broken();
        }
        if self.declared(at, name).is_none() {
            return self.broken();
        }
        self.unknown(Origin::Resource { logical_id: name.to_owned(), attribute: None }, false)
    }

    /// Sees to it that a resource that is referred to exists; gives its type if so. What is not declared is found elsewhere.
    fn declared(&mut self, at: Place, name: &'a str) -> Option<&'a str> {
        let declared = self.definition.resources.get(name)?;
        if !self.exists(declared) {
            self.fault(at, Rule::Reference, format!("refers to {name}, which does not exist"));
            return None;
        }
        Some(&declared.type_name)
    }

    /// What `Fn::GetAtt` gives.
    fn attribute(&mut self, at: Place, resource: &'a str, attribute: &'a str) -> Data {
        if self.is_deciding {
            self.fault(at, Rule::Reference, format!("reads {attribute} of {resource}, which is no parameter"));
            return self.broken();
        }
        let Some(type_name) = self.declared(at, resource) else {
            return self.broken();
        };
        if type_name == STACK {
            return self.output(at, resource, attribute);
        }
        let secret = self
            .world
            .attributes_that_are_secret
            .iter()
            .any(|(of, name)| *of == type_name && (*name == attribute || *name == "*"));
        let origin = Origin::Resource { logical_id: resource.to_owned(), attribute: Some(attribute.to_owned()) };
        self.unknown(origin, secret)
    }

    /// What `Fn::Sub` gives.
    fn substitute(&mut self, at: Place, pieces: &'a [Piece], variables: &'a BTreeMap<String, Node>) -> Text {
        let mut made = Text::default();
        for piece in pieces {
            let (name, data) = match piece {
                Piece::Literal(text) => {
                    made.push(text);
                    continue;
                }
                Piece::Variable(name) => match (variables.get(name), expression::attribute(name)) {
                    (Some(node), _) => (name, self.value(node).data),
                    (None, Some((resource, attribute))) => (name, self.attribute(at, resource, attribute)),
                    (None, None) => (name, self.reference(at, name)),
                },
            };
            match data {
                Data::Text(text) => made.append(&text),
                Data::Absent | Data::List(_) | Data::Map(_) => {
                    self.fault(at, Rule::Function, format!("puts {name} into text, which is none"));
                }
            }
        }
        made
    }

    fn join(&mut self, delimiter: &str, items: &'a Node) -> Data {
        let value = self.value(items);
        // What is one text that only a deployment knows may be a list there.
        if value.text().is_some_and(|text| text.single().is_some()) {
            return self.derived(format!("{} joined", value.text().cloned().unwrap_or_default()), &[&value]);
        }
        let Data::List(list) = &value.data else {
            self.fault(items.at, Rule::Function, "must be a list".to_owned());
            return self.broken();
        };
        let mut joined = Text::default();
        for (index, item) in list.iter().enumerate() {
            if index > 0 {
                joined.push(delimiter);
            }
            match item.text() {
                Some(text) => joined.append(text),
                None => self.fault(item.at, Rule::Function, "must be text to be joined".to_owned()),
            }
        }
        Data::Text(joined)
    }

    fn select(&mut self, at: Place, index: &'a Node, items: &'a Node) -> Value {
        let list = self.value(items);
        let position = self.text(index);
        let Some(position) = position.literal().and_then(|text| text.parse::<usize>().ok()) else {
            self.fault(index.at, Rule::Function, "must be a number to select by".to_owned());
            return Value { at, data: self.broken() };
        };
        match &list.data {
            Data::List(items) => items.get(position).cloned().unwrap_or_else(|| {
                let count = items.len();
                self.fault(
                    at,
                    Rule::Function,
                    format!("selects item {position}, counted from 0, of a list of {count}"),
                );
                Value { at, data: self.broken() }
            }),
            Data::Text(text) if text.single().is_some() => {
                let description = format!("item {position} of {text}");
                Value { at, data: self.derived(description, &[&list]) }
            }
            Data::Absent | Data::Text(_) | Data::Map(_) => {
                self.fault(items.at, Rule::Function, "must be a list".to_owned());
                Value { at, data: self.broken() }
            }
        }
    }

    fn find_in_map(&mut self, at: Place, map: &'a Node, first: &'a Node, second: &'a Node) -> Data {
        let keys = [map, first, second].map(|key| self.text(key));
        let found = match keys.each_ref().map(Text::literal) {
            [Some(map), Some(first), Some(second)] => {
                self.definition.mappings.get(map).and_then(|map| map.get(first)?.get(second))
            }
            _ => None,
        };
        let of = |json: &Json| scalar(json).map(|text| Data::Text(Text::of(&text)));
        let data = match found {
            Some(Json::Array(items)) => {
                items.iter().map(|item| Some(Value { at, data: of(item)? })).collect::<Option<Vec<_>>>().map(Data::List)
            }
            Some(json) => of(json),
            None => None,
        };
        data.unwrap_or_else(|| {
            let [map, first, second] = keys;
            self.fault(at, Rule::Function, format!("looks for {first} and {second} in {map}, which does not have it"));
            self.broken()
        })
    }

    fn cidr(&mut self, at: Place, block: &'a Node, count: &'a Node, bits: Option<&'a Node>) -> Data {
        let block_text = self.text(block);
        let number = |text: Text| text.literal().and_then(|text| text.parse::<u8>().ok());
        let wanted = self.text(count);
        let Some(wanted) = number(wanted).filter(|wanted| *wanted > 0) else {
            self.fault(count.at, Rule::Function, "must be the number of blocks, 1 to 255".to_owned());
            return self.broken();
        };
        let bits = bits.map(|bits| self.text(bits));
        // Only IPv4 blocks that are known can be counted out.
        let known = block_text.literal().map(str::parse::<Ipv4Net>);
        let items: Vec<Data> = match (known, bits.map_or(Some(8), number)) {
            (_, None) => {
                self.fault(at, Rule::Function, "gives Fn::Cidr a size that is no number".to_owned());
                return self.broken();
            }
            (Some(Err(_)), _) if !block_text.to_string().contains(':') => {
                self.fault(block.at, Rule::Function, format!("is \"{block_text}\" and not a CIDR block"));
                return self.broken();
            }
            (Some(Ok(network)), Some(bits)) => {
                let blocks: Vec<Data> = 32_u8
                    .checked_sub(bits)
                    .and_then(|length| network.subnets(length).ok())
                    .into_iter()
                    .flatten()
                    .take(usize::from(wanted))
                    .map(|block| Data::Text(Text::of(&block.to_string())))
                    .collect();
                if blocks.len() < usize::from(wanted) {
                    let held = blocks.len();
                    self.fault(
                        at,
                        Rule::Function,
                        format!("takes {wanted} blocks out of {network}, which holds {held}"),
                    );
                    return self.broken();
                }
                blocks
            }
            (_, Some(_)) => {
                (0..wanted).map(|index| self.derived(format!("block {index} of {block_text}"), &[])).collect()
            }
        };
        Data::List(items.into_iter().map(|data| Value { at, data }).collect())
    }
}
