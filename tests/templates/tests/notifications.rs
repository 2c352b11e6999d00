//! The operator's topic, and the key that it is encrypted with, admit the services that publish to it, and no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use stack_template::{
    evaluate::{Resource, Stack, World},
    value::{Data, Value},
};

use crate::{definitions, deployments};

/// Who publishes for a resource of a type, to the topic that a property of it names.
const PUBLISHERS: [(&str, &str, &str); 7] = [
    ("AWS::AutoScaling::AutoScalingGroup", "NotificationConfigurations", "autoscaling.amazonaws.com"),
    ("AWS::CloudWatch::Alarm", "AlarmActions", "cloudwatch.amazonaws.com"),
    ("AWS::CloudWatch::Alarm", "OKActions", "cloudwatch.amazonaws.com"),
    ("AWS::Events::Rule", "Targets", "events.amazonaws.com"),
    ("AWS::RDS::EventSubscription", "SnsTopicArn", "events.rds.amazonaws.com"),
    ("Custom::EmailDomain", "NotificationTopicArn", "ses.amazonaws.com"),
    ("AWS::Budgets::Budget", "NotificationsWithSubscribers", "budgets.amazonaws.com"),
];

/// Where the topic is: the stack, and the logical ids of it, of its policy and of its key.
const STACK: &str = "OperatorNotifications";
const TOPIC: &str = "Topic";
const TOPIC_POLICY: &str = "TopicPolicy";
const KEY: &str = "Key";

/// Whether the topic is named somewhere in `value`.
fn names_the_topic(value: &Value) -> bool {
    let mut found = false;
    value.walk(&mut |_, value| {
        found |= value.text().and_then(|text| text.resource()) == Some((STACK, TOPIC));
    });
    found
}

/// The services that a policy admits.
fn admitted(resource: &Resource<'_>, policy: &str) -> BTreeSet<String> {
    let statements = resource.property(policy).and_then(|policy| policy.get("Statement"));
    let principals = statements
        .into_iter()
        .flat_map(Value::items)
        .filter_map(|statement| statement.get("Principal")?.get("Service"));
    principals.flat_map(Value::items).filter_map(Value::literal).map(str::to_owned).collect()
}

/// The services that publish to the topic, each with a resource for which it does.
fn publishers(root: &Stack<'_>) -> BTreeMap<String, String> {
    let mut publishers = BTreeMap::new();
    for stack in root.all() {
        for (logical_id, resource) in &stack.resources {
            let Some(Value { data: Data::Map(properties), .. }) = resource.attributes.get("Properties") else {
                continue;
            };
            for (property, _) in properties.iter().filter(|(_, value)| names_the_topic(value)) {
                let publisher = PUBLISHERS.iter().find(|(of, name, _)| of == &resource.type_name() && name == property);
                let owner = format!("{}/{logical_id}", stack.path);
                // Nested stacks hand it on; it itself, its policy and its subscription do not publish.
                let is_its_own = stack.path == STACK || resource.type_name() == "AWS::CloudFormation::Stack";
                match publisher {
                    Some((_, _, service)) => {
                        publishers.insert((*service).to_owned(), owner);
                    }
                    None if is_its_own => {}
                    None => panic!("{owner} names the topic in {property}; who publishes there?"),
                }
            }
        }
    }
    publishers
}

#[test]
fn the_topic_admits_exactly_the_services_that_publish() {
    let definitions = definitions();
    let deployment = deployments::all(&definitions).remove(0);
    let (region, exports) = (&deployment.regions[0], BTreeSet::from(["bbb-sources-BBBStackBucket".to_owned()]));
    let world = World::new(&definitions, region, &exports, &[]);
    let root = world.evaluate(Path::new("template.yaml"), &deployment.given).expect("the root");
    assert_eq!(root.refusals, []);

    let publishers = publishers(&root);
    let services: BTreeSet<String> = publishers.keys().cloned().collect();
    let find = |logical_id| root.find(STACK, logical_id).expect("a resource");
    assert_eq!(
        admitted(find(TOPIC_POLICY), "PolicyDocument"),
        services,
        "the topic's policy; who publishes: {publishers:?}"
    );
    assert_eq!(admitted(find(KEY), "KeyPolicy"), services, "the key's policy; who publishes: {publishers:?}");
}
