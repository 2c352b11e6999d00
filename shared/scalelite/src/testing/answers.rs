//! Answers as Scalelite writes them, and what stands in front of it.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{Listed, NotDone, request::Rejected};
use crate::State;

/// A server as the API writes it: the load is a number or a word, the multiplier a string.
pub(super) fn shown(server: &Listed) -> Value {
    let Listed { id, url, secret, tag, state, load, load_multiplier, online } = server;
    json!({
        "id": id,
        "url": url,
        "secret": secret,
        "tag": tag,
        "bbb_version": "",
        "state": match state {
            State::Enabled => "enabled",
            State::Cordoned => "cordoned",
            State::Disabled => "disabled",
        },
        "load": load.map_or_else(|| json!("unavailable"), |load| json!(load)),
        "load_multiplier": format!("{load_multiplier:?}"),
        "online": if *online { "online" } else { "offline" },
    })
}

pub(super) fn not_done(reason: NotDone, id: &str) -> Response {
    match reason {
        NotDone::NoSuchServer => error(StatusCode::NOT_FOUND, &format!("Couldn't find server with id={id}")),
        NotDone::MeetingNotEnded => error(StatusCode::BAD_REQUEST, &format!("Couldn't disable server id={id}")),
        NotDone::Crashed => empty_html(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

pub(super) fn reject(reason: Rejected) -> Response {
    let (key, text) = match reason {
        Rejected::BrokenJson => return empty_html(StatusCode::BAD_REQUEST),
        Rejected::UnsupportedRequest => ("unsupportedRequest", "This request is not supported."),
        Rejected::UnsupportedContentType => {
            ("unsupportedContentType", "POST request Content-Type is missing or unsupported")
        }
        Rejected::Checksum => ("checksumError", "You did not pass the checksum security check"),
    };
    let xml = format!(
        "<?xml version=\"1.0\"?>\n<response>\n  <returncode>FAILED</returncode>\n  <messageKey>{key}</messageKey>\n  \
         <message>{text}</message>\n</response>\n"
    );
    ([(header::CONTENT_TYPE, "application/xml; charset=utf-8")], xml).into_response()
}

pub(super) fn answer_json(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
}

pub(super) fn error(status: StatusCode, text: &str) -> Response {
    answer_json(status, &json!({ "error": text }))
}

pub(super) fn empty_html(status: StatusCode) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], "").into_response()
}

pub(super) fn page(status: StatusCode) -> Response {
    let html = format!("<html>\r\n<head><title>{status}</title></head>\r\n<body></body>\r\n</html>\r\n");
    (status, [(header::CONTENT_TYPE, "text/html")], html).into_response()
}
