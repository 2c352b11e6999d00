//! The Auto Scaling group and its instances, from Amazon EC2 Auto Scaling's user guide.

mod machine;

use std::collections::BTreeMap;

pub(crate) use machine::Machine;
use server_pool::{InstanceId, InstanceState, Lifecycle, Warmed};

use crate::{Minute, Parameters, scalelite::Place, tracking::Capacity};

/// The group.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) machines: Vec<Machine>,
    pub(crate) desired: u32,
    pub(crate) min: u32,
    pub(crate) max: u32,
    warm_pool: u32,
    boot: Minute,
    start: Minute,
    warmup: Minute,
    launches: usize,
    /// Instances that EC2 has begun to end in this minute.
    pub(crate) ended: Vec<Place>,
    /// Whether something has changed that the function sees.
    pub(crate) has_changed: bool,
}

impl Group {
    /// A group whose first servers are long in service, registered and named by nobody yet.
    pub(crate) fn new(parameters: &Parameters, desired: u32) -> Self {
        let mut group = Self {
            machines: Vec::new(),
            desired: desired.clamp(parameters.min, parameters.max),
            min: parameters.min,
            max: parameters.max,
            warm_pool: parameters.warm_pool,
            boot: parameters.boot_minutes,
            start: parameters.start_minutes,
            warmup: parameters.warmup_minutes,
            launches: 0,
            ended: Vec::new(),
            has_changed: true,
        };
        for _ in 0..group.desired {
            group.launch(Lifecycle::InService, 0);
        }
        for _ in 0..group.warm_pool {
            group.launch(Lifecycle::Warmed(Warmed::Stopped), 0);
        }
        for machine in &mut group.machines {
            let is_stopped = machine.lifecycle == Lifecycle::Warmed(Warmed::Stopped);
            machine.ec2 = if is_stopped { InstanceState::Stopped } else { InstanceState::Running };
            machine.address = machine.address.filter(|_| !is_stopped);
            machine.ready = 0;
        }
        group
    }

    /// Sets the minimum, and what is wanted at least to it.
    pub(crate) fn set_min(&mut self, min: u32) {
        self.has_changed |= self.min != min;
        self.min = min.min(self.max);
        self.want(self.desired);
    }

    /// Sets what is wanted, within the bounds.
    pub(crate) fn want(&mut self, desired: u32) {
        let desired = desired.clamp(self.min, self.max);
        self.has_changed |= self.desired != desired;
        self.desired = desired;
    }

    /// Lets time pass for the instances.
    pub(crate) fn pass(&mut self, now: Minute) {
        let before = self.machines.len();
        for machine in &mut self.machines {
            self.has_changed |= machine::pass(machine, now, &mut self.ended);
        }
        self.machines.retain(|machine| machine.ec2 != InstanceState::Terminated);
        self.has_changed |= self.machines.len() != before;
    }

    /// Launches and ends instances until there are as many as wanted; whom to end, `choose` says of those it is given.
    pub(crate) fn reconcile(&mut self, now: Minute, choose: impl FnOnce(&[&Machine], u32) -> Vec<InstanceId>) {
        let counts = |machine: &&Machine| {
            use Lifecycle::{InService, Pending, PendingProceed, PendingWait};
            matches!(machine.lifecycle, Pending | PendingWait | PendingProceed | InService)
        };
        let live = to_u32(self.machines.iter().filter(counts).count());
        if live > self.desired {
            let candidates: Vec<_> = self.machines.iter().filter(counts).collect();
            let chosen = choose(&candidates, live - self.desired);
            for machine in self.machines.iter_mut().filter(|machine| chosen.contains(&machine.id)) {
                machine.enter(Lifecycle::TerminatingWait, now);
                self.has_changed = true;
            }
        }
        for _ in live..self.desired {
            self.add(now);
        }
        let warm = |machine: &&Machine| matches!(machine.lifecycle, Lifecycle::Warmed(_));
        let prepared = to_u32(self.machines.iter().filter(warm).count());
        for _ in prepared..self.warm_pool {
            self.launch(Lifecycle::Warmed(Warmed::Pending), now);
        }
    }

    /// Takes a server out of the warm pool, or launches one if none is prepared.
    fn add(&mut self, now: Minute) {
        let prepared = |machine: &&mut Machine| {
            machine.lifecycle == Lifecycle::Warmed(Warmed::Stopped) && machine.ec2 == InstanceState::Stopped
        };
        let address = to_u32(self.launches);
        let start = self.start;
        match self.machines.iter_mut().find(prepared) {
            Some(machine) => {
                machine.enter(Lifecycle::Pending, now);
                machine.start(now, start, address);
                self.launches += 1;
                self.has_changed = true;
            }
            None => self.launch(Lifecycle::Pending, now),
        }
    }

    fn launch(&mut self, lifecycle: Lifecycle, now: Minute) {
        let place = self.launches;
        self.launches += 1;
        // Seventeen hexadecimal digits are an instance id.
        let Ok(id) = format!("i-{place:017x}").parse() else { return };
        let mut machine = Machine {
            place,
            id,
            lifecycle,
            ec2: InstanceState::Pending,
            launched: now,
            ready: now,
            since: now,
            heartbeat: now,
            address: None,
            tags: BTreeMap::new(),
            record: None,
        };
        machine.start(now, self.boot, to_u32(place));
        self.machines.push(machine);
        self.has_changed = true;
    }

    pub(crate) fn machine(&mut self, id: &InstanceId) -> Option<&mut Machine> {
        self.machines.iter_mut().find(|machine| machine.id == *id)
    }

    pub(crate) fn complete_launch(&mut self, id: &InstanceId, now: Minute) {
        let Some(machine) = self.machine(id) else { return };
        match machine.lifecycle {
            Lifecycle::PendingWait => machine.enter(Lifecycle::PendingProceed, now),
            Lifecycle::Warmed(Warmed::PendingWait) => machine.enter(Lifecycle::Warmed(Warmed::PendingProceed), now),
            _ => {}
        }
    }

    pub(crate) fn complete_termination(&mut self, id: &InstanceId, now: Minute) {
        let Some(machine) = self.machine(id) else { return };
        if machine.lifecycle == Lifecycle::TerminatingWait {
            machine.enter(Lifecycle::TerminatingProceed, now);
        }
    }

    pub(crate) fn heartbeat(&mut self, id: &InstanceId, now: Minute) {
        if let Some(machine) = self.machine(id) {
            machine.heartbeat = now;
        }
    }

    /// `TerminateInstanceInAutoScalingGroup`, which ends at once what has been through its hook.
    pub(crate) fn terminate(&mut self, id: &InstanceId, now: Minute) {
        let Some(machine) = self.machine(id) else { return };
        let next = match machine.lifecycle {
            Lifecycle::TerminatingRetained => Lifecycle::TerminatingProceed,
            Lifecycle::InService | Lifecycle::Standby | Lifecycle::PendingWait => Lifecycle::TerminatingWait,
            _ => return,
        };
        machine.enter(next, now);
    }

    /// The servers, as a scaling policy counts them.
    /// How often an instance was launched or started.
    pub(crate) fn launches(&self) -> u64 {
        u64::try_from(self.launches).unwrap_or(u64::MAX)
    }

    pub(crate) fn capacity(&self, now: Minute) -> Capacity {
        let mut capacity = Capacity { warm: 0, warming: 0, terminating: 0, desired: self.desired };
        for machine in &self.machines {
            match machine.lifecycle {
                Lifecycle::InService if now - machine.since >= self.warmup || machine.since == 0 => capacity.warm += 1,
                Lifecycle::InService | Lifecycle::Pending | Lifecycle::PendingWait | Lifecycle::PendingProceed => {
                    capacity.warming += 1;
                }
                Lifecycle::TerminatingWait | Lifecycle::TerminatingProceed => capacity.terminating += 1,
                _ => {}
            }
        }
        capacity
    }

    /// Whether nothing happens by itself.
    pub(crate) fn is_settled(&self, now: Minute) -> bool {
        self.machines.iter().all(|machine| machine.is_settled(now))
    }
}

pub(crate) fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifecycles(group: &Group) -> Vec<Lifecycle> {
        group.machines.iter().map(|machine| machine.lifecycle).collect()
    }

    #[test]
    fn a_server_waits_at_its_hook_until_it_is_let_in() {
        let mut group = Group::new(&Parameters { boot_minutes: 5, ..Parameters::default() }, 1);
        group.want(2);
        group.reconcile(10, |_, _| Vec::new());
        for now in 11..70 {
            group.pass(now);
        }
        assert_eq!(lifecycles(&group), [Lifecycle::InService, Lifecycle::PendingWait]);
        let id = group.machines[1].id.clone();
        group.complete_launch(&id, 70);
        group.pass(71);
        assert_eq!(lifecycles(&group)[1], Lifecycle::InService);
        assert_eq!((group.capacity(73).warm, group.capacity(73).warming), (1, 1), "warming up");
        assert_eq!(group.capacity(74).warm, 2);
    }

    #[test]
    fn whom_to_end_is_asked_and_only_a_completed_hook_ends_it() {
        let mut group = Group::new(&Parameters::default(), 3);
        group.want(2);
        let second = group.machines[1].id.clone();
        group.reconcile(10, |candidates, count| {
            assert_eq!((candidates.len(), count), (3, 1));
            vec![second.clone()]
        });
        assert_eq!(lifecycles(&group)[1], Lifecycle::TerminatingWait);
        assert_eq!(group.capacity(10).terminating, 1);
        for now in 11..100 {
            group.heartbeat(&second, now);
            group.pass(now);
        }
        assert_eq!((group.machines.len(), group.ended.len()), (3, 0));
        group.complete_termination(&second, 100);
        group.pass(101);
        assert_eq!(group.ended, [1]);
        group.pass(102);
        assert_eq!(group.machines.len(), 2);
    }

    #[test]
    fn what_nobody_asks_for_is_retained_and_not_ended() {
        let mut group = Group::new(&Parameters::default(), 2);
        group.want(1);
        let first = group.machines[0].id.clone();
        group.reconcile(10, |_, _| vec![first]);
        for now in 11..200 {
            group.pass(now);
        }
        assert_eq!(lifecycles(&group)[0], Lifecycle::TerminatingRetained);
    }

    #[test]
    fn a_prepared_server_is_taken_first_and_another_prepared() {
        let mut group = Group::new(&Parameters { warm_pool: 1, ..Parameters::default() }, 1);
        let prepared = group.machines[1].id.clone();
        group.want(3);
        group.reconcile(10, |_, _| Vec::new());
        assert_eq!(group.machine(&prepared).unwrap().lifecycle, Lifecycle::Pending);
        assert_eq!(group.machine(&prepared).unwrap().ready, 13);
        let ready: Vec<_> = group.machines.iter().map(|machine| machine.ready).collect();
        assert_eq!(ready, [0, 13, 35, 35], "one of the others is for the group, one for the pool");
        assert_eq!(lifecycles(&group)[3], Lifecycle::Warmed(Warmed::Pending));
    }

    #[test]
    fn a_scheduled_minimum_raises_what_is_wanted_and_lowers_nothing() {
        let mut group = Group::new(&Parameters::default(), 1);
        group.set_min(4);
        assert_eq!(group.desired, 4);
        group.set_min(1);
        assert_eq!(group.desired, 4);
        group.want(0);
        assert_eq!(group.desired, 1);
    }
}
