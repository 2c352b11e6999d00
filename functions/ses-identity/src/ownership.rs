//! What says whose an identity is.

use std::collections::BTreeMap;

use custom_resource::{LOGICAL_ID_TAG, Request, STACK_TAG};
use sha2::{Digest, Sha256};

/// The tags of an identity.
pub(crate) type Tags = BTreeMap<String, String>;

/// Whose an identity is, by its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This stack's resource of this name.
    This,
    /// Another stack's, or another resource's.
    Another,
    /// It carries no mark: somebody made it by hand, or an older provider did.
    Unknown,
}

pub(crate) fn owner(request: &Request, tags: &Tags) -> Owner {
    let [(_, stack), (_, logical)] = request.ownership();
    match (tags.get(STACK_TAG), tags.get(LOGICAL_ID_TAG)) {
        (None, None) => Owner::Unknown,
        (Some(tagged_stack), Some(tagged_logical)) if tagged_stack == stack && tagged_logical == logical => Owner::This,
        _ => Owner::Another,
    }
}

/// The tags that mark what this resource makes.
pub(crate) fn ownership_tags(request: &Request) -> Tags {
    request.ownership().into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Twenty hexadecimal digits that stand for this stack's resource and whatever else is given: where a tag is too short for all of it.
pub(crate) fn digest(request: &Request, more: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in [request.stack_id(), request.logical_resource_id()].iter().chain(more) {
        hash.update(format!("{}:{part}\n", part.len()));
    }
    let mut digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    digits.truncate(20);
    digits
}
