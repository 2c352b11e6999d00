//! A server's registration in Scalelite.

use std::sync::Arc;

use scalelite::{Change, Client, PanicBounds, Panicked, SecretString, StateChange, Updated};
use tokio::time::{Duration, Instant};

use super::ActError;

/// How long Scalelite may take in one tick to clear a server of its meetings: five seconds for each that a dead server still has.
const CLEARING: Duration = Duration::from_secs(20);

/// How many calls that may be, so that a server that answers fast and wrong is not asked a thousand times.
const CLEARING_CALLS: u32 = 50;

pub(super) async fn register(
    scalelite: &Client,
    url: &str,
    secret: &SecretString,
    deadline: Instant,
) -> Result<(), ActError> {
    let added = scalelite.add(url, secret, deadline).await.map_err(|error| ActError::Register(Arc::new(error)))?;
    enable(scalelite, &added.id, "", deadline).await
}

pub(super) async fn update_secret(
    scalelite: &Client,
    id: &str,
    secret: &SecretString,
    deadline: Instant,
) -> Result<(), ActError> {
    update(scalelite, id, &Change::new().secret(secret.clone()), deadline).await
}

pub(super) async fn enable(scalelite: &Client, id: &str, tag: &str, deadline: Instant) -> Result<(), ActError> {
    update(scalelite, id, &Change::new().state(StateChange::Enable).tag(tag), deadline).await
}

pub(super) async fn cordon(scalelite: &Client, id: &str, tag: &str, deadline: Instant) -> Result<(), ActError> {
    update(scalelite, id, &Change::new().state(StateChange::Cordon).tag(tag), deadline).await
}

async fn update(scalelite: &Client, id: &str, change: &Change, deadline: Instant) -> Result<(), ActError> {
    match scalelite.update(id, change, deadline).await {
        Ok(Updated::Done(_)) => Ok(()),
        Ok(Updated::Gone) => Err(ActError::NoRegistration),
        Err(error) => Err(ActError::Update(Arc::new(error))),
    }
}

/// A registration that is deleted while Scalelite has a meeting of its server makes the meeting's room unusable for a day: first cleared, then deleted.
pub(super) async fn deregister(scalelite: &Client, id: &str, deadline: Instant) -> Result<(), ActError> {
    let bounds = PanicBounds { calls: CLEARING_CALLS, deadline: deadline.min(Instant::now() + CLEARING) };
    match scalelite.panic(id, bounds).await.map_err(|error| ActError::Panic(Arc::new(error)))? {
        Panicked::Gone => Ok(()),
        Panicked::Unfinished => Err(ActError::MeetingsLeft),
        Panicked::Done => match scalelite.delete(id, deadline).await {
            Ok(_) => Ok(()),
            Err(error) => Err(ActError::Delete(Arc::new(error))),
        },
    }
}
