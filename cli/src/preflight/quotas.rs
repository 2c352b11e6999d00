//! Whether AWS lets the account have as much as the deployment takes.
//!
//! How much of a quota is used AWS publishes as a metric for most of them, some minutes late; addresses and VPCs are counted.

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use aws_sdk_servicequotas::types::MetricInfo;

use super::finding::Finding;
use super::types::Size;

/// How far back the metric is looked for.
const BACK: Duration = Duration::from_secs(3 * 3600);

/// The metric's period, in seconds.
const PERIOD: i32 = 300;

/// A quota of AWS's. The codes are those that `aws service-quotas list-service-quotas` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    service: &'static str,
    code: &'static str,
    /// What it is of.
    what: &'static str,
}

const STANDARD_PROCESSORS: Quota = Quota {
    service: "ec2",
    code: "L-1216C47A",
    what: "processors of running instances of the families A, C, D, H, I, M, R, T and Z",
};
const FARGATE_PROCESSORS: Quota = Quota { service: "fargate", code: "L-3032A538", what: "processors of Fargate tasks" };
const ADDRESSES: Quota = Quota { service: "ec2", code: "L-0263D0A3", what: "Elastic IP addresses" };
const VPCS: Quota = Quota { service: "vpc", code: "L-F678F1CE", what: "VPCs" };
const LOAD_BALANCERS: Quota =
    Quota { service: "elasticloadbalancing", code: "L-53DA6B97", what: "Application Load Balancers" };

/// Families whose names begin like those of the standard quota, and which have quotas of their own.
const OTHER_FAMILIES: [&str; 6] = ["inf", "trn", "mac", "hpc", "dl", "high"];

/// What of a quota a deployment takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Need {
    pub(super) quota: Quota,
    /// With this it begins.
    begins: f64,
    /// This it takes when it is as large as its parameters let it be.
    most: f64,
}

impl Need {
    /// Whether anything is taken at all.
    pub(super) fn is_some(&self) -> bool {
        self.most > 0.0
    }
}

/// How much of a quota is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Used {
    /// Now.
    Counted(f64),
    /// Some minutes ago.
    Published(f64),
    Unknown,
}

/// What a deployment with these parameters takes; `sizes` of the servers' and the workers' type, as far as they are known.
pub(super) fn needs(value: &dyn Fn(&str) -> String, servers: Option<Size>, workers: Option<Size>) -> Vec<Need> {
    let number = |name: &str| value(name).parse::<f64>().unwrap_or_default();
    let mut needs = Vec::new();
    let mut need = |quota: Quota, begins: f64, most: f64| needs.push(Need { quota, begins, most: most.max(begins) });
    let is_fargate = value("BBBECSInstanceType") == "fargate";
    let of_instances = [
        (
            "BBBApplicationInstanceType",
            servers,
            "BBBApplicationMinInstances",
            "BBBApplicationDesiredInstances",
            "BBBApplicationMaxInstances",
        ),
        ("BBBECSInstanceType", workers, "BBBECSMinInstances", "BBBECSDesiredInstances", "BBBECSMaxInstances"),
    ];
    let (mut begins, mut most) = (0.0, 0.0);
    for (kind, size, least, first, last) in of_instances {
        if let Some(size) = size.filter(|_| is_standard(&value(kind))) {
            // Those that wait run until they are installed.
            let waiting =
                if kind == "BBBApplicationInstanceType" { number("BBBApplicationWarmInstances") } else { 0.0 };
            begins += (number(first).max(number(least)) + waiting) * f64::from(size.processors);
            most += number(last) * f64::from(size.processors);
        }
    }
    need(STANDARD_PROCESSORS, begins, most);
    let has_greenlight = value("BBBFrontendType") == "Greenlight";
    if is_fargate {
        let tasks = |replicas: &str, units: &str| number(replicas) * number(units) / 1024.0;
        // The poller and the importer are one task each, of a quarter of a processor.
        let greenlight = if has_greenlight { 1.0 } else { 0.0 };
        need(
            FARGATE_PROCESSORS,
            greenlight * tasks("BBBGreenlightMinReplicas", "BBBGreenlightCPU")
                + tasks("BBBScaleliteMinReplicas", "BBBScaleliteCPU")
                + 0.5,
            greenlight * tasks("BBBGreenlightMaxReplicas", "BBBGreenlightCPU")
                + tasks("BBBScaleliteMaxReplicas", "BBBScaleliteCPU")
                + 0.5,
        );
    }
    let balancers = if has_greenlight { 2.0 } else { 1.0 };
    need(LOAD_BALANCERS, balancers, balancers);
    if !value("BBBVPC").starts_with("vpc-") {
        need(VPCS, 1.0, 1.0);
        let has_public_tasks = is_fargate && value("BBBUsePublicApplicationIP") == "ENABLED";
        let gateways = match value("BBBNatGateways").as_str() {
            "as-needed" if has_public_tasks => 0.0,
            "none" => 0.0,
            "per-zone" => number("BBBNumberOfAZs"),
            _ => 1.0,
        };
        need(ADDRESSES, gateways, gateways);
    }
    needs
}

/// What of the needs is new, where some of it is there already.
pub(super) fn growth(needs: Vec<Need>, there: &[Need]) -> Vec<Need> {
    let grown = needs.into_iter().map(|need| match there.iter().find(|there| there.quota == need.quota) {
        Some(there) => {
            Need { begins: (need.begins - there.begins).max(0.0), most: (need.most - there.most).max(0.0), ..need }
        }
        None => need,
    });
    grown.filter(Need::is_some).collect()
}

fn is_standard(kind: &str) -> bool {
    let family = kind.split('.').next().unwrap_or_default();
    let is_other = OTHER_FAMILIES.iter().any(|other| family.starts_with(other));
    !is_other && family.starts_with(['a', 'c', 'd', 'h', 'i', 'm', 'r', 't', 'z'])
}

/// What it means that a quota is this large, and this much of it is used.
pub(super) fn judge(need: Need, quota: f64, used: Used) -> Option<Finding> {
    let Need { quota: Quota { service, code, what }, begins, most } = need;
    let (Used::Counted(taken) | Used::Published(taken)) = used else { return judge(need, quota, Used::Published(0.0)) };
    let free = (quota - taken).max(0.0);
    if most <= free {
        return None;
    }
    let taken = if taken > 0.0 { format!(", of which {taken} are used") } else { String::new() };
    let has = format!("the account may have {quota} {what}{taken}");
    let remedy = |wanted: f64| {
        format!(
            "ask for more: aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} --desired-value {}",
            wanted.ceil()
        )
    };
    let is_sure = begins > quota || (begins > free && matches!(used, Used::Counted(_)));
    if is_sure {
        return Some(Finding::refusal(
            format!("{has}, and the deployment begins with {begins}"),
            "AWS does not give more.",
            remedy(quota - free + most),
        ));
    }
    if begins > free {
        return Some(Finding::warning(
            format!("{has}, and the deployment begins with {begins}"),
            "AWS does not give more. The figure is some minutes old.",
            remedy(quota - free + most),
        ));
    }
    Some(Finding::warning(
        format!("{has}, and the deployment may take {most}"),
        "It begins, and cannot become as large as its parameters let it.",
        remedy(quota - free + most),
    ))
}

/// Asks how large a quota is, and how much of it is used.
pub(super) async fn look(
    quotas: &aws_sdk_servicequotas::Client,
    cloudwatch: &aws_sdk_cloudwatch::Client,
    ec2: &aws_sdk_ec2::Client,
    need: Need,
) -> Option<Finding> {
    let Quota { service, code, what } = need.quota;
    let asked = quotas.get_service_quota().service_code(service).quota_code(code).send().await;
    let found = match asked {
        Ok(answer) => answer.quota,
        // Of one that was never changed there may be the default only.
        Err(error) if error.as_service_error().is_some_and(aws_sdk_servicequotas::operation::get_service_quota::GetServiceQuotaError::is_no_such_resource_exception) => {
            match quotas.get_aws_default_service_quota().service_code(service).quota_code(code).send().await {
                Ok(answer) => answer.quota,
                Err(error) => return Some(Finding::unknown(&format!("the quota of {what}"), &error, "servicequotas:GetAWSDefaultServiceQuota")),
            }
        }
        Err(error) => return Some(Finding::unknown(&format!("the quota of {what}"), &error, "servicequotas:GetServiceQuota")),
    };
    let found = found?;
    let quota = found.value()?;
    let used = match need.quota {
        ADDRESSES => match ec2.describe_addresses().send().await {
            Ok(answer) => Used::Counted(count(answer.addresses().len())),
            Err(error) => return Some(Finding::unknown("the number of addresses", &error, "ec2:DescribeAddresses")),
        },
        VPCS => match ec2.describe_vpcs().send().await {
            Ok(answer) => Used::Counted(count(answer.vpcs().len())),
            Err(error) => return Some(Finding::unknown("the number of VPCs", &error, "ec2:DescribeVpcs")),
        },
        _ => match found.usage_metric() {
            Some(metric) => match published(cloudwatch, metric).await {
                Ok(used) => used,
                Err(note) => return Some(judge(need, quota, Used::Unknown).unwrap_or(note)),
            },
            None => Used::Unknown,
        },
    };
    judge(need, quota, used)
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

async fn published(cloudwatch: &aws_sdk_cloudwatch::Client, metric: &MetricInfo) -> Result<Used, Finding> {
    let now = SystemTime::now();
    let statistic = Statistic::from(metric.metric_statistic_recommendation().unwrap_or("Maximum"));
    let dimensions = metric.metric_dimensions().into_iter().flatten();
    let dimensions = dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect();
    let asked = cloudwatch
        .get_metric_statistics()
        .set_namespace(metric.metric_namespace().map(str::to_owned))
        .set_metric_name(metric.metric_name().map(str::to_owned))
        .set_dimensions(Some(dimensions))
        .start_time(DateTime::from(now - BACK))
        .end_time(DateTime::from(now))
        .period(PERIOD)
        .statistics(statistic)
        .send()
        .await;
    let answer = asked.map_err(|error| {
        Finding::unknown("how much of the quotas is used", &error, "cloudwatch:GetMetricStatistics")
    })?;
    let latest = answer.datapoints().iter().max_by_key(|point| point.timestamp().map(DateTime::secs));
    Ok(latest.and_then(|point| point.maximum().or(point.sum())).map_or(Used::Unknown, Used::Published))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::operation::describe_addresses::DescribeAddressesOutput;
    use aws_sdk_ec2::types::Address;
    use aws_sdk_servicequotas::error::ErrorMetadata;
    use aws_sdk_servicequotas::operation::get_aws_default_service_quota::GetAwsDefaultServiceQuotaOutput;
    use aws_sdk_servicequotas::operation::get_service_quota::{GetServiceQuotaError, GetServiceQuotaOutput};
    use aws_sdk_servicequotas::types::ServiceQuota;
    use aws_sdk_servicequotas::types::error::NoSuchResourceException;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

    use super::*;
    use crate::deploy::parameters::value_of;

    const LARGE: Size = Size { processors: 4, memory_mib: 16384 };

    fn needed(given: &[(&str, &str)]) -> Vec<Need> {
        needs(&value_of(given), Some(LARGE), Some(LARGE))
    }

    fn of(needs: &[Need], quota: Quota) -> (f64, f64) {
        needs.iter().find(|need| need.quota == quota).map(|need| (need.begins, need.most)).expect("a need")
    }

    #[test]
    fn what_a_deployment_takes_follows_its_parameters() {
        let plain = needed(&[]);
        assert_eq!(of(&plain, STANDARD_PROCESSORS), (4.0, 4.0));
        assert_eq!(of(&plain, FARGATE_PROCESSORS), (2.0, 5.0));
        assert_eq!(of(&plain, ADDRESSES), (0.0, 0.0));
        assert_eq!(of(&plain, LOAD_BALANCERS), (2.0, 2.0));
        let large = needed(&[
            ("BBBApplicationMaxInstances", "20"),
            ("BBBApplicationDesiredInstances", "2"),
            ("BBBNatGateways", "per-zone"),
            ("BBBFrontendType", "External"),
            ("BBBECSInstanceType", "m5.large"),
        ]);
        assert_eq!(of(&large, STANDARD_PROCESSORS), (2.0 * 4.0 + 3.0 * 4.0, 20.0 * 4.0 + 10.0 * 4.0));
        assert_eq!(of(&large, ADDRESSES), (3.0, 3.0));
        assert_eq!(of(&large, LOAD_BALANCERS), (1.0, 1.0));
        assert!(needed(&[("BBBVPC", "vpc-12345678")]).iter().all(|need| need.quota != VPCS));
    }

    #[test]
    fn of_what_is_there_already_only_the_growth_counts() {
        let there = needed(&[("BBBApplicationMaxInstances", "5")]);
        assert_eq!(growth(there.clone(), &there), []);
        let grown = growth(needed(&[("BBBApplicationMaxInstances", "7")]), &there);
        assert_eq!(of(&grown, STANDARD_PROCESSORS), (0.0, 8.0));
    }

    #[test]
    fn families_with_quotas_of_their_own_are_not_counted() {
        for standard in ["t3a.xlarge", "c5.2xlarge", "m7i.large", "i4i.large"] {
            assert!(is_standard(standard), "{standard}");
        }
        for other in
            ["inf2.xlarge", "trn1.2xlarge", "mac2.metal", "g5.xlarge", "p4d.24xlarge", "x2idn.large", "u-6tb1.metal"]
        {
            assert!(!is_standard(other), "{other}");
        }
    }

    #[test]
    fn what_is_sure_refuses_and_what_may_be_warns() {
        let need = Need { quota: STANDARD_PROCESSORS, begins: 8.0, most: 16.0 };
        let refuses = |quota, used| judge(need, quota, used).map(|finding| finding.refuses());
        assert_eq!(refuses(32.0, Used::Published(16.0)), None);
        assert_eq!(refuses(32.0, Used::Published(20.0)), Some(false), "it cannot grow");
        assert_eq!(refuses(32.0, Used::Published(30.0)), Some(false), "an old figure");
        assert_eq!(refuses(32.0, Used::Counted(30.0)), Some(true));
        assert_eq!(refuses(5.0, Used::Unknown), Some(true));
        let remedy = judge(need, 32.0, Used::Published(30.0)).expect("a finding").remedy;
        assert!(remedy.ends_with("--service-code ec2 --quota-code L-1216C47A --desired-value 46"), "{remedy}");
    }

    async fn asked(rules: &[&Rule], addresses: usize) -> Option<Finding> {
        let quotas = mock_client!(aws_sdk_servicequotas, RuleMode::MatchAny, rules);
        let held = mock!(aws_sdk_ec2::Client::describe_addresses).then_output(move || {
            DescribeAddressesOutput::builder().set_addresses(Some(vec![Address::builder().build(); addresses])).build()
        });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, [&held]);
        let config = aws_sdk_cloudwatch::Config::builder()
            .behavior_version(aws_sdk_cloudwatch::config::BehaviorVersion::latest());
        let cloudwatch = aws_sdk_cloudwatch::Client::from_conf(config.build());
        look(&quotas, &cloudwatch, &ec2, Need { quota: ADDRESSES, begins: 2.0, most: 2.0 }).await
    }

    fn five() -> ServiceQuota {
        ServiceQuota::builder().value(5.0).build()
    }

    #[tokio::test]
    async fn addresses_are_counted_and_a_quota_may_be_the_default() {
        let own = mock!(aws_sdk_servicequotas::Client::get_service_quota)
            .then_output(|| GetServiceQuotaOutput::builder().quota(five()).build());
        assert_eq!(asked(&[&own], 3).await, None);
        assert!(asked(&[&own], 4).await.expect("a finding").refuses());
        let none = mock!(aws_sdk_servicequotas::Client::get_service_quota)
            .then_error(|| GetServiceQuotaError::NoSuchResourceException(NoSuchResourceException::builder().build()));
        let default = mock!(aws_sdk_servicequotas::Client::get_aws_default_service_quota)
            .then_output(|| GetAwsDefaultServiceQuotaOutput::builder().quota(five()).build());
        assert!(asked(&[&none, &default], 4).await.expect("a finding").refuses());
    }

    #[tokio::test]
    async fn who_may_not_ask_gets_a_note() {
        let denied = mock!(aws_sdk_servicequotas::Client::get_service_quota).then_error(|| {
            GetServiceQuotaError::generic(ErrorMetadata::builder().code("AccessDeniedException").build())
        });
        let note = asked(&[&denied], 0).await.expect("a note");
        assert!(!note.refuses() && note.remedy.contains("servicequotas:GetServiceQuota"), "{note:?}");
    }
}
