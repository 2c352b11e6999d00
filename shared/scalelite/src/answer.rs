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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    const JSON: &str = "application/json; charset=utf-8";
    const XML: &str = "application/xml; charset=utf-8";
    const HTML: &str = "text/html; charset=utf-8";
    const CHECKSUM: &str = "<?xml version=\"1.0\"?>\n<response><returncode>FAILED</returncode><messageKey>checksumError</messageKey></response>";

    fn classified<'a>(status: u16, content_type: &str, body: &'a str) -> Answer<'a> {
        classify(status, content_type, body.as_bytes()).now_or_never().unwrap()
    }

    #[test]
    fn answers_are_what_they_say_and_not_what_their_status_says() {
        let refused = |refusal| Answer::Refused(refusal);
        for (status, content_type, body, expected) in [
            (200, JSON, "[]", Answer::Success(b"[]")),
            (201, "Application/JSON", "{}", Answer::Success(b"{}")),
            (200, XML, CHECKSUM, Answer::Failed(Failure::Checksum)),
            (200, "text/xml", CHECKSUM, Answer::Failed(Failure::Checksum)),
            (200, "", CHECKSUM, Answer::Failed(Failure::Checksum)),
            (200, HTML, CHECKSUM, Answer::Unusable),
            (200, XML, "<response><returncode>SUCCESS</returncode></response>", Answer::Unusable),
            (200, HTML, "<html>", Answer::Unusable),
            (200, "", "", Answer::Unusable),
            (500, HTML, "", Answer::Unusable),
            (502, HTML, "<html></html>", Answer::Unusable),
            (500, JSON, r#"{"error":"Internal Server Error"}"#, Answer::Unusable),
            (302, JSON, "{}", Answer::Unusable),
            (404, JSON, r#"{"error":"No servers are configured"}"#, refused(Refusal::NoServers)),
            (404, JSON, r#"{"status":404,"error":"Not Found"}"#, refused(Refusal::Other(404))),
            (400, JSON, r#"{"error":"No servers are configured"}"#, refused(Refusal::Other(400))),
            (404, HTML, r#"{"error":"No servers are configured"}"#, Answer::Unusable),
            (404, JSON, "No servers are configured", Answer::Unusable),
            (404, JSON, r#"{"message":"No servers are configured"}"#, Answer::Unusable),
            (404, JSON, r#"{"error":"Couldn't find server with id=a"}"#, refused(Refusal::NoSuchServer)),
            (400, JSON, r#"{"error":"Server with id 'a' is deleted"}"#, refused(Refusal::Deleted)),
            (400, JSON, r#"{"error":"Couldn't disable server id=a"}"#, refused(Refusal::MeetingNotEnded)),
            (400, JSON, r#"{"error":"Invalid state parameter: enabled"}"#, refused(Refusal::Other(400))),
            (412, JSON, r#"{"message":"Multitenancy is disabled"}"#, Answer::Unusable),
        ] {
            assert_eq!(classified(status, content_type, body), expected, "{status} {content_type} {body}");
        }
    }

    fn content_type() -> impl Strategy<Value = String> {
        prop_oneof![Just(JSON.to_owned()), Just(XML.to_owned()), Just(HTML.to_owned()), Just(String::new()), ".{0,20}"]
    }

    fn body() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            any::<Vec<u8>>(),
            "\\PC{0,60}".prop_map(String::into_bytes),
            r#"\{"error":"[^"\\]{0,40}"\}"#.prop_map(String::into_bytes),
            "<response><returncode>[A-Z]{0,8}</returncode><messageKey>[a-zA-Z]{0,20}</messageKey></response>"
                .prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn nothing_passes_for_what_it_is_not(status in 100_u16..600, content_type in content_type(), body in body()) {
            match classify(status, &content_type, &body).now_or_never().unwrap() {
                Answer::Success(of) => prop_assert!((200..300).contains(&status) && of == body),
                Answer::Refused(Refusal::NoServers) => {
                    prop_assert_eq!(status, 404);
                    prop_assert_eq!(&body[..], br#"{"error":"No servers are configured"}"#);
                }
                Answer::Refused(Refusal::NoSuchServer) => prop_assert_eq!(status, 404),
                Answer::Refused(_) => prop_assert!((400..500).contains(&status)),
                Answer::Failed(_) => prop_assert!(body.starts_with(b"<response><returncode>")),
                Answer::Unusable => {}
            }
        }
    }
}
