//! Which combinations are looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use proptest::prelude::*;
use stack_template::{
    Fault, Policy, check,
    combination::{Alternative, Axis, Deployment, Length},
};

use crate::{definitions, deployment, region};

/// How many combinations of root.yaml are looked at, how many are refused, and how many there are.
fn counted(root: &str, deployment: Deployment) -> (usize, usize, f64) {
    let report = check(&definitions(&[("root.yaml", root)]), &[deployment], &Policy::default());
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{findings:?}");
    (report.evaluated[0].combinations, report.evaluated[0].refused, report.evaluated[0].all)
}

#[test]
fn what_decides_nothing_is_tried_once_a_value() {
    let root = r"
Parameters:
  Days: {Type: Number, Description: One, AllowedValues: [1, 2, 3, 4, 5], Default: 1}
  Kind: {Type: String, Description: One, AllowedValues: [one, two], Default: one}
Conditions:
  IsOne: !Equals [!Ref Kind, one]
Resources:
  A: {Type: AWS::SNS::Topic, Condition: IsOne, Properties: {DisplayName: !Ref Days}}
  B: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Days}}
";
    assert_eq!(counted(root, deployment(&[])), (6, 0, 10.0));
}

#[test]
fn what_decides_together_is_tried_together() {
    let root = r"
Parameters:
  Days: {Type: Number, Description: One, AllowedValues: [1, 2, 3, 4, 5], Default: 1}
  Kind: {Type: String, Description: One, AllowedValues: [one, two], Default: one}
  Apart: {Type: String, Description: One, AllowedValues: [one, two], Default: one}
Conditions:
  IsOne: !And [!Equals [!Ref Kind, one], !Equals [!Ref Days, 1]]
  IsApart: !Equals [!Ref Apart, one]
Resources:
  A: {Type: AWS::SNS::Topic, Condition: IsOne}
  B: {Type: AWS::SNS::Topic, Condition: IsApart}
";
    assert_eq!(counted(root, deployment(&[])), (11, 0, 20.0));
}

#[test]
fn what_rules_refuse_is_completed_or_left_out() {
    let root = r"
Parameters:
  Vpc: {Type: String, Description: One, AllowedValues: [new, existing], Default: new}
  Subnets: {Type: String, Description: One, AllowedValues: [ranges, ids, none], Default: ranges}
Rules:
  Matching:
    RuleCondition: !Equals [!Ref Vpc, existing]
    Assertions: [{Assert: !Equals [!Ref Subnets, ids], AssertDescription: An existing VPC needs ids.}]
  Some: {Assertions: [{Assert: !Not [!Equals [!Ref Subnets, none]], AssertDescription: There must be some.}]}
Conditions:
  IsNew: !Equals [!Ref Vpc, new]
Resources:
  A: {Type: AWS::SNS::Topic, Condition: IsNew}
  B: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Subnets}}
";
    // new with ranges or ids, existing with ids; neither with none, and not existing with ranges.
    let (accepted, refused, all) = counted(root, deployment(&[]));
    assert_eq!((accepted, all), (3, 6.0));
    assert!(refused > 0);
}

#[test]
fn lists_are_as_long_as_another_parameter_says() {
    let root = r#"
Parameters:
  Zones: {Type: String, Description: One, AllowedValues: ["3", "2", "1"], Default: "3"}
  Names: {Type: CommaDelimitedList, Description: One, Default: ""}
Conditions:
  HasThree: !Equals [!Ref Zones, "3"]
Resources:
  A: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Select [1, !Ref Names]}}
  B: {Type: AWS::SNS::Topic, Condition: HasThree, Properties: {DisplayName: !Select [2, !Ref Names]}}
"#;
    let length = |least| Length { list: "Names".to_owned(), count: "Zones".to_owned(), least };
    let deployment = deployment(&[("Names", &["a,b,c"])]);
    assert_eq!(counted(root, Deployment { lengths: vec![length(2)], ..deployment.clone() }).0, 3);
    let report = check(
        &definitions(&[("root.yaml", root)]),
        &[Deployment { lengths: vec![length(1)], ..deployment }],
        &Policy::default(),
    );
    assert_eq!(
        report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "root.yaml:9:56: Resources/A/Properties/DisplayName selects item 1, counted from 0, of a list of 1, when Zones is \"1\" (1 of 3 combinations)."
        ]
    );
}

#[test]
fn what_is_too_much_to_be_tried_is_said() {
    let parameters: String = (0..10)
        .map(|index| {
            format!("  P{index}: {{Type: String, Description: One, AllowedValues: [a, b, c, d, e], Default: a}}\n")
        })
        .collect();
    let all: Vec<String> = (0..10).map(|index| format!("!Equals [!Ref P{index}, a]")).collect();
    let root = format!(
        "\nParameters:\n{parameters}Conditions:\n  All: !And [{}]\nResources:\n  A: {{Type: AWS::SNS::Topic, Condition: All}}\n",
        all.join(", ")
    );
    let report = check(&definitions(&[("root.yaml", &root)]), &[deployment(&[])], &Policy::default());
    assert_eq!(
        report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "root.yaml:1:1: the template has a part that depends on more than can be tried: P0, P1, P2, P3, P4, P5, P6, P7, P8, P9."
        ]
    );
}

#[test]
fn a_deployment_of_nothing_is_said() {
    let other = Deployment { template: PathBuf::from("other.yaml"), ..deployment(&[]) };
    let report = check(&BTreeMap::new(), &[other], &Policy::default());
    assert_eq!(report.findings[0].to_string(), "other.yaml: the template does not exist.");
}

#[test]
fn synonyms_that_differ_are_found() {
    let root = r#"
Parameters:
  Arn: {Type: String, Description: One, Default: "-"}
Conditions:
  HasArn: !Not [!Or [!Equals [!Ref Arn, ""], !Equals [!Ref Arn, "-"]]]
Resources:
  A: {Type: AWS::SNS::Topic, Condition: HasArn, Properties: {DisplayName: !Ref Arn}}
  B: {Type: AWS::SNS::Topic}
"#;
    let synonyms = vec![("Arn".to_owned(), vec![String::new(), "AWS::NoValue".to_owned()])];
    let deployment = Deployment { synonyms, ..deployment(&[("Arn", &["-", "arn"])]) };
    let report = check(&definitions(&[("root.yaml", root)]), &[deployment], &Policy::default());
    assert_eq!(
        report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["root.yaml:4:8: Parameters/Arn does not mean the same as \"AWS::NoValue\" as it does as \"-\"."]
    );
}

/// One of the parameters P0 to P3.
fn parameter() -> impl Strategy<Value = String> {
    (0..4).prop_map(|index| format!("P{index}"))
}

/// A condition over parameters, and over conditions before the one of this number.
fn condition(number: usize) -> impl Strategy<Value = String> {
    let equals =
        (parameter(), "[abc]").prop_map(|(name, value)| format!("{{'Fn::Equals': [{{Ref: {name}}}, {value}]}}"));
    let leaf = if number == 0 {
        equals.boxed()
    } else {
        prop_oneof![equals, (0..number).prop_map(|other| format!("{{Condition: C{other}}}"))].boxed()
    };
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("{{'Fn::Not': [{one}]}}")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{{'Fn::And': [{one}, {other}]}}")),
            (inner.clone(), inner).prop_map(|(one, other)| format!("{{'Fn::Or': [{one}, {other}]}}")),
        ]
    })
}

/// An expression that may refer to anything.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("text".to_owned()),
        parameter().prop_map(|name| format!("{{Ref: {name}}}")),
        (0..3).prop_map(|index| format!("{{Ref: R{index}}}")),
        (0..2).prop_map(|index| format!("{{'Fn::GetAtt': [N{index}, Outputs.Sometimes]}}")),
        (0..2).prop_map(|index| format!("{{'Fn::GetAtt': [N{index}, Outputs.Echo]}}")),
        (0..2, parameter())
            .prop_map(|(index, name)| format!("{{'Fn::Select': [{index}, {{'Fn::Split': [a, {{Ref: {name}}}]}}]}}")),
        parameter().prop_map(|name| format!("{{'Fn::FindInMap': [Map, {{Ref: {name}}}, x]}}")),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        (0..3, inner.clone(), inner)
            .prop_map(|(index, then, otherwise)| format!("{{'Fn::If': [C{index}, {then}, {otherwise}]}}"))
    })
}

/// A template with four parameters, three conditions, a rule, three resources and two nested stacks.
fn template() -> impl Strategy<Value = String> {
    let conditions = (condition(0), condition(1), condition(2));
    let under = prop::collection::vec(prop::option::of(0..3), 5);
    let expressions = prop::collection::vec(expression(), 6);
    let rule = (parameter(), "[abc]", parameter(), "[abc]");
    (conditions, under, expressions, rule).prop_map(|(conditions, under, expressions, rule)| {
        let parameters: String = (0..4)
            .map(|index| format!("  P{index}: {{Type: String, Description: One, AllowedValues: [a, b, c], Default: a}}\n"))
            .collect();
        let under = |index: usize| under[index].map(|condition| format!("Condition: C{condition}, ")).unwrap_or_default();
        let resources: String = (0..3)
            .map(|index| format!("  R{index}: {{Type: AWS::SNS::Topic, {}Properties: {{A: {}}}}}\n", under(index), expressions[index]))
            .collect();
        let nested: String = (0..2)
            .map(|index| {
                format!(
                    "  N{index}: {{Type: AWS::CloudFormation::Stack, {}DeletionPolicy: Delete, UpdateReplacePolicy: Delete, Properties: {{TemplateURL: nested.yaml, Parameters: {{Kind: {}, Text: {{Ref: P{index}}}}}}}}}\n",
                    under(3 + index), expressions[3 + index],
                )
            })
            .collect();
        let (one, one_value, other, other_value) = rule;
        format!(
            "\nParameters:\n{parameters}Mappings:\n  Map: {{a: {{x: y}}, b: {{x: y}}}}\nRules:\n  Rule:\n    RuleCondition: {{'Fn::Equals': [{{Ref: {one}}}, {one_value}]}}\n    Assertions: [{{Assert: {{'Fn::Not': [{{'Fn::Equals': [{{Ref: {other}}}, {other_value}]}}]}}, AssertDescription: No.}}]\nConditions:\n  C0: {}\n  C1: {}\n  C2: {}\nResources:\n{resources}{nested}Outputs:\n  O: {{Description: One, Value: {}}}\n",
            conditions.0, conditions.1, conditions.2, expressions[5],
        )
    })
}

const NESTED: &str = r"
Parameters:
  Kind: {Type: String, Description: One}
  Text: {Type: String, Description: One}
Conditions:
  IsA: !Equals [!Ref Kind, a]
  IsB: !Equals [!Ref Text, b]
Resources:
  T: {Type: AWS::SNS::Topic, Condition: IsA}
  U: {Type: AWS::SNS::Topic, Properties: {A: !If [IsB, !Ref T, x]}}
Outputs:
  Sometimes: {Description: One, Condition: IsA, Value: !Ref U}
  Echo: {Description: One, Value: !Sub '${Text}'}
";

/// Everything that is found in a deployment.
fn found(root: &str, axes: Vec<Axis>) -> BTreeSet<Fault> {
    let definitions = definitions(&[("root.yaml", root), ("nested.yaml", NESTED)]);
    let deployment = Deployment { axes, regions: vec![region()], ..deployment(&[]) };
    check(&definitions, &[deployment], &Policy::default()).findings.into_iter().map(|finding| finding.fault).collect()
}

/// Every combination of the values of P0 to P3.
fn everything() -> Axis {
    let mut alternatives = vec![Alternative { label: String::new(), values: BTreeMap::new() }];
    for index in 0..4 {
        alternatives = alternatives
            .into_iter()
            .flat_map(|alternative| {
                ["a", "b", "c"].map(|value| {
                    let mut values = alternative.values.clone();
                    values.insert(format!("P{index}"), value.to_owned());
                    Alternative { label: format!("{}{value}", alternative.label), values }
                })
            })
            .collect();
    }
    Axis { name: "everything".to_owned(), alternatives }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn the_combinations_that_are_looked_at_stand_for_all(root in template()) {
        prop_assert_eq!(found(&root, Vec::new()), found(&root, vec![everything()]), "{}", root);
    }
}

#[test]
fn what_a_rule_refuses_is_completed_without_changing_what_it_is_about() {
    let root = "
Parameters:
  P0: {Type: String, Description: One, AllowedValues: [a, b], Default: a}
  P1: {Type: String, Description: One, AllowedValues: [a, b], Default: a}
  P2: {Type: String, Description: One, AllowedValues: [a, b], Default: a}
Rules:
  Rule:
    RuleCondition: {'Fn::Equals': [{Ref: P0}, a]}
    Assertions: [{Assert: {'Fn::Not': [{'Fn::Equals': [{Ref: P1}, a]}]}, AssertDescription: No.}]
Conditions:
  C0: {'Fn::Equals': [{Ref: P0}, a]}
Resources:
  R0: {Type: AWS::SNS::Topic, Properties: {A: {'Fn::If': [C0, {'Fn::Select': [1, {'Fn::Split': [a, {Ref: P2}]}]}, text]}}}
";
    assert_eq!(found(root, Vec::new()), found(root, vec![everything()]));
    assert!(found(root, Vec::new()).iter().any(|fault| fault.message.contains("selects item 1")));
}
