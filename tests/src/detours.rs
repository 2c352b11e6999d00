//! What may stand between a function and AWS, besides the fault proxy.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, Response, StatusCode, header},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

/// A task that ends with its owner.
#[derive(Debug)]
struct Service {
    endpoint: String,
    task: JoinHandle<()>,
}

impl Service {
    async fn serve(router: Router) -> Self {
        let (listener, endpoint) = listen().await;
        let task = tokio::spawn(async move {
            // It ends when it is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Self { endpoint, task }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    (listener, format!("http://{address}"))
}

/// A call of a function to itself.
#[derive(Debug)]
pub struct SelfInvocation {
    /// The function that it called.
    pub function: String,
    /// `Event` when it does not wait for the answer.
    pub kind: String,
    /// The event.
    pub payload: Value,
}

/// Accepts a function's calls to itself as Lambda does, keeps them, and passes all other calls on.
#[derive(Debug)]
pub struct Gateway {
    service: Service,
    caught: Mutex<mpsc::UnboundedReceiver<SelfInvocation>>,
}

#[derive(Clone)]
struct GatewayState {
    upstream: Arc<str>,
    client: reqwest::Client,
    caught: mpsc::UnboundedSender<SelfInvocation>,
}

impl Gateway {
    /// A gateway before `upstream`.
    pub async fn before(upstream: &str) -> Self {
        let (caught, received) = mpsc::unbounded_channel();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let router = Router::new()
            .route("/2015-03-31/functions/{function}/invocations", post(catch))
            .fallback(pass_on)
            .with_state(GatewayState { upstream: upstream.into(), client, caught });
        Self { service: Service::serve(router).await, caught: Mutex::new(received) }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.service.endpoint
    }

    /// The next call that was caught, which must be there already.
    pub async fn caught(&self) -> SelfInvocation {
        self.caught.lock().await.try_recv().expect("the function called itself")
    }
}

async fn catch(
    Path(function): Path<String>,
    State(state): State<GatewayState>,
    headers: HeaderMap,
    payload: Bytes,
) -> StatusCode {
    let kind = headers.get("x-amz-invocation-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let payload = serde_json::from_slice(&payload).unwrap_or_default();
    let _ = state.caught.send(SelfInvocation { function, kind, payload });
    StatusCode::ACCEPTED
}

async fn pass_on(State(state): State<GatewayState>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = to_bytes(body, 1 << 24).await.unwrap_or_default();
    let request = state.client.request(parts.method, format!("{}{target}", state.upstream));
    let answered = match request.headers(parts.headers).body(body).send().await {
        Ok(answered) => answered,
        Err(error) => return response(StatusCode::BAD_GATEWAY, "text/plain", error.to_string()),
    };
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = answered.status();
    *answer.headers_mut() = answered.headers().clone();
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
        answer.headers_mut().remove(name);
    }
    *answer.body_mut() = Body::from(answered.bytes().await.unwrap_or_default());
    answer
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let built = Response::builder().status(status).header(header::CONTENT_TYPE, kind).body(Body::from(body));
    built.expect("a response")
}

/// An AWS that denies every call of every service at once.
#[derive(Debug)]
pub struct DenyingAws(Service);

impl DenyingAws {
    /// Starts it.
    pub async fn start() -> Self {
        Self(Service::serve(Router::new().fallback(deny)).await)
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }
}

async fn deny(request: Request) -> Response<Body> {
    if request.headers().contains_key("x-amz-target") {
        let body = json!({"__type": "AccessDeniedException", "message": "denied"}).to_string();
        return response(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", body);
    }
    let error = "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>denied</Message></Error>";
    let signed_for = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = if signed_for.contains("/ec2/") {
        format!("<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>")
    } else {
        format!("<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>")
    };
    response(StatusCode::FORBIDDEN, "text/xml", body)
}

/// When a connection is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// When the request is read: it has no effect.
    BeforeEffect,
    /// When its answer is there: it had its effect.
    AfterEffect,
}

/// Passes connections on, and resets those that carry a certain request.
#[derive(Debug)]
pub struct Resetter {
    service: Service,
    resets: Arc<AtomicUsize>,
}

impl Resetter {
    /// Resets the first `times` connections whose request contains `mark`, such as an operation's name.
    pub async fn before(upstream: &str, mark: &str, cut: Cut, times: usize) -> Self {
        let (listener, endpoint) = listen().await;
        let upstream: Arc<str> = upstream.trim_start_matches("http://").into();
        let (mark, resets): (Arc<[u8]>, _) = (mark.as_bytes().into(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&resets);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                let cutter = Cutter {
                    upstream: Arc::clone(&upstream),
                    mark: Arc::clone(&mark),
                    cut,
                    times,
                    resets: Arc::clone(&counted),
                };
                connections.spawn(async move {
                    // A connection that ends with an error has ended.
                    let _ = cutter.carry(connection).await;
                });
            }
        });
        Self { service: Service { endpoint, task }, resets }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.service.endpoint
    }

    /// How many connections it has reset.
    pub fn resets(&self) -> usize {
        self.resets.load(Ordering::SeqCst)
    }
}

struct Cutter {
    upstream: Arc<str>,
    mark: Arc<[u8]>,
    cut: Cut,
    times: usize,
    resets: Arc<AtomicUsize>,
}

impl Cutter {
    async fn carry(self, mut near: TcpStream) -> io::Result<()> {
        let mut far = TcpStream::connect(&*self.upstream).await?;
        let (mut request, mut answer) = (vec![0; 65536], vec![0; 65536]);
        loop {
            tokio::select! {
                read = near.read(&mut request) => match read? {
                    0 => return Ok(()),
                    read => {
                        let bytes = &request[..read];
                        if self.is_marked(bytes) {
                            if self.cut == Cut::AfterEffect {
                                far.write_all(bytes).await?;
                                // The rest of the request, if it did not come in one piece, and the answer.
                                while timeout(Duration::from_millis(1), far.readable()).await.is_err() {
                                    match near.try_read(&mut request) {
                                        Ok(read) => far.write_all(&request[..read]).await?,
                                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                                        Err(error) => return Err(error),
                                    }
                                }
                            }
                            // With this the end of the connection is a reset.
                            return near.set_zero_linger();
                        }
                        far.write_all(bytes).await?;
                    }
                },
                read = far.read(&mut answer) => match read? {
                    0 => return Ok(()),
                    read => near.write_all(&answer[..read]).await?,
                },
            }
        }
    }

    fn is_marked(&self, bytes: &[u8]) -> bool {
        let found = bytes.windows(self.mark.len()).any(|window| *window == *self.mark);
        found
            && self
                .resets
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| (count < self.times).then_some(count + 1))
                .is_ok()
    }
}
