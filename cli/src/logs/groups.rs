//! The log groups of a deployment: those that its stacks made.

use std::collections::BTreeSet;

use anyhow::Context as _;
use deployment::stack;

use crate::aws::Aws;
use crate::exit::refused;

/// The names of all log groups of a stack and the stacks nested in it.
pub(super) async fn of(aws: &Aws, name: &str) -> anyhow::Result<BTreeSet<String>> {
    let client = aws.cloudformation();
    let Some(root) = stack::describe(&client, name).await? else {
        return Err(refused(format!("there is no stack {name} in {}: give --stack-name or --region", aws.place())));
    };
    let (mut groups, mut open) = (BTreeSet::new(), vec![root.id]);
    while let Some(stack) = open.pop() {
        let mut pages = client.list_stack_resources().stack_name(&stack).into_paginator().items().send();
        while let Some(resource) = pages.next().await {
            let resource = resource.with_context(|| format!("cannot list the resources of the stack {stack}"))?;
            let Some(id) = resource.physical_resource_id() else { continue };
            match resource.resource_type() {
                Some("AWS::CloudFormation::Stack") if id.starts_with("arn:") => open.push(id.to_owned()),
                Some("AWS::Logs::LogGroup") => {
                    groups.insert(id.to_owned());
                }
                _ => {}
            }
        }
    }
    Ok(groups)
}
