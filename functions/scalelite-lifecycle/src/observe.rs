//! What the world looks like: everything that is asked before anything is decided.

mod answers;
mod group;
pub(crate) mod instances;
mod records;

use std::{collections::BTreeSet, sync::Arc};

use custom_resource::with_causes;
use function_runtime::AwsError;
use scalelite::Server;
use server_pool::{Group, InstanceId, Moment, Reading, World};
use tokio::{
    join,
    time::{Instant, timeout_at},
};

use self::{answers::Answers, instances::Instances};
pub(crate) use self::{answers::Questions, records::ByName};
use crate::{
    clients::Clients,
    environment::Environment,
    services::{SecretUnknown, Services},
};

/// Why something is not known. Then nothing that depends on it is done; above all, it does not count as empty.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    #[error("describe the Auto Scaling group")]
    Group(#[source] AwsError),
    #[error("describe the warm pool")]
    WarmPool(#[source] AwsError),
    #[error("describe instances")]
    Instances(#[source] AwsError),
    #[error("an instance {0:?} is described in a way that is not known")]
    NoInstance(String),
    #[error("list DNS records")]
    Records(#[source] Arc<hosted_zone::Error>),
    #[error("list Scalelite's servers")]
    Registrations(#[source] scalelite::Error),
    #[error("list Scalelite's servers")]
    Services(#[source] SecretUnknown),
    #[error("there was no time left")]
    Late,
}

impl Unread {
    pub(crate) fn to_reading<T>(&self) -> Reading<T> {
        Reading::Failed { why: with_causes(self) }
    }

    fn into_reading<T>(self) -> Reading<T> {
        self.to_reading()
    }
}

/// The world, and what is needed to act in it.
#[derive(Debug)]
pub(crate) struct Observation {
    pub(crate) world: World,
    /// The record sets as they stand.
    pub(crate) records: ByName,
    /// The services that were asked, with the secrets to which they answered.
    pub(crate) services: Services,
}

/// Reads the group: the first thing to know, because it says who waits for a heartbeat.
pub(crate) async fn group(clients: &Clients, environment: &Environment, deadline: Instant) -> Reading<Group> {
    let reading = group::read(&clients.auto_scaling, &clients.ec2, &environment.settings.group);
    timeout_at(deadline, reading).await.unwrap_or_else(|_late| Unread::Late.into_reading())
}

/// Reads everything else, at the same time, and then asks the servers.
pub(crate) async fn rest(
    clients: &Clients,
    environment: &Environment,
    now: Moment,
    group: impl Future<Output = Reading<Group>>,
    deadline: Instant,
) -> Observation {
    let settings = &environment.settings;
    let (group, instances, records, (services, servers)) = join!(
        Box::pin(group),
        Box::pin(in_time(deadline, instances::of_group(&clients.ec2, &settings.group))),
        Box::pin(in_time(deadline, records::read(&clients.zone, &settings.domain))),
        Box::pin(registrations(clients, environment, deadline)),
    );
    let names = Names::of(&environment.settings.domain, &records, &servers);
    let instances = Box::pin(in_time(deadline, others(clients, &group, &names, instances))).await;
    let mut observation = Observation {
        world: World {
            now,
            group,
            instances: instances.map_or_else(Unread::into_reading, Reading::Known),
            records: records.as_ref().map_or_else(Unread::to_reading, |records| Reading::Known(records::said(records))),
            scalelite: services.registrations(&servers),
            answers: Answers::new(),
        },
        records: records.unwrap_or_default(),
        services,
    };
    Box::pin(ask(clients, environment, &mut observation, &servers, deadline)).await;
    observation
}

async fn in_time<T>(deadline: Instant, reading: impl Future<Output = Result<T, Unread>>) -> Result<T, Unread> {
    timeout_at(deadline, reading).await.unwrap_or(Err(Unread::Late))
}

/// Scalelite's servers, with another secret if it refuses the one that is kept.
pub(crate) async fn registrations(
    clients: &Clients,
    environment: &Environment,
    deadline: Instant,
) -> (Services, Result<Vec<Server>, Unread>) {
    let mut services = Services::open(clients, environment).await;
    let mut servers = services.servers(deadline).await;
    if matches!(servers, Err(Unread::Registrations(scalelite::Error::WrongSecret)))
        && services.reopen_scalelite(clients, environment).await
    {
        servers = services.servers(deadline).await;
    }
    (services, servers)
}

/// The instances that names belong to.
struct Names(BTreeSet<InstanceId>);

impl Names {
    fn of(domain: &str, records: &Result<ByName, Unread>, servers: &Result<Vec<Server>, Unread>) -> Self {
        let records = records.iter().flat_map(ByName::keys).filter_map(|name| InstanceId::of_host(name, domain));
        let servers = servers.iter().flatten().filter_map(|server| InstanceId::of_url(&server.url, domain));
        Self(records.chain(servers).collect())
    }
}

/// The group's instances, and those that only a record or a registration knows by its name.
async fn others(
    clients: &Clients,
    group: &Reading<Group>,
    names: &Names,
    of_group: Result<Instances, Unread>,
) -> Result<Instances, Unread> {
    let mut instances = of_group?;
    let members = group.known().into_iter().flat_map(|group| group.members.keys());
    let unknown: BTreeSet<&InstanceId> = members.chain(&names.0).filter(|id| !instances.contains_key(*id)).collect();
    let others = instances::with_ids(&clients.ec2, &Vec::from_iter(unknown)).await?;
    instances.extend(others);
    Ok(instances)
}

/// Asks the servers, and those that refuse the secret again if there is another one.
async fn ask(
    clients: &Clients,
    environment: &Environment,
    observation: &mut Observation,
    servers: &Result<Vec<Server>, Unread>,
    deadline: Instant,
) {
    let Observation { world, services, .. } = observation;
    let Ok(secret) = &services.server_secret else { return };
    let settings = &environment.settings;
    let questions = Questions::about(world, settings);
    world.answers = questions.ask(clients, settings, secret, deadline).await;
    let refused = questions.refused(&world.answers);
    if !refused.is_empty()
        && let Some(other) = clients.secrets.get_another(&environment.server_secret).await
    {
        world.answers.extend(refused.ask(clients, settings, &other, deadline).await);
        services.server_secret = Ok(other);
        world.scalelite = services.registrations(servers);
    }
}
