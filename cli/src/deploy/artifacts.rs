//! What a deployment needs beside the templates: the functions, and what runs on the servers.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use deployment::functions;
use tokio::process::Command;

use crate::console::Console;
use crate::exit::refused;

/// What runs on the servers, packed.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) sha256: String,
    pub(super) file: PathBuf,
}

impl Bundle {
    /// Where servers look for it in the bucket.
    pub(super) fn key(&self) -> String {
        format!("instance/{}.tar.gz", self.sha256)
    }
}

/// Builds the functions, or sees that they were built.
pub(super) async fn build(root: &Path, skip: bool, console: &Console) -> anyhow::Result<()> {
    if !skip {
        console.step("building the functions");
        let built = functions::build(root).await?;
        let bytes: u64 = built.iter().map(|function| function.archive_bytes).sum();
        console.done(&format!("{} functions, {} kB", built.len(), bytes.div_ceil(1000)));
        return Ok(());
    }
    for name in functions::discover(root).await? {
        let archive = root.join("target/lambda").join(&name).join("bootstrap.zip");
        if !archive.is_file() {
            return Err(refused(format!(
                "{} does not exist: leave out --skip-build, or build it with cargo lambda build --release --output-format zip",
                archive.display()
            )));
        }
    }
    Ok(())
}

/// Packs what runs on the servers.
pub(super) async fn bundle(root: &Path) -> anyhow::Result<Bundle> {
    let folder = root.join("target/instance");
    let output = Command::new("sh")
        .arg(root.join("instance/bundle"))
        .arg(&folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot run instance/bundle")?;
    ensure!(
        output.status.success(),
        "instance/bundle failed ({}): {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let sha256 = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let file = folder.join(format!("{sha256}.tar.gz"));
    ensure!(file.is_file(), "instance/bundle said {sha256:?}, and wrote no file of that name");
    Ok(Bundle { sha256, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_bundle_is_what_it_is_called() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let bundle = bundle(root).await.expect("a bundle");
        let output = Command::new("sha256sum").arg(&bundle.file).output().await.expect("sha256sum");
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(&bundle.sha256));
        assert_eq!(bundle.key(), format!("instance/{}.tar.gz", bundle.sha256));
    }
}
