//! What an operator asks for.

use serde_json::{Value, json};
use server_pool::tag;

use crate::{
    account::Trouble,
    world::{World, lock, scheduled, state},
};

async fn wish(world: &World, request: &str, id: &str) -> Value {
    world.ask(json!({"request": request, "server": id})).await
}

#[tokio::test]
async fn a_list_changes_nothing() {
    let world = World::new().await;
    let id = world.launch();
    let before = world.account.state(|state| format!("{:?}{:?}", state.servers, state.records));
    let answer = world.ask(json!({"request": "list"})).await;
    assert_eq!(answer["group"], json!({"name": "servers", "desired": 1, "min": 0, "max": 2000}));
    assert_eq!(state(&answer, &id)["name"], World::host(&id));
    assert_eq!((&answer["actions"], world.metrics().len()), (&json!([]), 0));
    assert_eq!(world.account.state(|state| format!("{:?}{:?}", state.servers, state.records)), before);
    let calls = world.account.state(|state| state.calls.keys().copied().collect::<Vec<_>>());
    assert!(
        calls.iter().all(|call| ["Describe", "List", "Get"].iter().any(|read| call.starts_with(read))),
        "{calls:?}"
    );
}

#[tokio::test]
async fn a_wish_holds_until_it_is_taken_back() {
    let world = World::new().await;
    let servers = world.serving(2).await;
    let id = &servers[0];
    let answer = wish(&world, "cordon", &World::host(id)).await;
    assert_eq!(world.account.state(|state| state.servers[id].tags[tag::WISH].clone()), "cordon");
    assert!(!answer["actions"].as_array().unwrap().is_empty());
    world.minutes(5).await;
    assert_eq!(state(&world.minute().await, id)["state"], "cordoned");
    for number in 0..4 {
        assert_eq!(world.create(&format!("lesson {number}"), false), servers[1]);
    }
    wish(&world, "enable", id).await;
    world.minutes(3).await;
    assert_eq!(state(&world.minute().await, id)["state"], "serving");
    assert!(!world.account.state(|state| state.servers[id].tags.contains_key(tag::WISH)));
}

#[tokio::test]
async fn a_server_that_is_to_go_goes_when_it_is_empty() {
    for request in ["drain", "remove"] {
        let world = World::new().await;
        world.serving(2).await;
        let id = world.create("lesson", false);
        wish(&world, request, &id).await;
        world.minutes(8).await;
        assert!(world.account.state(|state| state.ended.is_empty()), "{request}");
        world.leave("lesson", &id);
        world.minutes(10).await;
        assert_eq!((world.account.state(|state| state.ended.clone()), world.cut()), (vec![id], 0), "{request}");
        let desired = world.account.state(|state| state.desired);
        assert_eq!(desired, if request == "remove" { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_wish_for_a_server_that_is_not_there_is_refused() {
    let world = World::new().await;
    let id = world.serving(1).await.remove(0);
    for (server, said) in [
        ("i-0123456789abcdef0", "the Auto Scaling group servers has no instance i-0123456789abcdef0"),
        ("moodle", "\"moodle\" is neither the id of an instance"),
    ] {
        let error = world.invoke(&json!({"request": "drain", "server": server})).await.unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
    world.account.trouble("CreateTags", &[Trouble::Refused("UnauthorizedOperation")]);
    let error = world.invoke(&json!({"request": "drain", "server": id})).await.unwrap_err();
    assert!(error.to_string().starts_with("tag the instance"), "{error}");
}

#[tokio::test]
async fn a_pool_without_a_group_is_no_trouble() {
    let world = World::new().await;
    lock(&world.scalelite).add("https://vc-0123456789abcdef0.meet.example.org/bigbluebutton/api/", "x", "").unwrap();
    world.account.state(|state| state.has_group = false);
    let answer = world.ask(scheduled()).await;
    assert_eq!(answer["group"], json!({"name": "servers", "absent": true}));
    assert_eq!((&answer["actions"], &answer["unread"]), (&json!([]), &json!([])));
    assert_eq!(world.metrics()[0]["TickFailed"], 0);
    assert!(world.metrics()[0].get("Meetings").is_none());
}
