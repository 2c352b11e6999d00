//! What is secret stays out of logs and errors, whatever goes wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    error::Error as _,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bigbluebutton::{
    signature::checksum,
    testing::{Clock, Server, Servers},
};
use scalelite::{
    Change, Client, Error, Header, PanicBounds, Settings, Transport, TransportOptions,
    testing::{Fault, Ids, Instead, Scalelite, StandIn},
};
use tokio::time::Instant;
use tracing_subscriber::{Registry, fmt::MakeWriter, layer::SubscriberExt as _};

const HOST: &str = "vc-0a1b.example.org";
const BBB_SECRET: &str = "8cd8ef52e8e101574e400365b55e11a6";
const SECRET: &str = "2a9bd1ed5bbd1a2c1be6ee1f7fa0eb7a";
const HEADER: &str = "open-sesame-open-sesame";
const CALLS: [&str; 5] = ["getServers", "addServer", "updateServer", "panicServer", "deleteServer"];

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

/// What all calls came to.
async fn everything(client: &Client) -> String {
    let soon = || Instant::now() + Duration::from_millis(100);
    let servers = client.servers(soon()).await;
    let added = client.add(&format!("https://{HOST}/bigbluebutton/api/"), &BBB_SECRET.into(), soon()).await;
    let updated = client.update(HOST, &Change::serve().secret(BBB_SECRET.into()), soon()).await;
    let panicked = client.panic(HOST, PanicBounds { calls: 2, deadline: soon() }).await;
    let deleted = client.delete(HOST, soon()).await;
    let mut shown = format!("{client:?}{servers:?}{added:?}{updated:?}{panicked:?}{deleted:?}");
    for error in [servers.err(), added.err(), updated.err(), panicked.err(), deleted.err()] {
        shown += &error.as_ref().map(with_causes).unwrap_or_default();
    }
    shown
}

#[tokio::test]
async fn secrets_and_checksums_are_nowhere() {
    let log = Log::default();
    let subscriber = Registry::default().with(tracing_subscriber::fmt::layer().with_writer(log.clone()));
    let _for_this_thread = tracing::subscriber::set_default(subscriber);

    let servers = Arc::new(Mutex::new(Servers::from_iter([(HOST.to_owned(), Server::new(BBB_SECRET))])));
    let scalelite = Arc::new(Mutex::new(Scalelite::new(SECRET, Ids::HostNames)));
    let stand_in = StandIn::start(scalelite, servers, Clock::system()).await.unwrap();
    stand_in.require_header("x-management", HEADER);
    let transport = Transport::new(&TransportOptions::default()).unwrap();
    let client = |secret: &str, header: &str| {
        let header = Some(Header::new("x-management", &header.into()).unwrap());
        let settings = Settings { url: stand_in.url(), secret: secret.into(), header };
        Client::new(transport.clone(), settings).unwrap()
    };

    let mut shown = String::new();
    for fault in [None, Some(Fault::Before(Instead::Page(502))), Some(Fault::After(Instead::Silence))] {
        CALLS.iter().for_each(|call| stand_in.fail(call, fault));
        shown += &everything(&client(SECRET, HEADER)).await;
    }
    shown += &everything(&client(HEADER, HEADER)).await;
    shown += &everything(&client(SECRET, SECRET)).await;
    drop(stand_in);
    shown += &everything(&Client::new(transport, unreachable()).unwrap()).await;

    shown += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(shown.contains("answered"), "the log is empty");
    let mut hidden = [SECRET, BBB_SECRET, HEADER, "checksum=", "/scalelite/api/get"].map(str::to_owned).to_vec();
    hidden.extend(CALLS.map(|call| checksum(call, "", &SECRET.into())));
    for hidden in hidden {
        assert!(!shown.contains(&hidden), "{hidden} in {shown}");
    }
}

fn unreachable() -> Settings {
    let header = Some(Header::new("x-management", &HEADER.into()).unwrap());
    Settings { url: "http://127.0.0.1:9/scalelite/api/".to_owned(), secret: SECRET.into(), header }
}
