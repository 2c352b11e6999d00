//! Errors in words for people.

use std::error::Error;

use aws_sdk_cloudformation::error::ErrorMetadata;

/// What the SDK says where its sources say more.
const EMPTY_PHRASES: [&str; 3] = ["service error", "unhandled error", "unhandled error ("];

/// An error with its causes, `a: b: c`. A refusal by AWS is its code and its message.
pub(crate) fn words(error: &anyhow::Error) -> String {
    of_chain(error.chain())
}

/// As [`words`], for an error of a library.
pub(crate) fn words_of(error: &(dyn Error + 'static)) -> String {
    of_chain(anyhow::Chain::new(error))
}

fn of_chain<'a>(chain: impl Iterator<Item = &'a (dyn Error + 'static)>) -> String {
    let mut text = String::new();
    for cause in chain {
        let said = said(cause);
        if said.is_empty() || text.contains(&said) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&said);
    }
    text
}

fn said(cause: &(dyn Error + 'static)) -> String {
    if let Some(metadata) = cause.downcast_ref::<ErrorMetadata>() {
        return match (metadata.code(), metadata.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, message) => message.unwrap_or("AWS gave no reason").to_owned(),
        };
    }
    let text = cause.to_string();
    match text.as_str() {
        "dispatch failure" => "AWS could not be reached".to_owned(),
        "request has timed out" => "AWS did not answer in time".to_owned(),
        text if EMPTY_PHRASES[..2].contains(&text) || text.starts_with(EMPTY_PHRASES[2]) => String::new(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError;

    use super::*;

    #[test]
    fn a_refusal_is_its_code_and_message_once() {
        let metadata = ErrorMetadata::builder().code("AccessDenied").message("not for you").build();
        let error = DescribeStacksError::generic(metadata);
        let failed: anyhow::Result<()> = Err(error).context("cannot describe the stack bbb");
        let said = words(&failed.expect_err("an error"));
        assert_eq!(said, "cannot describe the stack bbb: AccessDenied: not for you");
    }

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let error = anyhow::anyhow!("the disk is full").context("cannot write: the disk is full");
        assert_eq!(words(&error), "cannot write: the disk is full");
    }
}
