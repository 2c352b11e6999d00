//! docs/requirements.md names every requirement and every fault once, and only files, resources and tests that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;
use stack_template::definition::Definition;

use crate::{definitions, workspace_root};

/// How many requirements and how many faults were numbered.
const NUMBERED: [(char, usize); 2] = [('R', 103), ('B', 37)];

/// A line of a table.
struct Row<'a> {
    number: &'a str,
    kept: &'a str,
    seen: &'a str,
}

/// The lines of the tables, but for their heads.
fn rows(page: &str) -> Vec<Row<'_>> {
    let lines = page.lines().filter(|line| NUMBERED.iter().any(|(letter, _)| line.starts_with(&format!("| {letter}"))));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [number, _, kept, seen] = cells.as_slice() else {
                panic!("{} cells and not four: {line}", cells.len())
            };
            Row { number, kept, seen }
        })
        .collect()
}

/// What stands between backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// What a template calls things: parameters, conditions, rules, resources, outputs, and what its mappings hold.
fn logical_names(definition: &Definition) -> BTreeSet<&str> {
    let body = &definition.template().body;
    let sections = ["Parameters", "Conditions", "Rules", "Resources", "Outputs"];
    let mappings = body["Mappings"].as_object().into_iter().flat_map(|mappings| mappings.values());
    sections.iter().map(|section| &body[*section]).chain(mappings).flat_map(keys).collect()
}

fn keys(json: &Json) -> impl Iterator<Item = &str> {
    json.as_object().into_iter().flatten().map(|(key, _)| key.as_str())
}

/// The names of all tests: Rust's by their attribute, Python's by their name, those of the servers' trial by their decorator.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    let mut folders: Vec<PathBuf> =
        ["cli", "deployment", "functions", "instance/trial", "rehearsal", "shared", "tests"]
            .iter()
            .map(|folder| workspace_root().join(folder))
            .collect();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
                tests.extend(tests_of(&fs::read_to_string(path).expect("text")));
            }
        }
    }
    tests
}

fn tests_of(program: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_marked = false;
    for line in program.lines().map(str::trim) {
        let declared = line.trim_start_matches("async ").split_once(' ').and_then(|(word, rest)| {
            let name = rest.split_once('(')?.0;
            ["fn", "def"].contains(&word).then_some(name)
        });
        if let Some(name) = declared {
            if is_marked || name.starts_with("test_") {
                found.push(name.to_owned());
            }
            is_marked = false;
        }
        is_marked |= line == "#[test]" || line.starts_with("#[tokio::test") || line.starts_with("@scenario");
    }
    found
}

/// What is named in a line and is not there.
fn missing(row: &Row<'_>, definitions: &BTreeMap<PathBuf, Definition>, tests: &BTreeSet<String>) -> Vec<String> {
    // A verb of the command is a module of its own.
    let verb = |name: &str| Some(format!("cli/src/{}.rs", name.strip_prefix("bbb ")?.split(' ').next()?));
    let is_there = |name: &str| workspace_root().join(verb(name).as_deref().unwrap_or(name)).exists();
    let templates = names(row.kept).filter_map(|name| definitions.get(Path::new(name)));
    let things: BTreeSet<&str> = templates.flat_map(logical_names).collect();
    let kept = names(row.kept).filter(|name| !is_there(name) && !things.contains(name));
    let seen = names(row.seen).filter(|name| !is_there(name) && !tests.contains(*name));
    kept.chain(seen).map(|name| format!("{}: there is no {name}", row.number)).collect()
}

#[test]
fn everything_is_named_once_and_is_there() {
    let page = fs::read_to_string(workspace_root().join("docs/requirements.md")).expect("the page");
    let rows = rows(&page);
    let numbers: Vec<&str> = rows.iter().map(|row| row.number).collect();
    let expected: Vec<String> = NUMBERED
        .iter()
        .flat_map(|(letter, count)| (1..=*count).map(move |number| format!("{letter}{number}")))
        .collect();
    assert_eq!(numbers, expected);

    let (definitions, tests) = (definitions(), tests());
    let mut wrong: Vec<String> = rows.iter().flat_map(|row| missing(row, &definitions, &tests)).collect();
    for row in &rows {
        if row.kept.is_empty() || (names(row.seen).next().is_none() && !row.seen.contains("not ")) {
            wrong.push(format!("{}: neither says how it was seen nor that it was not", row.number));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_there_is_found() {
    let definitions = definitions();
    let row = |kept, seen| Row { number: "R1", kept, seen };
    let tests = BTreeSet::from(["it_works".to_owned()]);
    let found = |kept, seen| missing(&row(kept, seen), &definitions, &tests).len();
    assert_eq!(found("`template.yaml` `BBBVPC` in words", "`it_works`, `docs/requirements.md`"), 0);
    assert_eq!(found("`bbb rehearse --keep`", ""), 0);
    assert_eq!(found("`bbb repair`", ""), 1);
    assert_eq!(found("`BBBVPC` of no template", ""), 1);
    assert_eq!(found("`templates/cache.yaml` `BBBVPC`, `templates/none.yaml`", "`it_fails`"), 3);
    assert_eq!(
        tests_of("#[test]\nfn a() {}\nfn b() {}\n@scenario\ndef c():\n    def test_d(self):\ndef e():"),
        ["a", "c", "test_d"]
    );
}
