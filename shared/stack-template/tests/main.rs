//! The check on small templates that are wrong, one fault each; the evaluation on small templates that are right; anything on junk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod combinations;
mod evaluation;
mod faulty;
mod junk;
mod page;

use std::{collections::BTreeMap, path::PathBuf};

use stack_template::{
    combination::{Axis, Deployment},
    definition::Definition,
    evaluate::Region,
    templates,
};

/// Templates given as text, each with a description before it.
fn definitions(texts: &[(&str, &str)]) -> BTreeMap<PathBuf, Definition> {
    let texts: Vec<(&str, String)> =
        texts.iter().map(|(path, text)| (*path, format!("Description: A test\n{text}"))).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (*path, text.as_str())).collect();
    templates::of_texts(&texts).unwrap_or_else(|error| panic!("{error}"))
}

/// A deployment of root.yaml in one region, with what there is to choose from for parameters without allowed values.
fn deployment(axes: &[(&str, &[&str])]) -> Deployment {
    Deployment {
        template: PathBuf::from("root.yaml"),
        given: BTreeMap::new(),
        axes: axes.iter().map(|(name, values)| Axis::of(name, values)).collect(),
        regions: vec![region()],
        lengths: Vec::new(),
        synonyms: Vec::new(),
    }
}

fn region() -> Region {
    Region::new("eu-central-1", "aws", "amazonaws.com", "abc")
}
