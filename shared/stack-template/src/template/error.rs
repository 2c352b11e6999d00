//! Why a template could not be read.

use std::path::PathBuf;

use saphyr_parser::ScanError;

use super::Location;

/// Why a template could not be read; each variant says where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The file could not be read.
    #[error("cannot read the template {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The text is not YAML, nor JSON.
    #[error("{at}: not valid YAML: {}", source.info())]
    Syntax {
        /// Where.
        at: Location,
        /// What the parser said.
        #[source]
        source: ScanError,
    },
    /// The document is empty or not a mapping.
    #[error("{at}: a template must be a mapping with `Resources`")]
    NotAMapping {
        /// Where.
        at: Location,
    },
    /// The file holds a second YAML document.
    #[error("{at}: a template is one YAML document, here a second one begins")]
    SecondDocument {
        /// Where.
        at: Location,
    },
    /// A value is missing or null, which CloudFormation refuses.
    #[error("{at}: the value is null, which CloudFormation refuses; leave the key out or use AWS::NoValue")]
    Null {
        /// Where.
        at: Location,
    },
    /// A key appears twice in one mapping; most readers silently drop one of the values.
    #[error("{at}: `{key}` is given twice")]
    DuplicateKey {
        /// Where.
        at: Location,
        /// The key.
        key: String,
    },
    /// A key is not plain text.
    #[error("{at}: a key must be text without a tag")]
    KeyNotText {
        /// Where.
        at: Location,
    },
    /// `*name`, which CloudFormation does not support.
    #[error("{at}: CloudFormation does not support YAML aliases")]
    Alias {
        /// Where.
        at: Location,
    },
    /// `<<:`, which CloudFormation does not support.
    #[error("{at}: CloudFormation does not support YAML merge keys")]
    MergeKey {
        /// Where.
        at: Location,
    },
    /// A tag that is not the short form of an intrinsic function.
    #[error("{at}: `{tag}` is not an intrinsic function")]
    UnknownTag {
        /// Where.
        at: Location,
        /// The tag.
        tag: String,
    },
    /// The template nests deeper than any that CloudFormation accepts.
    #[error("{at}: nested too deeply")]
    TooDeep {
        /// Where.
        at: Location,
    },
    /// The text ends in the middle of a value.
    #[error("{at}: the template ends early")]
    Incomplete {
        /// Where.
        at: Location,
    },
}
