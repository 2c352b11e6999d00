//! What lies outside AWS: BigBlueButton servers, Scalelite, and how they are reached by name.
//!
//! The functions run as they are deployed. What they find different is their environment: a proxy for HTTPS that knows the rehearsal's names
//! (`HTTPS_PROXY`), a certificate authority that vouches for them (`SSL_CERT_FILE`), and a clock that goes with the local AWS.

mod authority;
mod clock;
mod error;
mod guests;
mod machines;
mod names;
mod proxy;
mod secrets;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bigbluebutton::testing::{Reach, Servers, StandIn as BigBlueButton};
use scalelite::testing::{Ids, Scalelite, StandIn as LoadBalancer};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub use clock::MovedClock;
pub use error::OutsideError;
pub use guests::{Guest, Loss};
pub(crate) use machines::Machines;
pub use secrets::{Secrets, SecretsError};

use crate::new_uuid;
use authority::Authority;
use guests::Guests;
use names::Names;
use proxy::Proxy;

/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

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
    /// Real servers in place of the stand-ins, if that was asked for.
    machines: Option<Arc<Machines>>,
    lead: Mutex<Option<machines::Lead>>,
    _bigbluebutton: BigBlueButton,
    folder: TempDir,
}

impl Outside {
    /// Builds the clock that is preloaded, and starts everything on free ports of the loopback address.
    ///
    /// # Errors
    ///
    /// When the clock does not build, no port can be bound, or there are no real servers although `real_servers` are wanted.
    pub async fn start(workspace_root: &Path, domain: &str, real_servers: bool) -> Result<Self, OutsideError> {
        let folder = tempfile::Builder::new().prefix("outside-").tempdir().map_err(OutsideError::Folder)?;
        let machines = if real_servers {
            Some(Arc::new(Machines::start(workspace_root, folder.path(), domain).await?))
        } else {
            None
        };
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
        let guests =
            Arc::new(Guests::new(domain, secrets.servers.clone(), servers.clone(), clock.clone(), machines.clone()));
        let names = Arc::new(Names::new());
        let authority =
            Authority::make(&folder.path().join("authority.pem"), machines.as_ref().map(|one| one.roots()))?;
        let ways = proxy::Ways {
            scalelite: (scalelite_host(domain), load_balancer.address()),
            servers: match &machines {
                None => proxy::Servers::StandIns(bigbluebutton.address()),
                Some(machines) => proxy::Servers::Real(machines.clone()),
            },
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
            machines,
            lead: Mutex::default(),
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

    /// The real servers, if there are any.
    pub(crate) fn machines(&self) -> Option<&Arc<Machines>> {
        self.machines.as_ref()
    }

    /// From now on the real servers find AWS at this endpoint.
    ///
    /// # Errors
    ///
    /// When nothing can listen for them.
    pub(crate) fn lead_to(&self, endpoint: &str) -> Result<(), OutsideError> {
        if let Some(machines) = &self.machines {
            *self.lead.lock().unwrap_or_else(PoisonError::into_inner) = Some(machines.lead_to(endpoint)?);
        }
        Ok(())
    }

    /// Ends the real servers.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for their end.
    pub(crate) async fn end(self) -> Result<(), OutsideError> {
        match &self.machines {
            Some(machines) => machines.end().await.map_err(OutsideError::StartMachines),
            None => Ok(()),
        }
    }

    /// Asks the real servers themselves whether they answer, on the way of everybody outside, and has Scalelite's poller see that.
    pub(crate) async fn look_at_servers(&self) -> Result<(), reqwest::Error> {
        let authority = std::fs::read(self.folder.path().join("authority.pem")).unwrap_or_default();
        let client = reqwest::Client::builder()
            .proxy(reqwest::Proxy::https(self.proxy.url())?)
            .tls_certs_only(reqwest::Certificate::from_pem_bundle(&authority)?)
            .timeout(ANSWER)
            .build()?;
        for guest in self.guests().into_values() {
            let checksum = hex(&Sha256::digest(format!("getMeetings{}", self.secrets().servers)));
            let url = format!("https://{}/bigbluebutton/api/getMeetings?checksum={checksum}", guest.host);
            let answer = async { client.get(url).send().await?.error_for_status()?.text().await }.await;
            let reach = match answer {
                Ok(text) if text.contains("<returncode>SUCCESS</returncode>") => Reach::Answers,
                _ => Reach::BadGateway,
            };
            if let Some(server) = self.rooms().1.get_mut(&guest.host) {
                server.reach = reach;
            }
        }
        let now = self.clock.now();
        let (mut scalelite, mut servers) = self.rooms();
        scalelite.poll(&mut servers, now);
        Ok(())
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Letters and digits that nobody can guess; they open nothing but stand-ins on loopback.
fn secret() -> String {
    format!("{}{}", new_uuid(), new_uuid()).replace('-', "")
}
