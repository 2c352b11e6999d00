//! A CloudFormation to test providers against: it builds requests as the real one does and receives the answers over HTTP.
//!
//! It is as strict as S3 and CloudFormation are: the PUT must carry the query of the URL that was handed out and no content type, the body
//! must fit into 4096 bytes and copy the request's identity. What breaks a rule is refused and kept as a [`Violation`].
//!
//! ```
//! # use custom_resource::testing::FakeCloudFormation;
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let cloudformation = FakeCloudFormation::start().await.unwrap();
//! let event = cloudformation.request("Custom::Greeting").property("Greeting", "hello").create();
//! assert_eq!(event["RequestType"], "Create");
//! # });
//! ```

mod asking;

use std::{
    collections::VecDeque,
    future::pending,
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request as HttpRequest, State},
    http::{StatusCode, header},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle, time::timeout};

pub use self::asking::{Asked, failed, succeeded};
use crate::response::{MAX_RESPONSE_BYTES, Status};

/// How the response endpoint treats the next PUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// It answers with this HTTP status and forgets the body.
    Refuse(u16),
    /// It never answers.
    Hang,
    /// It accepts the answer, but the connection ends before it says so.
    AcceptAndHang,
}

/// An answer as it arrived.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    /// Whether the request succeeded.
    pub status: Status,
    /// Why not.
    #[serde(default)]
    pub reason: String,
    /// What `Ref` gives.
    pub physical_resource_id: String,
    /// Copied from the request.
    pub stack_id: String,
    /// Copied from the request.
    pub request_id: String,
    /// Copied from the request.
    pub logical_resource_id: String,
    /// Whether `Fn::GetAtt` is masked.
    #[serde(default)]
    pub no_echo: bool,
    /// What `Fn::GetAtt` gives.
    #[serde(default)]
    pub data: Map<String, Value>,
}

/// What the real CloudFormation would not have accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

#[derive(Debug, Default)]
struct Inbox {
    behaviours: VecDeque<Behaviour>,
    for_ever: Option<Behaviour>,
    answers: Vec<Answer>,
    violations: Vec<Violation>,
    puts: usize,
    signature: String,
}

/// The response endpoint, and the source of requests for it.
#[derive(Debug)]
pub struct FakeCloudFormation {
    inbox: Arc<(Mutex<Inbox>, Notify)>,
    url: String,
    server: JoinHandle<()>,
}

impl FakeCloudFormation {
    /// Starts the endpoint on a free port of the loopback address.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let signature: String = std::iter::repeat_with(fastrand::alphanumeric).take(32).collect();
        let url = format!(
            "http://{}/arn%3Aaws%3Acloudformation%3Aeu-west-1%3A123456789012%3Astack/test?X-Amz-Signature={signature}",
            listener.local_addr()?
        );
        let inbox = Arc::new((Mutex::new(Inbox { signature, ..Inbox::default() }), Notify::new()));
        let router = Router::new().fallback(receive).with_state(Arc::clone(&inbox));
        let server = tokio::spawn(async move {
            // It ends with the test that started it.
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { inbox, url, server })
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Treats the next PUTs like this, one each; then accepts.
    pub fn behave(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.inbox().behaviours.extend(behaviours);
    }

    /// Treats every PUT like this.
    pub fn always(&self, behaviour: Behaviour) {
        self.inbox().for_ever = Some(behaviour);
    }

    /// The presigned URL's secret part, to search logs for.
    pub fn signature(&self) -> String {
        self.inbox().signature.clone()
    }

    /// The URL that requests carry.
    pub fn response_url(&self) -> &str {
        &self.url
    }

    /// How many PUTs came, refused ones included.
    pub fn puts(&self) -> usize {
        self.inbox().puts
    }

    /// The answers accepted so far.
    pub fn answers(&self) -> Vec<Answer> {
        self.inbox().answers.clone()
    }

    /// What arrived and broke a rule.
    pub fn violations(&self) -> Vec<Violation> {
        self.inbox().violations.clone()
    }

    /// Takes the accepted answers out.
    pub fn take_answers(&self) -> Vec<Answer> {
        std::mem::take(&mut self.inbox().answers)
    }

    /// Waits until an answer is there and takes it out; `None` after `limit`.
    pub async fn next_answer(&self, limit: Duration) -> Option<Answer> {
        timeout(limit, async {
            loop {
                let arrived = self.inbox.1.notified();
                let first = {
                    let mut inbox = self.inbox();
                    (!inbox.answers.is_empty()).then(|| inbox.answers.remove(0))
                };
                match first {
                    Some(answer) => return answer,
                    None => arrived.await,
                }
            }
        })
        .await
        .ok()
    }

    /// Begins a request for a resource of this type.
    pub fn request(&self, resource_type: &str) -> RequestBuilder {
        RequestBuilder {
            event: json!({
                "ResponseURL": self.url,
                "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/test/5b5e7f00-0000-11f0-8000-0123456789ab",
                "RequestId": format!("{:032x}", fastrand::u128(..)),
                "ResourceType": resource_type,
                "LogicalResourceId": "Resource",
                "ResourceProperties": {"ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:test"},
            }),
        }
    }
}

impl Drop for FakeCloudFormation {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Builds the event of one request.
#[derive(Debug, Clone)]
pub struct RequestBuilder {
    event: Value,
}

impl RequestBuilder {
    /// Sets a property of the resource.
    #[must_use]
    pub fn property(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.event["ResourceProperties"][name] = value.into();
        self
    }

    /// Sets all properties of the resource (a map); `ServiceToken` stays.
    #[must_use]
    pub fn properties(mut self, properties: Value) -> Self {
        let token = self.event["ResourceProperties"]["ServiceToken"].clone();
        self.event["ResourceProperties"] = properties;
        self.event["ResourceProperties"]["ServiceToken"] = token;
        self
    }

    /// Sets the resource's name in the template.
    #[must_use]
    pub fn logical_id(mut self, logical_id: &str) -> Self {
        self.event["LogicalResourceId"] = logical_id.into();
        self
    }

    /// Sets the stack's ARN.
    #[must_use]
    pub fn stack_id(mut self, stack_id: &str) -> Self {
        self.event["StackId"] = stack_id.into();
        self
    }

    /// Sets the request's id, as when CloudFormation repeats an operation.
    #[must_use]
    pub fn request_id(mut self, request_id: &str) -> Self {
        self.event["RequestId"] = request_id.into();
        self
    }

    /// The request to create the resource.
    #[must_use]
    pub fn create(mut self) -> Value {
        self.event["RequestType"] = "Create".into();
        self.event
    }

    /// The request to change the resource `physical_id`, which had the properties `old`.
    #[must_use]
    pub fn update(mut self, physical_id: &str, old: Value) -> Value {
        self.event["RequestType"] = "Update".into();
        self.event["PhysicalResourceId"] = physical_id.into();
        self.event["OldResourceProperties"] = old;
        self.event["OldResourceProperties"]["ServiceToken"] = self.event["ResourceProperties"]["ServiceToken"].clone();
        self.event
    }

    /// The request to remove the resource `physical_id`.
    #[must_use]
    pub fn delete(mut self, physical_id: &str) -> Value {
        self.event["RequestType"] = "Delete".into();
        self.event["PhysicalResourceId"] = physical_id.into();
        self.event
    }
}

async fn receive(State(inbox): State<Arc<(Mutex<Inbox>, Notify)>>, request: HttpRequest) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let behaviour = {
        let mut inbox = inbox.0.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.puts += 1;
        let next = inbox.behaviours.pop_front();
        next.or(inbox.for_ever)
    };
    match behaviour {
        Some(Behaviour::Refuse(status)) => {
            return StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        }
        Some(Behaviour::Hang) => pending::<()>().await,
        Some(Behaviour::AcceptAndHang) | None => {}
    }
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_vec()).unwrap_or_default();
    let status = {
        let mut inbox = inbox.0.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = parts.uri.query() == Some(&format!("X-Amz-Signature={}", inbox.signature));
        match accept(parts.method.as_str(), signed, &content_type, &body) {
            Ok(answer) => {
                inbox.answers.push(answer);
                StatusCode::OK
            }
            Err(violation) => {
                inbox.violations.push(violation);
                StatusCode::FORBIDDEN
            }
        }
    };
    inbox.1.notify_waiters();
    if behaviour == Some(Behaviour::AcceptAndHang) {
        pending::<()>().await;
    }
    status
}

fn accept(method: &str, signed: bool, content_type: &[u8], body: &Bytes) -> Result<Answer, Violation> {
    let violation = |text: String| Err(Violation(text));
    if method != "PUT" || !signed {
        return violation(format!("{method} with a query that was not handed out"));
    }
    if !content_type.is_empty() {
        return violation("a content type that was not signed".to_owned());
    }
    if body.len() > MAX_RESPONSE_BYTES {
        return violation(format!("Response object is too long: {} bytes", body.len()));
    }
    match serde_json::from_slice::<Answer>(body) {
        Ok(answer) if answer.physical_resource_id.is_empty() || answer.physical_resource_id.len() > 1024 => {
            violation("Invalid PhysicalResourceId".to_owned())
        }
        Ok(answer) if answer.status == Status::Failed && answer.reason.is_empty() => {
            violation("FAILED without a reason".to_owned())
        }
        Ok(answer) => Ok(answer),
        Err(error) => violation(format!("not an answer: {error}")),
    }
}
