//! The Python that the functions are measured beside.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

/// The Pythons that are tried: 3.11 is what AWS's managed runtime of the sample was.
const PYTHONS: [&str; 2] = ["python3.11", "python3"];

/// An environment with `awslambdaric` and `boto3`, and our handlers, all compiled to bytecode as in a managed runtime.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    /// The environment's interpreter.
    pub(crate) program: PathBuf,
    /// Where the handlers are.
    pub(crate) handlers: PathBuf,
    /// Such as `Python 3.11.7`.
    pub(crate) version: String,
}

impl Python {
    /// Makes the environment below `target`, unless it is there.
    ///
    /// # Errors
    /// When there is no Python, or the packages cannot be installed.
    pub(crate) fn install(workspace_root: &Path) -> Result<Self> {
        let sources = workspace_root.join("benchmarks/python");
        let folder = workspace_root.join("target/benchmarks/python");
        let requirements = fs::read_to_string(sources.join("requirements.txt")).context("read the pinned packages")?;
        let pinned = folder.join("requirements.txt");
        let program = folder.join("bin/python");
        if fs::read_to_string(&pinned).ok().as_ref() != Some(&requirements) {
            eprintln!("installing awslambdaric and boto3 from PyPI into {}", folder.display());
            if folder.exists() {
                fs::remove_dir_all(&folder).context("remove the environment from before")?;
            }
            let found = PYTHONS.into_iter().find(|python| run(Command::new(python).arg("--version")).is_ok());
            let python = found.with_context(|| format!("none of {} can be started", PYTHONS.join(", ")))?;
            run(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
            let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"];
            run(Command::new(&program).args(install).arg(sources.join("requirements.txt")))?;
            // Only now is it complete.
            fs::write(&pinned, requirements).context("note what is installed")?;
        }
        let handlers = folder.join("handlers");
        fs::create_dir_all(&handlers).context("make a folder for the handlers")?;
        for file in fs::read_dir(&sources).context("list the handlers")? {
            let path = file?.path();
            if let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|extension| extension == "py"))
            {
                fs::copy(&path, handlers.join(name)).with_context(|| format!("copy {}", path.display()))?;
            }
        }
        run(Command::new(&program).args(["-m", "compileall", "-q"]).arg(&handlers))?;
        let version = run(Command::new(&program).arg("--version"))?;
        Ok(Self { program, handlers, version: version.trim().to_owned() })
    }
}

fn run(command: &mut Command) -> Result<String> {
    let name = format!("{command:?}");
    let output = command.output().with_context(|| format!("start {name}"))?;
    ensure!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
