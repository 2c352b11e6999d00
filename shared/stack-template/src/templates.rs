//! Sets of templates that refer to one another.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    definition::Definition,
    template::{Template, TemplateError},
};

/// Reads the templates at `roots`, paths relative to `folder`, and all nested in them. Their paths stay relative.
///
/// A nested template that does not exist is left out; evaluating says who refers to it.
///
/// # Errors
///
/// When one of `roots` does not exist, or a template cannot be read.
pub fn read(folder: &Path, roots: &[&str]) -> Result<BTreeMap<PathBuf, Definition>, TemplateError> {
    let mut definitions = BTreeMap::new();
    let mut open: Vec<PathBuf> = roots.iter().map(PathBuf::from).collect();
    while let Some(path) = open.pop() {
        if definitions.contains_key(&path)
            || (!roots.iter().any(|root| Path::new(root) == path) && !folder.join(&path).exists())
        {
            continue;
        }
        let text = std::fs::read_to_string(folder.join(&path))
            .map_err(|source| TemplateError::Read { file: path.clone(), source })?;
        let definition = Definition::new(Template::parse(&path, &text)?);
        open.extend(definition.nested().into_iter().map(Path::to_owned));
        definitions.insert(path, definition);
    }
    Ok(definitions)
}

/// Reads templates given as text, each with the path that others refer to it by.
///
/// # Errors
///
/// When one of them cannot be read.
pub fn of_texts(texts: &[(&str, &str)]) -> Result<BTreeMap<PathBuf, Definition>, TemplateError> {
    texts
        .iter()
        .map(|(path, text)| Ok((PathBuf::from(path), Definition::new(Template::parse(Path::new(path), text)?))))
        .collect()
}
