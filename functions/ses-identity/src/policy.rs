//! Sending authorisation policies: checked, completed, compared. No calls are made here.

use serde_json::{Map, Value, json};

use crate::Error;

/// Checks the document's shape and gives it `identity_arn` as the resource of statements that name none. Everything else, `Sid` and
/// `Condition` included, stays as it is.
pub(crate) fn complete(document: &Map<String, Value>, identity_arn: &str) -> Result<Value, Error> {
    let problem = |place: &str, problem: &str| Error::Property {
        property: "PolicyDocument",
        problem: if place.is_empty() { problem.to_owned() } else { format!("{place} {problem}") },
    };
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        _ => return Err(problem("", "needs a list Statement with one entry at least")),
    };
    let mut completed = Vec::new();
    for (index, statement) in statements.into_iter().enumerate() {
        let place = format!("Statement[{index}]");
        let Value::Object(mut statement) = statement else { return Err(problem(&place, "is not a map")) };
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow" | "Deny") => {}
            _ => return Err(problem(&place, "needs an Effect, Allow or Deny")),
        }
        for key in ["Principal", "Action"] {
            // Their opposites are part of the policy language too.
            if !statement.contains_key(key) && !statement.contains_key(&format!("Not{key}")) {
                return Err(problem(&place, &format!("needs {key}")));
            }
        }
        if statement.get("Resource").is_none_or(Value::is_null) && !statement.contains_key("NotResource") {
            statement.insert("Resource".to_owned(), json!(identity_arn));
        }
        completed.push(Value::Object(statement));
    }
    let mut whole = document.clone();
    whole.entry("Version").or_insert_with(|| json!("2012-10-17"));
    whole.insert("Statement".to_owned(), Value::Array(completed));
    Ok(Value::Object(whole))
}

/// Whether two documents mean the same: order of keys and of lists of names does not matter, nor whether one name is in a list.
pub(crate) fn is_same(one: &Value, other: &Value) -> bool {
    canonical(one) == canonical(other)
}

fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), canonical_entry(key, value))).collect())
        }
        other => other.clone(),
    }
}

fn canonical_entry(key: &str, value: &Value) -> Value {
    match value {
        // Statements are a list of which the order does not matter either, but a person wrote it so.
        Value::Array(items) if key == "Statement" => Value::Array(items.iter().map(canonical).collect()),
        Value::Object(map) if key == "Statement" => json!([canonical(&Value::Object(map.clone()))]),
        Value::Array(items) => {
            let mut texts: Vec<String> = items.iter().map(text).collect();
            texts.sort_unstable();
            texts.dedup();
            json!(texts)
        }
        Value::Object(_) => canonical(value),
        _ if matches!(key, "Version" | "Sid" | "Id" | "Effect") => value.clone(),
        scalar => json!([text(scalar)]),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ARN: &str = "arn:aws:ses:eu-west-1:123456789012:identity/example.org";

    fn of(value: Value) -> Result<Value, String> {
        let Value::Object(map) = value else { panic!("a map") };
        complete(&map, ARN).map_err(|error| error.to_string())
    }

    #[test]
    fn sid_and_condition_stay_and_a_missing_resource_is_the_identity() {
        let given = json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "Colleagues", "Effect": "Allow", "Principal": {"AWS": ["123456789012"]}, "Action": ["ses:SendEmail"],
            "Condition": {"StringLike": {"ses:FromAddress": "*@example.org"}},
        }]});
        let mut expected = given.clone();
        expected["Statement"][0]["Resource"] = json!(ARN);
        assert_eq!(of(given).unwrap(), expected);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(of(json!({})).unwrap_err().contains("needs a list Statement"));
        assert!(
            of(json!({"Statement": [{"Effect": "Perhaps"}]})).unwrap_err().contains("Statement[0] needs an Effect")
        );
        let no_action = json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "x"}, {"Effect": "Deny", "Principal": "*"}]});
        assert!(of(no_action).unwrap_err().contains("Statement[1] needs Action"));
    }

    #[test]
    fn another_condition_is_another_policy() {
        let with = |address: &str| {
            json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ses:SendEmail", "Resource": ARN,
                                  "Condition": {"StringLike": {"ses:FromAddress": address}}}]})
        };
        assert!(is_same(&with("a"), &with("a")));
        assert!(!is_same(&with("a"), &with("b")));
    }

    proptest! {
        #[test]
        fn order_and_single_entries_do_not_matter(mut actions in prop::collection::btree_set("ses:[A-Z][a-z]{3,8}", 1..4), effect: bool) {
            let effect = if effect { "Allow" } else { "Deny" };
            let list: Vec<_> = actions.iter().cloned().collect();
            let reversed: Vec<_> = list.iter().rev().cloned().collect();
            let of = |actions: Value| json!({"Statement": [{"Effect": effect, "Principal": {"AWS": "1"}, "Action": actions, "Resource": ARN}]});
            prop_assert!(is_same(&of(json!(list)), &of(json!(reversed))));
            if list.len() == 1 { prop_assert!(is_same(&of(json!(list)), &of(json!(list[0])))); }
            actions.insert("ses:Another".to_owned());
            prop_assert!(!is_same(&of(json!(list)), &of(json!(actions))));
        }

        #[test]
        fn a_completed_policy_is_complete(sid in "[A-Za-z]{1,9}") {
            let once = of(json!({"Statement": {"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": "ses:SendEmail"}})).unwrap();
            prop_assert_eq!(of(once.clone()).unwrap(), once.clone());
            prop_assert_eq!(&once["Statement"][0]["Sid"], &json!(sid));
        }
    }
}
