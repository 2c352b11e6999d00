//! The management API over HTTP.

use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use bigbluebutton::testing::{Clock, Servers};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    NotDone, Scalelite, Update,
    answers::{answer_json, empty_html, error, not_done, page, reject, shown},
    request::{self, Call},
};
use crate::StateChange;

/// What happens to a call instead of a plain answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It has no effect.
    Before(Instead),
    /// It takes effect, and its answer is lost.
    After(Instead),
}

/// What comes instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// A proxy's page with this status: 502, 503, 504.
    Page(u16),
    /// Nothing, and the connection stays open.
    Silence,
}

/// An HTTP server with Scalelite's management API under `/scalelite/api/`.
#[derive(Debug)]
pub struct StandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    scalelite: Arc<Mutex<Scalelite>>,
    servers: Arc<Mutex<Servers>>,
    clock: Clock,
    door: Mutex<Door>,
}

/// What stands before the API.
#[derive(Debug, Default)]
struct Door {
    header: Option<(String, String)>,
    host: Option<String>,
    faults: BTreeMap<String, VecDeque<Fault>>,
    calls: Vec<&'static str>,
}

impl StandIn {
    /// Starts on a free port of the loopback address; ends when it is dropped. Whoever locks both, locks `scalelite` before `servers`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(
        scalelite: Arc<Mutex<Scalelite>>,
        servers: Arc<Mutex<Servers>>,
        clock: Clock,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { scalelite, servers, clock, door: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It ends with the stand-in.
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of the API, for [`Settings::url`](crate::Settings::url).
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/scalelite/api/", self.address)
    }

    /// From now on the load balancer in front lets only requests with this header through; it answers 403 to others.
    pub fn require_header(&self, name: &str, value: &str) {
        lock(&self.shared.door).header = Some((name.to_owned(), value.to_owned()));
    }

    /// Sets `URL_HOST`: requests for another host get an empty 403.
    pub fn require_host(&self, host: &str) {
        lock(&self.shared.door).host = Some(host.to_owned());
    }

    /// Lets the next calls of this name go wrong, one fault each.
    pub fn fail(&self, call: &str, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.shared.door).faults.entry(call.to_owned()).or_default().extend(faults);
    }

    /// The names of the calls that were let in so far, those that went wrong included.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        lock(&self.shared.door).calls.clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
    match shared.respond(&head, &body) {
        Some(answer) => answer,
        None => pending().await,
    }
}

impl Shared {
    /// The answer; `None` for none.
    fn respond(&self, head: &Parts, body: &Bytes) -> Option<Response> {
        if let Some(refusal) = self.refusal(head) {
            return Some(refusal);
        }
        let secret = lock(&self.scalelite).secret.clone();
        let call = match request::read(&head.method, &head.uri, &head.headers, body, &secret) {
            Ok(call) => call,
            Err(rejected) => return Some(reject(rejected)),
        };
        let fault = {
            let mut door = lock(&self.door);
            door.calls.push(call.name);
            door.faults.get_mut(call.name).and_then(VecDeque::pop_front)
        };
        let instead = match fault {
            None => return Some(self.carry_out(&call)),
            Some(Fault::Before(instead)) => instead,
            Some(Fault::After(instead)) => {
                drop(self.carry_out(&call));
                instead
            }
        };
        match instead {
            Instead::Page(status) => Some(page(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY))),
            Instead::Silence => None,
        }
    }

    /// What the load balancer, or Rails' host authorization, has against a request.
    fn refusal(&self, head: &Parts) -> Option<Response> {
        let door = lock(&self.door);
        if let Some((name, value)) = &door.header
            && head.headers.get(name).is_none_or(|sent| sent != value.as_str())
        {
            return Some((StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "text/plain")], "Forbidden").into_response());
        }
        let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _port)| host);
        if door.host.as_ref().is_some_and(|allowed| allowed != host) {
            return Some(empty_html(StatusCode::FORBIDDEN));
        }
        None
    }

    fn carry_out(&self, call: &Call) -> Response {
        let mut scalelite = lock(&self.scalelite);
        let id = call.body["id"].as_str().unwrap_or_default();
        let server = &call.body["server"];
        let outcome = match call.name {
            "getServers" => return list(&scalelite),
            "addServer" => return add(&mut scalelite, server),
            _ if scalelite.server(id).is_none() => Err(NotDone::NoSuchServer),
            "updateServer" => return update(&mut scalelite, id, server),
            "deleteServer" => {
                scalelite.delete(id).map(|()| json!({"success": format!("Server id={id} was destroyed")}))
            }
            "panicServer" => {
                let keep_state = call.body["keep_state"] == json!(true);
                let done = scalelite.panic(id, keep_state, &mut lock(&self.servers), self.clock.now());
                let text = format!("Server id={id} has been disabled and the meetings have been destroyed");
                done.map(|()| json!({ "success": text }))
            }
            _ => scalelite.server(id).as_ref().map(shown).ok_or(NotDone::NoSuchServer),
        };
        match outcome {
            Ok(body) => answer_json(StatusCode::OK, &body),
            Err(reason) => not_done(reason, id),
        }
    }
}

fn list(scalelite: &Scalelite) -> Response {
    let mut servers = scalelite.servers();
    if servers.is_empty() {
        return error(StatusCode::NOT_FOUND, "No servers are configured");
    }
    // A set has no order; nobody is to rely on one.
    servers.reverse();
    answer_json(StatusCode::OK, &servers.iter().map(shown).collect())
}

fn add(scalelite: &mut Scalelite, server: &Value) -> Response {
    if !server.is_object() {
        return empty_html(StatusCode::BAD_REQUEST);
    }
    let [url, secret, tag] = ["url", "secret", "tag"].map(|field| server[field].as_str().unwrap_or_default().trim());
    if url.is_empty() || secret.is_empty() {
        return error(StatusCode::BAD_REQUEST, "Server needs a URL and a secret");
    }
    match scalelite.add(url, secret, tag) {
        Ok(id) => answer_json(StatusCode::CREATED, &scalelite.server(&id).as_ref().map(shown).unwrap_or_default()),
        Err(reason) => not_done(reason, ""),
    }
}

fn update(scalelite: &mut Scalelite, id: &str, server: &Value) -> Response {
    let bad_request = |text: &str| error(StatusCode::BAD_REQUEST, text);
    if server.as_object().is_none_or(serde_json::Map::is_empty) {
        return bad_request("param is missing or the value is empty or invalid: server");
    }
    let state = match server["state"].as_str() {
        None | Some("") => None,
        Some("enable") => Some(StateChange::Enable),
        Some("cordon") => Some(StateChange::Cordon),
        Some("disable") => Some(StateChange::Disable),
        Some(other) => return bad_request(&format!("Invalid state parameter: {other}")),
    };
    let load_multiplier = match &server["load_multiplier"] {
        Value::String(text) => Some(text.parse().unwrap_or(0.0)),
        number => number.as_f64(),
    };
    if load_multiplier.is_some_and(|multiplier| multiplier == 0.0) {
        return bad_request("Load-multiplier must be a non-zero number");
    }
    let text = |field: &str| server[field].as_str().map(str::to_owned);
    let secret = text("secret").filter(|secret| !secret.is_empty());
    let update = Update { state, tag: text("tag"), secret, load_multiplier };
    match scalelite.update(id, &update) {
        Ok(server) => answer_json(StatusCode::OK, &shown(&server)),
        Err(reason) => not_done(reason, id),
    }
}
