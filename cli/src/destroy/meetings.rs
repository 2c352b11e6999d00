//! Whether meetings run, and how they end.

use anyhow::{Context as _, bail};
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{Capability, Parameter};
use deployment::events::Mark;
use deployment::stack::Stack;

use crate::aws::Aws;
use crate::console::Console;
use crate::exit::refused;
use crate::follow;
use crate::pool::{self, Pool, Request};
use crate::words::words;

/// After how many minutes a server ends whatever runs on it.
const DEADLINE: &str = "BBBDrainDeadlineMinutes";

/// The states of servers that have no meetings, whatever they say. One that is joining may have some: a server that Scalelite forgot joins again with them.
const IDLE: [&str; 5] = ["launching", "finishing", "warmed", "gone", "foreign"];

/// Refuses while meetings run, or while nobody knows whether they do.
pub(super) async fn none_run(aws: &Aws, stack: &Stack, console: &Console) -> anyhow::Result<()> {
    // Without it the deployment never was whole, and had no servers that were looked after.
    let Some(function) = stack.outputs.get("PoolFunctionName") else { return Ok(()) };
    let advice = "wait, drain the servers (bbb servers drain), or end the meetings with --end-meetings";
    let pool = pool::ask(&pool::client(aws), function, &Request::List, console).await;
    let pool =
        pool.map_err(|error| refused(format!("nobody knows whether meetings run ({}): {advice}", words(&error))))?;
    match judge(&pool) {
        None => Ok(()),
        Some(why) => Err(refused(format!("{why}: {advice}"))),
    }
}

/// Why the servers may not end now, if they may not.
fn judge(pool: &Pool) -> Option<String> {
    if let Some(unread) = pool.unread.iter().find(|unread| ["group", "instances"].contains(&unread.source.as_str())) {
        return Some(format!(
            "nobody knows which servers there are ({} could not be read: {})",
            unread.source, unread.why
        ));
    }
    let (mut meetings, mut people, mut silent) = (0, 0, Vec::new());
    for server in pool.servers.iter().filter(|server| !IDLE.contains(&server.state.as_str())) {
        match server.load() {
            Some(load) => {
                meetings += load.meetings;
                people += load.participants;
            }
            None => silent.push(server.name.as_deref().or(server.instance.as_deref()).unwrap_or("a server")),
        }
    }
    if meetings > 0 {
        return Some(format!("{meetings} meetings run, with {people} people in them"));
    }
    (!silent.is_empty()).then(|| format!("nobody knows whether meetings run on {}", silent.join(", ")))
}

/// Has servers end within a minute of their drain, whatever runs on them: a drained server is otherwise left to its meetings, and the deletion waits.
pub(super) async fn hurry(aws: &Aws, stack: &Stack, console: &Console) -> anyhow::Result<()> {
    if !stack.outputs.contains_key("PoolFunctionName") || !stack.parameters.contains_key(DEADLINE) {
        return Ok(());
    }
    console.step("meetings are to end: servers get one minute to drain");
    let client = aws.cloudformation();
    let mark = Mark::before(&client, &stack.id).await?;
    let parameters = stack.parameters.keys().map(|name| {
        let parameter = Parameter::builder().parameter_key(name);
        if name == DEADLINE { parameter.parameter_value("1") } else { parameter.use_previous_value(true) }.build()
    });
    let request = client.update_stack().stack_name(&stack.id).use_previous_template(true);
    let request = request.set_parameters(Some(parameters.collect())).capabilities(Capability::CapabilityIam);
    match request.send().await {
        Ok(_) => {}
        Err(error) if error.message().is_some_and(|message| message.contains("No updates are to be performed")) => {
            return Ok(());
        }
        Err(error) => return Err(error).context("cannot shorten the drain"),
    }
    let ended = follow::follow(aws, &mark, &stack.name, None, console).await?;
    if !ended.followed.succeeded() {
        follow::explain(&ended, &stack.name, console);
        bail!("the drain could not be shortened; nothing was deleted");
    }
    // Whatever comes between this and the deletion, scaling in would end meetings from now on.
    let before = stack.parameters.get(DEADLINE).map_or("1440", String::as_str);
    console.warn(&format!(
        "until {} is gone, servers end a minute after they are to leave, with their meetings. If it stays, set that back: \
         bbb deploy --stack-name {} --parameter {DEADLINE}={before}",
        stack.name, stack.name
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{Load, Server, Unread};

    fn server(state: &str, load: Option<Load>) -> Server {
        Server { state: state.to_owned(), name: Some("vc-1".to_owned()), load, ..Server::default() }
    }

    #[test]
    fn what_is_not_known_is_not_taken_for_empty() {
        let judged = |servers| judge(&Pool { servers, ..Pool::default() });
        assert_eq!(judged(vec![]), None);
        assert_eq!(judged(vec![server("serving", Some(Load::default())), server("launching", None)]), None);
        let busy = Some(Load { meetings: 2, participants: 9 });
        assert_eq!(judged(vec![server("serving", busy)]).as_deref(), Some("2 meetings run, with 9 people in them"));
        assert!(judged(vec![server("unreachable", None)]).expect("refused").contains("nobody knows"));
        assert!(judged(vec![server("joining", None)]).expect("refused").contains("nobody knows"));
        let unread = vec![Unread { source: "instances".to_owned(), why: "denied".to_owned() }];
        assert!(judge(&Pool { unread, ..Pool::default() }).expect("refused").contains("denied"));
    }
}
