//! Whatever holds data is encrypted, in every combination. Linters know this of some types and of plain properties only.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use stack_template::{
    definition::Definition,
    evaluate::Resource,
    template::Template,
    value::{Data, Value},
};

use crate::{definitions, rendered::each_side};

/// Types that hold no data, or whose data AWS encrypts without being asked.
const NOTHING_TO_ENCRYPT: [&str; 57] = [
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::AutoScaling::ScheduledAction",
    "AWS::CloudFormation::Stack",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::EIP",
    "AWS::EC2::EIPAssociation",
    "AWS::EC2::FlowLog",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::NetworkInterface",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EC2::VolumeAttachment",
    "AWS::ECS::CapacityProvider",
    "AWS::ECS::Cluster",
    "AWS::ECS::ClusterCapacityProviderAssociations",
    "AWS::ECS::Service",
    "AWS::EFS::AccessPoint",
    "AWS::EFS::MountTarget",
    "AWS::ElastiCache::ParameterGroup",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::Events::Rule",
    "AWS::KMS::Key",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::RDS::DBClusterParameterGroup",
    // Its data is the cluster's.
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBSubnetGroup",
    "AWS::RDS::EventSubscription",
    "AWS::Route53::RecordSet",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    // The id of an image, and which ones there were.
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::Secret",
    "AWS::WAFv2::WebACLAssociation",
];

/// What cannot be encrypted; the template says why.
const CANNOT_BE: [(&str, &str); 1] = [("templates/operator-notifications.yaml", "CacheTopic")];

/// Whether a resource's data is encrypted, and on its way to it; `None` for a type that nobody has thought of.
fn is_encrypted(resource: &Resource<'_>) -> Option<bool> {
    let has = |name| resource.property(name).is_some_and(|value| value.data != Data::Absent);
    let is = |name, wanted| resource.property(name).and_then(Value::literal) == Some(wanted);
    Some(match resource.type_name() {
        "AWS::EC2::Volume" | "AWS::EFS::FileSystem" => is("Encrypted", "true"),
        "AWS::RDS::DBCluster" => is("StorageEncrypted", "true"),
        "AWS::ElastiCache::ReplicationGroup" => {
            is("AtRestEncryptionEnabled", "true")
                && is("TransitEncryptionEnabled", "true")
                && is("TransitEncryptionMode", "required")
        }
        "AWS::S3::Bucket" => has("BucketEncryption"),
        "AWS::SNS::Topic" => has("KmsMasterKeyId"),
        "AWS::SQS::Queue" => has("KmsMasterKeyId") || is("SqsManagedSseEnabled", "true"),
        "AWS::ECR::Repository" => has("EncryptionConfiguration"),
        "AWS::EC2::Instance" | "AWS::ImageBuilder::ImageRecipe" => {
            has_encrypted_disks(resource.property("BlockDeviceMappings"))
        }
        "AWS::EC2::LaunchTemplate" => has_encrypted_disks(
            resource.property("LaunchTemplateData").and_then(|data| data.get("BlockDeviceMappings")),
        ),
        // Volumes of file systems, on the way there; those of a host hold nothing.
        "AWS::ECS::TaskDefinition" => resource.property("Volumes").into_iter().flat_map(Value::items).all(|volume| {
            let files = volume.get("EFSVolumeConfiguration");
            files.is_none_or(|files| files.get("TransitEncryption").and_then(Value::literal) == Some("ENABLED"))
        }),
        name if name.starts_with("AWS::IAM::")
            || name.starts_with("AWS::ImageBuilder::")
            || name.starts_with("Custom::") =>
        {
            true
        }
        name if NOTHING_TO_ENCRYPT.contains(&name) => true,
        _ => return None,
    })
}

/// Whether disks are named, the first included, and each is encrypted.
fn has_encrypted_disks(mappings: Option<&Value>) -> bool {
    mappings.is_some_and(|mappings| {
        mappings
            .items()
            .all(|disk| disk.get("Ebs").and_then(|disk| disk.get("Encrypted")).and_then(Value::literal) == Some("true"))
    })
}

/// What is not encrypted, or of a type that nobody has thought of.
fn open(definitions: &BTreeMap<PathBuf, Definition>) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    each_side(definitions, |template, stack| {
        for (logical_id, resource) in &stack.resources {
            if CANNOT_BE.iter().any(|(of, name)| Path::new(of) == template && name == logical_id) {
                continue;
            }
            let place = format!("{}: {logical_id}", template.display());
            match is_encrypted(resource) {
                Some(true) => {}
                Some(false) => drop(open.insert(format!("{place} is not encrypted"))),
                None => drop(open.insert(format!("{place}: does a {} hold data?", resource.type_name()))),
            }
        }
    });
    open
}

#[test]
fn whatever_holds_data_is_encrypted() {
    let open = open(&definitions());
    assert!(open.is_empty(), "{}", open.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_type_with_nothing_to_encrypt_is_used() {
    let definitions = definitions();
    let resources = definitions.values().filter_map(|definition| definition.template().body["Resources"].as_object());
    let types: BTreeSet<&str> =
        resources.flat_map(|resources| resources.values().filter_map(|resource| resource["Type"].as_str())).collect();
    let unused: Vec<_> = NOTHING_TO_ENCRYPT.iter().filter(|name| !types.contains(*name)).collect();
    assert!(unused.is_empty(), "no template has {unused:?}");
}

#[test]
fn what_is_not_encrypted_is_found() {
    let cases = [
        ("templates/storage.yaml", "/Resources/FileSystem/Properties/Encrypted"),
        ("templates/cache.yaml", "/Resources/Cache/Properties/TransitEncryptionMode"),
        (
            "templates/application.yaml",
            "/Resources/Template/Properties/LaunchTemplateData/BlockDeviceMappings/1/Ebs/Encrypted",
        ),
        ("templates/cluster.yaml", "/Resources/WorkerTemplate/Properties/LaunchTemplateData/BlockDeviceMappings"),
        (
            "templates/scalelite.yaml",
            "/Resources/ImporterTask/Properties/Volumes/1/EFSVolumeConfiguration/TransitEncryption",
        ),
    ];
    for (template, pointer) in cases {
        let all = definitions();
        let mut body = all[Path::new(template)].template().body.clone();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let removed = body.pointer_mut(parent).and_then(|parent| parent.as_object_mut()?.remove(key));
        assert!(removed.is_some(), "{template}: {pointer}");
        let changed = Definition::new(Template::parse(Path::new(template), &body.to_string()).expect("a template"));
        let open = open(&BTreeMap::from([(PathBuf::from(template), changed)]));
        assert_eq!(open.len(), 1, "{template}: {pointer}: {open:?}");
    }
}
