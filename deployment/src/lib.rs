//! Brings stacks to an AWS account and away again: what `bbb rehearse` and `bbb deploy` have in common.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`functions`] | builds the Lambda functions' bootstraps and zips them reproducibly |
//! | [`images`] | copies container images from one registry to another |
//! | [`package`] | uploads nested templates and function code under content-hashed keys |
//! | [`change_set`] | prepares, shows, executes and takes back change sets |
//! | [`events`] | follows a stack and all its nested stacks as one stream of events |
//! | [`partition`] | tells how a region's partition names things |
//! | [`stack`] | describes a stack, and deletes one |
//!
//! Every module takes its AWS clients as arguments and prints nothing.

mod archive;
pub mod change_set;
mod digest;
pub mod events;
pub mod functions;
pub mod images;
pub mod package;
pub mod partition;
pub mod stack;

pub use archive::ArchiveError;
