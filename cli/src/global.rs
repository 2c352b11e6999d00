//! The options that all verbs have.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The options that all verbs have.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of all verbs")]
pub(crate) struct Global {
    /// The profile of the AWS CLI to use, SSO included [default: `AWS_PROFILE`, else default]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The region [default: `AWS_REGION`, `AWS_DEFAULT_REGION`, else the profile's]
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,

    /// Where AWS answers, if not at its own addresses [default: `AWS_ENDPOINT_URL`]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,

    /// How to print results
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) output: Format,

    /// No colours; away from a terminal, and with `NO_COLOR` set, there are none anyway
    #[arg(long, global = true)]
    pub(crate) no_color: bool,

    /// The log, readable by its owner alone [default: bbb/bbb.log in `XDG_STATE_HOME`, else in ~/.local/state]
    #[arg(long, global = true, value_name = "FILE", env = "BBB_LOG_FILE", hide_env_values = true)]
    pub(crate) log_file: Option<PathBuf>,
}

/// How to print results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
}
