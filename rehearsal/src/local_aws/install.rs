//! Installs the pinned emulator into a virtual environment below `target/`, once for each list of packages.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use super::{LocalAws, LocalAwsError};

/// The Pythons that are tried, in this order.
const PYTHONS: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// The oldest Python that the emulator runs on.
const OLDEST: (u32, u32) = (3, 10);

/// How many lines of a failed command's output an error shows.
const END: usize = 15;

/// The local AWS, installed.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The virtual environment's Python.
    pub(super) python: PathBuf,
    /// The folder of our extension's package.
    pub(super) package: PathBuf,
    /// Where logs go.
    logs: PathBuf,
}

impl Installation {
    /// The virtual environment's Python.
    #[must_use]
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// The log of the local AWS on `port`.
    pub(super) fn log(&self, port: u16) -> PathBuf {
        self.logs.join(format!("{port}.log"))
    }
}

impl LocalAws {
    /// Installs what the local AWS needs below `workspace_root/target/local-aws`, unless it is there already.
    ///
    /// The folder is named by the pinned packages and the Python; it appears only when it is complete, and of several
    /// processes that want it one installs it while the others wait. `progress` is told when something is installed.
    ///
    /// # Errors
    ///
    /// When there is no suitable Python or the packages cannot be installed.
    pub async fn install(workspace_root: &Path, mut progress: impl FnMut(&str)) -> Result<Installation, LocalAwsError> {
        let package = workspace_root.join("rehearsal/local-aws");
        let base = workspace_root.join("target/local-aws");
        let requirements = package.join("requirements.txt");
        let pinned = tokio::fs::read(&requirements)
            .await
            .map_err(|source| LocalAwsError::Requirements { path: requirements.clone(), source })?;
        let python = Python::find().await?;
        let logs = base.join("logs");
        tokio::fs::create_dir_all(&logs).await.map_err(prepare(&logs))?;

        let folder = base.join(name_of(&pinned, &python));
        let installation = Installation { python: folder.join("bin/python"), package, logs };
        if installation.python.exists() {
            return Ok(installation);
        }
        let _lock = lock(base.join("lock")).await?;
        if installation.python.exists() {
            return Ok(installation);
        }
        progress(&format!("installing the local AWS into {} (once, about 30 seconds)", folder.display()));
        // Under the lock no other process uses this name; what is there was left by one that was killed.
        let unfinished = base.join("unfinished");
        if unfinished.exists() {
            tokio::fs::remove_dir_all(&unfinished).await.map_err(prepare(&unfinished))?;
        }
        make_environment(&python.path, &unfinished, &requirements).await?;
        tokio::fs::rename(&unfinished, &folder).await.map_err(prepare(&folder))?;
        Ok(installation)
    }
}

fn prepare(path: &Path) -> impl FnOnce(std::io::Error) -> LocalAwsError {
    let path = path.to_path_buf();
    |source| LocalAwsError::Prepare { path, source }
}

/// Takes the lock at `path`; it is free again when the file is dropped or the process ends, however it ends.
async fn lock(path: PathBuf) -> Result<File, LocalAwsError> {
    tokio::task::spawn_blocking(move || {
        let failed = prepare(&path);
        let open = || {
            let file = File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(failed)
    })
    .await
    .unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
}

/// The installation's folder: other packages or another Python make another one.
fn name_of(pinned: &[u8], python: &Python) -> String {
    let mut hash = Sha256::new();
    hash.update(pinned);
    hash.update(&python.version);
    hash.update(python.path.as_os_str().as_encoded_bytes());
    let digest = hash.finalize();
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a virtual environment in `folder` with the packages that `requirements` pins.
async fn make_environment(python: &Path, folder: &Path, requirements: &Path) -> Result<(), LocalAwsError> {
    let mut venv = Command::new(python);
    venv.args(["-m", "venv"]).arg(folder);
    run("python3 -m venv", python, venv).await?;

    let inner = folder.join("bin/python");
    let mut pip = Command::new(&inner);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(["--disable-pip-version-check", "--require-hashes", "-r"])
        .arg(requirements);
    run("pip install", &inner, pip).await
}

async fn run(name: &'static str, program: &Path, mut command: Command) -> Result<(), LocalAwsError> {
    let Output { status, stdout, stderr } = command
        // A shell's own PYTHONPATH would be searched for packages that then seem installed.
        .env_remove("PYTHONPATH")
        .env_remove("PYTHONHOME")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| LocalAwsError::Spawn { python: program.to_path_buf(), source })?;
    if status.success() {
        return Ok(());
    }
    let text = [stdout, stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    Err(LocalAwsError::Install { command: name, status, output: lines[lines.len().saturating_sub(END)..].join("\n") })
}

/// A Python that is new enough.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Python {
    path: PathBuf,
    /// Such as `3.11.7`.
    version: String,
}

impl Python {
    async fn find() -> Result<Self, LocalAwsError> {
        for name in PYTHONS {
            let output = Command::new(name)
                .args(["-c", "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)"])
                .stdin(Stdio::null())
                .output()
                .await;
            if let Some(python) = output.ok().and_then(|output| Self::read(&output.stdout)) {
                return Ok(python);
            }
        }
        Err(LocalAwsError::NoPython { looked_for: PYTHONS.to_vec() })
    }

    /// Reads what the interpreter says of itself; `None` when it is too old.
    fn read(output: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(output).ok()?;
        let (version, path) = text.trim().split_once('\n')?;
        let mut numbers = version.split('.').map(str::parse::<u32>);
        let version_number = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        (version_number >= OLDEST).then(|| Self { path: PathBuf::from(path), version: version.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_pythons_are_passed_over() {
        assert_eq!(Python::read(b"3.9.2\n/usr/bin/python3\n"), None);
        assert_eq!(Python::read(b""), None);
        assert_eq!(
            Python::read(b"3.10.0\n/usr/bin/python3.10\n"),
            Some(Python { path: PathBuf::from("/usr/bin/python3.10"), version: "3.10.0".to_owned() })
        );
    }

    #[test]
    fn other_packages_or_another_python_make_another_folder() {
        let python = |version: &str| Python { path: PathBuf::from("/usr/bin/python3"), version: version.to_owned() };
        let name = name_of(b"a==1", &python("3.11.7"));
        assert_eq!(name.len(), 16);
        assert_eq!(name, name_of(b"a==1", &python("3.11.7")));
        assert_ne!(name, name_of(b"a==2", &python("3.11.7")));
        assert_ne!(name, name_of(b"a==1", &python("3.11.8")));
    }

    #[tokio::test]
    async fn the_lock_lets_one_in_at_a_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        let first = lock(path.clone()).await.expect("the lock");
        let second = tokio::spawn(lock(path));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(!second.is_finished());
        drop(first);
        second.await.expect("no panic").expect("the lock");
    }
}
