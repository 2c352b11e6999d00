//! Scalelite and the servers' secret, as they are to be used in one tick.

use std::sync::Arc;

use bigbluebutton::SecretString;
use custom_resource::with_causes;
use scalelite::{Availability, Header, InvalidHeader, Server, State};
use server_pool::{Reading, Registration, RegistrationState, Secret};
use tokio::time::Instant;

use crate::{
    clients::Clients,
    environment::Environment,
    observe::Unread,
    secrets::{SecretError, SecretReference},
};

/// Why a secret cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SecretUnknown {
    #[error("the secret is not known")]
    Secret(#[source] Arc<SecretError>),
    #[error("the header that opens Scalelite's management")]
    Header(#[source] InvalidHeader),
    #[error("call Scalelite")]
    Scalelite(#[source] Arc<scalelite::Error>),
}

/// Scalelite and the servers' secret.
#[derive(Debug)]
pub(crate) struct Services {
    /// Scalelite's management.
    pub(crate) scalelite: Result<scalelite::Client, SecretUnknown>,
    /// The secret of the pool's servers.
    pub(crate) server_secret: Result<SecretString, SecretUnknown>,
}

impl Services {
    /// With the secrets that are kept, or read now.
    pub(crate) async fn open(clients: &Clients, environment: &Environment) -> Self {
        let (scalelite, server_secret) =
            tokio::join!(scalelite(clients, environment), secret(clients, &environment.server_secret));
        Self { scalelite, server_secret }
    }

    /// With the secrets that Scalelite has now; says whether they are others.
    pub(crate) async fn reopen_scalelite(&mut self, clients: &Clients, environment: &Environment) -> bool {
        let is_other = clients.secrets.get_another(&environment.scalelite_secret).await.is_some();
        if is_other {
            self.scalelite = scalelite(clients, environment).await;
        }
        is_other
    }

    /// Scalelite's servers.
    pub(crate) async fn servers(&self, deadline: Instant) -> Result<Vec<Server>, Unread> {
        match &self.scalelite {
            Ok(scalelite) => scalelite.servers(deadline).await.map_err(Unread::Registrations),
            Err(unknown) => Err(Unread::Services(unknown.clone())),
        }
    }

    /// What Scalelite says of its servers, as the decision needs it: not their secrets, but whether they are the pool's.
    pub(crate) fn registrations(&self, servers: &Result<Vec<Server>, Unread>) -> Reading<Vec<Registration>> {
        match (servers, &self.server_secret) {
            (Ok(servers), Ok(secret)) => {
                Reading::Known(servers.iter().map(|server| registration(server, secret)).collect())
            }
            (Err(unread), _) => unread.to_reading(),
            (Ok(_), Err(unknown)) => Reading::Failed { why: with_causes(unknown) },
        }
    }
}

async fn secret(clients: &Clients, reference: &SecretReference) -> Result<SecretString, SecretUnknown> {
    clients.secrets.get(reference).await.map_err(|error| SecretUnknown::Secret(Arc::new(error)))
}

async fn scalelite(clients: &Clients, environment: &Environment) -> Result<scalelite::Client, SecretUnknown> {
    let header = match &environment.scalelite_header {
        Some((name, value)) => Some(Header::new(name, &secret(clients, value).await?).map_err(SecretUnknown::Header)?),
        None => None,
    };
    let settings = scalelite::Settings {
        url: environment.scalelite_url.clone(),
        secret: secret(clients, &environment.scalelite_secret).await?,
        header,
    };
    scalelite::Client::new(clients.transport.clone(), settings)
        .map_err(|error| SecretUnknown::Scalelite(Arc::new(error)))
}

fn registration(server: &Server, secret: &SecretString) -> Registration {
    Registration {
        id: server.id.clone(),
        url: server.url.clone(),
        secret: if server.has_secret(secret) { Secret::Ours } else { Secret::Other },
        tag: server.tag.clone().unwrap_or_default(),
        state: match server.state {
            State::Enabled => RegistrationState::Enabled,
            State::Cordoned => RegistrationState::Cordoned,
            State::Disabled => RegistrationState::Disabled,
        },
        online: server.online == Availability::Online,
    }
}
