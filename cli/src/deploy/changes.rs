//! What a change set will do, for people.

use std::collections::BTreeMap;

use deployment::change_set::{Change, ChangeSet};
use serde_json::{Value, json};

use crate::console::Console;
use crate::style::Style;

/// How many additions are named one by one; a first deployment has hundreds, which nobody reads.
const NAMED: usize = 25;

/// The type of nested stacks.
const STACK: &str = "AWS::CloudFormation::Stack";

/// Shows what will change: what is replaced or removed always by name.
pub(super) fn show(change_set: &ChangeSet, console: &Console) {
    text(change_set, console.style).iter().for_each(|line| console.line(line));
}

/// The changes for a program.
pub(super) fn as_json(changes: &[Change]) -> Value {
    let change = |change: &Change| {
        json!({
            "action": action(change).word(), "stack": change.path, "resource": change.logical_id, "type": change.resource_type,
        })
    };
    changes.iter().map(change).collect()
}

/// How many resources are changed, if it is known what changes in nested stacks.
pub(super) fn total(changes: &[Change]) -> Option<usize> {
    let has_nested = changes.iter().any(|change| change.resource_type == STACK);
    let is_known = changes.iter().any(|change| !change.path.is_empty());
    (is_known || !has_nested).then_some(changes.len())
}

/// What happens to a resource, the most harmful first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Removed,
    Replaced,
    PerhapsReplaced,
    Changed,
    Added,
    Other,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Action::Removed => "removed",
            Action::Replaced => "REPLACED",
            Action::PerhapsReplaced => "perhaps REPLACED",
            Action::Changed => "changed",
            Action::Added => "added",
            Action::Other => "other",
        }
    }
}

fn action(change: &Change) -> Action {
    // What becomes of a nested stack is said of its resources; it is itself replaced only under another name.
    let is_stack = change.resource_type == STACK;
    match (
        change.action.as_str(),
        change.replacement.as_deref().filter(|replacement| !is_stack || *replacement == "True"),
    ) {
        ("Add" | "Import", _) => Action::Added,
        ("Remove", _) => Action::Removed,
        ("Modify", Some("True")) => Action::Replaced,
        ("Modify", Some("Conditional")) => Action::PerhapsReplaced,
        ("Modify", _) => Action::Changed,
        _ => Action::Other,
    }
}

fn text(change_set: &ChangeSet, style: Style) -> Vec<String> {
    let mut by_action: BTreeMap<Action, Vec<&Change>> = BTreeMap::new();
    for change in &change_set.changes {
        by_action.entry(action(change)).or_default().push(change);
    }
    let counts: Vec<String> =
        by_action.iter().map(|(action, of_it)| format!("{} {}", of_it.len(), action.word())).collect();
    let mut lines = vec![style.strong(&format!(
        "{}: {}",
        if change_set.creates { "What will be made" } else { "What will change" },
        counts.join(", ")
    ))];
    for (action, of_it) in &by_action {
        let shown = if *action == Action::Added && of_it.len() > NAMED { &of_it[..0] } else { of_it.as_slice() };
        let word = match action {
            Action::Removed | Action::Replaced => style.bad(action.word()),
            Action::PerhapsReplaced => style.warning(action.word()),
            _ => action.word().to_owned(),
        };
        for change in shown {
            let place: String = change.path.iter().flat_map(|id| [id.as_str(), "/"]).collect();
            let place = style.faint(&place);
            lines.push(format!("  {word} {place}{} {}", change.logical_id, style.faint(&change.resource_type)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style;

    fn change(action: &str, logical_id: &str, replacement: Option<&str>) -> Change {
        Change {
            path: vec!["Inner".to_owned()],
            action: action.to_owned(),
            logical_id: logical_id.to_owned(),
            resource_type: "AWS::S3::Bucket".to_owned(),
            replacement: replacement.map(str::to_owned),
        }
    }

    fn set(changes: Vec<Change>) -> ChangeSet {
        ChangeSet { id: "id".to_owned(), stack_id: "stack".to_owned(), creates: false, changes }
    }

    #[test]
    fn harm_comes_first_and_by_name() {
        let changes = vec![
            change("Add", "New", None),
            change("Modify", "Same", Some("False")),
            change("Modify", "Another", Some("True")),
            change("Modify", "Maybe", Some("Conditional")),
            change("Remove", "Old", None),
        ];
        let lines = text(&set(changes), style::plain());
        assert_eq!(
            lines,
            [
                "What will change: 1 removed, 1 REPLACED, 1 perhaps REPLACED, 1 changed, 1 added",
                "  removed Inner/Old AWS::S3::Bucket",
                "  REPLACED Inner/Another AWS::S3::Bucket",
                "  perhaps REPLACED Inner/Maybe AWS::S3::Bucket",
                "  changed Inner/Same AWS::S3::Bucket",
                "  added Inner/New AWS::S3::Bucket",
            ]
        );
    }

    #[test]
    fn a_nested_stack_is_changed_and_its_resources_are_replaced() {
        let stack = Change {
            resource_type: STACK.to_owned(),
            path: Vec::new(),
            ..change("Modify", "Inner", Some("Conditional"))
        };
        assert_eq!(action(&stack), Action::Changed);
        assert_eq!(total(std::slice::from_ref(&stack)), None);
        let inside = change("Modify", "Bucket", Some("Conditional"));
        assert_eq!(action(&inside), Action::PerhapsReplaced);
        assert_eq!(total(&[stack, inside]), Some(2));
    }

    #[test]
    fn many_additions_are_counted() {
        let changes = (0..100).map(|number| change("Add", &number.to_string(), None)).collect();
        assert_eq!(text(&set(changes), style::plain()), ["What will change: 100 added"]);
    }
}
