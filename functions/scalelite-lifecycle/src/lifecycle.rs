//! The function: one request in, one answer out.

use std::{
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use custom_resource::with_causes;
use function_runtime::Handler;
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use server_pool::{Moment, Reading};
use tokio::time::{Duration, Instant, timeout_at};
use tracing::{error, info};

use crate::{
    clients::Clients,
    environment::Environment,
    error::Error,
    operator,
    report::{self, MetricLines, Tick},
    request::{Hint, Operator, Request, RequestError},
    termination_policy, tick,
};

/// How long after something happened AWS may still describe the world from before.
const SETTLING: Duration = Duration::from_secs(10);

/// Keeps the pool in step.
#[derive(Debug)]
pub struct Lifecycle {
    clients: Clients,
    environment: Environment,
    metrics: MetricLines,
    /// When the last tick that came to its end began, by the wall clock.
    looked_at: Mutex<Option<Moment>>,
}

impl Lifecycle {
    /// With these clients.
    #[must_use]
    pub fn new(clients: Clients, environment: Environment, metrics: MetricLines) -> Self {
        Self { clients, environment, metrics, looked_at: Mutex::default() }
    }

    async fn answer(&self, request: Request, deadline: Instant) -> Result<Value, Error> {
        match request {
            Request::Tick(hint) => match self.needless(&hint) {
                Some(why) => {
                    info!(?hint, why, "no tick");
                    Ok(json!({"skipped": why}))
                }
                None => self.tick(deadline).await,
            },
            Request::Operator(Operator::List {}) => self.list(deadline).await,
            Request::Operator(wanted) => {
                operator::note(&self.clients, &self.environment, &wanted, deadline).await?;
                self.tick(deadline).await
            }
            Request::TerminationPolicy(question) => {
                let choice = termination_policy::choose(&self.clients, &self.environment, &question, deadline);
                let chosen = AssertUnwindSafe(choice).catch_unwind().await.unwrap_or_default();
                Ok(json!({"InstanceIDs": chosen}))
            }
        }
    }

    /// Why a tick would show nothing that the last one did not.
    ///
    /// When Auto Scaling launches a hundred servers there are a hundred events. They come one after another, and each tick would keep the next ones
    /// waiting, and the minute's.
    fn needless(&self, hint: &Hint) -> Option<&'static str> {
        if let Hint::AutoScaling { group, .. } = hint
            && *group != self.environment.settings.group
        {
            return Some("it is another group");
        }
        let looked_at = (*self.looked_at.lock().unwrap_or_else(PoisonError::into_inner))?;
        let happened_at = Moment::from_unix(i64::try_from(hint.happened_at()?).unwrap_or(i64::MAX));
        let has_seen = looked_at.since(happened_at).is_some_and(|after| after >= SETTLING);
        // A look in the future was taken before the clock was set back.
        let is_past = self.clients.clock.moment().since(looked_at).is_some();
        (has_seen && is_past).then_some("a tick has looked since")
    }

    /// Looks, decides and acts, and tells how it went whatever happens.
    async fn tick(&self, deadline: Instant) -> Result<Value, Error> {
        let (began, now) = (Instant::now(), self.clients.clock.moment());
        let work = tick::tick(&self.clients, &self.environment, now, deadline);
        let ticked = match timeout_at(deadline, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(ticked)) => Ok(ticked),
            Ok(Err(_said_by_the_panic_hook)) => Err(Error::Panicked),
            Err(_late) => Err(Error::Late),
        };
        let group = &self.environment.settings.group;
        let publish = |tick, pool| {
            let milliseconds =
                self.clients.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
            report::publish(&self.metrics, &self.environment.metrics_namespace, group, milliseconds, tick, pool);
        };
        let failed = Tick { failed: true, took: began.elapsed(), ..Tick::default() };
        let ticked = ticked.inspect_err(|error| {
            error!(reason = with_causes(error), "the tick failed");
            publish(failed, None);
        })?;
        report::log(&ticked.world, &ticked.decision, &ticked.done);
        match &ticked.world.group {
            Reading::Failed { why } => {
                publish(failed, None);
                return Err(Error::Group { group: group.clone(), why: why.clone() });
            }
            // Not yet, or no longer: there is no pool to have metrics of.
            Reading::Absent => publish(Tick { failed: false, ..failed }, None),
            Reading::Known(_) => publish(Tick::of(&ticked.done, began.elapsed()), Some(&ticked.decision.metrics)),
        }
        *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(report::answer(group, &ticked.world, &ticked.decision, &ticked.done))
    }

    async fn list(&self, deadline: Instant) -> Result<Value, Error> {
        let looked = tick::look(&self.clients, &self.environment, self.clients.clock.moment(), deadline).await;
        let group = &self.environment.settings.group;
        match &looked.world.group {
            Reading::Failed { why } => Err(Error::Group { group: group.clone(), why: why.clone() }),
            Reading::Known(_) | Reading::Absent => {
                Ok(report::answer(group, &looked.world, &looked.decision, &looked.done))
            }
        }
    }
}

impl Handler for Lifecycle {
    type Error = Error;

    async fn handle(&self, event: &str, deadline: Instant) -> Result<Value, Error> {
        match Request::parse(event) {
            Ok(request) => self.answer(request, deadline).await,
            // Auto Scaling ends nobody on this answer; on an error it would do the same, but so it is in the log of this function.
            Err(error @ RequestError::TerminationPolicy(_)) => {
                error!(reason = with_causes(&error), "nobody is named");
                Ok(json!({"InstanceIDs": []}))
            }
            Err(error) => Err(error.into()),
        }
    }
}
