//! What people may deploy, with what to choose from; and what may be open to the world.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use stack_template::{
    Kind, Open, Policy, check,
    combination::{Alternative, Axis, Deployment, Length},
    definition::Definition,
    evaluate::Region,
};

/// What is looked for beside CloudFormation's own rules.
pub(crate) const POLICY: Policy<'static> = Policy {
    open: &OPEN,
    // The predecessor's resource types that hand out secrets.
    secret_attributes: &[("Custom::SMTPPW", "*")],
    not_given: &NOT_GIVEN,
    exporting: &[("templates/sources-bucket.yaml", "bbb-sources")],
};

/// Ports that are open to the world: the web for everybody, media and TURN on BigBlueButton's servers as it documents them.
/// Port 80 of servers is for Let's Encrypt's challenge, and sends browsers on to 443.
const OPEN: [Open<'static>; 19] = [
    open(GROUPS, "FrontendLoadBalancerGroup", "tcp", 80, 80),
    open(GROUPS, "FrontendLoadBalancerGroup", "tcp", 443, 443),
    open(GROUPS, "ScaleliteLoadBalancerGroup", "tcp", 80, 80),
    open(GROUPS, "ScaleliteLoadBalancerGroup", "tcp", 443, 443),
    open(GROUPS, "ServerGroup", "tcp", 80, 80),
    open(GROUPS, "ServerGroup", "tcp", 443, 443),
    open(GROUPS, "ServerGroup", "tcp", 3478, 3478),
    open(GROUPS, "ServerGroup", "udp", 3478, 3478),
    open(GROUPS, "ServerGroup", "udp", 16384, 32768),
    open(SINGLE, "SecurityGroup", "tcp", 80, 80),
    open(SINGLE, "SecurityGroup", "tcp", 443, 443),
    open(SINGLE, "SecurityGroup", "tcp", 3478, 3478),
    open(SINGLE, "SecurityGroup", "udp", 3478, 3478),
    open(SINGLE, "SecurityGroup", "udp", 16384, 32768),
    open(TURN, "SecurityGroup", "tcp", 80, 80),
    open(TURN, "SecurityGroup", "tcp", 443, 443),
    open(TURN, "SecurityGroup", "tcp", 3478, 3478),
    open(TURN, "SecurityGroup", "udp", 3478, 3478),
    open(TURN, "SecurityGroup", "udp", 32769, 65535),
];

const GROUPS: &str = "templates/security-groups.yaml";
const SINGLE: &str = "templates/single-server.yaml";
const TURN: &str = "templates/turn.yaml";

const fn open(
    template: &'static str,
    group: &'static str,
    protocol: &'static str,
    from: u16,
    to: u16,
) -> Open<'static> {
    Open { template, group, protocol, ports: (from, to) }
}

/// What templates can do by themselves and the whole does not ask of them.
const NOT_GIVEN: [(&str, &str); 16] = [
    // The whole finds its image by a parameter or an id, not by a name.
    ("templates/ami.yaml", "ImageArchitecture"),
    ("templates/ami.yaml", "Name"),
    ("templates/ami.yaml", "Owner"),
    // The defaults are right for everybody who does not run them apart.
    ("templates/cache.yaml", "EngineVersion"),
    ("templates/cache.yaml", "SnapshotRetentionDays"),
    ("templates/email.yaml", "DmarcPolicy"),
    ("templates/email.yaml", "DmarcReportAddress"),
    ("templates/email.yaml", "MailFromSubdomain"),
    ("templates/load-balancer.yaml", "HealthCheckPath"),
    ("templates/server-pool-scaling.yaml", "WarmupSeconds"),
    ("templates/server-pool.yaml", "LongDrainSeconds"),
    ("templates/server-pool.yaml", "ManagementHeaderName"),
    // The whole has one pool, and makes its secrets itself.
    ("templates/server-pool.yaml", "ManagementSecretKey"),
    ("templates/server-pool.yaml", "MetricsNamespace"),
    ("templates/server-pool.yaml", "ServerSecretArn"),
    ("templates/server-pool.yaml", "ServerSecretKey"),
];

/// Parameters without a default, by name, in all templates. Others without a default are given any text.
const GIVEN: [(&str, &str); 15] = [
    ("AccessLogPrefix", "prefix"),
    ("BBBDomainName", "meet.example.org"),
    ("BBBHostedZone", "Z0123456789ABCDEFGHIJ"),
    ("BBBOperatorEMail", "operator@example.org"),
    ("DomainName", "meet.example.org"),
    ("HostName", "turn.example.org"),
    ("HostedZoneId", "Z0123456789ABCDEFGHIJ"),
    ("ImageId", "ami-0123456789abcdef0"),
    ("InstanceBundle", "0000000000000000000000000000000000000000000000000000000000000000"),
    ("OperatorEMail", "operator@example.org"),
    ("ScaleliteSecretArn", SECRET),
    ("ScaleliteUrl", "https://scalelite.meet.example.org/scalelite/api/"),
    ("SubnetIds", "subnet-00000001,subnet-00000002,subnet-00000003"),
    ("TargetPort", "3000"),
    ("VpcId", "vpc-00000001"),
];

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000";
const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:topic";
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:other";
const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:other-AbCdEf";
const POLICY_ARN: &str = "arn:aws:iam::111122223333:policy/other";
const WEB_ACL: &str = "arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/other/00000000";
const CERTIFICATE: &str = "arn:aws:acm:eu-central-1:111122223333:certificate/00000000";
const UBUNTU: &str = "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id";

/// What there is to choose from where a template does not say, by the parameter's name, in all templates. The first is the default.
const FREE: [(&str, &[&str]); 61] = [
    ("AccessLogBucketName", &["", "logs-of-others"]),
    ("AdditionalDomainNames", &["", "a.example.org", "a.example.org,b.example.org"]),
    ("AvailabilityZone", &["", "eu-central-1a"]),
    ("BBBACMCertArn", &["-", CERTIFICATE]),
    ("BBBAdditionalDomainNames", &["", "a.example.org", "a.example.org,b.example.org"]),
    ("BBBApplicationInstanceAMIParameter", &[UBUNTU, "/images/bbb", "ami-0123456789abcdef0"]),
    ("BBBApplicationVersion", &["jammy-300", "jammy-300-3.0.1"]),
    ("BBBApplicationWarmInstances", &["0", "2"]),
    ("BBBBusyFrom", &["", "30 7 * * MON-FRI"]),
    ("BBBCacheSnapshotName", &["-", "final"]),
    ("BBBDBEngineVersion", &["17.7", "16.8"]),
    ("BBBDBInstanceType", &["db.t3.medium", "serverless", "db.serverless"]),
    ("BBBDBSnapshotIdentifier", &["-", "final"]),
    ("BBBECSInstanceType", &["fargate", "m5.large"]),
    ("BBBExistingFileSystem", &["-", "fs-00000001"]),
    ("BBBKeyArn", &["-", KEY]),
    ("BBBLmsSecurityGroup", &["-", "sg-00000001"]),
    ("BBBQuietFrom", &["", "0 18 * * MON-FRI"]),
    ("BBBServerCertificateSecretArn", &["-", SECRET]),
    ("BBBSmtpSecretArn", &["-", SECRET]),
    ("BBBStackBucketStack", &["bbb-sources"]),
    ("BBBTurnHost", &["", "turn.example.org"]),
    ("BBBTurnSecretArn", &["-", SECRET]),
    ("BBBWebAclArn", &["-", WEB_ACL]),
    ("BBBSesRegion", &["-", "eu-central-1", "eu-west-1"]),
    ("BusyFrom", &["", "30 7 * * MON-FRI"]),
    ("CapacityProvider", &["FARGATE", "workers"]),
    ("CertificateSecretArn", &["", SECRET]),
    ("DataSnapshotId", &["", "snap-00000001"]),
    ("EngineVersion", &["17.7", "16.8"]),
    ("EventTopicArn", &["", TOPIC]),
    ("ExecuteCommandPolicyArn", &["", POLICY_ARN]),
    ("ExistingFileSystemId", &["", "fs-00000001"]),
    ("ExpectedCodeName", &["", "jammy"]),
    ("GreenlightService", &["", "greenlight"]),
    ("InstanceClass", &["db.t3.medium", "serverless", "db.serverless"]),
    ("InstanceType", &["fargate", "t3.medium"]),
    ("KeyArn", &["", KEY]),
    ("LastResortFunctionArn", &["", FUNCTION]),
    ("LmsSecurityGroupId", &["", "sg-00000001"]),
    ("LogKeyArn", &["", KEY]),
    ("ManagementSecretArn", &["", SECRET]),
    ("ManagementSecretKey", &["", "key"]),
    ("NotificationTopicArn", &["", TOPIC]),
    ("OperatorTopicArn", &["", TOPIC]),
    ("QuietFrom", &["", "0 18 * * MON-FRI"]),
    ("ScaleliteSecretKey", &["", "basekeyvalue"]),
    ("Schedule", &["", "cron(0 3 * * ? *)"]),
    ("SecretsKeyArn", &["", KEY]),
    ("ServerSecretArn", &["", SECRET]),
    ("ServerSecretKey", &["", "key"]),
    ("SesRegion", &["", "eu-central-1", "eu-west-1"]),
    ("SmtpSecretArn", &["", SECRET]),
    ("SmtpSender", &["", "noreply@example.org"]),
    ("SnapshotIdentifier", &["", "final"]),
    ("SnapshotName", &["", "final"]),
    ("Source", &[UBUNTU, "", "/images/bbb", "ami-0123456789abcdef0"]),
    ("TurnSecretArn", &["", SECRET]),
    ("WarmInstances", &["0", "2"]),
    ("WebAclArn", &["", WEB_ACL]),
    ("WorkerGroupId", &["sg-00000001"]),
];

/// A region of each partition.
fn regions() -> Vec<Region> {
    vec![
        Region::new("eu-central-1", "aws", "amazonaws.com", "abc"),
        Region::new("us-gov-west-1", "aws-us-gov", "amazonaws.com", "abc"),
        Region::new("cn-northwest-1", "aws-cn", "amazonaws.com.cn", "abc"),
    ]
}

/// What the parameters of the network are called in a template.
struct Network {
    vpc: &'static str,
    zones: &'static str,
    names: &'static str,
    application: &'static str,
    private: &'static str,
    datastore: &'static str,
}

impl Network {
    /// A VPC that is made or there already.
    fn axis(&self) -> Axis {
        let alternative = |label: &str, values: &[(&str, &str)]| Alternative {
            label: label.to_owned(),
            values: values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let existing = [
            (self.vpc, "vpc-00000001"),
            (self.application, "subnet-00000011,subnet-00000012,subnet-00000013"),
            (self.datastore, "subnet-00000031,subnet-00000032,subnet-00000033"),
        ];
        let private = (self.private, "subnet-00000021,subnet-00000022,subnet-00000023");
        let own = [
            (self.vpc, "10.2.0.0/16"),
            (self.names, "eu-central-1c,eu-central-1b,eu-central-1a"),
            (self.application, "10.2.1.0/24,10.2.2.0/24,10.2.3.0/24"),
            (self.private, "10.2.11.0/24,10.2.12.0/24,10.2.13.0/24"),
            (self.datastore, "10.2.21.0/24,10.2.22.0/24,10.2.23.0/24"),
        ];
        Axis {
            name: "the VPC".to_owned(),
            alternatives: vec![
                alternative("new", &[]),
                alternative("new with another range", &[(self.vpc, "172.16.0.0/20")]),
                alternative("new with subnets and zones as given", &own),
                alternative("an existing one", &existing),
                alternative("an existing one with private subnets", &[&existing[..], &[private]].concat()),
            ],
        }
    }

    /// There are as many subnets as zones, but two where AWS demands it.
    fn lengths(&self) -> Vec<Length> {
        let length = |list: &str, least| Length { list: list.to_owned(), count: self.zones.to_owned(), least };
        vec![length(self.names, 2), length(self.application, 2), length(self.private, 1), length(self.datastore, 2)]
    }
}

/// All that people may deploy: the whole, and every template by itself.
pub(crate) fn all(definitions: &BTreeMap<PathBuf, Definition>) -> Vec<Deployment> {
    let root = PathBuf::from("template.yaml");
    let others = definitions.keys().filter(|path| **path != root);
    std::iter::once(&root).chain(others).filter_map(|path| Some(deployment(path, definitions.get(path)?))).collect()
}

fn deployment(path: &Path, definition: &Definition) -> Deployment {
    let parameters = definition.parameters();
    let mut given = BTreeMap::new();
    for (name, parameter) in parameters.iter().filter(|(_, parameter)| parameter.default.is_none()) {
        let any = if parameter.kind == Kind::Number { "1" } else { "any" };
        let value = GIVEN.iter().find(|(of, _)| of == name).map_or(any, |(_, value)| value);
        given.insert(name.clone(), value.to_owned());
    }
    let network = match path.to_str() {
        Some("templates/network.yaml") => Some(Network {
            vpc: "Vpc",
            zones: "NumberOfZones",
            names: "AvailabilityZones",
            application: "ApplicationSubnets",
            private: "PrivateSubnets",
            datastore: "DatastoreSubnets",
        }),
        Some("template.yaml") => Some(Network {
            vpc: "BBBVPC",
            zones: "BBBNumberOfAZs",
            names: "BBBAvailabilityZones",
            application: "BBBApplicationSubnets",
            private: "BBBPrivateSubnets",
            datastore: "BBBDatastoreSubnets",
        }),
        _ => None,
    };
    // What is optional in one template may have to be given in another.
    let free = FREE.iter().filter_map(|(name, values)| {
        let parameter = parameters.get(*name).filter(|parameter| parameter.allowed.is_empty())?;
        let values: Vec<&str> = values.iter().filter(|value| parameter.refusal(value).is_none()).copied().collect();
        Some(Axis::of(name, &values))
    });
    let lengths = network.iter().flat_map(Network::lengths).collect();
    let axes = network.iter().map(Network::axis).chain(free).collect();
    // A dash, nothing, and the text AWS::NoValue all leave a parameter unset.
    let dashed = parameters.iter().filter(|(_, parameter)| parameter.default.as_deref() == Some("-"));
    let synonyms = dashed.map(|(name, _)| (name.clone(), vec![String::new(), "AWS::NoValue".to_owned()])).collect();
    Deployment { template: path.to_owned(), given, axes, regions: regions(), lengths, synonyms }
}

#[test]
fn every_value_to_choose_belongs_to_a_parameter() {
    let definitions = crate::definitions();
    let names: BTreeSet<&str> =
        definitions.values().flat_map(|definition| definition.parameters().keys()).map(String::as_str).collect();
    let tables = GIVEN.iter().map(|(name, _)| *name).chain(FREE.iter().map(|(name, _)| *name));
    let stale: Vec<&str> = tables.filter(|name| !names.contains(name)).collect();
    assert!(stale.is_empty(), "no template has the parameters {stale:?}");
}

#[test]
fn every_open_port_is_opened_by_a_template() {
    let definitions = crate::definitions();
    let deployments: Vec<Deployment> = all(&definitions)
        .into_iter()
        .filter(|deployment| OPEN.iter().any(|open| Path::new(open.template) == deployment.template))
        .collect();
    let report = check(&definitions, &deployments, &Policy { open: &[], ..POLICY });
    let opened = report.findings.iter().filter(|finding| finding.fault.message.starts_with("opens ")).count();
    assert_eq!(opened, OPEN.len(), "the list is longer than what is open");
}
