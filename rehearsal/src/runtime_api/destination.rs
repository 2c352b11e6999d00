//! What Lambda sends to a function's on-failure destination.

use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};

use super::{Function, Invocation, Outcome};

/// The record that Lambda sends to the `OnFailure` destination of `function` once `event` has failed for good.
///
/// `attempts` is how often it was tried, 1 to 3. `None` when the invocation succeeded: then nothing is sent.
#[must_use]
pub fn on_failure_record(function: &Function, event: &Value, invocation: &Invocation, attempts: u32) -> Option<Value> {
    let request_id = &invocation.request_id;
    let payload = match &invocation.outcome {
        Outcome::Completed(_) => return None,
        Outcome::FunctionError(error) => error.clone(),
        Outcome::Died(status) => json!({
            "errorType": "Runtime.ExitError",
            "errorMessage": format!("RequestId: {request_id} Error: Runtime exited with error: {status}"),
        }),
        Outcome::TimedOut => json!({
            "errorType": "Sandbox.Timedout",
            "errorMessage": format!(
                "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
                invocation.duration.as_secs_f64()
            ),
        }),
    };
    let now = DateTime::from(SystemTime::now()).fmt(Format::DateTime).unwrap_or_default();
    Some(json!({
        "version": "1.0",
        "timestamp": now,
        "requestContext": {
            "requestId": request_id,
            "functionArn": format!("{}:$LATEST", function.settings().arn()),
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": payload,
    }))
}
