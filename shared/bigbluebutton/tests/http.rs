//! The client against the stand-in, over real HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use axum::{Router, http::StatusCode, response::Redirect};
use bigbluebutton::{
    AfterStatus, Client, Error, PoolStatus, Recordings, Transport, TransportError, TransportOptions,
    pool_status::Silence,
    testing::{Agent, Clock, NewMeeting, Reach, Role, Server, Servers, StandIn},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::Instant,
};

const HOST: &str = "vc-0a1b.example.org";
const SECRET: &str = "8cd8ef52e8e101574e400365b55e11a6";

struct World {
    servers: Arc<Mutex<Servers>>,
    now: Arc<Mutex<SystemTime>>,
    stand_in: StandIn,
}

impl World {
    async fn new() -> Self {
        let servers = Arc::new(Mutex::new(Servers::from_iter([(HOST.to_owned(), Server::new(SECRET))])));
        let now = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_777_882_500)));
        let clock = Clock::new({
            let now = Arc::clone(&now);
            move || *now.lock().unwrap()
        });
        let stand_in = StandIn::start(Arc::clone(&servers), clock).await.unwrap();
        Self { servers, now, stand_in }
    }

    fn client(&self, secret: &str) -> Client {
        let options = TransportOptions { proxy: Some(self.stand_in.proxy()), ..TransportOptions::default() };
        let url = format!("http://{HOST}/bigbluebutton/api");
        Client::new(Transport::new(&options).unwrap(), &url, secret.into()).unwrap()
    }

    fn now(&self) -> SystemTime {
        *self.now.lock().unwrap()
    }

    fn pass(&self, duration: Duration) {
        *self.now.lock().unwrap() += duration;
    }

    fn server<T>(&self, act: impl FnOnce(&mut Server) -> T) -> T {
        act(self.servers.lock().unwrap().get_mut(HOST).unwrap())
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[tokio::test]
async fn meetings_are_listed_with_what_is_needed() {
    for grouping in [None, Some(','), Some('\u{a0}')] {
        let world = World::new().await;
        let created = world.now();
        world.server(|server| {
            server.grouping = grouping;
            server.create("empty & <new>", NewMeeting::default(), created);
            server.create("lesson", NewMeeting::default(), created);
            for role in [Role::Viewer, Role::Viewer, Role::Moderator] {
                server.join("lesson", role, created).unwrap();
            }
            let breakout_of = Some("lesson".to_owned());
            server.create("room", NewMeeting { breakout_of, ..NewMeeting::default() }, created);
        });
        let meetings = world.client(SECRET).meetings(soon()).await.unwrap();
        let [empty, lesson, room] = meetings[..] else { panic!("{meetings:?}") };
        assert_eq!((empty.participants, empty.has_user_joined, empty.running), (Some(0), Some(false), Some(false)));
        assert_eq!((lesson.participants, lesson.has_user_joined, lesson.running), (Some(3), Some(true), Some(true)));
        assert_eq!([empty, lesson, room].map(|meeting| meeting.is_breakout), [false, false, true]);
        assert_eq!(lesson.created, Some(created));
    }
}

#[tokio::test]
async fn an_empty_server_has_no_meetings() {
    assert_eq!(World::new().await.client(SECRET).meetings(soon()).await.unwrap(), []);
}

#[tokio::test]
async fn recordings_are_counted_until_they_are_handed_over() {
    let world = World::new().await;
    let client = world.client(SECRET);
    world.server(|server| {
        server.create("lesson", NewMeeting { recorded: true, ..NewMeeting::default() }, world.now());
        server.join("lesson", Role::Viewer, world.now()).unwrap();
    });
    world.pass(Duration::from_secs(1800));
    world.server(|server| server.leave("lesson", Role::Viewer, world.now()).unwrap());
    // A minute to expire and a minute to archive.
    world.pass(Duration::from_secs(119));
    assert_eq!(client.recordings(soon()).await.unwrap(), Recordings::default());
    assert!(matches!(
        client.pool_status(world.now(), soon()).await,
        PoolStatus::Reported(report) if report.unfinished_recordings == 1
    ));
    world.pass(Duration::from_secs(1));
    assert_eq!(client.recordings(soon()).await.unwrap(), Recordings { processing: 1, ..Recordings::default() });
    world.pass(Duration::from_secs(1860));
    assert_eq!(client.recordings(soon()).await.unwrap(), Recordings { processed: 1, ..Recordings::default() });
    world.pass(Duration::from_secs(30));
    assert_eq!(client.recordings(soon()).await.unwrap(), Recordings { published: 1, ..Recordings::default() });
    world.pass(Duration::from_secs(30));
    assert_eq!(client.recordings(soon()).await.unwrap().unfinished(), 0);
}

#[tokio::test]
async fn a_status_is_reported_or_the_server_is_silent() {
    let world = World::new().await;
    let client = world.client(SECRET);
    let silence = async || match client.pool_status(world.now(), soon()).await {
        PoolStatus::Silent(silence) => Some(silence),
        PoolStatus::Reported(_) => None,
    };
    assert_eq!(silence().await, None);
    world.server(|server| server.agent = Agent::Stopped);
    world.pass(Duration::from_secs(301));
    assert_eq!(silence().await, Some(Silence::Stale));
    world.server(|server| server.agent = Agent::NotStarted);
    assert_eq!(silence().await, Some(Silence::Absent));
    world.server(|server| server.agent = Agent::WritesJunk(b"{".to_vec()));
    assert_eq!(silence().await, Some(Silence::Unreadable));
    world.server(|server| server.agent = Agent::WritesJunk(vec![b' '; 1 << 20]));
    assert_eq!(silence().await, Some(Silence::Unreadable));
    world.server(|server| server.reach = Reach::BadGateway);
    assert_eq!(silence().await, Some(Silence::Unreadable));
    world.server(|server| (server.reach, server.agent) = (Reach::BreaksOff, Agent::Writes));
    assert_eq!(silence().await, Some(Silence::Unreachable));
    // Whoever has another secret looks for another file.
    world.server(|server| server.reach = Reach::Answers);
    let stranger = world.client("another").pool_status(world.now(), soon()).await;
    assert_eq!(stranger, PoolStatus::Silent(Silence::Absent));
}

#[tokio::test]
async fn a_server_with_another_secret_says_so() {
    let world = World::new().await;
    let client = world.client("another");
    assert!(matches!(client.meetings(soon()).await, Err(Error::WrongSecret)));
    assert!(matches!(client.recordings(soon()).await, Err(Error::WrongSecret)));
}

#[tokio::test]
async fn what_is_not_a_whole_answer_is_an_error() {
    let world = World::new().await;
    let client = world.client(SECRET);
    world.server(|server| server.reach = Reach::BadGateway);
    assert!(matches!(client.meetings(soon()).await, Err(Error::Status(502))));
    assert!(matches!(client.recordings(soon()).await, Err(Error::Status(502))));
    world.server(|server| server.reach = Reach::BreaksOff);
    assert!(matches!(client.meetings(soon()).await, Err(Error::Transport(TransportError::Interrupted(_)))));
    assert!(matches!(client.recordings(soon()).await, Err(Error::Transport(TransportError::Interrupted(_)))));
    world.server(|server| server.reach = Reach::Hangs);
    let at_once = Instant::now() + Duration::from_millis(50);
    assert!(matches!(client.meetings(at_once).await, Err(Error::Transport(TransportError::TimedOut))));
    assert!(matches!(client.meetings(Instant::now()).await, Err(Error::Transport(TransportError::TimedOut))));
    world.servers.lock().unwrap().clear();
    assert!(client.meetings(soon()).await.is_err());
}

#[tokio::test]
async fn an_answer_has_a_limit() {
    let world = World::new().await;
    world.server(|server| {
        server.create("everybody", NewMeeting::default(), world.now());
        for _ in 0..20_000 {
            server.join("everybody", Role::Viewer, world.now()).unwrap();
        }
    });
    let result = world.client(SECRET).meetings(soon()).await;
    assert!(matches!(result, Err(Error::Transport(TransportError::TooLarge { .. }))), "{result:?}");
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/bigbluebutton/api", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn something_else_that_answers_is_no_server() {
    let transport = Transport::new(&TransportOptions::default()).unwrap();
    let client = async |router: Router| Client::new(transport.clone(), &serve(router).await, SECRET.into()).unwrap();
    let html = client(Router::new().fallback(async || "<html><body>It works!</body></html>")).await;
    assert!(matches!(html.meetings(soon()).await, Err(Error::Malformed)));
    let refusing = "<response><returncode>FAILED</returncode><messageKey>internalError</messageKey></response>";
    let refusing = client(Router::new().fallback(async move || refusing)).await;
    assert!(matches!(refusing.recordings(soon()).await, Err(Error::Refused)));
    // The checksum does not follow a redirect.
    let elsewhere = client(Router::new().fallback(async || Redirect::temporary("http://127.0.0.1:9/"))).await;
    assert!(matches!(elsewhere.meetings(soon()).await, Err(Error::Status(307))));
    let forbidden = client(Router::new().fallback(async || StatusCode::FORBIDDEN)).await;
    assert!(matches!(forbidden.meetings(soon()).await, Err(Error::Status(403))));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/bigbluebutton/api", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(Transport::new(&TransportOptions::default()).unwrap(), &url, SECRET.into()).unwrap();
    assert!(matches!(client.meetings(soon()).await, Err(Error::Transport(TransportError::Connect(_)))));
    let status = client.pool_status(SystemTime::now(), soon()).await;
    assert_eq!(status, PoolStatus::Silent(Silence::Unreachable));
}

#[tokio::test]
async fn a_kept_connection_that_broke_is_replaced_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/bigbluebutton/api", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let body = "<response><returncode>SUCCESS</returncode><meetings/></response>";
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut request = [0; 4096];
        // The first connection answers once, and closes when it is used again.
        let (mut connection, _) = listener.accept().await.unwrap();
        assert!(connection.read(&mut request).await.unwrap() > 0);
        connection.write_all(answer.as_bytes()).await.unwrap();
        assert!(connection.read(&mut request).await.unwrap() > 0);
        drop(connection);
        let (mut connection, _) = listener.accept().await.unwrap();
        assert!(connection.read(&mut request).await.unwrap() > 0);
        connection.write_all(answer.as_bytes()).await.unwrap();
        // Two that break one after the other are not a matter of keeping.
        assert!(connection.read(&mut request).await.unwrap() > 0);
        drop(connection);
        let (mut connection, _) = listener.accept().await.unwrap();
        assert!(connection.read(&mut request).await.unwrap() > 0);
        drop(connection);
        listener
    });
    let client = Client::new(Transport::new(&TransportOptions::default()).unwrap(), &url, SECRET.into()).unwrap();
    assert_eq!(client.meetings(soon()).await.unwrap(), []);
    assert_eq!(client.meetings(soon()).await.unwrap(), []);
    assert!(matches!(client.meetings(soon()).await, Err(Error::Transport(TransportError::Interrupted(_)))));
    server.await.unwrap();
}

#[tokio::test]
async fn a_connection_is_closed_after_the_status_if_it_is_not_to_be_kept() {
    for (after_status, is_kept) in [(AfterStatus::Keep, true), (AfterStatus::Close, false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/bigbluebutton/api", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let body = "<response><returncode>SUCCESS</returncode><meetings/></response>";
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let mut request = [0; 4096];
            let (mut connection, _) = listener.accept().await.unwrap();
            for _ in 0..2 {
                assert!(connection.read(&mut request).await.unwrap() > 0);
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
            if is_kept {
                assert!(
                    connection.read(&mut request).await.unwrap() > 0,
                    "the next question comes on the same connection"
                );
                connection.write_all(answer.as_bytes()).await.unwrap();
            } else {
                assert_eq!(connection.read(&mut request).await.unwrap(), 0, "it was left open");
            }
        });
        let client = Client::new(Transport::new(&TransportOptions::default()).unwrap(), &url, SECRET.into()).unwrap();
        let client = client.after_status(after_status);
        assert_eq!(client.meetings(soon()).await.unwrap(), []);
        assert_eq!(client.pool_status(SystemTime::now(), soon()).await, PoolStatus::Silent(Silence::Unreadable));
        if is_kept {
            assert_eq!(client.meetings(soon()).await.unwrap(), []);
        }
        server.await.unwrap();
    }
}
