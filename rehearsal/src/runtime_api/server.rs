//! The HTTP side of the Runtime API, one server for the life of one process.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use super::RuntimeError;

/// The size that Lambda allows an answer: 6 MB and a little.
const MAX_ANSWER: usize = 6 * 1024 * 1024 + 1024;

/// What the process told its Runtime API.
#[derive(Debug)]
pub(super) enum Report {
    /// It is initialised and asks for an event.
    Ready,
    /// It could not initialise.
    InitError(Value),
    /// It answered the event of this request id.
    Response(String, Value),
    /// It failed at the event of this request id.
    Error(String, Value),
}

/// An event for the process.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) request_id: String,
    /// Milliseconds since the epoch.
    pub(super) deadline: u128,
    pub(super) function_arn: String,
    pub(super) trace_id: String,
    pub(super) payload: Vec<u8>,
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    pub(super) events: mpsc::UnboundedSender<Event>,
    task: JoinHandle<()>,
}

struct Shared {
    reports: mpsc::UnboundedSender<Report>,
    events: Mutex<mpsc::UnboundedReceiver<Event>>,
}

impl Server {
    pub(super) async fn start() -> Result<Self, RuntimeError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(RuntimeError::Listen)?;
        let address = listener.local_addr().map_err(RuntimeError::Listen)?;
        let (report, reports) = mpsc::unbounded_channel();
        let (events, event) = mpsc::unbounded_channel();
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request_id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{request_id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(MAX_ANSWER))
            .with_state(Arc::new(Shared { reports: report, events: Mutex::new(event) }));
        let task = tokio::spawn(async move {
            // It ends when the task is aborted; there is nobody to tell about anything else.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, reports, events, task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let _ = shared.reports.send(Report::Ready);
    let Some(event) = shared.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    (
        [
            ("content-type", "application/json".to_owned()),
            ("lambda-runtime-aws-request-id", event.request_id),
            ("lambda-runtime-deadline-ms", event.deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", event.function_arn),
            ("lambda-runtime-trace-id", event.trace_id),
        ],
        event.payload,
    )
        .into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(request_id): Path<String>, body: Bytes) -> Response {
    accept(&shared, Report::Response(request_id, answer(&body)))
}

async fn error(State(shared): State<Arc<Shared>>, Path(request_id): Path<String>, body: Bytes) -> Response {
    accept(&shared, Report::Error(request_id, answer(&body)))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    accept(&shared, Report::InitError(answer(&body)))
}

/// An answer that is not JSON is handed on as text, as Lambda's console shows it.
fn answer(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(body).into_owned()))
}

fn accept(shared: &Shared, report: Report) -> Response {
    let _ = shared.reports.send(report);
    (StatusCode::ACCEPTED, [("content-type", "application/json")], json!({"status": "OK"}).to_string()).into_response()
}
