//! An instance and its place in the group.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use server_pool::{InstanceId, InstanceState, Lifecycle, Record, Warmed};

use crate::{Minute, scalelite::Place};

/// Minutes that the launch hook waits, as application.yaml has it.
const LAUNCH_HOOK: Minute = 60;
/// Minutes that a termination hook waits without a heartbeat, as application.yaml has it …
const TERMINATION_HOOK: Minute = 60;
/// … and at most.
const TERMINATION_HOOK_AT_MOST: Minute = 48 * 60;

/// An instance and its place in the group.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) place: Place,
    pub(crate) id: InstanceId,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) ec2: InstanceState,
    /// When EC2 launched or last started it.
    pub(crate) launched: Minute,
    /// When it says that it is ready.
    pub(crate) ready: Minute,
    /// Since when it is in its place in its life.
    pub(super) since: Minute,
    pub(super) heartbeat: Minute,
    pub(crate) address: Option<IpAddr>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) record: Option<Record>,
}

impl Machine {
    /// Whether BigBlueButton answers on it.
    pub(crate) fn answers(&self, now: Minute) -> bool {
        self.ec2 == InstanceState::Running && self.ready <= now
    }

    /// Whether it is paid for by the hour.
    pub(crate) fn is_billed(&self) -> bool {
        matches!(self.ec2, InstanceState::Pending | InstanceState::Running)
    }

    /// Whether nothing happens with it by itself.
    pub(super) fn is_settled(&self, now: Minute) -> bool {
        let has_started = self.ec2 == InstanceState::Running && self.ready <= now;
        match self.lifecycle {
            Lifecycle::InService => has_started,
            Lifecycle::Warmed(Warmed::Stopped) => self.ec2 == InstanceState::Stopped,
            _ => false,
        }
    }

    pub(super) fn enter(&mut self, lifecycle: Lifecycle, now: Minute) {
        self.lifecycle = lifecycle;
        self.since = now;
        self.heartbeat = now;
    }

    pub(super) fn start(&mut self, now: Minute, minutes: Minute, address: u32) {
        self.ec2 = InstanceState::Pending;
        self.launched = now;
        self.ready = now + minutes;
        // A range for documentation and benchmarks (RFC 2544).
        self.address = Some(IpAddr::V4(Ipv4Addr::from(0xC612_0000 + address % 0x2_0000)));
    }
}

/// Lets a minute pass for an instance; whether something has changed that the function sees.
pub(super) fn pass(machine: &mut Machine, now: Minute, ended: &mut Vec<Place>) -> bool {
    let before = (machine.ec2, machine.lifecycle);
    match machine.ec2 {
        InstanceState::Pending if machine.launched < now => machine.ec2 = InstanceState::Running,
        InstanceState::Stopping => machine.ec2 = InstanceState::Stopped,
        InstanceState::ShuttingDown => machine.ec2 = InstanceState::Terminated,
        _ => {}
    }
    if machine.ec2 == InstanceState::Stopped {
        machine.address = None;
    }
    let is_up = machine.ec2 == InstanceState::Running;
    let waited = now - machine.heartbeat;
    match machine.lifecycle {
        Lifecycle::Pending if is_up => machine.enter(Lifecycle::PendingWait, now),
        Lifecycle::Warmed(Warmed::Pending) if is_up => machine.enter(Lifecycle::Warmed(Warmed::PendingWait), now),
        Lifecycle::PendingWait if waited >= LAUNCH_HOOK => machine.enter(Lifecycle::TerminatingWait, now),
        Lifecycle::PendingProceed if now > machine.since => machine.enter(Lifecycle::InService, now),
        Lifecycle::Warmed(Warmed::PendingProceed) if now > machine.since => {
            machine.enter(Lifecycle::Warmed(Warmed::Stopped), now);
            machine.ec2 = InstanceState::Stopping;
        }
        // `DefaultResult: ABANDON`, and the group retains what is abandoned.
        Lifecycle::TerminatingWait if waited >= TERMINATION_HOOK || now - machine.since >= TERMINATION_HOOK_AT_MOST => {
            machine.enter(Lifecycle::TerminatingRetained, now);
        }
        Lifecycle::TerminatingProceed if machine.ec2 == InstanceState::Running => {
            machine.ec2 = InstanceState::ShuttingDown;
            ended.push(machine.place);
        }
        _ => {}
    }
    before != (machine.ec2, machine.lifecycle) || machine.ready == now
}
