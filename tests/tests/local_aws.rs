//! The extension of the emulator does what AWS does: its own tests, in Python.

use rehearsal::local_aws::LocalAws;
use tests::{unless_interrupted, workspace_root};
use tokio::process::Command;

#[tokio::test]
async fn it_keeps_its_contract() {
    unless_interrupted(async {
        let installation =
            LocalAws::install(&workspace_root(), |note| println!("{note}")).await.expect("the local AWS");
        let run = workspace_root().join("rehearsal/local-aws/tests/run.py");
        let output = Command::new(installation.python()).arg(run).kill_on_drop(true).output().await.expect("Python");
        let said = String::from_utf8_lossy(&output.stderr);
        println!("{}", said.lines().last().unwrap_or_default());
        assert!(output.status.success(), "{said}");
    })
    .await;
}
