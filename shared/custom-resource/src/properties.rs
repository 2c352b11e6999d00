//! Typed properties out of what CloudFormation sends.
//!
//! CloudFormation sends every scalar as a string. Here `"true"` is a boolean where the type asks for one and `"60"` a number, in any field
//! of any depth; everything else is as strict as serde. An error names the property and what it should be, never what it was, because it
//! might be secret.
//!
//! Types behind `#[serde(untagged)]` and `#[serde(flatten)]` are buffered by serde before their fields are known: scalars in them stay strings.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess,
        Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

/// Reads properties of the type `P`.
///
/// # Errors
/// The first property that does not fit, by its path, such as `SubjectAlternativeNames[2]`.
pub fn from_value<P: DeserializeOwned>(value: Value) -> Result<P, PropertyError> {
    P::deserialize(Scalars(value))
}

/// A property that is missing, unknown or of the wrong form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyError {
    /// From the innermost outwards.
    path: Vec<Segment>,
    problem: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

impl PropertyError {
    fn new(problem: impl Into<String>) -> Self {
        Self { path: Vec::new(), problem: problem.into() }
    }

    fn within(mut self, segment: Segment) -> Self {
        self.path.push(segment);
        self
    }

    /// The path of the property, empty for the properties as a whole.
    #[must_use]
    pub fn property(&self) -> String {
        let mut text = String::new();
        for segment in self.path.iter().rev() {
            match segment {
                Segment::Key(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(key);
                }
                Segment::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

impl fmt::Display for PropertyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let property = self.property();
        if property.is_empty() {
            write!(f, "invalid resource properties: {}", self.problem)
        } else {
            write!(f, "invalid resource properties: {property}: {}", self.problem)
        }
    }
}

impl std::error::Error for PropertyError {}

impl de::Error for PropertyError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let kind = match unexpected {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Str(_) | Unexpected::Char(_) => "a string",
            Unexpected::Seq => "a list",
            Unexpected::Map => "a map",
            Unexpected::Unit | Unexpected::Option => "nothing",
            _ => "something else",
        };
        Self::new(format!("expected {expected}, got {kind}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown property; the properties are {}", expected.join(", ")))
            .within(Segment::Key(field.to_owned()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("a required property is missing").within(Segment::Key(field.to_owned()))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new("given twice").within(Segment::Key(field.to_owned()))
    }
}

/// A JSON value whose scalars take the form that is asked for.
struct Scalars(Value);

fn kind(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(_) => Unexpected::Float(0.0),
        Value::String(value) => Unexpected::Str(value),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty, $what:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PropertyError> {
            let text = match &self.0 {
                Value::String(text) => text.trim().to_owned(),
                Value::Number(number) => number.to_string(),
                other => return Err(de::Error::invalid_type(kind(other), &$what)),
            };
            match text.parse::<$type>() {
                Ok(number) => visitor.$visit(number),
                Err(_not_shown) => Err(PropertyError::new(concat!("expected ", $what))),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Scalars {
    type Error = PropertyError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PropertyError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (_, _, Some(number)) => visitor.visit_f64(number),
                _ => Err(PropertyError::new("expected a number in the usual range")),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter().enumerate())),
            Value::Object(map) => visitor.visit_map(Entries { entries: map.into_iter(), value: None }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PropertyError> {
        match &self.0 {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::String(text) if text.trim().eq_ignore_ascii_case("true") => visitor.visit_bool(true),
            Value::String(text) if text.trim().eq_ignore_ascii_case("false") => visitor.visit_bool(false),
            Value::String(_) => Err(PropertyError::new("expected true or false")),
            other => Err(de::Error::invalid_type(kind(other), &"true or false")),
        }
    }

    numbers! {
        deserialize_u8 visit_u8 u8, "a whole number from 0 to 255";
        deserialize_u16 visit_u16 u16, "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "a whole number, not negative";
        deserialize_u64 visit_u64 u64, "a whole number, not negative";
        deserialize_i8 visit_i8 i8, "a whole number from -128 to 127";
        deserialize_i16 visit_i16 i16, "a whole number from -32768 to 32767";
        deserialize_i32 visit_i32 i32, "a whole number";
        deserialize_i64 visit_i64 i64, "a whole number";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PropertyError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PropertyError> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            // Not from CloudFormation, but from a hand-written event.
            Value::Bool(value) => visitor.visit_string(value.to_string()),
            Value::Number(number) => visitor.visit_string(number.to_string()),
            other => Err(de::Error::invalid_type(kind(&other), &"a string")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PropertyError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PropertyError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PropertyError> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(Variant { name: variant, content: None }),
            Value::Object(map) if map.len() == 1 => match map.into_iter().next() {
                Some((name, content)) => visitor.visit_enum(Variant { name, content: Some(content) }),
                None => Err(PropertyError::new("expected a map with one key")),
            },
            other => Err(de::Error::invalid_type(kind(&other), &"a string")),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PropertyError> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter().enumerate())),
            other => Err(de::Error::invalid_type(kind(&other), &"a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PropertyError> {
        match self.0 {
            Value::Object(map) => visitor.visit_map(Entries { entries: map.into_iter(), value: None }),
            other => Err(de::Error::invalid_type(kind(&other), &"a map")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PropertyError> {
        self.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Items(std::iter::Enumerate<std::vec::IntoIter<Value>>);

impl<'de> SeqAccess<'de> for Items {
    type Error = PropertyError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, PropertyError> {
        match self.0.next() {
            None => Ok(None),
            Some((index, item)) => {
                seed.deserialize(Scalars(item)).map(Some).map_err(|error| error.within(Segment::Index(index)))
            }
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries {
    entries: serde_json::map::IntoIter,
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = PropertyError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, PropertyError> {
        match self.entries.next() {
            None => Ok(None),
            Some((key, value)) => {
                self.value = Some((key.clone(), value));
                seed.deserialize(Scalars(Value::String(key))).map(Some)
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, PropertyError> {
        match self.value.take() {
            None => Err(PropertyError::new("expected a value")),
            Some((key, value)) => seed.deserialize(Scalars(value)).map_err(|error| error.within(Segment::Key(key))),
        }
    }
}

struct Variant {
    name: String,
    content: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = PropertyError;
    type Variant = Content;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content), PropertyError> {
        Ok((seed.deserialize(Scalars(Value::String(self.name)))?, Content(self.content)))
    }
}

struct Content(Option<Value>);

impl<'de> VariantAccess<'de> for Content {
    type Error = PropertyError;

    fn unit_variant(self) -> Result<(), PropertyError> {
        match self.0 {
            None => Ok(()),
            Some(content) => Err(de::Error::invalid_type(kind(&content), &"a string")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, PropertyError> {
        seed.deserialize(Scalars(self.0.unwrap_or_default()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, PropertyError> {
        Scalars(self.0.unwrap_or_default()).deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PropertyError> {
        Scalars(self.0.unwrap_or_default()).deserialize_map(visitor)
    }
}

/// A string that no log and no debug output shows.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Secret)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Takes the properties that are for the protocol out of those that are for the resource: `ServiceToken` and `ServiceTimeout`.
pub(crate) fn take_protocol_properties(properties: &mut Map<String, Value>) -> Option<Value> {
    properties.remove("ServiceToken");
    properties.remove("ServiceTimeout")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Everything {
        name: String,
        #[serde(default)]
        enabled: bool,
        size: Option<u32>,
        #[serde(default)]
        ratio: f64,
        #[serde(default)]
        nested: Vec<Nested>,
        mode: Option<Mode>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Nested {
        on: bool,
        secret: Option<Secret>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    enum Mode {
        Fast,
        Slow,
    }

    fn problem(value: Value) -> String {
        from_value::<Everything>(value).unwrap_err().to_string()
    }

    #[test]
    fn strings_become_what_is_asked_for() {
        let read: Everything = from_value(json!({
            "Name": "0012", "Enabled": "TRUE", "Size": "60", "Ratio": "0.5", "Mode": "Fast",
            "Nested": [{"On": "false", "Secret": "x"}],
        }))
        .unwrap();
        assert_eq!(
            read,
            Everything {
                name: "0012".into(),
                enabled: true,
                size: Some(60),
                ratio: 0.5,
                nested: vec![Nested { on: false, secret: Some(Secret::new("x")) }],
                mode: Some(Mode::Fast),
            }
        );
        assert_ne!(read.mode, Some(Mode::Slow));
    }

    #[test]
    fn errors_name_the_property() {
        assert_eq!(problem(json!({})), "invalid resource properties: Name: a required property is missing");
        assert_eq!(
            problem(json!({"Name": "a", "Nested": [{"On": "true"}, {"On": "yes"}]})),
            "invalid resource properties: Nested[1].On: expected true or false"
        );
        assert_eq!(
            problem(json!({"Name": "a", "Size": "-1"})),
            "invalid resource properties: Size: expected a whole number, not negative"
        );
        assert_eq!(problem(json!({"Name": ["a"]})), "invalid resource properties: Name: expected a string, got a list");
        assert!(
            problem(json!({"Name": "a", "Naem": "b"}))
                .starts_with("invalid resource properties: Naem: unknown property; the properties are Name, Enabled")
        );
        assert_eq!(
            problem(json!({"Name": "a", "Mode": "Quick"})),
            "invalid resource properties: Mode: expected one of Fast, Slow"
        );
        assert_eq!(problem(json!([])), "invalid resource properties: expected a map, got a list");
    }

    #[test]
    fn a_secret_is_not_shown() {
        let nested: Nested = from_value(json!({"On": true, "Secret": "wJalrXUtnFEMI"})).unwrap();
        assert!(!format!("{nested:?}").contains("wJalr"));
        assert_eq!(nested.secret.unwrap().reveal(), "wJalrXUtnFEMI");
    }

    proptest! {
        #[test]
        fn no_error_shows_a_value(text in "[a-z0-9]{16,40}") {
            for value in [
                json!({"Name": [text.clone()]}),
                json!({"Name": "a", "Enabled": text.clone()}),
                json!({"Name": "a", "Size": text.clone()}),
                json!({"Name": "a", "Ratio": [text.clone()]}),
                json!({"Name": "a", "Mode": text.clone()}),
                json!({"Name": "a", "Nested": text.clone()}),
                json!({"Name": "a", "Nested": [{"On": text.clone()}]}),
            ] {
                let shown = problem(value);
                prop_assert!(!shown.contains(&text), "{}", shown);
            }
        }

        #[test]
        fn numbers_survive_being_strings(number: i64, flag: bool) {
            #[derive(Deserialize)]
            struct Pair { number: i64, flag: bool }
            let read: Pair = from_value(json!({"number": number.to_string(), "flag": flag.to_string()})).unwrap();
            prop_assert_eq!((read.number, read.flag), (number, flag));
        }
    }
}
