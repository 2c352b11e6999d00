//! AWS services at the boundary of their SDK clients, for tests: operations work on one state, every call is noted, and any can be refused, or do
//! its work and lose its answer.
//!
//! ```text
//! let services = MockedServices::<State>::default();
//! let get = operation!(services, region, aws_sdk_sesv2, get_email_identity, GetEmailIdentityError, |state, input| {
//!     let Some(identity) = state.identities.get(input.email_identity().unwrap_or_default()) else {
//!         return refuse("NotFoundException", "there is none");
//!     };
//!     Ok(identity.describe(region))
//! });
//! let client = client!(aws_sdk_sesv2, get);
//! services.refuse("get_email_identity", "TooManyRequestsException", "slow down");
//! ```

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[doc(hidden)]
pub use aws_smithy_mocks;
use aws_smithy_mocks::MockResponse;
use aws_smithy_types::error::ErrorMetadata;

/// What a service refuses a call with: code and message.
pub type Refusal = (String, String);

/// Refuses the call that is being answered.
///
/// # Errors
/// Always.
pub fn refuse<T>(code: &str, message: impl Into<String>) -> Result<T, Refusal> {
    Err((code.to_owned(), message.into()))
}

/// Services with one state. Clones are the same services.
#[derive(Debug, Default)]
pub struct MockedServices<S> {
    state: Arc<Mutex<S>>,
    ledger: Arc<Mutex<Ledger>>,
}

impl<S> Clone for MockedServices<S> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), ledger: Arc::clone(&self.ledger) }
    }
}

#[derive(Debug, Default)]
struct Ledger {
    /// Operation and region of every call.
    calls: Vec<(String, String)>,
    /// Operation, and what its next call is refused with.
    troubles: Vec<(String, Refusal)>,
    /// Operations that do their work next time, and of which the answer is lost.
    unanswered: BTreeSet<String>,
}

impl<S> MockedServices<S> {
    /// What the services know.
    pub fn state(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses the next call of an operation.
    pub fn refuse(&self, operation: &str, code: &str, message: &str) {
        self.ledger().troubles.push((operation.to_owned(), (code.to_owned(), message.to_owned())));
    }

    /// Lets the next call of an operation have its effect, and its caller not know.
    pub fn lose_answer(&self, operation: &str) {
        self.ledger().unanswered.insert(operation.to_owned());
    }

    /// Operation and region of every call so far.
    #[must_use]
    pub fn all_calls(&self) -> Vec<(String, String)> {
        self.ledger().calls.clone()
    }

    /// How often an operation was called so far.
    #[must_use]
    pub fn calls(&self, operation: &str) -> usize {
        self.ledger().calls.iter().filter(|(name, _)| name == operation).count()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.ledger().calls.clear();
    }

    /// Answers a call; for [`operation!`](crate::operation).
    #[doc(hidden)]
    pub fn answer<O, E>(
        &self,
        operation: &str,
        region: &str,
        error: fn(ErrorMetadata) -> E,
        work: impl FnOnce(&mut S) -> Result<O, Refusal>,
    ) -> MockResponse<O, E> {
        let trouble = {
            let mut ledger = self.ledger();
            ledger.calls.push((operation.to_owned(), region.to_owned()));
            let trouble = ledger.troubles.iter().position(|(name, _)| name == operation);
            trouble.map(|at| ledger.troubles.remove(at).1)
        };
        let outcome = match trouble {
            Some(refusal) => Err(refusal),
            None => work(&mut self.state()),
        };
        match outcome {
            // The code decides whether a call is repeated, as one is whose answer was lost.
            Ok(_) if self.ledger().unanswered.remove(operation) => refusal(error, "Throttling", "the answer was lost"),
            Ok(output) => MockResponse::Output(output),
            Err((code, message)) => refusal(error, &code, &message),
        }
    }
}

fn refusal<O, E>(error: fn(ErrorMetadata) -> E, code: &str, message: &str) -> MockResponse<O, E> {
    MockResponse::Error(error(ErrorMetadata::builder().code(code).message(message).build()))
}

/// A rule for one operation: what it does with the state and its input, and what it gives.
#[macro_export]
macro_rules! operation {
    ($services:expr, $region:ident, $service:ident, $operation:ident, $error:ty, |$state:ident, $input:ident| $body:block) => {{
        let (services, region) = ($services.clone(), $region.to_owned());
        $crate::aws_smithy_mocks::mock!($service::Client::$operation).match_requests(|_| true).then_compute_response(
            move |$input| {
                let $region: &str = &region;
                services.answer(stringify!($operation), $region, <$error>::generic, |$state| $body)
            },
        )
    }};
}

/// A client of a service with rules for these operations and no others, that repeats nothing by itself.
#[macro_export]
macro_rules! client {
    ($service:ident, $($rule:ident),+) => {
        $crate::aws_smithy_mocks::mock_client!(
            $service,
            $crate::aws_smithy_mocks::RuleMode::MatchAny,
            [$(&$rule),+],
            |config| config.retry_config($service::config::retry::RetryConfig::disabled())
        )
    };
}
