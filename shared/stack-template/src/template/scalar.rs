//! What a scalar means.

use saphyr_parser::ScalarStyle;
use serde_json::{Number, Value};

/// The value of a scalar without a tag; `None` for a null.
pub(super) fn read(text: &str, style: ScalarStyle) -> Option<Value> {
    if style != ScalarStyle::Plain {
        return Some(Value::from(text));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => None,
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        text => Some(number(text).map_or_else(|| Value::from(text), Value::Number)),
    }
}

/// The number that prints back as `text`.
fn number(text: &str) -> Option<Number> {
    let first = text.trim_start_matches('-').chars().next()?;
    if !first.is_ascii_digit() {
        return None;
    }
    let number: Number = serde_json::from_str(text).ok()?;
    (number.to_string() == text).then_some(number)
}
