//! What is wrong with a template as it is written: declarations that nothing uses, and what is not said.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use super::Policy;
use crate::{
    definition::Definition,
    expression::{Call, Expression, Node, Used},
    fault::{Fault, Rule},
    template::pointer_to,
};

/// Types that hold what nobody wants to lose, or keep, by accident.
const HOLDING: [&str; 17] = [
    "AWS::CloudFormation::Stack",
    "AWS::Backup::BackupVault",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Volume",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::IAM::User",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
];

/// Those of them that may hold users' data: deleting the stack must not delete it without a reason.
const PRECIOUS: [&str; 6] = [
    "AWS::DynamoDB::Table",
    "AWS::EC2::Volume",
    "AWS::EFS::FileSystem",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::RDS::DBCluster",
    "AWS::S3::Bucket",
];

pub(super) fn check(definition: &Definition) -> Vec<Fault> {
    let mut faults = unused(definition);
    faults.extend(parameters(definition));
    faults.extend(interface(definition));
    faults.extend(retention(definition));
    for (name, output) in &definition.outputs {
        if output.description.as_deref().is_none_or(str::is_empty) {
            faults.push(definition.fault(output.at, Rule::Form, format!("does not say what {name} is")));
        }
    }
    faults
}

/// What a template refers to by name.
#[derive(Default)]
struct Uses<'a> {
    names: BTreeSet<&'a str>,
    conditions: BTreeSet<&'a str>,
    maps: BTreeSet<&'a str>,
}

impl<'a> Uses<'a> {
    fn of(definition: &'a Definition) -> Self {
        let mut uses = Self::default();
        for node in definition.nodes() {
            uses.note(node);
        }
        let resources = definition.resources.values().filter_map(|resource| resource.condition.as_deref());
        let outputs = definition.outputs.values().filter_map(|output| output.condition.as_deref());
        uses.conditions.extend(resources.chain(outputs));
        // What a used condition looks at is used too.
        let mut open: Vec<&str> = uses.conditions.iter().copied().collect();
        while let Some(name) = open.pop() {
            if let Some((_, logic)) = definition.conditions.get(name) {
                let mut others = Vec::new();
                logic.walk(&mut |node| uses.note_one(node), &mut |name| others.push(name));
                open.extend(others.into_iter().filter(|name| uses.conditions.insert(name)));
            }
        }
        uses
    }

    fn note(&mut self, node: &'a Node) {
        node.walk(&mut |node| self.note_one(node));
    }

    fn note_one(&mut self, node: &'a Node) {
        let Expression::Call(call) = &node.expression else { return };
        self.names.extend(call.used().into_iter().map(|(Used::Name(name) | Used::Attribute(name, _))| name));
        match call.as_ref() {
            Call::If { condition, .. } => {
                self.conditions.insert(condition);
            }
            Call::FindInMap { map, .. } => self.maps.extend(map.text()),
            _ => {}
        }
    }
}

fn unused(definition: &Definition) -> Vec<Fault> {
    let uses = Uses::of(definition);
    let parameters = definition.parameters.iter().filter(|(name, _)| !uses.names.contains(name.as_str()));
    let parameters =
        parameters.map(|(_, parameter)| (parameter.at, "is a parameter that no resource and no output depends on"));
    let conditions = definition.conditions.iter().filter(|(name, _)| !uses.conditions.contains(name.as_str()));
    let conditions = conditions.map(|(_, (at, _))| (*at, "is a condition that no resource and no output depends on"));
    let declared = parameters.chain(conditions);
    let mut faults: Vec<Fault> =
        declared.map(|(at, message)| definition.fault(at, Rule::Unused, message.to_owned())).collect();
    for name in definition.mappings.keys().filter(|name| !uses.maps.contains(name.as_str())) {
        faults.push(Fault {
            template: definition.path().to_owned(),
            pointer: pointer_to("/Mappings", name),
            rule: Rule::Unused,
            message: "is a map in which nothing looks".to_owned(),
        });
    }
    faults
}

fn parameters(definition: &Definition) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, parameter) in &definition.parameters {
        let mut fault = |rule, message| faults.push(definition.fault(parameter.at, rule, message));
        if parameter.description.as_deref().is_none_or(str::is_empty) {
            fault(Rule::Parameter, "is a parameter without a description".to_owned());
        }
        if parameter.pattern.is_some() && parameter.constraint.is_none() {
            fault(Rule::Parameter, "has a pattern and no ConstraintDescription to say what must be given".to_owned());
        }
        if let Some(refusal) = parameter.default.as_deref().and_then(|default| parameter.refusal(default)) {
            fault(Rule::Parameter, format!("refuses its own default: {refusal}"));
        }
        if parameter.secret && parameter.default.as_deref().is_some_and(|default| !default.is_empty()) {
            fault(Rule::Secret, "is a secret with a default, which everybody knows".to_owned());
        }
        let named_secret = ["Password", "Secret", "Token", "Passphrase"].iter().any(|end| name.ends_with(end));
        if named_secret && !parameter.secret {
            fault(Rule::Secret, "is a secret by its name, and not NoEcho".to_owned());
        }
    }
    faults
}

/// The console shows parameters in groups, by their labels.
fn interface(definition: &Definition) -> Vec<Fault> {
    let body = &definition.template().body;
    let pointer = "/Metadata/AWS::CloudFormation::Interface";
    let Some(interface) = body.pointer(pointer) else { return Vec::new() };
    let fault = |message| Fault {
        template: definition.path().to_owned(),
        pointer: pointer.to_owned(),
        rule: Rule::Interface,
        message,
    };
    let mut faults = Vec::new();
    let groups = interface["ParameterGroups"].as_array().into_iter().flatten();
    let mut grouped = BTreeSet::new();
    for name in groups.flat_map(|group| group["Parameters"].as_array().into_iter().flatten()).filter_map(Json::as_str) {
        if !grouped.insert(name) {
            faults.push(fault(format!("puts {name} into two groups")));
        }
        if !definition.parameters.contains_key(name) {
            faults.push(fault(format!("groups {name}, which is no parameter")));
        }
    }
    let labels = interface.get("ParameterLabels").and_then(Json::as_object);
    for name in definition.parameters.keys() {
        if !grouped.contains(name.as_str()) {
            faults.push(fault(format!("puts {name} into no group")));
        }
        if labels.is_some_and(|labels| !labels.contains_key(name)) {
            faults.push(fault(format!("has no label for {name}")));
        }
    }
    let unknown = labels.into_iter().flat_map(|labels| labels.keys());
    for name in unknown.filter(|name| !definition.parameters.contains_key(*name)) {
        faults.push(fault(format!("labels {name}, which is no parameter")));
    }
    faults
}

/// What a template does not give to the templates nested in it, though they ask for it; and what is allowed so needlessly.
pub(super) fn not_given(
    definition: &Definition,
    definitions: &BTreeMap<PathBuf, Definition>,
    policy: &Policy<'_>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for declared in definition.resources.values() {
        let nested = declared.nested.as_deref().and_then(|path| definitions.get(path));
        let Some(nested) = nested else { continue };
        let given = declared.inputs();
        for (name, parameter) in nested.parameters.iter().filter(|(name, _)| !given.contains_key(name.as_str())) {
            // What has no default is missed when the nested stack is evaluated.
            let is_allowed = policy.not_given.iter().any(|(path, of)| nested.path() == Path::new(path) && of == name);
            if parameter.default.is_some() && !is_allowed {
                let file = nested.path().display();
                let message = format!("is not given {name}, which {file} asks for and would have its default");
                faults.push(definition.fault(declared.at, Rule::Input, message));
            }
        }
    }
    for (_, name) in policy.not_given.iter().filter(|(path, _)| definition.path() == Path::new(path)) {
        let mut parents = definitions.values().flat_map(|parent| parent.resources.values());
        let is_omitted = parents.any(|declared| {
            declared.nested.as_deref() == Some(definition.path()) && !declared.inputs().contains_key(name)
        });
        if !is_omitted || !definition.parameters.contains_key(*name) {
            faults.push(Fault {
                template: definition.path().to_owned(),
                pointer: pointer_to("/Parameters", name),
                rule: Rule::Input,
                message: "is said to be given by nobody on purpose, and is given, or is no parameter".to_owned(),
            });
        }
    }
    faults
}

fn retention(definition: &Definition) -> Vec<Fault> {
    let mut faults = Vec::new();
    for declared in definition.resources.values() {
        let type_name = declared.type_name.as_str();
        let is_custom = type_name.starts_with("Custom::") || type_name == "AWS::CloudFormation::CustomResource";
        let policies =
            [("DeletionPolicy", &declared.deletion_policy), ("UpdateReplacePolicy", &declared.update_replace_policy)];
        for (name, policy) in policies {
            match policy.as_deref() {
                None if is_custom || HOLDING.contains(&type_name) => {
                    faults.push(definition.fault(
                        declared.at,
                        Rule::Retention,
                        format!("holds something and has no {name}"),
                    ));
                }
                Some("Delete") if PRECIOUS.contains(&type_name) => {
                    let pointer = pointer_to(definition.pointer(declared.at), name);
                    if !definition.template().is_explained(&pointer) {
                        let message =
                            format!("may hold users' data, has the {name} Delete, and no comment above that says why");
                        faults.push(definition.fault(declared.at, Rule::Retention, message));
                    }
                }
                _ => {}
            }
        }
    }
    faults
}
