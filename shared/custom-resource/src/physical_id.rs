//! What stands in the place of a physical id when there is no real one.

/// The physical id of a resource whose Create failed before anything existed. Its Delete is answered without calling the resource.
///
/// The text is the one the binxio providers used, so that a failed Create of theirs is understood too.
pub const NOTHING_CREATED: &str = "could-not-create";

/// The physical id answered when nobody knows whether anything was created: the function died, or a call to a service was abandoned, or
/// failed in a way that does not say whether it had its effect.
/// Its Delete calls the resource without an id, so that it can look for what carries the request's ownership mark.
pub const OUTCOME_UNKNOWN: &str = "outcome-unknown";

/// The most bytes CloudFormation accepts in a physical id.
pub(crate) const MAX_BYTES: usize = 1024;

/// What a physical id that came with a request stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known<'a> {
    /// Nothing was ever created.
    Nothing,
    /// Something may have been created, nobody knows its name.
    Unknown,
    /// A resource's own id.
    Id(&'a str),
}

impl<'a> Known<'a> {
    pub(crate) fn of(id: Option<&'a str>) -> Self {
        match id {
            None | Some("" | NOTHING_CREATED) => Known::Nothing,
            Some(OUTCOME_UNKNOWN) => Known::Unknown,
            Some(id) => Known::Id(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_not_taken_for_resources() {
        assert_eq!(Known::of(None), Known::Nothing);
        assert_eq!(Known::of(Some("")), Known::Nothing);
        assert_eq!(Known::of(Some(NOTHING_CREATED)), Known::Nothing);
        assert_eq!(Known::of(Some(OUTCOME_UNKNOWN)), Known::Unknown);
        assert_eq!(Known::of(Some("arn:aws:acm:x")), Known::Id("arn:aws:acm:x"));
    }
}
