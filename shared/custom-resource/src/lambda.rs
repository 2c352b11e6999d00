//! The Lambda Runtime API: events in, answers out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{
    budget::Invocation,
    event::read,
    last_resort::LastResort,
    provider::{Provider, Unanswered},
};

/// What is kept of Lambda's time, at most, to report an answer that could not be delivered: a process that is ended before has said nothing,
/// and the physical id is lost.
const REPORT: Duration = Duration::from_millis(500);

/// No function runs for so long.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How much time is left until a deadline. `cargo lambda watch` (1.9.2) gives a span in place of a moment: a deadline on the first day of 1970.
fn left(deadline: SystemTime, now: SystemTime) -> Duration {
    match deadline.duration_since(UNIX_EPOCH) {
        Ok(span) if span < A_DAY => span,
        _ => deadline.duration_since(now).unwrap_or_default(),
    }
}

impl Invocation {
    /// The invocation that Lambda describes.
    fn of(context: &Context) -> Self {
        let left = left(context.deadline(), SystemTime::now());
        Self {
            deadline: Instant::now() + left.saturating_sub(REPORT.min(left / 10)),
            request_id: context.request_id.clone(),
            log_group: context.env_config.log_group.clone(),
            log_stream: context.env_config.log_stream.clone(),
        }
    }
}

/// Answers the events of the Lambda Runtime API until the environment is shut down.
///
/// # Errors
/// When the Runtime API cannot be spoken to.
pub async fn run(provider: Provider) -> Result<(), lambda_runtime::Error> {
    let provider = &provider;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        let invocation = Invocation::of(&event.context);
        match provider.handle(read(event.payload.get()), &invocation).await {
            Ok(status) => Ok(status),
            Err(unanswered) => Err(diagnostic(&unanswered)),
        }
    }))
    .await
}

/// The same for the function that is the `OnFailure` destination of the others.
///
/// # Errors
/// When the Runtime API cannot be spoken to, or no HTTP client can be made.
pub async fn run_last_resort() -> Result<(), lambda_runtime::Error> {
    let last_resort = LastResort::new()?;
    let last_resort = &last_resort;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        let invocation = Invocation::of(&event.context);
        last_resort.answer(read(event.payload.get()), &invocation).await.map_err(|unanswered| diagnostic(&unanswered))
    }))
    .await
}

fn diagnostic(unanswered: &Unanswered) -> Diagnostic {
    let error_type = match unanswered {
        Unanswered::NotARequest(_) => "NotARequest",
        Unanswered::Undelivered { .. } => "Undelivered",
    };
    Diagnostic { error_type: error_type.to_owned(), error_message: unanswered.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_moment_and_from_cargo_lambda_a_span() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        assert_eq!(left(now + Duration::from_secs(60), now), Duration::from_secs(60));
        assert_eq!(left(now - Duration::from_secs(60), now), Duration::ZERO);
        assert_eq!(left(UNIX_EPOCH + Duration::from_millis(600_000), now), Duration::from_secs(600));
    }
}
