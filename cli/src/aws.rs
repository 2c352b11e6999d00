//! The account that the command works in: credentials, region, clients.

use anyhow::Context as _;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;

use crate::exit::refused;
use crate::global::Global;
use crate::words::words_of;

/// How often a call is tried: an account's readers of `CloudFormation` are throttled together, so that three times are soon used up.
const TRIES: u32 = 8;

/// An account, reached.
#[derive(Debug)]
pub(crate) struct Aws {
    config: SdkConfig,
    /// The region's name.
    pub(crate) region: String,
    /// The account's number; unknown if it may not be asked.
    pub(crate) account: Option<String>,
    /// Options that make another command reach the same, such as ` --profile x --region y`.
    pub(crate) options: String,
}

/// Finds credentials and region as the AWS CLI does, and asks AWS who that is.
///
/// # Errors
///
/// A refusal that says what to do, when there is no region, or no valid credentials.
pub(crate) async fn connect(global: &Global) -> anyhow::Result<Aws> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .app_name(aws_config::AppName::new("bbb").context("the name of this program")?);
    if std::env::var_os("AWS_MAX_ATTEMPTS").is_none() {
        loader = loader.retry_config(RetryConfig::standard().with_max_attempts(TRIES));
    }
    let profile = profile(global);
    if let Some(profile) = &profile {
        loader = loader.profile_name(profile);
    }
    if let Some(profile) = &global.profile {
        // As with the AWS CLI, who names a profile means it, whatever keys are in the environment.
        let provider = ProfileFileCredentialsProvider::builder().profile_name(profile);
        let provider = provider.configure(&ProviderConfig::with_default_region().await);
        loader = loader.credentials_provider(provider.build());
    }
    if let Some(region) = &global.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &global.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    let Some(region) = config.region().map(ToString::to_string) else {
        return Err(refused("no region: give --region, set AWS_REGION, or write one into the profile (aws configure)"));
    };
    let account = caller(&config, global).await?;
    let given =
        [("--profile", &global.profile), ("--region", &global.region), ("--endpoint-url", &global.endpoint_url)];
    let options = given.iter().filter_map(|(name, value)| Some(format!(" {name} {}", value.as_ref()?))).collect();
    Ok(Aws { config, region, account, options })
}

/// The profile that is asked for, if one is.
fn profile(global: &Global) -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    // The older of the AWS CLI's two variables, which the SDK does not read.
    global.profile.clone().or_else(|| variable("AWS_PROFILE")).or_else(|| variable("AWS_DEFAULT_PROFILE"))
}

/// How to get new credentials.
pub(crate) fn how_to_sign_in(global: &Global) -> String {
    profile(global).map_or_else(
        || "sign in again (aws sso login, aws login), or set new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN".to_owned(),
        |profile| format!("sign in again: aws sso login --profile {profile}"),
    )
}

/// The number of the account that the credentials are of.
async fn caller(config: &SdkConfig, global: &Global) -> anyhow::Result<Option<String>> {
    let error = match aws_sdk_sts::Client::new(config).get_caller_identity().send().await {
        Ok(identity) => return Ok(identity.account().map(str::to_owned)),
        Err(error) => error,
    };
    let again = how_to_sign_in(global);
    let said = words_of(&error);
    match error.code() {
        Some("ExpiredToken" | "ExpiredTokenException" | "RequestExpired") => {
            Err(refused(format!("the credentials have expired: {again}")))
        }
        Some("InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" | "AuthFailure") => {
            Err(refused(format!("AWS does not know the credentials (or no longer): {again}")))
        }
        Some("SignatureDoesNotMatch") => Err(refused(format!(
            "AWS does not accept the signature: the secret access key is not the access key's, or this machine's clock is wrong ({said})"
        ))),
        // Nobody needs a permission for this call, but an organisation's policy can take it away.
        Some("AccessDenied" | "AccessDeniedException") => Ok(None),
        _ if said.to_ascii_lowercase().contains("sso") => Err(refused(format!(
            "nobody is signed in, or not any longer: {again} ({})",
            said.lines().next().unwrap_or_default()
        ))),
        _ if said.to_ascii_lowercase().contains("credential") => {
            Err(refused(format!(
                "no credentials: set up a profile (aws configure sso) and name it with --profile, or {again} ({})",
                // After the first line comes every place that was looked in.
                said.lines().next().unwrap_or_default()
            )))
        }
        _ => Err(error).context("cannot ask AWS whose credentials these are"),
    }
}

impl Aws {
    /// The account and region, for people.
    pub(crate) fn place(&self) -> String {
        match &self.account {
            Some(account) => format!("account {account}, {}", self.region),
            None => self.region.clone(),
        }
    }

    /// Whether something else than AWS itself answers, such as the local AWS.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.config.endpoint_url().is_some()
    }

    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    pub(crate) fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        // At an address of the user's, buckets have no names of their own in DNS.
        let config = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(self.is_elsewhere());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    pub(crate) fn acm(&self) -> aws_sdk_acm::Client {
        aws_sdk_acm::Client::new(&self.config)
    }

    pub(crate) fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.config)
    }

    pub(crate) fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.config)
    }

    pub(crate) fn ecr(&self) -> aws_sdk_ecr::Client {
        aws_sdk_ecr::Client::new(&self.config)
    }

    pub(crate) fn ecs(&self) -> aws_sdk_ecs::Client {
        aws_sdk_ecs::Client::new(&self.config)
    }

    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    pub(crate) fn rds(&self) -> aws_sdk_rds::Client {
        aws_sdk_rds::Client::new(&self.config)
    }

    pub(crate) fn quotas(&self) -> aws_sdk_servicequotas::Client {
        aws_sdk_servicequotas::Client::new(&self.config)
    }

    pub(crate) fn mail(&self) -> aws_sdk_sesv2::Client {
        aws_sdk_sesv2::Client::new(&self.config)
    }

    pub(crate) fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        aws_sdk_cloudwatchlogs::Client::new(&self.config)
    }
}
