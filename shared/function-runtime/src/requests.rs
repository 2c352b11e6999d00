//! A function that answers requests of its own form, as raw JSON, with JSON.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use custom_resource::with_causes;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, value::RawValue};
use tokio::time::Instant;
use tracing::error;

/// What is kept of Lambda's time, at most, to send the answer.
const REPORT: Duration = Duration::from_millis(500);

/// What answers requests.
pub trait Handler {
    /// Why a request could not be answered.
    type Error: Error;

    /// Answers one request, given as JSON, before the deadline: later the process is stopped without a word.
    fn handle(&self, event: &str, deadline: Instant) -> impl Future<Output = Result<Value, Self::Error>>;
}

/// Answers the events of the Lambda Runtime API. A handler that could not be made is not a reason to die: a function that exits while it
/// starts is started again and again, and says nowhere why.
pub(crate) async fn run<H: Handler, E: Error>(handler: Result<H, E>) -> Result<(), lambda_runtime::Error> {
    let handler = handler.map_err(|cause| {
        let reason = with_causes(&cause);
        error!(reason, "initialisation failed");
        Diagnostic { error_type: "InitialisationFailed".to_owned(), error_message: reason }
    });
    let handler = &handler;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        let handler = handler.as_ref().map_err(Clone::clone)?;
        // Boxed, because the compiler gives up on futures of calls within calls that are nested as deeply as a tick.
        Box::pin(handler.handle(event.payload.get(), deadline(&event.context)))
            .await
            .map_err(|cause| Diagnostic { error_type: "RequestFailed".to_owned(), error_message: with_causes(&cause) })
    }))
    .await
}

fn deadline(context: &Context) -> Instant {
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + left.saturating_sub(REPORT.min(left / 10))
}
