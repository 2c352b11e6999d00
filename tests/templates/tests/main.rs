//! The templates, checked as they are and in every combination of parameters; the page about their parameters.
//!
//! `cargo test -p template-checks -- --nocapture` prints how many combinations there are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod combinations;
mod deployments;
mod documented;
mod encryption;
mod mutations;
mod notifications;
mod page;
mod rendered;
mod requirements;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use stack_template::{definition::Definition, templates};

/// The folder of the workspace.
fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_owned()
}

/// All templates of the project.
fn definitions() -> BTreeMap<PathBuf, Definition> {
    let folder = workspace_root().join("templates");
    let mut roots = vec!["template.yaml".to_owned()];
    for entry in folder.read_dir().expect("the templates") {
        let name = entry.expect("an entry").file_name().into_string().expect("text");
        if name.ends_with(".yaml") {
            roots.push(format!("templates/{name}"));
        }
    }
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    templates::read(&workspace_root(), &roots).unwrap_or_else(|error| panic!("{error}"))
}
