//! Templates that are wrong, and exactly what is said of each.

use std::collections::BTreeSet;

use stack_template::{Open, Policy, Rule, check};

use crate::{definitions, deployment};

/// A template, root.yaml, and one that it may nest, with its path.
struct Case {
    name: &'static str,
    root: &'static str,
    nested: Option<(&'static str, &'static str)>,
    axes: &'static [(&'static str, &'static [&'static str])],
    expected: &'static [&'static str],
}

const fn case(name: &'static str, root: &'static str, expected: &'static [&'static str]) -> Case {
    Case { name, root, nested: None, axes: &[], expected }
}

const fn nested(
    name: &'static str,
    root: &'static str,
    nested: &'static str,
    expected: &'static [&'static str],
) -> Case {
    Case { name, root, nested: Some(("nested.yaml", nested)), axes: &[], expected }
}

const POLICY: Policy<'static> = Policy {
    open: &[Open { template: "root.yaml", group: "Listed", protocol: "tcp", ports: (80, 443) }],
    secret_attributes: &[("Custom::Credentials", "Password")],
    not_given: &[("spare.yaml", "Spare"), ("spare.yaml", "Needless")],
    exporting: &[("nested.yaml", "other")],
};

const CASES: &[Case] = &[
    // Reference
    case(
        "a Ref of nothing",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Missing}}
",
        &[
            "root.yaml:4:60: Resources/Topic/Properties/DisplayName refers to Missing, which the template does not declare.",
        ],
    ),
    case(
        "a GetAtt of nothing",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !GetAtt Missing.Name}}
",
        &[
            "root.yaml:4:60: Resources/Topic/Properties/DisplayName refers to Missing, which the template does not declare.",
        ],
    ),
    case(
        "a Sub of nothing",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Sub '${Missing} and ${Missing.Name}'}}
",
        &[
            "root.yaml:4:60: Resources/Topic/Properties/DisplayName refers to Missing, which the template does not declare.",
        ],
    ),
    case(
        "a Ref of what does not always exist",
        r#"
Parameters:
  Kind: {Type: String, Description: A kind, AllowedValues: [one, two, three], Default: one}
Conditions:
  IsOne: !Equals [!Ref Kind, one]
Resources:
  Topic: {Type: AWS::SNS::Topic, Condition: IsOne}
  Other: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref Topic}}
"#,
        &[
            "root.yaml:9:64: Resources/Other/Properties/TopicArn refers to Topic, which does not exist, when Kind is not \"one\" (2 of 3 combinations).",
        ],
    ),
    case(
        "an output of what does not always exist",
        r#"
Parameters:
  Kind: {Type: String, Description: A kind, AllowedValues: [one, two, three], Default: one}
Conditions:
  IsTwo: !Equals [!Ref Kind, two]
Resources:
  Topic: {Type: AWS::SNS::Topic, Condition: IsTwo}
  Always: {Type: AWS::SNS::Topic}
Outputs:
  Arn: {Description: The topic, Value: !GetAtt Topic.TopicArn}
"#,
        &[
            "root.yaml:11:40: Outputs/Arn/Value refers to Topic, which does not exist, when Kind is not \"two\" (2 of 3 combinations).",
        ],
    ),
    case(
        "a reference that depends on two choices",
        r#"
Parameters:
  Kind: {Type: String, Description: A kind, AllowedValues: [one, two], Default: one}
  Size: {Type: String, Description: A size, AllowedValues: [small, large], Default: small}
  Days: {Type: Number, Description: Of no importance, AllowedValues: [1, 2, 3], Default: 1}
Conditions:
  IsOne: !Equals [!Ref Kind, one]
  IsLarge: !Equals [!Ref Size, large]
Resources:
  Topic: {Type: AWS::SNS::Topic, Condition: IsOne, Properties: {DisplayName: !Ref Days}}
  Other:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !If [IsLarge, !GetAtt Topic.TopicName, nothing]}
"#,
        &[
            "root.yaml:14:45: Resources/Other/Properties/DisplayName/Fn::If/1 refers to Topic, which does not exist, when Kind is \"two\" and Size is \"large\" (1 of 6 combinations).",
        ],
    ),
    case(
        "references that are never followed",
        r"
Parameters:
  Kind: {Type: String, Description: A kind, AllowedValues: [one, two], Default: one}
Conditions:
  IsOne: !Equals [!Ref Kind, one]
  IsOther: !And [!Condition IsOne, !Condition Missing]
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Condition: IsOther
    Properties: {A: !Ref Missing, B: !GetAtt Missing.Arn, C: !FindInMap [Missing, a, b], D: !If [Missing, a, b]}
  Other: {Type: AWS::SNS::Topic}
",
        &[
            "root.yaml:7:12: Conditions/IsOther is under the condition Missing, which the template does not declare.",
            "root.yaml:12:21: Resources/Topic/Properties/A refers to Missing, which the template does not declare.",
            "root.yaml:12:38: Resources/Topic/Properties/B refers to Missing, which the template does not declare.",
            "root.yaml:12:62: Resources/Topic/Properties/C looks into Missing, which the template does not declare.",
            "root.yaml:12:93: Resources/Topic/Properties/D is under the condition Missing, which the template does not declare.",
        ],
    ),
    case(
        "a dependence on nothing",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic, DependsOn: [Missing]}
",
        &["root.yaml:4:10: Resources/Topic depends on Missing, which the template does not declare."],
    ),
    case(
        "a condition that is not declared",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic, Condition: Missing}
  Other: {Type: AWS::SNS::Topic, Properties: {DisplayName: !If [Missing, a, b]}}
Outputs:
  Arn: {Description: The topic, Condition: Missing, Value: x}
",
        &[
            "root.yaml:4:10: Resources/Topic is under the condition Missing, which the template does not declare.",
            "root.yaml:5:60: Resources/Other/Properties/DisplayName is under the condition Missing, which the template does not declare.",
            "root.yaml:7:8: Outputs/Arn is under the condition Missing, which the template does not declare.",
        ],
    ),
    case(
        "a condition of itself",
        r"
Conditions:
  IsFirst: !Not [!Condition IsSecond]
  IsSecond: !Not [!Condition IsFirst]
Resources:
  Topic: {Type: AWS::SNS::Topic, Condition: IsFirst}
",
        &[
            "root.yaml:4:12: Conditions/IsFirst is false in every combination.",
            "root.yaml:5:19: Conditions/IsSecond/Fn::Not/0 is under the condition IsFirst, which depends on itself, in every combination.",
        ],
    ),
    case(
        "an import that nobody exports",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !ImportValue nobody-Name}}
",
        &[
            "root.yaml:4:60: Resources/Topic/Properties/DisplayName imports nobody-Name, which no known stack exports, in every combination.",
        ],
    ),
    nested(
        "an import under another stack's name",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Join ['', [!ImportValue other-Topic, !ImportValue root-Topic]]}}
",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic}
Outputs:
  Topic: {Description: The topic, Value: !Ref Topic, Export: {Name: !Sub '${AWS::StackName}-Topic'}}
",
        &[
            "root.yaml:4:98: Resources/Topic/Properties/DisplayName/Fn::Join/1/1 imports root-Topic, which no known stack exports, in every combination.",
        ],
    ),
    nested(
        "outputs that are not there",
        r"
Resources:
  Nested: {Type: AWS::CloudFormation::Stack, DeletionPolicy: Delete, UpdateReplacePolicy: Delete, Properties: {TemplateURL: nested.yaml}}
Outputs:
  Arn: {Description: One, Value: !GetAtt Nested.Outputs.Arn}
  Name: {Description: One, Value: !Sub '${Nested.Outputs.Name}'}
  Id: {Description: One, Value: !GetAtt Nested.Id}
",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic}
Outputs:
  Arn: {Description: The topic, Value: !Ref Topic}
",
        &[
            "root.yaml:7:35: Outputs/Name/Value reads the output Name of Nested, which nested.yaml does not declare.",
            "root.yaml:8:33: Outputs/Id/Value reads Id of Nested, which has Outputs alone.",
        ],
    ),
    nested(
        "an output that is not always given",
        r#"
Parameters:
  Kind: {Type: String, Description: A kind, AllowedValues: [one, two], Default: one}
Resources:
  Nested:
    Type: AWS::CloudFormation::Stack
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties: {TemplateURL: nested.yaml, Parameters: {Kind: !Ref Kind}}
Outputs:
  Arn: {Description: One, Value: !GetAtt Nested.Outputs.Arn}
"#,
        r"
Parameters:
  Kind: {Type: String, Description: A kind}
Conditions:
  IsTwo: !Equals [!Ref Kind, two]
Resources:
  Topic: {Type: AWS::SNS::Topic}
Outputs:
  Arn: {Description: The topic, Condition: IsTwo, Value: !Ref Topic}
",
        &[
            "root.yaml:12:34: Outputs/Arn/Value reads the output Arn of Nested, which nested.yaml does not give, when Kind is \"one\" (1 of 2 combinations).",
        ],
    ),
    case(
        "a nested template that does not exist",
        r"
Resources:
  Nested: {Type: AWS::CloudFormation::Stack, DeletionPolicy: Delete, UpdateReplacePolicy: Delete, Properties: {TemplateURL: a/../b.yaml}}
",
        &["root.yaml:4:11: Resources/Nested is made of b.yaml, which does not exist."],
    ),
    nested(
        "nested stacks that need one another",
        r"
Resources:
  One:
    Type: AWS::CloudFormation::Stack
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties: {TemplateURL: nested.yaml, Parameters: {Name: !GetAtt Two.Outputs.Arn}}
  Two:
    Type: AWS::CloudFormation::Stack
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties: {TemplateURL: nested.yaml, Parameters: {Name: !GetAtt One.Outputs.Arn}}
",
        r"
Parameters:
  Name: {Type: String, Description: A name}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Name}}
Outputs:
  Arn: {Description: The topic, Value: !Ref Topic}
",
        &[
            "root.yaml:13:63: Resources/Two/Properties/Parameters/Name needs One, which needs this in turn, in every combination.",
        ],
    ),
    case(
        "a template nested in itself",
        r"
Resources:
  Nested: {Type: AWS::CloudFormation::Stack, DeletionPolicy: Delete, UpdateReplacePolicy: Delete, Properties: {TemplateURL: root.yaml}}
",
        &["root.yaml:4:11: Resources/Nested is nested too deeply, in every combination."],
    ),
    // Function
    case(
        "functions that need a transform, or are none",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {A: !Length [a], B: !ToJsonString {a: b}, C: {'Fn::Nothing': x}, D: !Transform {Name: x}}}
",
        &[
            "root.yaml:4:50: Resources/Topic/Properties/A uses Fn::Length, which CloudFormation does not take there.",
            "root.yaml:4:66: Resources/Topic/Properties/B uses Fn::ToJsonString, which CloudFormation does not take there.",
            "root.yaml:4:91: Resources/Topic/Properties/C uses Fn::Nothing, which CloudFormation does not take there.",
            "root.yaml:4:114: Resources/Topic/Properties/D uses Fn::Transform, which CloudFormation does not take there.",
        ],
    ),
    case(
        "functions given what they do not take",
        r"
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      A: !Join [',']
      B: !GetAtt [Topic]
      C: !Sub ['${A}']
      D: !Sub '${not a name}'
      E: !Sub '${never ended'
      F: {Ref: [Topic]}
      G: {Ref: Topic, Other: x}
      H: !If [IsOne, a]
      I: !FindInMap [Map, !Select [0, [a]], b]
",
        &[
            "root.yaml:7:10: Resources/Topic/Properties/A gives Fn::Join what it does not take.",
            "root.yaml:8:10: Resources/Topic/Properties/B gives Fn::GetAtt what it does not take.",
            "root.yaml:9:10: Resources/Topic/Properties/C gives Fn::Sub what it does not take.",
            "root.yaml:10:10: Resources/Topic/Properties/D gives Fn::Sub what it does not take.",
            "root.yaml:11:10: Resources/Topic/Properties/E gives Fn::Sub what it does not take.",
            "root.yaml:12:10: Resources/Topic/Properties/F gives Ref what it does not take.",
            "root.yaml:13:10: Resources/Topic/Properties/G mixes Ref with other keys.",
            "root.yaml:14:10: Resources/Topic/Properties/H gives Fn::If what it does not take.",
            "root.yaml:15:10: Resources/Topic/Properties/I gives Fn::FindInMap what it does not take.",
        ],
    ),
    case(
        "functions that come to nothing",
        r"
Mappings:
  Map: {eu-central-1: {Name: a, Names: [a, b]}}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      A: !Select [2, [a, b]]
      B: !Select [x, [a, b]]
      C: !Select [0, text]
      D: !FindInMap [Map, !Ref 'AWS::Region', Missing]
      E: !Join [',', text]
      F: !Join [',', [[a]]]
      G: !Sub ['${List}', {List: [a]}]
      H: !Sub '${AWS::NoValue}'
      I: !Cidr [10.0.0.0/24, 3, 7]
      J: !Cidr [10.0.0.0, 1, 8]
      K: !Cidr [10.0.0.0/16, none, 8]
      L: !Cidr [10.0.0.0/16, 1, many]
      M: !GetAZs [a]
      N: !FindInMap [Map, !Ref 'AWS::Region', Names]
",
        &[
            "root.yaml:9:10: Resources/Topic/Properties/A selects item 2, counted from 0, of a list of 2, in every combination.",
            "root.yaml:10:19: Resources/Topic/Properties/B/Fn::Select/0 must be a number to select by, in every combination.",
            "root.yaml:11:22: Resources/Topic/Properties/C/Fn::Select/1 must be a list, in every combination.",
            "root.yaml:12:10: Resources/Topic/Properties/D looks for eu-central-1 and Missing in Map, which does not have it, in every combination.",
            "root.yaml:13:22: Resources/Topic/Properties/E/Fn::Join/1 must be a list, in every combination.",
            "root.yaml:14:23: Resources/Topic/Properties/F/Fn::Join/1/0 must be text to be joined, in every combination.",
            "root.yaml:15:10: Resources/Topic/Properties/G puts List into text, which is none, in every combination.",
            "root.yaml:16:10: Resources/Topic/Properties/H puts AWS::NoValue into text, which is none, in every combination.",
            "root.yaml:17:10: Resources/Topic/Properties/I takes 3 blocks out of 10.0.0.0/24, which holds 2, in every combination.",
            "root.yaml:18:17: Resources/Topic/Properties/J/Fn::Cidr/0 is \"10.0.0.0\" and not a CIDR block, in every combination.",
            "root.yaml:19:30: Resources/Topic/Properties/K/Fn::Cidr/1 must be the number of blocks, 1 to 255, in every combination.",
            "root.yaml:20:10: Resources/Topic/Properties/L gives Fn::Cidr a size that is no number, in every combination.",
            "root.yaml:21:10: Resources/Topic/Properties/M/Fn::GetAZs must be text, in every combination.",
        ],
    ),
    case(
        "an output that is not text",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic}
Outputs:
  List: {Description: One, Value: [a, b]}
  Nothing: {Description: One, Value: !Ref AWS::NoValue}
",
        &[
            "root.yaml:6:35: Outputs/List/Value is an output and not text, in every combination.",
            "root.yaml:7:38: Outputs/Nothing/Value is an output and not text, in every combination.",
        ],
    ),
    case(
        "conditions that CloudFormation does not take",
        r"
Conditions:
  OfResource: !Equals [!Ref Topic, x]
  OfAttribute: !Equals [!GetAtt Topic.Name, x]
  OfOne: !And [!Equals [a, a]]
  OfText: text
  OfRule: !Contains [[a], a]
  OfList: !Equals [[a], a]
Resources:
  Topic: {Type: AWS::SNS::Topic, Condition: OfResource}
  Second: {Type: AWS::SNS::Topic, Condition: OfAttribute}
  Third: {Type: AWS::SNS::Topic, Condition: OfOne}
  Fourth: {Type: AWS::SNS::Topic, Condition: OfText}
  Fifth: {Type: AWS::SNS::Topic, Condition: OfRule}
  Sixth: {Type: AWS::SNS::Topic, Condition: OfList}
",
        &[
            "root.yaml:4:24: Conditions/OfResource/Fn::Equals/0 refers to Topic, which is no parameter, in every combination.",
            "root.yaml:5:25: Conditions/OfAttribute/Fn::Equals/0 uses Fn::GetAtt, which CloudFormation does not take there.",
            "root.yaml:6:10: Conditions/OfOne uses Fn::And in a way that CloudFormation does not take there.",
            "root.yaml:7:11: Conditions/OfText is not one condition function.",
            "root.yaml:8:11: Conditions/OfRule uses Fn::Contains in a way that CloudFormation does not take there.",
            "root.yaml:9:20: Conditions/OfList/Fn::Equals/0 must be text, in every combination.",
        ],
    ),
    nested(
        "a condition that only a deployment can decide",
        r"
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Nested:
    Type: AWS::CloudFormation::Stack
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties: {TemplateURL: nested.yaml, Parameters: {Name: !GetAtt Topic.TopicName}}
",
        r"
Parameters:
  Name: {Type: String, Description: A name}
Conditions:
  IsNamed: !Equals [!Ref Name, special]
Resources:
  Topic: {Type: AWS::SNS::Topic, Condition: IsNamed}
",
        &[
            "nested.yaml:6:12: Conditions/IsNamed compares <Topic.TopicName> with special, which only a deployment can tell apart, in every combination.",
        ],
    ),
    // Input
    nested(
        "inputs that do not fit",
        r"
Resources:
  Nested:
    Type: AWS::CloudFormation::Stack
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      TemplateURL: nested.yaml
      Parameters: {Undeclared: x, Kind: three, Size: 11, Letters: abc1, Short: abcd, Number: many, List: [a, b]}
",
        r"
Parameters:
  Missing: {Type: String, Description: One}
  Kind: {Type: String, Description: One, AllowedValues: [one, two]}
  Size: {Type: Number, Description: One, MinValue: 1, MaxValue: 10}
  Letters: {Type: String, Description: One, AllowedPattern: '[a-z]*', ConstraintDescription: must be letters}
  Short: {Type: String, Description: One, MaxLength: 3}
  Number: {Type: Number, Description: One}
  List: {Type: CommaDelimitedList, Description: One, Default: a}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {A: !Sub '${Missing}${Kind}${Size}${Letters}${Short}${Number}', B: !Ref List}}
",
        &[
            "root.yaml:5:5: Resources/Nested is not given Missing, for which nested.yaml has no default, in every combination.",
            "root.yaml:10:32: Resources/Nested/Properties/Parameters/Undeclared is not a parameter of nested.yaml, in every combination.",
            "root.yaml:10:41: Resources/Nested/Properties/Parameters/Kind is refused by Kind of nested.yaml: \"three\" is none of the allowed values, in every combination.",
            "root.yaml:10:54: Resources/Nested/Properties/Parameters/Size is refused by Size of nested.yaml: 11 is out of range, in every combination.",
            "root.yaml:10:67: Resources/Nested/Properties/Parameters/Letters is refused by Letters of nested.yaml: \"abc1\" does not match the pattern (must be letters), in every combination.",
            "root.yaml:10:80: Resources/Nested/Properties/Parameters/Short is refused by Short of nested.yaml: \"abcd\" has 4 characters, in every combination.",
            "root.yaml:10:94: Resources/Nested/Properties/Parameters/Number is refused by Number of nested.yaml: \"many\" is not a number, in every combination.",
            "root.yaml:10:106: Resources/Nested/Properties/Parameters/List must be text; join a list by commas, in every combination.",
        ],
    ),
    Case {
        name: "inputs that are forgotten",
        root: r"
Resources:
  Nested:
    Type: AWS::CloudFormation::Stack
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties: {TemplateURL: spare.yaml, Parameters: {Needless: x}}
",
        nested: Some((
            "spare.yaml",
            r"
Parameters:
  Spare: {Type: String, Description: One, Default: x}
  Needless: {Type: String, Description: One, Default: x}
  Forgotten: {Type: String, Description: One, Default: x}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {A: !Sub '${Spare}${Needless}${Forgotten}'}}
",
        )),
        axes: &[],
        expected: &[
            "root.yaml:5:5: Resources/Nested is not given Forgotten, which spare.yaml asks for and would have its default.",
            "spare.yaml:5:13: Parameters/Needless is said to be given by nobody on purpose, and is given, or is no parameter.",
        ],
    },
    case(
        "a template that refuses everything",
        r"
Parameters:
  Kind: {Type: String, Description: One, AllowedPattern: '[0-9]', ConstraintDescription: must be a digit}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {A: !Ref Kind}}
",
        &[
            "root.yaml:1:1: the template refuses all that is tried, first because of Kind: \"given\" does not match the pattern (must be a digit).",
        ],
    ),
    nested(
        "inputs that a rule refuses",
        r#"
Parameters:
  Kind: {Type: String, Description: A kind, AllowedValues: [one, two], Default: one}
Resources:
  Nested:
    Type: AWS::CloudFormation::Stack
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties: {TemplateURL: nested.yaml, Parameters: {Kind: !Ref Kind}}
"#,
        r"
Parameters:
  Kind: {Type: String, Description: A kind}
Rules:
  IsOne: {Assertions: [{Assert: !Equals [!Ref Kind, one], AssertDescription: The kind must be one.}]}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Kind}}
",
        &[
            "root.yaml:7:5: Resources/Nested is refused by IsOne of nested.yaml: The kind must be one, when Kind is \"two\" (1 of 2 combinations).",
        ],
    ),
    // Unused
    case(
        "declarations that nothing uses",
        r"
Parameters:
  Idle: {Type: String, Description: Used by nothing, Default: x}
  Asked: {Type: String, Description: Used by an idle condition, AllowedValues: [a, b], Default: a}
  Ruled: {Type: String, Description: Used by a rule alone, AllowedValues: [a, b], Default: a}
Mappings:
  Map: {a: {b: c}}
Rules:
  OnlyA: {Assertions: [{Assert: !Equals [!Ref Ruled, a], AssertDescription: It must be a.}]}
Conditions:
  IsIdle: !Equals [!Ref Asked, a]
Resources:
  Topic: {Type: AWS::SNS::Topic}
",
        &[
            "root.yaml:4:9: Parameters/Idle is a parameter that no resource and no output depends on.",
            "root.yaml:5:10: Parameters/Asked is a parameter that no resource and no output depends on.",
            "root.yaml:6:10: Parameters/Ruled is a parameter that no resource and no output depends on.",
            "root.yaml:8:8: Mappings/Map is a map in which nothing looks.",
            "root.yaml:12:11: Conditions/IsIdle is a condition that no resource and no output depends on.",
        ],
    ),
    case(
        "conditions and rules that make no difference",
        r"
Parameters:
  Kind: {Type: String, Description: A kind, AllowedValues: [one, two], Default: one}
Rules:
  Never: {Assertions: [{Assert: !Contains [[one, two], !Ref Kind], AssertDescription: It must be one or two.}]}
Conditions:
  IsThree: !Equals [!Ref Kind, three]
  IsKnown: !Or [!Equals [!Ref Kind, one], !Equals [!Ref Kind, two]]
Resources:
  Topic: {Type: AWS::SNS::Topic, Condition: IsThree}
  Other: {Type: AWS::SNS::Topic, Condition: IsKnown}
",
        &[
            "root.yaml:6:10: Rules/Never refuses no combination.",
            "root.yaml:8:12: Conditions/IsThree is false in every combination.",
            "root.yaml:9:12: Conditions/IsKnown is true in every combination.",
        ],
    ),
    // Parameter
    case(
        "parameters that are not right",
        r"
Parameters:
  Silent: {Type: String, Default: x}
  Typeless: {Type: Text, Description: One, Default: x}
  Stubborn: {Type: String, Description: One, Default: x, AllowedValues: [a]}
  Terse: {Type: String, Description: One, Default: a, AllowedPattern: '[a-z]'}
  Unreadable: {Type: String, Description: One, Default: a, AllowedPattern: '(a', ConstraintDescription: must be readable}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Sub '${Silent}${Typeless}${Terse}${Unreadable}'}}
  Other: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Stubborn}}
",
        &[
            "root.yaml:4:11: Parameters/Silent is a parameter without a description.",
            "root.yaml:5:13: Parameters/Typeless has no type that CloudFormation knows.",
            "root.yaml:6:13: Parameters/Stubborn refuses its own default: \"x\" is none of the allowed values.",
            "root.yaml:7:10: Parameters/Terse has a pattern and no ConstraintDescription to say what must be given.",
            "root.yaml:8:15: Parameters/Unreadable has a pattern that cannot be read: Parsing error at position 8: Opening parenthesis without closing parenthesis.",
        ],
    ),
    case(
        "a parameter that decides and whose values are not known",
        r"
Parameters:
  Kind: {Type: String, Description: A kind, Default: one}
Conditions:
  IsOne: !Equals [!Ref Kind, one]
Resources:
  Topic: {Type: AWS::SNS::Topic, Condition: IsOne}
",
        &[
            "root.yaml:4:9: Parameters/Kind decides what is made, and the check does not know which values to try.",
            "root.yaml:6:10: Conditions/IsOne is true in every combination.",
        ],
    ),
    // Interface
    case(
        "parameters that are grouped wrongly",
        r"
Metadata:
  AWS::CloudFormation::Interface:
    ParameterGroups:
      - {Label: {default: One}, Parameters: [A, B]}
      - {Label: {default: Two}, Parameters: [B, Missing]}
    ParameterLabels:
      A: {default: First}
      Missing: {default: Nothing}
Parameters:
  A: {Type: String, Description: One, Default: x}
  B: {Type: String, Description: One, Default: x}
  C: {Type: String, Description: One, Default: x}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Sub '${A}${B}${C}'}}
",
        &[
            "root.yaml:5:5: Metadata/AWS::CloudFormation::Interface groups Missing, which is no parameter.",
            "root.yaml:5:5: Metadata/AWS::CloudFormation::Interface has no label for B.",
            "root.yaml:5:5: Metadata/AWS::CloudFormation::Interface has no label for C.",
            "root.yaml:5:5: Metadata/AWS::CloudFormation::Interface labels Missing, which is no parameter.",
            "root.yaml:5:5: Metadata/AWS::CloudFormation::Interface puts B into two groups.",
            "root.yaml:5:5: Metadata/AWS::CloudFormation::Interface puts C into no group.",
        ],
    ),
    // FixedName
    case(
        "names that a second deployment would have",
        r"
Parameters:
  Environment: {Type: String, Description: One, Default: production}
Resources:
  Role: {Type: AWS::IAM::Role, Properties: {RoleName: !Sub 'bbb-${Environment}-${AWS::Region}'}}
  Function: {Type: AWS::Lambda::Function, Properties: {FunctionName: !Sub '${AWS::StackName}-function'}}
Outputs:
  Name: {Description: One, Value: x, Export: {Name: BBBName}}
",
        &[
            "root.yaml:6:55: Resources/Role/Properties/RoleName gives a name, \"bbb-production-eu-central-1\", that a second deployment would give too, in every combination.",
            "root.yaml:9:53: Outputs/Name/Export/Name gives an export, \"BBBName\", that a second deployment would give too, in every combination.",
        ],
    ),
    // Secret
    case(
        "secrets in the open",
        r"
Parameters:
  AdministratorPassword: {Type: String, Description: One, NoEcho: true}
Resources:
  Instance:
    Type: AWS::EC2::Instance
    Metadata: {Login: !Ref AdministratorPassword}
    Properties:
      UserData:
        Fn::Base64: !Sub |
          #!/bin/sh
          login ${AdministratorPassword}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Description: !Sub 'logs in as ${AdministratorPassword}'
      Environment: {Variables: {LOGIN: !Ref AdministratorPassword, URL: 'https://user:word@example.org/'}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: one
          Command: [login, '{{resolve:secretsmanager:login:SecretString:password}}']
          Environment: [{Name: SECRET_KEY_BASE, Value: abc}]
          Secrets: [{Name: API_KEY, ValueFrom: 'arn:x'}]
  Database: {Type: AWS::RDS::DBInstance, DeletionPolicy: Snapshot, UpdateReplacePolicy: Snapshot, Properties: {MasterUserPassword: abc}}
  Right: {Type: AWS::RDS::DBInstance, DeletionPolicy: Snapshot, UpdateReplacePolicy: Snapshot, Properties: {MasterUserPassword: !Ref AdministratorPassword}}
  Key: {Type: AWS::IAM::AccessKey}
  Custom: {Type: Custom::Credentials, DeletionPolicy: Delete, UpdateReplacePolicy: Delete, Properties: {ServiceTimeout: 1, Key: !GetAtt Key.SecretAccessKey}}
  Kept: {Type: AWS::SSM::Parameter, Properties: {Value: !GetAtt Custom.Password}}
Outputs:
  Password: {Description: One, Value: !Join ['', [!GetAtt Custom.Password]]}
",
        &[
            "root.yaml:8:23: Resources/Instance/Metadata/Login puts AdministratorPassword into Metadata, in every combination.",
            "root.yaml:11:9: Resources/Instance/Properties/UserData puts AdministratorPassword into UserData, in every combination.",
            "root.yaml:17:20: Resources/Function/Properties/Description puts AdministratorPassword into Description, in every combination.",
            "root.yaml:18:40: Resources/Function/Properties/Environment/Variables/LOGIN puts AdministratorPassword into Environment, in every combination.",
            "root.yaml:18:73: Resources/Function/Properties/Environment/Variables/URL puts an address with a password into Environment, in every combination.",
            "root.yaml:24:28: Resources/Task/Properties/ContainerDefinitions/0/Command/1 puts what {{resolve:secretsmanager:...}} becomes into Command, in every combination.",
            "root.yaml:25:56: Resources/Task/Properties/ContainerDefinitions/0/Environment/0/Value gives SECRET_KEY_BASE its value in the open, instead of as a secret, in every combination.",
            "root.yaml:27:132: Resources/Database/Properties/MasterUserPassword is a secret that the template gives away, in every combination.",
            "root.yaml:30:129: Resources/Custom/Properties/Key puts Key.SecretAccessKey into what everybody may read who sees the stack, in every combination.",
            "root.yaml:31:57: Resources/Kept/Properties/Value puts Custom.Password into what everybody may read who sees the stack, in every combination.",
            "root.yaml:33:39: Outputs/Password/Value puts Custom.Password into an output, in every combination.",
        ],
    ),
    case(
        "secrets that are none",
        r"
Parameters:
  AdministratorPassword: {Type: String, Description: Shown in the console, Default: x}
  Login: {Type: String, Description: Known to everybody, Default: x, NoEcho: true}
Resources:
  Instance: {Type: AWS::RDS::DBInstance, DeletionPolicy: Snapshot, UpdateReplacePolicy: Snapshot, Properties: {MasterUserPassword: !Ref Login}}
  Other: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref AdministratorPassword}}
",
        &[
            "root.yaml:4:26: Parameters/AdministratorPassword is a secret by its name, and not NoEcho.",
            "root.yaml:5:10: Parameters/Login is a secret with a default, which everybody knows.",
        ],
    ),
    nested(
        "a secret passed on in the open",
        r"
Parameters:
  Login: {Type: String, Description: One, NoEcho: true}
Resources:
  Nested:
    Type: AWS::CloudFormation::Stack
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties: {TemplateURL: nested.yaml, Parameters: {Shown: !Ref Login, Kept: !Ref Login}}
",
        r"
Parameters:
  Shown: {Type: String, Description: One}
  Kept: {Type: String, Description: One, NoEcho: true}
Resources:
  One: {Type: AWS::RDS::DBInstance, DeletionPolicy: Snapshot, UpdateReplacePolicy: Snapshot, Properties: {MasterUserPassword: !Ref Shown}}
  Two: {Type: AWS::RDS::DBInstance, DeletionPolicy: Snapshot, UpdateReplacePolicy: Snapshot, Properties: {MasterUserPassword: !Ref Kept}}
",
        &[
            "root.yaml:10:64: Resources/Nested/Properties/Parameters/Shown passes Login on to Shown of nested.yaml, which shows it to everybody who may see the stack, in every combination.",
        ],
    ),
    // Traffic
    case(
        "traffic that is not explained",
        r"
Resources:
  Listed:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: One
      SecurityGroupIngress:
        - {Description: Web, IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}
        - {Description: Web, IpProtocol: tcp, FromPort: 443, ToPort: 444, CidrIpv6: '::/0'}
        - {Description: Web, IpProtocol: udp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}
        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 10.0.0.0/8}
      SecurityGroupEgress:
        - {Description: Everything, IpProtocol: '-1', CidrIp: 0.0.0.0/0}
  Other:
    Type: AWS::EC2::SecurityGroup
    Properties: {GroupDescription: One}
  Inward:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !GetAtt Other.GroupId, Description: All, IpProtocol: '-1', CidrIp: 0.0.0.0/0}
  ListedInward:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref Listed, Description: Web, IpProtocol: tcp, FromPort: 80, ToPort: 443, CidrIp: 0.0.0.0/0}
  Outward:
    Type: AWS::EC2::SecurityGroupEgress
    Properties: {GroupId: !Ref Other, IpProtocol: '-1', CidrIp: 0.0.0.0/0}
",
        &[
            "root.yaml:10:11: Resources/Listed/Properties/SecurityGroupIngress/1 opens Listed to the world for tcp, ports 443 to 444, which is not on the list, in every combination.",
            "root.yaml:11:11: Resources/Listed/Properties/SecurityGroupIngress/2 opens Listed to the world for udp, ports 443 to 443, which is not on the list, in every combination.",
            "root.yaml:12:11: Resources/Listed/Properties/SecurityGroupIngress/3 is a rule without a description, in every combination.",
            "root.yaml:14:11: Resources/Listed/Properties/SecurityGroupEgress/0 lets everything out to the world, in every combination.",
            "root.yaml:16:5: Resources/Other does not say what may go out, in every combination.",
            "root.yaml:20:17: Resources/Inward/Properties opens Other to the world for -1, ports any to any, which is not on the list, in every combination.",
            "root.yaml:26:17: Resources/Outward/Properties is a rule without a description, in every combination.",
            "root.yaml:26:17: Resources/Outward/Properties lets everything out to the world, in every combination.",
        ],
    ),
    // Wildcard
    case(
        "policies that grant more than they name",
        r"
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyName: one
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: 's3:Get*', Resource: !Sub 'arn:${AWS::Partition}:s3:::bucket/key'}
              # Why is said here.
              - {Effect: Allow, Action: 's3:Get*', Resource: !Sub 'arn:${AWS::Partition}:s3:::bucket/key'}
              - {Effect: Allow, Action: 's3:GetObject', Resource: '*'}
              - Effect: Allow
                Action: 's3:GetObject'
                # And here.
                Resource: '*'
              - {Effect: Allow, Action: 's3:GetObject', Resource: !Sub 'arn:${AWS::Partition}:s3:::*'}
              - {Effect: Allow, NotAction: 's3:GetObject', Resource: !Sub 'arn:${AWS::Partition}:s3:::bucket/key'}
              - {Effect: Deny, Action: '*', Resource: '*'}
              - {Effect: Allow, Action: 's3:GetObject', Resource: !Sub 'arn:${AWS::Partition}:s3:::bucket/*'}
  Key:
    Type: AWS::KMS::Key
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      KeyPolicy:
        Statement:
          - {Effect: Allow, Principal: {AWS: !Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root'}, Action: 'kms:*', Resource: '*'}
          - {Effect: Allow, Principal: {AWS: '*'}, Action: 'kms:Decrypt', Resource: '*'}
          - {Effect: Allow, Principal: {Service: sns.amazonaws.com}, Action: 'kms:*', Resource: '*'}
          - {Effect: Allow, Principal: {Service: sns.amazonaws.com}, Action: 'kms:GenerateDataKey*', Resource: '*'}
",
        &[
            "root.yaml:11:17: Resources/Role/Properties/Policies/0/PolicyDocument/Statement/0 grants s3:Get* and no comment says why, in every combination.",
            "root.yaml:14:17: Resources/Role/Properties/Policies/0/PolicyDocument/Statement/2 grants on every resource and no comment says why, in every combination.",
            "root.yaml:19:17: Resources/Role/Properties/Policies/0/PolicyDocument/Statement/4 grants on every resource and no comment says why, in every combination.",
            "root.yaml:20:17: Resources/Role/Properties/Policies/0/PolicyDocument/Statement/5 grants by NotAction and no comment says why, in every combination.",
            "root.yaml:31:13: Resources/Key/Properties/KeyPolicy/Statement/1 grants to everybody and no comment says why, in every combination.",
            "root.yaml:32:13: Resources/Key/Properties/KeyPolicy/Statement/2 grants kms:* and no comment says why, in every combination.",
        ],
    ),
    // Retention
    case(
        "data that nobody said what becomes of",
        r"
Resources:
  Log: {Type: AWS::Logs::LogGroup, DeletionPolicy: Delete}
  Bucket: {Type: AWS::S3::Bucket, DeletionPolicy: Delete, UpdateReplacePolicy: Retain}
  Scratch:
    Type: AWS::S3::Bucket
    # It holds copies.
    DeletionPolicy: Delete
    UpdateReplacePolicy: Retain
",
        &[
            "root.yaml:4:8: Resources/Log holds something and has no UpdateReplacePolicy.",
            "root.yaml:5:11: Resources/Bucket may hold users' data, has the DeletionPolicy Delete, and no comment above that says why.",
        ],
    ),
    // Unset
    Case {
        name: "a way to leave unset that becomes a value",
        root: r#"
Parameters:
  Region: {Type: String, Description: A region, Default: "-"}
Conditions:
  HasRegion: !Not [!Equals [!Ref Region, ""]]
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !If [HasRegion, !Ref Region, !Ref "AWS::NoValue"]}}
"#,
        nested: None,
        axes: &[("Region", &["-", "", "AWS::NoValue", "eu-central-1"])],
        expected: &[
            "root.yaml:8:76: Resources/Topic/Properties/DisplayName/Fn::If/1 is \"-\", which should leave it unset, when Region is \"-\" (1 of 4 combinations).",
            "root.yaml:8:76: Resources/Topic/Properties/DisplayName/Fn::If/1 is \"AWS::NoValue\", which should leave it unset, when Region is \"AWS::NoValue\" (1 of 4 combinations).",
        ],
    },
    // Network
    case(
        "subnets and what spans them",
        r"
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, AvailabilityZone: !Select [0, !GetAZs '']}}
  B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.128/25, AvailabilityZone: !Select [0, !GetAZs '']}}
  C: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.1.1.0/24, AvailabilityZone: !Select [1, !GetAZs '']}}
  D: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.1.1.0, AvailabilityZone: !Select [1, !GetAZs '']}}
  Wrong: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [!Ref A, !Ref B]}}
  Right: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [!Ref A, !Ref C]}}
  Group: {Type: AWS::RDS::DBSubnetGroup, Properties: {SubnetIds: [subnet-1]}}
",
        &[
            "root.yaml:6:72: Resources/B/Properties/CidrBlock is 10.0.1.128/25, which overlaps 10.0.1.0/24, in every combination.",
            "root.yaml:7:72: Resources/C/Properties/CidrBlock is 10.1.1.0/24, which is outside of the VPC, in every combination.",
            "root.yaml:8:72: Resources/D/Properties/CidrBlock is \"10.1.1.0\" and not a CIDR block, in every combination.",
            "root.yaml:9:82: Resources/Wrong/Properties/Subnets spans 1 zone, and AWS takes two or more, in every combination.",
            "root.yaml:11:66: Resources/Group/Properties/SubnetIds spans 1 zone, and AWS takes two or more, in every combination.",
        ],
    ),
    // Form
    case(
        "templates that are not plain",
        r"
Transform: AWS::LanguageExtensions
Resources:
  Topic: {Type: AWS::SNS::Topic, DeletionPolicy: !Ref Policy, DependsOn: {a: b}}
  Typeless: {Properties: {A: !Sub 'arn:aws:s3:::${Topic}', B: 'https://s3.amazonaws.com/bucket', C: 'arn:aws:s3:::bucket'}}
  Nested: {Type: AWS::CloudFormation::Stack, DeletionPolicy: Delete, UpdateReplacePolicy: Delete, Properties: {TemplateURL: 'https://host/x'}}
Rules:
  Silent: {Assertions: [{Assert: !Equals [a, b]}]}
Outputs:
  Silent: {Value: x}
  Empty: {Description: One}
",
        &[
            "root.yaml:1:1: the template refuses all that is tried, first because of Silent: does not hold.",
            "root.yaml:3:12: Transform is not a section of a plain template.",
            "root.yaml:5:10: Resources/Topic has a DeletionPolicy that is not text.",
            "root.yaml:5:10: Resources/Topic has a DependsOn that is neither a name nor a list of them.",
            "root.yaml:6:13: Resources/Typeless has no type.",
            "root.yaml:6:30: Resources/Typeless/Properties/A names the partition aws; ${AWS::Partition} holds in every one.",
            "root.yaml:6:63: Resources/Typeless/Properties/B names a host under amazonaws.com; ${AWS::URLSuffix} holds in every partition.",
            "root.yaml:6:101: Resources/Typeless/Properties/C names the partition aws; ${AWS::Partition} holds in every one.",
            "root.yaml:7:11: Resources/Nested is a nested stack without a relative path to its template.",
            "root.yaml:9:11: Rules/Silent has no assertion, or one without AssertDescription.",
            "root.yaml:11:11: Outputs/Silent does not say what Silent is.",
            "root.yaml:12:10: Outputs/Empty has no value.",
        ],
    ),
    case("a template without resources", "Parameters: {}\n", &["root.yaml:1:1: the template declares no resources."]),
    // Operation
    case(
        "alarms and custom resources that end nowhere",
        r#"
Resources:
  Alarm: {Type: AWS::CloudWatch::Alarm}
  Other: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmActions: [""]}}
  Custom: {Type: Custom::Thing, DeletionPolicy: Delete, UpdateReplacePolicy: Delete}
"#,
        &[
            "root.yaml:4:10: Resources/Alarm is an alarm that reaches nobody, in every combination.",
            "root.yaml:5:10: Resources/Other is an alarm that reaches nobody, in every combination.",
            "root.yaml:6:11: Resources/Custom is a custom resource without ServiceTimeout, for which CloudFormation waits an hour, in every combination.",
        ],
    ),
];

fn findings(case: &Case) -> (Vec<String>, BTreeSet<Rule>) {
    let texts: Vec<(&str, &str)> = std::iter::once(("root.yaml", case.root)).chain(case.nested).collect();
    let mut deployment = deployment(case.axes);
    let definitions = definitions(&texts);
    for (name, parameter) in definitions[&deployment.template].parameters() {
        if parameter.default.is_none() {
            deployment.given.insert(name.clone(), "given".to_owned());
        }
    }
    let report = check(&definitions, &[deployment], &POLICY);
    let rules = report.findings.iter().map(stack_template::Finding::rule).collect();
    (report.findings.iter().map(ToString::to_string).collect(), rules)
}

#[test]
fn each_fault_is_found_and_nothing_else() {
    let mut wrong = Vec::new();
    for case in CASES {
        let (found, _) = findings(case);
        if found != case.expected {
            wrong.push(format!(
                "{}\n{}",
                case.name,
                found.iter().map(|line| format!("        {line:?},\n")).collect::<String>()
            ));
        }
    }
    assert!(wrong.is_empty(), "found otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn each_rule_is_broken_by_a_case() {
    let broken: BTreeSet<Rule> = CASES.iter().flat_map(|case| findings(case).1).collect();
    let unbroken: Vec<Rule> = Rule::ALL.into_iter().filter(|rule| !broken.contains(rule)).collect();
    assert!(unbroken.is_empty(), "no case breaks {unbroken:?}");
}
