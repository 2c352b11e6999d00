//! Secrets where people or other services can read them.

use crate::{
    definition::STACK,
    evaluate::Stack,
    fault::{Fault, Rule},
    value::{Data, Value},
};

/// Attributes of AWS's own types that are secrets.
pub(super) const ATTRIBUTES: [(&str, &str); 3] = [
    ("AWS::IAM::AccessKey", "SecretAccessKey"),
    ("AWS::Cognito::UserPoolClient", "ClientSecret"),
    ("AWS::Lightsail::Database", "MasterUserPassword"),
];

/// Properties that many may read: in the console, in `describe` calls, on the machine.
const OPEN: [&str; 12] = [
    "AlarmDescription",
    "Command",
    "Comment",
    "Description",
    "DockerLabels",
    "EntryPoint",
    "Environment",
    "EnvironmentVariables",
    "GroupDescription",
    "Labels",
    "Tags",
    "UserData",
];

/// Properties that are secrets: what they hold must come from somewhere else than the template.
const SECRET: [&str; 5] = ["AuthToken", "MasterUserPassword", "Password", "Passwords", "SecretString"];

/// How the names of environment variables end that hold secrets.
const VARIABLES: [&str; 8] =
    ["ACCESS_KEY", "API_KEY", "CREDENTIALS", "KEY_BASE", "PASSWORD", "PRIVATE_KEY", "SECRET", "TOKEN"];

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |value: &Value, message: String| {
        faults.push(stack.definition.fault(value.at, Rule::Secret, message));
    };
    for output in stack.outputs.values() {
        search(&output.value, Some("an output"), &mut fault);
    }
    for resource in stack.resources.values() {
        if resource.type_name() == STACK {
            // What is passed on is looked at where the nested stack takes it.
            continue;
        }
        let is_custom = resource.type_name().starts_with("Custom::")
            || resource.type_name() == "AWS::CloudFormation::CustomResource"
            // A parameter that is not encrypted is read like any text.
            || resource.type_name() == "AWS::SSM::Parameter";
        for (name, value) in &resource.attributes {
            let open = match *name {
                "Metadata" => Some("Metadata"),
                _ if is_custom => Some("what everybody may read who sees the stack"),
                _ => None,
            };
            search(value, open, &mut fault);
        }
    }
    faults
}

/// Whether a text holds an address with a password that is written out, and not put in by a program or a shell.
fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(|letter: char| letter.is_whitespace() || "/\"'".contains(letter)).next();
        let password =
            authority.and_then(|authority| authority.rsplit_once('@')?.0.split_once(':')).map(|(_, password)| password);
        password.is_some_and(|password| {
            password.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.~!*".contains(letter))
        })
    })
}

/// Looks for secrets in `value`, which stands in the property `open` if others may read it.
fn search(value: &Value, open: Option<&str>, fault: &mut impl FnMut(&Value, String)) {
    match &value.data {
        Data::Absent => {}
        Data::Text(text) => {
            if let (Some(open), Some(secret)) = (open, text.secret()) {
                fault(value, format!("puts {secret} into {open}"));
            }
            if let (Some(open), true) = (open, text.literals().any(has_password)) {
                fault(value, format!("puts an address with a password into {open}"));
            }
        }
        Data::List(items) => items.iter().for_each(|item| {
            // ECS has variables as a list of names and values.
            if let (Some(name), Some(content)) = (item.get("Name").and_then(Value::literal), item.get("Value")) {
                variable(name, content, open, fault);
            }
            search(item, open, fault);
        }),
        Data::Map(entries) => {
            for (key, entry) in entries {
                let inner = if OPEN.contains(&key.as_str()) { Some(key.as_str()) } else { open };
                variable(key, entry, open, fault);
                if SECRET.contains(&key.as_str()) && entry.literal().is_some_and(|text| !text.contains("{{resolve:")) {
                    fault(entry, "is a secret that the template gives away".to_owned());
                }
                search(entry, inner, fault);
            }
        }
    }
}

/// A variable of an environment, whose name may say that it is a secret.
fn variable(name: &str, content: &Value, open: Option<&str>, fault: &mut impl FnMut(&Value, String)) {
    let is_environment = matches!(open, Some("Environment" | "EnvironmentVariables"));
    let is_secret = VARIABLES.iter().any(|end| name.to_uppercase().ends_with(end));
    let is_text = content.text().is_some_and(|text| text.literal() != Some(""));
    if is_environment && is_secret && is_text {
        fault(content, format!("gives {name} its value in the open, instead of as a secret"));
    }
}
