//! A tick: look, decide, act, with all that can go wrong.

use std::collections::BTreeSet;

use bigbluebutton::{
    PoolStatus, pool_status,
    testing::{Reach, Stage},
};
use scalelite::{State as ScaleliteState, StateChange, testing::Update};
use server_pool::{
    Action, Answer, Decision, InstanceId, Lifecycle, Meeting, Meetings, Moment, Reading, Record, Registration,
    RegistrationState, Secret, Status, Step, World, decide, tag,
};

use crate::{
    BIGBLUEBUTTON_SECRET, DOMAIN, OWNER,
    schedule::{Outcome, Sight, Trouble},
    sim::Sim,
};

/// How often `panicServer` is called in one step.
const PANICS: usize = 3;

/// What a failed action leaves to do.
struct NotDone;

impl Sim {
    /// A tick. What the pool must never do is an error.
    pub(crate) fn tick(&mut self, trouble: &Trouble) -> Result<Decision, String> {
        self.ticks += 1;
        // A jump of the clock lasts one tick: of one that lasts, nobody can tell that it is none.
        let clock = if self.was_wrong { 0 } else { i64::from(trouble.clock) };
        self.was_wrong = clock != 0;
        self.slow = self.slow.max(-clock);
        let world = self.observe(clock, trouble);
        for machine in self.cloud.machines.values_mut() {
            machine.old_tags = machine.tags.clone();
        }
        let decision = decide(&world, &self.settings);
        for user in &trouble.meanwhile {
            self.user(user);
        }
        let others = self.others();
        self.act(&decision.actions, &trouble.outcomes)?;
        let others_now = self.others();
        if others != others_now {
            return Err(format!("something was changed that is not the pool's:\n{others:#?}\n{others_now:#?}"));
        }
        Ok(decision)
    }

    /// The world as the function sees it.
    pub(crate) fn observe(&mut self, clock: i64, trouble: &Trouble) -> World {
        self.wire();
        let now = Moment::from_unix(self.now + clock);
        let mut group = self.cloud.group();
        let members: Vec<_> = group.members.keys().cloned().collect();
        if trouble.group == Sight::Empty {
            group.members.clear();
        }
        let registrations: Vec<_> = self.scalelite.servers().into_iter().map(registration).collect();
        let records: Vec<Record> = self.cloud.zone.values().cloned().collect();
        let named = records.iter().filter_map(|record| InstanceId::of_host(&record.name, DOMAIN));
        let registered = registrations.iter().filter_map(|it| InstanceId::of_url(&it.url, DOMAIN));
        let asked: BTreeSet<_> = members.into_iter().chain(named).chain(registered).collect();
        let answers = asked.into_iter().enumerate().map(|(place, id)| {
            let is_deaf = place < 8 && trouble.deaf >> place & 1 == 1;
            let answer = if is_deaf { unreachable() } else { self.ask(&id, now) };
            (id, answer)
        });
        let answers = answers.collect();
        World {
            now,
            group: seen(trouble.group, group.clone(), group),
            instances: seen(trouble.instances, self.cloud.instances(trouble.old_tags), Default::default()),
            records: seen(trouble.records, records, Vec::new()),
            scalelite: seen(trouble.scalelite, registrations, Vec::new()),
            answers,
        }
    }

    fn ask(&mut self, id: &InstanceId, now: Moment) -> Answer {
        let time = self.time();
        let clock = std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(now.unix()).unwrap());
        let Some(server) = self.server(id).filter(|server| server.reach == Reach::Answers) else {
            return unreachable();
        };
        let meetings = server.meetings(time).values().map(|meeting| {
            let created = meeting.created.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            Meeting {
                participants: meeting.people(),
                created: Moment::from_unix(i64::try_from(created).unwrap()),
                breakout: meeting.kind.breakout_of.is_some(),
            }
        });
        let meetings = Meetings::Listed(meetings.collect());
        let listed = server.recordings(time).iter().filter(|recording| recording.stage != Stage::Raw).count();
        let status = server.status(time).map(|status| pool_status::read(&status, clock));
        let status = match status {
            Some(PoolStatus::Reported(report)) => Some(Status {
                ready: report.ready,
                unfinished_recordings: u32::try_from(report.unfinished_recordings).unwrap(),
            }),
            Some(PoolStatus::Silent(_)) | None => None,
        };
        Answer { meetings, unfinished_recordings: Some(u32::try_from(listed).unwrap()), status }
    }

    fn act(&mut self, actions: &[Action], outcomes: &[Outcome]) -> Result<(), String> {
        let mut failed = BTreeSet::new();
        let mut outcomes = outcomes.iter().copied().cycle();
        for Action { server, step, .. } in actions.iter() {
            if failed.contains(server) {
                continue;
            }
            self.wire();
            let outcome = outcomes.next().unwrap_or(Outcome::Done);
            let done = match outcome {
                Outcome::Nothing => Err(NotDone),
                Outcome::Death => return Ok(()),
                Outcome::Half => self.half(server, step)?,
                Outcome::Done => self.apply(server, step)?,
                Outcome::Unheard => self.apply(server, step).map(|_| Err(NotDone))?,
                Outcome::Twice => {
                    let _first = self.apply(server, step)?;
                    self.apply(server, step)?
                }
            };
            if done.is_err() && *step != Step::Heartbeat {
                failed.insert(server.clone());
            }
            self.hear();
        }
        Ok(())
    }

    /// Does the first half of what consists of two.
    fn half(&mut self, id: &InstanceId, step: &Step) -> Result<Result<(), NotDone>, String> {
        match step {
            Step::Register { url } => {
                let _listed = self.scalelite.add(url, BIGBLUEBUTTON_SECRET, "");
            }
            Step::Deregister { id: registration, unless_in_use } => {
                let _done = self.panic(id, registration, *unless_in_use)?;
            }
            _ => {}
        }
        Ok(Err(NotDone))
    }

    fn apply(&mut self, id: &InstanceId, step: &Step) -> Result<Result<(), NotDone>, String> {
        let now = self.now;
        let is_member = self.cloud.machines.get(id).is_some_and(|machine| machine.lifecycle.is_some());
        let is_about_the_instance = !matches!(
            step,
            Step::WriteRecord(_) | Step::RemoveRecord(_) | Step::Deregister { .. } | Step::Cordon { .. }
        );
        if is_about_the_instance && !is_member {
            return Err(format!("{step:?} for {id}, which is not in the group"));
        }
        match step {
            Step::Heartbeat => self.cloud.heartbeat(id, now),
            Step::Tag { key, at } => self.tag(id, key, Some(*at)),
            Step::Untag { key } => self.tag(id, key, None),
            Step::WriteRecord(record) => {
                self.cloud.zone.insert(record.name.clone(), record.clone());
            }
            Step::RemoveRecord(record) => {
                if self.cloud.zone.get(&record.name) == Some(record) {
                    self.lose(id, step)?;
                    self.cloud.zone.remove(&record.name);
                }
            }
            Step::Register { url } => {
                let Ok(registration) = self.scalelite.add(url, BIGBLUEBUTTON_SECRET, "") else {
                    return Ok(Err(NotDone));
                };
                return Ok(self.update(&registration, Some(StateChange::Enable), Some("")));
            }
            Step::UpdateSecret { id } => {
                let update = Update { secret: Some(BIGBLUEBUTTON_SECRET.to_owned()), ..Update::default() };
                return Ok(self.scalelite.update(id, &update).map(drop).map_err(|_gone| NotDone));
            }
            Step::Enable { id, tag } => return Ok(self.update(id, Some(StateChange::Enable), Some(tag))),
            Step::Cordon { id, tag } => return Ok(self.update(id, Some(StateChange::Cordon), Some(tag))),
            Step::Deregister { id: registration, unless_in_use } => {
                if self.panic(id, registration, *unless_in_use)?.is_err() {
                    return Ok(Err(NotDone));
                }
                let _gone_already = self.scalelite.delete(registration);
            }
            Step::CompleteLaunch => self.cloud.complete_launch(id),
            Step::CompleteTermination => {
                let lifecycle = self.cloud.machines.get(id).and_then(|machine| machine.lifecycle);
                if lifecycle == Some(Lifecycle::TerminatingWait) {
                    self.lose(id, step)?;
                }
                self.cloud.complete_termination(id);
            }
            Step::EnterStandby { decrement } => {
                self.cloud.enter_standby(id, *decrement);
            }
            Step::ExitStandby => {
                self.cloud.exit_standby(id);
            }
            Step::Terminate => {
                self.lose(id, step)?;
                self.cloud.terminate(id, now);
            }
        }
        Ok(Ok(()))
    }

    fn tag(&mut self, id: &InstanceId, key: &str, at: Option<Moment>) {
        match at {
            Some(_) if key == tag::DRAINING => {
                self.drained_since.entry(id.clone()).or_insert(self.now);
            }
            None if key == tag::DRAINING => {
                self.drained_since.remove(id);
            }
            _ => {}
        }
        let Some(machine) = self.cloud.machines.get_mut(id) else { return };
        match at {
            Some(at) => machine.tags.insert(key.to_owned(), at.to_string()),
            None => machine.tags.remove(key),
        };
    }

    fn update(&mut self, id: &str, state: Option<StateChange>, tag: Option<&str>) -> Result<(), NotDone> {
        let update = Update { state, tag: tag.map(str::to_owned), ..Update::default() };
        self.scalelite.update(id, &update).map(drop).map_err(|_gone| NotDone)
    }

    fn panic(
        &mut self,
        id: &InstanceId,
        registration: &str,
        unless_in_use: bool,
    ) -> Result<Result<(), NotDone>, String> {
        let now = self.time();
        let answers = self.server(id).filter(|server| server.reach == Reach::Answers);
        if unless_in_use && answers.is_some_and(|server| !server.meetings(now).is_empty()) {
            return Ok(Err(NotDone));
        }
        self.lose_meetings(id, registration)?;
        for _ in 0..PANICS {
            match self.scalelite.panic(registration, false, &mut self.servers, now) {
                Ok(()) | Err(scalelite::testing::NotDone::NoSuchServer) => return Ok(Ok(())),
                Err(_) => {}
            }
        }
        Ok(Err(NotDone))
    }

    /// It is an error to end this now if something is lost by it.
    fn lose(&mut self, id: &InstanceId, step: &Step) -> Result<(), String> {
        self.would_lose(id).map_or(Ok(()), |loss| Err(format!("{step:?}: {loss}")))
    }

    /// It is an error to end the meetings that Scalelite has a record of under this id.
    fn lose_meetings(&mut self, id: &InstanceId, registration: &str) -> Result<(), String> {
        let now = self.time();
        let recorded: Vec<_> = self.scalelite.records().filter(|(_, server)| *server == registration).collect();
        let recorded: BTreeSet<_> = recorded.into_iter().map(|(meeting, _)| meeting.to_owned()).collect();
        let Some(server) = self.server(id) else { return Ok(()) };
        let runs = server.meetings(now).keys().any(|meeting| recorded.contains(meeting));
        if runs {
            self.lose(id, &Step::Deregister { id: registration.to_owned(), unless_in_use: false })
        } else {
            Ok(())
        }
    }

    /// Everything that is not the pool's.
    fn others(&mut self) -> Vec<String> {
        let now = self.time();
        let mut others = Vec::new();
        let outside: Vec<_> = self
            .cloud
            .machines
            .iter()
            .filter(|(_, machine)| machine.lifecycle.is_none() && !machine.has_ended())
            .map(|(id, machine)| (id.clone(), format!("{:?} {:?}", machine.ec2, machine.tags)))
            .collect();
        for (id, machine) in outside {
            let meetings: Vec<_> =
                self.server(&id).map(|server| server.meetings(now).keys().cloned().collect()).unwrap_or_default();
            others.push(format!("{id} {machine} {:?} {meetings:?}", self.cloud.zone.get(&id.host(DOMAIN))));
            let registered = self.scalelite.servers().into_iter();
            let own = registered.filter(|it| InstanceId::of_url(&it.url, DOMAIN).as_ref() == Some(&id));
            others.extend(own.map(|it| format!("{it:?}")));
        }
        let by_hand = self.by_hand.iter().filter_map(|id| self.scalelite.server(id));
        others.extend(by_hand.map(|it| format!("{it:?}")));
        let owned = |record: &&Record| record.owner.as_ref().is_none_or(|owner| owner.owner != OWNER);
        // What EC2 says was launched for the group is the pool's, whatever its record says.
        let proven = |id: &InstanceId| self.cloud.machines.get(id).is_some_and(|machine| machine.of_group);
        let theirs = |record: &&Record| InstanceId::of_host(&record.name, DOMAIN).is_none_or(|id| !proven(&id));
        others.extend(self.cloud.zone.values().filter(owned).filter(theirs).map(|record| format!("{record:?}")));
        others
    }
}

fn seen<T>(sight: Sight, whole: T, empty: T) -> Reading<T> {
    match sight {
        Sight::Whole => Reading::Known(whole),
        Sight::Empty => Reading::Known(empty),
        Sight::Failed => Reading::Failed { why: "throttled".to_owned() },
    }
}

fn unreachable() -> Answer {
    Answer { meetings: Meetings::Unreachable { why: "time out".to_owned() }, ..Answer::default() }
}

fn registration(listed: scalelite::testing::Listed) -> Registration {
    Registration {
        secret: if listed.secret == BIGBLUEBUTTON_SECRET { Secret::Ours } else { Secret::Other },
        id: listed.id,
        url: listed.url,
        tag: listed.tag,
        state: match listed.state {
            ScaleliteState::Enabled => RegistrationState::Enabled,
            ScaleliteState::Cordoned => RegistrationState::Cordoned,
            ScaleliteState::Disabled => RegistrationState::Disabled,
        },
        online: listed.online,
    }
}
