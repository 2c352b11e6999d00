//! What a tick says of itself: metrics, a log line for every action, and the answer to whoever asked.

use std::{io::Write as _, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use server_pool::{Decision, Metrics, Reading, World};
use tracing::{info, warn};

use crate::act::{Done, Outcome};

/// The one dimension of all metrics, as Auto Scaling's own metrics have it.
const DIMENSION: &str = "AutoScalingGroupName";

/// Where metrics go: lines in CloudWatch's embedded metric format, which Lambda's log hands on.
#[derive(Clone)]
pub struct MetricLines(Arc<dyn Fn(&str) + Send + Sync>);

impl MetricLines {
    /// To standard output, which is the function's log.
    #[must_use]
    pub fn to_log() -> Self {
        Self::to(|line| {
            // One write, so that no other line comes between. When the log is gone there is nobody to tell.
            let _nobody_to_tell = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
        })
    }

    /// To somewhere else.
    #[must_use]
    pub fn to(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }
}

impl std::fmt::Debug for MetricLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricLines")
    }
}

/// How a tick went, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tick {
    /// It ended before anything could be decided.
    pub(crate) failed: bool,
    /// How long it took.
    pub(crate) took: Duration,
    pub(crate) actions_done: usize,
    pub(crate) actions_failed: usize,
    pub(crate) actions_left: usize,
}

impl Tick {
    pub(crate) fn of(done: &[Done], took: Duration) -> Self {
        let count = |wanted: fn(&Outcome) -> bool| done.iter().filter(|done| wanted(&done.outcome)).count();
        Self {
            failed: false,
            took,
            actions_done: count(|outcome| matches!(outcome, Outcome::Done)),
            actions_failed: count(|outcome| matches!(outcome, Outcome::Failed { .. })),
            actions_left: count(|outcome| matches!(outcome, Outcome::Left)),
        }
    }
}

/// Publishes the metrics of a tick; those of the pool if they are known.
pub(crate) fn publish(
    lines: &MetricLines,
    namespace: &str,
    group: &str,
    milliseconds: u128,
    tick: Tick,
    pool: Option<&Metrics>,
) {
    let mut values: Vec<(&str, &str, Value)> = vec![
        ("TickFailed", "Count", json!(u8::from(tick.failed))),
        ("TickDuration", "Milliseconds", json!(u64::try_from(tick.took.as_millis()).unwrap_or(u64::MAX))),
        ("ActionsDone", "Count", json!(tick.actions_done)),
        ("ActionsFailed", "Count", json!(tick.actions_failed)),
        ("ActionsLeft", "Count", json!(tick.actions_left)),
    ];
    values.extend(pool.into_iter().flat_map(pool_values));
    let definitions: Vec<Value> = values.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let mut line: Map<String, Value> = values.into_iter().map(|(name, _, value)| (name.to_owned(), value)).collect();
    line.insert(DIMENSION.to_owned(), json!(group));
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": u64::try_from(milliseconds).unwrap_or(u64::MAX),
            "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [[DIMENSION]], "Metrics": definitions}],
        }),
    );
    (lines.0)(&Value::Object(line).to_string());
}

/// The pool's metrics: name, unit and value. What is not known has no line, because a zero would be a statement.
fn pool_values(pool: &Metrics) -> Vec<(&'static str, &'static str, Value)> {
    let count = |name, value: u32| (name, "Count", json!(value));
    let servers = pool.servers;
    let mut values = vec![
        count("SeatsUsed", pool.seats_used),
        count("Seats", pool.seats),
        count("Meetings", pool.meetings),
        count("Participants", pool.participants),
        count("LargestMeeting", pool.largest_meeting),
        count("DesiredServers", pool.desired),
        count("ServersLaunching", servers.launching),
        count("ServersJoining", servers.joining),
        count("ServersServing", servers.serving),
        count("ServersCordoned", servers.cordoned),
        count("ServersDraining", servers.draining),
        count("ServersFinishing", servers.finishing),
        count("ServersRetained", servers.retained),
        count("ServersUnreachable", servers.unreachable),
        count("ServersWarmed", servers.warmed),
        count("ServersGone", servers.gone),
        count("ServersForeign", servers.foreign),
        count("ServersUnknown", servers.unknown),
        ("OldestDrain", "Seconds", json!(pool.oldest_drain_seconds)),
        ("OldestUnregistered", "Seconds", json!(pool.oldest_unregistered_seconds)),
        count("DuplicateRegistrations", pool.duplicates),
        count("OutdatedServers", pool.outdated),
        count("UnreadSources", pool.unread_sources),
    ];
    values.extend(pool.seats_used_percent.map(|percent| ("SeatsUsedPercent", "Percent", json!(percent))));
    values
}

/// One line for every action, and for everything that the operator should know.
pub(crate) fn log(world: &World, decision: &Decision, done: &[Done]) {
    for (source, why) in unread(world) {
        warn!(source, why, "could not be read");
    }
    for remark in &decision.remarks {
        warn!(remark, "to be known");
    }
    for Done { action, outcome } in done {
        let (server, reason) = (action.server.as_str(), action.reason.as_ref());
        let step = json!(action.step);
        let (step, outcome) = (step_name(&step), outcome);
        match outcome {
            Outcome::Done => info!(server, action = step, reason, outcome = "done", "action"),
            Outcome::Left => info!(server, action = step, reason, outcome = "left", "action"),
            Outcome::Failed { why } => warn!(server, action = step, reason, outcome = "failed", why, "action"),
        }
    }
    info!(servers = %json!(decision.metrics.servers), actions = done.len(), "tick");
}

/// The sources that could not be read, and why.
pub(crate) fn unread(world: &World) -> Vec<(&'static str, &str)> {
    fn why<T>(reading: &Reading<T>) -> Option<&str> {
        match reading {
            Reading::Failed { why } => Some(why),
            Reading::Known(_) | Reading::Absent => None,
        }
    }
    let sources = [
        ("group", why(&world.group)),
        ("instances", why(&world.instances)),
        ("records", why(&world.records)),
        ("scalelite", why(&world.scalelite)),
    ];
    sources.into_iter().filter_map(|(source, why)| Some((source, why?))).collect()
}

/// The name of a step as it is written in JSON: a text, or the one key of an object.
fn step_name(step: &Value) -> &str {
    match step {
        Value::String(name) => name,
        Value::Object(fields) => fields.keys().next().map_or("", String::as_str),
        _ => "",
    }
}

/// How things stand, as an answer in JSON; see `docs/server-pool.md`.
pub(crate) fn answer(group: &str, world: &World, decision: &Decision, done: &[Done]) -> Value {
    let servers = decision.servers.iter().map(|server| {
        let mut fields = match json!(server.state) {
            Value::Object(fields) => fields,
            other => Map::from_iter([("state".to_owned(), other)]),
        };
        fields.insert("instance".to_owned(), json!(server.instance));
        fields.insert("name".to_owned(), json!(server.name));
        fields.insert("reason".to_owned(), json!(server.state.to_string()));
        Value::Object(fields)
    });
    let actions = done.iter().map(|Done { action, outcome }| {
        let (outcome, why) = match outcome {
            Outcome::Done => ("done", None),
            Outcome::Failed { why } => ("failed", Some(why)),
            Outcome::Left => ("left", None),
        };
        let mut fields =
            json!({"server": action.server, "step": action.step, "reason": action.reason, "outcome": outcome});
        if let Some(why) = why {
            fields["why"] = json!(why);
        }
        fields
    });
    json!({
        "group": size(group, world),
        "at": world.now,
        "servers": servers.collect::<Vec<_>>(),
        "actions": actions.collect::<Vec<_>>(),
        "metrics": decision.metrics,
        "remarks": decision.remarks,
        "unread": unread(world).into_iter().map(|(source, why)| json!({"source": source, "why": why})).collect::<Vec<_>>(),
    })
}

fn size(name: &str, world: &World) -> Value {
    match &world.group {
        Reading::Known(group) => json!({"name": name, "desired": group.desired, "min": group.min, "max": group.max}),
        Reading::Absent => json!({"name": name, "absent": true}),
        Reading::Failed { .. } => json!({"name": name}),
    }
}
