//! Builds the Lambda functions: one `bootstrap` each, and the zip archive that the templates refer to.
//!
//! All functions are built by one call of cargo in the release profile, so that features are resolved once and what the
//! tests run is, byte for byte, what is deployed. The result lies where `cargo lambda build --release --output-format zip`
//! puts it, `target/lambda/<name>/`, so that the templates work with either.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use serde::Deserialize;
use tokio::process::Command;

use crate::archive::{self, ArchiveError};
use crate::digest;

/// A function, built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// The function's name, which is its crate's and its folder's under `functions/`.
    pub name: String,
    /// The executable, `target/lambda/<name>/bootstrap`.
    pub binary: PathBuf,
    /// The archive, `target/lambda/<name>/bootstrap.zip`.
    pub archive: PathBuf,
    /// The executable's size in bytes.
    pub binary_bytes: u64,
    /// The archive's size in bytes.
    pub archive_bytes: u64,
}

/// Why the functions could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The functions' folder could not be listed.
    #[error("cannot list the functions in {}", folder.display())]
    Discover {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no function to build.
    #[error("no function in {}", folder.display())]
    NoFunctions {
        /// The folder.
        folder: PathBuf,
    },
    /// Cargo could not be started.
    #[error("cannot start {}", cargo.display())]
    StartCargo {
        /// The command.
        cargo: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Cargo failed; it has said why on standard error.
    #[error("cargo build of the functions failed ({status}); its messages are above")]
    Cargo {
        /// How it ended.
        status: ExitStatus,
    },
    /// Cargo reported no executable for a function, because its crate has none of that name.
    #[error("cargo built no executable `{name}`")]
    NoExecutable {
        /// The function.
        name: String,
    },
    /// The bootstrap could not be copied or its archive not written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The bootstrap could not be zipped.
    #[error("cannot zip the function `{name}`")]
    Zip {
        /// The function.
        name: String,
        /// Why.
        #[source]
        source: ArchiveError,
    },
}

/// The names of the functions in `workspace_root`: the folders in `functions/` that hold a crate, in order.
///
/// # Errors
///
/// When the folder cannot be listed or holds no crate.
pub async fn discover(workspace_root: &Path) -> Result<Vec<String>, BuildError> {
    let folder = workspace_root.join("functions");
    let failed = |source| BuildError::Discover { folder: folder.clone(), source };
    let mut names = Vec::new();
    let mut entries = tokio::fs::read_dir(&folder).await.map_err(failed)?;
    while let Some(entry) = entries.next_entry().await.map_err(failed)? {
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    if names.is_empty() {
        return Err(BuildError::NoFunctions { folder });
    }
    names.sort();
    Ok(names)
}

/// Builds every function of the workspace and writes its bootstrap and archive.
///
/// Files that would not change are left untouched, and those that do are replaced in one step, so that several processes
/// may do this at once. Cargo's progress goes to standard error. The cargo that runs this process, else the one on the path,
/// is used; the target folder may be anywhere.
///
/// # Errors
///
/// When a function does not build or the results cannot be written.
pub async fn build(workspace_root: &Path) -> Result<Vec<Bootstrap>, BuildError> {
    build_named(workspace_root, discover(workspace_root).await?).await
}

/// As [`build`], for these packages, each with an executable of its name; they need not be functions.
///
/// # Errors
///
/// As [`build`].
pub async fn build_named(workspace_root: &Path, names: Vec<String>) -> Result<Vec<Bootstrap>, BuildError> {
    let executables = compile(workspace_root, &names).await?;
    let mut bootstraps = Vec::with_capacity(names.len());
    for name in names {
        let executable = executables.get(&name).ok_or_else(|| BuildError::NoExecutable { name: name.clone() })?.clone();
        let folder = workspace_root.join("target/lambda").join(&name);
        bootstraps.push(blocking(move || lay_out(name, &executable, &folder)).await?);
    }
    Ok(bootstraps)
}

/// A message of `cargo build --message-format json`; only what is read here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<MessageTarget>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
}

/// Runs cargo once for all functions and returns the executables by name.
async fn compile(workspace_root: &Path, names: &[String]) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(&cargo);
    command.current_dir(workspace_root).args(["build", "--release", "--message-format", "json-render-diagnostics"]);
    for name in names {
        command.args(["-p", name, "--bin", name]);
    }
    for variable in inherited_from_cargo(std::env::vars_os().map(|(name, _)| name)) {
        command.env_remove(variable);
    }
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| BuildError::StartCargo { cargo: cargo.clone(), source })?
        .wait_with_output()
        .await
        .map_err(|source| BuildError::StartCargo { cargo, source })?;
    if !output.status.success() {
        return Err(BuildError::Cargo { status: output.status });
    }
    Ok(executables(&output.stdout))
}

/// The variables with which `cargo run` and `cargo test` describe the crate that they run.
///
/// They must not reach the inner cargo: build scripts that watch them would run again and again.
fn inherited_from_cargo(names: impl Iterator<Item = OsString>) -> Vec<OsString> {
    names
        .filter(|name| {
            let name = name.to_string_lossy();
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
                || name == "OUT_DIR"
                || name == "LD_LIBRARY_PATH"
        })
        .collect()
}

/// The executables by name that cargo reports in its JSON messages.
fn executables(messages: &[u8]) -> BTreeMap<String, PathBuf> {
    String::from_utf8_lossy(messages)
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter_map(|message| Some((message.target?.name, message.executable?)))
        .collect()
}

/// Writes `bootstrap` and `bootstrap.zip` of one function into `folder`, if they are not there already.
fn lay_out(name: String, executable: &Path, folder: &Path) -> Result<Bootstrap, BuildError> {
    let binary = folder.join("bootstrap");
    let archive = folder.join("bootstrap.zip");
    let content =
        std::fs::read(executable).map_err(|source| BuildError::Write { path: executable.to_path_buf(), source })?;
    // The archive's comment says which executable it holds: deflating megabytes only to compare them takes seconds in a
    // debug build.
    let holds = format!("bootstrap sha256 {}", digest::sha256(&content));

    std::fs::create_dir_all(folder).map_err(|source| BuildError::Write { path: folder.to_path_buf(), source })?;
    if std::fs::read(&binary).ok().as_deref() != Some(&content) {
        replace(&binary, &content)?;
    }
    let existing = std::fs::read(&archive).unwrap_or_default();
    let archive_bytes = if archive::comment(&existing).as_deref() == Some(&holds) {
        existing.len()
    } else {
        let zipped = archive::executable("bootstrap", &content, &holds)
            .map_err(|source| BuildError::Zip { name: name.clone(), source })?;
        replace(&archive, &zipped)?;
        zipped.len()
    };
    Ok(Bootstrap { name, binary, archive, binary_bytes: content.len() as u64, archive_bytes: archive_bytes as u64 })
}

/// Replaces the file at `path` in one step, so that who reads it sees the old or the new one.
fn replace(path: &Path, content: &[u8]) -> Result<(), BuildError> {
    let failed = |source| BuildError::Write { path: path.to_path_buf(), source };
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&temporary, content).map_err(failed)?;
    std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
    std::fs::rename(&temporary, path).map_err(failed)
}

/// Runs `work`, which reads and compresses files, where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn functions_are_the_folders_with_a_crate() {
        let root = tempfile::tempdir().expect("a temporary folder");
        for name in ["b", "a", "notes"] {
            std::fs::create_dir_all(root.path().join("functions").join(name)).expect("a folder");
        }
        for name in ["b", "a"] {
            std::fs::write(root.path().join("functions").join(name).join("Cargo.toml"), "").expect("a manifest");
        }
        assert_eq!(discover(root.path()).await.expect("functions"), ["a", "b"]);

        let empty = tempfile::tempdir().expect("a temporary folder");
        assert!(matches!(discover(empty.path()).await, Err(BuildError::Discover { .. })));
    }

    #[test]
    fn executables_are_read_from_cargos_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"serde","kind":["lib"]},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"acm-certificate","kind":["bin"]},"executable":"/t/release/acm-certificate"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(
            executables(messages),
            BTreeMap::from([("acm-certificate".to_owned(), PathBuf::from("/t/release/acm-certificate"))])
        );
    }

    #[test]
    fn the_outer_cargos_variables_are_left_out() {
        let names = ["CARGO_PKG_NAME", "CARGO_HOME", "PATH", "CARGO_MANIFEST_DIR", "CARGO"];
        assert_eq!(
            inherited_from_cargo(names.into_iter().map(OsString::from)),
            ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"]
        );
    }

    #[test]
    fn only_what_changed_is_written() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let executable = root.path().join("f");
        let folder = root.path().join("lambda/f");
        let lay = || lay_out("f".to_owned(), &executable, &folder).expect("laid out");
        let modified = |path: &Path| {
            std::fs::metadata(path).and_then(|metadata| metadata.modified()).expect("a modification time")
        };

        std::fs::write(&executable, b"one").expect("an executable");
        let first = lay();
        assert_eq!(first.binary_bytes, 3);
        let (binary, archive) = (modified(&first.binary), modified(&first.archive));
        let bytes = std::fs::read(&first.archive).expect("an archive");
        assert_eq!(first.archive_bytes, bytes.len() as u64);

        assert_eq!(lay(), first);
        assert_eq!((modified(&first.binary), modified(&first.archive)), (binary, archive));

        // Another tool's archive, whatever it holds, is not taken for ours.
        std::fs::write(&first.archive, b"foreign").expect("an archive");
        lay();
        assert_eq!(std::fs::read(&first.archive).expect("an archive"), bytes);

        std::fs::write(&executable, b"two").expect("an executable");
        lay();
        assert_eq!(std::fs::read(&first.binary).expect("a binary"), b"two");
        assert_ne!(std::fs::read(&first.archive).expect("an archive"), bytes);
    }
}
