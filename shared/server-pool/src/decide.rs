//! From the observed world to what is to be done.

use std::borrow::Cow;

use crate::{Action, Decision, Lifecycle, Settings, Step, World};

/// What is to be done in this world, how each server stands, and why.
///
/// Pure: the same world and settings give the same decision. One tick at a time is the caller's job.
#[must_use]
pub fn decide(world: &World, settings: &Settings) -> Decision {
    let _ = settings;
    let mut decision = Decision::default();
    let members = world.group.known().into_iter().flat_map(|group| &group.members);
    for (instance, member) in members {
        if member.lifecycle == Lifecycle::TerminatingWait {
            decision.actions.push(Action {
                server: instance.clone(),
                step: Step::Heartbeat,
                reason: Cow::Borrowed("it is not known to be finished"),
            });
        }
    }
    decision
}
