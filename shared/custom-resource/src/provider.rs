//! From a raw event to exactly one answer.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Instrument, error, info, info_span, warn};

use crate::{
    budget::{Budget, Invocation},
    continuation::{self, Continuation, MAX_HOPS, Reinvoke},
    delivery::{Delivery, DeliveryError, Put},
    event::{Body, Event, NotARequest},
    outcome::Pending,
    physical_id::{Known, NOTHING_CREATED, OUTCOME_UNKNOWN},
    reason::with_causes,
    request::{Request, RequestType},
    resource::{Handler, Resource, Verdict},
    response::{Response, Status},
};

/// The first pause between two looks at something pending, the factor it grows by, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const PAUSE_GROWTH: f64 = 1.5;
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The function could not be made ready for requests.
#[derive(Debug, thiserror::Error)]
pub enum InitialisationError {
    /// Without an HTTP client no request can be answered.
    #[error("make the client that sends the answers")]
    Delivery(#[source] DeliveryError),
}

/// No answer reached CloudFormation.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// There was nobody to answer.
    #[error(transparent)]
    NotARequest(#[from] NotARequest),
    /// The answer was not accepted. The physical id is in the text, for the function that answers in the last resort.
    #[error("{}", undelivered(.physical_id, .source))]
    Undelivered {
        /// The id the answer would have had.
        physical_id: String,
        /// Why it was not accepted.
        source: DeliveryError,
    },
}

/// The text that [`LastResort`](crate::last_resort::LastResort) reads back.
fn undelivered(physical_id: &str, source: &DeliveryError) -> Value {
    json!({"Undelivered": with_causes(source), "PhysicalResourceId": physical_id})
}

/// The resources of one function, and what it takes to answer for them.
pub struct Provider {
    resources: Vec<Box<dyn Handler>>,
    reinvoke: Option<Arc<dyn Reinvoke>>,
    delivery: Delivery,
    unavailable: Option<String>,
}

/// What to tell CloudFormation, or that another invocation will.
enum Conclusion {
    Answer(Response),
    HandedOver,
}

impl Provider {
    /// A provider without resources yet.
    ///
    /// # Errors
    /// When no HTTP client can be made (no usable root certificates).
    pub fn new() -> Result<Self, InitialisationError> {
        Ok(Self::by(Delivery::new().map_err(InitialisationError::Delivery)?))
    }

    /// A provider without resources yet, whose answers go out by a client that the function has already.
    #[must_use]
    pub fn sending_by(put: impl Put) -> Self {
        Self::by(Delivery::by(put))
    }

    fn by(delivery: Delivery) -> Self {
        Self { resources: Vec::new(), reinvoke: None, delivery, unavailable: None }
    }

    /// Adds a type of resource.
    #[must_use]
    pub fn resource(mut self, resource: impl Resource) -> Self {
        self.resources.push(Box::new(resource));
        self
    }

    /// Lets waits go on in further invocations of the function; without it they end with the first.
    #[must_use]
    pub fn reinvoke_with(mut self, reinvoke: impl Reinvoke) -> Self {
        self.reinvoke = Some(Arc::new(reinvoke));
        self
    }

    /// Has every request answered FAILED with the reason why the function could not be made ready. That is no reason to die: a function that exits while it
    /// starts leaves CloudFormation waiting.
    #[must_use]
    pub fn unavailable_for(self, cause: &dyn std::error::Error) -> Self {
        let reason = with_causes(cause);
        error!(reason, "initialisation failed");
        Self { unavailable: Some(reason), ..self }
    }

    /// Works on one event and answers it. The result says what was answered; the answer itself has gone to the response URL.
    ///
    /// # Errors
    /// When there was nobody to answer, or the answer was not accepted.
    pub async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Option<Status>, Unanswered> {
        let event = Event::parse(event)?;
        let span = info_span!(
            "request",
            stack = event.identity.stack_id,
            resource = event.identity.logical_resource_id,
            r#type = event.resource_type,
            request = event.identity.request_id,
        );
        self.answer(event, invocation).instrument(span).await
    }

    async fn answer(&self, event: Event, invocation: &Invocation) -> Result<Option<Status>, Unanswered> {
        let response = match self.conclude(&event, invocation).await {
            Conclusion::Answer(response) => response,
            Conclusion::HandedOver => return Ok(None),
        };
        let is_secret = self.handler(&event.resource_type).is_some_and(Handler::has_secret_id);
        // The last resort answers a Delete with the id that came with it, and a failed Create with a marker.
        let physical_id = if is_secret { OUTCOME_UNKNOWN.to_owned() } else { response.physical_resource_id.clone() };
        let reason = response.reason.clone();
        let (status, body) = response.into_body(&invocation.log_pointer());
        match status {
            Status::Success => info!(physical_id, reason, "SUCCESS"),
            Status::Failed => error!(physical_id, reason, "FAILED"),
        }
        match self.delivery.deliver(&event.response_url, &body, invocation.deadline).await {
            Ok(()) => Ok(Some(status)),
            Err(source) => Err(Unanswered::Undelivered { physical_id, source }),
        }
    }

    async fn conclude(&self, event: &Event, invocation: &Invocation) -> Conclusion {
        let answer_id =
            || event.physical_id.clone().filter(|id| !id.is_empty()).unwrap_or_else(|| NOTHING_CREATED.to_owned());
        let failed = |reason: String| Conclusion::Answer(Response::failed(event.identity.clone(), answer_id(), reason));
        let nothing_to_delete = |reason: String| {
            Conclusion::Answer(Response { reason, ..Response::success(event.identity.clone(), answer_id()) })
        };
        let body = match &event.body {
            Ok(body) => body,
            Err(malformed) if malformed.is_delete => return nothing_to_delete(malformed.to_string()),
            Err(malformed) => return failed(malformed.to_string()),
        };
        let is_delete = body.request_type == RequestType::Delete;
        if is_delete && Known::of(event.physical_id.as_deref()) == Known::Nothing {
            return nothing_to_delete("nothing was created".to_owned());
        }
        if let Some(reason) = &self.unavailable {
            return failed(format!("the function could not start: {reason}"));
        }
        let Some(handler) = self.handler(&event.resource_type) else {
            let known: Vec<_> = self.resources.iter().flat_map(|handler| handler.types()).copied().collect();
            let reason = format!(
                "unsupported resource type {}; this function provides {}",
                event.resource_type,
                known.join(", ")
            );
            return if is_delete { nothing_to_delete(reason) } else { failed(reason) };
        };
        self.work(event, body, handler, invocation).await
    }

    /// What provides a type, if this function does.
    fn handler(&self, resource_type: &str) -> Option<&dyn Handler> {
        self.resources.iter().map(Box::as_ref).find(|handler| handler.types().contains(&resource_type))
    }

    /// Calls the handler until it has a verdict or time runs out.
    async fn work(&self, event: &Event, body: &Body, handler: &dyn Handler, invocation: &Invocation) -> Conclusion {
        let budget = Budget::new(invocation, body.service_timeout, event.continuation.as_ref());
        let request = Request {
            request_type: body.request_type,
            request_id: event.identity.request_id.clone(),
            stack_id: event.identity.stack_id.clone(),
            logical_resource_id: event.identity.logical_resource_id.clone(),
            resource_type: event.resource_type.clone(),
            physical_id: event.physical_id.clone(),
            progress: Mutex::new(
                event.continuation.as_ref().map(|earlier| earlier.progress.clone()).unwrap_or_default(),
            ),
            started: budget.started,
            ends: budget.ends,
        };
        info!(request_type = %request.request_type, hop = event.continuation.as_ref().map_or(0, |earlier| earlier.hop), "received");
        let mut waiting_for = event.continuation.as_ref().map(|earlier| earlier.waiting_for.clone());
        let mut pause = FIRST_PAUSE;
        loop {
            let call = AssertUnwindSafe(async {
                handler.call(&request, &body.properties, body.old_properties.as_ref()).await
            });
            let verdict = match timeout_at(budget.work_until, call.catch_unwind()).await {
                Ok(Ok(verdict)) => verdict,
                Ok(Err(_panic)) => {
                    request.doubt();
                    Verdict::Failed("internal error: the function panicked; its log says where".to_owned())
                }
                Err(_elapsed) => {
                    request.doubt();
                    return self.out_of_time(event, &request, &budget, waiting_for).await;
                }
            };
            match verdict {
                Verdict::Ready(ready) => {
                    return Conclusion::Answer(Response {
                        reason: ready.reason.unwrap_or_default(),
                        no_echo: ready.no_echo,
                        data: ready.attributes,
                        ..Response::success(event.identity.clone(), ready.physical_id)
                    });
                }
                Verdict::Deleted => {
                    return Conclusion::Answer(Response::success(event.identity.clone(), answered_id(&request)));
                }
                Verdict::Failed(reason) => {
                    return Conclusion::Answer(Response::failed(event.identity.clone(), answered_id(&request), reason));
                }
                Verdict::Pending(Pending { waiting_for: what, retry_after }) => {
                    let next = retry_after.unwrap_or(pause);
                    if waiting_for.as_deref() != Some(&what) {
                        info!(waiting_for = what, "pending");
                    }
                    waiting_for = Some(what);
                    pause = pause.mul_f64(PAUSE_GROWTH).min(LONGEST_PAUSE);
                    if Instant::now() + next >= budget.work_until {
                        return self.out_of_time(event, &request, &budget, waiting_for).await;
                    }
                    sleep(next).await;
                }
            }
        }
    }

    /// The handler cannot be given more time here: hand over to another invocation if it is known to be waiting, or give up.
    async fn out_of_time(
        &self,
        event: &Event,
        request: &Request,
        budget: &Budget,
        waiting_for: Option<String>,
    ) -> Conclusion {
        let seconds = request.elapsed().as_secs();
        let give_up =
            |reason: String| Conclusion::Answer(Response::failed(event.identity.clone(), answered_id(request), reason));
        let Some(waiting_for) = waiting_for else {
            return give_up(format!("the work took longer than the {seconds} seconds there were"));
        };
        let hop = event.continuation.as_ref().map_or(0, |earlier| earlier.hop).saturating_add(1);
        let Some(reinvoke) = self.reinvoke.as_ref().filter(|_| budget.can_go_on_elsewhere) else {
            return give_up(format!("{waiting_for} (gave up after {seconds} seconds)"));
        };
        if hop > MAX_HOPS {
            return give_up(format!("{waiting_for} (gave up after {seconds} seconds and {MAX_HOPS} continuations)"));
        }
        let continuation = Continuation {
            hop,
            started_epoch_ms: budget.started_epoch_ms(),
            ends_epoch_ms: budget.ends_epoch_ms,
            progress: request.progress(),
            waiting_for: waiting_for.clone(),
        };
        let mut next = event.raw.clone();
        next.insert(continuation::KEY.to_owned(), json!(continuation));
        let payload = Value::Object(next).to_string();
        match timeout_at(budget.deadline, reinvoke.reinvoke(payload.as_bytes())).await {
            Ok(Ok(())) => {
                info!(hop, "handed over to another invocation");
                Conclusion::HandedOver
            }
            Ok(Err(error)) => {
                warn!(hop, error = %with_causes(error.as_ref()), "could not hand over");
                give_up(format!("{waiting_for}; the wait could not be carried on: {}", with_causes(error.as_ref())))
            }
            Err(_elapsed) => give_up(format!("{waiting_for}; the wait could not be carried on in time")),
        }
    }
}

/// The id an answer carries when the handler gave none: a Delete's own, else what was created, else what the request came with.
fn answered_id(request: &Request) -> String {
    let given = request.physical_id().filter(|id| !id.is_empty()).map(str::to_owned);
    let id = match request.request_type() {
        RequestType::Delete => given,
        RequestType::Create | RequestType::Update => request.recorded().or(given),
    };
    let none = if request.progress().in_doubt { OUTCOME_UNKNOWN } else { NOTHING_CREATED };
    id.unwrap_or_else(|| none.to_owned())
}
