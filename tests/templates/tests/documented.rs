//! The parameters of the sample, as its README documents them: their names and values are taken.

use std::path::Path;

use crate::definitions;

/// Each parameter and the values that the sample's README names: the default first, then others that it speaks of.
const DOCUMENTED: [(&str, &[&str]); 41] = [
    ("BBBApplicationVersion", &["focal-270", "jammy-300", "noble-400"]),
    (
        "BBBApplicationInstanceAMIParameter",
        &["/aws/service/canonical/ubuntu/server/20.04/stable/current/amd64/hvm/ebs-gp2/ami-id"],
    ),
    ("BBBECSInstanceType", &["fargate", "t3.medium", "m5.large"]),
    ("BBBApplicationInstanceType", &["t3a.xlarge", "c5.2xlarge"]),
    ("BBBApplicationDataVolumeSize", &["20", "50"]),
    ("BBBApplicationRootVolumeSize", &["20", "50"]),
    ("BBBDBInstanceType", &["db.t3.medium", "serverless", "db.serverless", "db.r8g.large"]),
    ("BBBCACHEDBInstanceType", &["cache.t3.micro", "cache.t4g.micro"]),
    ("BBBVPC", &["10.1.0.0/16", "vpc-0123456789abcdef0"]),
    (
        "BBBApplicationSubnets",
        &["10.1.5.0/24,10.1.6.0/24,10.1.7.0/24", "subnet-0123456789abcdef0,subnet-0123456789abcdef1"],
    ),
    (
        "BBBDatastoreSubnets",
        &["10.1.9.0/24,10.1.10.0/24,10.1.11.0/24", "subnet-0123456789abcdef0,subnet-0123456789abcdef1"],
    ),
    ("BBBNumberOfAZs", &["3", "1", "2"]),
    ("BBBECSMaxInstances", &["10"]),
    ("BBBECSMinInstances", &["1"]),
    ("BBBECSDesiredInstances", &["3"]),
    ("BBBApplicationMaxInstances", &["1"]),
    ("BBBApplicationMinInstances", &["1"]),
    ("BBBApplicationDesiredInstances", &["1"]),
    ("BBBDBEngineVersion", &["16.4"]),
    ("BBBServerlessAuroraMinCapacity", &["2", "0.5"]),
    ("BBBServerlessAuroraMaxCapacity", &["4"]),
    ("BBBEnvironmentName", &["bbbonaws"]),
    (
        "BBBgreenlightImage",
        &["bigbluebutton/greenlight:v3.4.1", "111122223333.dkr.ecr.eu-central-1.amazonaws.com/greenlight:own"],
    ),
    ("BBBScaleliteApiImage", &["blindsidenetwks/scalelite:v1.6-api"]),
    ("BBBScaleliteNginxImage", &["blindsidenetwks/scalelite:v1.6-nginx"]),
    ("BBBScalelitePollerImage", &["blindsidenetwks/scalelite:v1.6-poller"]),
    ("BBBScaleliteImporterImage", &["blindsidenetwks/scalelite:v1.6-recording-importer"]),
    ("BBBCacheAZMode", &["cross-az", "single-az"]),
    ("BBBGreenlightMemory", &["1024"]),
    ("BBBGreenlightCPU", &["512"]),
    ("BBBScaleliteMemory", &["2048"]),
    ("BBBScaleliteCPU", &["1024"]),
    ("BBBSesRegion", &["-", "", "AWS::NoValue", "eu-central-1", "us-gov-west-1"]),
    ("BBBSESValidated", &["false", "true"]),
    ("BBBACMCertArn", &["-", "", "AWS::NoValue", "arn:aws:acm:eu-central-1:111122223333:certificate/0a1b"]),
    ("BBBFrontendType", &["Greenlight", "External"]),
    ("BBBUsePublicApplicationIP", &["ENABLED", "DISABLED"]),
    ("BBBOperatorEMail", &["johndoe@example.com", "john+bbb@example.online"]),
    ("BBBStackBucketStack", &["bbbexample-sources"]),
    ("BBBDomainName", &["bbbexample.example.com"]),
    ("BBBHostedZone", &["1XXX02XXXXBMXXXXXZXXXX", "Z0123456789ABCDEFGHIJ"]),
];

#[test]
fn every_documented_parameter_takes_its_documented_values() {
    let definitions = definitions();
    let parameters = definitions[Path::new("template.yaml")].parameters();
    let mut wrong = Vec::new();
    for (name, values) in DOCUMENTED {
        match parameters.get(name) {
            None => wrong.push(format!("{name} is no parameter")),
            Some(parameter) => {
                let refused = values.iter().filter_map(|value| parameter.refusal(value));
                wrong.extend(refused.map(|why| format!("{name} refuses: {why}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_what_nobody_can_guess_has_no_default() {
    let definitions = definitions();
    let parameters = definitions[Path::new("template.yaml")].parameters();
    let required: Vec<&str> =
        parameters.iter().filter(|(_, parameter)| parameter.default.is_none()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(required, ["BBBDomainName", "BBBHostedZone", "BBBOperatorEMail"]);
}
