//! Doing what was decided, with all that can go wrong.

use std::collections::BTreeSet;

use bigbluebutton::testing::Reach;
use scalelite::{StateChange, testing::Update};
use server_pool::{Action, InstanceId, Moment, Step, tag};

use crate::{BIGBLUEBUTTON_SECRET, schedule::Outcome, sim::Sim};

/// How often `panicServer` is called in one step.
const PANICS: usize = 3;

/// What a failed action leaves to do.
pub(crate) struct NotDone;

impl Sim {
    pub(crate) fn act(&mut self, actions: &[Action], outcomes: &[Outcome]) -> Result<(), String> {
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
        self.guard(id, step)?;
        match step {
            Step::Heartbeat => self.cloud.heartbeat(id, now),
            Step::Tag { key, at } => self.tag(id, key, Some(*at)),
            Step::Untag { key } => self.tag(id, key, None),
            Step::WriteRecord(record) => {
                self.cloud.zone.insert(record.name.clone(), record.clone());
            }
            Step::RemoveRecord(record) => {
                if self.cloud.zone.get(&record.name) == Some(record) {
                    self.cloud.zone.remove(&record.name);
                }
            }
            Step::Register { url } => {
                self.given_up.remove(id);
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
            Step::CompleteTermination => self.cloud.complete_termination(id),
            Step::EnterStandby { decrement } => {
                self.cloud.enter_standby(id, *decrement);
            }
            Step::ExitStandby => {
                self.cloud.exit_standby(id);
            }
            Step::Terminate => self.cloud.terminate(id, now),
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
        self.guard_meetings(id, registration)?;
        for _ in 0..PANICS {
            match self.scalelite.panic(registration, false, &mut self.servers, now) {
                Ok(()) | Err(scalelite::testing::NotDone::NoSuchServer) => return Ok(Ok(())),
                Err(_) => {}
            }
        }
        Ok(Err(NotDone))
    }
}
