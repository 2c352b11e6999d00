//! What to do with a pool of BigBlueButton servers behind Scalelite, in an Auto Scaling group: a pure function from the observed world
//! and the clock to a list of actions with reasons.
//!
//! It keeps no progress of its own. Every tick it is given a fresh [`World`] and finds out what every server's [`State`] is; what it
//! cannot read from the world, moments above all, it has written into the instances' [tags](tag), into Scalelite's tags
//! ([`Mark`]) and beside DNS records ([`Owner`]). So a lost event, a crash or a lost cache heals on the next tick.
//!
//! It knows no AWS client, no HTTP and no clock: the same code decides in the function and in a simulation.

mod action;
mod decide;
mod decision;
mod instance_id;
mod metrics;
mod moment;
mod settings;
mod state;
pub mod tag;
pub mod termination;
mod world;

pub use action::{Action, Step};
pub use decide::decide;
pub use decision::{Decision, Server};
pub use instance_id::{InstanceId, NotAnInstanceId};
pub use metrics::{Metrics, ServersByState};
pub use moment::{Moment, NotAMoment};
pub use settings::{Limits, Settings};
pub use state::{Foreign, Join, Kept, Launch, Load, Source, State};
pub use tag::Wish;
pub use world::{
    Answer, Group, Instance, InstanceState, LaunchTemplate, Lifecycle, Mark, Meeting, Meetings, Member, Owner, Reading,
    Record, Registration, RegistrationState, Secret, Status, Warmed, World,
};
