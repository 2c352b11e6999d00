//! Pages about a template, in Markdown: what it asks for, what it refuses, what it gives.

use serde_json::Value as Json;

use crate::{
    definition::{Definition, Place},
    parameter::{Kind, Parameter},
};

/// The parameters, in their groups, each group under a heading of `level`.
#[must_use]
pub fn parameters(definition: &Definition, level: usize) -> String {
    let interface = definition.template().body.pointer("/Metadata/AWS::CloudFormation::Interface");
    let groups = interface.and_then(|interface| interface["ParameterGroups"].as_array());
    let Some(groups) = groups else {
        let mut all: Vec<_> = definition.parameters.iter().collect();
        all.sort_by_key(|(_, parameter)| line(definition, parameter.at));
        return table(interface, all.into_iter());
    };
    let mut page = String::new();
    for group in groups {
        let names = group["Parameters"].as_array().into_iter().flatten().filter_map(Json::as_str);
        let parameters = names.filter_map(|name| definition.parameters.get_key_value(name));
        page.push_str(&format!("{} {}\n\n", "#".repeat(level), group["Label"]["default"].as_str().unwrap_or("Others")));
        page.push_str(&table(interface, parameters));
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn table<'a>(interface: Option<&Json>, parameters: impl Iterator<Item = (&'a String, &'a Parameter)>) -> String {
    let mut table = "| parameter | default | values | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for (name, parameter) in parameters {
        let label = interface.and_then(|interface| interface["ParameterLabels"][name]["default"].as_str());
        let label = label.map(|label| format!("**{}.** ", cell(label))).unwrap_or_default();
        let description = parameter.description.as_deref().map(cell).unwrap_or_default();
        let default = match parameter.default.as_deref() {
            None => "must be given".to_owned(),
            Some("") => "empty".to_owned(),
            Some(default) => code(default),
        };
        table.push_str(&format!("| `{name}` | {default} | {} | {label}{description} |\n", values(parameter)));
    }
    table
}

/// What a parameter accepts.
fn values(parameter: &Parameter) -> String {
    let mut parts = Vec::new();
    match parameter.kind {
        Kind::List => parts.push("a list, separated by commas".to_owned()),
        Kind::Numbers => parts.push("numbers, separated by commas".to_owned()),
        Kind::Looked => parts.push("the name of an SSM parameter".to_owned()),
        Kind::Number if parameter.allowed.is_empty() && parameter.range == (None, None) => {
            parts.push("a number".to_owned());
        }
        Kind::Text | Kind::Number => {}
    }
    if !parameter.allowed.is_empty() {
        let allowed: Vec<String> = parameter
            .allowed
            .iter()
            .map(|value| if value.is_empty() { "empty".to_owned() } else { code(value) })
            .collect();
        parts.push(allowed.join(", "));
    }
    match parameter.range {
        (Some(least), Some(most)) => parts.push(format!("{least} to {most}")),
        (Some(least), None) => parts.push(format!("{least} or more")),
        (None, Some(most)) => parts.push(format!("{most} or less")),
        (None, None) => {}
    }
    match parameter.length {
        (Some(least), Some(most)) => parts.push(format!("{least} to {most} characters")),
        (Some(least), None) => parts.push(format!("{least} characters or more")),
        (None, Some(most)) => parts.push(format!("{most} characters or less")),
        (None, None) => {}
    }
    match (&parameter.constraint, &parameter.pattern) {
        (Some(constraint), _) => parts.push(cell(constraint)),
        (None, Some(pattern)) => parts.push(format!("matches {}", code(pattern))),
        (None, None) => {}
    }
    if parameter.secret {
        parts.push("kept from view".to_owned());
    }
    parts.join("; ")
}

/// The combinations that the template refuses, as it says them; empty if there are none.
#[must_use]
pub fn refusals(definition: &Definition) -> String {
    let mut rules: Vec<_> = definition.rules.values().collect();
    rules.sort_by_key(|rule| line(definition, rule.at));
    let assertions = rules.into_iter().flat_map(|rule| &rule.assertions);
    assertions.map(|assertion| format!("- {}\n", plain(&assertion.description))).collect()
}

/// The outputs.
#[must_use]
pub fn outputs(definition: &Definition) -> String {
    let mut outputs: Vec<_> = definition.outputs.iter().collect();
    outputs.sort_by_key(|(_, output)| line(definition, output.at));
    let mut table = "| output | meaning |\n| --- | --- |\n".to_owned();
    for (name, output) in outputs {
        let sometimes = if output.condition.is_some() { " Not always there." } else { "" };
        let description = output.description.as_deref().map(cell).unwrap_or_default();
        table.push_str(&format!("| `{name}` | {description}{sometimes} |\n"));
    }
    table
}

fn line(definition: &Definition, at: Place) -> usize {
    definition.locate(at).position.map_or(0, |position| position.line)
}

/// Text in one line.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text in a cell of a table, where nothing is markup.
fn cell(text: &str) -> String {
    plain(text).replace('|', "\\|").replace('*', "\\*").replace('<', "&lt;")
}

/// Code in a cell of a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}
