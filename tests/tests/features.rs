//! One set of features for `cargo run` and `cargo test --workspace`, so that dependencies are compiled once.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use tests::workspace_root;

/// Every package and version with the features it is compiled with.
fn features(arguments: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace_root())
        .args(["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p}|{f}"])
        .args(arguments)
        .output()
        .expect("cargo tree");
    let listed = String::from_utf8(output.stdout).expect("text");
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in listed.lines() {
        let (package, features) = line.trim_end_matches(" (*)").split_once('|').expect("a package and its features");
        packages.entry(package.to_owned()).or_default().extend(features.split(',').map(str::to_owned));
    }
    assert!(packages.len() > 100, "{}", String::from_utf8_lossy(&output.stderr));
    packages
}

#[test]
fn the_command_and_the_tests_share_their_dependencies() {
    let command = features(&["--package", "bbb", "--edges", "normal,build"]);
    let all = features(&["--workspace", "--edges", "normal,build,dev"]);
    let mut differences = Vec::new();
    for (package, of_command) in &command {
        let missing: Vec<_> = all[package].difference(of_command).collect();
        if !missing.is_empty() {
            differences.push(format!("{package}: {missing:?}"));
        }
    }
    assert!(
        differences.is_empty(),
        "`cargo run` would compile these again after the tests; add their features to shared/workspace-features:\n{}",
        differences.join("\n")
    );
}
