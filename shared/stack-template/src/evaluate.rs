//! Evaluates a stack, and the stacks nested in it, as CloudFormation does, as far as it can be known before a deployment.

mod function;
mod logic;
mod nested;
mod stack;

pub(crate) use logic::UNSET;
pub use stack::{Output, Resource, Stack};

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    rc::Rc,
};

use crate::{
    definition::{Declared, Definition, Place, STACK},
    expression::Node,
    fault::{Fault, Rule},
    parameter::{Kind, Parameter},
    value::{Data, Origin, Runtime, Text, Value},
};

/// Where a stack is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its name, such as eu-central-1.
    pub name: String,
    /// The partition, such as aws.
    pub partition: String,
    /// The end of its host names, such as amazonaws.com.
    pub url_suffix: String,
    /// Its availability zones.
    pub zones: Vec<String>,
}

impl Region {
    /// A region with as many zones as `zones` has letters.
    #[must_use]
    pub fn new(name: &str, partition: &str, url_suffix: &str, zones: &str) -> Self {
        Self {
            name: name.to_owned(),
            partition: partition.to_owned(),
            url_suffix: url_suffix.to_owned(),
            zones: zones.chars().map(|letter| format!("{name}{letter}")).collect(),
        }
    }
}

/// The account that stacks are evaluated in, of twelve digits as every one is.
const ACCOUNT: &str = "111122223333";

/// Templates, a region and what other stacks export: all that a deployment meets.
#[derive(Debug)]
pub struct World<'a> {
    definitions: &'a BTreeMap<PathBuf, Definition>,
    region: &'a Region,
    exports: &'a BTreeSet<String>,
    attributes_that_are_secret: &'a [(&'a str, &'a str)],
    /// Nested stacks that were evaluated before.
    known: RefCell<HashMap<Call, Rc<Stack<'a>>>>,
    /// What parameters were asked before: the same in every combination.
    refusals: RefCell<Refusals<'a>>,
}

/// Why a parameter, by its template and name, refuses values, if it does.
type Refusals<'a> = HashMap<(&'a Path, &'a str), BTreeMap<String, Option<String>>>;

/// A template, the path of the stack made of it, and what it is given.
type Call = (PathBuf, String, BTreeMap<String, Text>);

impl<'a> World<'a> {
    /// A world in which nothing was evaluated yet. `secret` are types of resources and their attributes that hold secrets.
    #[must_use]
    pub fn new(
        definitions: &'a BTreeMap<PathBuf, Definition>,
        region: &'a Region,
        exports: &'a BTreeSet<String>,
        secret: &'a [(&'a str, &'a str)],
    ) -> Self {
        Self {
            definitions,
            region,
            exports,
            attributes_that_are_secret: secret,
            known: RefCell::default(),
            refusals: RefCell::default(),
        }
    }

    /// Evaluates the template at `path` as a stack of its own; `None` if there is no such template.
    #[must_use]
    pub fn evaluate(&self, path: &Path, parameters: &BTreeMap<String, String>) -> Option<Stack<'a>> {
        let definition = self.definitions.get(path)?;
        let inputs = parameters.iter().map(|(name, value)| (name.clone(), Text::of(value))).collect();
        Some(Evaluation::new(self, definition, String::new()).stack(&inputs))
    }
}

/// A stack that is being evaluated.
struct Evaluation<'w, 'a> {
    world: &'w World<'a>,
    definition: &'a Definition,
    path: String,
    parameters: BTreeMap<&'a str, Data>,
    /// Those that are being evaluated have no value yet.
    conditions: BTreeMap<&'a str, Option<bool>>,
    /// Those that are being evaluated have no stack yet.
    nested: BTreeMap<&'a str, Option<Rc<Stack<'a>>>>,
    /// Whether a condition or a rule is being evaluated, in which there are no resources.
    is_deciding: bool,
    faults: Vec<Fault>,
}

impl<'w, 'a> Evaluation<'w, 'a> {
    fn new(world: &'w World<'a>, definition: &'a Definition, path: String) -> Self {
        Self {
            world,
            definition,
            path,
            parameters: BTreeMap::new(),
            conditions: BTreeMap::new(),
            nested: BTreeMap::new(),
            is_deciding: false,
            faults: Vec::new(),
        }
    }

    fn stack(mut self, inputs: &BTreeMap<String, Text>) -> Stack<'a> {
        let definition = self.definition;
        let mut refusals = Vec::new();
        for (name, parameter) in &definition.parameters {
            let given = inputs.get(name).cloned().or_else(|| parameter.default.as_deref().map(Text::of));
            let text = given.unwrap_or_else(|| {
                refusals.push((name.as_str(), "has no default and is not given".to_owned()));
                Text::default()
            });
            if let Some(refusal) = text.literal().and_then(|text| self.refusal(name, parameter, text)) {
                refusals.push((name, refusal));
            }
            self.parameters.insert(name, self.parameter(name, parameter, text));
        }
        for (name, rule) in &definition.rules {
            for broken in self.violated(rule) {
                let why = broken.trim_end_matches('.');
                refusals.push((name, if why.is_empty() { "does not hold" } else { why }.to_owned()));
            }
        }
        for (name, (at, _)) in &definition.conditions {
            self.condition(*at, name);
        }
        let mut resources = BTreeMap::new();
        for (name, declared) in &definition.resources {
            if self.exists(declared) {
                let nested = if declared.type_name == STACK { self.nested(declared.at, name) } else { None };
                resources.insert(name.as_str(), self.resource(declared, nested));
            }
        }
        let mut outputs = BTreeMap::new();
        for (name, given) in &definition.outputs {
            if given.condition.as_ref().is_none_or(|condition| self.condition(given.at, condition)) {
                let export = given.export.as_ref().map(|name| self.value(name));
                let value = self.value(&given.value);
                if !matches!(value.data, Data::Text(_)) {
                    self.fault(given.value.at, Rule::Function, "is an output and not text".to_owned());
                }
                outputs.insert(name.as_str(), Output { value, export });
            }
        }
        let conditions = self.conditions.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect();
        Stack {
            definition,
            path: self.path,
            parameters: self.parameters,
            conditions,
            resources,
            outputs,
            faults: self.faults,
            refusals,
        }
    }

    /// Why a parameter refuses a value.
    fn refusal(&self, name: &'a str, parameter: &Parameter, value: &str) -> Option<String> {
        let mut refusals = self.world.refusals.borrow_mut();
        let of_parameter = refusals.entry((self.definition.path(), name)).or_default();
        if let Some(known) = of_parameter.get(value) {
            return known.clone();
        }
        let refusal = parameter.refusal(value);
        of_parameter.insert(value.to_owned(), refusal.clone());
        refusal
    }

    /// The value that a parameter has in this stack.
    fn parameter(&self, name: &str, parameter: &Parameter, given: Text) -> Data {
        let unknown = |secret| {
            let origin = Origin::Parameter(name.to_owned());
            Text::runtime(Runtime { stack: self.path.clone(), origin, secret })
        };
        // An empty value is known to be empty, secret or not.
        if parameter.secret && given.literal() != Some("") {
            return Data::Text(unknown(true));
        }
        match parameter.kind {
            Kind::Looked => Data::Text(unknown(false)),
            Kind::Text | Kind::Number => Data::Text(given),
            Kind::List | Kind::Numbers => {
                let items = given.split(",").unwrap_or_default().into_iter();
                Data::List(items.map(|item| Value { at: parameter.at, data: Data::Text(item.trimmed()) }).collect())
            }
        }
    }

    fn resource(&mut self, declared: &'a Declared, nested: Option<Rc<Stack<'a>>>) -> Resource<'a> {
        let attributes = declared.attributes.iter().map(|(name, node)| (name.as_str(), self.value(node))).collect();
        Resource { declared, attributes, nested }
    }

    /// Whether a resource exists in this stack.
    fn exists(&mut self, declared: &'a Declared) -> bool {
        declared.condition.as_ref().is_none_or(|condition| self.condition(declared.at, condition))
    }

    fn fault(&mut self, at: Place, rule: Rule, message: String) {
        let fault = self.definition.fault(at, rule, message);
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Something of this stack that only a deployment knows.
    fn unknown(&self, origin: Origin, secret: bool) -> Data {
        Data::Text(Text::runtime(Runtime { stack: self.path.clone(), origin, secret }))
    }

    /// What could not be evaluated; the fault is noted.
    fn broken(&self) -> Data {
        self.unknown(Origin::Broken, false)
    }

    /// Something made of `sources`, which only a deployment knows.
    fn derived(&self, description: String, sources: &[&Value]) -> Data {
        let mut secret = false;
        for source in sources {
            source.walk(&mut |_, value| secret |= value.text().is_some_and(|text| text.secret().is_some()));
        }
        self.unknown(Origin::Derived(description), secret)
    }

    /// What `node` comes to as text; what is not text is a fault.
    fn text(&mut self, node: &'a Node) -> Text {
        match self.value(node).data {
            Data::Text(text) => text,
            Data::Absent | Data::List(_) | Data::Map(_) => {
                self.fault(node.at, Rule::Function, "must be text".to_owned());
                Text::runtime(Runtime { stack: self.path.clone(), origin: Origin::Broken, secret: false })
            }
        }
    }
}
