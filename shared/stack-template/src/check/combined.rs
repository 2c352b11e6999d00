//! What is wrong in some combination.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
};

use super::{Evaluated, Policy, names, network, operation, outcomes::Outcomes, policies, secrets, traffic};
use crate::{
    combination::{Axis, Choices, Combination, Deployment},
    definition::Definition,
    evaluate::{Stack, World},
    fault::{Fault, Rule},
    influence::{Influence, Names},
    value::{Data, Origin, Piece},
};

/// What is wrong with a deployment, and when; and how much was looked at.
pub(super) struct Combined {
    pub(super) faults: BTreeMap<Fault, String>,
    pub(super) evaluated: Evaluated,
}

/// The combinations in which something is so.
type Seen = BTreeSet<Combination>;

/// What the combinations in which something is wrong have in common, and in which those in which it is not differ from them.
fn describe(seen: &Seen, all: &Seen, choices: &Choices<'_>) -> String {
    if seen == all {
        return "in every combination".to_owned();
    }
    let mut common = Vec::new();
    for (axis, Axis { name, alternatives }) in choices.axes.iter().enumerate() {
        let matters = seen.iter().any(|combination| {
            (0..alternatives.len()).any(|alternative| {
                let mut other = combination.clone();
                other[axis] = alternative;
                all.contains(&other) && !seen.contains(&other)
            })
        });
        if matters {
            let label = |alternative: &usize| choices.label(axis, *alternative);
            let (these, others): (Vec<usize>, Vec<usize>) = (0..alternatives.len())
                .partition(|alternative| seen.iter().any(|combination| combination[axis] == *alternative));
            common.push(if others.is_empty() || these.len() <= others.len() {
                format!("{name} is {}", these.iter().map(label).collect::<Vec<_>>().join(" or "))
            } else {
                format!("{name} is not {}", others.iter().map(label).collect::<Vec<_>>().join(" or "))
            });
        }
    }
    let of = format!("{} of {} combinations", seen.len(), all.len());
    if common.is_empty() { format!("in {of}") } else { format!("when {} ({of})", common.join(" and ")) }
}

/// Checks one deployment in every combination that can differ.
pub(super) fn check(
    definitions: &BTreeMap<PathBuf, Definition>,
    deployment: &Deployment,
    policy: &Policy<'_>,
    outcomes: &mut Outcomes,
) -> Combined {
    let mut faults: BTreeMap<Fault, String> = BTreeMap::new();
    let mut evaluated =
        Evaluated { template: deployment.template.clone(), combinations: 0, refused: 0, all: 0.0, stacks: 0 };
    let Some(definition) = definitions.get(&deployment.template) else {
        let message = "does not exist".to_owned();
        let fault = Fault { template: deployment.template.clone(), pointer: String::new(), rule: Rule::Form, message };
        faults.insert(fault, String::new());
        return Combined { faults, evaluated };
    };
    let influence = Influence::new(definitions);
    let choices = Choices::new(deployment, definition, &influence);
    evaluated.all = choices.all();
    for name in &choices.unknown {
        if let Some(parameter) = definition.parameters.get(name) {
            let message = "decides what is made, and the check does not know which values to try".to_owned();
            faults.insert(definition.fault(parameter.at, Rule::Parameter, message), String::new());
        }
    }
    for part in &choices.too_many {
        let names: Vec<&str> = part.iter().map(|axis| choices.axes[*axis].name.as_str()).collect();
        let message = format!("has a part that depends on more than can be tried: {}", names.join(", "));
        let (template, pointer) = (definition.path().to_owned(), String::new());
        faults.insert(Fault { template, pointer, rule: Rule::Form, message }, String::new());
    }
    let secret: Vec<(&str, &str)> = secrets::ATTRIBUTES.iter().chain(policy.secret_attributes).copied().collect();
    let exports = exports(definitions, deployment, policy);
    let worlds: Vec<World<'_>> =
        deployment.regions.iter().map(|region| World::new(definitions, region, &exports, &secret)).collect();

    let mut all = Seen::new();
    let mut seen: HashMap<Fault, Seen> = HashMap::new();
    // What was found in a nested stack, by its address: it is evaluated once for each input, and lives as long as its world.
    let mut found_nested: HashMap<usize, Vec<Fault>> = HashMap::new();
    let mut refused_ones = Seen::new();
    for (combination, about) in choices.combinations() {
        if all.contains(&combination) {
            continue;
        }
        let tried = combination.clone();
        let Some(accepted) =
            accepted(&choices, &influence, &worlds, deployment, definition, (combination, &about), outcomes)
        else {
            refused_ones.insert(tried);
            continue;
        };
        let (combination, root) = accepted;
        if !all.insert(combination.clone()) {
            // Another was completed to the same.
            continue;
        }
        evaluated.stacks += 1;
        let mut found: Vec<Fault> = Vec::new();
        for stack in root.all() {
            let mut look = || {
                outcomes.note(stack);
                in_stack(stack, policy)
            };
            if stack.path.is_empty() {
                found.extend(look());
            } else {
                let address = std::ptr::from_ref(stack).addr();
                found.extend(found_nested.entry(address).or_insert_with(look).iter().cloned());
            }
        }
        found.extend(network::spans(&root));
        for fault in found.into_iter().collect::<BTreeSet<_>>() {
            seen.entry(fault).or_default().insert(combination.clone());
        }
    }
    if all.is_empty() {
        faults.insert(refused(&choices, &worlds, deployment, definition), String::new());
    }
    evaluated.refused = refused_ones.len();
    evaluated.combinations = all.len();
    evaluated.stacks += found_nested.len();
    for (fault, seen) in seen {
        faults.insert(fault, describe(&seen, &all, &choices));
    }
    faults.extend(synonyms(&choices, &worlds, deployment, definition));
    Combined { faults, evaluated }
}

/// That a template accepts nothing.
fn refused(choices: &Choices<'_>, worlds: &[World<'_>], deployment: &Deployment, definition: &Definition) -> Fault {
    let base = choices.base();
    let world = worlds.get(choices.region(&base));
    let root = world.and_then(|world| world.evaluate(&deployment.template, &choices.parameters(&base)));
    let first = root.as_ref().and_then(|root| root.refusals.first());
    let why = first.map_or("of the region: there is none".to_owned(), |(name, why)| format!("of {name}: {why}"));
    let (template, pointer) = (definition.path().to_owned(), String::new());
    Fault { template, pointer, rule: Rule::Input, message: format!("refuses all that is tried, first because {why}") }
}

/// What is wrong in one stack, without those nested in it.
fn in_stack(stack: &Stack<'_>, policy: &Policy<'_>) -> Vec<Fault> {
    let mut faults = stack.faults.clone();
    faults.extend(names::check(stack));
    faults.extend(network::check(stack));
    faults.extend(operation::check(stack));
    faults.extend(policies::check(stack));
    faults.extend(secrets::check(stack));
    faults.extend(traffic::check(stack, policy));
    faults
}

/// The combination, completed so that the template's rules accept it if there is a way, and the stack.
fn accepted<'a>(
    choices: &Choices<'_>,
    influence: &Influence<'a>,
    worlds: &[World<'a>],
    deployment: &Deployment,
    definition: &'a Definition,
    (combination, about): (Combination, &BTreeSet<usize>),
    outcomes: &mut Outcomes,
) -> Option<(Combination, Stack<'a>)> {
    let mut evaluate = |combination: &Combination| {
        let root = worlds
            .get(choices.region(combination))?
            .evaluate(&deployment.template, &choices.parameters(combination))?;
        outcomes.note_rules(&root);
        Some(root)
    };
    let root = evaluate(&combination)?;
    if root.refusals.is_empty() {
        return Some((combination, root));
    }
    let broken = root.refusals.iter().filter_map(|(name, _)| definition.rules.get(*name));
    let looked_at: Names = broken.flat_map(|rule| influence.in_rule(definition, rule)).collect();
    // What the combination is about stays; what it left at the first alternative may change.
    let free: BTreeSet<usize> = choices.axes_of(&looked_at).difference(about).copied().collect();
    choices.product(&combination, &free).into_iter().find_map(|combination| {
        let root = evaluate(&combination)?;
        root.refusals.is_empty().then_some((combination, root))
    })
}

/// Values that should mean the same as the default and do not, whatever single other choice is made.
fn synonyms(
    choices: &Choices<'_>,
    worlds: &[World<'_>],
    deployment: &Deployment,
    definition: &Definition,
) -> BTreeMap<Fault, String> {
    let mut faults = BTreeMap::new();
    for (name, values) in &deployment.synonyms {
        let Some(parameter) = definition.parameters.get(name) else { continue };
        for combination in choices.single_deciding() {
            let Some(world) = worlds.get(choices.region(&combination)) else { continue };
            let parameters = choices.parameters(&combination);
            // Another choice than the default has no synonyms.
            if parameters.get(name).or(parameter.default.as_ref()) != parameter.default.as_ref() {
                continue;
            }
            let Some(plain) = world.evaluate(&deployment.template, &parameters) else { continue };
            if !plain.refusals.is_empty() {
                continue;
            }
            for value in values {
                let mut parameters = parameters.clone();
                parameters.insert(name.clone(), value.clone());
                let other = world.evaluate(&deployment.template, &parameters);
                if !other.is_some_and(|other| other.refusals.is_empty() && same(&plain, &other)) {
                    let default = parameter.default.as_deref().unwrap_or_default();
                    let message = format!("does not mean the same as \"{value}\" as it does as \"{default}\"");
                    faults.insert(definition.fault(parameter.at, Rule::Unset, message), String::new());
                }
            }
        }
    }
    faults
}

/// Whether two stacks are made of the same resources, whatever their parameters are called.
fn same(one: &Stack<'_>, other: &Stack<'_>) -> bool {
    one.conditions == other.conditions
        && one.resources.keys().eq(other.resources.keys())
        && one.resources.iter().zip(&other.resources).all(|((_, one), (_, other))| match (&one.nested, &other.nested) {
            (Some(one), Some(other)) => same(one, other),
            (None, None) => one.attributes == other.attributes,
            _ => false,
        })
}

/// The names that the other stacks of the account export.
fn exports(
    definitions: &BTreeMap<PathBuf, Definition>,
    deployment: &Deployment,
    policy: &Policy<'_>,
) -> BTreeSet<String> {
    let none = BTreeSet::new();
    let Some(region) = deployment.regions.first() else { return none };
    let mut names = BTreeSet::new();
    for (template, stack_name) in policy.exporting {
        let world = World::new(definitions, region, &none, &[]);
        let stack = world.evaluate(std::path::Path::new(template), &BTreeMap::new());
        let exports = stack.iter().flat_map(|stack| stack.outputs.values()).filter_map(|output| output.export.as_ref());
        for export in exports {
            if let Data::Text(text) = &export.data {
                names.insert(text.pieces().map(|piece| in_stack_named(piece, stack_name)).collect());
            }
        }
    }
    names
}

/// A piece of an export's name, in a stack called `stack_name`.
fn in_stack_named(piece: &Piece, stack_name: &str) -> String {
    match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Runtime(runtime) if runtime.origin == Origin::Pseudo("AWS::StackName".to_owned()) => {
            stack_name.to_owned()
        }
        Piece::Runtime(runtime) => format!("<{runtime}>"),
    }
}
