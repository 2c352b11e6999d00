//! What a request has to be before the API looks at it.
//!
//! Scalelite 1.8.5: `app/controllers/concerns/api_helper.rb` lines 20 to 51, `config/routes.rb` lines 36 to 49.

use axum::http::{HeaderMap, Method, Uri, header};
use bigbluebutton::{SecretString, signature};
use serde_json::Value;

/// A request that the API is to carry out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) body: Value,
}

/// Why a request is not even looked at, in the order in which it is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejected {
    /// 400, HTML, empty: a body that is to be JSON and is not.
    BrokenJson,
    /// 200, XML: no such call, or not by this method.
    UnsupportedRequest,
    /// 200, XML: a body that is not even to be JSON.
    UnsupportedContentType,
    /// 200, XML.
    Checksum,
}

/// Reads a request.
pub(super) fn read(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    secret: &str,
) -> Result<Call, Rejected> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json");
    let body = match body {
        [] => Value::Null,
        body if is_json => serde_json::from_slice(body).map_err(|_not_json| Rejected::BrokenJson)?,
        _ => Value::Null,
    };
    let name = match (method, uri.path().strip_prefix("/scalelite/api/")) {
        (&Method::GET, Some("getServers")) => "getServers",
        (&Method::GET, Some("getServerInfo")) => "getServerInfo",
        (&Method::POST, Some("addServer")) => "addServer",
        (&Method::POST, Some("updateServer")) => "updateServer",
        (&Method::POST, Some("deleteServer")) => "deleteServer",
        (&Method::POST, Some("panicServer")) => "panicServer",
        _ => return Err(Rejected::UnsupportedRequest),
    };
    if method == Method::POST && !is_json && !has_no_content(headers) {
        return Err(Rejected::UnsupportedContentType);
    }
    let query = uri.query().unwrap_or_default();
    if !is_signed(name, query, secret) {
        return Err(Rejected::Checksum);
    }
    Ok(Call { name, body: with_id_of_query(body, query) })
}

fn has_no_content(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0")
}

/// SHA-256 alone, of the three hashes that Scalelite takes, in lower-case digits; of the query as it stands, without the checksum. The body is not in it.
fn is_signed(call: &str, query: &str, secret: &str) -> bool {
    let (checksum, others): (Vec<_>, Vec<_>) = query.split('&').partition(|pair| pair.starts_with("checksum="));
    let [checksum] = checksum[..] else { return false };
    let expected = signature::checksum(call, &others.join("&"), &SecretString::from(secret));
    checksum.strip_prefix("checksum=") == Some(&expected)
}

/// The id may stand in the query, too.
fn with_id_of_query(body: Value, query: &str) -> Value {
    let id = query.split('&').find_map(|pair| pair.strip_prefix("id="));
    match (body, id) {
        (Value::Null, Some(id)) => serde_json::json!({ "id": id }),
        (Value::Object(mut body), Some(id)) => {
            body.entry("id").or_insert_with(|| id.into());
            Value::Object(body)
        }
        (body, _) => body,
    }
}
