//! From a secret access key to the password that SES's SMTP endpoint takes.
//!
//! The algorithm is that of "Obtaining Amazon SES SMTP credentials" in the SES developer guide: the signing key of Signature Version 4 with
//! a date that never changes, then one message.

use base64::{Engine, engine::general_purpose::STANDARD};
use custom_resource::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const DATE: &str = "11111111";
const SERVICE: &str = "ses";
const TERMINAL: &str = "aws4_request";
const MESSAGE: &str = "SendRawEmail";
/// The first byte of a password of this kind.
const VERSION: u8 = 0x04;

/// Where SES takes mail by SMTP with STARTTLS. Port 25 is throttled on most networks of AWS.
pub(crate) const PORT: u16 = 587;

/// The SMTP password for a region. The user name is the id of the access key.
#[must_use]
pub fn password(secret_access_key: &Secret, region: &str) -> Secret {
    let key = format!("AWS4{}", secret_access_key.reveal()).into_bytes();
    let mac = [DATE, region, SERVICE, TERMINAL, MESSAGE].iter().fold(key, |key, message| sign(&key, message));
    let bytes: Vec<u8> = std::iter::once(VERSION).chain(mac).collect();
    Secret::new(STANDARD.encode(bytes))
}

/// The host that takes mail by SMTP in a region.
pub(crate) fn endpoint(region: &str) -> String {
    format!("email-smtp.{region}.amazonaws.com")
}

fn sign(key: &[u8], message: &str) -> Vec<u8> {
    // HMAC takes a key of any length, so there is always a result.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_never| Vec::new(),
        |mut mac| {
            mac.update(message.as_bytes());
            mac.finalize().into_bytes().to_vec()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(secret: &str, region: &str) -> String {
        password(&Secret::new(secret), region).reveal().to_owned()
    }

    /// The vectors of hashicorp/terraform-provider-aws: `TestSESSMTPPasswordFromSecretKeySigV4` in
    /// `internal/service/iam/access_key_test.go`.
    #[test]
    fn terraforms_known_answers() {
        for (region, secret, expected) in [
            ("eu-central-1", "some+secret+key", "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2"),
            ("eu-central-1", "another+secret+key", "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh"),
            ("us-west-1", "some+secret+key", "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj"),
            ("us-west-1", "another+secret+key", "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF"),
        ] {
            assert_eq!(of(secret, region), expected, "{region} {secret}");
        }
    }

    /// AWS's documented example key, computed with Python's hmac and hashlib by the script's steps in the SES developer guide.
    #[test]
    fn the_example_key_of_the_developer_guide() {
        let example = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        assert_eq!(of(example, "us-east-1"), "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9");
        assert_eq!(of(example, "eu-central-1"), "BF0/eIJm0ruTHsSjOkRuOGzGF+zeSyE3aiRzrzUQ8LwG");
        assert_eq!(of(example, "ap-south-2"), "BIPHLCr3z5R0fxo7w1FGaCCMGPOjPW79Kf9x6kmIzXmu");
    }

    proptest! {
        #[test]
        fn a_password_has_44_characters_and_hides_the_key(secret in "[A-Za-z0-9/+]{40}", region in "[a-z]{2}-[a-z]{4,9}-[1-9]") {
            let password = password(&Secret::new(secret.clone()), &region);
            prop_assert_eq!(password.reveal().len(), 44);
            prop_assert!(password.reveal().starts_with('B'));
            prop_assert!(!password.reveal().contains(&secret));
            prop_assert_eq!(format!("{password:?}"), "<secret>");
        }
    }
}
