//! Whom Auto Scaling may end.

use std::time::{Duration, Instant};

use bigbluebutton::testing::{NewMeeting, Reach, Role};
use serde_json::{Value, json};

use crate::{
    account::Trouble,
    world::{World, lock},
};

fn question(ids: &[&String], count: u32) -> Value {
    let instance = |id: &&String| json!({"AvailabilityZone": "eu-west-1a", "InstanceId": id, "InstanceType": "c5.xlarge", "InstanceMarketOption": "on-demand"});
    json!({
        "AutoScalingGroupARN": "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:1:autoScalingGroupName/servers",
        "AutoScalingGroupName": "servers",
        "CapacityToTerminate": [{"AvailabilityZone": "eu-west-1a", "Capacity": count, "InstanceMarketOption": "on-demand"}],
        "Instances": ids.iter().map(instance).collect::<Vec<_>>(),
        "Cause": "SCALE_IN",
    })
}

#[tokio::test]
async fn the_emptiest_goes() {
    let world = World::new().await;
    let ids = world.serving(3).await;
    let busy = [world.create("one", false), world.create("two", false)];
    let empty = ids.iter().find(|id| !busy.contains(id)).unwrap();
    let answer = world.ask(question(&ids.iter().collect::<Vec<_>>(), 1)).await;
    assert_eq!(answer, json!({"InstanceIDs": [empty]}));
    let fresh = world.launch();
    let all: Vec<_> = ids.iter().chain([&fresh]).collect();
    let answer = world.ask(question(&all, 2)).await;
    assert_eq!(answer, json!({"InstanceIDs": [&fresh, empty]}), "one that never had a meeting goes first");
    let changing = ["CreateTags", "CompleteLifecycleAction", "TerminateInstanceInAutoScalingGroup"];
    let before = changing.map(|call| world.account.calls(call));
    world.ask(question(&all, 2)).await;
    assert_eq!(changing.map(|call| world.account.calls(call)), before, "it only looks");
}

#[tokio::test]
async fn of_two_empty_servers_that_goes_which_has_no_recording_to_stay_for() {
    for (recorder, other) in [(0, 1), (1, 0)] {
        let world = World::new().await;
        let ids = world.serving(2).await;
        {
            let mut servers = lock(&world.servers);
            let server = servers.get_mut(&World::host(&ids[recorder])).unwrap();
            server.create("lecture", NewMeeting { recorded: true, breakout_of: None }, world.now());
            server.join("lecture", Role::Moderator, world.now()).unwrap();
            server.leave("lecture", Role::Moderator, world.now()).unwrap();
        }
        world.minutes(3).await;
        let answer = world.ask(question(&[&ids[0], &ids[1]], 1)).await;
        assert_eq!(answer, json!({"InstanceIDs": [&ids[other]]}));
    }
}

#[tokio::test]
async fn who_is_silent_goes_last_and_is_not_waited_for() {
    let world = World::new().await;
    let ids = world.serving(2).await;
    lock(&world.servers).get_mut(&World::host(&ids[0])).unwrap().reach = Reach::Hangs;
    let began = Instant::now();
    let answer = world.ask(question(&[&ids[0], &ids[1]], 1)).await;
    assert_eq!(answer, json!({"InstanceIDs": [&ids[1]]}));
    // It would hang for the twenty seconds that there are; how fast the answer comes otherwise is the machine's affair.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn nobody_goes_when_nothing_can_be_looked_at() {
    let mut world = World::new().await;
    let ids = world.serving(2).await;
    world.start_again();
    for call in ["GetSecretValue", "DescribeInstances"] {
        world.account.break_down(call, Trouble::Refused("AccessDenied"));
    }
    assert_eq!(world.ask(question(&[&ids[0], &ids[1]], 1)).await, json!({"InstanceIDs": []}));
    world.account.state(|state| state.standing_trouble.clear());
    let mut malformed = question(&[&ids[0]], 1);
    malformed["CapacityToTerminate"] = json!("all of them");
    assert_eq!(world.ask(malformed).await, json!({"InstanceIDs": []}));
    let mut others = question(&[&ids[0]], 1);
    others["Instances"][0]["InstanceId"] = json!("a server");
    assert_eq!(world.ask(others).await, json!({"InstanceIDs": []}));
}
