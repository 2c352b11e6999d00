//! No secret in an answer, an error, a metric or a log line.

use serde_json::json;

use crate::{
    account::Trouble,
    world::{World, scheduled},
};

#[tokio::test]
async fn nothing_secret_is_said() {
    let mut said = Vec::new();
    let world = World::new().await;
    let id = world.serving(2).await.remove(0);
    world.account.state(|state| state.scale_in(&id));
    for _ in 0..3 {
        said.push(world.minute().await.to_string());
    }
    said.push(world.ask(json!({"request": "list"})).await.to_string());
    world.account.break_down("DescribeAutoScalingGroups", Trouble::Refused("AccessDenied"));
    said.push(format!("{:?}", world.invoke(&scheduled()).await));
    said.push(format!("{:?}", world.function));
    said.extend(world.metrics().iter().map(ToString::to_string));
    for text in said {
        assert!(!text.contains("hunter2") && !text.contains("checksum="), "{text}");
    }
}
