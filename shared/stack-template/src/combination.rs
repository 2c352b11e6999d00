//! The combinations of what can be chosen for a deployment.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{
    definition::Definition,
    evaluate::Region,
    influence::{Influence, Names, REGION},
};

/// A stack as people may deploy it.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its template.
    pub template: PathBuf,
    /// The values of parameters in every combination, unless an axis says otherwise.
    pub given: BTreeMap<String, String>,
    /// What can be chosen, beside the parameters with allowed values.
    pub axes: Vec<Axis>,
    /// Where it can be deployed.
    pub regions: Vec<Region>,
    /// Lists whose length another parameter says.
    pub lengths: Vec<Length>,
    /// Parameters, and values of theirs that mean the same as the default.
    pub synonyms: Vec<(String, Vec<String>)>,
}

/// A list that is as long as another parameter says: what is longer is cut.
#[derive(Debug, Clone)]
pub struct Length {
    /// The parameter that is a list.
    pub list: String,
    /// The parameter that says how long it is.
    pub count: String,
    /// How long it is at least.
    pub least: usize,
}

/// Something that can be chosen, and what there is to choose from.
#[derive(Debug, Clone)]
pub struct Axis {
    /// What is chosen.
    pub name: String,
    /// What there is to choose from. The first is chosen in combinations that are about something else.
    pub alternatives: Vec<Alternative>,
}

/// One of the things to choose from.
#[derive(Debug, Clone)]
pub struct Alternative {
    /// What it is called in a finding.
    pub label: String,
    /// The parameters that it sets.
    pub values: BTreeMap<String, String>,
}

impl Axis {
    /// A parameter and its values.
    #[must_use]
    pub fn of(parameter: &str, values: &[&str]) -> Self {
        let alternative = |value: &&str| Alternative {
            label: format!("\"{value}\""),
            values: BTreeMap::from([(parameter.to_owned(), (*value).to_owned())]),
        };
        Self { name: parameter.to_owned(), alternatives: values.iter().map(alternative).collect() }
    }

    fn sets(&self, parameter: &str) -> bool {
        self.alternatives.iter().any(|alternative| alternative.values.contains_key(parameter))
    }
}

/// Which alternative is chosen on each axis; the last axis is the region.
pub(crate) type Combination = Vec<usize>;

/// All that can be chosen for a deployment.
pub(crate) struct Choices<'a> {
    deployment: &'a Deployment,
    /// The deployment's axes, those of allowed values, and the region.
    pub(crate) axes: Vec<Axis>,
    /// Parameters that decide something and of which no value is known.
    pub(crate) unknown: Names,
    /// For each part of the template, the axes that decide how it is evaluated.
    parts: Vec<BTreeSet<usize>>,
    /// The parts that depend on too much to be tried.
    pub(crate) too_many: Vec<BTreeSet<usize>>,
}

/// How many combinations of one part are tried at most: minutes of work.
const MOST: usize = 500_000;

impl<'a> Choices<'a> {
    pub(crate) fn new(deployment: &'a Deployment, definition: &'a Definition, influence: &Influence<'a>) -> Self {
        let mut axes = deployment.axes.clone();
        for (name, parameter) in &definition.parameters {
            if !parameter.allowed.is_empty() && !axes.iter().any(|axis| axis.sets(name)) {
                let default = deployment.given.get(name).or(parameter.default.as_ref());
                let others = parameter.allowed.iter().filter(|value| Some(*value) != default);
                let values: Vec<&str> = default.into_iter().chain(others).map(String::as_str).collect();
                axes.push(Axis::of(name, &values));
            }
        }
        let regions = deployment.regions.iter();
        axes.push(Axis {
            name: "the region".to_owned(),
            alternatives: regions
                .map(|region| Alternative { label: region.name.clone(), values: BTreeMap::new() })
                .collect(),
        });
        let region = axes.len() - 1;
        let mut unknown = Names::new();
        let mut parts = BTreeSet::new();
        for names in influence.parts(definition) {
            let mut part = BTreeSet::new();
            for name in names {
                if name == REGION {
                    part.insert(region);
                    continue;
                }
                let length = deployment.lengths.iter().find(|length| length.list == name);
                let sets = |axis: &Axis| axis.sets(&name) || length.is_some_and(|length| axis.sets(&length.count));
                let found: Vec<usize> = (0..region).filter(|index| sets(&axes[*index])).collect();
                if found.is_empty() && !deployment.given.contains_key(&name) {
                    unknown.insert(name.clone());
                }
                part.extend(found);
            }
            parts.insert(part);
        }
        // A part that another contains differs in no further combination.
        let all: Vec<_> = parts.iter().cloned().collect();
        let parts = all.iter().filter(|part| !all.iter().any(|other| other != *part && part.is_subset(other))).cloned();
        let count = |part: &BTreeSet<usize>| {
            part.iter().fold(1_usize, |count, axis| count.saturating_mul(axes[*axis].alternatives.len()))
        };
        let (parts, too_many) = parts.partition(|part| count(part) <= MOST);
        Self { deployment, axes, unknown, parts, too_many }
    }

    /// The first alternative everywhere.
    pub(crate) fn base(&self) -> Combination {
        vec![0; self.axes.len()]
    }

    /// Every combination in which a part of the template can be evaluated differently, and every alternative at least once; each with the axes
    /// that it is about. What it chooses on the others does not matter.
    pub(crate) fn combinations(&self) -> BTreeSet<(Combination, BTreeSet<usize>)> {
        let single = (0..self.axes.len()).map(|axis| BTreeSet::from([axis]));
        let parts = self.parts.iter().cloned().chain(single).chain([BTreeSet::new()]);
        parts
            .flat_map(|part| {
                self.product(&self.base(), &part).into_iter().map(move |combination| (combination, part.clone()))
            })
            .collect()
    }

    /// Every alternative that decides something, alone among first ones.
    pub(crate) fn single_deciding(&self) -> BTreeSet<Combination> {
        self.single_of(self.parts.iter().flatten().copied().collect::<BTreeSet<_>>())
    }

    fn single_of(&self, axes: impl IntoIterator<Item = usize>) -> BTreeSet<Combination> {
        let base = self.base();
        let others = axes.into_iter().flat_map(|axis| self.product(&base, &BTreeSet::from([axis])));
        others.chain([base.clone()]).collect()
    }

    /// `from` with every combination of alternatives on `axes`.
    pub(crate) fn product(&self, from: &Combination, axes: &BTreeSet<usize>) -> Vec<Combination> {
        axes.iter().fold(vec![from.clone()], |combinations, axis| {
            combinations
                .into_iter()
                .flat_map(|combination| {
                    (0..self.axes[*axis].alternatives.len()).map(move |alternative| {
                        let mut combination = combination.clone();
                        combination[*axis] = alternative;
                        combination
                    })
                })
                .collect()
        })
    }

    /// How many combinations there are, of all alternatives with all others.
    pub(crate) fn all(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a number for people")]
        self.axes.iter().map(|axis| axis.alternatives.len() as f64).product()
    }

    /// The axes that set any of `names`.
    pub(crate) fn axes_of(&self, names: &Names) -> BTreeSet<usize> {
        (0..self.axes.len()).filter(|axis| names.iter().any(|name| self.axes[*axis].sets(name))).collect()
    }

    /// The parameters of a combination.
    pub(crate) fn parameters(&self, combination: &Combination) -> BTreeMap<String, String> {
        let mut parameters = self.deployment.given.clone();
        for (axis, alternative) in self.axes.iter().zip(combination) {
            let values = axis.alternatives.get(*alternative).into_iter().flat_map(|chosen| &chosen.values);
            parameters.extend(values.map(|(name, value)| (name.clone(), value.clone())));
        }
        for Length { list, count, least } in &self.deployment.lengths {
            let count = parameters.get(count).and_then(|count| count.parse::<usize>().ok());
            if let (Some(count), Some(value)) = (count, parameters.get_mut(list)) {
                *value = value.split(',').take(count.max(*least)).collect::<Vec<_>>().join(",");
            }
        }
        parameters
    }

    /// The region of a combination, as its place among the deployment's.
    pub(crate) fn region(&self, combination: &Combination) -> usize {
        combination.last().copied().unwrap_or_default()
    }

    /// A choice as people read it.
    pub(crate) fn label(&self, axis: usize, alternative: usize) -> &str {
        self.axes[axis].alternatives.get(alternative).map_or("", |alternative| &alternative.label)
    }
}
