//! Installs the pinned AWS CLI and runs it.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use crate::workspace_root;

/// The AWS CLI in a virtual environment below `target/`.
#[derive(Debug)]
pub struct AwsCli {
    program: PathBuf,
}

impl AwsCli {
    /// Installs it, unless it is there already. The folder is named by the pinned packages.
    pub async fn install() -> Self {
        let requirements = workspace_root().join("tests/requirements-awscli.txt");
        let mut hash = DefaultHasher::new();
        fs::read(&requirements).expect("the pinned packages").hash(&mut hash);
        let base = workspace_root().join("target/aws-cli");
        fs::create_dir_all(&base).expect("a folder");
        let folder = base.join(format!("{:016x}", hash.finish()));
        let program = folder.join("bin/aws");

        let lock = File::create(base.join("lock")).expect("a lock");
        let _locked = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await.expect("no panic");
        // Its last file: what a killed installation left is made anew.
        let complete = folder.join("complete");
        if !complete.exists() {
            println!("installing the AWS CLI into {}", folder.display());
            let _ = fs::remove_dir_all(&folder);
            run(Command::new("python3").args(["-m", "venv"]).arg(&folder)).await.expect("a virtual environment");
            let pip = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-input",
                "--disable-pip-version-check",
                "--require-hashes",
                "-r",
            ];
            run(Command::new(folder.join("bin/python")).args(pip).arg(&requirements)).await.expect("the packages");
            fs::write(&complete, "").expect("a file");
        }
        Self { program }
    }

    /// Runs a command in `folder` with these variables and no other of this process; gives what it printed.
    ///
    /// # Errors
    /// When it fails: what it printed, and how it ended.
    pub async fn run(
        &self,
        folder: &Path,
        variables: &[(&'static str, String)],
        arguments: &[&str],
    ) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        let own = self.program.parent().expect("the folder of programs");
        command.args(arguments).current_dir(folder).env_clear().envs(variables.iter().cloned());
        command
            .env("PATH", own)
            .env("HOME", folder.join("nobody"))
            .env("AWS_PAGER", "")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        run(&mut command).await
    }
}

/// Runs a command to its end and gives what it printed, also when it fails.
async fn run(command: &mut Command) -> Result<String, String> {
    let command = command.env_remove("PYTHONPATH").env_remove("PYTHONHOME").stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.expect("a program");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(text) } else { Err(format!("{text}\n{errors}\n{}", output.status)) }
}
