//! Errors as each service writes them.

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::Answer;
use super::identify::{Operation, Protocol};

/// An error that a service answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// The error with which the service of `operation` throttles.
    pub(super) fn throttle(operation: &Operation) -> Self {
        match operation.protocol {
            Protocol::Json | Protocol::Cbor => Self::new(400, "ThrottlingException", "Rate exceeded"),
            Protocol::Query | Protocol::RestXml => Self::new(400, "Throttling", "Rate exceeded"),
            Protocol::Ec2 => Self::new(503, "RequestLimitExceeded", "Request limit exceeded."),
            Protocol::RestJson => Self::new(429, "TooManyRequestsException", "Too Many Requests"),
            Protocol::S3 => Self::new(503, "SlowDown", "Please reduce your request rate."),
        }
    }

    /// The error with which the service of `operation` says that a permission is missing.
    pub(super) fn deny(operation: &Operation) -> Self {
        let message = format!(
            "User: arn:aws:sts::000000000000:assumed-role/rehearsal/function is not authorized to perform: {operation} \
             because no identity-based policy allows the {operation} action"
        );
        match operation.protocol {
            Protocol::Json => Self::new(400, "AccessDeniedException", message),
            Protocol::RestJson | Protocol::Cbor => Self::new(403, "AccessDeniedException", message),
            Protocol::Query | Protocol::RestXml => Self::new(403, "AccessDenied", message),
            Protocol::Ec2 => {
                Self::new(403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
            }
            Protocol::S3 => Self::new(403, "AccessDenied", "Access Denied"),
        }
    }

    /// An internal error, the same everywhere.
    pub(super) fn server_error() -> Self {
        Self::new(500, "InternalFailure", "An internal error has occurred")
    }

    /// The answer in the words of the service of `operation`.
    pub(super) fn in_protocol_of(self, operation: &Operation) -> Answer {
        let Self { status, code, message } = self;
        let request_id = crate::new_uuid();
        let text = escape(&message);
        let (kind, body) = match operation.protocol {
            Protocol::Json => ("application/x-amz-json-1.1", json!({"__type": code, "message": message}).to_string()),
            Protocol::RestJson => ("application/json", json!({"message": message}).to_string()),
            Protocol::Cbor => return Answer::in_cbor(status, &[("__type", &code), ("message", &message)]),
            Protocol::Query | Protocol::RestXml => {
                let fault = if status < 500 { "Sender" } else { "Receiver" };
                (
                    "text/xml",
                    format!(
                        "<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{text}</Message></Error>\
                         <RequestId>{request_id}</RequestId></ErrorResponse>"
                    ),
                )
            }
            Protocol::Ec2 => (
                "text/xml",
                format!(
                    "<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message></Error></Errors>\
                     <RequestID>{request_id}</RequestID></Response>"
                ),
            ),
            Protocol::S3 => (
                "application/xml",
                format!(
                    "<Error><Code>{code}</Code><Message>{text}</Message><RequestId>{request_id}</RequestId></Error>"
                ),
            ),
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(kind));
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert("x-amzn-requestid", id);
        }
        if operation.protocol == Protocol::RestJson
            && let Ok(code) = HeaderValue::from_str(&code)
        {
            headers.insert("x-amzn-errortype", code);
        }
        Answer {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers,
            body: body.into_bytes(),
        }
    }
}

impl Answer {
    /// A map of texts in CBOR (RFC 8949): a head with the major type and the length, then the content.
    fn in_cbor(status: u16, texts: &[(&str, &str)]) -> Self {
        const TEXT: u8 = 3;
        const MAP: u8 = 5;
        // Both lengths are written in two bytes, whatever they are.
        let head = |kind: u8, length: usize| {
            let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            [(kind << 5) | 25, high, low]
        };
        let mut body = head(MAP, texts.len()).to_vec();
        for text in texts.iter().flat_map(|(key, value)| [key, value]) {
            body.extend(head(TEXT, text.len()));
            body.extend(text.as_bytes());
        }
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/cbor"));
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers, body }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
