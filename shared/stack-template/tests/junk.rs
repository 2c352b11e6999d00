//! Nothing makes the check panic.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use stack_template::{Policy, check, definition::Definition, template::Template};

use crate::deployment;

/// Words that templates are made of, and others.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "A",
            "B",
            "Nested",
            "AWS::Region",
            "AWS::NoValue",
            "AWS::StackName",
            "Type",
            "String",
            "Number",
            "CommaDelimitedList",
            "AWS::CloudFormation::Stack",
            "AWS::EC2::SecurityGroup",
            "AWS::EC2::Subnet",
            "AWS::IAM::Role",
            "AWS::KMS::Key",
            "Custom::X",
            "Properties",
            "Parameters",
            "Condition",
            "DependsOn",
            "TemplateURL",
            "root.yaml",
            "Default",
            "AllowedValues",
            "AllowedPattern",
            "(",
            "[a-",
            "NoEcho",
            "true",
            "Statement",
            "Effect",
            "Allow",
            "Action",
            "Resource",
            "*",
            "10.0.0.0/8",
            "::/0",
            "${A}",
            "${A.B}",
            "${!A}",
            "${",
            "A.Outputs.B",
            "0",
            "-1",
            "99999999999999999999",
            "256",
            "Environment",
            "SECRET",
            "SecurityGroupIngress",
            "CidrIp",
            "CidrBlock",
            "Metadata",
            "Value",
            "Export",
            "Name",
            "https://a:b@c/",
            "{{resolve:secretsmanager:",
            "Assertions",
            "Assert",
            "AssertDescription",
            "RuleCondition",
            "AWS::CloudFormation::Interface",
            "ParameterGroups",
            "",
            "ä",
            "a,b",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn function() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "Ref",
        "Fn::GetAtt",
        "Fn::Sub",
        "Fn::Join",
        "Fn::Split",
        "Fn::Select",
        "Fn::If",
        "Fn::FindInMap",
        "Fn::GetAZs",
        "Fn::Base64",
        "Fn::Cidr",
        "Fn::ImportValue",
        "Fn::And",
        "Fn::Or",
        "Fn::Not",
        "Fn::Equals",
        "Condition",
        "Fn::Contains",
        "Fn::EachMemberIn",
        "Fn::Transform",
        "Fn::X",
    ])
    .prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        word().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
        Just(Json::Null)
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            2 => (function(), prop::collection::vec(inner.clone(), 0..4)).prop_map(|(name, items)| json!({ name: items })),
            1 => (function(), inner.clone()).prop_map(|(name, argument)| json!({ name: argument })),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            2 => prop::collection::btree_map(word(), inner, 0..5).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn section() -> impl Strategy<Value = Json> {
    prop::collection::btree_map(word(), value(), 0..4).prop_map(|map| Json::Object(map.into_iter().collect()))
}

/// A template with all sections, each of anything.
fn template() -> impl Strategy<Value = Json> {
    (section(), section(), section(), section(), section(), section(), value()).prop_map(
        |(parameters, mappings, rules, conditions, resources, outputs, metadata)| {
            json!({
                "Parameters": parameters, "Mappings": mappings, "Rules": rules, "Conditions": conditions, "Resources": resources,
                "Outputs": outputs, "Metadata": metadata,
            })
        },
    )
}

fn look(text: &str) {
    let path = Path::new("root.yaml");
    if let Ok(template) = Template::parse(path, text) {
        let definitions = [(PathBuf::from(path), Definition::new(template))].into();
        let report = check(&definitions, &[deployment(&[("A", &["", "a", "a,b"])])], &Policy::default());
        for finding in report.findings {
            assert!(finding.to_string().starts_with("root.yaml"), "{finding}");
        }
        for definition in definitions.values() {
            let _ = stack_template::page::parameters(definition, 2);
            let _ = stack_template::page::refusals(definition);
            let _ = stack_template::page::outputs(definition);
        }
    }
}

proptest! {
    #[test]
    fn no_template_makes_it_panic(template in template()) {
        // What YAML does not take, such as null, JSON does: both ways in are open.
        look(&template.to_string());
    }

    #[test]
    fn no_text_makes_it_panic(text in "(Resources|Outputs|Conditions|A|Type|Ref|!Ref|!Sub|!If|!GetAtt|[-:{}\\[\\],'\"&*#|> \n]|  |: |\n  ){0,60}") {
        look(&text);
    }
}

#[test]
fn null_is_said_where_yaml_did_not_refuse_it() {
    // A surrogate pair is JSON and not YAML, so that the text is read as JSON.
    let text = r#"{"Description": "\ud83d\ude00", "Resources": {"A": {"Type": "T", "Properties": {"P": null}}}}"#;
    let definition = Definition::new(Template::parse(Path::new("root.json"), text).expect("JSON"));
    let report = check(&[(PathBuf::from("root.json"), definition)].into(), &[], &Policy::default());
    assert_eq!(report.findings[0].to_string(), "root.json: Resources/A/Properties/P is null.");
}
