//! The templates without their conditions, for linters that look past whatever stands behind one.
//!
//! Written to target/tmp/rendered: of each template but the root as many stacks as it takes to have every resource and both sides of every condition.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value as Json};
use stack_template::{
    combination::{Axis, Deployment},
    definition::Definition,
    evaluate::{Stack, World},
    value::{Data, Value},
};

use crate::{definitions, deployments};

/// The parameters of stacks that may differ: the defaults, every alternative alone, and then every two together.
fn alternatives(deployment: &Deployment, definition: &Definition) -> impl Iterator<Item = BTreeMap<String, String>> {
    let allowed = definition.parameters().iter().map(|(name, parameter)| {
        let values: Vec<&str> = parameter.allowed.iter().map(String::as_str).collect();
        Axis::of(name, &values)
    });
    let axes = deployment.axes.iter().cloned().chain(allowed);
    let changes: Vec<_> = axes.flat_map(|axis| axis.alternatives).map(|alternative| alternative.values).collect();
    let defaults = deployment.given.clone();
    let singles: Vec<_> = std::iter::once(BTreeMap::new()).chain(changes.iter().cloned()).collect();
    let pairs = singles.clone().into_iter().flat_map(move |first| {
        let with = move |second: &BTreeMap<_, _>| first.clone().into_iter().chain(second.clone()).collect();
        changes.iter().map(with).collect::<Vec<BTreeMap<_, _>>>()
    });
    singles.into_iter().chain(pairs).map(move |changes| defaults.clone().into_iter().chain(changes).collect())
}

/// What has to be seen of a template: its resources, and its conditions with what they come to.
fn seen(stack: &Stack<'_>) -> BTreeSet<String> {
    let resources = stack.resources.keys().map(|logical_id| (*logical_id).to_owned());
    resources.chain(stack.conditions.iter().map(|(name, value)| format!("{name} is {value}"))).collect()
}

/// The template of a stack as if it had been written for this stack alone.
fn rendered(stack: &Stack<'_>) -> Json {
    let mut body = stack.definition.template().body.clone();
    let sections = body.as_object_mut().expect("a template");
    sections.remove("Conditions");
    sections.remove("Rules");
    let exists = |section: &str, name: &str| match section {
        "Resources" => stack.resources.contains_key(name),
        _ => stack.outputs.contains_key(name),
    };
    for section in ["Resources", "Outputs"] {
        let Some(entries) = sections.get_mut(section).and_then(Json::as_object_mut) else { continue };
        entries.retain(|name, _| exists(section, name));
        for entry in entries.values_mut().filter_map(Json::as_object_mut) {
            entry.remove("Condition");
            // CloudFormation does not wait for what is not made.
            if let Some(Json::Array(others)) = entry.get_mut("DependsOn") {
                others.retain(|other| other.as_str().is_some_and(|other| exists("Resources", other)));
            }
            if entry.get("DependsOn").and_then(Json::as_str).is_some_and(|other| !exists("Resources", other)) {
                entry.remove("DependsOn");
            }
        }
    }
    for (name, parameter) in sections.get_mut("Parameters").and_then(Json::as_object_mut).into_iter().flatten() {
        if let Some(given) = literal(&stack.parameters[name.as_str()]) {
            // A number stays one.
            let allowed = parameter["AllowedValues"].as_array().into_iter().flatten().chain([&parameter["Default"]]);
            let same = allowed.filter(|value| !value.is_string()).find(|value| value.to_string() == given);
            parameter["Default"] = same.cloned().unwrap_or(Json::String(given));
        }
    }
    decided(&body, stack).expect("a template")
}

/// What a parameter is, if it can be known.
fn literal(data: &Data) -> Option<String> {
    match data {
        Data::Text(text) => text.literal().map(str::to_owned),
        Data::List(items) => Some(items.iter().map(Value::literal).collect::<Option<Vec<_>>>()?.join(",")),
        Data::Absent | Data::Map(_) => None,
    }
}

/// With the side of every `Fn::If` that is taken; `None` for what then is not there.
fn decided(json: &Json, stack: &Stack<'_>) -> Option<Json> {
    match json {
        Json::Array(items) => Some(items.iter().filter_map(|item| decided(item, stack)).collect()),
        Json::Object(entries) => {
            if let Some(Json::Array(parts)) = entries.get("Fn::If") {
                let [Json::String(condition), taken, otherwise] = parts.as_slice() else { panic!("{json}") };
                return decided(if stack.conditions[condition.as_str()] { taken } else { otherwise }, stack);
            }
            if entries.get("Ref").is_some_and(|name| name == "AWS::NoValue") {
                return None;
            }
            let entries = entries.iter().filter_map(|(key, value)| Some((key.clone(), decided(value, stack)?)));
            Some(Json::Object(entries.collect::<Map<_, _>>()))
        }
        other => Some(other.clone()),
    }
}

/// Shows `see` as many stacks of each template as it takes to have every resource and both sides of every condition, and gives what no
/// two choices lead to.
pub(crate) fn each_side(
    definitions: &BTreeMap<PathBuf, Definition>,
    mut see: impl FnMut(&Path, &Stack<'_>),
) -> Vec<String> {
    let exports = BTreeSet::from(["bbb-sources-BBBStackBucket".to_owned()]);
    let mut missing = Vec::new();
    for deployment in deployments::all(definitions) {
        let definition = &definitions[&deployment.template];
        let body = &definition.template().body;
        let mut wanted: BTreeSet<String> = body["Resources"].as_object().expect("resources").keys().cloned().collect();
        for condition in body["Conditions"].as_object().into_iter().flat_map(Map::keys) {
            wanted.extend([format!("{condition} is true"), format!("{condition} is false")]);
        }
        for region in &deployment.regions {
            let world = World::new(definitions, region, &exports, &[]);
            for parameters in alternatives(&deployment, definition) {
                if wanted.is_empty() {
                    break;
                }
                let stack = world.evaluate(&deployment.template, &parameters).expect("the template");
                let seen = seen(&stack);
                if stack.refusals.is_empty() && !wanted.is_disjoint(&seen) {
                    wanted.retain(|one| !seen.contains(one));
                    see(&deployment.template, &stack);
                }
            }
        }
        missing.extend(wanted.into_iter().map(|one| format!("{}: {one}", deployment.template.display())));
    }
    missing
}

#[test]
fn every_resource_and_both_sides_of_every_condition_are_written_for_the_linters() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rendered");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("removed");
    }
    fs::create_dir_all(&folder).expect("a folder");
    let mut written = 0;
    let missing = each_side(&definitions(), |template, stack| {
        // It has nested stacks alone, of which linters have nothing to say.
        if template == Path::new("template.yaml") {
            return;
        }
        let name = template.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        let text = serde_json::to_string_pretty(&rendered(stack)).expect("JSON");
        fs::write(folder.join(format!("{name}-{written:03}.json")), text).expect("written");
        written += 1;
    });
    println!("{written} stacks in {}", folder.display());
    assert!(missing.is_empty(), "no linter sees, because no two choices lead there:\n{}", missing.join("\n"));
}
