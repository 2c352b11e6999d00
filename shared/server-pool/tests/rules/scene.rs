//! A world in which all is well, to change in one place.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use server_pool::{
    Answer, Decision, Group, Instance, InstanceId, InstanceState, LaunchTemplate, Lifecycle, Meeting, Meetings, Member,
    Moment, Owner, Reading, Record, Registration, RegistrationState, Secret, Server, Settings, State, Status, Step,
    World, decide, tag,
};

pub(crate) const DOMAIN: &str = "meet.example.org";
pub(crate) const OWNER: &str = "arn:aws:cloudformation:eu-west-1:1:stack/pool/1";
pub(crate) const GROUP: &str = "servers";

/// A group with some servers, and what decides about it.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) settings: Settings,
}

/// The instance with this number.
pub(crate) fn id(number: u8) -> InstanceId {
    format!("i-{number:017x}").parse().unwrap()
}

pub(crate) fn host(number: u8) -> String {
    id(number).host(DOMAIN)
}

pub(crate) fn address(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, number))
}

pub(crate) fn now() -> Moment {
    Moment::from_unix(1_788_249_600)
}

/// A moment before now.
pub(crate) fn ago(seconds: i64) -> Moment {
    Moment::from_unix(now().unix() - seconds)
}

pub(crate) fn version(version: u64) -> LaunchTemplate {
    LaunchTemplate { id: "lt-1".to_owned(), version }
}

impl Scene {
    /// Servers 1 to `count` serve, each without meetings.
    pub(crate) fn serving(count: u8) -> Self {
        let group = Group {
            desired: u32::from(count),
            min: 0,
            max: 100,
            launch_template: Some(version(1)),
            members: BTreeMap::new(),
        };
        let mut scene = Self {
            world: World {
                now: now(),
                group: Reading::Known(group),
                instances: Reading::Known(BTreeMap::new()),
                records: Reading::Known(Vec::new()),
                scalelite: Reading::Known(Vec::new()),
                answers: BTreeMap::new(),
            },
            settings: Settings::new(GROUP.to_owned(), DOMAIN.to_owned(), OWNER.to_owned()),
        };
        for number in 1..=count {
            scene.add(number);
        }
        scene
    }

    /// Adds a server that serves.
    pub(crate) fn add(&mut self, number: u8) {
        self.launch(number, Lifecycle::InService);
        self.records().push(record(number));
        self.registrations().push(registration(number));
        self.tag(number, tag::REGISTERED, ago(86_400));
    }

    /// Adds an instance with nothing but an answer.
    pub(crate) fn launch(&mut self, number: u8, lifecycle: Lifecycle) {
        let member =
            Member { lifecycle, healthy: true, zone: "eu-west-1a".to_owned(), launch_template: Some(version(1)) };
        self.group().members.insert(id(number), member);
        let instance = Instance {
            state: InstanceState::Running,
            launched: ago(86_400),
            addresses: BTreeSet::from([address(number)]),
            group: Some(GROUP.to_owned()),
            tags: BTreeMap::new(),
        };
        self.instances().insert(id(number), instance);
        let answer =
            Answer { meetings: Meetings::Listed(Vec::new()), unfinished_recordings: None, status: Some(status(0)) };
        self.world.answers.insert(id(number), answer);
    }

    pub(crate) fn group(&mut self) -> &mut Group {
        let Reading::Known(group) = &mut self.world.group else { panic!("no group") };
        group
    }

    pub(crate) fn instances(&mut self) -> &mut BTreeMap<InstanceId, Instance> {
        let Reading::Known(instances) = &mut self.world.instances else { panic!("no instances") };
        instances
    }

    pub(crate) fn records(&mut self) -> &mut Vec<Record> {
        let Reading::Known(records) = &mut self.world.records else { panic!("no records") };
        records
    }

    pub(crate) fn registrations(&mut self) -> &mut Vec<Registration> {
        let Reading::Known(registrations) = &mut self.world.scalelite else { panic!("no list") };
        registrations
    }

    pub(crate) fn registration(&mut self, number: u8) -> &mut Registration {
        self.registrations().iter_mut().find(|registration| registration.id == host(number)).unwrap()
    }

    pub(crate) fn record(&mut self, number: u8) -> &mut Record {
        self.records().iter_mut().find(|record| record.name == host(number)).unwrap()
    }

    pub(crate) fn instance(&mut self, number: u8) -> &mut Instance {
        self.instances().get_mut(&id(number)).unwrap()
    }

    pub(crate) fn member(&mut self, number: u8) -> &mut Member {
        self.group().members.get_mut(&id(number)).unwrap()
    }

    pub(crate) fn answer(&mut self, number: u8) -> &mut Answer {
        self.world.answers.get_mut(&id(number)).unwrap()
    }

    pub(crate) fn lifecycle(&mut self, number: u8, lifecycle: Lifecycle) {
        self.member(number).lifecycle = lifecycle;
    }

    pub(crate) fn tag(&mut self, number: u8, key: &str, at: Moment) {
        self.instance(number).tags.insert(key.to_owned(), at.to_string());
    }

    pub(crate) fn wish(&mut self, number: u8, wish: tag::Wish) {
        self.instance(number).tags.insert(tag::WISH.to_owned(), wish.to_string());
    }

    /// Gives it a meeting of this many participants, half an hour old.
    pub(crate) fn meeting(&mut self, number: u8, participants: u32) {
        let meeting = Meeting { participants, created: ago(1800), breakout: false };
        match &mut self.answer(number).meetings {
            Meetings::Listed(meetings) => meetings.push(meeting),
            other => *other = Meetings::Listed(vec![meeting]),
        }
    }

    pub(crate) fn unreachable(&mut self, number: u8) {
        self.answer(number).meetings = Meetings::Unreachable { why: "connection refused".to_owned() };
        self.answer(number).status = None;
    }

    /// The group ends it: cordoned for an hour and marked, as it is after the first tick.
    pub(crate) fn draining(&mut self, number: u8) {
        self.lifecycle(number, Lifecycle::TerminatingWait);
        self.tag(number, tag::DRAINING, ago(3600));
        let registration = self.registration(number);
        registration.state = RegistrationState::Cordoned;
        registration.tag = "draining".to_owned();
    }

    /// Takes it out of the group and, as EC2 does after an hour, out of EC2's list; its server does not answer.
    pub(crate) fn forget(&mut self, number: u8) {
        self.group().members.remove(&id(number));
        self.instances().remove(&id(number));
        self.unreachable(number);
    }

    /// The group ends it, EC2 still knows that.
    pub(crate) fn end(&mut self, number: u8) {
        self.group().members.remove(&id(number));
        self.instance(number).state = InstanceState::Terminated;
        self.unreachable(number);
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.world.now = self.world.now + Duration::from_secs(seconds);
    }

    pub(crate) fn decide(&self) -> Decision {
        decide(&self.world, &self.settings)
    }

    /// What is to be done for one server.
    pub(crate) fn steps(&self, number: u8) -> Vec<Step> {
        let actions = self.decide().actions;
        actions.into_iter().filter(|action| action.server == id(number)).map(|action| action.step).collect()
    }

    /// How one server stands.
    pub(crate) fn state(&self, number: u8) -> State {
        let servers = self.decide().servers;
        let mut own = servers.into_iter().filter(|server: &Server| server.instance == Some(id(number)));
        own.next().expect("the server is listed").state
    }
}

/// A status that was written half a minute ago.
pub(crate) fn status(unfinished_recordings: u32) -> Status {
    Status { at: ago(30), ready: true, unfinished_recordings }
}

/// The record of a server that is there.
pub(crate) fn record(number: u8) -> Record {
    Record {
        name: host(number),
        addresses: BTreeSet::from([address(number)]),
        owner: Some(Owner { owner: OWNER.to_owned(), gone: None }),
    }
}

/// The registration of a server that gets meetings.
pub(crate) fn registration(number: u8) -> Registration {
    Registration {
        id: host(number),
        url: format!("https://{}/bigbluebutton/api/", host(number)),
        secret: Secret::Ours,
        tag: String::new(),
        state: RegistrationState::Enabled,
        online: true,
    }
}

pub(crate) fn tagged(key: &'static str) -> Step {
    Step::Tag { key: key.into(), at: now() }
}

pub(crate) fn untagged(key: &'static str) -> Step {
    Step::Untag { key: key.into() }
}

pub(crate) fn cordon(number: u8, tag: &str) -> Step {
    Step::Cordon { id: host(number), tag: tag.to_owned() }
}

pub(crate) fn deregister(number: u8) -> Step {
    Step::Deregister { id: host(number), unless_in_use: true }
}
