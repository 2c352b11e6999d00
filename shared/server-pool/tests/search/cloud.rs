//! Auto Scaling, EC2 and DNS, as far as the pool sees them, from their documentation.

mod life;
mod orders;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use server_pool::{Group, Instance, InstanceId, InstanceState, LaunchTemplate, Lifecycle, Member, Moment, Record};

pub(crate) use life::TERMINATION_HOOK;

use crate::{DOMAIN, GROUP};

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
    pub(crate) hook_began: i64,
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
    /// Auto Scaling has not heard of an instance for too long, and waits no longer.
    GivesUp(InstanceId),
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
}

fn template(version: u64) -> LaunchTemplate {
    LaunchTemplate { id: "lt-1".to_owned(), version }
}
