//! What can go wrong when an image is looked for.

use function_runtime::AwsError;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither or several of the ways to name an image were used.
    #[error("give one of Source, and Name or Names: an image id, an SSM parameter, or what the image is called")]
    OneSource,
    /// `Source` is neither an image id nor a parameter.
    #[error("Source is neither an image id (ami-...) nor the name of an SSM parameter (/...)")]
    UnknownSource,
    /// EC2 did not describe images.
    #[error("describe images")]
    Describe(#[source] AwsError),
    /// SSM did not give the parameter.
    #[error("read the SSM parameter {name}")]
    ReadParameter {
        /// Its name.
        name: String,
        /// What SSM said.
        #[source]
        source: AwsError,
    },
    /// There is no such parameter.
    #[error(
        "there is no SSM parameter {0} in this region; `aws ssm get-parameters-by-path --recursive --path PATH` lists what there is"
    )]
    NoParameter(String),
    /// The parameter holds something else.
    #[error("the SSM parameter {0} does not hold an image id")]
    NotAnImage(String),
    /// SSM did not keep what was chosen.
    #[error("write the SSM parameter {name}")]
    WriteParameter {
        /// Its name.
        name: String,
        /// What SSM said.
        #[source]
        source: AwsError,
    },
    /// The image with this id does not exist in this region, or is not shared with this account.
    #[error("the image {0} does not exist in this region, or this account may not use it")]
    Gone(String),
    /// Nothing matches.
    #[error("no image is {asked}; {nearest}")]
    Nothing {
        /// What was asked for.
        asked: String,
        /// The nearest that exists.
        nearest: String,
    },
    /// The image is of another release.
    #[error("the image {image} ({name}) is Ubuntu {found}, but {expected} is needed")]
    WrongRelease {
        /// The image's id.
        image: String,
        /// Its name.
        name: String,
        /// Its code name.
        found: String,
        /// The code name asked for.
        expected: String,
    },
    /// The image is for other processors.
    #[error("the image {image} ({name}) is for {found}, but {expected} is needed")]
    WrongArchitecture {
        /// The image's id.
        image: String,
        /// Its name.
        name: String,
        /// Its architecture.
        found: String,
        /// The architecture asked for.
        expected: String,
    },
}

impl Error {
    /// Whether the same call may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Error::Describe(source) | Error::ReadParameter { source, .. } | Error::WriteParameter { source, .. } => {
                source.is_transient()
            }
            _ => false,
        }
    }
}
