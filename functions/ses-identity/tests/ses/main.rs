//! The types as CloudFormation sees them: events in, answers over HTTP, AWS at its service boundary.

mod credentials;
mod drop_in;
mod email_domain;
mod notifications;
mod world;
