//! `bbb servers` with servers that the deployment's own function registered.

use serde_json::Value;
use tests::{command::Bbb, site::Site};

/// The most minutes that anything here takes: a server is installed in five, and leaves after two looks.
const MOST: u32 = 40;

/// Asks for something of a server and gives the answer.
async fn ask(bbb: &Bbb, verb: &[&str]) -> Value {
    bbb.run(&[&["servers"], verb, &["--stack-name", "live", "--output", "json"]].concat()).await.expect(0).json()
}

/// What the pool says of a server, that is among them.
fn state(pool: &Value, host: &str) -> String {
    let servers = pool["servers"].as_array().expect("servers");
    let found = servers.iter().find(|server| server["name"] == host);
    found.unwrap_or_else(|| panic!("{host} is not among {servers:?}"))["state"].as_str().expect("a state").to_owned()
}

/// Every request of an operator, and what comes of it. There is one server at the beginning and at the end.
pub(super) async fn come_and_go(bbb: &Bbb, site: &Site) {
    site.until("a server serves", MOST, async || site.serving().len() == 1).await;
    let host = site.serving().remove(0);
    let short = host.split('.').next().expect("a name").to_owned();
    assert_eq!(state(&ask(bbb, &["list"]).await, &host), "serving");
    let status = bbb.run(&["status", "--stack-name", "live"]).await;
    assert!(status.expect_status().stdout.contains(&short) && status.stdout.contains("serving"), "{}", status.stdout);

    let cordoned = ask(bbb, &["cordon", &short]).await;
    assert_eq!(state(&cordoned, &host), "cordoned");
    assert_eq!(site.serving(), [""; 0]);
    ask(bbb, &["enable", &host]).await;
    site.until("it serves again", 3, async || site.serving() == [host.clone()]).await;

    // A drained server keeps its meeting; another takes its place.
    assert_eq!(site.meet("lesson", 3), host);
    let drained = ask(bbb, &["drain", &host]).await;
    assert!(["draining", "serving"].contains(&state(&drained, &host).as_str()), "{drained}");
    site.until("another serves", MOST, async || site.serving().iter().any(|other| *other != host)).await;
    let text = bbb.run(&["servers", "list", "--stack-name", "live"]).await;
    let line = text.expect(0).stdout.lines().find(|line| line.starts_with(&short)).expect("its line");
    assert!(line.contains("draining") && line.contains(" min "), "{line}");
    assert_eq!(site.people_in(&host, "lesson"), 3);
    site.leave(&host, "lesson");
    site.until("it is gone", 180, async || !site.running().contains(&host)).await;

    let reconciled = bbb.run(&["servers", "reconcile", "--stack-name", "live"]).await;
    assert!(reconciled.expect(0).stdout.contains("1 wanted"), "{}", reconciled.stdout);
    // The group may not become smaller than its least size.
    let removed = bbb.run(&["servers", "remove", &site.serving().remove(0), "--stack-name", "live"]).await;
    removed.expect(0);
    site.until("another takes its place, because one is the least", MOST, async || {
        site.running().len() == 1 && site.serving().len() == 1
    })
    .await;
    assert_eq!(site.losses(), [], "nothing was lost");
}
