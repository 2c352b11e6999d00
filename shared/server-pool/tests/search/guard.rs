//! What must never be done.

use std::collections::BTreeSet;

use server_pool::{InstanceId, Lifecycle, Mark, Record, Step, Wish, tag};

use crate::{DOMAIN, OWNER, sim::Sim};

impl Sim {
    /// It is an error to take this step now, if it is one that must never be taken.
    pub(crate) fn guard(&mut self, id: &InstanceId, step: &Step) -> Result<(), String> {
        let machine = self.cloud.machines.get(id);
        let lifecycle = machine.and_then(|machine| machine.lifecycle);
        match step {
            Step::WriteRecord(_) | Step::Deregister { .. } => {}
            // Why a server is on standby stands in a tag. If EC2 shows it too late, that costs a server its meetings for a tick, or lets one more go.
            Step::Cordon { .. } | Step::EnterStandby { .. } if self.saw_old_tags => {}
            Step::Cordon { id: registration, .. } => return self.guard_successor(id, registration),
            Step::RemoveRecord(record) if self.cloud.zone.get(&record.name) == Some(record) => {
                return self.lose(id, step);
            }
            Step::RemoveRecord(_) => {}
            _ if lifecycle.is_none() => return Err(format!("{step:?} for {id}, which is not in the group")),
            Step::CompleteTermination if lifecycle != Some(Lifecycle::TerminatingWait) => {}
            Step::CompleteTermination | Step::Terminate => return self.lose(id, step),
            Step::EnterStandby { .. } if lifecycle == Some(Lifecycle::InService) => return self.guard_slots(id),
            Step::Register { .. } if matches!(lifecycle, Some(Lifecycle::Warmed(_))) => {
                return Err(format!("{id} is registered out of the warm pool"));
            }
            _ => {}
        }
        Ok(())
    }

    /// An outdated server must not be kept from meetings before the group is complete without it.
    fn guard_successor(&self, id: &InstanceId, registration: &str) -> Result<(), String> {
        let is_waiting = |id: &InstanceId| {
            self.cloud.machines.get(id).is_some_and(|machine| {
                matches!(machine.lifecycle, Some(Lifecycle::EnteringStandby | Lifecycle::Standby))
                    && machine.tags.contains_key(tag::REPLACED)
                    && !machine.tags.contains_key(tag::WISH)
                    && !machine.tags.contains_key(tag::DRAINING)
            })
        };
        let is_open = |id: &InstanceId| self.scalelite.servers().iter().any(|it| is_open_for(it, id));
        let works = self
            .servers
            .get(&id.host(DOMAIN))
            .is_some_and(|server| server.answers(crate::BIGBLUEBUTTON_SECRET).is_ok());
        let is_the_last = |it: &scalelite::testing::Listed| it.id == registration || !is_open_for(it, id);
        let is_last = self.scalelite.servers().iter().all(is_the_last);
        if !is_waiting(id) || !is_open(id) || !works || !is_last {
            return Ok(());
        }
        // What the operator cordoned is not waited for. What gets meetings has arrived, also if somebody registered it and no tag says so yet.
        let has_served = |id: &&InstanceId| {
            is_open(id)
                || self.cloud.machines.get(id).is_some_and(|machine| {
                    machine.tags.contains_key(tag::REGISTERED)
                        || machine.tags.get(tag::WISH).is_some_and(|wish| wish == Wish::Cordon.as_str())
                })
        };
        let in_service = self.cloud.members_in(&[Lifecycle::InService]);
        let arrived = in_service.iter().filter(has_served).count();
        let others =
            self.cloud.machines.keys().filter(|other| *other != id && is_waiting(other) && is_open(other)).count();
        let desired = usize::try_from(self.cloud.desired).unwrap();
        if arrived + others >= desired {
            return Ok(());
        }
        Err(format!("{id} is drained with {arrived} servers and {others} waiting where {desired} are wanted"))
    }

    /// No more servers may be replaced at once than are allowed.
    fn guard_slots(&self, id: &InstanceId) -> Result<(), String> {
        let is_replaced = |machine: &crate::cloud::Machine| {
            matches!(machine.lifecycle, Some(Lifecycle::EnteringStandby | Lifecycle::Standby))
                && machine.tags.contains_key(tag::REPLACED)
                && !machine.tags.contains_key(tag::WISH)
                && !machine.has_ended()
        };
        let is_wished = self.cloud.machines.get(id).is_some_and(|machine| machine.tags.contains_key(tag::WISH));
        let replaced = self.cloud.machines.values().filter(|machine| is_replaced(machine)).count();
        if is_wished || replaced < usize::try_from(self.settings.replace_at_once).unwrap() {
            return Ok(());
        }
        Err(format!("{id} is replaced beside {replaced} others"))
    }

    /// It is an error to end this now if something is lost by it.
    fn lose(&mut self, id: &InstanceId, step: &Step) -> Result<(), String> {
        self.would_lose(id).map_or(Ok(()), |loss| Err(format!("{step:?}: {loss}")))
    }

    /// It is an error to end the meetings that Scalelite has a record of under this id, if they run.
    pub(crate) fn guard_meetings(&mut self, id: &InstanceId, registration: &str) -> Result<(), String> {
        let now = self.time();
        let recorded = self.scalelite.records().filter(|(_, server)| *server == registration);
        let recorded: BTreeSet<_> = recorded.map(|(meeting, _)| meeting.to_owned()).collect();
        let Some(server) = self.server(id) else { return Ok(()) };
        let runs = server.meetings(now).keys().any(|meeting| recorded.contains(meeting));
        if runs {
            self.lose(id, &Step::Deregister { id: registration.to_owned(), unless_in_use: false })
        } else {
            Ok(())
        }
    }

    /// Everything that is not the pool's.
    pub(crate) fn others(&mut self) -> Vec<String> {
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

/// Whether Scalelite can give a server meetings by this: with another secret than the server's, it cannot.
fn is_open_for(listed: &scalelite::testing::Listed, id: &InstanceId) -> bool {
    InstanceId::of_url(&listed.url, DOMAIN).as_ref() == Some(id)
        && listed.state == scalelite::State::Enabled
        && listed.online
        && Mark::of(&listed.tag).0 == Mark::None
        && listed.secret == crate::BIGBLUEBUTTON_SECRET
}
