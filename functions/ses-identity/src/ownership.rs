//! What says whose an identity is.

use std::collections::BTreeMap;

use custom_resource::{LOGICAL_ID_TAG, Request, STACK_TAG};

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
