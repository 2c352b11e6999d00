//! What an answer is, whatever its status says.

use bigbluebutton::Failure;
use serde::Deserialize;

use crate::Refusal;

/// An answer of Scalelite, or of what stands in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// Done. JSON.
    Success(&'a [u8]),
    /// Understood, and refused: JSON with an error.
    Refused(Refusal),
    /// Not let in, or not understood: XML with HTTP status 200.
    Failed(Failure),
    /// HTML, nothing, or anything that is not of this API: a proxy's error page, Rails' own 500.
    Unusable,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

/// Tells what an answer is.
pub(crate) async fn classify<'a>(status: u16, content_type: &str, body: &'a [u8]) -> Answer<'a> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return match status {
            200..=299 => Answer::Success(body),
            // Rails' own 404 is JSON too, at times; only Scalelite's words mean what they say.
            400..=499 => match serde_json::from_slice(body) {
                Ok(Refused { error }) => Answer::Refused(refusal(status, &error)),
                Err(_not_shown) => Answer::Unusable,
            },
            _ => Answer::Unusable,
        };
    }
    let is_xml = ["text/xml", "application/xml"].iter().any(|xml| essence.eq_ignore_ascii_case(xml));
    match is_xml || essence.is_empty() {
        true => Failure::read(body).await.map_or(Answer::Unusable, Answer::Failed),
        false => Answer::Unusable,
    }
}

fn refusal(status: u16, error: &str) -> Refusal {
    match (status, error) {
        (404, "No servers are configured") => Refusal::NoServers,
        (404, error) if error.starts_with("Couldn't find server with id=") => Refusal::NoSuchServer,
        (400, error) if error.starts_with("Server with id '") && error.ends_with("' is deleted") => Refusal::Deleted,
        (400, error) if error.starts_with("Couldn't disable server id=") => Refusal::MeetingNotEnded,
        _ => Refusal::Other(status),
    }
}
