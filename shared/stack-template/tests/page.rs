//! The pages about a template.

use std::path::Path;

use stack_template::page;

use crate::definitions;

#[test]
fn parameters_stand_in_their_groups_with_all_that_is_said_of_them() {
    let definitions = definitions(&[(
        "root.yaml",
        r#"
Metadata:
  AWS::CloudFormation::Interface:
    ParameterGroups:
      - {Label: {default: Who}, Parameters: [Mail, Kind]}
      - {Label: {default: How much}, Parameters: [Count, Many, Names, Login]}
    ParameterLabels:
      Mail: {default: E-mail}
Parameters:
  Names: {Type: CommaDelimitedList, Description: Some names., Default: ""}
  Mail:
    Type: String
    Description: >-
      Where <alarms> go,
      a|b, *.c.
    AllowedPattern: "^(a|b)$"
    ConstraintDescription: must be an address
  Kind: {Type: String, Description: A kind., AllowedValues: [one, ""], Default: one}
  Count: {Type: Number, Description: How many., MinValue: 1, MaxValue: 5, Default: 2}
  Many: {Type: Number, Description: At will., Default: 2}
  Login: {Type: String, Description: A secret., NoEcho: true, MinLength: 8}
Rules:
  Second: {Assertions: [{Assert: !Equals [a, a], AssertDescription: First of all.}]}
  First: {Assertions: [{Assert: !Equals [a, a], AssertDescription: "And then\n  that."}]}
Resources:
  R: {Type: T}
Outputs:
  Second: {Description: The topic., Value: x}
  First: {Description: The other., Condition: C, Value: x}
"#,
    )]);
    let definition = &definitions[Path::new("root.yaml")];
    assert_eq!(
        page::parameters(definition, 3),
        "\
### Who

| parameter | default | values | meaning |
| --- | --- | --- | --- |
| `Mail` | must be given | must be an address | **E-mail.** Where &lt;alarms> go, a\\|b, \\*.c. |
| `Kind` | `one` | `one`, empty | A kind. |

### How much

| parameter | default | values | meaning |
| --- | --- | --- | --- |
| `Count` | `2` | 1 to 5 | How many. |
| `Many` | `2` | a number | At will. |
| `Names` | empty | a list, separated by commas | Some names. |
| `Login` | must be given | 8 characters or more; kept from view | A secret. |
"
    );
    assert_eq!(page::refusals(definition), "- First of all.\n- And then that.\n");
    assert_eq!(
        page::outputs(definition),
        "| output | meaning |\n| --- | --- |\n| `Second` | The topic. |\n| `First` | The other. Not always there. |\n"
    );
}

#[test]
fn without_groups_parameters_stand_as_they_are_declared() {
    let root = "
Parameters:
  B: {Type: String, Description: One., Default: x}
  A: {Type: String, Description: Two., Default: x}
Resources:
  R: {Type: T}
";
    let definitions = definitions(&[("root.yaml", root)]);
    assert_eq!(
        page::parameters(&definitions[Path::new("root.yaml")], 2),
        "| parameter | default | values | meaning |\n| --- | --- | --- | --- |\n| `B` | `x` |  | One. |\n| `A` | `x` |  | Two. |\n"
    );
}
