//! What is secret stays out of logs and errors, whatever goes wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    error::Error as _,
    io,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bigbluebutton::{
    Client, Error, Transport, TransportOptions, pool_status,
    signature::checksum,
    testing::{Agent, Clock, NewMeeting, Reach, Role, Server, Servers, StandIn},
};
use tokio::time::Instant;
use tracing_subscriber::{Registry, fmt::MakeWriter, layer::SubscriberExt as _};

const HOST: &str = "vc-0a1b.example.org";
const SECRET: &str = "8cd8ef52e8e101574e400365b55e11a6";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn with_causes(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(" {error} {error:?}");
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn secrets_checksums_and_names_are_nowhere() {
    let log = Log::default();
    let subscriber = Registry::default().with(tracing_subscriber::fmt::layer().with_writer(log.clone()));
    let _for_this_thread = tracing::subscriber::set_default(subscriber);

    let servers = Arc::new(Mutex::new(Servers::from_iter([(HOST.to_owned(), Server::new(SECRET))])));
    let stand_in = StandIn::start(Arc::clone(&servers), Clock::system()).await.unwrap();
    let server = |act: &dyn Fn(&mut Server)| act(servers.lock().unwrap().get_mut(HOST).unwrap());
    server(&|server| {
        server.create("lesson", NewMeeting::default(), SystemTime::now());
        server.join("lesson", Role::Moderator, SystemTime::now()).unwrap();
    });
    let options = TransportOptions { proxy: Some(stand_in.proxy()), ..TransportOptions::default() };
    let url = format!("http://{HOST}/bigbluebutton/api");
    let client = Client::new(Transport::new(&options).unwrap(), &url, SECRET.into()).unwrap();

    let mut shown = format!("{client:?}");
    for reach in [Reach::Answers, Reach::BadGateway, Reach::BreaksOff, Reach::Hangs] {
        let patience = Duration::from_millis(if reach == Reach::Hangs { 50 } else { 20_000 });
        let soon = || Instant::now() + patience;
        for agent in [Agent::Writes, Agent::WritesJunk(SECRET.as_bytes().to_vec())] {
            server(&|server| (server.reach, server.agent) = (reach, agent.clone()));
            shown += &format!("{:?}", client.pool_status(SystemTime::now(), soon()).await);
        }
        for error in [client.meetings(soon()).await.err(), client.recordings(soon()).await.err()] {
            shown += &error.as_ref().map(with_causes).unwrap_or_default();
        }
    }
    servers.lock().unwrap().clear();
    drop(stand_in);
    shown += &client.meetings(Instant::now() + Duration::from_secs(20)).await.as_ref().err().map(with_causes).unwrap();

    shown += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(shown.contains("answered"), "the log is empty");
    let secret = SECRET.into();
    for hidden in [
        SECRET.to_owned(),
        checksum("getMeetings", "", &secret),
        checksum("getRecordings", "state=processing,processed,published", &secret),
        pool_status::path(&secret),
        "checksum=".to_owned(),
        "/bigbluebutton/api/get".to_owned(),
        "-password".to_owned(),
        "Zo".to_owned(),
    ] {
        assert!(!shown.contains(&hidden), "{hidden} in {shown}");
    }
}
