//! How a registry says that it wants to know who asks (RFC 9110, section 11.6.1).

use std::str::FromStr;

/// What a registry wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with every request, as ECR does.
    Basic,
    /// A token that another place gives, as Docker Hub does.
    Bearer {
        /// The place's address.
        realm: String,
        /// Whom the token is for.
        service: Option<String>,
    },
}

impl FromStr for Challenge {
    type Err = ();

    fn from_str(header: &str) -> Result<Self, ()> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Ok(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(());
        }
        let (mut realm, mut service) = (None, None);
        let mut rest = rest;
        while let Some((name, after)) = rest.split_once('=') {
            let after = after.trim_start();
            // No registry escapes quotes in these.
            let (value, left) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or(())?,
                None => after.split_at(after.find(',').unwrap_or(after.len())),
            };
            match name.trim_matches([' ', ',']).to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value.to_owned()),
                "service" => service = Some(value.to_owned()),
                _ => {}
            }
            rest = left;
        }
        realm.map(|realm| Self::Bearer { realm, service }).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_challenges_of_docker_hub_and_ecr_are_read() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.docker.io/token".to_owned(),
            service: Some("registry.docker.io".to_owned()),
        };
        assert_eq!(hub.parse(), Ok(expected));
        let ecr = r#"Basic realm="https://1.dkr.ecr.eu-central-1.amazonaws.com/",service="ecr.amazonaws.com""#;
        assert_eq!(ecr.parse(), Ok(Challenge::Basic));
        assert_eq!(
            "bearer realm=x, service=y".parse(),
            Ok(Challenge::Bearer { realm: "x".to_owned(), service: Some("y".to_owned()) })
        );
        for none in ["", "Negotiate", "Bearer", "Bearer service=\"x\"", "Bearer realm=\"x"] {
            assert_eq!(none.parse::<Challenge>(), Err(()), "{none}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_registry_says_is_too_much(header in ".{0,200}", quoted in "[Bb]earer [a-z]{0,9}=\"?[^\"]{0,20}\"?.{0,20}") {
            let _either = (header.parse::<Challenge>(), quoted.parse::<Challenge>());
        }
    }
}
