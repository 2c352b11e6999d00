//! Whether AWS has the chosen kinds of machines where they are to stand.
//!
//! Of the cache's nodes nobody can ask that: `ElastiCache` has no call for it.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, InstanceType, LocationType};

use super::finding::Finding;

/// The processors that BigBlueButton wants of a server (its installation refuses fewer).
const PROCESSORS: u32 = 4;

/// The memory that BigBlueButton wants of a server, in MiB.
const MEMORY: u64 = 8 * 1024;

/// Where a deployment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The zones of servers, workers and tasks.
    pub(super) computing: Vec<String>,
    /// Those that the database may stand in: two at least.
    pub(super) data: Vec<String>,
}

/// A kind of machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) processors: u32,
    pub(super) memory_mib: u64,
}

/// The zones of a deployment, in the order in which the templates take them; or why they are not known.
pub(super) async fn place(ec2: &aws_sdk_ec2::Client, value: &dyn Fn(&str) -> String) -> Result<Place, Finding> {
    let number = value("BBBNumberOfAZs").parse().unwrap_or(1_usize);
    let chosen = value("BBBAvailabilityZones");
    let zones = if value("BBBVPC").starts_with("vpc-") {
        let subnets: Vec<String> = list(&value("BBBApplicationSubnets"));
        let described = ec2.describe_subnets().set_subnet_ids(Some(subnets.clone())).send().await;
        let described =
            described.map_err(|error| Finding::unknown("the zones of the subnets", &error, "ec2:DescribeSubnets"))?;
        let zone =
            |id: &String| described.subnets().iter().find(|subnet| subnet.subnet_id() == Some(id))?.availability_zone();
        subnets.iter().filter_map(zone).map(str::to_owned).collect()
    } else if chosen.is_empty() {
        let filter = Filter::builder().name("zone-type").values("availability-zone").build();
        let described = ec2.describe_availability_zones().filters(filter).send().await;
        let described = described
            .map_err(|error| Finding::unknown("the region's zones", &error, "ec2:DescribeAvailabilityZones"))?;
        let names: BTreeSet<String> =
            described.availability_zones().iter().filter_map(|zone| zone.zone_name().map(str::to_owned)).collect();
        names.into_iter().collect()
    } else {
        list(&chosen)
    };
    among(&zones, number)
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn among(zones: &[String], number: usize) -> Result<Place, Finding> {
    let needed = number.max(2);
    if zones.len() < needed {
        return Err(Finding::refusal(
            format!("{needed} zones are needed, and there are {}: {}", zones.len(), zones.join(", ")),
            "Load balancers and the database always have two, and with BBBNumberOfAZs there may be more.",
            "set BBBNumberOfAZs to what the region has, or choose another region",
        ));
    }
    Ok(Place { computing: zones[..number.min(zones.len())].to_vec(), data: zones[..needed].to_vec() })
}

/// The zones that have an instance type.
pub(super) async fn zones_with(ec2: &aws_sdk_ec2::Client, kind: &str) -> Result<Vec<String>, Finding> {
    let filter = Filter::builder().name("instance-type").values(kind).build();
    let asked = ec2
        .describe_instance_type_offerings()
        .location_type(LocationType::AvailabilityZone)
        .filters(filter)
        .send()
        .await;
    let offered = asked.map_err(|error| {
        Finding::unknown(&format!("whether the zones have {kind}"), &error, "ec2:DescribeInstanceTypeOfferings")
    })?;
    Ok(offered.instance_type_offerings().iter().filter_map(|offering| offering.location().map(str::to_owned)).collect())
}

/// How large an instance type is; `None` if AWS does not know it.
pub(super) async fn size(ec2: &aws_sdk_ec2::Client, kind: &str) -> Result<Option<Size>, Finding> {
    let asked = ec2.describe_instance_types().instance_types(InstanceType::from(kind)).send().await;
    let described = match asked {
        Err(error)
            if aws_sdk_cloudformation::error::ProvideErrorMetadata::code(&error) == Some("InvalidInstanceType") =>
        {
            return Ok(None);
        }
        other => other
            .map_err(|error| Finding::unknown(&format!("how large {kind} is"), &error, "ec2:DescribeInstanceTypes"))?,
    };
    Ok(described.instance_types().first().and_then(|kind| {
        let processors = u32::try_from(kind.v_cpu_info()?.default_v_cpus()?).ok()?;
        let memory_mib = u64::try_from(kind.memory_info()?.size_in_mib()?).ok()?;
        Some(Size { processors, memory_mib })
    }))
}

/// What it means which of the zones have a type.
pub(super) fn offered(parameter: &str, kind: &str, zones: &[String], offered: &[String]) -> Option<Finding> {
    let without: Vec<&str> = zones.iter().filter(|zone| !offered.contains(zone)).map(String::as_str).collect();
    if without.is_empty() {
        return None;
    }
    let what = format!("{kind} is not to be had in {}", without.join(", "));
    let elsewhere = if offered.is_empty() {
        "no zone of this region has it".to_owned()
    } else {
        format!("these have it: {}", offered.join(", "))
    };
    Some(if without.len() == zones.len() {
        Finding::refusal(what, "None could be started.", format!("choose another type with {parameter}; {elsewhere}"))
    } else {
        Finding::warning(
            what,
            "They are started in the other zones only, after attempts that fail, so that fewer zones bear the loss of one.",
            format!("choose zones with BBBAvailabilityZones, or another type with {parameter}; {elsewhere}"),
        )
    })
}

/// Whether a type is large enough for BigBlueButton.
pub(super) fn sufficient(kind: &str, size: Option<Size>) -> Option<Finding> {
    let Some(size) = size else {
        return Some(Finding::refusal(
            format!("AWS does not know the instance type {kind} in this region"),
            "No server could be started.",
            "choose another type with BBBApplicationInstanceType",
        ));
    };
    (size.processors < PROCESSORS || size.memory_mib < MEMORY).then(|| {
        Finding::warning(
            format!("{kind} has {} processors and {} MiB", size.processors, size.memory_mib),
            "BigBlueButton wants 4 processors and 8 GiB at least; with less its installation stops, or meetings stutter.",
            "choose a larger type with BBBApplicationInstanceType",
        )
    })
}

/// Looks at the database's class in the zones of its subnets.
pub(super) async fn database(
    rds: &aws_sdk_rds::Client,
    value: &dyn Fn(&str) -> String,
    zones: &[String],
) -> Option<Finding> {
    let class = match value("BBBDBInstanceType").as_str() {
        "serverless" => "db.serverless".to_owned(),
        other => other.to_owned(),
    };
    let version = value("BBBDBEngineVersion");
    let mut pages = rds
        .describe_orderable_db_instance_options()
        .engine("aurora-postgresql")
        .engine_version(&version)
        .db_instance_class(&class)
        .into_paginator()
        .items()
        .send();
    let mut offered = BTreeSet::new();
    while let Some(option) = pages.next().await {
        match option {
            Ok(option) => {
                offered.extend(option.availability_zones().iter().filter_map(|zone| zone.name().map(str::to_owned)));
            }
            Err(error) => {
                return Some(Finding::unknown(
                    &format!("whether the zones have {class}"),
                    &error,
                    "rds:DescribeOrderableDBInstanceOptions",
                ));
            }
        }
    }
    if zones.iter().any(|zone| offered.contains(zone)) {
        // It needs one zone only, or takes what is there.
        return None;
    }
    let elsewhere: Vec<String> = offered.into_iter().collect();
    Some(Finding::refusal(
        format!("Aurora PostgreSQL {version} does not come on {class} in {}", zones.join(", ")),
        "The database could not be made.",
        if elsewhere.is_empty() {
            "choose another class with BBBDBInstanceType, or another version with BBBDBEngineVersion".to_owned()
        } else {
            format!(
                "choose other zones ({}), another class with BBBDBInstanceType, or another version",
                elsewhere.join(", ")
            )
        },
    ))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::error::ErrorMetadata;
    use aws_sdk_ec2::operation::describe_availability_zones::DescribeAvailabilityZonesOutput;
    use aws_sdk_ec2::operation::describe_instance_type_offerings::{
        DescribeInstanceTypeOfferingsError, DescribeInstanceTypeOfferingsOutput,
    };
    use aws_sdk_ec2::operation::describe_instance_types::{DescribeInstanceTypesError, DescribeInstanceTypesOutput};
    use aws_sdk_ec2::operation::describe_subnets::DescribeSubnetsOutput;
    use aws_sdk_ec2::types::{AvailabilityZone, InstanceTypeInfo, InstanceTypeOffering, MemoryInfo, Subnet, VCpuInfo};
    use aws_sdk_rds::operation::describe_orderable_db_instance_options::DescribeOrderableDbInstanceOptionsOutput;
    use aws_sdk_rds::types::OrderableDbInstanceOption;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;

    fn zones(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn values<'a>(given: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> String + 'a {
        |name| given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()).unwrap_or_default()
    }

    #[tokio::test]
    async fn the_zones_are_the_regions_first_ones_or_those_of_the_subnets() {
        let region = mock!(aws_sdk_ec2::Client::describe_availability_zones).then_output(|| {
            let zone = |name: &str| AvailabilityZone::builder().zone_name(name).build();
            DescribeAvailabilityZonesOutput::builder()
                .availability_zones(zone("c"))
                .availability_zones(zone("a"))
                .availability_zones(zone("b"))
                .build()
        });
        let subnets = mock!(aws_sdk_ec2::Client::describe_subnets).then_output(|| {
            let subnet = |id: &str, zone: &str| Subnet::builder().subnet_id(id).availability_zone(zone).build();
            DescribeSubnetsOutput::builder().subnets(subnet("subnet-2", "y")).subnets(subnet("subnet-1", "x")).build()
        });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, [&region, &subnets]);
        let new = [("BBBVPC", "10.0.0.0/16"), ("BBBNumberOfAZs", "1")];
        let found = place(&ec2, &values(&new)).await;
        assert_eq!(found, Ok(Place { computing: zones(&["a"]), data: zones(&["a", "b"]) }));
        let existing = [("BBBVPC", "vpc-1"), ("BBBNumberOfAZs", "2"), ("BBBApplicationSubnets", "subnet-1,subnet-2")];
        assert_eq!(place(&ec2, &values(&existing)).await.expect("zones").computing, zones(&["x", "y"]));
        let chosen = [("BBBVPC", "10.0.0.0/16"), ("BBBNumberOfAZs", "2"), ("BBBAvailabilityZones", "z,y")];
        assert_eq!(place(&ec2, &values(&chosen)).await.expect("zones").computing, zones(&["z", "y"]));
        assert!(among(&zones(&["a", "b"]), 3).expect_err("too few").refuses());
    }

    #[tokio::test]
    async fn a_type_that_no_zone_has_refuses_and_one_that_some_have_warns() {
        let some = mock!(aws_sdk_ec2::Client::describe_instance_type_offerings).then_output(|| {
            let offering = InstanceTypeOffering::builder().location("a").build();
            DescribeInstanceTypeOfferingsOutput::builder().instance_type_offerings(offering).build()
        });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, [&some]);
        let has = zones_with(&ec2, "c5.large").await.expect("zones");
        assert_eq!(has, zones(&["a"]));
        assert_eq!(offered("P", "c5.large", &zones(&["a"]), &has), None);
        assert!(!offered("P", "c5.large", &zones(&["a", "b"]), &has).expect("a finding").refuses());
        assert!(offered("P", "c5.large", &zones(&["b", "c"]), &has).expect("a finding").refuses());
        assert!(
            offered("P", "c5.large", &zones(&["b"]), &[]).expect("a finding").remedy.contains("no zone of this region")
        );
    }

    #[tokio::test]
    async fn who_may_not_ask_gets_a_note_with_the_permission() {
        let denied = mock!(aws_sdk_ec2::Client::describe_instance_type_offerings).then_error(|| {
            DescribeInstanceTypeOfferingsError::generic(
                ErrorMetadata::builder().code("UnauthorizedOperation").message("no").build(),
            )
        });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, [&denied]);
        let note = zones_with(&ec2, "c5.large").await.expect_err("a note");
        assert!(
            !note.refuses() && note.remedy.contains("let whoever deploys do ec2:DescribeInstanceTypeOfferings"),
            "{note:?}"
        );
    }

    #[tokio::test]
    async fn a_server_has_what_bigbluebutton_wants() {
        let described = mock!(aws_sdk_ec2::Client::describe_instance_types).then_output(|| {
            let kind = InstanceTypeInfo::builder()
                .v_cpu_info(VCpuInfo::builder().default_v_cpus(2).build())
                .memory_info(MemoryInfo::builder().size_in_mib(16384).build());
            DescribeInstanceTypesOutput::builder().instance_types(kind.build()).build()
        });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, [&described]);
        let small = size(&ec2, "r5.large").await.expect("a size");
        assert!(!sufficient("r5.large", small).expect("a finding").refuses());
        assert_eq!(sufficient("t3a.xlarge", Some(Size { processors: 4, memory_mib: 16384 })), None);
        let unknown = mock!(aws_sdk_ec2::Client::describe_instance_types).then_error(|| {
            DescribeInstanceTypesError::generic(ErrorMetadata::builder().code("InvalidInstanceType").build())
        });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, [&unknown]);
        let unknown = size(&ec2, "z9.large").await.expect("an answer");
        assert!(sufficient("z9.large", unknown).expect("a finding").refuses());
    }

    #[tokio::test]
    async fn the_databases_class_is_to_be_had_in_one_of_its_zones() {
        let orderable = mock!(aws_sdk_rds::Client::describe_orderable_db_instance_options)
            .match_requests(|request| request.db_instance_class() == Some("db.t3.medium"))
            .then_output(|| {
                let zone = aws_sdk_rds::types::AvailabilityZone::builder().name("a").build();
                let option = OrderableDbInstanceOption::builder().availability_zones(zone).build();
                DescribeOrderableDbInstanceOptionsOutput::builder().orderable_db_instance_options(option).build()
            });
        let none = mock!(aws_sdk_rds::Client::describe_orderable_db_instance_options)
            .then_output(|| DescribeOrderableDbInstanceOptionsOutput::builder().build());
        let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, [&orderable, &none]);
        let given = [("BBBDBInstanceType", "db.t3.medium"), ("BBBDBEngineVersion", "17.7")];
        assert_eq!(database(&rds, &values(&given), &zones(&["a", "b"])).await, None);
        assert!(database(&rds, &values(&given), &zones(&["b"])).await.expect("a finding").refuses());
        let serverless = [("BBBDBInstanceType", "serverless"), ("BBBDBEngineVersion", "17.7")];
        let found = database(&rds, &values(&serverless), &zones(&["a"])).await.expect("a finding");
        assert!(found.refuses() && found.what.contains("db.serverless"), "{found:?}");
    }
}
