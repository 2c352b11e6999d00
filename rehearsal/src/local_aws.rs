//! The local AWS: a pinned emulator with the extension in `rehearsal/local-aws/`, on loopback.
//!
//! Everything that knows that the emulator is `MiniStack` is in this module, so that it can be exchanged for another.

mod error;
mod group;
mod install;
mod inventory;
mod log;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

pub use error::LocalAwsError;
pub use group::Kept;
pub use install::Installation;
pub use inventory::elements;

use group::Group;

/// The region that the local AWS is in.
pub const REGION: &str = "eu-central-1";

/// The account of the local AWS; also the access key of its root user.
pub const ACCOUNT: &str = "000000000000";

/// The root user's secret key. It opens nothing but an emulator on loopback.
pub(crate) const SECRET_KEY: &str = "test";

/// Far more than the one to five seconds that a start was seen to take.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// How long everything that is due may take until it has come to rest: the local AWS itself gives up after three minutes.
const ADVANCE_TIMEOUT: Duration = Duration::from_secs(240);

/// How often it may start on another port because somebody took the free one first.
const START_TRIES: usize = 3;

/// How long the processes may take to end by themselves; the emulator needs up to three seconds.
const GRACE: Duration = Duration::from_secs(8);

/// The local AWS, running. Dropping it, also in a panic, kills its processes and removes its temporary folder.
#[derive(Debug)]
pub struct LocalAws {
    endpoint: String,
    /// For what is asked without an SDK.
    http: reqwest::Client,
    group: Group,
    folder: TempDir,
    log: PathBuf,
}

impl LocalAws {
    /// Starts the local AWS on a free port of 127.0.0.1 and waits until it answers.
    ///
    /// It sees none of this process's environment. `function_variables` are added to the environment of the functions
    /// that run in it.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not come up; the error holds the end of its log.
    pub async fn start(
        installation: &Installation,
        function_variables: &BTreeMap<String, String>,
    ) -> Result<Self, LocalAwsError> {
        Self::start_with(installation, function_variables, &BTreeMap::new()).await
    }

    /// As [`LocalAws::start`]; `variables` are added to its own environment: `CLOCK_FILE`, which it keeps at how far its clock is ahead, and
    /// `INSTANCE_HOOK`, which it tells of every instance; `CONTAINER_REGISTRY` and `CONTAINER_REGISTRY_PASSWORD`, the registry that its ECR is for.
    ///
    /// # Errors
    ///
    /// As [`LocalAws::start`].
    pub async fn start_with(
        installation: &Installation,
        function_variables: &BTreeMap<String, String>,
        variables: &BTreeMap<&'static str, String>,
    ) -> Result<Self, LocalAwsError> {
        let mut tries = 1;
        loop {
            match Self::start_once(installation, function_variables, variables).await {
                Err(LocalAwsError::Ended { .. }) if tries < START_TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    async fn start_once(
        installation: &Installation,
        function_variables: &BTreeMap<String, String>,
        variables: &BTreeMap<&'static str, String>,
    ) -> Result<Self, LocalAwsError> {
        let folder = tempfile::Builder::new().prefix("local-aws-").tempdir().map_err(LocalAwsError::Folder)?;
        let port = free_port().await.map_err(LocalAwsError::Listen)?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let log = installation.log(port);
        let output = std::fs::File::create(&log).map_err(|source| LocalAwsError::Log { log: log.clone(), source })?;
        let errors = output.try_clone().map_err(|source| LocalAwsError::Log { log: log.clone(), source })?;
        let http = reqwest::Client::builder()
            // The machine's own proxy settings must not lead a loopback address elsewhere.
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()
            .map_err(LocalAwsError::Client)?;
        let child = Command::new(&installation.python)
            // No compiled files beside the sources of the workspace.
            .args(["-B", "-m", "local_aws"])
            .env_clear()
            .envs(environment(port, &endpoint, folder.path(), installation))
            .envs(variables)
            .env("FUNCTION_VARIABLES", serde_json::json!(function_variables).to_string())
            // So that it ends also when this process is killed.
            .env("END_WITH_INPUT", "true")
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            // A group of its own: the terminal's Ctrl-C must reach this process alone, which then ends the others in order.
            .process_group(0)
            .spawn()
            .map_err(|source| LocalAwsError::Spawn { python: installation.python.clone(), source })?;
        let mut running = Self { endpoint, http, group: Group::led_by(child)?, folder, log };
        running.wait_until_healthy().await?;
        Ok(running)
    }

    async fn wait_until_healthy(&mut self) -> Result<(), LocalAwsError> {
        let url = format!("{}/_ministack/health", self.endpoint);
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(status) = self.group.try_wait() {
                return Err(LocalAwsError::Ended { status, end: log::end_of(&self.log).await, log: self.log.clone() });
            }
            let answer = self.http.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(LocalAwsError::Silent {
                    seconds: START_TIMEOUT.as_secs(),
                    end: log::end_of(&self.log).await,
                    log: self.log.clone(),
                });
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The address at which every service answers, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Moves the clock of the local AWS forward. Returns when everything that was due on the way has happened and come to rest, the functions that
    /// a schedule started included.
    ///
    /// # Errors
    ///
    /// When the local AWS does not do it.
    pub async fn advance(&self, time: Duration) -> Result<(), LocalAwsError> {
        let answer = self
            .http
            .post(format!("{}/_local_aws/clock", self.endpoint))
            .body(serde_json::json!({"advance": time.as_secs_f64()}).to_string())
            .timeout(ADVANCE_TIMEOUT)
            .send()
            .await;
        answer.and_then(reqwest::Response::error_for_status).map(drop).map_err(LocalAwsError::Advance)
    }

    /// The configuration for clients: the root user's, who may do everything.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .endpoint_url(&self.endpoint)
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                ACCOUNT,
                SECRET_KEY,
                None,
                None,
                "local-aws",
            )))
            .build()
    }

    /// The same as environment variables, for the AWS CLI and for functions that run outside of the local AWS.
    #[must_use]
    pub fn client_environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCOUNT.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ]
    }

    /// Where the local AWS writes its log.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The lines that functions wrote so far, each with its log group's name before it.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub async fn function_log(&self) -> Result<Vec<String>, LocalAwsError> {
        log::of_functions(&self.log).await
    }

    /// Ends all processes: asked first, killed after a grace period of 8 seconds. Removes the temporary folder.
    ///
    /// # Errors
    ///
    /// When the processes are gone but the folder could not be removed.
    pub async fn stop(mut self) -> Result<(), LocalAwsError> {
        self.group.end(GRACE).await;
        self.folder.close().map_err(LocalAwsError::Folder)
    }

    /// Leaves the local AWS running when this process ends.
    ///
    /// # Errors
    ///
    /// When it cannot be told to; it is ended then.
    pub fn keep(mut self) -> Result<Kept, LocalAwsError> {
        let environment = self.client_environment();
        let pid = self.group.release().map_err(LocalAwsError::Keep)?;
        Ok(Kept { pid, environment, folder: self.folder.keep(), log: self.log })
    }
}

/// A port that was free a moment ago.
async fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    Ok(listener.local_addr()?.port())
}

/// The emulator's whole environment.
fn environment(
    port: u16,
    endpoint: &str,
    folder: &Path,
    installation: &Installation,
) -> BTreeMap<&'static str, OsString> {
    BTreeMap::from([
        // Its default is every interface of the machine.
        ("BIND_HOST", "127.0.0.1".into()),
        ("MINISTACK_HOST", "127.0.0.1".into()),
        ("GATEWAY_PORT", port.to_string().into()),
        // Handed on to the functions, which find AWS there.
        ("AWS_ENDPOINT_URL", endpoint.into()),
        ("MINISTACK_REGION", REGION.into()),
        // Permissions count: a function whose role lacks one fails here as it would on AWS.
        ("AUTH", "true".into()),
        ("TMPDIR", folder.into()),
        ("HOME", folder.into()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".into()),
        ("PYTHONPATH", installation.package.as_os_str().to_owned()),
        ("PYTHONUNBUFFERED", "1".into()),
    ])
}
