//! The world, server by server.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{Subject, joining};
use crate::{Group, InstanceId, LaunchTemplate, Member, Moment, Registration, Secret, Settings, World};

/// The world as this pool's servers are found in it.
#[derive(Debug)]
pub(super) struct Pool<'a> {
    pub(super) world: &'a World,
    pub(super) settings: &'a Settings,
    pub(super) group: &'a Group,
    pub(super) now: Moment,
    /// All that has an instance's name or is in the group, by instance.
    pub(super) subjects: BTreeMap<InstanceId, Subject<'a>>,
    /// Scalelite's servers with other names.
    pub(super) others: Vec<&'a Registration>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(world: &'a World, settings: &'a Settings, group: &'a Group) -> Self {
        let mut subjects: BTreeMap<InstanceId, Subject<'a>> = BTreeMap::new();
        let mut others = Vec::new();
        let subject_of = |subjects: &mut BTreeMap<InstanceId, Subject<'a>>, id: &InstanceId| {
            if !subjects.contains_key(id) {
                subjects.insert(id.clone(), Subject::new(id.clone()));
            }
        };
        for (id, member) in &group.members {
            subject_of(&mut subjects, id);
            if let Some(subject) = subjects.get_mut(id) {
                subject.member = Some(member);
            }
        }
        for record in world.records.known().into_iter().flatten() {
            let Some(id) = InstanceId::of_host(&record.name, &settings.domain) else { continue };
            subject_of(&mut subjects, &id);
            if let Some(subject) = subjects.get_mut(&id) {
                subject.record = Some(record);
            }
        }
        for registration in world.scalelite.known().into_iter().flatten() {
            let Some(id) = InstanceId::of_url(&registration.url, &settings.domain) else {
                others.push(registration);
                continue;
            };
            subject_of(&mut subjects, &id);
            if let Some(subject) = subjects.get_mut(&id) {
                subject.registrations.push(registration);
            }
        }
        let instances = world.instances.known();
        for (id, subject) in &mut subjects {
            subject.instance = instances.and_then(|instances| instances.get(id));
            subject.answer = world.answers.get(id);
            let url = settings.url(id);
            // Kept is the one by which meetings come: an old one may have a secret that somebody changed, and then Scalelite cannot use it.
            subject.registrations.sort_by_key(|registration| {
                let gives = (registration.is_open(), registration.secret == Secret::Ours, registration.online);
                (Reverse(registration.url == url), Reverse(gives), &registration.id)
            });
        }
        Self { world, settings, group, now: world.now, subjects, others }
    }

    /// All servers, beginning with another one every minute: when there is more to do than fits into one tick, what fails does not keep the
    /// rest from its turn.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = &Subject<'a>> {
        let minute = self.now.unix().div_euclid(60).unsigned_abs();
        // Spread by Knuth's multiplicative hash, so that ticks at regular distances do not begin with the same few.
        let spread = minute.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let count = u64::try_from(self.subjects.len()).unwrap_or(u64::MAX).max(1);
        let first = usize::try_from(spread % count).unwrap_or(0);
        self.subjects.values().skip(first).chain(self.subjects.values().take(first))
    }

    /// Whether an instance that EC2 does not know has really ended: only an answer that shows other instances of a group that has some is
    /// believed when it does not show one.
    pub(super) fn shows_who_is_missing(&self) -> bool {
        let Some(instances) = self.world.instances.known() else { return false };
        self.group.members.keys().any(|id| instances.contains_key(id))
    }

    /// Whether Scalelite's list can be believed when it does not show a server: an empty one is what a lost cache looks like, and is
    /// believed only if nobody is about to be in the next one.
    pub(super) fn lists_whom_it_should(&self) -> bool {
        let Some(list) = self.world.scalelite.known() else { return false };
        !list.is_empty() || !self.subjects.values().any(|subject| joining::is_about_to_register(subject, self))
    }

    /// Whether an instance was launched from something else than what the group launches today.
    pub(super) fn is_outdated(&self, member: &Member) -> bool {
        let differs =
            |today: &LaunchTemplate| member.launch_template.as_ref().is_some_and(|template| template != today);
        self.group.launch_template.as_ref().is_some_and(differs)
    }

    /// Whether the name's record, if there is one, is known to belong to somebody else.
    pub(super) fn is_somebody_elses(&self, subject: &Subject<'_>) -> bool {
        let owner = subject.record.and_then(|record| record.owner.as_ref());
        owner.is_some_and(|owner| owner.owner != self.settings.owner)
    }
}
