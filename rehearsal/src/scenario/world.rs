//! What all parts of a rehearsal share: the local AWS, clients, the packaged template, and the promises so far.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aws_sdk_route53::types::HostedZone;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use deployment::change_set::{self, Location, Prepared, Target};
use deployment::events::{self, Followed, Mark};
use deployment::functions::{self, Bootstrap};
use deployment::package::{self, Bucket, Packaged};
use deployment::stack;
use tokio::select;
use tokio::time::{Duration, sleep};

use super::broken::{Broken, ensure};
use super::leftovers::Inventory;
use super::pool;
use super::{Options, Progress, ScenarioError};
use crate::local_aws::{LocalAws, REGION};
use crate::new_uuid;
use crate::outside::Outside;
use crate::promises::{Promise, Promises};

/// The stack that is created, updated and deleted.
pub(super) const STACK: &str = "bbb-rehearsal";

/// The bucket for templates and code.
const BUCKET: &str = "bbb-rehearsal-artifacts";

/// The stack with the bucket for what runs on the servers: the default of the root's `BBBStackBucketStack`.
const SOURCES_STACK: &str = "bbb-sources";

/// How often it is looked whether servers are left that have to end.
const LOOK: Duration = Duration::from_millis(200);

/// The parameters of the root stack.
pub(super) type Parameters = BTreeMap<String, String>;

/// What a deployment did.
pub(super) enum Deployed {
    /// Nothing, because nothing had to change.
    Nothing,
    /// Something, and this came of it.
    Something(Followed),
}

/// Everything that the parts share.
pub(super) struct World<'a> {
    pub(super) aws: LocalAws,
    pub(super) outside: Outside,
    pub(super) acm: aws_sdk_acm::Client,
    pub(super) auto_scaling: aws_sdk_autoscaling::Client,
    pub(super) cloudformation: aws_sdk_cloudformation::Client,
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) route53: aws_sdk_route53::Client,
    s3: aws_sdk_s3::Client,
    pub(super) secrets: aws_sdk_secretsmanager::Client,
    pub(super) domain: String,
    /// The id of the domain's hosted zone.
    pub(super) zone_id: String,
    /// The workspace's.
    root: PathBuf,
    /// The servers' Auto Scaling group, once there is one.
    pub(super) server_group: String,
    packaged: Option<Packaged>,
    /// The root stack's parameters as they were last deployed with success, once there were any.
    pub(super) parameters: Option<Parameters>,
    /// What existed before the first stack.
    pub(super) before: Inventory,
    /// The physical ids of what deletions left because the template says so.
    pub(super) retained: Vec<String>,
    /// The SMTP passwords that were found in secrets, to be searched for everywhere else.
    pub(super) smtp_passwords: Vec<String>,
    /// What CloudFormation showed of stacks before they were deleted.
    pub(super) stacks_said: String,
    pub(super) promises: Promises,
    progress: &'a mut dyn FnMut(Progress<'_>),
}

impl fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("aws", &self.aws).field("promises", &self.promises).finish_non_exhaustive()
    }
}

impl<'a> World<'a> {
    /// Builds the functions and starts the local AWS, the first two promises.
    pub(super) async fn prepare(
        options: &Options,
        progress: &'a mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, ScenarioError> {
        let mut promises = Promises::default();

        let since = Instant::now();
        progress(Progress::Step("building the functions"));
        let bootstraps = functions::build(&options.workspace_root).await?;
        let built = Promise::new("functions built", true, since.elapsed(), sizes(&bootstraps));
        progress(Progress::Promise(&built));
        promises.promises.push(built);

        let since = Instant::now();
        progress(Progress::Step("starting the local AWS"));
        let installation = LocalAws::install(&options.workspace_root, |note| progress(Progress::Step(note))).await?;
        let outside = Outside::start(&options.workspace_root, &options.domain, options.real_servers).await?;
        let aws =
            LocalAws::start_with(&installation, &outside.function_variables(), &outside.local_aws_variables()).await?;
        outside.lead_to(aws.endpoint())?;
        let at = aws.endpoint().to_owned();
        let started = Promise::new("local AWS started", true, since.elapsed(), at);
        progress(Progress::Promise(&started));
        promises.promises.push(started);

        let config = aws.sdk_config();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        Ok(Self {
            acm: aws_sdk_acm::Client::new(&config),
            auto_scaling: aws_sdk_autoscaling::Client::new(&config),
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            route53: aws_sdk_route53::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            aws,
            outside,
            domain: options.domain.clone(),
            zone_id: String::new(),
            root: options.workspace_root.clone(),
            server_group: String::new(),
            packaged: None,
            parameters: None,
            before: Inventory::default(),
            retained: Vec::new(),
            smtp_passwords: Vec::new(),
            stacks_said: String::new(),
            promises,
            progress,
        })
    }

    /// Does `step` and records whether the promise called `name` was kept by it; returns that too.
    pub(super) async fn promise(
        &mut self,
        name: &str,
        step: impl AsyncFnOnce(&mut Self) -> Result<String, Broken>,
    ) -> bool {
        (self.progress)(Progress::Step(name));
        let since = Instant::now();
        let (kept, detail) = match step(self).await {
            Ok(detail) => (true, detail),
            Err(Broken(detail)) => (false, detail),
        };
        let promise = Promise::new(name, kept, since.elapsed(), detail);
        (self.progress)(Progress::Promise(&promise));
        self.promises.promises.push(promise);
        kept
    }

    /// As [`World::promise`], for a step that needs the root stack: without it the promise is broken.
    pub(super) async fn promise_on_stack(
        &mut self,
        name: &str,
        step: impl AsyncFnOnce(&mut Self, Parameters) -> Result<String, Broken>,
    ) -> bool {
        let parameters = self.parameters.clone();
        self.promise(name, async move |world: &mut Self| match parameters {
            Some(parameters) => step(world, parameters).await,
            None => Err(Broken("not tried, because the stack was not created".to_owned())),
        })
        .await
    }

    /// Makes the hosted zone and the buckets that an operator would have.
    pub(super) async fn make_surroundings(&mut self) -> Result<(), Broken> {
        let zone = self.route53.create_hosted_zone().name(&self.domain).caller_reference(new_uuid()).send().await?;
        let id = zone.hosted_zone().map(HostedZone::id).unwrap_or_default();
        self.zone_id = id.trim_start_matches("/hostedzone/").to_owned();
        self.outside.look_names_up_in(self.route53.clone(), &self.zone_id);
        let here =
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(REGION)).build();
        self.s3.create_bucket().bucket(BUCKET).create_bucket_configuration(here).send().await?;
        // It outlives deployments, as the artifacts do.
        let sources = self.package_file("templates/sources-bucket.yaml".as_ref()).await?;
        match self.deploy_packaged(SOURCES_STACK, &sources, &Parameters::new()).await? {
            Deployed::Something(followed) => ensure(followed.succeeded(), || outcome(&followed))?,
            Deployed::Nothing => return Err(Broken(format!("{SOURCES_STACK} is there already"))),
        }
        if let Some(machines) = self.outside.machines() {
            let sources = stack::describe(&self.cloudformation, SOURCES_STACK).await?;
            let bucket = sources.and_then(|mut stack| stack.outputs.remove("BucketName")).unwrap_or_default();
            let key = format!("instance/{}.tar.gz", machines.bundle.id);
            let bundle = ByteStream::from_path(&machines.bundle.archive).await?;
            self.s3.put_object().bucket(bucket).key(key).body(bundle).send().await?;
        }
        self.before = Inventory::take(self).await?;
        Ok(())
    }

    /// Packages the root template into the bucket.
    pub(super) async fn package(&mut self) -> Result<&Packaged, Broken> {
        let packaged = self.package_file("template.yaml".as_ref()).await?;
        Ok(self.packaged.insert(packaged))
    }

    /// The root stack's parameters for the domain, without additional names.
    pub(super) fn base_parameters(&self) -> Parameters {
        let mut parameters = self.usual_parameters();
        if let Some(machines) = self.outside.machines() {
            parameters.insert("BBBInstanceBundle".to_owned(), machines.bundle.id.clone());
            // So that one that ends is not replaced: each takes minutes.
            parameters.insert("BBBApplicationMinInstances".to_owned(), "0".to_owned());
        }
        parameters
    }

    fn usual_parameters(&self) -> Parameters {
        [
            ("BBBDomainName", self.domain.as_str()),
            ("BBBHostedZone", &self.zone_id),
            ("BBBOperatorEMail", &format!("operator@{}", self.domain)),
            ("BBBAdditionalDomainNames", ""),
            ("BBBACMCertArn", "-"),
            // As much as there is, because the logs are searched for secrets.
            ("BBBFunctionLogLevel", "DEBUG"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    /// Packages a template to be deployed on its own; the path begins at the workspace's root.
    pub(super) async fn package_file(&self, template: &Path) -> Result<Packaged, Broken> {
        Ok(package::package(&self.root.join(template), &self.bucket()).await?)
    }

    fn bucket(&self) -> Bucket {
        Bucket { client: self.s3.clone(), name: BUCKET.to_owned(), region: REGION.to_owned() }
    }

    /// Creates or updates a stack from the packaged root template through a change set, and follows it to its end.
    pub(super) async fn deploy(&mut self, stack: &str, parameters: &Parameters) -> Result<Deployed, Broken> {
        match self.packaged.clone() {
            Some(packaged) => self.deploy_packaged(stack, &packaged, parameters).await,
            None => Err(Broken("the template was not packaged".to_owned())),
        }
    }

    /// As [`World::deploy`] from any packaged template.
    pub(super) async fn deploy_packaged(
        &mut self,
        stack: &str,
        packaged: &Packaged,
        parameters: &Parameters,
    ) -> Result<Deployed, Broken> {
        let target = Target {
            stack,
            template: &packaged.template,
            location: Location::Url(&packaged.url),
            parameters,
            tags: &BTreeMap::new(),
            replace_failed: false,
        };
        match change_set::prepare(&self.cloudformation, &target).await? {
            Prepared::NoChanges => Ok(Deployed::Nothing),
            Prepared::Ready(change_set) => {
                let mark = change_set::execute(&self.cloudformation, &change_set).await?;
                Ok(Deployed::Something(self.follow(&mark).await?))
            }
        }
    }

    /// As [`World::deploy`] for the root stack, which must succeed and change something.
    pub(super) async fn deploy_root(&mut self, parameters: Parameters) -> Result<Followed, Broken> {
        match self.deploy(STACK, &parameters).await? {
            Deployed::Nothing => Err(Broken("nothing changed".to_owned())),
            Deployed::Something(followed) => {
                ensure(followed.succeeded(), || outcome(&followed))?;
                self.parameters = Some(parameters);
                Ok(followed)
            }
        }
    }

    /// Deletes a stack and follows it to its end; notes what the template has it leave behind.
    pub(super) async fn delete(&mut self, stack: &str) -> Result<String, Broken> {
        self.listen_to_stacks().await?;
        let Some(mark) = stack::delete(&self.cloudformation, stack).await? else {
            return Ok("there was no stack".to_owned());
        };
        // Only with its own stack do the servers end, and what happens to them meanwhile is another part's business.
        let followed =
            if stack == STACK { self.follow_while_servers_end(&mark).await? } else { self.follow(&mark).await? };
        let skipped = followed.events.iter().filter(|event| event.status == "DELETE_SKIPPED");
        self.retained.extend(skipped.filter_map(|event| event.physical_id.clone()));
        ensure(followed.status == "DELETE_COMPLETE", || outcome(&followed))?;
        let deleted = followed.events.iter().filter(|event| event.status == "DELETE_COMPLETE").count();
        Ok(format!("{deleted} resources deleted"))
    }

    /// The outputs of the root stack as they are now.
    pub(super) async fn outputs(&self) -> Result<BTreeMap<String, String>, Broken> {
        stack::describe(&self.cloudformation, STACK)
            .await?
            .map(|stack| stack.outputs)
            .ok_or_else(|| Broken("the stack is gone".to_owned()))
    }

    /// Lets minutes pass meanwhile: a server ends when its drain is over.
    async fn follow_while_servers_end(&mut self, mark: &Mark) -> Result<Followed, Broken> {
        let Self { aws, outside, cloudformation, progress, .. } = self;
        let drains = async {
            loop {
                if outside.guests().is_empty() {
                    sleep(LOOK).await;
                } else if outside.machines().is_some() {
                    // Their time is the real one; the pool's function looks each minute of it.
                    if let Err(error) = outside.look_at_servers().await {
                        return Broken::from(error);
                    }
                    sleep(LOOK).await;
                } else if let Err(broken) = pool::minute(aws, outside).await {
                    return broken;
                }
            }
        };
        let show = |event: &events::Event| progress(Progress::Event(event));
        select! {
            followed = events::follow(cloudformation, mark, show) => Ok(followed?),
            broken = drains => Err(broken),
        }
    }

    async fn follow(&mut self, mark: &Mark) -> Result<Followed, Broken> {
        let progress = &mut self.progress;
        let show = |event: &events::Event| progress(Progress::Event(event));
        Ok(events::follow(&self.cloudformation, mark, show).await?)
    }
}

/// How an operation ended, with the cause of its failure.
pub(super) fn outcome(followed: &Followed) -> String {
    match followed.deepest_cause() {
        None => followed.status.clone(),
        Some(cause) => {
            format!("{}: {} {} in {}: {}", followed.status, cause.logical_id, cause.status, cause.stack, cause.reason)
        }
    }
}

fn sizes(bootstraps: &[Bootstrap]) -> String {
    let megabytes = |bytes: u64| f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1000.0;
    bootstraps
        .iter()
        .map(|function| {
            format!(
                "{} {:.2} MB, zipped {:.2} MB",
                function.name,
                megabytes(function.binary_bytes),
                megabytes(function.archive_bytes)
            )
        })
        .collect::<Vec<_>>()
        .join("; ")
}
