//! What the cloud does by itself.

use server_pool::{InstanceId, InstanceState, Lifecycle, Warmed};

use super::{Cloud, Happening};

/// Seconds that a launch hook waits.
const LAUNCH_HOOK: i64 = 3600;
/// Seconds that a termination hook waits without a heartbeat.
pub(crate) const TERMINATION_HOOK: i64 = 1800;
/// Seconds that a termination hook waits at most.
const TERMINATION_HOOK_AT_MOST: i64 = 48 * 3600;
/// Seconds from EC2's launch to a running instance.
const STARTS: i64 = 20;
/// Seconds from the order to end an instance to its end.
const ENDS: i64 = 60;
/// Seconds that EC2 remembers an ended instance.
const REMEMBERED: i64 = 3600;

impl Cloud {
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
            Lifecycle::TerminatingWait
                if waited >= TERMINATION_HOOK || now - machine.hook_began >= TERMINATION_HOOK_AT_MOST =>
            {
                machine.lifecycle = if is_over { None } else { Some(Lifecycle::TerminatingRetained) };
                if waited >= TERMINATION_HOOK && !is_over {
                    self.happenings.push(Happening::GivesUp(id.clone()));
                }
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

    pub(super) fn hold(&mut self, id: &InstanceId, lifecycle: Lifecycle, now: i64) {
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
}
