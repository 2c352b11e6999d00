//! CloudFormation templates: read as CloudFormation reads them, evaluated as it evaluates them, and checked in every combination of parameters
//! that can differ. It knows no project and calls nothing.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`template`] | reads a template, YAML with short forms or JSON, into one long form with positions |
//! | [`definition`] | what a template defines: parameters, conditions, rules, resources, outputs |
//! | [`evaluate`] | evaluates a stack and all stacks nested in it, as far as it can be known before a deployment |
//! | [`combination`] | what can be chosen for a deployment, and which combinations can differ |
//! | [`check`](mod@check) | finds what is wrong, where, and in which combinations |
//! | [`page`] | a page about a template's parameters |
//!
//! What only a deployment knows, such as the id of a resource, is carried along as such: it equals itself and nothing else, and where it ends up
//! can be seen. So a nested stack is evaluated with what it will really be given.
//!
//! What it does not do: the types, properties and attributes of resources are for cfn-lint to know.

pub mod check;
pub mod combination;
pub mod definition;
pub mod evaluate;
mod expression;
mod fault;
mod influence;
mod logic;
pub mod page;
mod parameter;
pub mod template;
pub mod templates;
pub mod value;

pub use check::{Finding, Open, Policy, Report, check};
pub use fault::{Fault, Rule};
pub use parameter::{Kind, Parameter};
