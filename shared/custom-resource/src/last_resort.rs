//! The answer for a function that could not give one itself.
//!
//! When an asynchronous invocation fails (the process died, ran out of memory or time, or its answer was refused), Lambda sends a
//! record of it to the function's `OnFailure` destination. The record holds the request, response URL included. A function that calls
//! [`LastResort::answer`] with it tells CloudFormation FAILED within seconds, where otherwise the stack would wait out the `ServiceTimeout`, an hour by default.

use serde_json::Value;
use tracing::{error, info};

use crate::{
    budget::Invocation,
    delivery::Delivery,
    event::Event,
    physical_id::OUTCOME_UNKNOWN,
    provider::{InitialisationError, Unanswered},
    request::RequestType,
    response::Response,
};

/// Answers requests from the records of failed invocations.
#[derive(Clone)]
pub struct LastResort {
    delivery: Delivery,
}

impl LastResort {
    /// Ready to answer.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new() -> Result<Self, InitialisationError> {
        Ok(Self { delivery: Delivery::new().map_err(InitialisationError::Delivery)? })
    }

    /// Answers the request in `record` FAILED, with the physical id the function would have answered if it is known. A Create of which it
    /// is not known gets [`OUTCOME_UNKNOWN`], so that its Delete looks for what the function may have left.
    ///
    /// # Errors
    /// When the record holds no request, or the answer was not accepted.
    pub async fn answer(&self, record: Value, invocation: &Invocation) -> Result<(), Unanswered> {
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
        let function = text("/requestContext/functionArn").map(function_name).unwrap_or("the function").to_owned();
        let (problem, reported_id) = problem(&record);
        let event = Event::parse(record.get("requestPayload").cloned().unwrap_or_default())?;
        let recorded = event.continuation.as_ref().and_then(|continuation| continuation.progress.recorded.clone());
        let given = event.physical_id.clone().filter(|id| !id.is_empty());
        let is_delete = matches!(&event.body, Ok(body) if body.request_type == RequestType::Delete);
        let id = if is_delete { given } else { reported_id.or(recorded).or(given) };
        let id = id.unwrap_or_else(|| OUTCOME_UNKNOWN.to_owned());
        let reason = format!("{function} gave no answer: {problem}");
        error!(stack = event.identity.stack_id, resource = event.identity.logical_resource_id, reason, "FAILED");
        let (_, body) =
            Response::failed(event.identity.clone(), id.clone(), reason).into_body(&invocation.log_pointer());
        match self.delivery.deliver(&event.response_url, &body, invocation.deadline).await {
            Ok(()) => {
                info!("answered in the last resort");
                Ok(())
            }
            Err(source) => Err(Unanswered::Undelivered { physical_id: id, source }),
        }
    }
}

/// What happened to the function, in words that hold nothing of its input, and the physical id it reported.
fn problem(record: &Value) -> (String, Option<String>) {
    let condition = record.pointer("/requestContext/condition").and_then(Value::as_str).unwrap_or("failed");
    let message = record.pointer("/responsePayload/errorMessage").and_then(Value::as_str).unwrap_or(condition);
    match serde_json::from_str::<Value>(message) {
        Ok(Value::Object(reported)) => {
            let text = |key: &str| reported.get(key).and_then(Value::as_str).map(str::to_owned);
            (text("Undelivered").unwrap_or_else(|| condition.to_owned()), text("PhysicalResourceId"))
        }
        _ => (message.to_owned(), None),
    }
}

/// The name in `arn:aws:lambda:region:account:function:NAME:version`.
fn function_name(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or(arn)
}
