//! The local AWS, the stand-ins for what lies outside AWS, and the promises that a rehearsal keeps.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`fault_proxy`] | makes chosen AWS calls fail, hang or lie |
//! | [`local_aws`] | installs, starts and stops the local AWS |
//! | [`outside`] | `BigBlueButton` servers, Scalelite, and how they are reached by name |
//! | [`promises`] | what a rehearsal promises, and whether it was kept |
//! | [`runtime_api`] | runs a real bootstrap over a Lambda Runtime API of our own |
//! | [`scenario`] | deploys, changes, breaks and deletes the real stacks in the local AWS |

pub mod fault_proxy;
pub mod local_aws;
pub mod outside;
pub mod promises;
pub mod runtime_api;
pub mod scenario;
mod uuid;

use uuid::new_uuid;
