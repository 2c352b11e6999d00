//! The client against the stand-in, over real HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use axum::{Router, http::header::CONTENT_TYPE, response::Redirect};
use bigbluebutton::testing::{Clock, NewMeeting, Reach, Server, Servers};
use scalelite::{
    Availability, Change, Client, Deleted, Error, Header, PanicBounds, Panicked, Refusal, Settings, State, StateChange,
    Transport, TransportError, TransportOptions, Updated,
    testing::{Fault, Ids, Instead, Scalelite, StandIn},
};
use tokio::{net::TcpListener, time::Instant};

const BBB_SECRET: &str = "8cd8ef52e8e101574e400365b55e11a6";
const BAD_GATEWAY: Fault = Fault::Before(Instead::Page(502));
const DONE_AND_TIMED_OUT: Fault = Fault::After(Instead::Page(504));

struct World {
    scalelite: Arc<Mutex<Scalelite>>,
    servers: Arc<Mutex<Servers>>,
    stand_in: StandIn,
}

fn host(name: &str) -> String {
    format!("vc-{name}.example.org")
}

fn url(name: &str) -> String {
    format!("https://{}/bigbluebutton/api/", host(name))
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_777_882_500)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn client(url: &str, secret: &str, header: Option<Header>) -> Client {
    let transport = Transport::new(&TransportOptions::default()).unwrap();
    Client::new(transport, Settings { url: url.to_owned(), secret: secret.into(), header }).unwrap()
}

impl World {
    async fn new(ids: Ids, names: &[&str]) -> Self {
        let servers = names.iter().map(|name| (host(name), Server::new(BBB_SECRET)));
        let servers = Arc::new(Mutex::new(Servers::from_iter(servers)));
        let mut scalelite = Scalelite::new("secret", ids);
        for name in names {
            scalelite.add(&url(name), BBB_SECRET, "").unwrap();
        }
        let scalelite = Arc::new(Mutex::new(scalelite));
        let stand_in = StandIn::start(Arc::clone(&scalelite), Arc::clone(&servers), Clock::new(now)).await.unwrap();
        Self { scalelite, servers, stand_in }
    }

    fn client(&self) -> Client {
        client(&self.stand_in.url(), "secret", None)
    }

    fn poll(&self) {
        self.scalelite.lock().unwrap().poll(&mut self.servers.lock().unwrap(), now());
    }

    /// This many meetings on the server `a`, which then stops answering.
    fn meetings_on_a_dead_server(&self, meetings: u32) {
        let mut scalelite = self.scalelite.lock().unwrap();
        let mut servers = self.servers.lock().unwrap();
        for number in 0..meetings {
            scalelite.create(&number.to_string(), NewMeeting::default(), None, &mut servers, now()).unwrap();
        }
        servers.get_mut(&host("a")).unwrap().reach = Reach::Hangs;
    }

    fn records(&self) -> usize {
        self.scalelite.lock().unwrap().records().count()
    }
}

fn done(updated: Result<Updated, Error>) -> scalelite::Server {
    match updated.unwrap() {
        Updated::Done(server) => server,
        Updated::Gone => panic!("the server is gone"),
    }
}

fn bounds(calls: u32) -> PanicBounds {
    PanicBounds { calls, deadline: soon() }
}

#[tokio::test]
async fn a_server_from_beginning_to_end() {
    let world = World::new(Ids::HostNames, &[]).await;
    let client = world.client();
    assert!(client.servers(soon()).await.unwrap().is_empty());

    world.servers.lock().unwrap().insert(host("a"), Server::new(BBB_SECRET));
    let added = client.add(&url("a"), &BBB_SECRET.into(), soon()).await.unwrap();
    assert_eq!((added.id.as_str(), added.state, added.online), (&*host("a"), State::Disabled, Availability::Offline));
    let enabled = done(client.update(&added.id, &Change::serve(), soon()).await);
    assert!(enabled.state == State::Enabled && !enabled.takes_meetings());
    world.poll();
    let listed = client.servers(soon()).await.unwrap().remove(0);
    assert!(listed.takes_meetings() && listed.load == Some(0.0) && listed.url == url("a"));

    let draining = done(client.update(&added.id, &Change::drain(), soon()).await);
    assert_eq!((draining.state, draining.tag.as_deref()), (State::Cordoned, Some("draining")));
    let changed = done(client.update(&added.id, &Change::new().secret("another".into()), soon()).await);
    assert!(changed.has_secret(&"another".into()) && changed.state == State::Cordoned);

    assert_eq!(client.panic(&added.id, bounds(1)).await.unwrap(), Panicked::Done);
    assert_eq!(client.delete(&added.id, soon()).await.unwrap(), Deleted::Done);
    // All of it again, as after a crash.
    assert_eq!(client.panic(&added.id, bounds(1)).await.unwrap(), Panicked::Gone);
    assert_eq!(client.delete(&added.id, soon()).await.unwrap(), Deleted::Gone);
    assert!(matches!(client.update(&added.id, &Change::drain(), soon()).await.unwrap(), Updated::Gone));
    assert!(client.servers(soon()).await.unwrap().is_empty());
}

#[tokio::test]
async fn servers_come_in_the_order_of_their_ids() {
    for ids in [Ids::HostNames, Ids::Uuids] {
        let world = World::new(ids, &["c", "a", "b"]).await;
        let listed = world.client().servers(soon()).await.unwrap();
        assert!(listed.len() == 3 && listed.is_sorted_by(|one, other| one.id < other.id));
    }
}

#[tokio::test]
async fn a_lost_answer_to_add_is_made_up_from_the_list() {
    for ids in [Ids::HostNames, Ids::Uuids] {
        let world = World::new(ids, &["b"]).await;
        world.stand_in.fail("addServer", [DONE_AND_TIMED_OUT]);
        let added = world.client().add(&url("a"), &BBB_SECRET.into(), soon()).await.unwrap();
        assert_eq!(added.url, url("a"));
        assert_eq!(world.stand_in.calls(), ["addServer", "getServers"]);
        assert_eq!(world.scalelite.lock().unwrap().servers().len(), 2);
    }
}

#[tokio::test]
async fn an_add_that_did_nothing_is_not_repeated_blindly() {
    for ids in [Ids::HostNames, Ids::Uuids] {
        let world = World::new(ids, &[]).await;
        world.stand_in.fail("addServer", [BAD_GATEWAY; 2]);
        let error = world.client().add(&url("a"), &BBB_SECRET.into(), soon()).await.unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { .. }) && error.is_transient(), "{error:?}");
        assert_eq!(world.stand_in.calls(), ["addServer", "getServers"]);
        // And when the list cannot be read either.
        world.stand_in.fail("getServers", [BAD_GATEWAY; 3]);
        let error = world.client().add(&url("a"), &BBB_SECRET.into(), soon()).await.unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
        assert!(world.scalelite.lock().unwrap().servers().is_empty());
    }
}

#[tokio::test]
async fn many_at_once_add_one_server_when_ids_are_host_names() {
    let world = World::new(Ids::HostNames, &[]).await;
    let (client, secret, url, deadline) = (world.client(), BBB_SECRET.into(), url("a"), soon());
    let adds = (0..8).map(|_| client.add(&url, &secret, deadline));
    for added in futures_util::future::join_all(adds).await {
        assert_eq!(added.unwrap().id, host("a"));
    }
    assert_eq!(world.scalelite.lock().unwrap().servers().len(), 1);
}

#[tokio::test]
async fn a_host_with_another_url_is_in_the_way() {
    let world = World::new(Ids::HostNames, &["a"]).await;
    let other = format!("http://{}/bigbluebutton/api/", host("a").to_uppercase());
    let error = world.client().add(&other, &BBB_SECRET.into(), soon()).await.unwrap_err();
    assert!(matches!(&error, Error::IdTaken { id } if *id == host("a")) && !error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn what_may_be_repeated_is() {
    let world = World::new(Ids::HostNames, &["a"]).await;
    let client = world.client();
    world.stand_in.fail("getServers", [BAD_GATEWAY, DONE_AND_TIMED_OUT]);
    assert_eq!(client.servers(soon()).await.unwrap().len(), 1);
    world.stand_in.fail("updateServer", [DONE_AND_TIMED_OUT, BAD_GATEWAY]);
    assert_eq!(done(client.update(&host("a"), &Change::serve(), soon()).await).state, State::Enabled);
    assert_eq!(world.stand_in.calls().len(), 6);
    // Three times and no more.
    world.stand_in.fail("getServers", [BAD_GATEWAY; 3]);
    assert!(matches!(client.servers(soon()).await, Err(Error::Unusable { status: 502, .. })));
    assert_eq!(world.stand_in.calls().len(), 9);
}

#[tokio::test]
async fn what_may_not_be_repeated_is_not() {
    let world = World::new(Ids::HostNames, &["a"]).await;
    let client = world.client();
    world.stand_in.fail("deleteServer", [DONE_AND_TIMED_OUT]);
    assert!(matches!(client.delete(&host("a"), soon()).await, Err(Error::Unusable { status: 504, .. })));
    assert_eq!(world.stand_in.calls(), ["deleteServer"]);
    assert_eq!(client.delete(&host("a"), soon()).await.unwrap(), Deleted::Gone);
}

#[tokio::test]
async fn a_deadline_holds_for_all_attempts_together() {
    let world = World::new(Ids::HostNames, &["a"]).await;
    let client = world.client();
    let at_once = || Instant::now() + Duration::from_millis(50);
    world.stand_in.fail("getServers", [Fault::Before(Instead::Silence)]);
    let timed_out = client.servers(at_once()).await.unwrap_err();
    assert!(matches!(timed_out, Error::Transport(TransportError::TimedOut)), "{timed_out:?}");
    assert_eq!(world.stand_in.calls(), ["getServers"]);
    world.stand_in.fail("addServer", [Fault::After(Instead::Silence)]);
    let unknown = client.add(&url("b"), &BBB_SECRET.into(), at_once()).await.unwrap_err();
    assert!(matches!(unknown, Error::OutcomeUnknown { .. }), "{unknown:?}");
    world.stand_in.fail("panicServer", [Fault::After(Instead::Silence)]);
    let unknown = client.panic(&host("a"), PanicBounds { calls: 9, deadline: at_once() }).await.unwrap_err();
    assert!(matches!(unknown, Error::Transport(TransportError::TimedOut)), "{unknown:?}");
    // A deadline that is past means no call at all.
    let calls = world.stand_in.calls().len();
    assert!(client.servers(Instant::now()).await.is_err());
    assert_eq!(world.stand_in.calls().len(), calls);
}

#[tokio::test]
async fn panic_goes_on_until_it_is_done() {
    let world = World::new(Ids::HostNames, &["a"]).await;
    let client = world.client();
    done(client.update(&host("a"), &Change::serve(), soon()).await);
    world.poll();
    world.meetings_on_a_dead_server(5);
    // Two calls without an answer are no reason to stop; the second has removed a record all the same.
    world.stand_in.fail("panicServer", [BAD_GATEWAY, DONE_AND_TIMED_OUT]);
    assert_eq!(client.panic(&host("a"), bounds(4)).await.unwrap(), Panicked::Unfinished);
    assert_eq!(world.records(), 2);
    assert_eq!(client.panic(&host("a"), bounds(3)).await.unwrap(), Panicked::Done);
    assert_eq!(world.records(), 0);
    assert_eq!(world.stand_in.calls().iter().filter(|call| **call == "panicServer").count(), 7);
    // Nothing but failures is one.
    world.stand_in.fail("panicServer", [BAD_GATEWAY; 2]);
    assert!(matches!(client.panic(&host("a"), bounds(2)).await, Err(Error::Unusable { status: 502, .. })));
    assert_eq!(client.panic(&host("a"), bounds(0)).await.unwrap(), Panicked::Unfinished);
}

#[tokio::test]
async fn another_secret_is_said_at_once() {
    let world = World::new(Ids::HostNames, &["a"]).await;
    let stranger = client(&world.stand_in.url(), "another", None);
    for error in [
        stranger.servers(soon()).await.unwrap_err(),
        stranger.add(&url("b"), &BBB_SECRET.into(), soon()).await.unwrap_err(),
        stranger.update(&host("a"), &Change::serve(), soon()).await.unwrap_err(),
        stranger.panic(&host("a"), bounds(9)).await.unwrap_err(),
        stranger.delete(&host("a"), soon()).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::WrongSecret) && !error.is_transient(), "{error:?}");
    }
    assert!(world.stand_in.calls().is_empty());
}

#[tokio::test]
async fn the_load_balancer_asks_for_a_second_secret() {
    let world = World::new(Ids::HostNames, &["a"]).await;
    world.stand_in.require_header("x-scalelite-management", "open sesame");
    let with = |value: &str| {
        let header = Header::new("X-Scalelite-Management", &value.into()).unwrap();
        client(&world.stand_in.url(), "secret", Some(header))
    };
    assert_eq!(with("open sesame").servers(soon()).await.unwrap().len(), 1);
    done(with("open sesame").update(&host("a"), &Change::serve(), soon()).await);
    for stranger in [world.client(), with("open barley")] {
        let error = stranger.servers(soon()).await.unwrap_err();
        assert!(matches!(error, Error::NotLetThrough { status: 403, .. }) && !error.is_transient(), "{error:?}");
    }
}

#[tokio::test]
async fn what_scalelite_refuses_is_an_error() {
    let world = World::new(Ids::HostNames, &["a"]).await;
    let client = world.client();
    for error in [
        client.update(&host("a"), &Change::new(), soon()).await.unwrap_err(),
        client.add(&url("b"), &"".into(), soon()).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Refused { refusal: Refusal::Other(400), .. }), "{error:?}");
        assert!(!error.is_transient());
    }
    done(client.update(&host("a"), &Change::new().state(StateChange::Disable), soon()).await);
}

async fn serve(router: Router) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/scalelite/api", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    client(&url, "secret", None)
}

async fn answering(content_type: &'static str, body: &'static str) -> Error {
    let client = serve(Router::new().fallback(async move || ([(CONTENT_TYPE, content_type)], body))).await;
    client.servers(soon()).await.unwrap_err()
}

#[tokio::test]
async fn something_else_that_answers_is_not_scalelite() {
    let html = answering("text/html", "<html><body>It works!</body></html>").await;
    assert!(matches!(html, Error::Unusable { status: 200, .. }), "{html:?}");
    for body in ["", "{}", "null", "[{}]", r#"[{"id":"a"}]"#, r#"{"error":"No servers are configured"}"#] {
        let error = answering("application/json", body).await;
        assert!(matches!(error, Error::Malformed { call: "getServers" }), "{body}: {error:?}");
    }
    let failed = "<response><returncode>FAILED</returncode><messageKey>internalError</messageKey></response>";
    let error = answering("text/xml", failed).await;
    assert!(matches!(error, Error::Failed { .. }) && error.is_transient(), "{error:?}");
    let unknown = "<response><returncode>FAILED</returncode><messageKey>unsupportedRequest</messageKey></response>";
    let error = answering("text/xml", unknown).await;
    assert!(matches!(error, Error::NotUnderstood { call: "getServers" }), "{error:?}");
    // Neither the checksum nor the header follows a redirect.
    let redirect = serve(Router::new().fallback(async || Redirect::temporary("http://127.0.0.1:9/"))).await;
    assert!(matches!(redirect.servers(soon()).await, Err(Error::Unusable { status: 307, .. })));
    let endless = serve(Router::new().fallback(async || " ".repeat(5 << 20))).await;
    let error = endless.servers(soon()).await.unwrap_err();
    assert!(matches!(error, Error::Transport(TransportError::TooLarge { .. })) && !error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn an_add_that_reached_nobody_is_known_to_have_done_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = client(&format!("http://{}/scalelite/api/", listener.local_addr().unwrap()), "secret", None);
    drop(listener);
    let error = nowhere.add(&url("a"), &BBB_SECRET.into(), soon()).await.unwrap_err();
    assert!(matches!(error, Error::Transport(TransportError::Connect(_))), "{error:?}");
}

#[test]
fn an_address_that_is_none() {
    let transport = Transport::new(&TransportOptions::default()).unwrap();
    let settings = Settings { url: "scalelite".to_owned(), secret: "secret".into(), header: None };
    assert!(matches!(Client::new(transport, settings), Err(Error::Address(_))));
}
