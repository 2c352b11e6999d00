//! What expressions come to.

use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;
use stack_template::{
    evaluate::World,
    value::{Data, Text, Value},
};

use crate::{definitions, region};

/// A value as one line.
fn shown(value: &Value) -> String {
    match &value.data {
        Data::Absent => "-".to_owned(),
        Data::Text(text) => text.to_string(),
        Data::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Data::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}: {}", shown(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Evaluates root.yaml, with no faults, and shows the property P of the resource R.
fn property(texts: &[(&str, &str)], parameters: &[(&str, &str)]) -> String {
    let definitions = definitions(texts);
    let (region, exports) = (region(), ["other-Name".to_owned()].into());
    let world = World::new(&definitions, &region, &exports, &[]);
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let stack = world.evaluate(Path::new("root.yaml"), &parameters).expect("a stack");
    assert_eq!(stack.faults, [], "{texts:?}");
    assert_eq!(stack.refusals, [], "{texts:?}");
    stack.resources["R"].property("P").map_or("-".to_owned(), shown)
}

/// The expression `text` in a template with some parameters.
fn expression(text: &str) -> String {
    let root = format!(
        r#"
Parameters:
  Name: {{Type: String, Default: meet}}
  Number: {{Type: Number, Default: 7}}
  Names: {{Type: CommaDelimitedList, Default: "a, b,c"}}
  None: {{Type: CommaDelimitedList, Default: ""}}
  Secret: {{Type: String, Default: hidden, NoEcho: true}}
  Image: {{Type: "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", Default: /image}}
Mappings:
  Map: {{eu-central-1: {{One: 1, Many: [a, b]}}}}
Conditions:
  Yes: !Equals [!Ref Name, meet]
  No: !Not [!Condition Yes]
Resources:
  Topic: {{Type: AWS::SNS::Topic}}
  R: {{Type: T, Properties: {{P: {text}}}}}
"#
    );
    property(&[("root.yaml", &root)], &[])
}

#[test]
fn functions_come_to_what_cloudformation_makes_of_them() {
    for (text, expected) in [
        ("text", "text"),
        ("1.50", "1.50"),
        ("true", "true"),
        ("!Ref Name", "meet"),
        ("!Ref Number", "7"),
        ("!Ref Names", "[a, b, c]"),
        ("!Ref None", "[]"),
        ("!Join [',', !Ref None]", ""),
        ("!Ref Secret", "<Secret>"),
        ("!Ref Image", "<Image>"),
        ("!Ref Topic", "<Topic>"),
        ("!GetAtt Topic.TopicName", "<Topic.TopicName>"),
        ("!GetAtt [Topic, A.B]", "<Topic.A.B>"),
        ("!Ref AWS::Region", "eu-central-1"),
        (
            "!Sub 'arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:x.${AWS::URLSuffix}'",
            "arn:aws:sns:eu-central-1:111122223333:x.amazonaws.com",
        ),
        (
            "!Sub '${AWS::StackName}-${Name}-${Topic}-${Topic.TopicName}'",
            "<AWS::StackName>-meet-<Topic>-<Topic.TopicName>",
        ),
        ("!Sub ['${Name}-${Other}-${!Name}', {Other: !Ref Number}]", "meet-7-${Name}"),
        ("!Sub '$ {x} $5 ${!x} }'", "$ {x} $5 ${x} }"),
        ("!Join ['-', [a, !Ref Name, !Ref 'AWS::NoValue', !Ref Topic]]", "a-meet-<Topic>"),
        ("!Split [',', !Join [',', [!Ref Topic, b]]]", "[<Topic>, b]"),
        ("!Select [1, !Split [',', 'a,b']]", "b"),
        ("!Select ['2', !Ref Names]", "c"),
        ("!Select [5, !Split [':', !Ref Topic]]", "<item 5 of <the parts of <Topic>>>"),
        ("!If [Yes, a, b]", "a"),
        ("!If [No, a, b]", "b"),
        ("!If [No, a, !Ref AWS::NoValue]", "-"),
        ("[a, !If [No, b, !Ref 'AWS::NoValue']]", "[a]"),
        ("{a: b, c: !If [No, d, !Ref 'AWS::NoValue']}", "{a: b}"),
        ("!FindInMap [Map, !Ref 'AWS::Region', One]", "1"),
        ("!FindInMap [Map, !Ref 'AWS::Region', Many]", "[a, b]"),
        ("!Select [1, !GetAZs '']", "eu-central-1b"),
        ("!Select [1, {'Fn::GetAZs': !Ref 'AWS::Region'}]", "eu-central-1b"),
        ("!Select [1, !GetAZs us-east-1]", "<item 1 of <the zones of us-east-1>>"),
        ("!Select [2, !Cidr [10.1.0.0/16, 4, 8]]", "10.1.2.0/24"),
        ("!Select [15, !Cidr [172.16.0.0/20, 16, 8]]", "172.16.15.0/24"),
        ("!Select [1, !Cidr [10.1.0.0/16, 2]]", "10.1.1.0/24"),
        ("!Select [1, !Cidr [!GetAtt Topic.Range, 2, 8]]", "<block 1 of <Topic.Range>>"),
        ("!Base64 {'Fn::Sub': '#!/bin/sh ${Name}'}", "#!/bin/sh meet"),
        ("!ImportValue other-Name", "<the import of other-Name>"),
        ("!Sub '{{resolve:secretsmanager:${Topic}}}'", "{{resolve:secretsmanager:<Topic>}}"),
    ] {
        assert_eq!(expression(text), expected, "{text}");
    }
}

#[test]
fn nested_stacks_are_evaluated_with_what_they_are_given() {
    let root = r#"
Conditions:
  Never: !Equals [a, b]
Resources:
  Topic: {Type: AWS::SNS::Topic}
  First:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: nested.yaml, Parameters: {Topic: !Ref Topic, Names: !Join [",", [a, !Ref Topic]]}}
  Second:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: nested.yaml
      Parameters: {Topic: "", Names: !GetAtt First.Outputs.Names, Password: secret, Kind: !If [Never, x, !Ref "AWS::NoValue"]}
  R:
    Type: T
    Properties:
      P:
        - !GetAtt First.Outputs.Topic
        - !GetAtt First.Outputs.Names
        - !GetAtt First.Outputs.Made
        - !GetAtt Second.Outputs.Topic
        - !GetAtt Second.Outputs.Names
        - !GetAtt Second.Outputs.Made
        - !GetAtt Second.Outputs.Password
        - !GetAtt Second.Outputs.Kind
"#;
    let nested = r#"
Parameters:
  Topic: {Type: String}
  Names: {Type: CommaDelimitedList}
  Password: {Type: String, NoEcho: true, Default: ""}
  Kind: {Type: String, Default: kind}
Conditions:
  HasTopic: !Not [!Equals [!Ref Topic, ""]]
Resources:
  Made: {Type: AWS::SNS::Topic}
Outputs:
  Topic: {Value: !If [HasTopic, !Ref Topic, none]}
  Names: {Value: !Join ["+", !Ref Names]}
  Made: {Value: !Ref Made}
  Password: {Value: !Ref Password}
  Kind: {Value: !Ref Kind}
"#;
    assert_eq!(
        property(&[("root.yaml", root), ("nested.yaml", nested)], &[]),
        "[<Topic>, a+<Topic>, <First/Made>, none, a+<Topic>, <Second/Made>, <Second/Password>, kind]"
    );
}

#[test]
fn a_dependence_on_what_does_not_exist_now_is_passed_over() {
    let root = r"
Conditions:
  Never: !Equals [a, b]
Resources:
  Topic: {Type: AWS::SNS::Topic, Condition: Never}
  R: {Type: T, DependsOn: Topic, Properties: {P: x}}
";
    assert_eq!(property(&[("root.yaml", root)], &[]), "x");
}

/// The rules of a template that refuse parameters.
fn refusals(rules: &str, parameters: &[(&str, &str)]) -> Vec<String> {
    let root = format!(
        r#"
Parameters:
  Kind: {{Type: String, Default: one}}
  Kinds: {{Type: CommaDelimitedList, Default: "one,two"}}
Rules: {rules}
Resources:
  R: {{Type: T}}
"#
    );
    let definitions = definitions(&[("root.yaml", &root)]);
    let (region, exports) = (region(), [].into());
    let world = World::new(&definitions, &region, &exports, &[]);
    let parameters: BTreeMap<String, String> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let stack = world.evaluate(Path::new("root.yaml"), &parameters).expect("a stack");
    assert_eq!(stack.faults, [], "{rules}");
    stack.refusals.iter().map(|(rule, why)| format!("{rule}: {why}")).collect()
}

#[test]
fn rules_refuse_what_breaks_an_assertion_under_their_condition() {
    let rule = |condition: &str, assertion: &str| {
        format!("{{R1: {{{condition}Assertions: [{{Assert: {assertion}, AssertDescription: It must be so.}}]}}}}")
    };
    let broken = vec!["R1: It must be so".to_owned()];
    for (condition, assertion, holds) in [
        ("", "!Equals [!Ref Kind, one]", true),
        ("", "!Equals [!Ref Kind, two]", false),
        ("RuleCondition: !Equals [!Ref Kind, two], ", "!Equals [a, b]", true),
        ("RuleCondition: !Equals [!Ref Kind, one], ", "!Equals [a, b]", false),
        ("", "!Contains [[one, two], !Ref Kind]", true),
        ("", "!Contains [[two, three], !Ref Kind]", false),
        ("", "!Contains [!Ref Kinds, two]", true),
        ("", "!EachMemberIn [!Ref Kinds, [one, two, three]]", true),
        ("", "!EachMemberIn [!Ref Kinds, [one]]", false),
        ("", "!EachMemberEquals [!Ref Kinds, one]", false),
        ("", "!EachMemberEquals [[one, one], !Ref Kind]", true),
        ("", "!And [!Equals [a, a], !Or [!Equals [a, b], !Not [!Equals [a, b]]]]", true),
    ] {
        assert_eq!(
            refusals(&rule(condition, assertion), &[]),
            if holds { vec![] } else { broken.clone() },
            "{assertion}"
        );
    }
    assert_eq!(refusals(&rule("", "!Equals [!Ref Kind, one]"), &[("Kind", "three")]), broken);
}

#[test]
fn what_a_parameter_must_be_is_said_of_what_it_is_not() {
    let root = r#"
Parameters:
  Letters: {Type: String, AllowedPattern: "[a-z]+", ConstraintDescription: must be letters}
  Either: {Type: String, AllowedPattern: "^(|-|x)$"}
  Around: {Type: String, AllowedPattern: "(?!no)[a-z]+"}
  Items: {Type: CommaDelimitedList, AllowedPattern: "[a-z]+"}
  Flag: {Type: String, AllowedValues: ["true", "false"]}
  Numbers: {Type: List<Number>, MaxValue: 5}
  Text: {Type: String, MinLength: 2, MaxLength: 3}
Resources:
  R: {Type: T}
"#;
    let definitions = definitions(&[("root.yaml", root)]);
    let parameters = definitions[Path::new("root.yaml")].parameters();
    let refusal = |name: &str, value: &str| parameters[name].refusal(value);
    for (name, value) in [
        ("Letters", "abc"),
        ("Either", ""),
        ("Either", "-"),
        ("Around", "yes"),
        ("Items", "a, b"),
        ("Flag", "true"),
        ("Numbers", "1,5"),
        ("Text", "äöü"),
    ] {
        assert_eq!(refusal(name, value), None, "{name}: {value}");
    }
    // The whole value must match, whatever the pattern says.
    assert_eq!(refusal("Letters", "abc1").as_deref(), Some("\"abc1\" does not match the pattern (must be letters)"));
    assert_eq!(refusal("Either", "xx").as_deref(), Some("\"xx\" does not match the pattern"));
    assert_eq!(refusal("Around", "nobody").as_deref(), Some("\"nobody\" does not match the pattern"));
    assert_eq!(refusal("Items", "a,1").as_deref(), Some("\"1\" does not match the pattern"));
    assert_eq!(refusal("Flag", "True").as_deref(), Some("\"True\" is none of the allowed values"));
    assert_eq!(refusal("Numbers", "1,6").as_deref(), Some("6 is out of range"));
    assert_eq!(refusal("Text", "a").as_deref(), Some("\"a\" has 1 characters"));
}

/// A formula over the parameters P0 to P3, each true or false, and what it comes to.
#[derive(Debug, Clone)]
enum Formula {
    Is(usize),
    Not(Box<Formula>),
    And(Vec<Formula>),
    Or(Vec<Formula>),
}

impl Formula {
    fn written(&self) -> String {
        let all = |name: &str, of: &[Self]| {
            format!("{{'Fn::{name}': [{}]}}", of.iter().map(Self::written).collect::<Vec<_>>().join(", "))
        };
        match self {
            Self::Is(index) => format!("{{'Fn::Equals': [{{Ref: P{index}}}, 'true']}}"),
            Self::Not(formula) => format!("{{'Fn::Not': [{}]}}", formula.written()),
            Self::And(of) => all("And", of),
            Self::Or(of) => all("Or", of),
        }
    }

    fn holds(&self, values: [bool; 4]) -> bool {
        match self {
            Self::Is(index) => values[*index],
            Self::Not(formula) => !formula.holds(values),
            Self::And(of) => of.iter().all(|formula| formula.holds(values)),
            Self::Or(of) => of.iter().any(|formula| formula.holds(values)),
        }
    }
}

fn formula() -> impl Strategy<Value = Formula> {
    (0_usize..4).prop_map(Formula::Is).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|formula| Formula::Not(Box::new(formula))),
            prop::collection::vec(inner.clone(), 2..=4).prop_map(Formula::And),
            prop::collection::vec(inner, 2..=4).prop_map(Formula::Or),
        ]
    })
}

proptest! {
    #[test]
    fn conditions_hold_when_their_formula_does(formula in formula(), values: [bool; 4]) {
        let root = format!(
            "\nParameters:\n{}Conditions:\n  C: {}\nResources:\n  R: {{Type: T, Properties: {{P: !If [C, yes, no]}}}}\n",
            (0..4).map(|index| format!("  P{index}: {{Type: String}}\n")).collect::<String>(),
            formula.written(),
        );
        let texts = values.map(|value| value.to_string());
        let parameters = [("P0", &*texts[0]), ("P1", &texts[1]), ("P2", &texts[2]), ("P3", &texts[3])];
        let expected = if formula.holds(values) { "yes" } else { "no" };
        prop_assert_eq!(property(&[("root.yaml", &root)], &parameters), expected);
    }

    #[test]
    fn joined_items_are_split_again(items in prop::collection::vec("[^,]{0,5}", 1..6)) {
        let text = Text::of(&items.join(","));
        let parts: Vec<String> = text.split(",").expect("known").iter().map(ToString::to_string).collect();
        prop_assert_eq!(parts, items);
    }
}
