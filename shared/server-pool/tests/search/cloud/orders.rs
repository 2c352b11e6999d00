//! What the cloud does when it is asked to. What does not fit the state changes nothing.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use server_pool::{InstanceId, InstanceState, Lifecycle, Warmed};

use super::{Cloud, Happening, Machine};

impl Cloud {
    pub(super) fn launch(&mut self, lifecycle: Lifecycle, now: i64) {
        self.launched += 1;
        let id: InstanceId = format!("i-{:017x}", self.launched).parse().unwrap();
        let machine = Machine {
            lifecycle: Some(lifecycle),
            ec2: InstanceState::Stopped,
            since: now,
            launched: now,
            address: None,
            tags: BTreeMap::new(),
            old_tags: BTreeMap::new(),
            template: self.template,
            of_group: true,
            scaled_in: false,
            hook_began: now,
            heartbeat: now,
        };
        self.machines.insert(id.clone(), machine);
        self.start(&id, now);
    }

    /// Starts a stopped instance, with another address than before.
    pub(crate) fn start(&mut self, id: &InstanceId, now: i64) {
        self.addresses += 1;
        let address = IpAddr::V4(Ipv4Addr::from(0xC633_6400 + self.addresses));
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.ec2 == InstanceState::Stopped) else {
            return;
        };
        machine.ec2 = InstanceState::Pending;
        machine.since = now;
        machine.launched = now;
        machine.address = Some(address);
        self.happenings.push(Happening::Starts(id.clone()));
    }

    pub(crate) fn stop(&mut self, id: &InstanceId, now: i64) {
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.is_up()) else { return };
        machine.ec2 = InstanceState::Stopping;
        machine.since = now;
        self.happenings.push(Happening::Stops(id.clone()));
    }

    pub(crate) fn end(&mut self, id: &InstanceId, now: i64) {
        let Some(machine) = self.machines.get_mut(id).filter(|machine| !machine.has_ended()) else { return };
        machine.ec2 = InstanceState::ShuttingDown;
        machine.since = now;
        machine.address = None;
        self.happenings.push(Happening::Ends(id.clone()));
    }

    pub(crate) fn heartbeat(&mut self, id: &InstanceId, now: i64) {
        if let Some(machine) = self.machines.get_mut(id) {
            machine.heartbeat = now;
        }
    }

    pub(crate) fn complete_launch(&mut self, id: &InstanceId) {
        self.change(id, Lifecycle::PendingWait, Lifecycle::PendingProceed);
        self.change(id, Lifecycle::Warmed(Warmed::PendingWait), Lifecycle::Warmed(Warmed::PendingProceed));
    }

    pub(crate) fn complete_termination(&mut self, id: &InstanceId) {
        self.change(id, Lifecycle::TerminatingWait, Lifecycle::TerminatingProceed);
        self.change(id, Lifecycle::Warmed(Warmed::TerminatingWait), Lifecycle::Warmed(Warmed::TerminatingProceed));
    }

    pub(crate) fn abandon_termination(&mut self, id: &InstanceId) {
        self.change(id, Lifecycle::TerminatingWait, Lifecycle::TerminatingRetained);
    }

    pub(crate) fn enter_standby(&mut self, id: &InstanceId, decrement: bool) -> bool {
        if decrement && self.desired <= self.min {
            return false;
        }
        let done = self.change(id, Lifecycle::InService, Lifecycle::EnteringStandby);
        self.desired -= u32::from(done && decrement);
        done
    }

    pub(crate) fn exit_standby(&mut self, id: &InstanceId) -> bool {
        let done = self.desired < self.max && self.change(id, Lifecycle::Standby, Lifecycle::PendingProceed);
        self.desired += u32::from(done);
        done
    }

    /// `TerminateInstanceInAutoScalingGroup`: through the hook, unless it has been through it.
    pub(crate) fn terminate(&mut self, id: &InstanceId, now: i64) {
        let Some(lifecycle) = self.machines.get(id).and_then(|machine| machine.lifecycle) else { return };
        match lifecycle {
            Lifecycle::InService | Lifecycle::Standby | Lifecycle::PendingWait => {
                self.hold(id, Lifecycle::TerminatingWait, now);
            }
            Lifecycle::TerminatingRetained => {
                self.change(id, Lifecycle::TerminatingRetained, Lifecycle::TerminatingProceed);
                self.end(id, now);
            }
            Lifecycle::Warmed(Warmed::TerminatingRetained) => self.end(id, now),
            _ => {}
        }
    }

    pub(crate) fn detach(&mut self, id: &InstanceId) {
        if let Some(machine) =
            self.machines.get_mut(id).filter(|machine| machine.lifecycle == Some(Lifecycle::InService))
        {
            machine.lifecycle = None;
            machine.of_group = false;
        }
    }

    fn change(&mut self, id: &InstanceId, from: Lifecycle, to: Lifecycle) -> bool {
        let machine = self.machines.get_mut(id).filter(|machine| machine.lifecycle == Some(from));
        machine.map(|machine| machine.lifecycle = Some(to)).is_some()
    }
}
