//! How the function is set up: its environment variables.

use std::{str::FromStr, time::Duration};

use bigbluebutton::Address;
use server_pool::Settings;

use crate::secrets::SecretReference;

/// Everything that the function is told by its environment.
#[derive(Debug, Clone)]
pub struct Environment {
    /// How the pool is to be run.
    pub settings: Settings,
    /// The zone that holds the servers' names.
    pub hosted_zone: String,
    /// The hook at which a server that is being launched waits. Other hooks of the group are somebody else's.
    pub launch_hook: String,
    /// The hook at which a server that is to be ended waits.
    pub terminate_hook: String,
    /// The base address of Scalelite's management API.
    pub scalelite_url: String,
    /// Where Scalelite's secret is.
    pub scalelite_secret: SecretReference,
    /// The header that opens the management API where the public listener closes it, and where its value is.
    pub scalelite_header: Option<(String, SecretReference)>,
    /// Where the secret of the BigBlueButton servers is.
    pub server_secret: SecretReference,
    /// The CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
}

/// The environment is not complete, or not understood.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable that has no default is not set.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// A variable holds something else than it should. What it holds is not repeated.
    #[error("the environment variable {variable} is not what it should be: {problem}")]
    Wrong {
        /// The variable.
        variable: &'static str,
        /// What it should be.
        problem: String,
    },
}

/// The default of `SCALELITE_HEADER_NAME`.
const HEADER_NAME: &str = "X-Scalelite-Management";

/// The default of `METRICS_NAMESPACE`.
const NAMESPACE: &str = "BigBlueButton";

/// What `DRAIN_DEADLINE_MINUTES` may say instead of a number.
const NEVER: &str = "never";

impl Environment {
    /// Reads the variables with `lookup`, which gives `None` for one that is not set. An empty one counts as not set.
    ///
    /// # Errors
    /// When one is missing, or not what it should be.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let variables = Variables(&lookup);
        let settings = Settings::new(
            variables.required("GROUP_NAME")?,
            variables.required("DOMAIN_NAME")?.trim_end_matches('.').to_ascii_lowercase(),
            variables.required("OWNER")?,
        );
        let scalelite_url = variables.required("SCALELITE_URL")?;
        Address::parse(&scalelite_url).map_err(|error| wrong("SCALELITE_URL", &error))?;
        let header = variables.parsed("SCALELITE_HEADER_SECRET_ARN")?;
        let header_name = variables.optional("SCALELITE_HEADER_NAME").unwrap_or_else(|| HEADER_NAME.to_owned());
        Ok(Self {
            settings: Settings {
                seats_per_server: variables.parsed("SEATS_PER_SERVER")?.unwrap_or(settings.seats_per_server),
                drain_deadline: match variables.optional("DRAIN_DEADLINE_MINUTES") {
                    None => settings.drain_deadline,
                    Some(text) if text == NEVER => None,
                    Some(text) => Some(minutes("DRAIN_DEADLINE_MINUTES", &text)?),
                },
                replace_at_once: variables.parsed("REPLACE_AT_ONCE")?.unwrap_or(settings.replace_at_once),
                ..settings
            },
            hosted_zone: variables.required("HOSTED_ZONE_ID")?,
            launch_hook: variables.required("LAUNCH_HOOK_NAME")?,
            terminate_hook: variables.required("TERMINATE_HOOK_NAME")?,
            scalelite_url,
            scalelite_secret: variables
                .required("SCALELITE_SECRET_ARN")
                .and_then(|text| parsed("SCALELITE_SECRET_ARN", &text))?,
            scalelite_header: header.map(|secret| (header_name, secret)),
            server_secret: variables.required("BBB_SECRET_ARN").and_then(|text| parsed("BBB_SECRET_ARN", &text))?,
            metrics_namespace: variables.optional("METRICS_NAMESPACE").unwrap_or_else(|| NAMESPACE.to_owned()),
        })
    }
}

struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn optional(&self, variable: &str) -> Option<String> {
        (self.0)(variable).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn required(&self, variable: &'static str) -> Result<String, EnvironmentError> {
        self.optional(variable).ok_or(EnvironmentError::Missing(variable))
    }

    fn parsed<T: FromStr<Err: ToString>>(&self, variable: &'static str) -> Result<Option<T>, EnvironmentError> {
        self.optional(variable).map(|text| parsed(variable, &text)).transpose()
    }
}

fn parsed<T: FromStr<Err: ToString>>(variable: &'static str, text: &str) -> Result<T, EnvironmentError> {
    text.parse().map_err(|error: T::Err| wrong(variable, &error))
}

fn minutes(variable: &'static str, text: &str) -> Result<Duration, EnvironmentError> {
    match text.parse::<u32>() {
        Ok(minutes) if minutes > 0 => Ok(Duration::from_secs(u64::from(minutes) * 60)),
        _ => Err(wrong(variable, &format!("a number of minutes, or {NEVER}"))),
    }
}

fn wrong(variable: &'static str, problem: &impl ToString) -> EnvironmentError {
    EnvironmentError::Wrong { variable, problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bbb-AbCdEf";

    fn complete() -> BTreeMap<&'static str, String> {
        [
            ("GROUP_NAME", "servers"),
            ("DOMAIN_NAME", "Meet.Example.org."),
            ("OWNER", "arn:aws:cloudformation:eu-west-1:123456789012:stack/pool/1"),
            ("HOSTED_ZONE_ID", "Z1"),
            ("LAUNCH_HOOK_NAME", "launch"),
            ("TERMINATE_HOOK_NAME", "terminate"),
            ("SCALELITE_URL", "https://scalelite.meet.example.org/scalelite/api/"),
            ("SCALELITE_SECRET_ARN", SECRET),
            ("BBB_SECRET_ARN", SECRET),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into()
    }

    fn read(variables: &BTreeMap<&str, String>) -> Result<Environment, String> {
        Environment::read(|name| variables.get(name).cloned()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let environment = read(&complete()).unwrap();
        let defaults = Settings::new("servers".into(), "meet.example.org".into(), complete()["OWNER"].clone());
        assert_eq!(environment.settings, defaults);
        assert_eq!(environment.metrics_namespace, "BigBlueButton");
        assert!(environment.scalelite_header.is_none());
    }

    #[test]
    fn what_is_said_holds() {
        let mut variables = complete();
        variables.extend([
            ("SEATS_PER_SERVER", "150".to_owned()),
            ("DRAIN_DEADLINE_MINUTES", "90".to_owned()),
            ("REPLACE_AT_ONCE", "0".to_owned()),
            ("SCALELITE_HEADER_SECRET_ARN", format!("{SECRET}:header::")),
            ("METRICS_NAMESPACE", "Lessons".to_owned()),
        ]);
        let environment = read(&variables).unwrap();
        assert_eq!(environment.settings.seats_per_server, 150);
        assert_eq!(environment.settings.drain_deadline, Some(Duration::from_mins(90)));
        assert_eq!(environment.settings.replace_at_once, 0);
        assert_eq!(environment.scalelite_header.unwrap().0, "X-Scalelite-Management");
        variables.insert("DRAIN_DEADLINE_MINUTES", "never".to_owned());
        assert_eq!(read(&variables).unwrap().settings.drain_deadline, None);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for name in complete().into_keys() {
            for nothing in [None, Some("  ".to_owned())] {
                let mut variables = complete();
                variables.remove(name);
                variables.extend(nothing.map(|nothing| (name, nothing)));
                assert_eq!(read(&variables).unwrap_err(), format!("the environment variable {name} is not set"));
            }
        }
        for (name, value) in [
            ("DRAIN_DEADLINE_MINUTES", "0"),
            ("DRAIN_DEADLINE_MINUTES", "-1"),
            ("DRAIN_DEADLINE_MINUTES", "a while"),
            ("SEATS_PER_SERVER", "many"),
            ("REPLACE_AT_ONCE", "-1"),
            ("SCALELITE_URL", "https://user:hunter2@scalelite.example.org/"),
            ("BBB_SECRET_ARN", "hunter2"),
        ] {
            let mut variables = complete();
            variables.insert(name, value.to_owned());
            let error = read(&variables).unwrap_err();
            assert!(
                error.starts_with(&format!("the environment variable {name} is not what it should be: ")),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
