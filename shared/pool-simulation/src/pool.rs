//! The pool's function in the model: it observes, lets `server_pool::decide` decide, and does what was decided.

use std::collections::BTreeMap;

use server_pool::{
    Action, Answer, Decision, Instance, InstanceId, Lifecycle, Load, Meeting, Meetings, Member, Metrics, Moment, Owner,
    Reading, Record, Registration, RegistrationState, Secret, Settings, Status, Step, World,
    termination::{self, Candidate, Needed, Occupancy},
};

use crate::{
    Minute, Parameters,
    group::{Group, Machine, to_u32},
    hall::Hall,
    scalelite::{Place, Scalelite},
};

/// The zone that all instances are in.
const ZONE: &str = "a";
/// How all instances are bought.
const MARKET: &str = "on-demand";
/// The domain of the servers' names.
const DOMAIN: &str = "bbb.example.org";
/// What stands in the owner records.
const OWNER: &str = "simulation";

/// The function with what it last decided.
#[derive(Debug)]
pub(crate) struct Pool {
    settings: Settings,
    /// The wall clock of the simulation's first minute.
    began: i64,
    /// The metrics of the last tick.
    pub(crate) metrics: Metrics,
    /// Whether the last tick had nothing to do.
    pub(crate) is_idle: bool,
    /// How many ticks had to be decided.
    pub(crate) decided: u64,
}

impl Pool {
    pub(crate) fn new(parameters: &Parameters, began: i64) -> Self {
        let mut settings = Settings::new("simulation".to_owned(), DOMAIN.to_owned(), OWNER.to_owned());
        settings.seats_per_server = parameters.seats_per_server;
        settings.drain_deadline =
            parameters.drain_deadline_minutes.map(|minutes| std::time::Duration::from_mins(u64::from(minutes)));
        Self { settings, began, metrics: Metrics::default(), is_idle: false, decided: 0 }
    }

    /// A tick.
    pub(crate) fn tick(&mut self, now: Minute, group: &mut Group, scalelite: &mut Scalelite, hall: &Hall<'_>) {
        let world = self.observe(now, group, scalelite, hall);
        let Decision { actions, metrics, .. } = server_pool::decide(&world, &self.settings);
        self.decided += 1;
        self.is_idle = actions.is_empty();
        self.metrics = metrics;
        let mut failed = Vec::new();
        for Action { server, step, .. } in &actions {
            if !failed.contains(&server) && self.act(server, step, now, group, scalelite, hall).is_none() {
                failed.push(server);
            }
        }
    }

    /// Servers that have been in service for long are named and registered, and the poller knows them.
    pub(crate) fn settle(&self, group: &mut Group, scalelite: &mut Scalelite) {
        for machine in group.machines.iter_mut().filter(|machine| machine.lifecycle == Lifecycle::InService) {
            machine.tags.insert(server_pool::tag::REGISTERED.to_owned(), self.moment(0).to_string());
            machine.record = Some(Record {
                name: machine.id.host(DOMAIN),
                addresses: machine.address.into_iter().collect(),
                owner: Some(Owner { owner: OWNER.to_owned(), gone: None }),
            });
            scalelite.register(machine.place);
        }
        scalelite.poll(0, |_| Some(Vec::new()));
    }

    fn moment(&self, minute: Minute) -> Moment {
        Moment::from_unix(self.began + i64::from(minute) * 60)
    }

    fn observe(&self, now: Minute, group: &Group, scalelite: &Scalelite, hall: &Hall<'_>) -> World {
        let mut members = BTreeMap::new();
        let mut instances = BTreeMap::new();
        let mut records = Vec::new();
        let mut answers = BTreeMap::new();
        let mut ids = BTreeMap::new();
        for machine in &group.machines {
            let lifecycle = machine.lifecycle;
            members.insert(
                machine.id.clone(),
                Member { lifecycle, healthy: true, zone: ZONE.to_owned(), launch_template: None },
            );
            let instance = Instance {
                state: machine.ec2,
                launched: self.moment(machine.launched),
                addresses: machine.address.into_iter().collect(),
                group: Some(self.settings.group.clone()),
                tags: machine.tags.clone(),
            };
            instances.insert(machine.id.clone(), instance);
            records.extend(machine.record.clone());
            answers.insert(machine.id.clone(), self.ask(machine, now, hall));
            ids.insert(machine.place, &machine.id);
        }
        let registration = |it: &crate::scalelite::Registered| {
            let id = ids.get(&it.place)?;
            Some(Registration {
                id: id.host(DOMAIN),
                url: self.settings.url(id),
                secret: Secret::Ours,
                tag: it.tag.clone(),
                state: it.state,
                online: it.online,
            })
        };
        let world_group = server_pool::Group {
            desired: group.desired,
            min: group.min,
            max: group.max,
            launch_template: None,
            members,
        };
        World {
            now: self.moment(now),
            group: Reading::Known(world_group),
            instances: Reading::Known(instances),
            records: Reading::Known(records),
            scalelite: Reading::Known(scalelite.servers.iter().filter_map(registration).collect()),
            answers,
        }
    }

    fn ask(&self, machine: &Machine, now: Minute, hall: &Hall<'_>) -> Answer {
        if !machine.answers(now) {
            return Answer {
                meetings: Meetings::Unreachable { why: "it does not answer".to_owned() },
                ..Answer::default()
            };
        }
        let meeting = |seen: crate::scalelite::Seen| Meeting {
            participants: seen.people,
            created: self.moment(seen.opened),
            breakout: false,
        };
        let unfinished_recordings = hall.recordings(machine.place);
        Answer {
            meetings: Meetings::Listed(hall.seen(machine.place).into_iter().map(meeting).collect()),
            unfinished_recordings: Some(unfinished_recordings),
            status: Some(Status { at: self.moment(now), ready: true, unfinished_recordings }),
        }
    }

    /// Does one thing; `None` if it fails, so that the rest for the same server is left.
    fn act(
        &self,
        id: &InstanceId,
        step: &Step,
        now: Minute,
        group: &mut Group,
        scalelite: &mut Scalelite,
        hall: &Hall<'_>,
    ) -> Option<()> {
        let machine = group.machine(id)?;
        let place = machine.place;
        match step {
            Step::Heartbeat => group.heartbeat(id, now),
            Step::Tag { key, at } => drop(machine.tags.insert(key.to_string(), at.to_string())),
            Step::Untag { key } => drop(machine.tags.remove(key.as_ref())),
            Step::WriteRecord(record) => machine.record = Some(record.clone()),
            Step::RemoveRecord(_) => machine.record = None,
            Step::Register { .. } => scalelite.register(place),
            Step::UpdateSecret { .. } => {}
            Step::Enable { tag, .. } => scalelite.update(place, RegistrationState::Enabled, tag),
            Step::Cordon { tag, .. } => scalelite.update(place, RegistrationState::Cordoned, tag),
            Step::Deregister { unless_in_use, .. } => {
                if *unless_in_use && !hall.seen(place).is_empty() {
                    return None;
                }
                scalelite.delete(place);
            }
            Step::CompleteLaunch => group.complete_launch(id, now),
            Step::CompleteTermination => group.complete_termination(id, now),
            Step::Terminate => group.terminate(id, now),
            // Nothing is outdated here, and no operator wishes anything, so nothing goes on standby.
            Step::EnterStandby { .. } | Step::ExitStandby => {}
        }
        Some(())
    }
}

/// The group's custom termination policy: the emptiest of the candidates.
pub(crate) fn whom_to_end(
    candidates: &[&Machine],
    count: u32,
    now: Minute,
    scalelite: &Scalelite,
    hall: &Hall<'_>,
) -> Vec<InstanceId> {
    let occupancy = |machine: &Machine| {
        if !machine.tags.contains_key(server_pool::tag::REGISTERED) {
            return Occupancy::Unused;
        }
        if !machine.answers(now) {
            return Occupancy::Unknown;
        }
        Occupancy::Answered {
            load: load(machine.place, hall),
            cordoned: !scalelite.is_open(machine.place),
            unfinished_recordings: Some(hall.recordings(machine.place)),
        }
    };
    let known = candidates.iter().map(|machine| (machine.id.clone(), occupancy(machine))).collect();
    let candidate = |machine: &&Machine| Candidate {
        instance: machine.id.clone(),
        zone: ZONE.to_owned(),
        market: MARKET.to_owned(),
    };
    let candidates: Vec<_> = candidates.iter().map(candidate).collect();
    termination::choose(&candidates, &[Needed { zone: ZONE.to_owned(), market: MARKET.to_owned(), count }], &known)
}

/// What a server has, as the policy asks it.
fn load(place: Place, hall: &Hall<'_>) -> Load {
    let seen = hall.seen(place);
    Load {
        meetings: to_u32(seen.len()),
        participants: hall.present(place),
        seats: hall.present(place),
        largest_meeting: seen.iter().map(|seen| seen.people).max().unwrap_or(0),
    }
}
