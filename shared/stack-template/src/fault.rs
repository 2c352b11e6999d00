//! What is wrong with a template, and where.

use std::{fmt, path::PathBuf};

/// The rule that a fault breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rule {
    /// What is referred to is declared, and exists whenever it is referred to.
    Reference,
    /// An intrinsic function is used as CloudFormation takes it, and comes to a value.
    Function,
    /// A nested stack is given what it declares, and accepts it.
    Input,
    /// What is declared is used, and what can be chosen makes a difference.
    Unused,
    /// A parameter's default passes its own constraints, and the parameter is described.
    Parameter,
    /// The parameters are grouped and labelled for the console.
    Interface,
    /// Nothing has a name that a second deployment would have too.
    FixedName,
    /// No secret is where people or other services can read it.
    Secret,
    /// Nothing is open to the world that need not be, and what may pass is explicit both ways.
    Traffic,
    /// A policy that grants more than it names says why.
    Wildcard,
    /// What holds data says what becomes of it.
    Retention,
    /// A way to leave a parameter unset never reaches a resource as a value.
    Unset,
    /// What must span zones does, and networks lie apart.
    Network,
    /// A template keeps to plain CloudFormation and its limits, in every partition.
    Form,
    /// An alarm reaches somebody, a custom resource ends.
    Operation,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 15] = [
        Self::Reference,
        Self::Function,
        Self::Input,
        Self::Unused,
        Self::Parameter,
        Self::Interface,
        Self::FixedName,
        Self::Secret,
        Self::Traffic,
        Self::Wildcard,
        Self::Retention,
        Self::Unset,
        Self::Network,
        Self::Form,
        Self::Operation,
    ];
}

/// Something wrong in a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fault {
    /// The template file.
    pub template: PathBuf,
    /// Where in the template, as a JSON pointer.
    pub pointer: String,
    /// What it breaks.
    pub rule: Rule,
    /// What is wrong: a sentence without its subject, which is the place, and without a full stop.
    pub message: String,
}

/// A JSON pointer as people write paths.
pub(crate) struct Readable<'a>(pub(crate) &'a str);

impl fmt::Display for Readable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.strip_prefix('/').unwrap_or(self.0);
        if path.is_empty() {
            return f.write_str("the template");
        }
        f.write_str(&path.replace("~1", "/").replace("~0", "~"))
    }
}
