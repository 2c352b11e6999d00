//! What the servers say of themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use bigbluebutton::{AfterStatus, Client, Error, PoolStatus, SecretString};
use custom_resource::with_causes;
use futures_util::{StreamExt as _, stream};
use server_pool::{Answer, InstanceId, InstanceState, Lifecycle, Meeting, Meetings, Settings, Status, World, tag};
use tokio::time::{Duration, Instant};

use crate::clients::{Clients, moment};

/// How many servers are asked at the same time. Lambda lets a process have 1,024 files open, and each answer is held in memory while it is read.
const AT_ONCE: usize = 64;

/// To how many servers a connection is kept from one tick to the next. The rest of the 1,024 files is for those that are asked at the moment, for AWS and
/// Scalelite, and for connections to servers that have gone since, which end when they have been idle for a while.
const KEPT: usize = 768;

/// What Lambda lets a process have open, with something left for everything but servers.
const _: () = assert!(KEPT + AT_ONCE + 128 < 1_024);

/// How long one server may take with all its answers, so that a few dead ones do not use up the time for the others.
const PATIENCE: Duration = Duration::from_secs(8);

/// Answers by instance.
pub(crate) type Answers = BTreeMap<InstanceId, Answer>;

/// Whom to ask what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Questions(Vec<Question>);

/// What to ask one server. Its meetings always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    instance: InstanceId,
    after_status: AfterStatus,
    /// Also its recordings, as far as BigBlueButton lists them. The list is long, and counts only for a server that is to leave.
    recordings: bool,
}

impl Questions {
    /// Everybody who may answer: the instances that run, and whoever has a name of the pool. The order changes from minute to minute, so that a
    /// tick that runs out of time does not always leave out the same ones.
    pub(crate) fn about(world: &World, settings: &Settings) -> Self {
        let records = world.records.known();
        let standing: Option<BTreeSet<&str>> = records.map(|records| {
            records.iter().filter(|record| !record.addresses.is_empty()).map(|record| record.name.as_str()).collect()
        });
        // Whoever asks for a name that does not stand yet is told so for minutes, by the resolver's memory.
        let may_be_new = |id: &InstanceId| {
            let is_member = world.group.known().is_some_and(|group| group.members.contains_key(id));
            let has_name = |standing: &BTreeSet<&str>| standing.contains(id.host(&settings.domain).as_str());
            is_member && !standing.as_ref().is_none_or(has_name)
        };
        let may_answer = |id: &InstanceId| match world.instances.known().map(|instances| instances.get(id)) {
            // It takes minutes to end, and meetings go on until then.
            Some(Some(instance)) => matches!(instance.state, InstanceState::Running | InstanceState::ShuttingDown),
            // EC2 does not know it, or did not say.
            Some(None) | None => true,
        };
        let members = world.group.known().into_iter().flat_map(|group| group.members.keys().cloned());
        let registered = world.scalelite.known().into_iter().flatten();
        let registered = registered.filter_map(|registration| InstanceId::of_url(&registration.url, &settings.domain));
        let ours = records.into_iter().flatten();
        let ours = ours.filter(|record| record.owner.as_ref().is_some_and(|owner| owner.owner == settings.owner));
        let ours = ours.filter_map(|record| InstanceId::of_host(&record.name, &settings.domain));
        let all: BTreeSet<InstanceId> = members.chain(registered).chain(ours).collect();
        let mut questions: Vec<Question> = all
            .into_iter()
            .filter(|id| !may_be_new(id) && may_answer(id))
            .enumerate()
            .map(|(place, instance)| Question {
                after_status: after_status(place),
                recordings: !stays(world, &instance),
                instance,
            })
            .collect();
        if !questions.is_empty() {
            let minute = usize::try_from(world.now.unix() / 60).unwrap_or_default();
            let turn = minute.wrapping_mul(AT_ONCE) % questions.len();
            questions.rotate_left(turn);
        }
        Self(questions)
    }

    /// These instances' meetings.
    pub(crate) fn of_meetings(instances: Vec<InstanceId>) -> Self {
        let question = |(place, instance)| Question { after_status: after_status(place), instance, recordings: false };
        Self(instances.into_iter().enumerate().map(question).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks. Who could not be asked in time is not among the answers.
    pub(crate) async fn ask(
        &self,
        clients: &Clients,
        settings: &Settings,
        secret: &SecretString,
        deadline: Instant,
    ) -> Answers {
        let asked = self.0.iter().map(|question| async move {
            if Instant::now() >= deadline {
                return None;
            }
            let deadline = deadline.min(Instant::now() + PATIENCE);
            let url = clients.scheme.of(&settings.url(&question.instance));
            let answer = match Client::new(clients.transport.clone(), &url, secret.clone()) {
                Ok(client) => {
                    question.put(&client.after_status(question.after_status), clients.clock.now(), deadline).await
                }
                Err(error) => Answer { meetings: unreachable(&error), ..Answer::default() },
            };
            Some((question.instance.clone(), answer))
        });
        stream::iter(asked).buffer_unordered(AT_ONCE).filter_map(async |answer| answer).collect().await
    }

    /// Those who refused the secret.
    pub(crate) fn refused(&self, answers: &Answers) -> Self {
        let refused = |question: &&Question| {
            answers.get(&question.instance).is_some_and(|answer| answer.meetings == Meetings::Refused)
        };
        Self(self.0.iter().filter(refused).cloned().collect())
    }
}

/// What becomes of the connection to a server, by its place in the order of ids, which changes little from tick to tick.
fn after_status(place: usize) -> AfterStatus {
    if place < KEPT { AfterStatus::Keep } else { AfterStatus::Close }
}

/// Whether a server is in service, or on its way there, and nobody wants it to leave.
fn stays(world: &World, id: &InstanceId) -> bool {
    let lifecycle = world.group.known().and_then(|group| group.members.get(id)).map(|member| member.lifecycle);
    let tags = world.instances.known().and_then(|instances| instances.get(id)).map(|instance| &instance.tags);
    matches!(
        lifecycle,
        Some(Lifecycle::InService | Lifecycle::Pending | Lifecycle::PendingWait | Lifecycle::PendingProceed)
    ) && tags.is_some_and(|tags| !tags.contains_key(tag::WISH) && !tags.contains_key(tag::DRAINING))
}

impl Question {
    async fn put(&self, client: &Client, now: SystemTime, deadline: Instant) -> Answer {
        let meetings = client.meetings(deadline).await;
        if let Err(error @ Error::Transport(_)) = &meetings {
            return Answer { meetings: unreachable(error), ..Answer::default() };
        }
        let recordings = match (&meetings, self.recordings) {
            (Ok(_), true) => client.recordings(deadline).await.ok(),
            _ => None,
        };
        let status = match client.pool_status(now, deadline).await {
            PoolStatus::Reported(report) => Some(Status {
                at: moment(report.written),
                ready: report.ready,
                unfinished_recordings: report.unfinished_recordings.try_into().unwrap_or(u32::MAX),
            }),
            PoolStatus::Silent(_) => None,
        };
        let meetings = match meetings {
            Ok(list) => Meetings::Listed(list.iter().map(|listed| meeting(listed, now)).collect()),
            Err(Error::WrongSecret) => Meetings::Refused,
            Err(error) => unreachable(&error),
        };
        Answer { meetings, unfinished_recordings: recordings.map(|recordings| recordings.unfinished()), status }
    }
}

/// A meeting as the decision counts it. One that does not say how many are in it has somebody; one that does not say when it was created is new,
/// which reserves seats for those on their way.
fn meeting(listed: &bigbluebutton::Meeting, now: SystemTime) -> Meeting {
    Meeting {
        participants: listed.participants.unwrap_or(1),
        created: moment(listed.created.unwrap_or(now)),
        breakout: listed.is_breakout,
    }
}

fn unreachable(error: &(dyn std::error::Error + 'static)) -> Meetings {
    Meetings::Unreachable { why: with_causes(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_to_thousands_of_servers_are_not_all_kept() {
        for servers in [1, KEPT, KEPT + 1, 3_000] {
            let ids = (0..servers).map(|server| format!("i-{server:017x}").parse().unwrap()).collect();
            let Questions(questions) = Questions::of_meetings(ids);
            let kept = questions.iter().filter(|question| question.after_status == AfterStatus::Keep).count();
            assert_eq!((questions.len(), kept), (servers, servers.min(KEPT)));
        }
    }
}
