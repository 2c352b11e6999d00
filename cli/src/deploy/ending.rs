//! What an operator needs to know when a deployment stands.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::StackStatus;
use deployment::change_set::ChangeSet;
use deployment::stack;
use serde_json::json;

use super::changes;
use crate::aws::Aws;
use crate::console::Console;
use crate::exit::SUCCESS;
use crate::global::{Format, Global};
use crate::stdout;
use crate::style::{self, Style};

/// Prints where everything is.
pub(super) async fn success(
    aws: &Aws,
    name: &str,
    made: Option<&ChangeSet>,
    global: &Global,
    console: &Console,
) -> anyhow::Result<u8> {
    let stack = stack::describe(&aws.cloudformation(), name).await?;
    let (status, outputs) = stack.map(|stack| (stack.status, stack.outputs)).unzip();
    let outputs = outputs.unwrap_or_default();
    match global.output {
        Format::Json => stdout::say_line(json!({
            "stack": name, "status": status.as_ref().map(StackStatus::as_str), "outputs": outputs,
            "changes": changes::as_json(made.map_or(&[], |made| &made.changes)),
        })),
        Format::Text => {
            stdout::say(text(&outputs, made.is_some_and(|made| made.creates), &aws.options, style::on_stdout()));
        }
    }
    if let Some(path) = console.log_path() {
        console.line(&console.style.faint(&format!("the log: {}", path.display())));
    }
    Ok(SUCCESS)
}

/// The outputs in the words of those who need them. No secret is among them: only what they are called.
fn text(outputs: &BTreeMap<String, String>, is_new: bool, options: &str, style: Style) -> String {
    let mut text = String::new();
    let mut section = |title: &str, lines: &[String]| {
        text.push_str(&format!("{}\n", style.strong(title)));
        lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    };
    let value = |name: &str| outputs.get(name).map(String::as_str);
    let secret = |arn: &str| {
        format!("aws secretsmanager get-secret-value{options} --query SecretString --output text --secret-id {arn}")
    };
    if let Some(url) = value("GreenlightUrl") {
        let mut lines = vec![url.to_owned()];
        if let Some(arn) = value("AdministratorSecretArn") {
            lines.push(format!("The administrator's first login is in the secret {}:", name_of(arn)));
            lines.push(secret(arn));
        }
        section("For people", &lines);
    }
    if let Some(url) = value("ScaleliteUrl") {
        let mut lines = vec![format!("Server URL: {url} (some want /bigbluebutton/ at its end)")];
        if let Some(arn) = value("LoadbalancerSecretArn") {
            lines.push(format!("The shared secret is basekeyvalue in the secret {}:", name_of(arn)));
            lines.push(secret(arn));
        }
        section("For a learning management system, such as Moodle", &lines);
    }
    let mut next = Vec::new();
    if is_new {
        next.push(
            "AWS asks the operator's address to confirm that alarms may be sent there: open that mail.".to_owned(),
        );
        next.push("The first server takes meetings a quarter of an hour or more from now: bbb servers list".to_owned());
    }
    if value("SesInSandbox") == Some("true") {
        next.push(
            "Mail reaches verified addresses only, until AWS grants production access: SES console, Account dashboard."
                .to_owned(),
        );
    }
    if !next.is_empty() {
        section("What remains", &next);
    }
    text
}

/// A secret's name out of its ARN, which ends in a hyphen and six characters.
fn name_of(arn: &str) -> &str {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    name.rsplit_once('-').map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_where_to_go_and_where_secrets_are() {
        let arn = "arn:aws:secretsmanager:eu-central-1:1:secret:BBBAdministratorlogin-abc-Xy12Zz";
        let outputs = BTreeMap::from([
            ("GreenlightUrl".to_owned(), "https://conference.example.org".to_owned()),
            ("AdministratorSecretArn".to_owned(), arn.to_owned()),
            ("ScaleliteUrl".to_owned(), "https://scalelite.example.org".to_owned()),
            ("SesInSandbox".to_owned(), "true".to_owned()),
        ]);
        let text = text(&outputs, true, " --profile x", style::plain());
        assert!(text.starts_with("For people\n  https://conference.example.org\n"), "{text}");
        assert!(text.contains("in the secret BBBAdministratorlogin-abc:"), "{text}");
        assert!(
            text.contains(&format!(
                "get-secret-value --profile x --query SecretString --output text --secret-id {arn}"
            ))
        );
        assert!(text.contains("Server URL: https://scalelite.example.org"));
        assert!(text.contains("production access"));
    }

    #[test]
    fn without_a_frontend_nothing_is_said_of_it() {
        assert_eq!(text(&BTreeMap::new(), false, "", style::plain()), "");
        assert!(text(&BTreeMap::new(), true, "", style::plain()).starts_with("What remains\n"));
    }
}
