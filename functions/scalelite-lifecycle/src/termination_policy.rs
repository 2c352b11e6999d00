//! The answer to Auto Scaling's custom termination policy: the emptiest servers, within two seconds.

use std::collections::{BTreeMap, BTreeSet};

use custom_resource::with_causes;
use server_pool::{
    Answer, InstanceId, Load, Mark, Meeting, Meetings, RegistrationState, tag,
    termination::{self, Candidate, Needed, Occupancy},
};
use tokio::{
    join,
    time::{Duration, Instant, timeout_at},
};
use tracing::{info, warn};

use crate::{
    clients::Clients,
    environment::Environment,
    observe::{self, Questions, instances},
    request::Candidates,
};

/// How long it may take to learn who is who, and then what the servers say. Auto Scaling waits two seconds for the answer.
const KNOWING: Duration = Duration::from_millis(700);
const ASKING: Duration = Duration::from_millis(1_400);

/// What Auto Scaling waits, with something left for the way to it and back.
const _: () = assert!(KNOWING.as_millis() < ASKING.as_millis() && ASKING.as_millis() <= 1_500);

/// Whom Auto Scaling may end. Whoever is named is drained before it ends, so a wrong answer makes a server that is used leave where an empty one could,
/// and never cuts a meeting.
///
/// When nothing could be learnt of any candidate because this function could not look at all, nobody is named: then Auto Scaling ends nobody, and asks
/// again.
pub(crate) async fn choose(
    clients: &Clients,
    environment: &Environment,
    question: &Candidates,
    deadline: Instant,
) -> Vec<InstanceId> {
    let now = Instant::now();
    let (know_until, ask_until) = (deadline.min(now + KNOWING), deadline.min(now + ASKING));
    let candidates = candidates(question);
    let ids: Vec<&InstanceId> = candidates.iter().map(|candidate| &candidate.instance).collect();
    let (instances, (services, servers)) = join!(
        timeout_at(know_until, instances::with_ids(&clients.ec2, &ids)),
        observe::registrations(clients, environment, know_until),
    );
    let instances = match instances {
        Ok(Ok(instances)) => Some(instances),
        Ok(Err(unread)) => {
            warn!(why = with_causes(&unread), "instances could not be read");
            None
        }
        Err(_late) => {
            warn!("instances could not be read in time");
            None
        }
    };
    let is_unused = |id: &InstanceId| {
        let instance = instances.as_ref().and_then(|instances| instances.get(id));
        instance.is_some_and(|instance| !instance.tags.contains_key(tag::REGISTERED))
    };
    let asked: Vec<InstanceId> = ids.iter().filter(|id| !is_unused(id)).map(|&id| id.clone()).collect();
    let answers = match &services.server_secret {
        Ok(secret) => Questions::of_meetings(asked).ask(clients, &environment.settings, secret, ask_until).await,
        Err(unknown) => {
            warn!(why = with_causes(unknown), "the servers could not be asked");
            BTreeMap::new()
        }
    };
    let could_look = instances.is_some() || services.server_secret.is_ok();
    let cordoned: BTreeSet<InstanceId> = match services.registrations(&servers) {
        server_pool::Reading::Known(registrations) => registrations
            .iter()
            .filter(|server| server.state != RegistrationState::Enabled || Mark::of(&server.tag).0 != Mark::None)
            .filter_map(|server| InstanceId::of_url(&server.url, &environment.settings.domain))
            .collect(),
        _ => BTreeSet::new(),
    };
    let known = ids.iter().map(|&id| {
        let occupancy = match answers.get(id) {
            Some(Answer { meetings: Meetings::Listed(meetings), status, .. }) => Occupancy::Answered {
                load: load(meetings),
                cordoned: cordoned.contains(id),
                unfinished_recordings: status.as_ref().map(|status| status.unfinished_recordings),
            },
            _ if is_unused(id) => Occupancy::Unused,
            _ => Occupancy::Unknown,
        };
        (id.clone(), occupancy)
    });
    let known: BTreeMap<InstanceId, Occupancy> = known.collect();
    let chosen = if could_look { termination::choose(&candidates, &needed(question), &known) } else { Vec::new() };
    for id in &chosen {
        info!(server = id.as_str(), occupancy = ?known.get(id), cause = question.cause, "may be ended");
    }
    info!(candidates = candidates.len(), chosen = chosen.len(), "termination policy");
    chosen
}

/// The candidates whose ids are ids; Auto Scaling gives no others.
fn candidates(question: &Candidates) -> Vec<Candidate> {
    let candidate = |asked: &crate::request::Candidate| {
        let instance = asked.instance_id.parse().ok()?;
        let (zone, market) = (asked.availability_zone.clone(), asked.instance_market_option.clone());
        Some(Candidate { instance, zone, market })
    };
    question.instances.iter().filter_map(candidate).collect()
}

fn needed(question: &Candidates) -> Vec<Needed> {
    let needed = question.capacity_to_terminate.iter().map(|asked| Needed {
        zone: asked.availability_zone.clone(),
        market: asked.instance_market_option.clone(),
        count: asked.capacity,
    });
    needed.collect()
}

/// What a server has. The participants of a breakout room are in the meeting that it belongs to as well.
fn load(meetings: &[Meeting]) -> Load {
    let participants = meetings.iter().filter(|meeting| !meeting.breakout).map(|meeting| meeting.participants);
    let count = u32::try_from(meetings.len()).unwrap_or(u32::MAX);
    Load { meetings: count, participants: participants.fold(0, u32::saturating_add), ..Load::default() }
}
