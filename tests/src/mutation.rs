//! Makes hostile events out of samples.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// Keys that mean something to somebody, or nearly.
const KEYS: &[&str] = &[
    "Continuation",
    "Records",
    "RequestType",
    "PhysicalResourceId",
    "ServiceTimeout",
    "OldResourceProperties",
    "responseURL",
    "ResponseUrl",
    "ResponseURL ",
    "__proto__",
    "",
    "\u{0}",
    "\u{feff}StackId",
    "Ѕtackld",
];

const REQUEST_TYPES: &[&str] =
    &["Create", "Update", "Delete", "create", "DELETE", "Delete ", "Destroy", "", "\u{0}Create"];

const RESOURCE_TYPES: &[&str] = &[
    "Custom::Certificate",
    "Custom::CertificateDNSRecord",
    "Custom::IssuedCertificate",
    "custom::certificate",
    "Custom::Certificate\u{0}",
    "AWS::CloudFormation::CustomResource",
    "Custom::",
    "💥",
];

const TEXTS: &[&str] = &[
    "",
    " ",
    "-",
    "true",
    "-1",
    "1e400",
    "99999999999999999999",
    "could-not-create",
    "outcome-unknown",
    "arn:aws:acm:::certificate/",
    "arn:aws:acm:a\nb:1:certificate/x",
    "arn:aws:acm:eu-central-1:000000000000:certificate/x",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "../../../etc/passwd",
    "*.*.example.org",
    "${AWS::NoValue}",
    "{\"RequestType\": \"Create\"}",
    "\\\"\\u0000'\"<>&;`$(id)",
    "\u{0}\u{1}\u{1f}\u{7f}\u{80}\r\n\t",
    "💥\u{202e}ẞﬀé\u{301}\u{fffd}\u{10ffff}",
];

/// How deep what is nested deeply is, and how deep it may lie itself: together within the 128 levels that JSON readers commonly allow.
const DEPTH: usize = 90;
const DEEPEST_PLACE: usize = 20;

/// Longer than anything that CloudFormation sends, shorter than what Lambda accepts in all.
const LONG: usize = 60_000;

/// A source of mutations; the same seed gives the same ones.
#[derive(Debug)]
pub struct Mutator(Rng);

impl Mutator {
    /// The mutations of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Changes the structure of an event in one to four places; gives what was done.
    ///
    /// The values under the keys in `secret` are removed or replaced, but never moved to where they would be no secret.
    pub fn mutate(&mut self, event: &mut Value, secret: &[&str]) -> Vec<String> {
        let times = self.0.usize(1..=4);
        (0..times).map(|_| self.mutate_once(event, secret)).collect()
    }

    fn mutate_once(&mut self, event: &mut Value, secret: &[&str]) -> String {
        let mut places = Vec::new();
        list(event, "", &mut places);
        let place = self.0.choice(&places).cloned().unwrap_or_default();
        let at = |what: &str| format!("{what} {place:?}");
        match self.0.u8(0..12) {
            0..=2 => {
                remove(event, &place);
                at("remove")
            }
            3..=5 => {
                let junk = self.junk();
                replace(event, &place, junk);
                at("replace")
            }
            6 => {
                let objects: Vec<_> =
                    places.iter().filter(|place| event.pointer(place).is_some_and(Value::is_object)).collect();
                let Some(object) = self.0.choice(&objects).map(|place| (*place).clone()) else { return at("leave") };
                let key = self.key_like(event.pointer(&object));
                let junk = if key == "Continuation" { self.continuation() } else { self.junk() };
                if let Some(map) = event.pointer_mut(&object).and_then(Value::as_object_mut) {
                    map.entry(key.clone()).or_insert(junk);
                }
                format!("add {key:?} to {object:?}")
            }
            7 => {
                let value = *self.0.choice(REQUEST_TYPES).unwrap_or(&"");
                set(event, &places, "RequestType", value);
                format!("RequestType {value:?}")
            }
            8 => {
                let value = *self.0.choice(RESOURCE_TYPES).unwrap_or(&"");
                set(event, &places, "ResourceType", value);
                format!("ResourceType {value:?}")
            }
            9 => {
                let leaves: Vec<_> = places
                    .iter()
                    .filter(|place| event.pointer(place).is_some_and(|value| !value.is_object() && !value.is_array()))
                    .filter(|place| !secret.iter().any(|key| place.ends_with(&format!("/{key}"))))
                    .cloned()
                    .collect();
                let (Some(one), Some(other)) = (self.0.choice(&leaves), self.0.choice(&leaves)) else {
                    return at("leave");
                };
                let (first, second) = (event.pointer(one).cloned(), event.pointer(other).cloned());
                if let (Some(first), Some(second)) = (first, second) {
                    replace(event, one, second);
                    replace(event, other, first);
                }
                format!("swap {one:?} and {other:?}")
            }
            10 => {
                let old = event.pointer(&place).cloned().unwrap_or_default();
                let wrapped = match self.0.u8(0..3) {
                    0 => json!([old]),
                    1 => json!({"": old}),
                    _ => json!(old.to_string()),
                };
                replace(event, &place, wrapped);
                at("wrap")
            }
            _ if place.matches('/').count() > DEEPEST_PLACE => at("leave"),
            _ => {
                let nested =
                    (0..DEPTH).fold(
                        Value::Null,
                        |inner, level| {
                            if level % 2 == 0 { json!([inner]) } else { json!({"a": inner}) }
                        },
                    );
                replace(event, &place, nested);
                at("nest")
            }
        }
    }

    /// A value of any JSON type that nobody expects.
    fn junk(&mut self) -> Value {
        match self.0.u8(0..10) {
            0 => Value::Null,
            1 => json!(self.0.bool()),
            2 => self.0.choice([json!(0), json!(-1), json!(1), json!(u64::MAX), json!(i64::MIN)]).unwrap_or_default(),
            3 => self.0.choice([json!(0.5), json!(1e308), json!(-0.0)]).unwrap_or_default(),
            4 => json!([]),
            5 => json!({}),
            6 => json!([{"Key": null, "Value": [1, "2", {}]}, null]),
            7 => {
                let unit = *self.0.choice(&["x", "\"", "\u{1}", "é", "💥", "a."]).unwrap_or(&"x");
                json!(unit.repeat(LONG / unit.len()))
            }
            _ => json!(self.0.choice(TEXTS)),
        }
    }

    /// A continuation that this function never wrote, from every field right to every field wrong.
    fn continuation(&mut self) -> Value {
        let number = |random: &mut Rng| *random.choice(&[0, 1, 5, 6, u64::from(u32::MAX), u64::MAX]).unwrap_or(&0);
        json!({
            "Hop": number(&mut self.0), "StartedEpochMs": number(&mut self.0), "EndsEpochMs": number(&mut self.0),
            "Progress": {"Recorded": self.junk(), "Memory": self.junk()}, "WaitingFor": self.junk(),
        })
    }

    /// A key that is nearly one of the map's, or one that means something elsewhere.
    fn key_like(&mut self, map: Option<&Value>) -> String {
        let keys: Vec<_> = map.and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect();
        match (self.0.u8(0..4), self.0.choice(&keys)) {
            (0, Some(key)) => key.to_lowercase(),
            (1, Some(key)) => format!("{key} "),
            (2, Some(key)) => format!("\u{200b}{key}"),
            _ => (*self.0.choice(KEYS).unwrap_or(&"")).to_owned(),
        }
    }
}

/// JSON pointers to everything in a value, itself first.
fn list(value: &Value, place: &str, places: &mut Vec<String>) {
    places.push(place.to_owned());
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                list(inner, &format!("{place}/{}", key.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                list(inner, &format!("{place}/{index}"), places);
            }
        }
        _ => {}
    }
}

fn replace(event: &mut Value, place: &str, value: Value) {
    if let Some(there) = event.pointer_mut(place) {
        *there = value;
    }
}

fn remove(event: &mut Value, place: &str) {
    let Some((parent, key)) = place.rsplit_once('/') else { return };
    match event.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.remove(&key.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(items)) => {
            if let Some(index) = key.parse().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// Sets `key` wherever it is.
fn set(event: &mut Value, places: &[String], key: &str, value: &str) {
    for place in places.iter().filter(|place| place.ends_with(&format!("/{key}"))) {
        replace(event, place, json!(value));
    }
}
