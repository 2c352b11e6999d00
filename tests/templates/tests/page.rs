//! docs/parameters.md says what the templates say.
//!
//! `UPDATE_EXPECT=1 cargo test -p template-checks page` writes it anew.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use stack_template::{definition::Definition, page};

use crate::{definitions, workspace_root};

/// Templates that people deploy by themselves before, beside or without the whole.
const BY_THEMSELVES: [&str; 5] = [
    "templates/sources-bucket.yaml",
    "templates/registry.yaml",
    "templates/image.yaml",
    "templates/single-server.yaml",
    "templates/turn.yaml",
];

fn description(definition: &Definition) -> String {
    definition.template().body["Description"]
        .as_str()
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn written(definitions: &BTreeMap<PathBuf, Definition>) -> String {
    let root = &definitions[Path::new("template.yaml")];
    let mut page = format!(
        "\
# Parameters

<!-- Written by `UPDATE_EXPECT=1 cargo test -p template-checks page` from template.yaml and templates/; change those. -->

What `template.yaml` asks for. Those without a default must be given; a dash, nothing, and the text `AWS::NoValue` all leave a parameter unset whose
default is a dash.

{}
## Combinations that are refused

{}
## Outputs

{}
## The templates

| template | what it is |
| --- | --- |
",
        page::parameters(root, 2),
        page::refusals(root),
        page::outputs(root),
    );
    for (path, definition) in definitions.iter().filter(|(path, _)| path.starts_with("templates")) {
        page.push_str(&format!("| `{}` | {} |\n", path.display(), description(definition)));
    }
    for path in BY_THEMSELVES {
        let Some(definition) = definitions.get(Path::new(path)) else { continue };
        page.push_str(&format!(
            "\n## `{path}`\n\n{}\n\n{}\n",
            description(definition),
            page::parameters(definition, 3)
        ));
        page.push_str(&format!("{}\n", page::outputs(definition)));
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

#[test]
fn the_page_about_parameters_is_current() {
    let path = workspace_root().join("docs/parameters.md");
    let expected = written(&definitions());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, expected).expect("the page");
        return;
    }
    let current = fs::read_to_string(&path).unwrap_or_default();
    let difference = current.lines().zip(expected.lines()).find(|(current, expected)| current != expected);
    assert!(
        current == expected,
        "docs/parameters.md is not what the templates say, first at {difference:?}.\nUPDATE_EXPECT=1 cargo test -p template-checks page"
    );
}
