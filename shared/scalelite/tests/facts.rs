//! The facts about Scalelite that decide how a pool has to be kept, each held against the stand-in. They were seen on Scalelite 1.8.5 itself; the
//! stand-in is to fail here before a pool that relies on it fails there. (The last two of the ten are about Auto Scaling.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bigbluebutton::{
    Transport, TransportOptions,
    signature::{checksum, signed},
    testing::{Clock, EndCause, NewMeeting, Reach, Role, Server, Servers},
};
use reqwest::Method;
use scalelite::{
    State, StateChange,
    testing::{Ids, NotDone, RoomError, Scalelite, StandIn, Update},
};
use serde_json::{Value, json};
use tokio::time::Instant;

const SECRET: &str = "bbb secret";

struct World {
    scalelite: Scalelite,
    servers: Servers,
    now: SystemTime,
}

fn host(name: &str) -> String {
    format!("vc-{name}.example.org")
}

fn url(name: &str) -> String {
    format!("https://{}/bigbluebutton/api/", host(name))
}

fn state(state: StateChange) -> Update {
    Update { state: Some(state), ..Update::default() }
}

fn tag(tag: &str) -> Update {
    Update { tag: Some(tag.to_owned()), ..Update::default() }
}

fn drain() -> Update {
    Update { tag: Some("draining".to_owned()), ..state(StateChange::Cordon) }
}

impl World {
    /// Servers of these names, added, enabled and polled.
    fn with(ids: Ids, names: &[&str]) -> Self {
        let servers = names.iter().map(|name| (host(name), Server::new(SECRET))).collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_777_882_500);
        let mut world = Self { scalelite: Scalelite::new("secret", ids), servers, now };
        for name in names {
            let id = world.scalelite.add(&url(name), SECRET, "").unwrap();
            world.scalelite.update(&id, &state(StateChange::Enable)).unwrap();
        }
        world.poll();
        world
    }

    fn new(names: &[&str]) -> Self {
        Self::with(Ids::HostNames, names)
    }

    fn pass(&mut self, minutes: u64) {
        self.now += Duration::from_secs(60 * minutes);
    }

    fn poll(&mut self) {
        self.pass(1);
        self.poll_now();
    }

    fn poll_now(&mut self) {
        self.scalelite.poll(&mut self.servers, self.now);
    }

    /// Changes a server while the poller has read it and waits for its answer.
    fn update_during_a_poll(&mut self, name: &str, update: &Update) -> State {
        let poll = self.scalelite.begin_poll(&mut self.servers, self.now);
        let acknowledged = self.update(name, update);
        self.scalelite.finish_poll(poll, &mut self.servers, self.now);
        acknowledged
    }

    fn update(&mut self, name: &str, update: &Update) -> State {
        self.scalelite.update(&host(name), update).unwrap().state
    }

    fn create(&mut self, meeting: &str) -> Result<String, RoomError> {
        self.scalelite.create(meeting, NewMeeting::default(), None, &mut self.servers, self.now)
    }

    fn join(&mut self, meeting: &str, role: Role) -> Result<String, RoomError> {
        self.scalelite.join(meeting, role, &mut self.servers, self.now)
    }

    fn panic(&mut self, name: &str) -> Result<(), NotDone> {
        self.scalelite.panic(&host(name), false, &mut self.servers, self.now)
    }

    fn server(&mut self, name: &str) -> &mut Server {
        self.servers.get_mut(&host(name)).unwrap()
    }

    fn state(&self, name: &str) -> State {
        self.scalelite.server(&host(name)).unwrap().state
    }

    fn load(&self, name: &str) -> Option<f64> {
        self.scalelite.server(&host(name)).unwrap().load
    }

    fn is_online(&self, name: &str) -> bool {
        self.scalelite.server(&host(name)).unwrap().online
    }
}

/// The management API, as somebody without a client would call it.
struct Api {
    transport: Transport,
    stand_in: StandIn,
}

impl Api {
    async fn start(scalelite: Scalelite) -> Self {
        let scalelite = Arc::new(Mutex::new(scalelite));
        let stand_in = StandIn::start(scalelite, Arc::default(), Clock::system()).await.unwrap();
        Self { transport: Transport::new(&TransportOptions::default()).unwrap(), stand_in }
    }

    /// The status, the content type and the body.
    async fn call(&self, method: Method, end: &str, content_type: &str, body: &str) -> (u16, String, String) {
        let url = format!("{}{end}", self.stand_in.url()).parse().unwrap();
        let mut request = self.transport.request(method, url).body(body.to_owned());
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        let answer = self.transport.send(request, deadline, 1 << 20).await.unwrap();
        let body = String::from_utf8(answer.body.read_to_end().await.unwrap()).unwrap();
        (answer.status, answer.content_type, body)
    }

    async fn post(&self, call: &str, body: &Value) -> (u16, Value) {
        let end = signed(call, "", &"secret".into());
        let (status, _, body) = self.call(Method::POST, &end, "application/json", &body.to_string()).await;
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    async fn add(&self, url: &str) -> (u16, Value) {
        self.post("addServer", &json!({"server": {"url": url, "secret": SECRET}})).await
    }
}

#[tokio::test]
async fn fact_1_what_is_not_let_in_or_not_known_is_answered_with_200_and_xml() {
    let api = Api::start(Scalelite::new("secret", Ids::HostNames)).await;
    let secret = "secret".into();
    let good = signed("getServers", "", &secret);
    let upper_case = format!("getServers?checksum={}", checksum("getServers", "", &secret).to_uppercase());
    let add = signed("addServer", "", &secret);
    for (method, end, content_type, body, key) in [
        (Method::GET, "getServers", "", "", "checksumError"),
        (Method::GET, "getServers?checksum=0", "", "", "checksumError"),
        (Method::GET, &upper_case, "", "", "checksumError"),
        (Method::GET, &good.replace('?', "?id=1&"), "", "", "checksumError"),
        (Method::GET, &signed("getServers", "", &"another".into()), "", "", "checksumError"),
        (Method::GET, "getServer", "", "", "unsupportedRequest"),
        (Method::POST, &good, "application/json", "{}", "unsupportedRequest"),
        (Method::GET, &add, "", "", "unsupportedRequest"),
        (Method::POST, &add, "text/plain", "{}", "unsupportedContentType"),
        (Method::POST, &add, "", "{}", "unsupportedContentType"),
    ] {
        let (status, kind, text) = api.call(method, end, content_type, body).await;
        assert_eq!((status, kind.as_str()), (200, "application/xml; charset=utf-8"), "{end}");
        assert!(text.contains(&format!("<messageKey>{key}</messageKey>")), "{end}: {text}");
    }
    // Where the checksum stands does not matter; what else is in the query does.
    let anywhere = format!("getServers?checksum={}&id=1", checksum("getServers", "id=1", &secret));
    for end in [&good, &anywhere] {
        let (status, kind, body) = api.call(Method::GET, end, "", "").await;
        assert_eq!((status, kind.as_str()), (404, "application/json; charset=utf-8"));
        assert_eq!(body, r#"{"error":"No servers are configured"}"#);
    }
    // Rails' own answers are HTML, without anything in it.
    let broken = api.call(Method::POST, &add, "application/json", "{").await;
    assert_eq!(broken, (400, "text/html; charset=utf-8".to_owned(), String::new()));
    // The body is not signed: one checksum is for all.
    assert_eq!((api.add(&url("a")).await.0, api.add(&url("b")).await.0), (201, 201));
}

#[tokio::test]
async fn fact_2_adding_twice_is_two_servers_or_an_empty_500() {
    let api = Api::start(Scalelite::new("secret", Ids::Uuids)).await;
    let ((status, first), (_, second)) = (api.add(&url("a")).await, api.add(&url("a")).await);
    assert_eq!(status, 201);
    assert!(first["id"] != second["id"] && first["url"] == second["url"]);
    assert_eq!([&first["state"], &first["online"], &first["load"]], ["disabled", "offline", "unavailable"]);
    // A URL is not looked at.
    assert_eq!(api.add("nonsense").await.0, 201);

    let api = Api::start(Scalelite::new("secret", Ids::HostNames)).await;
    let (status, added) = api.add(&url("A")).await;
    assert_eq!((status, &added["id"]), (201, &json!(host("a"))));
    let body = json!({"server": {"url": url("a"), "secret": SECRET}}).to_string();
    let again = api.call(Method::POST, &signed("addServer", "", &"secret".into()), "application/json", &body).await;
    assert_eq!(again, (500, "text/html; charset=utf-8".to_owned(), String::new()));
    assert_eq!(api.add("nonsense").await.0, 500);
    let (b, api) = (&url("b"), &api);
    let mut statuses = futures_util::future::join_all((0..8).map(|_| async move { api.add(b).await.0 })).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 500, 500, 500, 500, 500, 500, 500]);
}

#[test]
fn fact_3_a_cordon_while_the_poller_waits_is_lost_and_a_tag_is_not() {
    let mut world = World::new(&["a"]);
    world.create("lesson").unwrap();
    world.join("lesson", Role::Viewer).unwrap();
    world.update_during_a_poll("a", &state(StateChange::Cordon));
    // It says cordoned, is chosen all the same, and neither another cordon nor another poll helps.
    assert_eq!(world.state("a"), State::Cordoned);
    assert_eq!(world.create("leak 1"), Ok(host("a")));
    world.update("a", &state(StateChange::Cordon));
    world.poll();
    assert_eq!(world.create("leak 2"), Ok(host("a")));
    // With a tag it is not chosen. Disabling and cordoning repairs it.
    world.update("a", &drain());
    assert_eq!(world.create("leak 3"), Err(RoomError::NoServers));
    for update in [state(StateChange::Disable), state(StateChange::Cordon), tag("")] {
        world.update("a", &update);
    }
    assert_eq!(world.create("leak 4"), Err(RoomError::NoServers));

    // With the tag in the same call it does not matter when the poller saves.
    let mut world = World::new(&["a"]);
    world.create("lesson").unwrap();
    world.join("lesson", Role::Viewer).unwrap();
    world.update_during_a_poll("a", &drain());
    assert!(world.scalelite.is_chosen_for_meetings(&host("a")));
    assert_eq!(world.scalelite.server(&host("a")).unwrap().tag, "draining");
    assert_eq!(world.create("another"), Err(RoomError::NoServers));
    // The room that runs there can still be joined.
    assert_eq!(world.join("lesson", Role::Viewer), Ok(host("a")));
    // Who asks for the tag gets there.
    let World { scalelite, servers, now, .. } = &mut world;
    let tagged = scalelite.create("tagged", NewMeeting::default(), Some("draining"), servers, *now);
    assert_eq!(tagged, Ok(host("a")));
}

#[test]
fn fact_4_deleting_a_server_with_a_meeting_record_makes_the_room_unusable_for_a_day() {
    for ids in [Ids::HostNames, Ids::Uuids] {
        let mut world = World::with(ids, &["a", "b"]);
        let id = world.create("room").unwrap();
        let of_the_room = world.scalelite.server(&id).unwrap().url;
        world.scalelite.delete(&id).unwrap();
        for _ in 0..3 {
            assert_eq!(world.create("room"), Err(RoomError::ServerForgotten(id.clone())));
            assert_eq!(world.join("room", Role::Viewer), Err(RoomError::NotFound));
            world.poll();
        }
        // Adding the same host heals it, when ids are host names.
        let again = world.scalelite.add(&of_the_room, SECRET, "").unwrap();
        world.scalelite.update(&again, &state(StateChange::Enable)).unwrap();
        assert_eq!(world.create("room").is_ok(), ids == Ids::HostNames);
        world.pass(24 * 60);
        assert!(world.create("room").is_ok());
    }
    // After a panic there is nothing left to make unusable.
    let mut world = World::new(&["a", "b"]);
    assert_eq!(world.create("room"), Ok(host("a")));
    world.panic("a").unwrap();
    world.scalelite.delete(&host("a")).unwrap();
    assert_eq!(world.create("room"), Ok(host("b")));
}

#[test]
fn fact_5_panic_stops_at_the_first_meeting_that_does_not_end_and_has_forgotten_it() {
    let mut world = World::new(&["a"]);
    for meeting in ["1", "2", "3"] {
        world.create(meeting).unwrap();
    }
    world.server("a").reach = Reach::Hangs;
    for left in [2, 1, 0] {
        assert_eq!(world.panic("a"), Err(NotDone::MeetingNotEnded));
        assert_eq!(world.scalelite.records().count(), left);
        assert_eq!(world.state("a"), State::Enabled);
    }
    // The call after the last record is the one that succeeds.
    assert_eq!(world.panic("a"), Ok(()));
    assert_eq!(world.state("a"), State::Disabled);

    // A meeting that is over already counts as one that did not end; one that runs is ended.
    let mut world = World::new(&["a"]);
    for meeting in ["1", "2"] {
        world.create(meeting).unwrap();
        world.join(meeting, Role::Viewer).unwrap();
    }
    let now = world.now;
    world.server("a").end("1", now).unwrap();
    assert_eq!(world.panic("a"), Err(NotDone::MeetingNotEnded));
    assert_eq!(world.panic("a"), Ok(()));
    let last = world.server("a").ends().last().unwrap().clone();
    assert_eq!((last.meeting.as_str(), last.people, last.cause), ("2", 1, EndCause::Called));
    // Without records it only disables, again and again.
    assert_eq!(world.panic("a"), Ok(()));
    assert_eq!(world.panic("b"), Err(NotDone::NoSuchServer));
}

#[test]
fn fact_6_the_poller_disables_a_cordoned_server_without_load_although_people_may_be_on_it() {
    let mut world = World::new(&["a", "b"]);
    for (name, meeting) in [("a", "lesson"), ("b", "other")] {
        assert_eq!(world.create(meeting), Ok(host(name)));
        world.join(meeting, Role::Viewer).unwrap();
    }
    let now = world.now;
    let room = NewMeeting { breakout_of: Some("lesson".to_owned()), ..NewMeeting::default() };
    world.server("a").create("room", room, now);
    world.server("a").join("room", Role::Viewer, now).unwrap();
    for name in ["a", "b"] {
        world.update(name, &state(StateChange::Cordon));
    }
    world.poll();
    assert_eq!([world.state("a"), world.state("b")], [State::Cordoned; 2]);
    // Everybody is in the breakout room, and a meeting older than a quarter of an hour is its people alone.
    world.pass(15);
    let now = world.now;
    world.server("a").leave("lesson", Role::Viewer, now).unwrap();
    world.poll_now();
    assert_eq!([world.state("a"), world.state("b")], [State::Disabled, State::Cordoned]);
    assert_eq!(world.server("a").people(now), 1);
    // Nobody comes back to a disabled server.
    assert_eq!(world.join("lesson", Role::Viewer), Err(RoomError::ServerUnavailable));
    assert_eq!(world.join("other", Role::Viewer), Ok(host("b")));

    // Enabling it while the poller waits is acknowledged, and lost.
    let mut world = World::new(&["a"]);
    world.update("a", &state(StateChange::Cordon));
    assert_eq!(world.update_during_a_poll("a", &state(StateChange::Enable)), State::Enabled);
    assert_eq!(world.state("a"), State::Disabled);
}

#[tokio::test]
async fn fact_7_the_load_counts_moderators_twice_and_young_meetings_as_fifteen_and_changes_its_type() {
    let mut world = World::new(&["a"]);
    assert_eq!(world.load("a"), Some(0.0));
    world.create("lesson").unwrap();
    for role in [Role::Viewer, Role::Viewer, Role::Moderator] {
        world.join("lesson", role).unwrap();
    }
    // One for the meeting and one for each who joined, until the next poll.
    assert_eq!(world.load("a"), Some(4.0));
    world.poll_now();
    assert_eq!(world.load("a"), Some(15.0));
    world.pass(20);
    world.poll_now();
    assert_eq!(world.load("a"), Some(4.0));
    for _ in 0..36 {
        world.join("lesson", Role::Viewer).unwrap();
    }
    world.join("lesson", Role::Moderator).unwrap();
    world.poll_now();
    // 40 people, two of them moderators.
    assert_eq!(world.load("a"), Some(42.0));

    let api = Api::start(world.scalelite).await;
    let (_, _, listed) = api.call(Method::GET, &signed("getServers", "", &"secret".into()), "", "").await;
    assert!(listed.contains(r#""load":42.0"#) && listed.contains(r#""load_multiplier":"1.0""#), "{listed}");
    let (_, disabled) = api.post("updateServer", &json!({"id": host("a"), "server": {"state": "disable"}})).await;
    assert_eq!(disabled["load"], "unavailable");
}

#[test]
fn fact_8_a_server_takes_meetings_after_the_next_poll_and_loses_its_records_after_two_bad_ones() {
    let mut world = World::new(&["a", "b"]);
    world.servers.insert(host("c"), Server::new(SECRET));
    world.scalelite.add(&url("c"), SECRET, "").unwrap();
    world.update("c", &state(StateChange::Enable));
    assert_eq!((world.state("c"), world.is_online("c"), world.load("c")), (State::Enabled, false, None));
    assert!(!world.scalelite.is_chosen_for_meetings(&host("c")));
    world.poll();
    assert!(world.scalelite.is_chosen_for_meetings(&host("c")));

    // The lowest load is chosen.
    let on = ["1", "2", "3"].map(|meeting| world.create(meeting).unwrap());
    assert_eq!(on, [host("a"), host("b"), host("c")]);
    world.join("1", Role::Viewer).unwrap();
    world.server("a").reach = Reach::Hangs;
    world.poll();
    assert_eq!(world.join("1", Role::Viewer), Err(RoomError::ServerFailed));
    // After one good answer it counts from the beginning.
    world.server("a").reach = Reach::Answers;
    world.poll();
    world.server("a").reach = Reach::Hangs;
    world.poll();
    assert!(world.is_online("a"));
    world.poll();
    assert_eq!((world.state("a"), world.is_online("a"), world.load("a")), (State::Enabled, false, None));
    // The meeting lives on, and the room is made a second time elsewhere.
    assert_eq!(world.join("1", Role::Viewer), Err(RoomError::NotFound));
    assert_ne!(world.create("1").unwrap(), host("a"));
    let now = world.now;
    assert_eq!(world.server("a").people(now), 1);
    world.server("a").reach = Reach::Answers;
    world.poll();
    assert!(world.is_online("a"));
}

#[test]
fn rooms_and_states() {
    let mut world = World::new(&["a", "b"]);
    world.create("lesson").unwrap();
    world.join("lesson", Role::Viewer).unwrap();
    // Cordoned: who is there may come back, and the room stays while it runs.
    world.update("a", &drain());
    assert_eq!(world.join("lesson", Role::Viewer), Ok(host("a")));
    assert_eq!(world.create("lesson"), Ok(host("a")));
    assert_eq!(world.create("another"), Ok(host("b")));
    // When it is over, even before the next poll, the room moves (since 1.8.4).
    let now = world.now;
    world.server("a").end("lesson", now).unwrap();
    assert_eq!(world.create("lesson"), Ok(host("b")));
    // Disabled: the room still goes there, and nobody can join.
    world.update("b", &state(StateChange::Disable));
    assert_eq!(world.create("lesson"), Ok(host("b")));
    assert_eq!(world.join("lesson", Role::Viewer), Err(RoomError::ServerUnavailable));
    // Enabled again, it takes nothing new before it was polled.
    world.update("b", &state(StateChange::Enable));
    assert_eq!(world.create("third"), Err(RoomError::NoServers));
    world.poll();
    assert_eq!(world.create("third"), Ok(host("b")));
    // A lost cache is empty.
    world.scalelite.lose_cache();
    assert_eq!((world.scalelite.servers().len(), world.scalelite.records().count()), (0, 0));
    assert_eq!(world.create("fourth"), Err(RoomError::NoServers));
}

#[tokio::test]
async fn what_a_change_takes_and_what_it_leaves() {
    let api = Api::start(World::new(&["a"]).scalelite).await;
    let update = async |server: Value| api.post("updateServer", &json!({"id": host("a"), "server": server})).await;
    let (_, changed) = update(json!({"tag": "x", "url": "https://b.org/", "load_multiplier": 2})).await;
    assert_eq!([&changed["tag"], &changed["url"]], [&json!("x"), &json!(url("a"))]);
    assert_eq!([&changed["load_multiplier"], &changed["state"]], ["2.0", "enabled"]);
    assert_eq!(update(json!({"state": "enable"})).await.1["tag"], "x");
    assert_eq!(update(json!({"tag": ""})).await.1["tag"], "");
    // The words that are reported are not those that are taken.
    let (status, refused) = update(json!({"state": "cordoned"})).await;
    assert_eq!((status, &refused["error"]), (400, &json!("Invalid state parameter: cordoned")));
    assert_eq!(update(json!({})).await.0, 400);
    assert_eq!(update(json!({"load_multiplier": 0})).await.0, 400);
    for call in ["updateServer", "deleteServer", "panicServer"] {
        let (status, refused) = api.post(call, &json!({"id": "b"})).await;
        assert_eq!((status, &refused["error"]), (404, &json!("Couldn't find server with id=b")), "{call}");
    }
    let (status, refused) = api.post("addServer", &json!({"server": {"url": url("b")}})).await;
    assert_eq!((status, &refused["error"]), (400, &json!("Server needs a URL and a secret")));
    // keep_state counts at the top alone.
    assert_eq!(api.post("panicServer", &json!({"id": host("a"), "keep_state": true})).await.0, 200);
    assert_eq!(update(json!({"secret": SECRET})).await.1["state"], "enabled");
    assert_eq!(api.post("panicServer", &json!({"id": host("a"), "server": {"keep_state": true}})).await.0, 200);
    assert_eq!(update(json!({"secret": SECRET})).await.1["state"], "disabled");
}

#[tokio::test]
async fn another_host_than_the_one_that_is_set_is_refused() {
    let api = Api::start(World::new(&["a"]).scalelite).await;
    let end = signed("getServers", "", &"secret".into());
    api.stand_in.require_host("127.0.0.1");
    assert_eq!(api.call(Method::GET, &end, "", "").await.0, 200);
    api.stand_in.require_host("scalelite.example.org");
    let refused = api.call(Method::GET, &end, "", "").await;
    assert_eq!(refused, (403, "text/html; charset=utf-8".to_owned(), String::new()));
}
