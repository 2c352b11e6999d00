//! The [CloudFormation custom-resource protocol][protocol] for AWS Lambda functions: one answer for every request.
//!
//! A custom resource is easy to write and hard to get right: a function that panics, runs out of time, is invoked twice or answers with
//! the wrong physical id makes a stack hang for an hour, or deletes something that was in use. With this crate the author of a resource
//! writes typed properties, typed attributes and [`create`](Resource::create), [`update`](Resource::update),
//! [`delete`](Resource::delete); the crate keeps the protocol.
//!
//! | CloudFormation expects | what this crate does |
//! | --- | --- |
//! | an answer to every request | success, error, panic, bad input, unknown type, failed initialisation and deadline each end in exactly one answer; the PUT is tried up to [`ATTEMPTS`](delivery::ATTEMPTS) times with a time-out each |
//! | the answer in time | the function's own deadline and `ServiceTimeout` are watched; the work is abandoned before either and FAILED is sent |
//! | an answer if the process dies | the function error of an undelivered answer names the physical id; a function made with [`last_resort`] as the `OnFailure` destination answers |
//! | a stable physical id | [`NOTHING_CREATED`] while nothing exists (its Delete is a no-op), the real id from [`Request::created`] on, [`OUTCOME_UNKNOWN`] when a call was abandoned that may have created something (its Delete looks for it), and a Delete that cannot change it |
//! | waits longer than a function may run | [`Outcome::Pending`]: polled with growing pauses, then carried on by up to [`MAX_HOPS`](continuation::MAX_HOPS) further invocations |
//! | at most 4096 bytes | the answer fits by construction; the head of the reason is kept, with the place of the log behind it |
//! | an empty content type | sent |
//! | strings for every scalar | [`properties`] turns `"true"` and `"60"` into booleans and numbers, and names the property that is wrong, never its value |
//! | harmless duplicates | handlers are called again for the same request, and told what was recorded before |
//! | discretion | neither response URL nor properties nor `NoEcho` data reach a log or a reason |
//!
//! # A whole resource
//!
//! ```
//! use custom_resource::{Deletion, Outcome, Provider, Ready, Request, Resource};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "PascalCase", deny_unknown_fields)]
//! struct Properties {
//!     greeting: String,
//!     #[serde(default)]
//!     loud: bool,
//! }
//!
//! #[derive(Serialize)]
//! #[serde(rename_all = "PascalCase")]
//! struct Attributes {
//!     text: String,
//! }
//!
//! #[derive(Debug, thiserror::Error)]
//! enum Error {
//!     #[error("a greeting has at most 80 characters")]
//!     TooLong,
//! }
//!
//! struct Greeting;
//!
//! impl Resource for Greeting {
//!     const TYPES: &'static [&'static str] = &["Custom::Greeting"];
//!     type Properties = Properties;
//!     type Attributes = Attributes;
//!     type Error = Error;
//!
//!     async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<Attributes>, Error> {
//!         if properties.greeting.len() > 80 {
//!             return Err(Error::TooLong);
//!         }
//!         let id = format!("greeting-{}", request.logical_resource_id());
//!         request.created(&id); // from here on a failure is rolled back by a Delete of this id
//!         let text = if properties.loud { properties.greeting.to_uppercase() } else { properties.greeting };
//!         Ok(Ready::new(id, Attributes { text }).into())
//!     }
//!
//!     async fn update(
//!         &self,
//!         request: &Request,
//!         _current: &str,
//!         properties: Properties,
//!         _old: Option<Properties>,
//!     ) -> Result<Outcome<Attributes>, Error> {
//!         self.create(request, properties).await
//!     }
//!
//!     async fn delete(&self, _: &Request, _: Option<&str>, _: Option<Properties>) -> Result<Deletion, Error> {
//!         Ok(Deletion::Deleted)
//!     }
//! }
//!
//! # fn main() -> Result<(), custom_resource::InitialisationError> {
//! let provider = Provider::new()?.resource(Greeting);
//! // `custom_resource::run(provider).await` hands it the events of the Lambda Runtime API.
//! # drop(provider);
//! # Ok(())
//! # }
//! ```
//!
//! A resource that only finds something out is a [`Lookup`]: one method instead of three.
//!
//! # Testing a resource
//!
//! The feature `test-kit` has [`testing`]: a CloudFormation that builds requests and receives the answers over HTTP, as strict as the real one.
//!
//! [protocol]: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html

mod budget;
pub mod continuation;
pub mod delivery;
mod event;
mod lambda;
pub mod last_resort;
mod lookup;
mod outcome;
mod physical_id;
pub mod properties;
mod provider;
mod reason;
mod request;
mod resource;
mod response;
#[cfg(feature = "test-kit")]
pub mod testing;

pub use budget::Invocation;
pub use continuation::{Reinvoke, Reinvoked};
pub use event::NotARequest;
pub use lambda::{run, run_last_resort};
pub use lookup::Lookup;
pub use outcome::{Deletion, Outcome, Pending, Ready};
pub use physical_id::{NOTHING_CREATED, OUTCOME_UNKNOWN};
pub use properties::Secret;
pub use provider::{InitialisationError, Provider, Unanswered};
pub use reason::with_causes;
pub use request::{LOGICAL_ID_TAG, Request, RequestType, STACK_TAG};
pub use resource::Resource;
pub use response::{MAX_RESPONSE_BYTES, Status};
