//! Domain names as DNS compares them.

/// In lower case and without the trailing dot. Route 53 writes `*` as `\052`; that becomes `*` again.
#[must_use]
pub fn normalised(name: &str) -> String {
    name.trim().trim_end_matches('.').to_ascii_lowercase().replace("\\052", "*")
}

/// Whether `name` is `parent` or below it.
#[must_use]
pub fn is_within(name: &str, parent: &str) -> bool {
    let (name, parent) = (normalised(name), normalised(parent));
    name == parent || name.strip_suffix(&parent).is_some_and(|labels| labels.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_counts_only_at_a_dot() {
        assert!(is_within("Example.org.", "example.org"));
        assert!(is_within("*.a.example.org", "EXAMPLE.org."));
        assert!(!is_within("badexample.org", "example.org"));
        assert!(!is_within("org", "example.org"));
        assert_eq!(normalised("\\052.Example.org."), "*.example.org");
    }
}
