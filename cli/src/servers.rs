//! `bbb servers`.

mod table;

use clap::{Args, Subcommand};

use crate::aws;
use crate::console::Console;
use crate::exit::{FAILURE, SUCCESS};
use crate::global::{Format, Global};
use crate::pool::{self, Pool, Request};
use crate::stack_name::StackName;
use crate::stdout;
use crate::style;

pub(crate) use table::table;

/// The arguments of `bbb servers`.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  \
        bbb servers list\n  \
        bbb servers drain i-0123456789abcdef0           let it leave when its last meeting is over; another takes its place\n  \
        bbb servers enable vc-0123456789abcdef0         take that back\n  \
        bbb servers list --output json\n\n\
    A server is an instance's id or its name, with or without the domain. Needed is lambda:InvokeFunction on the pool's function, and no secret.\n\n{}",
    crate::exit::EXPLAINED
))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,

    #[command(flatten)]
    stack: StackName,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Every server, its state, and why
    List,
    /// No new meetings on a server until `enable`; it stays
    Cordon(Which),
    /// No new meetings, and when it is empty it leaves, with another in its place
    Drain(Which),
    /// Take back what cordon, drain or remove asked for
    Enable(Which),
    /// No new meetings, and when it is empty it leaves, and the group becomes one smaller
    Remove(Which),
    /// Look at everything now, and do what has to be done, rather than within the minute
    Reconcile,
}

#[derive(Debug, Args)]
struct Which {
    /// An instance's id (i-...), or a server's name (vc-...)
    server: String,
}

impl From<Verb> for Request {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::List => Request::List,
            Verb::Reconcile => Request::Reconcile,
            Verb::Cordon(Which { server }) => Request::Cordon { server },
            Verb::Drain(Which { server }) => Request::Drain { server },
            Verb::Enable(Which { server }) => Request::Enable { server },
            Verb::Remove(Which { server }) => Request::Remove { server },
        }
    }
}

/// Asks the pool's function, and prints its answer.
pub(crate) async fn run(arguments: Arguments, global: &Global, console: &Console) -> anyhow::Result<u8> {
    let aws = aws::connect(global).await?;
    let function = pool::function(&aws, &arguments.stack.stack_name).await?;
    let request: Request = arguments.verb.into();
    if request != Request::List {
        console.if_interrupted(Some(
            "What the function was asked for it may do all the same: bbb servers list".to_owned(),
        ));
    }
    let pool = pool::ask(&pool::client(&aws), &function, &request, console).await?;
    console.if_interrupted(None);
    match global.output {
        Format::Json => stdout::say_line(pool.whole),
        Format::Text => {
            stdout::say(table(&pool, style::on_stdout()));
            tell(&pool, console);
        }
    }
    let failed = pool.actions.iter().any(|action| action.outcome == "failed");
    Ok(if failed { FAILURE } else { SUCCESS })
}

/// Says what was done, what could not be read, and what else is to be known.
fn tell(pool: &Pool, console: &Console) {
    for action in &pool.actions {
        let step = match &action.step {
            serde_json::Value::Object(fields) => fields.keys().next().cloned().unwrap_or_default(),
            step => step.as_str().unwrap_or_default().to_owned(),
        };
        let why = action.why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        let line = format!("{}: {step}, because {}: {}{why}", action.server, action.reason, action.outcome);
        match action.outcome.as_str() {
            "done" => console.done(&line),
            "failed" => console.error(&line),
            _ => console.step(&line),
        }
    }
    for unread in &pool.unread {
        console.warn(&format!("{} could not be read: {}", unread.source, unread.why));
    }
    pool.remarks.iter().for_each(|remark| console.warn(remark));
}
