//! No function wrote a response URL into its log, and no SMTP password is anywhere but in its secret.

use std::fmt::Write as _;

use super::World;
use super::broken::{Broken, ensure};

/// Parts of a presigned URL that open it; the names stand for their values, which differ each time.
const TELLING: [&str; 4] = ["Signature=", "X-Amz-Signature", "AWSAccessKeyId=", "X-Amz-Credential"];

pub(super) async fn run(world: &mut World<'_>) {
    world
        .promise("no response URL in any function's log", async |world| {
            let lines = world.aws.function_log().await?;
            ensure(!lines.is_empty(), || "the functions' log is empty, so that nothing could be searched".to_owned())?;
            let telling = lines.iter().filter(|line| gives_away(line)).count();
            ensure(telling == 0, || format!("{telling} of {} lines give one away", lines.len()))?;
            Ok(format!("{} lines searched", lines.len()))
        })
        .await;
    world
        .promise("no SMTP password in a log, event, id, parameter or output", async |world| {
            ensure(!world.smtp_passwords.is_empty(), || "no password was made that could be searched for".to_owned())?;
            let said = world.stacks_said.clone() + &world.aws.function_log().await?.join("\n");
            let found = world.smtp_passwords.iter().filter(|password| said.contains(password.as_str())).count();
            ensure(found == 0, || format!("{found} of {} were found", world.smtp_passwords.len()))?;
            Ok(format!("{} passwords searched for in {} kB", world.smtp_passwords.len(), said.len() / 1000))
        })
        .await;
}

fn gives_away(line: &str) -> bool {
    TELLING.iter().any(|part| line.contains(part))
}

impl World<'_> {
    /// Notes everything that CloudFormation shows of the stacks that there are, the deleted ones included.
    pub(super) async fn listen_to_stacks(&mut self) -> Result<(), Broken> {
        let mut pages = self.cloudformation.list_stacks().into_paginator().items().send();
        while let Some(stack) = pages.next().await {
            let stack = stack?;
            let Some(id) = stack.stack_id() else { continue };
            let said = &mut self.stacks_said;
            let _ = writeln!(said, "{stack:?}");
            let mut events = self.cloudformation.describe_stack_events().stack_name(id).into_paginator().items().send();
            while let Some(event) = events.next().await {
                let _ = writeln!(said, "{:?}", event?);
            }
            let resources = self.cloudformation.describe_stack_resources().stack_name(id).send().await?;
            let described = self.cloudformation.describe_stacks().stack_name(id).send().await?;
            let _ = writeln!(said, "{resources:?}\n{described:?}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_found() {
        assert!(gives_away("GET https://b.s3.amazonaws.com/k?Expires=1&Signature=abc%3D"));
        assert!(!gives_away("the answer was sent to b.s3.amazonaws.com"));
    }
}
