//! What is to be done, done: each action by itself, in as few calls as there can be.
//!
//! The actions for one server are done one after another; those for different servers do not wait for each other, except that what can go in
//! one call waits a moment for others to join it. Everything can be done again, so a tick that dies anywhere leaves nothing to mend but
//! what the next one does anyway.

mod batch;
mod call;
mod group;
mod names;
mod registration;

use std::collections::{BTreeMap, VecDeque};

use custom_resource::with_causes;
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::LocalBoxFuture,
    stream::{self, FuturesUnordered},
};
use scalelite::SecretString;
use server_pool::{Action, InstanceId, Step, World};
use tokio::{
    select,
    sync::Semaphore,
    time::{Duration, Instant, sleep, sleep_until, timeout_at},
};

use self::{batch::Batch, call::ActError, group::heartbeat};
use crate::{
    clients::Clients,
    environment::Environment,
    observe::{ByName, Observation},
    services::{SecretUnknown, Services},
};

/// How many calls run at the same time: AWS allows an account some ten a second of those that change something, and Scalelite has a handful of processes.
const AWS_CALLS: usize = 8;
const SCALELITE_CALLS: usize = 8;

/// How long what can go in one call waits for company while other things are under way.
const GATHERING: Duration = Duration::from_millis(50);

/// How long a server may take when it is asked once more before it is taken out of Scalelite.
const ONCE_MORE: Duration = Duration::from_secs(5);

/// An action, and what became of it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) action: Action,
    pub(crate) outcome: Outcome,
}

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done, by this call or before.
    Done,
    /// It was not, or nobody knows.
    Failed {
        /// Why.
        why: String,
    },
    /// It was not begun: another action for the same server failed, or there was no time left.
    Left,
}

/// What actions are done with.
struct Actor<'a> {
    clients: &'a Clients,
    environment: &'a Environment,
    world: &'a World,
    records: &'a ByName,
    services: &'a Services,
    aws: Semaphore,
    scalelite: Semaphore,
    deadline: Instant,
}

/// Actions that ended together, by their places in the list.
type Ended = Vec<(usize, Result<(), ActError>)>;

/// Does the actions, as far as there is time.
pub(crate) async fn act(
    clients: &Clients,
    environment: &Environment,
    observation: &Observation,
    actions: Vec<Action>,
    deadline: Instant,
) -> Vec<Done> {
    let actor = Actor {
        clients,
        environment,
        world: &observation.world,
        records: &observation.records,
        services: &observation.services,
        aws: Semaphore::new(AWS_CALLS),
        scalelite: Semaphore::new(SCALELITE_CALLS),
        deadline,
    };
    let outcomes = actor.run(&actions).await;
    actions.into_iter().zip(outcomes).map(|(action, outcome)| Done { action, outcome }).collect()
}

/// Sends heartbeats, and says what became of them.
pub(crate) async fn heartbeats(
    clients: &Clients,
    environment: &Environment,
    world: &World,
    beats: Vec<Action>,
    deadline: Instant,
) -> Vec<Done> {
    let sent = beats.into_iter().map(async |action| {
        let beat = heartbeat(&clients.auto_scaling, environment, world, &action.server);
        let outcome = match timeout_at(deadline, beat).await {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(error)) => Outcome::Failed { why: with_causes(&error) },
            Err(_late) => Outcome::Left,
        };
        Done { action, outcome }
    });
    stream::iter(sent).buffered(AWS_CALLS).collect().await
}

impl<'a> Actor<'a> {
    async fn run(&'a self, actions: &'a [Action]) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::Left; actions.len()];
        let mut queues: BTreeMap<_, VecDeque<usize>> = BTreeMap::new();
        for (place, action) in actions.iter().enumerate() {
            queues.entry(&action.server).or_default().push_back(place);
        }
        let mut next: Vec<usize> = queues.values_mut().filter_map(VecDeque::pop_front).collect();
        let mut gathered: BTreeMap<Batch, Vec<usize>> = BTreeMap::new();
        let mut running: FuturesUnordered<LocalBoxFuture<'a, Ended>> = FuturesUnordered::new();
        loop {
            // In the order of the list, which is that of urgency.
            next.sort_unstable();
            for place in next.drain(..) {
                match Batch::of(&actions[place].step) {
                    Some(batch) => gathered.entry(batch).or_default().push(place),
                    None => running.push(self.alone(actions, place).boxed_local()),
                }
            }
            if running.is_empty() {
                self.send(actions, &mut gathered, &running);
            }
            let ended = select! {
                biased;
                () = sleep_until(self.deadline) => break,
                ended = running.next() => match ended {
                    Some(ended) => ended,
                    None => break,
                },
                () = sleep(GATHERING), if !gathered.is_empty() => {
                    self.send(actions, &mut gathered, &running);
                    continue;
                }
            };
            for (place, result) in ended {
                let may_go_on = result.is_ok() || matches!(actions[place].step, Step::Heartbeat);
                outcomes[place] = match result {
                    Ok(()) => Outcome::Done,
                    Err(error) => Outcome::Failed { why: with_causes(&error) },
                };
                let queue = queues.get_mut(&actions[place].server);
                next.extend(queue.filter(|_| may_go_on).and_then(VecDeque::pop_front));
            }
        }
        outcomes
    }

    /// Starts the calls for all that has gathered.
    fn send(
        &'a self,
        actions: &'a [Action],
        gathered: &mut BTreeMap<Batch, Vec<usize>>,
        running: &FuturesUnordered<LocalBoxFuture<'a, Ended>>,
    ) {
        for (batch, places) in std::mem::take(gathered) {
            for places in places.chunks(batch.most()) {
                running.push(self.together(actions, batch.clone(), places.to_vec()).boxed_local());
            }
        }
    }

    async fn together(&self, actions: &[Action], batch: Batch, places: Vec<usize>) -> Ended {
        let _permit = self.aws.acquire().await;
        let part: Vec<&Action> = places.iter().map(|&place| &actions[place]).collect();
        let results = batch.send(self.clients, self.environment, self.records, &part).await;
        places.into_iter().zip(results).collect()
    }

    async fn alone(&self, actions: &[Action], place: usize) -> Ended {
        vec![(place, self.one(&actions[place]).await)]
    }

    async fn one(&self, action: &Action) -> Result<(), ActError> {
        let Action { server, step, .. } = action;
        let is_scalelites = matches!(
            step,
            Step::Register { .. }
                | Step::UpdateSecret { .. }
                | Step::Enable { .. }
                | Step::Cordon { .. }
                | Step::Deregister { .. }
        );
        let _permit = if is_scalelites { self.scalelite.acquire() } else { self.aws.acquire() }.await;
        let (auto_scaling, environment) = (&self.clients.auto_scaling, self.environment);
        match step {
            Step::Heartbeat => heartbeat(auto_scaling, environment, self.world, server).await,
            Step::CompleteLaunch => group::complete(auto_scaling, environment, &environment.launch_hook, server).await,
            Step::CompleteTermination => {
                group::complete(auto_scaling, environment, &environment.terminate_hook, server).await
            }
            Step::Terminate => group::terminate(auto_scaling, server).await,
            Step::Register { url } => {
                registration::register(self.scalelite()?, url, self.server_secret()?, self.deadline).await
            }
            Step::UpdateSecret { id } => {
                registration::update_secret(self.scalelite()?, id, self.server_secret()?, self.deadline).await
            }
            Step::Enable { id, tag } => registration::enable(self.scalelite()?, id, tag, self.deadline).await,
            Step::Cordon { id, tag } => registration::cordon(self.scalelite()?, id, tag, self.deadline).await,
            Step::Deregister { id, unless_in_use } => {
                if *unless_in_use {
                    self.is_not_in_use(server).await?;
                }
                registration::deregister(self.scalelite()?, id, self.deadline).await
            }
            Step::Tag { .. }
            | Step::Untag { .. }
            | Step::WriteRecord(_)
            | Step::RemoveRecord(_)
            | Step::EnterStandby { .. }
            | Step::ExitStandby => match Batch::of(step) {
                Some(batch) => {
                    let results = batch.send(self.clients, environment, self.records, &[action]).await;
                    results.into_iter().collect()
                }
                None => Ok(()),
            },
        }
    }

    /// Asks a server once more. Clearing its registration ends its meetings, and it was asked before all the others were.
    async fn is_not_in_use(&self, server: &InstanceId) -> Result<(), ActError> {
        let url = self.clients.scheme.of(&self.environment.settings.url(server));
        let Ok(client) =
            bigbluebutton::Client::new(self.clients.transport.clone(), &url, self.server_secret()?.clone())
        else {
            return Ok(());
        };
        match client.meetings(self.deadline.min(Instant::now() + ONCE_MORE)).await {
            Ok(meetings) if !meetings.is_empty() => Err(ActError::InUse),
            // It is empty, or dead; which of them was decided before.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn scalelite(&self) -> Result<&scalelite::Client, ActError> {
        self.services.scalelite.as_ref().map_err(unknown)
    }

    fn server_secret(&self) -> Result<&SecretString, ActError> {
        self.services.server_secret.as_ref().map_err(unknown)
    }
}

fn unknown(secret: &SecretUnknown) -> ActError {
    ActError::Services(secret.clone())
}
