use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse(text: &str) -> Value {
    Template::parse(Path::new("t.yaml"), text).expect("the template parses").body
}

fn error(text: &str) -> String {
    Template::parse(Path::new("t.yaml"), text).expect_err("the template is refused").to_string()
}

#[test]
fn short_forms_become_long_forms() {
    let body = parse(
        r"
A: !Ref Name
B: !GetAtt Stack.Outputs.Url
C: !GetAtt [Stack, Outputs.Url]
D: !Sub '${A}-x'
E: !If [IsOne, !Ref A, !Ref 'AWS::NoValue']
F: !Join
  - ','
  - !Split [';', !ImportValue x]
G: !FindInMap [Map, !Ref 'AWS::Region', Key]
H: !Select [0, !GetAZs '']
I: !Not [!Condition IsOne]
J: !Transform {Name: AWS::Include, Parameters: {Location: s3}}
K:
  Fn::Base64: !Sub |
    #!/bin/sh
    echo ${X}
L: !And [!Equals [!Ref A, true], !Or [!Condition P, !Condition Q]]
M: !Cidr [!GetAtt Vpc.CidrBlock, 6, 8]
N: !Sub
  - ${a}
  - a: !Ref B
O: !Sub 12
",
    );
    assert_eq!(
        body,
        json!({
            "A": {"Ref": "Name"},
            "B": {"Fn::GetAtt": ["Stack", "Outputs.Url"]},
            "C": {"Fn::GetAtt": ["Stack", "Outputs.Url"]},
            "D": {"Fn::Sub": "${A}-x"},
            "E": {"Fn::If": ["IsOne", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]},
            "F": {"Fn::Join": [",", {"Fn::Split": [";", {"Fn::ImportValue": "x"}]}]},
            "G": {"Fn::FindInMap": ["Map", {"Ref": "AWS::Region"}, "Key"]},
            "H": {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
            "I": {"Fn::Not": [{"Condition": "IsOne"}]},
            "J": {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "s3"}}},
            "K": {"Fn::Base64": {"Fn::Sub": "#!/bin/sh\necho ${X}\n"}},
            "L": {"Fn::And": [{"Fn::Equals": [{"Ref": "A"}, true]}, {"Fn::Or": [{"Condition": "P"}, {"Condition": "Q"}]}]},
            "M": {"Fn::Cidr": [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}, 6, 8]},
            "N": {"Fn::Sub": ["${a}", {"a": {"Ref": "B"}}]},
            "O": {"Fn::Sub": "12"},
        })
    );
}

#[test]
fn scalars_keep_what_was_written() {
    let body = parse(
        r"
Version: 2012-10-17
Account: 012345678901
Quoted: '5'
Number: 5
Negative: -5
Decimal: 0.5
Trailing: 1.10
Exponent: 1e3
Octal: 0o17
Hex: 0xff
Yes: yes
True: true
QuotedTrue: 'true'
Time: 12:30:45
Dash: '-'
Huge: 123456789012345678901234567890
Empty: ''
Infinity: .inf
",
    );
    assert_eq!(
        body,
        json!({
            "Version": "2012-10-17",
            "Account": "012345678901",
            "Quoted": "5",
            "Number": 5,
            "Negative": -5,
            "Decimal": 0.5,
            "Trailing": "1.10",
            "Exponent": "1e3",
            "Octal": "0o17",
            "Hex": "0xff",
            "Yes": "yes",
            "True": true,
            "QuotedTrue": "true",
            "Time": "12:30:45",
            "Dash": "-",
            "Huge": "123456789012345678901234567890",
            "Empty": "",
            "Infinity": ".inf",
        })
    );
}

#[test]
fn json_is_accepted_with_positions() {
    let template = Template::parse(
        Path::new("t.json"),
        "{\n\t\"Resources\": {\"A\":{\"Type\": \"T\", \"N\": [1, \"\\u00e9\"]}}\n}",
    )
    .expect("JSON parses");
    assert_eq!(template.body, json!({"Resources": {"A": {"Type": "T", "N": [1, "é"]}}}));
    assert_eq!(template.locate("/Resources/A/Type").to_string(), "t.json:2:29");
}

#[test]
fn json_that_is_not_yaml_is_accepted_too() {
    assert_eq!(parse(r#"{"Description": "\ud83d\ude00"}"#), json!({"Description": "😀"}));
}

#[test]
fn positions_lead_to_the_value() {
    let template = Template::parse(
        Path::new("t.yaml"),
        "Resources:\n  A:\n    Type: T\n    Properties:\n      Code: !If [X, y, z]\n      Arn: !GetAtt B.C\n",
    )
    .expect("the template parses");
    assert_eq!(template.locate("/Resources/A/Properties/Code").to_string(), "t.yaml:5:13");
    let inside = template.locate("/Resources/A/Properties/Code/Fn::If/1");
    assert_eq!(inside.position.map(|p| (p.line, p.column)), Some((5, 21)));
    assert_eq!(
        template.locate("/Resources/A/Properties/Arn/Fn::GetAtt/0").position,
        template.locate("/Resources/A/Properties/Arn").position
    );
}

#[test]
fn refusals_say_where() {
    assert_eq!(error("A: 1\nB:\n  A: 1\n  A: 2\n"), "t.yaml:4:3: `A` is given twice");
    assert_eq!(error("A:\n  B: !Reff x\n"), "t.yaml:2:6: `!Reff` is not an intrinsic function");
    assert!(error("A: &x 1\nB: *x\n").starts_with("t.yaml:2:4: CloudFormation does not support YAML aliases"));
    assert!(error("A:\n  <<: {B: 1}\n").starts_with("t.yaml:2:3: "));
    assert!(error("A: ~\n").starts_with("t.yaml:1:4: the value is null"));
    assert!(error("A:\n  - [1\n").starts_with("t.yaml:"));
    assert!(error("").contains("must be a mapping"));
    assert!(error("- a\n").contains("must be a mapping"));
    assert!(error("A: 1\n---\nB: 2\n").contains("second one"));
    assert!(error("? [a]\n: 1\n").contains("a key must be text"));
    assert!(error(&format!("A: {}", "[".repeat(200))).contains("nested too deeply"));
}

/// A JSON value as a template can hold it: no null, and numbers that print as they parse.
fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[A-Za-z:]{1,8}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[A-Za-z]{1,8}", tree, 1..4).prop_map(|map| Value::Object(map.into_iter().collect()))
}

/// Writes `value` as block-style YAML with every string in double quotes.
fn block_yaml(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                out.push_str(&format!("\n{pad}\"{key}\":"));
                block_yaml(value, indent + 2, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("\n{pad}-"));
                block_yaml(item, indent + 2, out);
            }
        }
        scalar => out.push_str(&format!(" {scalar}")),
    }
}

proptest! {
    #[test]
    fn whatever_is_written_as_json_is_read_back(body in body()) {
        prop_assert_eq!(parse(&body.to_string()), body);
    }

    #[test]
    fn whatever_is_written_as_block_yaml_is_read_back(body in body()) {
        let mut text = String::new();
        block_yaml(&body, 0, &mut text);
        prop_assert_eq!(parse(&text), body);
    }

    #[test]
    fn a_plain_scalar_is_never_changed(digits in "-?[0-9]{1,22}(\\.[0-9]{1,5})?") {
        let body = parse(&format!("A: {digits}"));
        let read = match &body["A"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        prop_assert_eq!(read, digits);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = Template::parse(Path::new("t.yaml"), &text);
    }

    #[test]
    fn no_yaml_like_text_makes_the_parser_panic(text in "([-?:,{}\\[\\]&*#!|>'\"%@` \n\tA-Z0-9]|!Ref |!GetAtt |: ){0,60}") {
        let _ = Template::parse(Path::new("t.yaml"), &text);
    }
}
