//! The process dies at any call, and another one goes on.

use std::time::Duration;

use serde_json::json;
use tokio::{select, time::sleep};

use crate::world::{World, lock, scheduled, state};

/// A tick whose process dies after so many calls of AWS; says whether it lived to its end.
async fn tick_until_death(world: &World, calls: usize) -> bool {
    world.account.state(|state| state.fuse = Some(calls));
    let died = async {
        while !world.account.state(|state| state.blown) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let event = scheduled();
    let lived = select! {
        biased;
        () = died => false,
        _ = world.invoke(&event) => !world.account.state(|state| state.blown),
    };
    world.account.state(|state| (state.fuse, state.blown) = (None, false));
    lived
}

#[tokio::test]
async fn launching_survives_death_at_every_call() {
    for tick in 0..4 {
        for calls in 0.. {
            let mut world = World::new().await;
            let ids: Vec<_> = (0..3).map(|_| world.launch()).collect();
            world.minutes(tick).await;
            let lived = tick_until_death(&world, calls).await;
            world.start_again();
            world.minutes(7).await;
            let answer = world.ask(json!({"request": "list"})).await;
            for id in &ids {
                assert_eq!(state(&answer, id)["state"], "serving", "tick {tick}, call {calls}: {answer:#}");
            }
            assert_eq!(lock(&world.scalelite).servers().len(), 3, "tick {tick}, call {calls}");
            if lived {
                break;
            }
        }
    }
}

#[tokio::test]
async fn draining_survives_death_at_every_call() {
    for tick in 0..5 {
        for calls in 0.. {
            let mut world = World::new().await;
            let ids = world.serving(3).await;
            let busy = world.create("lesson", false);
            let leaving: Vec<_> = ids.iter().filter(|id| **id != busy).take(1).cloned().chain([busy.clone()]).collect();
            leaving.iter().for_each(|id| world.account.state(|state| state.scale_in(id)));
            world.minutes(tick).await;
            let lived = tick_until_death(&world, calls).await;
            world.start_again();
            world.minutes(10).await;
            let ended = world.account.state(|state| state.ended.clone());
            assert_eq!((ended.as_slice(), world.cut()), (&leaving[..1], 0), "tick {tick}, call {calls}");
            world.leave("lesson", &busy);
            world.minutes(8).await;
            assert_eq!(world.account.state(|state| state.ended.clone()), leaving, "tick {tick}, call {calls}");
            assert_eq!(
                (world.names().len(), lock(&world.scalelite).servers().len()),
                (1, 1),
                "tick {tick}, call {calls}"
            );
            if lived {
                break;
            }
        }
    }
}
