//! The answer, and how it is kept within what CloudFormation accepts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::physical_id;

/// The most bytes CloudFormation accepts as the body of an answer ("Response object is too long").
pub const MAX_RESPONSE_BYTES: usize = 4096;

/// Whether the request succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// As asked.
    #[serde(rename = "SUCCESS")]
    Success,
    /// Not as asked; CloudFormation rolls back.
    #[serde(rename = "FAILED")]
    Failed,
}

/// What an answer must copy from its request, letter for letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Identity {
    pub(crate) stack_id: String,
    pub(crate) request_id: String,
    pub(crate) logical_resource_id: String,
}

/// Far over what CloudFormation's ids can be (a logical id has at most 255 characters, a stack's ARN some 250).
const MAX_IDENTITY_BYTES: usize = 512;

impl Identity {
    /// Cuts what cannot come from CloudFormation, so that even then the answer fits.
    pub(crate) fn new(stack_id: &str, request_id: &str, logical_resource_id: &str) -> Self {
        let cut = |text: &str| head(text, MAX_IDENTITY_BYTES).to_owned();
        Self { stack_id: cut(stack_id), request_id: cut(request_id), logical_resource_id: cut(logical_resource_id) }
    }

    /// Says if one of them cannot come from CloudFormation.
    pub(crate) fn problem(raw: &Map<String, Value>) -> Option<String> {
        ["StackId", "RequestId", "LogicalResourceId"]
            .into_iter()
            .find(|key| raw.get(*key).and_then(Value::as_str).is_some_and(|text| text.len() > MAX_IDENTITY_BYTES))
            .map(|key| format!("{key} is too long"))
    }
}

/// What CloudFormation is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Response {
    pub(crate) status: Status,
    pub(crate) reason: String,
    pub(crate) physical_resource_id: String,
    #[serde(flatten)]
    pub(crate) identity: Identity,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_echo: bool,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) data: Map<String, Value>,
}

impl Response {
    pub(crate) fn success(identity: Identity, physical_resource_id: String) -> Self {
        Self {
            status: Status::Success,
            reason: String::new(),
            physical_resource_id,
            identity,
            no_echo: false,
            data: Map::new(),
        }
    }

    pub(crate) fn failed(identity: Identity, physical_resource_id: String, reason: String) -> Self {
        Self { status: Status::Failed, reason, ..Self::success(identity, physical_resource_id) }
    }

    /// The answer as bytes that CloudFormation accepts: at most [`MAX_RESPONSE_BYTES`], with the reason of a failure ending in `pointer`.
    ///
    /// Attributes that do not fit make the answer a failure that says so; nothing else could be done about them later.
    pub(crate) fn into_body(mut self, pointer: &str) -> (Status, Vec<u8>) {
        let id_bytes = self.physical_resource_id.len();
        if id_bytes > physical_id::MAX_BYTES {
            self.fail(format!(
                "the physical id has {id_bytes} bytes, CloudFormation accepts {}",
                physical_id::MAX_BYTES
            ));
            self.physical_resource_id = head(&self.physical_resource_id, physical_id::MAX_BYTES).to_owned();
        }
        if self.status == Status::Success && self.bytes().len() > MAX_RESPONSE_BYTES && !self.data.is_empty() {
            let data = serde_json::to_vec(&self.data).map_or(0, |bytes| bytes.len());
            self.fail(format!(
                "the attributes take {data} bytes; with them the answer exceeds CloudFormation's {MAX_RESPONSE_BYTES}"
            ));
        }
        let reason = std::mem::take(&mut self.reason);
        let pointer = if self.status == Status::Failed { pointer } else { "" };
        self.reason = format!("{reason}{pointer}");
        let mut body = self.bytes();
        let mut keep = reason.len();
        while body.len() > MAX_RESPONSE_BYTES && keep > 0 {
            // What a byte of the reason takes in JSON differs (quotes, control characters), so the cut is approached.
            keep = keep.saturating_sub((body.len() - MAX_RESPONSE_BYTES).div_ceil(6).max(1));
            self.reason = format!("{}...{pointer}", head(&reason, keep));
            body = self.bytes();
        }
        if body.len() > MAX_RESPONSE_BYTES {
            self.reason = "failed; see the log".to_owned();
            self.physical_resource_id = head(&self.physical_resource_id, physical_id::MAX_BYTES / 4).to_owned();
            body = self.bytes();
        }
        (self.status, body)
    }

    fn fail(&mut self, reason: String) {
        self.status = Status::Failed;
        self.reason = reason;
        self.data = Map::new();
        self.no_echo = false;
    }

    fn bytes(&self) -> Vec<u8> {
        // Strings and maps with string keys: there is nothing in it that JSON cannot say.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The first bytes of a text, as many as fit into `most` without cutting a character.
fn head(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn identity() -> Identity {
        Identity::new("arn:aws:cloudformation:eu-west-1:1:stack/s/1", "r", "L")
    }

    fn read(body: &[u8]) -> Value {
        serde_json::from_slice(body).unwrap()
    }

    #[test]
    fn a_success_is_short() {
        let (status, body) = Response::success(identity(), "id".into()).into_body(" (log: g)");
        assert_eq!(status, Status::Success);
        assert_eq!(
            read(&body),
            json!({"Status": "SUCCESS", "Reason": "", "PhysicalResourceId": "id", "RequestId": "r", "LogicalResourceId": "L",
                   "StackId": "arn:aws:cloudformation:eu-west-1:1:stack/s/1"})
        );
    }

    #[test]
    fn attributes_that_do_not_fit_are_a_failure_that_says_so() {
        let mut response = Response::success(identity(), "id".into());
        response.data.insert("Secret".into(), json!("s".repeat(5000)));
        response.no_echo = true;
        let (status, body) = response.into_body("");
        assert_eq!(status, Status::Failed);
        assert!(!read(&body).to_string().contains("sss"));
        assert!(read(&body)["Reason"].as_str().unwrap().contains("4096"));
        assert_eq!(read(&body)["PhysicalResourceId"], "id", "what was created must be found again");
    }

    #[test]
    fn an_id_that_is_too_long_is_a_failure() {
        let (status, body) = Response::success(identity(), "x".repeat(1025)).into_body("");
        assert_eq!(status, Status::Failed);
        assert!(read(&body)["PhysicalResourceId"].as_str().unwrap().len() <= 1024);
    }

    proptest! {
        #[test]
        fn a_failure_always_fits_and_points_to_the_log(reason in "\\PC{0,6000}|[\"\\\\\u{1}\u{1f}é]{0,6000}", id in "\\PC{1,300}") {
            let (_, body) = Response::failed(identity(), id, reason.clone()).into_body(" (log: group)");
            prop_assert!(body.len() <= MAX_RESPONSE_BYTES);
            let read = read(&body);
            let shown = read["Reason"].as_str().unwrap();
            prop_assert!(shown.ends_with(" (log: group)"));
            let kept = shown.trim_end_matches(" (log: group)");
            prop_assert!(reason.starts_with(kept.strip_suffix("...").unwrap_or(kept)) || reason.starts_with(kept));
        }

        #[test]
        fn even_hostile_identities_fit(text in "[\"\u{1}a]{0,9000}") {
            let (_, body) = Response::failed(Identity::new(&text, &text, &text), text.clone(), text.clone()).into_body(&text[..text.len().min(100)]);
            prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
        }
    }
}
