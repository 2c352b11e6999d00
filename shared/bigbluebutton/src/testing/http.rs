//! All servers behind one address.

use std::{
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http_body::Frame;
use reqwest::Url;
use secrecy::SecretString;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{Clock, NewMeeting, Reach, Role, Server, Servers, answers};
use crate::{pool_status, signature};

/// An HTTP server that answers for all of [`Servers`] by the host's name, as a proxy for plain HTTP does.
#[derive(Debug)]
pub struct StandIn {
    address: SocketAddr,
    server: JoinHandle<()>,
}

struct Shared {
    servers: Arc<Mutex<Servers>>,
    clock: Clock,
}

impl StandIn {
    /// Starts on a free port of the loopback address; ends when it is dropped.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(servers: Arc<Mutex<Servers>>, clock: Clock) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(Arc::new(Shared { servers, clock }));
        let server = tokio::spawn(async move {
            // It ends with the stand-in.
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { address, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to set as [`TransportOptions::proxy`](crate::TransportOptions::proxy).
    #[must_use]
    pub fn proxy(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let named = authority.or_else(|| Some(request.headers().get(header::HOST)?.to_str().ok()?.to_owned()));
    let host = named.unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host.as_str(), |(host, _port)| host).to_ascii_lowercase();
    let answer = {
        let mut servers = lock(&shared.servers);
        // A proxy that cannot connect says so with the same status.
        let Some(server) = servers.get_mut(&host) else { return page(StatusCode::BAD_GATEWAY) };
        match server.reach {
            Reach::Answers => Some(respond(server, &request, &shared.clock)),
            Reach::BadGateway => Some(page(StatusCode::BAD_GATEWAY)),
            Reach::BreaksOff => Some(half(respond(server, &request, &shared.clock))),
            Reach::Hangs => None,
        }
    };
    match answer {
        Some(answer) => answer,
        None => pending().await,
    }
}

fn lock(servers: &Mutex<Servers>) -> MutexGuard<'_, Servers> {
    servers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A page of the web server's own.
fn page(status: StatusCode) -> Response {
    let html =
        format!("<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<hr>\r\n<br>nginx</body>\r\n</html>\r\n");
    (status, [(header::CONTENT_TYPE, "text/html")], html).into_response()
}

fn xml(text: impl Into<String>) -> Response {
    ([(header::CONTENT_TYPE, "text/xml;charset=UTF-8")], text.into()).into_response()
}

fn respond(server: &mut Server, request: &Request, clock: &Clock) -> Response {
    let now = clock.now();
    let path = request.uri().path();
    let secret = SecretString::from(server.secret.as_str());
    if path == pool_status::path(&secret)
        && let Some(status) = server.status(now)
    {
        return ([(header::CONTENT_TYPE, "application/json")], status).into_response();
    }
    let Some(call) = path.strip_prefix("/bigbluebutton/api") else { return page(StatusCode::NOT_FOUND) };
    let call = call.trim_matches('/');
    if call.is_empty() {
        return xml(answers::VERSION);
    }
    let query = request.uri().query().unwrap_or_default();
    if !is_signed(call, query, &secret) {
        return xml(answers::CHECKSUM_ERROR);
    }
    let meeting = parameter(query, "meetingID").unwrap_or_default();
    match call {
        "getMeetings" => {
            server.pass(now);
            xml(answers::meetings(server))
        }
        "getRecordings" => {
            let states = parameter(query, "state").unwrap_or_default();
            let states: Vec<_> = states.split(',').map(str::to_owned).collect();
            xml(answers::recordings(server.listed_recordings(now).filter(|recording| {
                // Without a state, what is published is listed.
                let state = answers::state(recording);
                states.iter().any(|asked| asked == state) || (states == [""] && state == "published")
            })))
        }
        "create" => {
            let recorded = parameter(query, "record").as_deref() == Some("true");
            server.create(&meeting, NewMeeting { recorded, breakout_of: None }, now);
            xml(server.meetings(now).get(&meeting).map_or_else(String::new, |it| answers::created(&meeting, it)))
        }
        "join" => {
            let role = match parameter(query, "role").as_deref() {
                Some("MODERATOR") => Role::Moderator,
                _ => Role::Viewer,
            };
            xml(server.join(&meeting, role, now).map_or(answers::NOT_FOUND, |()| answers::JOINED))
        }
        "end" => xml(server.end(&meeting, now).map_or(answers::NOT_FOUND, |()| answers::ENDED)),
        _ => xml(answers::UNSUPPORTED),
    }
}

/// Whether the checksum is that of the query as it stands, without the checksum.
fn is_signed(call: &str, query: &str, secret: &SecretString) -> bool {
    let (checksum, others): (Vec<_>, Vec<_>) = query.split('&').partition(|pair| pair.starts_with("checksum="));
    let [checksum] = checksum[..] else { return false };
    checksum.strip_prefix("checksum=") == Some(&signature::checksum(call, &others.join("&"), secret))
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let url = Url::parse("http://query").ok().map(|mut url| {
        url.set_query(Some(query));
        url
    })?;
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The answer's head and half of its body; then the connection ends.
fn half(answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Body::new(Half::Unsent(body)))
}

enum Half {
    Unsent(Body),
    /// What is sent is flushed when there is no more to be had for the moment.
    Sent,
    Flushed,
}

impl HttpBody for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Half::Unsent(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                *self = Half::Sent;
                let data = frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok()).unwrap_or_default();
                Poll::Ready(Some(Ok(Frame::data(data.slice(..data.len() / 2)))))
            }
            Half::Sent => {
                *self = Half::Flushed;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Half::Flushed => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
        }
    }
}
