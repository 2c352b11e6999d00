//! The local AWS, the stand-ins for what lies outside AWS, and the promises that a rehearsal keeps.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`fault_proxy`] | makes chosen AWS calls fail, hang or lie |
//! | [`runtime_api`] | runs a real bootstrap over a Lambda Runtime API of our own |

pub mod fault_proxy;
pub mod runtime_api;
mod uuid;

use uuid::new_uuid;
