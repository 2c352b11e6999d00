//! Who one is to the registries: to ECR by AWS, to others by what `docker login` wrote.

use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use deployment::images::{Copy, Login};
use serde_json::Value;

use crate::aws::Aws;
use crate::console::Console;

/// Base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What `docker login` calls Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Asks ECR for a password of twelve hours. It is for all repositories of the account and region.
pub(super) async fn of_ecr(aws: &Aws, copies: &[Copy]) -> anyhow::Result<Login> {
    let answer = aws.ecr().get_authorization_token().send().await.context("cannot sign in to ECR")?;
    let data = answer.authorization_data().first().context("ECR gave no password")?;
    let token = data.authorization_token().context("ECR gave no password")?;
    let (user, password) = user_and_password(token).context("what ECR gave is no name and password")?;
    let registry = copies.first().map(|copy| copy.to.registry().to_owned()).unwrap_or_default();
    Ok(Login::new(registry, user, password))
}

/// Reads what `docker login` wrote about the registries that the images come from. What is not there, or cannot be used, is done without.
pub(super) fn of_docker(copies: &[Copy], console: &Console) -> Vec<Login> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let file = folder
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")))
        .map(|folder| folder.join("config.json"));
    let Some(text) = file.and_then(|file| std::fs::read_to_string(file).ok()) else { return Vec::new() };
    let Ok(config) = serde_json::from_str::<Value>(&text) else { return Vec::new() };
    let mut registries: Vec<&str> = copies.iter().map(|copy| copy.from.registry()).collect();
    registries.sort_unstable();
    registries.dedup();
    registries.into_iter().filter_map(|registry| match found(&config, registry) {
        Found::Login(user, password) => Some(Login::new(registry.to_owned(), user, password)),
        Found::Elsewhere => {
            console.step(&format!("docker keeps the password for {registry} in a helper, which is not asked: images are read as a guest"));
            None
        }
        Found::Nothing => None,
    }).collect()
}

// Not to be shown but in tests: it holds a password.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
enum Found {
    Login(String, String),
    /// In a program of the system's that keeps passwords.
    Elsewhere,
    Nothing,
}

fn found(config: &Value, registry: &str) -> Found {
    let key = if registry == "docker.io" { DOCKER_HUB } else { registry };
    let entry = &config["auths"][key];
    if let Some((user, password)) = entry["auth"].as_str().and_then(user_and_password) {
        return Found::Login(user, password);
    }
    if entry.is_object() || config["credHelpers"][registry].is_string() { Found::Elsewhere } else { Found::Nothing }
}

/// `name:password` out of base64.
fn user_and_password(base64: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64.decode(base64).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    (!user.is_empty() && !password.is_empty()).then(|| (user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_login_of_docker_is_found_by_the_registry() {
        // me:hidden
        let config = json!({"auths": {DOCKER_HUB: {"auth": "bWU6aGlkZGVu"}, "ghcr.io": {}}, "credsStore": "desktop"});
        assert_eq!(found(&config, "docker.io"), Found::Login("me".to_owned(), "hidden".to_owned()));
        assert_eq!(found(&config, "ghcr.io"), Found::Elsewhere);
        assert_eq!(found(&config, "quay.io"), Found::Nothing);
        assert_eq!(found(&json!([]), "docker.io"), Found::Nothing);
    }

    #[test]
    fn what_is_no_login_is_none() {
        for wrong in ["", "!", "bWU=", "bWU6"] {
            assert_eq!(user_and_password(wrong), None, "{wrong}");
        }
    }
}
