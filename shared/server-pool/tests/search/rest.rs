//! What comes after all troubles.

use std::collections::BTreeSet;

use bigbluebutton::testing::{Agent, NewMeeting, Role};
use scalelite::testing::Listed;
use server_pool::{InstanceId, InstanceState, Lifecycle, Mark, Record, Warmed, tag};

use crate::{
    BIGBLUEBUTTON_SECRET, DOMAIN,
    schedule::{Trouble, User},
    sim::{ROOMS, Sim, name},
};

/// Within how many ticks without trouble the pool comes to rest, when its servers have neither meetings nor recordings any longer.
pub(crate) const COMES_TO_REST_WITHIN: u32 = 120;
/// How many ticks it must stay at rest.
const STAYS: u32 = 5;

/// All that was broken works again, and people leave. The pool must come to rest, and stay there.
pub(crate) fn rest(sim: &mut Sim) -> Result<u32, String> {
    sim.hanging.clear();
    for server in sim.servers.values_mut() {
        server.processes_recordings = true;
        if server.agent == Agent::Stopped {
            server.agent = Agent::Writes;
        }
    }
    for room in 0..ROOMS {
        sim.user(&User::Leave { room });
    }
    let (mut idle, mut still) = (0, 0);
    while still < STAYS {
        start(sim);
        sim.pass(60);
        let decision = sim.tick(&Trouble::default()).map_err(|broken| format!("at rest: {broken}"))?;
        still = if unrest(sim).is_none() && decision.actions.is_empty() { still + 1 } else { 0 };
        idle += u32::from(!is_in_use(sim));
        if idle > COMES_TO_REST_WITHIN + STAYS {
            return Err(format!("no rest: {:?}; {:#?}\n{:#?}", unrest(sim), decision.servers, decision.actions));
        }
    }
    meet(sim)?;
    Ok(idle.saturating_sub(STAYS))
}

/// Starts what is stopped, and should not be.
fn start(sim: &mut Sim) {
    let machines = sim.cloud.machines.iter().filter(|(_, it)| it.ec2 == InstanceState::Stopped);
    let stopped = machines.filter(|(_, it)| it.lifecycle != Some(Lifecycle::Warmed(Warmed::Stopped)));
    let stopped: Vec<_> = stopped.map(|(id, _)| id.clone()).collect();
    for id in stopped {
        sim.cloud.start(&id, sim.now);
    }
}

/// Whether there is a meeting or a recording anywhere.
fn is_in_use(sim: &mut Sim) -> bool {
    let now = sim.time();
    sim.servers.values_mut().any(|server| !server.meetings(now).is_empty() || !server.recordings(now).is_empty())
}

/// In every room a meeting can be held, if there is a server for it, and if the room is not on a server that is not the pool's.
fn meet(sim: &mut Sim) -> Result<(), String> {
    let now = sim.time();
    let listed = sim.scalelite.servers();
    let is_open = listed.iter().any(|it| sim.scalelite.is_chosen_for_meetings(&it.id) && it.tag.is_empty());
    let is_member = |url: &str| {
        InstanceId::of_url(url, DOMAIN)
            .is_some_and(|id| sim.cloud.machines.get(&id).is_some_and(|it| it.lifecycle.is_some()))
    };
    let elsewhere: BTreeSet<_> = listed.iter().filter(|it| !is_member(&it.url)).map(|it| it.id.clone()).collect();
    // Where Scalelite may choose a server that is not the pool's, rooms are not the pool's business either.
    let is_ours_alone = !elsewhere.iter().any(|id| sim.scalelite.is_chosen_for_meetings(id));
    for room in (0..ROOMS).filter(|_| is_open && is_ours_alone && !sim.rooms_lost) {
        let mut records = sim.scalelite.records();
        if records.any(|(meeting, server)| meeting == name(room) && elsewhere.contains(server)) {
            continue;
        }
        drop(records);
        let created = sim.scalelite.create(&name(room), NewMeeting::default(), None, &mut sim.servers, now);
        created.map_err(|refused| format!("room {room} is unusable: {refused:?}"))?;
        let joined = sim.scalelite.join(&name(room), Role::Viewer, &mut sim.servers, now);
        joined.map_err(|refused| format!("room {room} cannot be entered: {refused:?}"))?;
    }
    Ok(())
}

/// What is not as it should be in the end.
fn unrest(sim: &mut Sim) -> Option<String> {
    sim.wire();
    let registered = sim.scalelite.servers();
    let mut named = 0;
    for (id, machine) in &sim.cloud.machines {
        let Some(lifecycle) = machine.lifecycle else {
            named += usize::from(!machine.has_ended() && sim.cloud.zone.contains_key(&id.host(DOMAIN)));
            continue;
        };
        let own: Vec<_> =
            registered.iter().filter(|it| InstanceId::of_url(&it.url, DOMAIN).as_ref() == Some(id)).collect();
        let is_back = lifecycle == Lifecycle::Standby && machine.tags.contains_key(tag::ON_STANDBY);
        let is_cordoned = machine.tags.contains_key(tag::WISH) || lifecycle == Lifecycle::Standby && !is_back;
        let is_full = sim.cloud.desired == sim.cloud.max;
        match lifecycle {
            Lifecycle::InService | Lifecycle::Standby if is_cordoned => {
                if own.iter().any(|it| it.state == scalelite::State::Enabled || Mark::of(&it.tag).0 == Mark::None) {
                    return Some(format!("{id} should be cordoned"));
                }
            }
            Lifecycle::Standby if !is_full => return Some(format!("{id} should be in service")),
            Lifecycle::InService | Lifecycle::Standby => {
                let [only] = own.as_slice() else { return Some(format!("{id} is registered {} times", own.len())) };
                if only.state != scalelite::State::Enabled || !only.online || Mark::of(&only.tag).0 != Mark::None {
                    return Some(format!("{id} does not serve: {only:?}"));
                }
                if !sim.cloud.resolves(id) {
                    return Some(format!("the name of {id} does not lead to it"));
                }
                if machine.template != sim.cloud.template && lifecycle == Lifecycle::InService {
                    return Some(format!("{id} is outdated"));
                }
            }
            Lifecycle::Warmed(Warmed::Running | Warmed::Stopped) => {
                if !own.is_empty() {
                    return Some(format!("{id} is registered in the warm pool"));
                }
            }
            _ => return Some(format!("{id} is {lifecycle}")),
        }
        named += usize::from(sim.cloud.zone.contains_key(&id.host(DOMAIN)));
    }
    if sim.cloud.members_in(&[Lifecycle::InService]).len() != usize::try_from(sim.cloud.desired).unwrap() {
        return Some("the group is not complete".to_owned());
    }
    let is_ours = |record: &&Record| record.owner.as_ref().is_some_and(|owner| owner.owner == crate::OWNER);
    let ours = sim.cloud.zone.values().filter(is_ours).count();
    if ours > named {
        return Some(format!("{ours} names for {named} servers"));
    }
    let known = |url: &str| {
        InstanceId::of_url(url, DOMAIN).is_some_and(|id| sim.cloud.machines.get(&id).is_some_and(|it| !it.has_ended()))
    };
    // What somebody gave another secret, and whose name somebody removed, nobody can tell from a stranger's.
    let record = |it: &Listed| sim.cloud.zone.get(&InstanceId::of_url(&it.url, DOMAIN)?.host(DOMAIN));
    let proven = |it: &&Listed| it.secret == BIGBLUEBUTTON_SECRET || record(it).is_some_and(|record| is_ours(&record));
    let left = registered.iter().filter(|it| !sim.by_hand.contains(&it.id) && !known(&it.url));
    left.filter(proven).map(|it| format!("{it:?} is left over")).next()
}
