//! One schedule, event by event.

use std::collections::BTreeSet;

use bigbluebutton::testing::{Agent, Server};
use scalelite::{StateChange, testing::Update};
use server_pool::{InstanceId, Owner, Record, tag};

use crate::{
    BIGBLUEBUTTON_SECRET, DOMAIN, rest,
    schedule::{Event, Setting, Trouble},
    sim::Sim,
};

/// Runs a schedule; an error says what was done that must never be done. Returns in how many ticks the pool came to rest.
pub(crate) fn run(setting: &Setting, schedule: &[Event]) -> Result<u32, String> {
    let mut sim = Sim::new(setting);
    for (place, event) in schedule.iter().enumerate() {
        happen(&mut sim, event).map_err(|broken| format!("at event {place}, {event:?}: {broken}"))?;
    }
    rest::rest(&mut sim)
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
            sim.rooms_lost = true;
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
