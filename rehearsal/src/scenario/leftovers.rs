//! Nothing is left of what the stacks made.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::StackStatus;

use super::World;
use super::broken::{Broken, ensure};

pub(super) async fn run(world: &mut World<'_>) {
    world
        .promise("nothing left behind", async |world| {
            let left = Inventory::take(world).await?;
            let extra = left.beyond(&world.before, &world.retained);
            ensure(extra.is_empty(), || format!("left behind: {}", extra.join(", ")))?;
            Ok(if world.retained.is_empty() {
                "nothing is there that was not there before".to_owned()
            } else {
                format!("kept as the template says: {}", world.retained.join(", "))
            })
        })
        .await;
}

/// What there is in the local AWS, of the kinds that our stacks make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    /// Kind and name.
    things: BTreeSet<(&'static str, String)>,
}

impl Inventory {
    /// What there is now.
    pub(super) async fn take(world: &World<'_>) -> Result<Self, Broken> {
        let mut things = BTreeSet::new();
        let mut add = |kind: &'static str, names: Vec<String>| {
            things.extend(names.into_iter().map(|name| (kind, name)));
        };
        add("certificate", world.certificates().await?.into_iter().collect());
        add(
            "record",
            world
                .records()
                .await?
                .iter()
                .map(|record| format!("{} {}", record.name(), record.r#type().as_str()))
                .collect(),
        );
        add("function", functions(world).await?);
        add("role", world.aws.roles().await?.into_iter().collect());
        add("log group", world.aws.log_groups().await?.into_iter().collect());
        add("parameter", world.aws.parameters().await?.into_iter().collect());
        add("user", world.aws.users().await?.into_iter().collect());
        add("secret", world.aws.secrets().await?.into_iter().collect());
        add("identity", world.aws.email_identities().await?.into_iter().collect());
        add("stack", stacks(world).await?);
        Ok(Self { things })
    }

    /// The same without the stack of this name and those nested in it.
    pub(super) fn without_stack(mut self, name: &str) -> Self {
        self.things.retain(|(kind, stack)| *kind != "stack" || !stack.starts_with(name));
        self
    }

    /// What is here and was not there `before`, except what is `retained`.
    pub(super) fn beyond(&self, before: &Self, retained: &[String]) -> Vec<String> {
        self.things
            .difference(&before.things)
            .filter(|(_, name)| !retained.contains(name))
            .map(|(kind, name)| format!("{kind} {name}"))
            .collect()
    }
}

async fn functions(world: &World<'_>) -> Result<Vec<String>, Broken> {
    let mut pages = world.lambda.list_functions().into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(function) = pages.next().await {
        names.extend(function?.function_name);
    }
    Ok(names)
}

async fn stacks(world: &World<'_>) -> Result<Vec<String>, Broken> {
    let mut pages = world.cloudformation.list_stacks().into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(stack) = pages.next().await {
        let stack = stack?;
        if stack.stack_status() != Some(&StackStatus::DeleteComplete) {
            names.extend(stack.stack_name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(things: &[(&'static str, &str)]) -> Inventory {
        Inventory { things: things.iter().map(|(kind, name)| (*kind, (*name).to_owned())).collect() }
    }

    #[test]
    fn what_was_there_and_what_is_retained_is_not_left_over() {
        let before = inventory(&[("record", "a.org. SOA")]);
        let now = inventory(&[
            ("record", "a.org. SOA"),
            ("role", "r"),
            ("log group", "/aws/lambda/f"),
            ("stack", "impossible-Certificate-1"),
        ]);
        let extra = now.without_stack("impossible").beyond(&before, &["/aws/lambda/f".to_owned()]);
        assert_eq!(extra, ["role r"]);
    }
}
