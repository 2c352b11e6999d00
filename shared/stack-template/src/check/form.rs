//! Plain CloudFormation within its limits, in every partition.

use crate::{
    definition::Definition,
    expression::{Call, Expression, Node, Piece},
    fault::{Fault, Rule},
};

/// The largest template there can be, in bytes, where it is given by its address in a bucket. Whatever is packaged has a bucket.
const SIZE: usize = 1_000_000;

/// How many parameters or outputs a template may have.
const PARAMETERS: usize = 200;

/// How many resources a template may have.
const RESOURCES: usize = 500;

/// The longest description of anything, in bytes.
const DESCRIPTION: usize = 4_000;

/// Sees to the form of a template.
pub(super) fn check(definition: &Definition) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |message: String| {
        let (template, pointer) = (definition.path().to_owned(), String::new());
        faults.push(Fault { template, pointer, rule: Rule::Form, message });
    };
    let size = definition.template().size();
    if size > SIZE {
        fault(format!("has {size} bytes, and CloudFormation takes {SIZE}"));
    }
    let counts = [
        ("parameters", definition.parameters.len(), PARAMETERS),
        ("outputs", definition.outputs.len(), PARAMETERS),
        ("resources", definition.resources.len(), RESOURCES),
    ];
    for (what, count, most) in counts {
        if count > most {
            fault(format!("has {count} {what}, and CloudFormation takes {most}"));
        }
    }
    match definition.template().body["Description"].as_str() {
        None | Some("") => fault("does not say what it is for".to_owned()),
        Some(text) if text.len() > DESCRIPTION => fault("has a description that is too long".to_owned()),
        Some(_) => {}
    }
    for node in definition.nodes() {
        node.walk(&mut |node| faults.extend(partition(definition, node)));
    }
    faults
}

/// Text that holds in the partition aws alone.
fn partition(definition: &Definition, node: &Node) -> Option<Fault> {
    let texts: Vec<&str> = match &node.expression {
        Expression::Text(text) => vec![text],
        Expression::Call(call) => match call.as_ref() {
            Call::Sub { pieces, .. } => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Literal(text) => Some(text.as_str()),
                    Piece::Variable(_) => None,
                })
                .collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let message = if texts.iter().any(|text| text.contains("arn:aws:")) {
        "names the partition aws; ${AWS::Partition} holds in every one"
    } else if texts.iter().any(|text| hosts(text).any(|host| host.ends_with(".amazonaws.com"))) {
        "names a host under amazonaws.com; ${AWS::URLSuffix} holds in every partition"
    } else {
        return None;
    };
    Some(definition.fault(node.at, Rule::Form, message.to_owned()))
}

/// The hosts of all addresses in `text`, each as far as it is written out.
fn hosts(text: &str) -> impl Iterator<Item = &str> {
    text.split("://").skip(1).filter_map(|rest| rest.split(|letter: char| "/\"' \n:".contains(letter)).next())
}
