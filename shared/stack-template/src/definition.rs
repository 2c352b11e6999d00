//! What a template defines, read once, so that it can be evaluated many times.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use crate::{
    expression::{Node, Section},
    fault::{Fault, Rule},
    logic::{Assertions, Logic, entries},
    parameter::Parameter,
    template::{Location, Template, pointer_to},
};

/// A place in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place(usize);

/// What a template defines.
#[derive(Debug)]
pub struct Definition {
    template: Template,
    pub(crate) parameters: BTreeMap<String, Parameter>,
    pub(crate) mappings: BTreeMap<String, Json>,
    pub(crate) rules: BTreeMap<String, Assertions>,
    pub(crate) conditions: BTreeMap<String, (Place, Logic)>,
    pub(crate) resources: BTreeMap<String, Declared>,
    pub(crate) outputs: BTreeMap<String, Given>,
    pub(crate) faults: Vec<Fault>,
    /// The pointers of all places.
    places: Vec<String>,
}

/// A resource as it is declared.
#[derive(Debug)]
pub struct Declared {
    pub(crate) at: Place,
    /// Its type.
    pub type_name: String,
    pub(crate) condition: Option<String>,
    pub(crate) depends_on: Vec<String>,
    /// What becomes of it when its stack is deleted.
    pub deletion_policy: Option<String>,
    /// What becomes of it when it is replaced.
    pub update_replace_policy: Option<String>,
    /// `Properties`, `Metadata`, `CreationPolicy` and `UpdatePolicy`.
    pub(crate) attributes: BTreeMap<String, Node>,
    /// The template of a nested stack, if it is named by a relative path.
    pub(crate) nested: Option<PathBuf>,
}

/// An output as it is declared.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) at: Place,
    pub(crate) condition: Option<String>,
    pub(crate) value: Node,
    pub(crate) export: Option<Node>,
    pub(crate) description: Option<String>,
}

/// The type of nested stacks.
pub(crate) const STACK: &str = "AWS::CloudFormation::Stack";

/// Collects places and faults while a template is read.
pub(crate) struct Reader<'a> {
    path: &'a Path,
    places: Vec<String>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    pub(crate) fn place(&mut self, pointer: &str) -> Place {
        self.places.push(pointer.to_owned());
        Place(self.places.len() - 1)
    }

    pub(crate) fn fault(&mut self, at: Place, rule: Rule, message: String) {
        let pointer = self.places[at.0].clone();
        self.faults.push(Fault { template: self.path.to_owned(), pointer, rule, message });
    }
}

impl Definition {
    /// Reads what `template` defines. What is wrong with it is noted, and the rest is read all the same.
    #[must_use]
    pub fn new(template: Template) -> Self {
        let path = template.path().to_owned();
        let mut reader = Reader { path: &path, places: vec![String::new()], faults: Vec::new() };
        let body = &template.body;
        const SECTIONS: [&str; 9] = [
            "AWSTemplateFormatVersion",
            "Description",
            "Metadata",
            "Parameters",
            "Mappings",
            "Rules",
            "Conditions",
            "Resources",
            "Outputs",
        ];
        for section in body.as_object().into_iter().flat_map(serde_json::Map::keys) {
            if !SECTIONS.contains(&section.as_str()) {
                let at = reader.place(&pointer_to("", section));
                reader.fault(at, Rule::Form, "is not a section of a plain template".to_owned());
            }
        }
        let parameters = entries(body, "Parameters", |json, at| Parameter::read(&mut reader, json, &at));
        let mappings = entries(body, "Mappings", |json, _| json.clone());
        let rules = entries(body, "Rules", |json, at| Assertions::read(&mut reader, json, &at));
        let conditions = entries(body, "Conditions", |json, at| {
            (reader.place(&at), Logic::read(&mut reader, json, &at, Section::Conditions))
        });
        let resources = entries(body, "Resources", |json, at| Declared::read(&mut reader, json, &at));
        let outputs = entries(body, "Outputs", |json, at| Given::read(&mut reader, json, &at));
        if resources.is_empty() {
            reader.fault(Place(0), Rule::Form, "declares no resources".to_owned());
        }
        let Reader { places, faults, .. } = reader;
        Self { template, parameters, mappings, rules, conditions, resources, outputs, faults, places }
    }

    /// The template.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.template.path()
    }

    /// The declared parameters.
    #[must_use]
    pub fn parameters(&self) -> &BTreeMap<String, Parameter> {
        &self.parameters
    }

    /// The place as a JSON pointer.
    #[must_use]
    pub fn pointer(&self, at: Place) -> &str {
        self.places.get(at.0).map_or("", String::as_str)
    }

    /// The place in the file.
    #[must_use]
    pub fn locate(&self, at: Place) -> Location {
        self.template.locate(self.pointer(at))
    }

    /// A fault in this template.
    #[must_use]
    pub fn fault(&self, at: Place, rule: Rule, message: String) -> Fault {
        Fault { template: self.path().to_owned(), pointer: self.pointer(at).to_owned(), rule, message }
    }

    /// All expressions of resources and outputs.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        let resources = self.resources.values().flat_map(|resource| resource.attributes.values());
        let outputs = self.outputs.values().flat_map(|output| std::iter::once(&output.value).chain(&output.export));
        resources.chain(outputs)
    }

    /// The templates of its nested stacks.
    pub(crate) fn nested(&self) -> BTreeSet<&Path> {
        self.resources.values().filter_map(|resource| resource.nested.as_deref()).collect()
    }
}

impl Declared {
    fn read(reader: &mut Reader<'_>, json: &Json, pointer: &str) -> Self {
        let at = reader.place(pointer);
        let mut text = |key: &str| match json.get(key) {
            None => None,
            Some(Json::String(text)) => Some(text.clone()),
            Some(_) => {
                reader.fault(at, Rule::Form, format!("has a {key} that is not text"));
                None
            }
        };
        let type_name = text("Type");
        let condition = text("Condition");
        let deletion_policy = text("DeletionPolicy");
        let update_replace_policy = text("UpdateReplacePolicy");
        if type_name.is_none() {
            reader.fault(at, Rule::Form, "has no type".to_owned());
        }
        let depends_on = match json.get("DependsOn") {
            None => Vec::new(),
            Some(Json::String(name)) => vec![name.clone()],
            Some(names) => {
                let read = names.as_array().into_iter().flatten().map(|name| name.as_str().map(str::to_owned));
                read.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty()).unwrap_or_else(|| {
                    reader.fault(
                        at,
                        Rule::Form,
                        "has a DependsOn that is neither a name nor a list of them".to_owned(),
                    );
                    Vec::new()
                })
            }
        };
        let attributes: BTreeMap<String, Node> = ["Properties", "Metadata", "CreationPolicy", "UpdatePolicy"]
            .into_iter()
            .filter_map(|name| {
                let json = json.get(name)?;
                Some((name.to_owned(), Node::read(reader, json, &pointer_to(pointer, name), Section::Body)))
            })
            .collect();
        let type_name = type_name.unwrap_or_default();
        let nested = (type_name == STACK)
            .then(|| {
                let url = attributes.get("Properties")?.get("TemplateURL")?;
                let folder = reader.path.parent().unwrap_or(Path::new(""));
                url.text().filter(|path| !path.contains("://")).map(|path| normalised(&folder.join(path)))
            })
            .flatten();
        if type_name == STACK && nested.is_none() {
            reader.fault(at, Rule::Form, "is a nested stack without a relative path to its template".to_owned());
        }
        Self { at, type_name, condition, depends_on, deletion_policy, update_replace_policy, attributes, nested }
    }

    /// The expression of a property.
    pub(crate) fn property(&self, name: &str) -> Option<&Node> {
        self.attributes.get("Properties")?.get(name)
    }

    /// What a nested stack is given.
    pub(crate) fn inputs(&self) -> BTreeMap<&str, &Node> {
        let Some(Node { expression: crate::expression::Expression::Map(entries), .. }) = self.property("Parameters")
        else {
            return BTreeMap::new();
        };
        entries.iter().map(|(name, node)| (name.as_str(), node)).collect()
    }
}

impl Given {
    fn read(reader: &mut Reader<'_>, json: &Json, pointer: &str) -> Self {
        let at = reader.place(pointer);
        let empty = Json::from("");
        let value = json.get("Value").unwrap_or_else(|| {
            reader.fault(at, Rule::Form, "has no value".to_owned());
            &empty
        });
        Self {
            at,
            condition: json["Condition"].as_str().map(str::to_owned),
            value: Node::read(reader, value, &pointer_to(pointer, "Value"), Section::Body),
            export: json.get("Export").and_then(|export| export.get("Name")).map(|name| {
                Node::read(reader, name, &pointer_to(&pointer_to(pointer, "Export"), "Name"), Section::Body)
            }),
            description: json["Description"].as_str().map(str::to_owned),
        }
    }
}

/// `path` without `.`, and without `..` where a name precedes it.
fn normalised(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            std::path::Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            part => plain.push(part),
        }
        plain
    })
}
