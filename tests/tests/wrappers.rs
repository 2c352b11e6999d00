//! The sample's scripts: each becomes one call of `bbb`, in every shell that is there.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use tests::workspace_root;

/// Runs a script under a shell with a `cargo` that only says what it was asked; the exit code, and what came after the two dashes.
fn called(shell: &str, line: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let cargo = folder.path().join("cargo");
    fs::write(&cargo, "#!/bin/sh\nprintf '%s|' \"$@\"\n").expect("a file");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("permissions");
    let mut words = line.split(' ');
    let script = workspace_root().join(words.next().expect("a script"));
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("a path"));
    let output = Command::new(shell).arg(script).args(words).env("PATH", path).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), said.split_once("|--|").map(|(_, rest)| rest.to_owned()).unwrap_or_default())
}

#[test]
fn each_becomes_one_call() {
    let calls = [
        (
            "setup.sh -e johndoe@example.com -p bbb_example -h Z0123456789ABC -s bbbexample -d bbbexample.example.com -l INFO",
            "deploy|--stack-name|bbbexample|--parameter|BBBOperatorEMail=johndoe@example.com|--parameter|BBBHostedZone=Z0123456789ABC|\
             --parameter|BBBDomainName=bbbexample.example.com|--parameter|BBBFunctionLogLevel=INFO|--profile|bbb_example|",
        ),
        ("destroy.sh -s bbbexample -p bbb_example", "destroy|--stack-name|bbbexample|--profile|bbb_example|"),
        (
            "scalelite_mgmt.sh -r eu-central-1 -c exam-Cluster-1ABC-Cluster-2DEF -m delete -i i-1 -p x",
            "servers|remove|i-1|--stack-name|exam|--region|eu-central-1|--profile|x|",
        ),
        ("scalelite_mgmt.sh -c exam -m debug", "servers|list|--stack-name|exam|"),
        ("scalelite_mgmt.sh -c exam -m prune", "servers|reconcile|--stack-name|exam|"),
    ];
    for shell in ["sh", "bash"] {
        for (line, expected) in calls {
            assert_eq!(called(shell, line), (Some(0), expected.to_owned()), "{shell} {line}");
        }
    }
}

#[test]
fn wrong_usage_calls_nothing() {
    for line in [
        "setup.sh -e johndoe@example.com -s bbbexample",
        "setup.sh -x",
        "destroy.sh",
        "scalelite_mgmt.sh -c exam -m delete",
        "scalelite_mgmt.sh -c exam -m explode",
        "scalelite_mgmt.sh -c exam -m debug more",
    ] {
        assert_eq!(called("sh", line), (Some(2), String::new()), "{line}");
    }
}
