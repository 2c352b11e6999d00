//! One schedule, from its beginning until the pool has come to rest.

use std::collections::BTreeSet;

use bigbluebutton::testing::{Agent, Server};
use scalelite::{StateChange, testing::Update};
use server_pool::{InstanceId, InstanceState, Lifecycle, Owner, Record, Warmed, tag};

use crate::{
    BIGBLUEBUTTON_SECRET, DOMAIN,
    schedule::{Event, Setting, Trouble, User},
    sim::Sim,
};

/// Within how many ticks without trouble the pool comes to rest, after people have left and their recordings are handed over.
pub(crate) const COMES_TO_REST_WITHIN: u32 = 120;

/// Runs a schedule; an error says what was done that must never be done. Returns in how many ticks the pool came to rest.
pub(crate) fn run(setting: &Setting, schedule: &[Event]) -> Result<u32, String> {
    let mut sim = Sim::new(setting);
    for (place, event) in schedule.iter().enumerate() {
        happen(&mut sim, event).map_err(|broken| format!("at event {place}, {event:?}: {broken}"))?;
    }
    rest(&mut sim)
}

fn happen(sim: &mut Sim, event: &Event) -> Result<(), String> {
    match event {
        Event::Run(minutes) => {
            for _ in 0..*minutes {
                sim.pass(60);
                sim.tick(&Trouble::default())?;
            }
        }
        Event::Pass(seconds) => sim.pass(i64::from(*seconds)),
        Event::Tick(trouble) => drop(sim.tick(trouble)?),
        Event::User(user) => sim.user(user),
        Event::BeginPoll => sim.begin_poll(),
        Event::FinishPoll => sim.finish_poll(),
        Event::LoseCache => sim.scalelite.lose_cache(),
        Event::Scale(desired) => sim.cloud.desired = u32::from(*desired),
        Event::NewTemplate => sim.cloud.template += 1,
        Event::OldTemplate => sim.cloud.template = sim.cloud.template.saturating_sub(1).max(1),
        Event::HandAdd(number) => hand_add(sim, *number),
        Event::HandCordon(number)
        | Event::HandEnable(number)
        | Event::HandTag(number)
        | Event::HandSecret(number)
        | Event::HandDelete(number) => by_hand(sim, event, *number),
        Event::Kill(number)
        | Event::Stop(number)
        | Event::Start(number)
        | Event::Terminate(number)
        | Event::Abandon(number)
        | Event::Detach(number)
        | Event::StandbyByHand(number)
        | Event::Hang(number)
        | Event::Recover(number)
        | Event::Silence(number)
        | Event::Speak(number)
        | Event::StickRecordings(number)
        | Event::Wish(number, _)
        | Event::DropRecord(number)
        | Event::DisownRecord(number) => {
            if let Some(id) = sim.machine(*number) {
                to_machine(sim, event, &id);
            }
        }
    }
    Ok(())
}

fn to_machine(sim: &mut Sim, event: &Event, id: &InstanceId) {
    let now = sim.now;
    match event {
        Event::Kill(_) => sim.cloud.end(id, now),
        Event::Stop(_) => sim.cloud.stop(id, now),
        Event::Start(_) => sim.cloud.start(id, now),
        Event::Terminate(_) => sim.cloud.terminate(id, now),
        Event::Abandon(_) => sim.cloud.abandon_termination(id),
        Event::Detach(_) => sim.cloud.detach(id),
        Event::StandbyByHand(_) => drop(sim.cloud.enter_standby(id, false)),
        Event::Hang(_) => drop(sim.hanging.insert(id.clone())),
        Event::Recover(_) => drop(sim.hanging.remove(id)),
        Event::Silence(_) => speak(sim, id, Agent::Stopped),
        Event::Speak(_) => speak(sim, id, Agent::Writes),
        Event::StickRecordings(_) => {
            if let Some(server) = sim.server(id) {
                server.processes_recordings = false;
            }
        }
        Event::Wish(_, wish) => {
            let Some(machine) = sim.cloud.machines.get_mut(id) else { return };
            match wish {
                Some(wish) => machine.tags.insert(tag::WISH.to_owned(), wish.to_string()),
                None => machine.tags.remove(tag::WISH),
            };
        }
        Event::DropRecord(_) => drop(sim.cloud.zone.remove(&id.host(DOMAIN))),
        Event::DisownRecord(_) => {
            if let Some(record) = sim.cloud.zone.get_mut(&id.host(DOMAIN)) {
                record.owner = None;
            }
        }
        _ => {}
    }
}

fn speak(sim: &mut Sim, id: &InstanceId, agent: Agent) {
    if let Some(server) = sim.server(id).filter(|server| server.agent != Agent::NotStarted) {
        server.agent = agent;
    }
}

/// Somebody does something in Scalelite with one of the pool's servers.
fn by_hand(sim: &mut Sim, event: &Event, number: u8) {
    let own: Vec<_> = sim.scalelite.servers().into_iter().filter(|it| !sim.by_hand.contains(&it.id)).collect();
    let Some(server) = own.get(usize::from(number) % own.len().max(1)) else { return };
    let update = match event {
        Event::HandCordon(_) => Update { state: Some(StateChange::Cordon), ..Update::default() },
        Event::HandEnable(_) => Update { state: Some(StateChange::Enable), ..Update::default() },
        Event::HandTag(_) => Update { tag: Some("music".to_owned()), ..Update::default() },
        Event::HandSecret(_) => Update { secret: Some("another".to_owned()), ..Update::default() },
        _ => {
            let _gone = sim.scalelite.delete(&server.id);
            return;
        }
    };
    let _gone = sim.scalelite.update(&server.id, &update);
}

/// Somebody adds a server to Scalelite, or a record to the zone.
fn hand_add(sim: &mut Sim, number: u8) {
    let stranger: InstanceId = format!("i-f{number:016x}").parse().unwrap();
    let url = match number % 4 {
        0 => {
            sim.servers.insert("old.example.org".to_owned(), Server::new(BIGBLUEBUTTON_SECRET));
            "https://old.example.org/bigbluebutton/api".to_owned()
        }
        1 => format!("https://{}/bigbluebutton/api", stranger.host("other.example.org")),
        2 => {
            let record = Record {
                name: stranger.host(DOMAIN),
                addresses: BTreeSet::from(["203.0.113.9".parse().unwrap()]),
                owner: Some(Owner { owner: "another deployment".to_owned(), gone: None }),
            };
            sim.cloud.zone.insert(stranger.host(DOMAIN), record);
            format!("https://{}/bigbluebutton/api/", stranger.host(DOMAIN))
        }
        // A second registration of one of the pool's servers: not a stranger's.
        _ => {
            let Some(id) = sim.machine(number) else { return };
            let added = sim.scalelite.add(&sim.settings.url(&id), BIGBLUEBUTTON_SECRET, "");
            if let Ok(added) = added {
                let enable = Update { state: Some(StateChange::Enable), ..Update::default() };
                let _listed = sim.scalelite.update(&added, &enable);
            }
            return;
        }
    };
    if let Ok(id) = sim.scalelite.add(&url, "another", "") {
        sim.by_hand.insert(id);
    }
}

/// All that was broken works again, and people leave. The pool must come to rest, and stay there.
fn rest(sim: &mut Sim) -> Result<u32, String> {
    sim.hanging.clear();
    for server in sim.servers.values_mut() {
        server.processes_recordings = true;
        if server.agent == Agent::Stopped {
            server.agent = Agent::Writes;
        }
    }
    for room in 0..6 {
        sim.user(&User::Leave { room });
    }
    let mut quiet_for = 0;
    for tick in 0..COMES_TO_REST_WITHIN + recordings(sim) {
        let stopped: Vec<_> = sim
            .cloud
            .machines
            .iter()
            .filter(|(_, it)| it.ec2 == InstanceState::Stopped)
            .filter(|(_, it)| it.lifecycle != Some(Lifecycle::Warmed(Warmed::Stopped)))
            .map(|(id, _)| id.clone())
            .collect();
        for id in stopped {
            sim.cloud.start(&id, sim.now);
        }
        sim.pass(60);
        let decision = sim.tick(&Trouble::default()).map_err(|broken| format!("at rest: {broken}"))?;
        quiet_for = if unrest(sim).is_none() && decision.actions.is_empty() { quiet_for + 1 } else { 0 };
        if quiet_for == 5 {
            return Ok(tick - 4);
        }
    }
    let decision = sim.tick(&Trouble::default())?;
    Err(format!("no rest: {:?}; {:#?}\n{:#?}", unrest(sim), decision.servers, decision.actions))
}

/// How many minutes the recordings take that are there.
fn recordings(sim: &mut Sim) -> u32 {
    let now = sim.time();
    let lengths = sim.servers.values_mut().map(|server| {
        let meetings = server.meetings(now).values().map(|it| now.duration_since(it.created).unwrap_or_default()).max();
        let recordings = server.recordings(now).iter().map(|it| it.length).max();
        meetings.max(recordings).unwrap_or_default()
    });
    u32::try_from(lengths.max().unwrap_or_default().as_secs() / 60 + 5).unwrap()
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
        let is_cordoned = machine.tags.contains_key(tag::WISH) || lifecycle == Lifecycle::Standby;
        match lifecycle {
            Lifecycle::InService | Lifecycle::Standby if is_cordoned => {
                if own.iter().any(|it| it.state == scalelite::State::Enabled || !it.tag.starts_with("draining")) {
                    return Some(format!("{id} should be cordoned"));
                }
            }
            Lifecycle::InService => {
                let [only] = own.as_slice() else { return Some(format!("{id} is registered {} times", own.len())) };
                if only.state != scalelite::State::Enabled || !only.online || only.tag.starts_with("draining") {
                    return Some(format!("{id} does not serve: {only:?}"));
                }
                if !sim.cloud.resolves(id) {
                    return Some(format!("the name of {id} does not lead to it"));
                }
                if machine.template != sim.cloud.template {
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
    let lost = registered.iter().find(|it| !sim.by_hand.contains(&it.id) && !known(&it.url));
    lost.map(|it| format!("{it:?} is left over"))
}
