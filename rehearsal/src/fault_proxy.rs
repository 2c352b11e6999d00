//! A proxy before the local AWS that throttles, denies, delays, loses or rewrites chosen calls, and counts all of them.
//!
//! ```no_run
//! # async fn example() -> Result<(), rehearsal::fault_proxy::ProxyError> {
//! use rehearsal::fault_proxy::{Fault, FaultProxy, Rule, When};
//!
//! let proxy = FaultProxy::start("http://127.0.0.1:4566").await?;
//! proxy.add(Rule::on("acm", "DescribeCertificate", When::First(2), Fault::Throttle));
//! // ... run a function with AWS_ENDPOINT_URL set to proxy.endpoint() ...
//! assert_eq!(proxy.count("acm", "RequestCertificate"), 1);
//! # Ok(())
//! # }
//! ```

mod identify;
mod refusal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use identify::Operation;

/// More than any request of the functions; it only keeps a mistake from filling the memory.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// What happens to a call instead of, or on top of, its ordinary answer.
#[derive(Clone)]
pub enum Fault {
    /// The service's own throttling error, in its own protocol; the call has no effect.
    Throttle,
    /// Access denied, in the service's protocol; the call has no effect.
    Deny,
    /// An internal error, status 500; the call has no effect.
    ServerError,
    /// Any other error of the service; the call has no effect.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The error's code, such as `ResourceInUseException`.
        code: String,
        /// The error's message.
        message: String,
    },
    /// No answer, ever; the call has no effect.
    Hang,
    /// The call has its effect, but its answer never arrives.
    HangAfterEffect,
    /// The call is passed on after this time.
    Delay(Duration),
    /// The call has its effect, and its JSON answer is changed on the way back; an answer that is not JSON is not.
    RewriteResponse(Arc<dyn Fn(&mut Value) + Send + Sync>),
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throttle => write!(f, "Throttle"),
            Self::Deny => write!(f, "Deny"),
            Self::ServerError => write!(f, "ServerError"),
            Self::Refuse { status, code, .. } => write!(f, "Refuse({status} {code})"),
            Self::Hang => write!(f, "Hang"),
            Self::HangAfterEffect => write!(f, "HangAfterEffect"),
            Self::Delay(time) => write!(f, "Delay({time:?})"),
            Self::RewriteResponse(_) => write!(f, "RewriteResponse"),
        }
    }
}

/// To which calls of an operation a rule applies, counted from when the rule was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// To every one.
    Always,
    /// To this many, then no more.
    First(usize),
    /// To this one alone; the first is 1.
    Nth(usize),
    /// To this one and all that follow; the first is 1.
    From(usize),
}

impl When {
    fn applies(self, occurrence: usize) -> bool {
        match self {
            Self::Always => true,
            Self::First(count) => occurrence <= count,
            Self::Nth(number) => occurrence == number,
            Self::From(number) => occurrence >= number,
        }
    }
}

/// A fault for some calls of one operation or of a whole service.
#[derive(Debug, Clone)]
pub struct Rule {
    service: String,
    operation: Option<String>,
    when: When,
    fault: Fault,
}

impl Rule {
    /// A fault for one operation, such as `acm` and `RequestCertificate`.
    ///
    /// The service's name is the one that requests are signed for: `acm`, `route53`, `lambda`, `ses`, `s3`, `ec2`, ...
    #[must_use]
    pub fn on(service: impl Into<String>, operation: impl Into<String>, when: When, fault: Fault) -> Self {
        Self { service: service.into(), operation: Some(operation.into()), when, fault }
    }

    /// A fault for all operations of a service, counted together.
    #[must_use]
    pub fn on_any(service: impl Into<String>, when: When, fault: Fault) -> Self {
        Self { service: service.into(), operation: None, when, fault }
    }

    fn matches(&self, called: &Operation) -> bool {
        self.service == called.service && self.operation.as_ref().is_none_or(|operation| *operation == called.name)
    }
}

/// A call that went through the proxy.
#[derive(Debug, Clone)]
pub struct Call {
    /// What was called.
    pub operation: Operation,
    /// When it arrived.
    pub at: Instant,
    /// Whether a rule applied to it.
    pub faulted: bool,
}

/// Why the proxy could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It could not listen.
    #[error("cannot listen on 127.0.0.1 for the fault proxy")]
    Listen(#[source] std::io::Error),
    /// The client for the calls it passes on could not be made.
    #[error("cannot make the fault proxy's client")]
    Client(#[source] reqwest::Error),
}

/// A running proxy; dropping it stops it.
#[derive(Debug)]
pub struct FaultProxy {
    endpoint: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy on a free port of 127.0.0.1 that passes calls on to `upstream`, such as `http://127.0.0.1:4566`.
    ///
    /// # Errors
    ///
    /// When it cannot listen.
    pub async fn start(upstream: &str) -> Result<Self, ProxyError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(ProxyError::Listen)?;
        let address = listener.local_addr().map_err(ProxyError::Listen)?;
        let client = reqwest::Client::builder()
            // The machine's own proxy settings must not lead a loopback address elsewhere.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(ProxyError::Client)?;
        let shared =
            Arc::new(Shared { upstream: upstream.trim_end_matches('/').to_owned(), client, state: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            // It ends when the task is aborted; there is nobody to tell about anything else.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { endpoint: format!("http://{address}"), shared, task })
    }

    /// The address to give to a function as `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Adds a rule. Of several that apply to a call the one added last wins; the others count the call all the same.
    pub fn add(&self, rule: Rule) {
        self.shared.state().rules.push(Active { rule, seen: 0 });
    }

    /// Removes all rules. Calls that hang already go on hanging.
    pub fn clear(&self) {
        self.shared.state().rules.clear();
    }

    /// All calls so far, in the order in which they arrived.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// The answers to an operation that came back so far, whether they were passed on or not.
    #[must_use]
    pub fn answers(&self, service: &str, operation: &str) -> Vec<String> {
        let state = self.shared.state();
        let of = |(answered, _): &&(Operation, Vec<u8>)| answered.service == service && answered.name == operation;
        state.answers.iter().filter(of).map(|(_, body)| String::from_utf8_lossy(body).into_owned()).collect()
    }

    /// How often an operation was called so far, faulted or not.
    #[must_use]
    pub fn count(&self, service: &str, operation: &str) -> usize {
        self.shared
            .state()
            .calls
            .iter()
            .filter(|call| call.operation.service == service && call.operation.name == operation)
            .count()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    client: reqwest::Client,
    state: Mutex<Recorded>,
}

#[derive(Debug, Default)]
struct Recorded {
    rules: Vec<Active>,
    calls: Vec<Call>,
    answers: Vec<(Operation, Vec<u8>)>,
}

/// A rule with the number of calls that it has matched.
#[derive(Debug)]
struct Active {
    rule: Rule,
    seen: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Recorded> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a call and finds the fault that it meets.
    fn record(&self, operation: &Operation) -> Option<Fault> {
        let mut state = self.state();
        let mut fault = None;
        for active in &mut state.rules {
            if active.rule.matches(operation) {
                active.seen += 1;
                if active.rule.when.applies(active.seen) {
                    fault = Some(active.rule.fault.clone());
                }
            }
        }
        state.calls.push(Call { operation: operation.clone(), at: Instant::now(), faulted: fault.is_some() });
        fault
    }

    /// Passes a request on as it is, its `Host` included, because the signature covers it.
    async fn pass_on(&self, request: Buffered, operation: &Operation) -> Result<Answer, reqwest::Error> {
        let url = format!("{}{}", self.upstream, request.target);
        let response = self
            .client
            .request(request.method, url)
            .headers(end_to_end(&request.headers))
            .body(request.body)
            .send()
            .await?;
        let status = response.status();
        let headers = end_to_end(response.headers());
        let body = response.bytes().await?.to_vec();
        self.state().answers.push((operation.clone(), body.clone()));
        Ok(Answer { status, headers, body })
    }
}

/// A request, read whole.
struct Buffered {
    method: axum::http::Method,
    /// Path and query.
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// An answer, read whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn into_response(mut self) -> Response<Body> {
        // The body may have been rewritten; the server counts it again.
        self.headers.remove("content-length");
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// A gateway's error for what is wrong with the proxy's own connections.
    fn bad_gateway(message: String) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, headers: HeaderMap::new(), body: message.into_bytes() }
    }

    fn rewrite(&mut self, change: &dyn Fn(&mut Value)) {
        if let Ok(mut body) = serde_json::from_slice(&self.body) {
            change(&mut body);
            self.body = body.to_string().into_bytes();
            // A checksum of the old body would no longer fit.
            self.headers.remove("x-amz-crc32");
        }
    }
}

/// The headers that are not about one connection.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    const ONE_CONNECTION: [&str; 4] = ["connection", "keep-alive", "transfer-encoding", "upgrade"];
    headers
        .iter()
        .filter(|(name, _)| !ONE_CONNECTION.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, MAX_BODY).await {
        Ok(body) => body.to_vec(),
        Err(error) => return Answer::bad_gateway(error.to_string()).into_response(),
    };
    let target = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let request = Buffered { method: parts.method, target, headers: parts.headers, body };
    let operation = Operation::of(&request.method, &request.target, &request.headers, &request.body);
    let fault = shared.record(&operation);
    respond(&shared, request, &operation, fault)
        .await
        .unwrap_or_else(|error| Answer::bad_gateway(error.to_string()))
        .into_response()
}

async fn respond(
    shared: &Shared,
    request: Buffered,
    operation: &Operation,
    fault: Option<Fault>,
) -> Result<Answer, reqwest::Error> {
    let refused = |refusal: refusal::Refusal| Ok(refusal.in_protocol_of(operation));
    match fault {
        None => shared.pass_on(request, operation).await,
        Some(Fault::Throttle) => refused(refusal::Refusal::throttle(operation)),
        Some(Fault::Deny) => refused(refusal::Refusal::deny(operation)),
        Some(Fault::ServerError) => refused(refusal::Refusal::server_error()),
        Some(Fault::Refuse { status, code, message }) => refused(refusal::Refusal { status, code, message }),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::HangAfterEffect) => {
            shared.pass_on(request, operation).await?;
            std::future::pending().await
        }
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            shared.pass_on(request, operation).await
        }
        Some(Fault::RewriteResponse(change)) => {
            let mut answer = shared.pass_on(request, operation).await?;
            answer.rewrite(&*change);
            Ok(answer)
        }
    }
}
