//! DNS records in a Route 53 hosted zone, for functions that need a few of them to stand.
//!
//! A record is created only where none of its name and type stands: a different one is somebody else's, and the error names it.
//! It is removed only as it was read, so that what was changed meanwhile stays. The zone may belong to another account, through a role.

mod delegation;
mod error;
mod many;
mod name;
mod record;
mod zone;

pub use aws_sdk_route53::types::RrType as RecordType;
pub use delegation::{Delegation, delegation};
pub use error::Error;
pub use many::{RecordChange, Standing, Together, ZoneRecords};
pub use name::{is_within, normalised};
pub use record::Record;
pub use zone::{HostedZone, HostedZones, Role, ZoneReference};
