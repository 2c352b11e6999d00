//! The parameters of a deployment: read, renamed, completed, and checked before anything is called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use deployment::partition::Partition;
use serde_json::Value;
use stack_template::Parameter;
use stack_template::definition::Definition;
use stack_template::evaluate::{Region, World};

use crate::exit::refused;

/// The root template.
const ROOT: &str = "template.yaml";

/// Names of the sample's release 6.0.0, what they are called here, and what comes before their values.
const OLD_NAMES: [(&str, &str, &str); 6] = [
    ("BBBVPCDEF", "BBBVPC", ""),
    ("BBBgreenlightImageTag", "BBBgreenlightImage", "bigbluebutton/greenlight:"),
    ("BBBScaleliteApiImageTag", "BBBScaleliteApiImage", "blindsidenetwks/scalelite:"),
    ("BBBScaleliteNginxImageTag", "BBBScaleliteNginxImage", "blindsidenetwks/scalelite:"),
    ("BBBScalelitePollerImageTag", "BBBScalelitePollerImage", "blindsidenetwks/scalelite:"),
    ("BBBScaleliteImporterImageTag", "BBBScaleliteImporterImage", "blindsidenetwks/scalelite:"),
];

/// Names of the sample's release 6.0.0 that mean nothing here, and why.
const GONE: [(&str, &str); 3] = [
    ("BBBECRStack", "images are named in full, wherever they are"),
    ("BBBGreenlightDesiredReplicas", "there are as many as scaling wants"),
    ("BBBScaleliteDesiredReplicas", "there are as many as scaling wants"),
];

/// Parameters by name.
pub(crate) type Values = BTreeMap<String, String>;

/// The root template and all nested in it.
#[derive(Debug)]
pub(crate) struct Templates {
    definitions: BTreeMap<PathBuf, Definition>,
}

/// Reads a file of parameters, in the sample's form, flat, or in the AWS CLI's.
///
/// # Errors
///
/// A refusal when the file is not one.
pub(crate) fn read(file: &Path) -> anyhow::Result<Values> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| refused(format!("cannot read the parameters in {}: {error}", file.display())))?;
    let json = serde_json::from_str(&text)
        .map_err(|error| refused(format!("the parameters in {} are not JSON: {error}", file.display())))?;
    of_json(&json).map_err(|why| refused(format!("the parameters in {}: {why}", file.display())))
}

fn of_json(json: &Value) -> Result<Values, String> {
    match json {
        Value::Object(whole) => {
            let flat = match whole.get("Parameters") {
                Some(Value::Object(inner)) => inner,
                Some(_) => return Err("\"Parameters\" is not an object".to_owned()),
                None => whole,
            };
            flat.iter().map(|(name, value)| Ok((name.clone(), text_of(name, value)?))).collect()
        }
        Value::Array(items) => items
            .iter()
            .map(|item| match (item["ParameterKey"].as_str(), &item["ParameterValue"]) {
                (Some(name), value) => Ok((name.to_owned(), text_of(name, value)?)),
                (None, _) => Err("an item of the list has no \"ParameterKey\"".to_owned()),
            })
            .collect(),
        _ => Err("neither an object nor a list".to_owned()),
    }
}

fn text_of(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Array(items) => {
            let items: Result<Vec<String>, String> = items.iter().map(|item| text_of(name, item)).collect();
            Ok(items?.join(","))
        }
        Value::Null | Value::Object(_) => {
            Err(format!("{name} is neither a text, a number, true, false nor a list of these"))
        }
    }
}

/// Gives the parameters of the sample's release 6.0.0 the names that they have here, and says so.
pub(crate) fn renamed(given: Values) -> (Values, Vec<String>) {
    let mut warnings = Vec::new();
    let (mut new, mut old) = (Values::new(), Vec::new());
    for (name, value) in given {
        if let Some((_, why)) = GONE.iter().find(|(gone, _)| *gone == name) {
            warnings.push(format!("{name} is not needed any more and is left out: {why}"));
        } else if let Some((_, now, before)) = OLD_NAMES.iter().find(|(old, ..)| *old == name) {
            warnings.push(format!("{name} is called {now} now; it becomes {now}={before}{value}"));
            old.push((*now, format!("{before}{value}")));
        } else {
            new.insert(name, value);
        }
    }
    for (name, value) in old {
        // Who gives both has read what the new one means.
        new.entry(name.to_owned()).or_insert(value);
    }
    (new, warnings)
}

impl Templates {
    /// Reads the templates of the project at `root`.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let definitions = stack_template::templates::read(root, &[ROOT]).context("cannot read the templates")?;
        Ok(Self { definitions })
    }

    fn declared(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        let root = self.definitions.get(Path::new(ROOT));
        root.into_iter().flat_map(Definition::parameters).map(|(name, parameter)| (name.as_str(), parameter))
    }

    /// Refuses names that the template does not have.
    pub(crate) fn known(&self, given: &Values) -> anyhow::Result<()> {
        let known: BTreeSet<&str> = self.declared().map(|(name, _)| name).collect();
        let unknown: Vec<String> = given
            .keys()
            .filter(|name| !known.contains(name.as_str()))
            .map(|name| match nearest(name, &known) {
                Some(near) => format!("there is no parameter {name}; is it {near}?"),
                None => format!("there is no parameter {name}; docs/parameters.md has them all"),
            })
            .collect();
        if unknown.is_empty() { Ok(()) } else { Err(refused(unknown.join("\n"))) }
    }

    /// The parameters that have no value.
    pub(crate) fn missing(&self, kept: &Values, given: &Values) -> Vec<(&str, &Parameter)> {
        let has_value = |name: &str, parameter: &Parameter| {
            given.contains_key(name) || kept.contains_key(name) || parameter.default.is_some()
        };
        self.declared().filter(|(name, parameter)| !has_value(name, parameter)).collect()
    }

    /// What a parameter comes to.
    pub(crate) fn value(&self, name: &str, kept: &Values, given: &Values) -> String {
        let default = || self.declared().find(|(declared, _)| *declared == name)?.1.default.clone();
        given.get(name).or_else(|| kept.get(name)).cloned().or_else(default).unwrap_or_default()
    }

    /// Refuses values that `CloudFormation` would refuse, by parameter and by rule, in the root and in every nested stack.
    pub(crate) fn check(&self, kept: &Values, given: &Values, region: &str) -> anyhow::Result<()> {
        let problems = self.problems(kept, given, region);
        if problems.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = problems.into_iter().map(|problem| format!("  {problem}")).collect();
        Err(refused(format!("CloudFormation would not take these parameters:\n{}", list.join("\n"))))
    }

    /// Why `CloudFormation` would not take the parameters.
    pub(crate) fn problems(&self, kept: &Values, given: &Values, region: &str) -> Vec<String> {
        let declared: BTreeMap<&str, &Parameter> = self.declared().collect();
        let mut values: Values = kept
            .iter()
            // What nobody may read is not there to be checked; it was when it was given.
            .filter(|(name, _)| declared.get(name.as_str()).is_some_and(|parameter| !parameter.secret))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        values.extend(given.clone());
        let exports = BTreeSet::from([format!("{}-BBBStackBucket", self.value("BBBStackBucketStack", kept, given))]);
        let partition = Partition::of(region);
        let region = Region::new(region, partition.name, partition.suffix, "abc");
        let world = World::new(&self.definitions, &region, &exports, &[]);
        let Some(stack) = world.evaluate(Path::new(ROOT), &values) else { return vec![format!("there is no {ROOT}")] };
        let missing: BTreeSet<&str> = self.missing(kept, given).into_iter().map(|(name, _)| name).collect();
        // What is missing does not match its pattern either, which nobody needs to be told.
        let told =
            stack.refusals.iter().filter(|(name, why)| !missing.contains(name) || why.starts_with("has no default"));
        let own = told.map(|(name, why)| format!("{name}: {why}"));
        let mut problems: Vec<String> = own.collect();
        if problems.is_empty() {
            // What follows from a wrong parameter says less than the parameter.
            for nested in stack.all() {
                problems.extend(nested.refusals.iter().map(|(name, why)| format!("{}: {name}: {why}", nested.path)));
                problems.extend(nested.faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.message)));
            }
        }
        problems
    }
}

/// The known name that differs least, if it is about the same word.
fn nearest<'a>(name: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let lower = name.to_ascii_lowercase();
    known
        .iter()
        .map(|candidate| (distance(&lower, &candidate.to_ascii_lowercase()), *candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len() / 3)
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be changed, added or taken away (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

/// What the parameters of the project's own root come to.
#[cfg(test)]
pub(crate) fn value_of(given: &[(&str, &str)]) -> impl Fn(&str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let templates = Templates::read(root).expect("templates");
    let given: Values = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    move |name| templates.value(name, &Values::new(), &given)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn templates() -> Templates {
        Templates::read(Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")).expect("templates")
    }

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn needed() -> Values {
        values(&[
            ("BBBDomainName", "meet.example.com"),
            ("BBBHostedZone", "Z0123456789ABCDEFGHIJ"),
            ("BBBOperatorEMail", "operator@example.com"),
        ])
    }

    #[test]
    fn files_come_in_three_forms() {
        let expected = values(&[("A", "text"), ("B", "3"), ("C", "true"), ("D", "x,y")]);
        let flat = json!({"A": "text", "B": 3, "C": true, "D": ["x", "y"]});
        assert_eq!(of_json(&flat), Ok(expected.clone()));
        assert_eq!(of_json(&json!({ "Parameters": flat })), Ok(expected));
        let list = json!([{"ParameterKey": "A", "ParameterValue": "text"}]);
        assert_eq!(of_json(&list), Ok(values(&[("A", "text")])));
        for wrong in [json!("text"), json!({"A": null}), json!([{"A": "b"}]), json!({"Parameters": []})] {
            assert!(of_json(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn old_names_become_new_ones_with_a_warning() {
        let old =
            values(&[("BBBVPCDEF", "10.2.0.0/16"), ("BBBgreenlightImageTag", "v3"), ("BBBECRStack", "x"), ("A", "b")]);
        let (new, warnings) = renamed(old);
        let expected = [("BBBVPC", "10.2.0.0/16"), ("BBBgreenlightImage", "bigbluebutton/greenlight:v3"), ("A", "b")];
        assert_eq!(new, values(&expected));
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        let (both, _) = renamed(values(&[("BBBVPCDEF", "old"), ("BBBVPC", "new")]));
        assert_eq!(both, values(&[("BBBVPC", "new")]));
    }

    #[test]
    fn the_new_names_are_the_templates() {
        let templates = templates();
        let known: BTreeSet<&str> = templates.declared().map(|(name, _)| name).collect();
        assert!(OLD_NAMES.iter().all(|(old, now, _)| known.contains(now) && !known.contains(old)));
        assert!(GONE.iter().all(|(gone, _)| !known.contains(gone)));
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest() {
        let error = templates().known(&values(&[("BBBDomain", "x"), ("Whatever", "y")])).expect_err("refused");
        let said = error.to_string();
        assert!(said.contains("is it BBBDomainName?") && said.contains("no parameter Whatever; docs"), "{said}");
    }

    #[test]
    fn only_three_parameters_have_to_be_given() {
        let templates = templates();
        let names = |kept: &Values, given: &Values| -> Vec<String> {
            templates.missing(kept, given).into_iter().map(|(name, _)| name.to_owned()).collect()
        };
        assert_eq!(names(&Values::new(), &Values::new()), ["BBBDomainName", "BBBHostedZone", "BBBOperatorEMail"]);
        assert_eq!(names(&needed(), &Values::new()), [""; 0]);
        assert_eq!(templates.problems(&Values::new(), &needed(), "eu-central-1"), [""; 0]);
        assert_eq!(templates.problems(&needed(), &Values::new(), "eu-central-1"), [""; 0]);
    }

    #[test]
    fn patterns_and_rules_are_held_to() {
        let templates = templates();
        let with = |pairs: &[(&str, &str)]| {
            let mut given = needed();
            given.extend(values(pairs));
            templates.problems(&Values::new(), &given, "eu-central-1").join("\n")
        };
        assert!(with(&[("BBBDomainName", "Meet.Example.com")]).contains("must be a domain name in lower case"));
        assert!(with(&[("BBBFrontendType", "Moodle")]).contains("BBBFrontendType"));
        assert!(with(&[("BBBBusyFrom", "30 7 * * MON-FRI")]).contains("Give both BBBBusyFrom and BBBQuietFrom"));
    }
}
