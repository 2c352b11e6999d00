//! Finds the project that the command is run in.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// What makes a folder the project's root.
const SIGNS: [&str; 3] = ["template.yaml", "functions", "rehearsal/local-aws"];

/// The project's root: the current folder or the nearest one above it that has what a project needs.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    match above(&here) {
        Some(root) => Ok(root),
        None => bail!(
            "neither {} nor a folder above it holds {}; run bbb inside a clone of the project",
            here.display(),
            SIGNS.join(", ")
        ),
    }
}

fn above(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| SIGNS.iter().all(|sign| folder.join(sign).exists())).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_project_is_found_from_its_sub_folders() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(above(&here.join("src")).as_deref(), here.parent());
    }

    #[test]
    fn elsewhere_there_is_none() {
        assert_eq!(above(Path::new("/")), None);
    }
}
