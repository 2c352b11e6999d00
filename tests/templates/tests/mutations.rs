//! Whatever connects the stacks is missed when it is gone: each input that the root gives, each output that it reads, each parameter that a
//! nested template asks for, each condition.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde_json::Value as Json;
use stack_template::{
    Fault, check,
    combination::{Alternative, Axis, Deployment},
    definition::Definition,
    template::Template,
};

use crate::{definitions, deployments};

const ROOT: &str = "template.yaml";

/// What is found in the root.
fn found(definitions: &BTreeMap<PathBuf, Definition>, deployment: &Deployment) -> BTreeSet<Fault> {
    let report = check(definitions, std::slice::from_ref(deployment), &deployments::POLICY);
    report.findings.into_iter().map(|finding| finding.fault).collect()
}

/// A template without comments and places, which is enough here.
fn definition(path: &Path, body: &Json) -> Definition {
    Definition::new(Template::parse(path, &body.to_string()).expect("a template"))
}

/// The root with its defaults alone: what there is to choose is chosen.
fn deployment() -> Deployment {
    let definitions = definitions();
    let root = &definitions[Path::new(ROOT)];
    let deployment = deployments::all(&definitions).remove(0);
    let defaults =
        root.parameters().iter().filter_map(|(name, parameter)| Some((name.clone(), parameter.default.clone()?)));
    let axis = Axis {
        name: "the defaults".to_owned(),
        alternatives: vec![Alternative { label: String::new(), values: defaults.collect() }],
    };
    Deployment { axes: vec![axis], regions: deployment.regions[..1].to_vec(), synonyms: Vec::new(), ..deployment }
}

/// Removes what each of `pointers` leads to from the template at `path`, one at a time, and gives those whose loss nobody notices.
fn unnoticed(definitions: &mut BTreeMap<PathBuf, Definition>, path: &Path, pointers: &[String]) -> Vec<String> {
    let deployment = deployment();
    let body = definitions[path].template().body.clone();
    definitions.insert(path.to_owned(), definition(path, &body));
    let before = found(definitions, &deployment);
    let mut unnoticed = Vec::new();
    for pointer in pointers {
        let mut changed = body.clone();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = changed.pointer_mut(parent).and_then(Json::as_object_mut).expect("a parent");
        assert!(parent.remove(key).is_some(), "{pointer}");
        definitions.insert(path.to_owned(), definition(path, &changed));
        if found(definitions, &deployment).is_subset(&before) {
            unnoticed.push(format!("{}: {pointer}", path.display()));
        }
    }
    definitions.insert(path.to_owned(), definition(path, &body));
    unnoticed
}

/// The template of a nested stack of the root.
fn nested(stack: &Json) -> Option<PathBuf> {
    Some(PathBuf::from(stack["Properties"]["TemplateURL"].as_str()?))
}

fn keys(json: &Json) -> impl Iterator<Item = &String> {
    json.as_object().into_iter().flat_map(serde_json::Map::keys)
}

/// The nested stacks of the root, with their templates.
fn stacks(root: &Json) -> impl Iterator<Item = (&String, PathBuf)> {
    keys(&root["Resources"]).filter_map(|stack| Some((stack, nested(&root["Resources"][stack])?)))
}

#[test]
fn each_input_that_the_root_gives_is_missed() {
    let mut definitions = definitions();
    let root = definitions[Path::new(ROOT)].template().body.clone();
    let pointers: Vec<String> = stacks(&root)
        .flat_map(|(stack, _)| {
            let inputs = keys(&root["Resources"][stack]["Properties"]["Parameters"]);
            inputs.map(move |input| format!("/Resources/{stack}/Properties/Parameters/{input}"))
        })
        .collect();
    assert!(pointers.len() > 100, "{pointers:?}");
    let unnoticed = unnoticed(&mut definitions, Path::new(ROOT), &pointers);
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[test]
fn each_output_that_the_root_reads_is_missed() {
    let mut definitions = definitions();
    let root = definitions[Path::new(ROOT)].template().body.clone();
    let text = root.to_string();
    let mut pointers: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    for (stack, path) in stacks(&root) {
        let outputs = keys(&definitions[&path].template().body["Outputs"]);
        let read = outputs.filter(|output| text.contains(&format!("[\"{stack}\",\"Outputs.{output}\"]")));
        pointers.entry(path.clone()).or_default().extend(read.map(|output| format!("/Outputs/{output}")));
    }
    assert!(pointers.values().map(BTreeSet::len).sum::<usize>() > 50, "{pointers:?}");
    for (path, pointers) in pointers {
        let unnoticed = unnoticed(&mut definitions, &path, &pointers.into_iter().collect::<Vec<_>>());
        assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
    }
}

#[test]
fn each_parameter_and_condition_of_a_nested_template_is_missed() {
    let mut definitions = definitions();
    let root = definitions[Path::new(ROOT)].template().body.clone();
    for path in stacks(&root).map(|(_, path)| path).collect::<BTreeSet<_>>() {
        let body = definitions[&path].template().body.clone();
        let pointers: Vec<String> = ["Parameters", "Conditions"]
            .iter()
            .flat_map(|section| keys(&body[*section]).map(move |name| format!("/{section}/{name}")))
            .collect();
        let unnoticed = unnoticed(&mut definitions, &path, &pointers);
        assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
    }
}
