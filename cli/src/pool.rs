//! Asks the function that keeps the pool of servers; see docs/server-pool.md for its requests and answers.

use std::time::Duration;

use anyhow::{Context as _, bail};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_sdk_lambda::primitives::{Blob, DateTime, DateTimeFormat};
use deployment::stack;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::sleep;

use crate::aws::Aws;
use crate::console::Console;
use crate::exit::refused;

/// The root stack's output with the function's name.
const OUTPUT: &str = "PoolFunctionName";

/// How often a request is repeated while the function is busy. A tick takes up to a minute, so it is free again long before that.
const TRIES: u32 = 30;

/// How long to wait before asking a busy function again.
const PAUSE: Duration = Duration::from_secs(5);

/// What the function is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "request", rename_all = "lowercase")]
pub(crate) enum Request {
    List,
    Reconcile,
    Cordon { server: String },
    Drain { server: String },
    Enable { server: String },
    Remove { server: String },
}

/// How things stand with the pool, as far as it is shown; `whole` is all that the function said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Pool {
    pub(crate) group: Group,
    /// When the function looked, in seconds since 1970.
    pub(crate) at: i64,
    pub(crate) servers: Vec<Server>,
    pub(crate) actions: Vec<Action>,
    pub(crate) remarks: Vec<String>,
    pub(crate) unread: Vec<Unread>,
    pub(crate) whole: Value,
}

/// The Auto Scaling group.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) desired: Option<u32>,
    pub(crate) min: Option<u32>,
    pub(crate) max: Option<u32>,
    #[serde(default)]
    pub(crate) absent: bool,
}

/// A server.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Server {
    pub(crate) instance: Option<String>,
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) load: Option<Load>,
    /// Since when it is drained, in seconds since 1970.
    #[serde(default, deserialize_with = "moment")]
    pub(crate) since: Option<i64>,
    #[serde(default)]
    pub(crate) kept_by: Value,
}

/// What a server has of meetings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Load {
    pub(crate) meetings: u32,
    pub(crate) participants: u32,
}

/// Something that the function did.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Action {
    pub(crate) server: String,
    pub(crate) step: Value,
    pub(crate) reason: String,
    pub(crate) outcome: String,
    pub(crate) why: Option<String>,
}

/// Something that the function could not read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Unread {
    pub(crate) source: String,
    pub(crate) why: String,
}

#[derive(Deserialize)]
struct Answer {
    group: Group,
    #[serde(default, deserialize_with = "moment")]
    at: Option<i64>,
    #[serde(default)]
    servers: Vec<Server>,
    #[serde(default)]
    actions: Vec<Action>,
    #[serde(default)]
    remarks: Vec<Value>,
    #[serde(default)]
    unread: Vec<Unread>,
}

impl Server {
    /// What it has of meetings, wherever the function says so.
    pub(crate) fn load(&self) -> Option<Load> {
        // What keeps a server that is to leave may be its meetings.
        let kept = || Load::deserialize(self.kept_by.get("meetings")?).ok();
        self.load.or_else(kept)
    }
}

/// A moment as the function writes it, such as 2026-11-22T18:00:00Z.
fn moment<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    text.map(|text| DateTime::from_str(&text, DateTimeFormat::DateTime).map(|time| time.secs()))
        .transpose()
        .map_err(serde::de::Error::custom)
}

/// The name of the function of the deployment `stack`.
pub(crate) async fn function(aws: &Aws, name: &str) -> anyhow::Result<String> {
    let Some(stack) = stack::describe(&aws.cloudformation(), name).await? else {
        return Err(refused(format!("there is no stack {name} in {}: give --stack-name or --region", aws.place())));
    };
    match stack.outputs.get(OUTPUT) {
        Some(function) => Ok(function.clone()),
        None => Err(refused(format!(
            "the stack {name} ({}) has no output {OUTPUT}: it is not (or not yet, or no longer) a whole deployment",
            stack.status.as_str()
        ))),
    }
}

/// A client that leaves repeating to [`ask`], which says that it does.
pub(crate) fn client(aws: &Aws) -> Client {
    let config = aws_sdk_lambda::config::Builder::from(aws.config()).retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

/// Asks the function, again while it is busy.
pub(crate) async fn ask(client: &Client, function: &str, request: &Request, console: &Console) -> anyhow::Result<Pool> {
    let payload = serde_json::to_vec(request)?;
    let mut tries = 0;
    let answer = loop {
        tries += 1;
        let sent = client.invoke().function_name(function).payload(Blob::new(payload.clone())).send().await;
        match sent {
            Ok(answer) => break answer,
            Err(error) if tries < TRIES && is_busy(&error) => {
                if tries == 1 {
                    console.step("the function is looking after the pool right now; asking again until it is free");
                }
                sleep(PAUSE).await;
            }
            Err(error) => return Err(error).with_context(|| format!("cannot ask the function {function}")),
        }
    };
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    let said: Value = serde_json::from_slice(payload).with_context(|| format!("{function} answered no JSON"))?;
    if answer.function_error().is_some() {
        let message = said["errorMessage"].as_str().map_or_else(|| said.to_string(), str::to_owned);
        bail!("{function}: {message}");
    }
    read(said).with_context(|| format!("{function} answered in an unknown form; is it of another release?"))
}

/// Whether the same request may be taken later: every request may arrive twice.
fn is_busy(error: &SdkError<InvokeError>) -> bool {
    match error {
        SdkError::ServiceError(refusal) => refusal.err().is_too_many_requests_exception(),
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        _ => false,
    }
}

/// Whether an error of [`ask`] is that there is no such function.
pub(crate) fn is_gone(error: &anyhow::Error) -> bool {
    let refusals = error.chain().filter_map(|cause| cause.downcast_ref::<InvokeError>());
    refusals.into_iter().any(InvokeError::is_resource_not_found_exception)
}

fn read(said: Value) -> anyhow::Result<Pool> {
    let Answer { group, at, servers, actions, remarks, unread } = Answer::deserialize(&said)?;
    let remarks =
        remarks.iter().map(|remark| remark.as_str().map_or_else(|| remark.to_string(), str::to_owned)).collect();
    let at = at.unwrap_or_default();
    Ok(Pool { group, at, servers, actions, remarks, unread, whole: said })
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::operation::invoke::InvokeOutput;
    use aws_sdk_lambda::types::error::TooManyRequestsException;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    use super::*;
    use crate::global::Global;

    fn console() -> Console {
        Console::new(&Global { log_file: Some("/dev/null".into()), ..Global::default() })
    }

    fn answer() -> Value {
        json!({
            "group": {"name": "g", "desired": 1, "min": 0, "max": 2}, "at": "1970-01-01T00:01:40Z",
            "servers": [
                {"state": "serving", "load": {"meetings": 2, "participants": 30, "seats": 30, "largest_meeting": 20},
                 "being_replaced": false, "instance": "i-1", "name": "vc-1.example.org", "reason": "It gets meetings."},
                {"state": "gone", "instance": null, "name": "vc-2.example.org", "reason": "It has ended."},
            ],
            "actions": [], "metrics": {}, "remarks": ["look"], "unread": [{"source": "scalelite", "why": "no answer"}],
        })
    }

    #[test]
    fn requests_are_what_the_function_reads() {
        let text = |request| serde_json::to_string(&request).expect("JSON");
        assert_eq!(text(Request::List), r#"{"request":"list"}"#);
        assert_eq!(text(Request::Drain { server: "i-1".to_owned() }), r#"{"request":"drain","server":"i-1"}"#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_function_is_asked_again() {
        let busy = || InvokeError::TooManyRequestsException(TooManyRequestsException::builder().build());
        let rule = mock!(Client::invoke)
            .sequence()
            .error(busy)
            .times(2)
            .output(|| InvokeOutput::builder().payload(Blob::new(answer().to_string())).build())
            .build();
        let client = mock_client!(aws_sdk_lambda, RuleMode::Sequential, [&rule], |config| {
            config.retry_config(RetryConfig::disabled())
        });
        let pool = ask(&client, "f", &Request::List, &console()).await.expect("an answer");
        assert_eq!(rule.num_calls(), 3);
        assert_eq!(pool.servers[0].load(), Some(Load { meetings: 2, participants: 30 }));
        assert_eq!(
            (pool.group.desired, pool.at, pool.remarks.as_slice()),
            (Some(1), 100, ["look".to_owned()].as_slice())
        );
    }

    #[tokio::test]
    async fn what_the_function_could_not_do_is_said() {
        let rule = mock!(Client::invoke).then_output(|| {
            let said = json!({"errorType": "Error", "errorMessage": "i-9 is no server of the group"});
            InvokeOutput::builder().function_error("Unhandled").payload(Blob::new(said.to_string())).build()
        });
        let client = mock_client!(aws_sdk_lambda, RuleMode::MatchAny, [&rule]);
        let error = ask(&client, "f", &Request::List, &console()).await.expect_err("an error");
        assert_eq!(error.to_string(), "f: i-9 is no server of the group");
    }
}
