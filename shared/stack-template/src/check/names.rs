//! Names that a second deployment in the same account and region would have too.

use crate::{
    evaluate::{Resource, Stack},
    fault::{Fault, Rule},
    value::{Origin, Text},
};

/// The property that names a resource of a type, where the name must be unique in an account, a region or the world.
const NAMES: [(&str, &str); 58] = [
    ("AWS::ApplicationAutoScaling::ScalableTarget", "ScheduledActionName"),
    ("AWS::AutoScaling::AutoScalingGroup", "AutoScalingGroupName"),
    ("AWS::AutoScaling::LaunchConfiguration", "LaunchConfigurationName"),
    ("AWS::Backup::BackupVault", "BackupVaultName"),
    ("AWS::CloudFront::Function", "Name"),
    ("AWS::CloudWatch::Alarm", "AlarmName"),
    ("AWS::CloudWatch::CompositeAlarm", "AlarmName"),
    ("AWS::CloudWatch::Dashboard", "DashboardName"),
    ("AWS::CodeBuild::Project", "Name"),
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::EC2::KeyPair", "KeyName"),
    ("AWS::EC2::LaunchTemplate", "LaunchTemplateName"),
    ("AWS::EC2::PrefixList", "PrefixListName"),
    ("AWS::EC2::SecurityGroup", "GroupName"),
    ("AWS::ECR::Repository", "RepositoryName"),
    ("AWS::ECS::CapacityProvider", "Name"),
    ("AWS::ECS::Cluster", "ClusterName"),
    ("AWS::ECS::TaskDefinition", "Family"),
    ("AWS::ElastiCache::CacheCluster", "ClusterName"),
    ("AWS::ElastiCache::ReplicationGroup", "ReplicationGroupId"),
    ("AWS::ElastiCache::ServerlessCache", "ServerlessCacheName"),
    ("AWS::ElastiCache::SubnetGroup", "CacheSubnetGroupName"),
    ("AWS::ElastiCache::User", "UserId"),
    ("AWS::ElastiCache::UserGroup", "UserGroupId"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Name"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "Name"),
    ("AWS::Events::EventBus", "Name"),
    ("AWS::Events::Rule", "Name"),
    ("AWS::IAM::Group", "GroupName"),
    ("AWS::IAM::InstanceProfile", "InstanceProfileName"),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::IAM::User", "UserName"),
    ("AWS::KMS::Alias", "AliasName"),
    ("AWS::Kinesis::Stream", "Name"),
    ("AWS::KinesisFirehose::DeliveryStream", "DeliveryStreamName"),
    ("AWS::Lambda::Function", "FunctionName"),
    ("AWS::Lambda::LayerVersion", "LayerName"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::Logs::QueryDefinition", "Name"),
    ("AWS::RDS::DBCluster", "DBClusterIdentifier"),
    ("AWS::RDS::DBClusterParameterGroup", "DBClusterParameterGroupName"),
    ("AWS::RDS::DBInstance", "DBInstanceIdentifier"),
    ("AWS::RDS::DBParameterGroup", "DBParameterGroupName"),
    ("AWS::RDS::DBProxy", "DBProxyName"),
    ("AWS::RDS::DBSubnetGroup", "DBSubnetGroupName"),
    ("AWS::RDS::EventSubscription", "SubscriptionName"),
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::SES::ConfigurationSet", "Name"),
    ("AWS::SNS::Topic", "TopicName"),
    ("AWS::SQS::Queue", "QueueName"),
    ("AWS::SSM::Document", "Name"),
    ("AWS::SSM::Parameter", "Name"),
    ("AWS::Scheduler::Schedule", "Name"),
    ("AWS::SecretsManager::Secret", "Name"),
    ("AWS::StepFunctions::StateMachine", "StateMachineName"),
    ("AWS::WAFv2::IPSet", "Name"),
    ("AWS::WAFv2::WebACL", "Name"),
];

pub(super) fn check(stack: &Stack<'_>) -> Vec<Fault> {
    let named = stack.resources.values().filter_map(|resource| Some((name(resource)?, "a name")));
    let exported = stack.outputs.values().filter_map(|output| Some((output.export.as_ref()?, "an export")));
    named
        .chain(exported)
        .filter(|(value, _)| !value.text().is_some_and(is_of_the_stack))
        .map(|(value, what)| {
            let text = value.text().map(ToString::to_string).unwrap_or_default();
            let message = format!("gives {what}, \"{text}\", that a second deployment would give too");
            stack.definition.fault(value.at, Rule::FixedName, message)
        })
        .collect()
}

/// What names the resource, if the template does.
fn name<'a>(resource: &'a Resource<'_>) -> Option<&'a crate::value::Value> {
    let (_, property) = NAMES.iter().find(|(type_name, _)| *type_name == resource.type_name())?;
    resource.property(property)
}

/// Whether a text holds something that no other stack has: the stack's own name or id, or what belongs to a resource.
fn is_of_the_stack(text: &Text) -> bool {
    text.runtimes().any(|runtime| match &runtime.origin {
        Origin::Pseudo(name) => name == "AWS::StackName" || name == "AWS::StackId",
        Origin::Resource { .. } | Origin::Broken => true,
        Origin::Parameter(_) | Origin::Import(_) => false,
        // Part of a stack's id is as good as the id.
        Origin::Derived(description) => description.contains("AWS::StackId"),
    })
}
