//! A provider asked as CloudFormation asks it, one request at a time.

use std::{future::Future, time::Duration};

use serde_json::Value;

use super::{Answer, FakeCloudFormation, RequestBuilder};
use crate::{Invocation, Provider, Status};

/// What Lambda gives an invocation in these tests, unless a test says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

/// Services behind a provider, which requests are put to: each through a CloudFormation of its own, whose rules no answer may break.
pub trait Asked {
    /// A provider with these services.
    fn provider(&self) -> Provider;

    /// Puts a request and gives its answer, within the time that Lambda gives.
    ///
    /// # Panics
    /// When there is not exactly one answer, or it breaks a rule.
    #[allow(clippy::expect_used, reason = "a test that cannot go on is a test that fails")]
    fn ask_within(
        &self,
        request: impl FnOnce(RequestBuilder) -> Value,
        resource_type: &str,
        limit: Duration,
    ) -> impl Future<Output = Answer> {
        async move {
            let cloudformation = FakeCloudFormation::start().await.expect("a free port");
            let event = request(cloudformation.request(resource_type));
            self.provider().handle(event, &Invocation::within(limit)).await.expect("an answer that was delivered");
            assert_eq!(cloudformation.violations(), []);
            let mut answers = cloudformation.take_answers();
            assert_eq!(answers.len(), 1, "{answers:?}");
            answers.remove(0)
        }
    }

    /// Puts a request and gives its answer.
    ///
    /// # Panics
    /// As [`ask_within`](Self::ask_within).
    fn ask(&self, request: impl FnOnce(RequestBuilder) -> Value, resource_type: &str) -> impl Future<Output = Answer> {
        self.ask_within(request, resource_type, LIMIT)
    }

    /// Creates a resource.
    ///
    /// # Panics
    /// As [`ask_within`](Self::ask_within).
    fn create(&self, resource_type: &str, properties: Value) -> impl Future<Output = Answer> {
        self.ask(|request| request.properties(properties).create(), resource_type)
    }

    /// Changes a resource, which had the properties `old`.
    ///
    /// # Panics
    /// As [`ask_within`](Self::ask_within).
    fn update(
        &self,
        resource_type: &str,
        current: &str,
        properties: Value,
        old: Value,
    ) -> impl Future<Output = Answer> {
        self.ask(move |request| request.properties(properties).update(current, old), resource_type)
    }

    /// Deletes a resource, which must succeed.
    ///
    /// # Panics
    /// As [`ask_within`](Self::ask_within), and when the answer is a failure.
    fn delete(&self, resource_type: &str, current: &str, properties: Value) -> impl Future<Output = Answer> {
        async move {
            let answer = self.ask(|request| request.properties(properties).delete(current), resource_type).await;
            succeeded(&answer, current);
            answer
        }
    }
}

/// The answer is SUCCESS with this id.
///
/// # Panics
/// When it is not.
#[track_caller]
pub fn succeeded(answer: &Answer, physical_id: &str) {
    assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Success, physical_id), "{answer:?}");
}

/// The answer is FAILED with this id, and its reason has this text.
///
/// # Panics
/// When it is not.
#[track_caller]
pub fn failed(answer: &Answer, physical_id: &str, reason: &str) {
    assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Failed, physical_id), "{answer:?}");
    assert!(answer.reason.contains(reason), "{}", answer.reason);
}
