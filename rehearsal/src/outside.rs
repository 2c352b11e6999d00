//! What lies outside AWS: BigBlueButton servers, Scalelite, and how they are reached by name.
//!
//! The functions run as they are deployed. What they find different is their environment: a proxy for HTTPS that knows the rehearsal's names
//! (`HTTPS_PROXY`), a certificate authority that vouches for them (`SSL_CERT_FILE`), and a clock that goes with the local AWS.

mod authority;
mod clock;
mod error;
mod guests;
mod names;
mod proxy;
mod secrets;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bigbluebutton::testing::{Servers, StandIn as BigBlueButton};
use scalelite::testing::{Ids, Scalelite, StandIn as LoadBalancer};
use tempfile::TempDir;

pub use clock::MovedClock;
pub use error::OutsideError;
pub use guests::{Guest, Loss};
pub use secrets::{Secrets, SecretsError};

use crate::new_uuid;
use authority::Authority;
use guests::Guests;
use names::Names;
use proxy::Proxy;

/// The header that opens Scalelite's management API, as the template has it by default.
pub(crate) const MANAGEMENT_HEADER: &str = "X-Scalelite-Management";

/// Everything outside of AWS, running. Dropping it ends it.
pub struct Outside {
    secrets: Mutex<Secrets>,
    /// The time of day of the local AWS.
    pub clock: MovedClock,
    servers: Arc<Mutex<Servers>>,
    scalelite: Arc<Mutex<Scalelite>>,
    guests: Arc<Guests>,
    names: Arc<Names>,
    proxy: Proxy,
    hook: guests::Hook,
    load_balancer: LoadBalancer,
    _bigbluebutton: BigBlueButton,
    folder: TempDir,
}

impl Outside {
    /// Builds the clock that is preloaded, and starts everything on free ports of the loopback address.
    ///
    /// # Errors
    ///
    /// When the clock does not build, or no port can be bound.
    pub async fn start(workspace_root: &Path, domain: &str) -> Result<Self, OutsideError> {
        let folder = tempfile::Builder::new().prefix("outside-").tempdir().map_err(OutsideError::Folder)?;
        let clock = MovedClock::prepare(workspace_root, folder.path()).await?;
        let secrets = Secrets { servers: secret(), scalelite: secret(), management: secret() };
        let servers = Arc::new(Mutex::new(Servers::new()));
        let scalelite = Arc::new(Mutex::new(Scalelite::new(secrets.scalelite.clone(), Ids::HostNames)));
        let bigbluebutton =
            BigBlueButton::start(servers.clone(), clock.for_stand_ins()).await.map_err(OutsideError::Listen)?;
        let load_balancer = LoadBalancer::start(scalelite.clone(), servers.clone(), clock.for_stand_ins())
            .await
            .map_err(OutsideError::Listen)?;
        load_balancer.require_header(MANAGEMENT_HEADER, &secrets.management);
        let guests = Arc::new(Guests::new(domain, secrets.servers.clone(), servers.clone(), clock.clone()));
        let names = Arc::new(Names::new());
        let authority = Authority::make(&folder.path().join("authority.pem"))?;
        let ways = proxy::Ways {
            scalelite: (scalelite_host(domain), load_balancer.address()),
            servers: bigbluebutton.address(),
        };
        let proxy = Proxy::start(authority, names.clone(), guests.clone(), ways).await?;
        let hook = guests::Hook::start(guests.clone()).await?;
        Ok(Self {
            secrets: Mutex::new(secrets),
            clock,
            servers,
            scalelite,
            guests,
            names,
            proxy,
            hook,
            load_balancer,
            _bigbluebutton: bigbluebutton,
            folder,
        })
    }

    /// What the environment of the functions is to hold besides.
    #[must_use]
    pub fn function_variables(&self) -> BTreeMap<String, String> {
        let mut variables = self.clock.function_variables();
        let authority = self.folder.path().join("authority.pem");
        variables.insert("SSL_CERT_FILE".to_owned(), authority.to_string_lossy().into_owned());
        variables.insert("HTTPS_PROXY".to_owned(), self.proxy.url());
        variables
    }

    /// What the environment of the local AWS is to hold besides.
    #[must_use]
    pub fn local_aws_variables(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("CLOCK_FILE", self.clock.file()), ("INSTANCE_HOOK", self.hook.url())])
    }

    /// From now on names are what this hosted zone says.
    pub fn look_names_up_in(&self, route53: aws_sdk_route53::Client, zone_id: &str) {
        self.names.are_in(route53, zone_id);
    }

    /// Gives the servers and Scalelite, empty as it is after its first start, the secrets of a deployment.
    pub fn take(&self, secrets: Secrets) {
        self.guests.take(&secrets.servers);
        *self.rooms().0 = Scalelite::new(secrets.scalelite.clone(), Ids::HostNames);
        self.load_balancer.require_header(MANAGEMENT_HEADER, &secrets.management);
        *self.secrets.lock().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    /// The secrets as they were taken.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Scalelite and the servers. They are locked together, in the order that the stand-ins ask for.
    pub fn rooms(&self) -> (MutexGuard<'_, Scalelite>, MutexGuard<'_, Servers>) {
        let scalelite = self.scalelite.lock().unwrap_or_else(PoisonError::into_inner);
        (scalelite, self.servers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A minute is over: servers that were installed long enough are ready, and Scalelite's poller runs.
    pub fn minute(&self) {
        self.guests.install();
        let now = self.clock.now();
        let (mut scalelite, mut servers) = self.rooms();
        scalelite.poll(&mut servers, now);
    }

    /// The instances that run, by id.
    #[must_use]
    pub fn guests(&self) -> BTreeMap<String, Guest> {
        self.guests.running()
    }

    /// What was lost so far: meetings with people in them that something of ours ended, recordings that were not handed over.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        self.guests.losses()
    }
}

/// Where Scalelite is.
pub(crate) fn scalelite_host(domain: &str) -> String {
    format!("scalelite.{domain}")
}

/// Letters and digits that nobody can guess; they open nothing but stand-ins on loopback.
fn secret() -> String {
    format!("{}{}", new_uuid(), new_uuid()).replace('-', "")
}
