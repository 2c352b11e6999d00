//! The domain names of a certificate.

use std::collections::BTreeSet;

use hosted_zone::normalised;

/// The domain whose CNAME validates a name: a wildcard's is that of the domain itself, so apex and wildcard share one record.
pub(crate) fn validated_domain(name: &str) -> String {
    let name = normalised(name);
    name.strip_prefix("*.").map(str::to_owned).unwrap_or(name)
}

/// All names of a certificate, in no particular order, whatever their case and however often they are given.
pub(crate) fn all_names(domain_name: &str, alternatives: &[String]) -> BTreeSet<String> {
    std::iter::once(domain_name)
        .chain(alternatives.iter().map(String::as_str))
        .map(normalised)
        // A list parameter without entries arrives as one empty entry.
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_case_and_repetition_do_not_matter() {
        let one = all_names("*.Example.org", &["example.org.".to_owned(), String::new()]);
        let two = all_names("*.example.org", &["EXAMPLE.ORG".to_owned(), "*.example.org".to_owned()]);
        assert_eq!(one, two);
    }

    #[test]
    fn a_wildcard_is_validated_by_its_parent() {
        assert_eq!(validated_domain("*.Example.org."), "example.org");
        assert_eq!(validated_domain("a.example.org"), "a.example.org");
    }
}
