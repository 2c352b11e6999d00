//! Everything that is needed before anything is measured.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use benchmark_endpoint::Ports;
use deployment::functions::{self, Bootstrap};
use tempfile::TempDir;

use crate::{authority::Authority, endpoint::Endpoint, life::Subject, pool::DOMAIN, processor::ControlGroups};

/// What is built besides the functions.
const OURS: [&str; 2] = ["benchmark-empty-function", "benchmark-endpoint"];

/// The functions as they are deployed, the endpoint, the certificates.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) root: PathBuf,
    /// By name.
    pub(crate) bootstraps: BTreeMap<String, Bootstrap>,
    pub(crate) authority: Authority,
    /// `None` where the processor cannot be limited.
    pub(crate) groups: Option<ControlGroups>,
    folder: TempDir,
}

impl Workshop {
    pub(crate) fn open() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace's folder")?.to_owned();
        eprintln!("building the functions as they are deployed");
        let built = tokio::runtime::Runtime::new()?.block_on(async {
            let mut built = functions::build(&root).await?;
            built.extend(functions::build_named(&root, OURS.map(str::to_owned).into()).await?);
            Ok::<_, functions::BuildError>(built)
        })?;
        let folder = tempfile::Builder::new().prefix("benchmarks-").tempdir().context("make a temporary folder")?;
        let authority = Authority::make(folder.path(), DOMAIN)?;
        let groups = ControlGroups::find();
        if let Err(error) = &groups {
            eprintln!("the processor cannot be limited here, so only `full` is measured: {error:#}");
        }
        let bootstraps = built.into_iter().map(|bootstrap| (bootstrap.name.clone(), bootstrap)).collect();
        Ok(Self { root, bootstraps, authority, groups: groups.ok(), folder })
    }

    /// An endpoint of one's own, so that what several call at the same time is told apart.
    pub(crate) fn endpoint(&self) -> Result<Endpoint> {
        Endpoint::start(&self.bootstrap("benchmark-endpoint")?.binary, &self.authority.setting)
    }

    pub(crate) fn bootstrap(&self, name: &str) -> Result<&Bootstrap> {
        self.bootstraps.get(name).with_context(|| format!("{name} was not built"))
    }

    /// Where what is measured writes to.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }

    /// One of the functions.
    pub(crate) fn function(&self, name: &str, ports: Ports, variables: BTreeMap<String, String>) -> Result<Subject> {
        let mut environment = self.environment(ports);
        environment.extend(variables);
        Ok(Subject { command: vec![self.bootstrap(name)?.binary.display().to_string()], environment })
    }

    /// What everybody who calls the endpoint needs to know.
    pub(crate) fn environment(&self, ports: Ports) -> BTreeMap<String, String> {
        let bundle = self.authority.bundle.display().to_string();
        [
            ("AWS_ENDPOINT_URL", format!("https://localhost:{}", ports.aws)),
            ("AWS_CA_BUNDLE", bundle.clone()),
            ("SSL_CERT_FILE", bundle),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The machine and how busy it is, in a sentence.
    pub(crate) fn machine() -> String {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let model = read("/proc/cpuinfo");
        let model = model
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim()));
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let load = read("/proc/loadavg").split(' ').next().unwrap_or("?").to_owned();
        let kernel = read("/proc/sys/kernel/osrelease");
        format!(
            "{processors} processors ({}), Linux {}, load {load} when it began.",
            model.unwrap_or("unknown"),
            kernel.trim()
        )
    }
}
