//! The environment that a function is started in.

use std::collections::BTreeMap;
use std::path::Path;

use crate::local_aws::{ACCOUNT, REGION, SECRET_KEY};
use crate::new_uuid;

/// What Lambda would know about a function: its name, memory, region, role credentials and variables.
#[derive(Debug, Clone)]
pub struct Settings {
    name: String,
    region: String,
    memory_megabytes: u32,
    variables: BTreeMap<String, String>,
}

impl Settings {
    /// The settings of a function called `name`: 128 MB, in the local AWS's region, with its root user's credentials.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), region: REGION.to_owned(), memory_megabytes: 128, variables: BTreeMap::new() }
    }

    /// Puts the function into another region.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Tells the function that it has another size, in megabytes. Nothing enforces it.
    #[must_use]
    pub fn memory(mut self, megabytes: u32) -> Self {
        self.memory_megabytes = megabytes;
        self
    }

    /// Sets an environment variable; it also replaces one that Lambda sets, such as `AWS_ACCESS_KEY_ID`.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The function's ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        let Self { name, region, .. } = self;
        format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{name}")
    }

    /// The whole environment of a process that finds its Runtime API at `runtime_api`.
    pub(super) fn environment(&self, runtime_api: &str, task_root: &Path) -> BTreeMap<String, String> {
        let mut environment: BTreeMap<String, String> = [
            ("AWS_ACCESS_KEY_ID", ACCOUNT.to_owned()),
            ("AWS_DEFAULT_REGION", self.region.clone()),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.memory_megabytes.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", self.name.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", self.name)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", format!("rehearsal/[$LATEST]{}", new_uuid().replace('-', ""))),
            ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("LAMBDA_TASK_ROOT", task_root.display().to_string()),
            ("LANG", "en_US.UTF-8".to_owned()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("TZ", ":UTC".to_owned()),
            ("_HANDLER", "bootstrap".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        environment.extend(self.variables.clone());
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_variables_replace_lambdas_own() {
        let environment = Settings::new("f")
            .region("eu-west-1")
            .memory(256)
            .variable("AWS_ACCESS_KEY_ID", "mine")
            .variable("LOG_LEVEL", "trace")
            .environment("127.0.0.1:1", Path::new("/task"));
        assert_eq!(environment["AWS_ACCESS_KEY_ID"], "mine");
        assert_eq!(environment["LOG_LEVEL"], "trace");
        assert_eq!(environment["AWS_REGION"], "eu-west-1");
        assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    }
}
