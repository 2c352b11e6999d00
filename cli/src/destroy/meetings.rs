//! Whether meetings run, and how they end.

use anyhow::{Context as _, bail};
use aws_sdk_cloudformation::types::{Capability, Parameter, StackStatus};
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

/// What `--end-meetings` makes of it.
const HURRY: &str = "1";

/// What it is in the template.
const DEFAULT: &str = "1440";

/// The states of servers that have no meetings, whatever they say. One that is joining may have some: a server that Scalelite forgot joins again with them.
const IDLE: [&str; 5] = ["launching", "finishing", "warmed", "gone", "foreign"];

/// Refuses while meetings run, or while nobody knows whether they do.
pub(super) async fn none_run(aws: &Aws, stack: &Stack, console: &Console) -> anyhow::Result<()> {
    // Without it the deployment never was whole, and had no servers that were looked after.
    let Some(function) = stack.outputs.get("PoolFunctionName") else { return Ok(()) };
    let advice = "wait, drain the servers (bbb servers drain), or end the meetings with --end-meetings";
    let why = match pool::ask(&pool::client(aws), function, &Request::List, console).await {
        Ok(pool) => judge(&pool),
        // The function goes after the servers: an earlier deletion came that far.
        Err(error) if stack.status == StackStatus::DeleteFailed && pool::is_gone(&error) => None,
        Err(error) => Some(format!("nobody knows whether meetings run ({})", words(&error))),
    };
    let Some(why) = why else { return Ok(()) };
    let is_hurried = stack.parameters.get(DEADLINE).is_some_and(|minutes| minutes == HURRY);
    let hurried = if is_hurried { format!(". {}", warning(stack)) } else { String::new() };
    Err(refused(format!("{why}: {advice}{hurried}")))
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
        let (run, them) = if meetings == 1 { ("meeting runs", "it") } else { ("meetings run", "them") };
        let who = if people == 1 { "person" } else { "people" };
        return Some(format!("{meetings} {run}, with {people} {who} in {them}"));
    }
    (!silent.is_empty()).then(|| format!("nobody knows whether meetings run on {}", silent.join(", ")))
}

/// Has servers end within a minute of their drain, whatever runs on them: a drained server is otherwise left to its meetings, and the deletion waits.
pub(super) async fn hurry(aws: &Aws, stack: &Stack, console: &Console) -> anyhow::Result<()> {
    let Some(deadline) = stack.parameters.get(DEADLINE) else { return Ok(()) };
    if !stack.outputs.contains_key("PoolFunctionName") || deadline == HURRY {
        return Ok(());
    }
    if !can_be_updated(&stack.status) {
        console.warn(&format!(
            "in {} the drain cannot be shortened any more ({DEADLINE} is {deadline}): servers that are left end when their meetings do",
            stack.status.as_str()
        ));
        return Ok(());
    }
    console.step("meetings are to end: servers get one minute to drain");
    // Whatever comes between this and the deletion, scaling in ends meetings from now on.
    console.whenever_interrupted(Some(warning(stack)));
    let client = aws.cloudformation();
    let mark = Mark::before(&client, &stack.id).await?;
    let parameters = stack.parameters.keys().map(|name| {
        let parameter = Parameter::builder().parameter_key(name);
        if name == DEADLINE { parameter.parameter_value(HURRY) } else { parameter.use_previous_value(true) }.build()
    });
    let request = client.update_stack().stack_name(&stack.id).use_previous_template(true);
    let request = request.set_parameters(Some(parameters.collect())).capabilities(Capability::CapabilityIam);
    request.send().await.context("cannot shorten the drain")?;
    let ended = follow::follow(aws, &mark, &stack.name, None, console).await?;
    if !ended.followed.succeeded() {
        follow::explain(&ended, &stack.name, console);
        bail!("the drain could not be shortened; nothing was deleted");
    }
    console.warn(&warning(stack));
    Ok(())
}

/// Whether a stack of this status takes an update.
fn can_be_updated(status: &StackStatus) -> bool {
    matches!(
        status,
        StackStatus::CreateComplete
            | StackStatus::UpdateComplete
            | StackStatus::UpdateRollbackComplete
            | StackStatus::ImportComplete
            | StackStatus::ImportRollbackComplete
    )
}

/// What a shortened drain means, and how it is set back.
fn warning(stack: &Stack) -> String {
    let before = stack.parameters.get(DEADLINE).map(String::as_str).filter(|minutes| *minutes != HURRY);
    format!(
        "until {} is gone, servers end a minute after they are to leave, with their meetings. If it stays, set that back: \
         bbb deploy --stack-name {} --parameter {DEADLINE}={}",
        stack.name,
        stack.name,
        before.unwrap_or(DEFAULT)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{Load, Server, Unread};

    fn server(state: &str, load: Option<Load>) -> Server {
        Server { state: state.to_owned(), name: Some("vc-1".to_owned()), load, ..Server::default() }
    }

    #[test]
    fn a_shortened_drain_can_be_set_back() {
        let template = include_str!("../../../template.yaml");
        let (_, parameter) = template.split_once(&format!("\n  {DEADLINE}:\n")).expect("the parameter");
        let default = parameter.lines().find_map(|line| line.trim().strip_prefix("Default: ")).expect("a default");
        assert_eq!(default.trim_matches('"'), DEFAULT);
        let stack = |minutes: &str| Stack {
            id: "arn".to_owned(),
            name: "exam".to_owned(),
            status: StackStatus::CreateComplete,
            reason: None,
            parameters: [(DEADLINE.to_owned(), minutes.to_owned())].into(),
            outputs: [].into(),
        };
        let end = |minutes| warning(&stack(minutes)).rsplit(' ').next().map(str::to_owned);
        assert_eq!(end("90").as_deref(), Some("BBBDrainDeadlineMinutes=90"));
        assert_eq!(end(HURRY).as_deref(), Some("BBBDrainDeadlineMinutes=1440"));
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
