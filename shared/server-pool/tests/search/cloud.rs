//! Auto Scaling, EC2 and DNS, as far as the pool sees them, from their documentation.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use server_pool::{
    Group, Instance, InstanceId, InstanceState, LaunchTemplate, Lifecycle, Member, Moment, Record, Warmed,
};

use crate::{DOMAIN, GROUP};

/// Seconds that a launch hook waits.
const LAUNCH_HOOK: i64 = 3600;
/// Seconds that a termination hook waits without a heartbeat.
const TERMINATION_HOOK: i64 = 1800;
/// Seconds that a termination hook waits at most.
const TERMINATION_HOOK_AT_MOST: i64 = 48 * 3600;
/// Seconds from EC2's launch to a running instance.
const STARTS: i64 = 20;
/// Seconds from the order to end an instance to its end.
const ENDS: i64 = 60;
/// Seconds that EC2 remembers an ended instance.
const REMEMBERED: i64 = 3600;

/// An EC2 instance and its place in the group.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// `None` when it is in no group.
    pub(crate) lifecycle: Option<Lifecycle>,
    pub(crate) ec2: InstanceState,
    /// When EC2 put it into its state.
    pub(crate) since: i64,
    pub(crate) launched: i64,
    pub(crate) address: Option<IpAddr>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Its tags at the last tick, which EC2 may still show.
    pub(crate) old_tags: BTreeMap<String, String>,
    pub(crate) template: u64,
    /// Whether it carries the group's tag.
    pub(crate) of_group: bool,
    /// Whether it ends because the group is to be smaller: only then can it go back to the warm pool.
    scaled_in: bool,
    hook_began: i64,
    heartbeat: i64,
}

impl Machine {
    pub(crate) fn is_up(&self) -> bool {
        self.ec2 == InstanceState::Running
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.ec2, InstanceState::ShuttingDown | InstanceState::Terminated)
    }
}

/// What the group does with instances in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WarmPool {
    pub(crate) size: usize,
    pub(crate) stopped: bool,
    pub(crate) reuse: bool,
}

/// What the cloud did that others have to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    /// EC2 starts an instance, for the first time or again.
    Starts(InstanceId),
    /// EC2 stops an instance; its disk stays.
    Stops(InstanceId),
    /// EC2 ends an instance; its disk is gone.
    Ends(InstanceId),
}

/// One Auto Scaling group with its instances, and one zone.
#[derive(Debug, Clone)]
pub(crate) struct Cloud {
    pub(crate) machines: BTreeMap<InstanceId, Machine>,
    pub(crate) zone: BTreeMap<String, Record>,
    pub(crate) desired: u32,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) template: u64,
    pub(crate) warm: WarmPool,
    launched: u32,
    addresses: u32,
    pub(crate) happenings: Vec<Happening>,
}

impl Cloud {
    pub(crate) fn new(desired: u32, warm: WarmPool) -> Self {
        Self {
            machines: BTreeMap::new(),
            zone: BTreeMap::new(),
            desired,
            min: 1,
            max: 8,
            template: 1,
            warm,
            launched: 0,
            addresses: 0,
            happenings: Vec::new(),
        }
    }

    /// The members in one of these states.
    pub(crate) fn members_in(&self, states: &[Lifecycle]) -> Vec<InstanceId> {
        let is_in = |machine: &Machine| machine.lifecycle.is_some_and(|lifecycle| states.contains(&lifecycle));
        self.machines.iter().filter(|(_, machine)| is_in(machine)).map(|(id, _)| id.clone()).collect()
    }

    /// The group as Auto Scaling describes it.
    pub(crate) fn group(&self) -> Group {
        let member = |machine: &Machine| {
            Some(Member {
                lifecycle: machine.lifecycle?,
                healthy: machine.is_up(),
                zone: "a".to_owned(),
                launch_template: Some(template(machine.template)),
            })
        };
        Group {
            desired: self.desired,
            min: self.min,
            max: self.max,
            launch_template: Some(template(self.template)),
            members: self.machines.iter().filter_map(|(id, machine)| Some((id.clone(), member(machine)?))).collect(),
        }
    }

    /// The instances as EC2 describes them, with the tags of now or of a while ago.
    pub(crate) fn instances(&self, old_tags: bool) -> BTreeMap<InstanceId, Instance> {
        let instance = |machine: &Machine| Instance {
            state: machine.ec2,
            launched: Moment::from_unix(machine.launched),
            addresses: machine.address.into_iter().collect(),
            group: machine.of_group.then(|| GROUP.to_owned()),
            tags: if old_tags { machine.old_tags.clone() } else { machine.tags.clone() },
        };
        self.machines.iter().map(|(id, machine)| (id.clone(), instance(machine))).collect()
    }

    /// Whether the server's name leads to it.
    pub(crate) fn resolves(&self, id: &InstanceId) -> bool {
        let Some(address) = self.machines.get(id).and_then(|machine| machine.address) else { return false };
        self.zone.get(&id.host(DOMAIN)).is_some_and(|record| record.addresses == BTreeSet::from([address]))
    }

    /// Lets time pass up to this moment.
    pub(crate) fn pass(&mut self, now: i64) {
        let ids: Vec<_> = self.machines.keys().cloned().collect();
        for id in &ids {
            self.pass_in_ec2(id, now);
            self.pass_in_group(id, now);
        }
        self.machines.retain(|_, machine| {
            machine.ec2 != InstanceState::Terminated || machine.lifecycle.is_some() || now - machine.since < REMEMBERED
        });
        self.scale(now);
        self.warm_up(now);
    }

    fn pass_in_ec2(&mut self, id: &InstanceId, now: i64) {
        let Some(machine) = self.machines.get_mut(id) else { return };
        let next = match machine.ec2 {
            InstanceState::Pending if now - machine.since >= STARTS => InstanceState::Running,
            InstanceState::Stopping => InstanceState::Stopped,
            InstanceState::ShuttingDown if now - machine.since >= ENDS => InstanceState::Terminated,
            _ => return,
        };
        machine.ec2 = next;
        machine.since = now;
        if next != InstanceState::Running {
            machine.address = None;
        }
    }

    fn pass_in_group(&mut self, id: &InstanceId, now: i64) {
        let Some(machine) = self.machines.get_mut(id) else { return };
        let Some(lifecycle) = machine.lifecycle else { return };
        let waited = now - machine.heartbeat;
        let is_over = machine.ec2 == InstanceState::Terminated;
        match lifecycle {
            Lifecycle::Pending | Lifecycle::Warmed(Warmed::Pending) if machine.is_up() => {
                let warmed = lifecycle != Lifecycle::Pending;
                self.hold(
                    id,
                    if warmed { Lifecycle::Warmed(Warmed::PendingWait) } else { Lifecycle::PendingWait },
                    now,
                );
            }
            Lifecycle::Pending | Lifecycle::PendingWait | Lifecycle::PendingProceed if is_over => {
                machine.lifecycle = None;
            }
            Lifecycle::PendingWait if waited >= LAUNCH_HOOK => self.hold(id, Lifecycle::TerminatingWait, now),
            Lifecycle::PendingProceed => machine.lifecycle = Some(Lifecycle::InService),
            Lifecycle::EnteringStandby => machine.lifecycle = Some(Lifecycle::Standby),
            Lifecycle::InService if !machine.is_up() && now - machine.since >= 60 => {
                self.hold(id, Lifecycle::TerminatingWait, now);
            }
            Lifecycle::Standby if is_over => self.hold(id, Lifecycle::TerminatingWait, now),
            Lifecycle::TerminatingWait
                if waited >= TERMINATION_HOOK || now - machine.hook_began >= TERMINATION_HOOK_AT_MOST =>
            {
                machine.lifecycle = if is_over { None } else { Some(Lifecycle::TerminatingRetained) };
            }
            Lifecycle::TerminatingRetained | Lifecycle::Warmed(Warmed::TerminatingRetained) if is_over => {
                machine.lifecycle = None;
            }
            Lifecycle::TerminatingProceed => self.proceed(id, now),
            Lifecycle::Warmed(warmed) => self.pass_in_warm_pool(id, warmed, now),
            _ => {}
        }
    }

    fn pass_in_warm_pool(&mut self, id: &InstanceId, warmed: Warmed, now: i64) {
        let stopped = self.warm.stopped;
        let Some(machine) = self.machines.get_mut(id) else { return };
        let waited = now - machine.heartbeat;
        if machine.has_ended() {
            if machine.ec2 == InstanceState::Terminated {
                machine.lifecycle = None;
            }
            return;
        }
        match warmed {
            Warmed::PendingWait if waited >= LAUNCH_HOOK => {
                self.hold(id, Lifecycle::Warmed(Warmed::TerminatingWait), now);
            }
            Warmed::PendingProceed if stopped => {
                machine.lifecycle = Some(Lifecycle::Warmed(Warmed::Stopped));
                self.stop(id, now);
            }
            Warmed::PendingProceed => machine.lifecycle = Some(Lifecycle::Warmed(Warmed::Running)),
            Warmed::TerminatingWait if waited >= TERMINATION_HOOK => {
                machine.lifecycle = Some(Lifecycle::Warmed(Warmed::TerminatingRetained));
            }
            Warmed::TerminatingProceed => self.end(id, now),
            _ => {}
        }
    }

    /// The termination hook is completed: the instance ends, or goes back to the warm pool.
    fn proceed(&mut self, id: &InstanceId, now: i64) {
        let reuse = self.warm.reuse && self.warm.size > 0;
        let Some(machine) = self.machines.get_mut(id) else { return };
        if reuse && machine.is_up() && machine.scaled_in {
            machine.scaled_in = false;
            machine.lifecycle = Some(Lifecycle::Warmed(Warmed::Pending));
        } else if machine.ec2 == InstanceState::Terminated {
            machine.lifecycle = None;
        } else {
            self.end(id, now);
        }
    }

    fn hold(&mut self, id: &InstanceId, lifecycle: Lifecycle, now: i64) {
        if let Some(machine) = self.machines.get_mut(id) {
            machine.lifecycle = Some(lifecycle);
            machine.hook_began = now;
            machine.heartbeat = now;
        }
    }

    /// Keeps the group at its size.
    fn scale(&mut self, now: i64) {
        let coming = [Lifecycle::Pending, Lifecycle::PendingWait, Lifecycle::PendingProceed];
        let in_service = self.members_in(&[Lifecycle::InService]);
        let capacity = in_service.len() + self.members_in(&coming).len();
        let desired = usize::try_from(self.desired).unwrap();
        for _ in capacity..desired {
            let ready = self.members_in(&[Lifecycle::Warmed(Warmed::Running), Lifecycle::Warmed(Warmed::Stopped)]);
            match ready.first() {
                Some(id) => {
                    self.machines.get_mut(id).unwrap().lifecycle = Some(Lifecycle::Pending);
                    self.start(id, now);
                }
                None => self.launch(Lifecycle::Pending, now),
            }
        }
        // Whom it takes is the search's choice, not the emptiest: the pool has to cope with any.
        for id in in_service.into_iter().take(capacity.saturating_sub(desired)) {
            self.hold(&id, Lifecycle::TerminatingWait, now);
            self.machines.get_mut(&id).unwrap().scaled_in = true;
        }
    }

    fn warm_up(&mut self, now: i64) {
        let states = [Warmed::Pending, Warmed::PendingWait, Warmed::PendingProceed, Warmed::Running, Warmed::Stopped];
        let warmed = self.members_in(&states.map(Lifecycle::Warmed));
        for _ in warmed.len()..self.warm.size {
            self.launch(Lifecycle::Warmed(Warmed::Pending), now);
        }
        for id in warmed.iter().skip(self.warm.size) {
            self.hold(id, Lifecycle::Warmed(Warmed::TerminatingWait), now);
        }
    }

    fn launch(&mut self, lifecycle: Lifecycle, now: i64) {
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

    // What the pool and the operator can ask for. What does not fit the state changes nothing.

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

fn template(version: u64) -> LaunchTemplate {
    LaunchTemplate { id: "lt-1".to_owned(), version }
}
