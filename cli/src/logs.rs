//! `bbb logs`.

mod groups;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use clap::Args;
use serde_json::json;
use tokio::time::sleep;

use crate::aws;
use crate::console::Console;
use crate::event_line::clock;
use crate::exit::{SUCCESS, refused};
use crate::global::{Format, Global};
use crate::stack_name::StackName;
use crate::style::{self, Style};
use crate::trouble::Trouble;
use crate::words::words;

/// How long to wait between two looks: an account may read logs a few times a second only, and every group is asked.
const PAUSE: Duration = Duration::from_secs(5);

/// How far a look goes back behind the newest line that was seen: lines of different streams arrive out of order.
const OVERLAP: Duration = Duration::from_secs(60);

/// The arguments of `bbb logs`.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  \
        bbb logs --follow                               everything that is written from now on\n  \
        bbb logs --since 2h --group Pool                what the pool's function wrote in two hours\n  \
        bbb logs --since 1d --filter ERROR --output json\n\n\
    With --output json every line is a JSON document of its own. The pattern is CloudWatch's: a word, \"several words\", or {{ $.level = \"ERROR\" }}.\n\n{}",
    crate::exit::EXPLAINED
))]
pub(crate) struct Arguments {
    #[command(flatten)]
    stack: StackName,

    /// Go on with what is written from now on, until Ctrl-C
    #[arg(long, short)]
    follow: bool,

    /// How far to go back: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = span)]
    since: Duration,

    /// Only groups whose name contains this, in any case
    #[arg(long, value_name = "TEXT")]
    group: Option<String>,

    /// Only lines that match CloudWatch's filter pattern
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// When it was written, in milliseconds since 1970.
    at: i64,
    group: String,
    text: String,
    id: String,
}

/// Reads `10m` and the like.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "not a number with s, m, h or d, such as 10m".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_error| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// Prints the logs of a deployment's functions, servers and services, oldest line first.
pub(crate) async fn run(arguments: Arguments, global: &Global, console: &Console) -> anyhow::Result<u8> {
    let aws = aws::connect(global).await?;
    let mut groups = groups::of(&aws, &arguments.stack.stack_name).await?;
    if let Some(wanted) = &arguments.group {
        groups.retain(|group| group.to_ascii_lowercase().contains(&wanted.to_ascii_lowercase()));
    }
    if groups.is_empty() {
        return Err(refused("there is no such log group in the deployment"));
    }
    console.step(&format!("{} log groups", groups.len()));
    let client = aws.logs();
    let from = milliseconds(SystemTime::now().checked_sub(arguments.since).unwrap_or(SystemTime::UNIX_EPOCH));
    let mut newest: BTreeMap<String, i64> = groups.iter().map(|group| (group.clone(), from)).collect();
    let mut seen = BTreeSet::new();
    let style = style::on_stdout();
    loop {
        let mut lines = Vec::new();
        let overlap = i64::try_from(OVERLAP.as_millis()).unwrap_or_default();
        for (group, newest) in &mut newest {
            let since = (*newest - overlap).max(from);
            let new = match read(&client, group, since, arguments.filter.as_deref()).await {
                Ok(new) => new,
                Err(error) => {
                    let words = words(&error);
                    if !arguments.follow || !Trouble::of(&words).is_some_and(Trouble::passes) {
                        return Err(error);
                    }
                    console.warn(&format!("{words}; looking again"));
                    continue;
                }
            };
            *newest = new.iter().map(|line| line.at).max().unwrap_or_default().max(*newest);
            lines.extend(new.into_iter().filter(|line| seen.insert((line.at, line.id.clone()))));
        }
        // Lines of the same moment stay as they were written.
        lines.sort_by_key(|line| line.at);
        let printed = lines
            .iter()
            .try_for_each(|line| writeln!(std::io::stdout().lock(), "{}", shown(line, global.output, style)));
        // Whoever reads has seen enough, as `head` has.
        if !arguments.follow || printed.is_err() {
            return Ok(SUCCESS);
        }
        // What no look goes back to does not come again.
        let oldest = newest.values().min().copied().unwrap_or_default() - overlap;
        seen = seen.split_off(&(oldest, String::new()));
        sleep(PAUSE).await;
    }
}

async fn read(client: &Client, group: &str, since: i64, filter: Option<&str>) -> anyhow::Result<Vec<Line>> {
    let request = client.filter_log_events().log_group_name(group).start_time(since);
    let mut pages = request.set_filter_pattern(filter.map(str::to_owned)).into_paginator().send();
    let mut lines = Vec::new();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            // A group is made with its first line, or went with its stack meanwhile.
            Err(error)
                if error.as_service_error().is_some_and(FilterLogEventsError::is_resource_not_found_exception) =>
            {
                break;
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read the log {group}")),
        };
        lines.extend(page.events().iter().map(|event| Line {
            at: event.timestamp().unwrap_or_default(),
            group: group.to_owned(),
            text: event.message().unwrap_or_default().trim_end().to_owned(),
            id: event.event_id().map_or_else(
                || format!("{group} {:?} {:?} {:?}", event.timestamp(), event.log_stream_name(), event.message()),
                str::to_owned,
            ),
        }));
    }
    Ok(lines)
}

fn shown(line: &Line, output: Format, style: Style) -> String {
    match output {
        Format::Json => json!({"at": line.at, "group": line.group, "line": line.text}).to_string(),
        Format::Text => {
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(line.at.try_into().unwrap_or_default());
            format!("{} {} {}", style.faint(&clock(at)), style.faint(&line.group), line.text)
        }
    }
}

fn milliseconds(time: SystemTime) -> i64 {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(span("1d"), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "h", "10", "-1m", "1.5h", "10é", "99999999999999999999d", "999999999999999999d"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_says_when_and_where() {
        let line = Line { at: 61_000, group: "g".to_owned(), text: "said".to_owned(), id: "1".to_owned() };
        assert_eq!(shown(&line, Format::Text, style::plain()), "00:01:01Z g said");
        assert_eq!(shown(&line, Format::Json, style::plain()), r#"{"at":61000,"group":"g","line":"said"}"#);
    }
}
