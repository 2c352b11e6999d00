//! What an expression comes to: text, parts of which only a deployment knows, and lists and maps of it.

use std::{collections::BTreeMap, fmt, rc::Rc};

use crate::definition::Place;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Where the expression stands that came to this value.
    pub at: Place,
    /// The value.
    pub data: Data,
}

/// A value. Numbers and booleans are text, as CloudFormation compares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// `AWS::NoValue`: what would have it is not there.
    Absent,
    /// Text.
    Text(Text),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&Text> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text, if it is one and known before a deployment.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        self.text()?.literal()
    }

    /// The value under `key`, if it is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        match &self.data {
            Data::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The items of a list; another value is a list of itself.
    pub fn items(&self) -> impl Iterator<Item = &Value> {
        match &self.data {
            Data::List(items) => items.as_slice(),
            _ => std::slice::from_ref(self),
        }
        .iter()
    }

    /// The value and all values in it, each with the key of the map that it stands in.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(Option<&'a str>, &'a Value)) {
        self.walk_under(None, visit);
    }

    fn walk_under<'a>(&'a self, key: Option<&'a str>, visit: &mut impl FnMut(Option<&'a str>, &'a Value)) {
        visit(key, self);
        match &self.data {
            Data::List(items) => items.iter().for_each(|item| item.walk_under(key, visit)),
            Data::Map(entries) => entries.iter().for_each(|(key, value)| value.walk_under(Some(key), visit)),
            Data::Absent | Data::Text(_) => {}
        }
    }
}

/// Text, parts of which only a deployment knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(Vec<Piece>);

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Piece {
    /// What the template or a parameter says.
    Literal(String),
    /// What only a deployment knows.
    Runtime(Rc<Runtime>),
}

/// Something that only a deployment knows. It equals nothing but itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Runtime {
    /// The stack that it is of, as the logical ids that lead to it, joined by slashes; empty for the root.
    pub stack: String,
    /// What it is.
    pub origin: Origin,
    /// Whether nobody may read it.
    pub secret: bool,
}

/// What a part of a text that only a deployment knows is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// What `Ref` gives for a resource, or `Fn::GetAtt` if there is an attribute.
    Resource {
        /// The resource.
        logical_id: String,
        /// The attribute.
        attribute: Option<String>,
    },
    /// A pseudo parameter that differs from stack to stack.
    Pseudo(String),
    /// A parameter whose value is secret or is looked up by CloudFormation.
    Parameter(String),
    /// What another stack exports.
    Import(String),
    /// Something made of the above.
    Derived(String),
    /// What could not be evaluated; the fault is noted.
    Broken,
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.stack.is_empty() {
            write!(f, "{}/", self.stack)?;
        }
        match &self.origin {
            Origin::Resource { logical_id, attribute: None } => write!(f, "{logical_id}"),
            Origin::Resource { logical_id, attribute: Some(attribute) } => write!(f, "{logical_id}.{attribute}"),
            Origin::Pseudo(name) | Origin::Parameter(name) => write!(f, "{name}"),
            Origin::Import(name) => write!(f, "the import of {name}"),
            Origin::Derived(description) => write!(f, "{description}"),
            Origin::Broken => f.write_str("what cannot be evaluated"),
        }
    }
}

impl Text {
    /// Text that is known.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut made = Self::default();
        made.push(text);
        made
    }

    /// Text that only a deployment knows.
    #[must_use]
    pub fn runtime(runtime: Runtime) -> Self {
        Self(vec![Piece::Runtime(Rc::new(runtime))])
    }

    /// Appends known text.
    pub fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Literal(last)) => last.push_str(text),
            _ => self.0.push(Piece::Literal(text.to_owned())),
        }
    }

    /// Appends other text.
    pub fn append(&mut self, other: &Self) {
        for piece in &other.0 {
            match piece {
                Piece::Literal(text) => self.push(text),
                Piece::Runtime(runtime) => self.0.push(Piece::Runtime(Rc::clone(runtime))),
            }
        }
    }

    /// The whole text, if it is known.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The one thing that it consists of, if only a deployment knows it.
    #[must_use]
    pub fn single(&self) -> Option<&Runtime> {
        match self.0.as_slice() {
            [Piece::Runtime(runtime)] => Some(runtime),
            _ => None,
        }
    }

    /// The resource whose `Ref` it is: the stack's path and the logical id.
    #[must_use]
    pub fn resource(&self) -> Option<(&str, &str)> {
        match self.single() {
            Some(Runtime { stack, origin: Origin::Resource { logical_id, attribute: None }, .. }) => {
                Some((stack, logical_id))
            }
            _ => None,
        }
    }

    /// Its parts; no two that follow one another are known.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.0.iter()
    }

    /// What in it only a deployment knows.
    pub fn runtimes(&self) -> impl Iterator<Item = &Runtime> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Runtime(runtime) => Some(runtime.as_ref()),
            Piece::Literal(_) => None,
        })
    }

    /// The parts that are known.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Literal(text) => Some(text.as_str()),
            Piece::Runtime(_) => None,
        })
    }

    /// The secret in it, described: a secret parameter or attribute, or a reference that CloudFormation replaces by a secret.
    #[must_use]
    pub fn secret(&self) -> Option<String> {
        let runtime = self.runtimes().find(|runtime| runtime.secret).map(ToString::to_string);
        let resolved = ["{{resolve:secretsmanager:", "{{resolve:ssm-secure:"];
        let mut literals = self.literals();
        runtime.or_else(|| {
            let start = literals.find_map(|text| resolved.iter().find(|start| text.contains(**start)))?;
            Some(format!("what {start}...}}}} becomes"))
        })
    }

    /// The parts between `delimiter`; `None` if what only a deployment knows might hold the delimiter.
    ///
    /// That is taken to hold no comma: ids, ARNs and names have none.
    #[must_use]
    pub fn split(&self, delimiter: &str) -> Option<Vec<Self>> {
        if delimiter.is_empty() || (delimiter != "," && self.runtimes().next().is_some()) {
            return None;
        }
        let mut parts = vec![Self::default()];
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => {
                    for (index, part) in text.split(delimiter).enumerate() {
                        if index > 0 {
                            parts.push(Self::default());
                        }
                        if let Some(last) = parts.last_mut() {
                            last.push(part);
                        }
                    }
                }
                Piece::Runtime(runtime) => {
                    if let Some(last) = parts.last_mut() {
                        last.0.push(Piece::Runtime(Rc::clone(runtime)));
                    }
                }
            }
        }
        Some(parts)
    }

    /// Without spaces around it.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        if let Some(Piece::Literal(first)) = self.0.first_mut() {
            *first = first.trim_start().to_owned();
        }
        if let Some(Piece::Literal(last)) = self.0.last_mut() {
            *last = last.trim_end().to_owned();
        }
        self.0.retain(|piece| !matches!(piece, Piece::Literal(text) if text.is_empty()));
        self
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(text),
            Piece::Runtime(runtime) => write!(f, "<{runtime}>"),
        })
    }
}
