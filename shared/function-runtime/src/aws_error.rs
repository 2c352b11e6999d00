//! What AWS said, in one line.

use std::{error::Error, fmt};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A failed call to AWS: the service's code and message, or what kept the call from reaching it.
///
/// Services declare few of their errors, so the code is text. The SDK's own error says "service error" and keeps the rest in its sources in a form for programmers; this one is for stack events.
#[derive(Debug)]
pub struct AwsError {
    code: Option<String>,
    text: String,
    transient: bool,
}

/// The codes by which services say that the same call may succeed later.
const THROTTLING: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "PriorRequestNotComplete",
    "SlowDown",
    "LimitExceededForRate",
];

impl AwsError {
    /// The service's error code, such as `ResourceNotFoundException`; absent when no answer came.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Whether the service answered with this code.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.code() == Some(code)
    }

    /// Whether the same call may succeed later: throttled, unreachable, or a fault of the service.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.transient
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for AwsError {}

impl<E: ProvideErrorMetadata + Error + 'static> From<SdkError<E, HttpResponse>> for AwsError {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let code = error.code().map(str::to_owned);
        let throttled = code.as_deref().is_some_and(|code| THROTTLING.contains(&code));
        let (text, transient) = match &error {
            SdkError::ServiceError(_) => {
                let message = error.message().unwrap_or_default();
                let text = match (code.as_deref(), message) {
                    (Some(code), "") => code.to_owned(),
                    (Some(code), message) => format!("{code}: {message}"),
                    (None, "") => "the service gave no reason".to_owned(),
                    (None, message) => message.to_owned(),
                };
                let fault = error.raw_response().is_some_and(|response| response.status().is_server_error());
                (text, throttled || fault)
            }
            SdkError::TimeoutError(_) => ("AWS did not answer in time".to_owned(), true),
            SdkError::DispatchFailure(_) => ("AWS could not be reached".to_owned(), true),
            SdkError::ResponseError(_) => ("the answer of AWS could not be read".to_owned(), true),
            _ => (custom_resource::with_causes(&error), false),
        };
        Self { code, text, transient }
    }
}
