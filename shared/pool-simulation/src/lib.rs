//! What a pool of BigBlueButton servers would do with a timetable: servers, cost and waiting, before anybody pays for it.
//!
//! The decisions are the real ones: every simulated minute [`server_pool::decide`] is given the world as the function would see it, and what it
//! decides is done to a model of the Auto Scaling group, of Scalelite and of the servers. `docs/simulation.md` says which document each part of
//! the model is from, and what is not modelled.
//!
//! It knows no AWS client, no HTTP and no clock, and draws nothing at random but from a seed.

mod calendar;
mod clairvoyant;
mod error;
pub mod examples;
mod group;
mod hall;
mod load;
mod parameters;
pub mod picture;
mod pool;
pub mod prices;
mod recorded;
mod recurrence;
mod report;
mod scalelite;
mod simulation;
pub mod suggest;
pub mod text;
mod timetable;
mod tracking;
mod waiting;

pub use calendar::{DAY, Minute};
pub use error::Error;
pub use load::{Load, Meeting, OPENED_EARLY, Punctuality};
pub use parameters::{Parameters, Scheduled};
pub use prices::Prices;
pub use recorded::recorded;
pub use recurrence::Recurrence;
pub use report::{Plan, Report, Study, study};
pub use simulation::{JOINING_MINUTES, Sample};
pub use timetable::Timetable;
pub use waiting::Waiting;
