//! The request out of the raw event.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    budget::MAX_SERVICE_TIMEOUT,
    continuation::{self, Continuation},
    properties::take_protocol_properties,
    request::RequestType,
    response::Identity,
};

/// The event has no response URL, so there is nobody to answer.
#[derive(Debug, thiserror::Error)]
#[error(
    "this is not a custom-resource request: it has no ResponseURL; CloudFormation, or a fake of it, must send the event"
)]
pub struct NotARequest;

/// What must be known to answer at all, and the rest of the request if it could be read.
pub(crate) struct Event {
    pub(crate) response_url: String,
    pub(crate) identity: Identity,
    /// The physical id that came with the request, as it came.
    pub(crate) physical_id: Option<String>,
    pub(crate) resource_type: String,
    pub(crate) continuation: Option<Continuation>,
    /// The event without its envelope, to be handed on to a continuation.
    pub(crate) raw: Map<String, Value>,
    pub(crate) body: Result<Body, Malformed>,
}

/// A request that can be worked on.
pub(crate) struct Body {
    pub(crate) request_type: RequestType,
    pub(crate) service_timeout: Duration,
    pub(crate) properties: Value,
    pub(crate) old_properties: Option<Value>,
}

/// Why a request cannot be worked on.
#[derive(Debug, thiserror::Error)]
#[error("malformed request: {problem}")]
pub(crate) struct Malformed {
    pub(crate) problem: String,
    /// A Delete that makes no sense has nothing to delete.
    pub(crate) is_delete: bool,
}

#[derive(Deserialize)]
struct SnsEnvelope {
    #[serde(rename = "Records")]
    records: [SnsRecord; 1],
}

#[derive(Deserialize)]
struct SnsRecord {
    #[serde(rename = "Sns")]
    sns: SnsMessage,
}

#[derive(Deserialize)]
struct SnsMessage {
    #[serde(rename = "Message")]
    message: String,
}

impl Event {
    pub(crate) fn parse(event: Value) -> Result<Self, NotARequest> {
        let Value::Object(mut raw) = unwrap_sns(event) else { return Err(NotARequest) };
        let text = |key: &str| raw.get(key).and_then(Value::as_str);
        let response_url = text("ResponseURL")
            .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
            .ok_or(NotARequest)?
            .to_owned();
        let identity = Identity::new(
            text("StackId").unwrap_or_default(),
            text("RequestId").unwrap_or_default(),
            text("LogicalResourceId").unwrap_or_default(),
        );
        let physical_id = text("PhysicalResourceId").map(str::to_owned);
        let resource_type = text("ResourceType").unwrap_or_default().to_owned();
        let body = body(&raw);
        let continuation = raw.remove(continuation::KEY).and_then(|value| serde_json::from_value(value).ok());
        Ok(Self { response_url, identity, physical_id, resource_type, continuation, raw, body })
    }
}

/// A resource whose `ServiceToken` is a topic is sent through it, one message a record.
fn unwrap_sns(event: Value) -> Value {
    let message = SnsEnvelope::deserialize(&event).ok().map(|SnsEnvelope { records: [record] }| record.sns.message);
    match message.map(|message| read(&message)) {
        Some(request @ Value::Object(_)) => request,
        _ => event,
    }
}

/// How deep the parts of an event lie that must be read whatever else is in it: in the record of a failed invocation the request is one deep,
/// and its own parts another.
const READ_ANYWAY: usize = 2;

/// The event. What in it is nested more deeply than JSON is read (128 levels) becomes a text that no part of a request may be, so that even
/// such a request is answered.
pub(crate) fn read(json: &str) -> Value {
    read_down_to(json, READ_ANYWAY)
}

fn read_down_to(json: &str, levels: usize) -> Value {
    if let Ok(value) = serde_json::from_str(json) {
        return value;
    }
    match serde_json::from_str::<BTreeMap<String, &RawValue>>(json) {
        Ok(parts) if levels > 0 => {
            parts.into_iter().map(|(key, part)| (key, read_down_to(part.get(), levels - 1))).collect()
        }
        _ => Value::from("(nested too deeply)"),
    }
}

fn body(raw: &Map<String, Value>) -> Result<Body, Malformed> {
    let request_type = raw.get("RequestType").and_then(Value::as_str);
    let is_delete = request_type == Some("Delete");
    let malformed = |problem: String| Malformed { problem, is_delete };
    let request_type = match request_type {
        Some("Create") => RequestType::Create,
        Some("Update") => RequestType::Update,
        Some("Delete") => RequestType::Delete,
        _ => return Err(malformed("RequestType is not Create, Update or Delete".to_owned())),
    };
    for key in ["StackId", "RequestId", "LogicalResourceId", "ResourceType"] {
        match raw.get(key) {
            Some(Value::String(text)) if !text.is_empty() => {}
            _ => return Err(malformed(format!("{key} is missing"))),
        }
    }
    if let Some(problem) = Identity::problem(raw) {
        return Err(malformed(problem));
    }
    let mut properties = match raw.get("ResourceProperties") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(map)) => map.clone(),
        Some(_) => return Err(malformed("ResourceProperties is not a map".to_owned())),
    };
    let service_timeout = match take_protocol_properties(&mut properties) {
        None => MAX_SERVICE_TIMEOUT,
        Some(value) => service_timeout(&value)
            .ok_or_else(|| malformed("ServiceTimeout is not a whole number of seconds from 1 to 3600".to_owned()))?,
    };
    let old_properties = match raw.get("OldResourceProperties") {
        Some(Value::Object(map)) => {
            let mut old = map.clone();
            take_protocol_properties(&mut old);
            Some(Value::Object(old))
        }
        _ => None,
    };
    Ok(Body { request_type, service_timeout, properties: Value::Object(properties), old_properties })
}

fn service_timeout(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(text) => text.trim().parse().ok()?,
        Value::Number(number) => number.as_u64()?,
        _ => return None,
    };
    (1..=MAX_SERVICE_TIMEOUT.as_secs()).contains(&seconds).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event() -> Value {
        json!({
            "RequestType": "Create", "ResponseURL": "https://bucket.s3.amazonaws.com/x?Signature=s", "StackId": "arn:aws:cloudformation:eu-west-1:1:stack/s/1",
            "RequestId": "r", "LogicalResourceId": "L", "ResourceType": "Custom::T",
            "ResourceProperties": {"ServiceToken": "arn", "ServiceTimeout": "20", "A": "b"},
        })
    }

    fn parse(event: Value) -> Event {
        Event::parse(event).unwrap_or_else(|_| panic!("has a response URL"))
    }

    #[test]
    fn protocol_properties_are_taken_out() {
        let body = parse(event()).body.unwrap();
        assert_eq!(body.properties, json!({"A": "b"}));
        assert_eq!(body.service_timeout, Duration::from_secs(20));
    }

    #[test]
    fn a_request_through_a_topic_is_unwrapped() {
        let wrapped = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": event().to_string()}}]});
        assert_eq!(parse(wrapped).body.unwrap().properties, json!({"A": "b"}));
    }

    #[test]
    fn problems_are_named() {
        let mut no_type = event();
        no_type["RequestType"] = json!("Destroy");
        assert_eq!(
            parse(no_type).body.err().unwrap().to_string(),
            "malformed request: RequestType is not Create, Update or Delete"
        );
        let mut timeout = event();
        timeout["ResourceProperties"]["ServiceTimeout"] = json!("soon");
        assert!(parse(timeout).body.err().unwrap().to_string().contains("ServiceTimeout"));
        let mut no_stack = event();
        no_stack["StackId"] = json!(7);
        assert_eq!(parse(no_stack).body.err().unwrap().to_string(), "malformed request: StackId is missing");
        assert!(Event::parse(json!({"RequestType": "Create"})).is_err());
        assert!(Event::parse(json!("x")).is_err());
        assert!(Event::parse(json!({"ResponseURL": "file:///etc/passwd"})).is_err());
    }
}
