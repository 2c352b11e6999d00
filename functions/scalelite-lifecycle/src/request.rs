//! What the function is asked: one typed request out of raw JSON.

use aws_smithy_types::date_time::{DateTime, Format};
use serde::Deserialize;
use serde_json::Value;

/// A request, whoever it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Something happened, or a minute has passed: look at the world now.
    Tick(Hint),
    /// The operator wants something.
    Operator(Operator),
    /// Auto Scaling asks which instances may go.
    TerminationPolicy(Candidates),
}

/// Why a tick is asked for. It says nothing about what to do, which is read from the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A minute has passed.
    Schedule,
    /// Auto Scaling did something in a group.
    AutoScaling {
        /// What it did, as EventBridge calls it: `EC2 Instance-launch Lifecycle Action` and the like.
        what: String,
        /// The group.
        group: String,
        /// When, in seconds since 1970; absent if the event does not say.
        at: Option<u64>,
    },
    /// An instance of the account started, stopped or ended.
    InstanceState {
        /// The instance.
        instance: String,
        /// Its state: `running`, `stopped`, `terminated` and the like.
        state: String,
        /// When, in seconds since 1970; absent if the event does not say.
        at: Option<u64>,
    },
}

impl Hint {
    /// When what it tells of happened, in seconds since 1970. A tick that began to look later than that has seen it.
    #[must_use]
    pub fn happened_at(&self) -> Option<u64> {
        match self {
            Hint::Schedule => None,
            Hint::AutoScaling { at, .. } | Hint::InstanceState { at, .. } => *at,
        }
    }
}

/// What an operator can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "request", rename_all = "lowercase", deny_unknown_fields)]
pub enum Operator {
    /// What there is, in which state and why. Changes nothing.
    List {},
    /// A tick now.
    Reconcile {},
    /// No new meetings on this server until `enable`; it stays.
    Cordon(Server),
    /// No new meetings, and out of the group when it is empty, with another in its place.
    Drain(Server),
    /// What `cordon` asked for no longer holds.
    Enable(Server),
    /// As `drain`, but without another in its place.
    Remove(Server),
}

/// One server, by the id of its instance or by its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// `i-0123456789abcdef0`, or the host name with or without its domain.
    pub server: String,
}

/// The question of Auto Scaling's custom termination policy, as far as it is used.
///
/// The form is that of the user guide of EC2 Auto Scaling, "Create a custom termination policy with Lambda".
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Candidates {
    /// The group.
    pub auto_scaling_group_name: String,
    /// How many are to go, by zone and kind of purchase.
    pub capacity_to_terminate: Vec<Capacity>,
    /// Whom Auto Scaling suggests.
    pub instances: Vec<Candidate>,
    /// `SCALE_IN`, `INSTANCE_REFRESH`, `MAX_INSTANCE_LIFETIME` or `REBALANCE`.
    #[serde(default)]
    pub cause: String,
}

/// How many instances are to go from one zone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Capacity {
    /// The zone.
    #[serde(default)]
    pub availability_zone: String,
    /// How many.
    pub capacity: u32,
    /// `on-demand` or `spot`.
    #[serde(default)]
    pub instance_market_option: String,
}

/// An instance that Auto Scaling suggests.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Candidate {
    /// Its id.
    pub instance_id: String,
    /// Its zone.
    #[serde(default)]
    pub availability_zone: String,
    /// `on-demand` or `spot`.
    #[serde(default)]
    pub instance_market_option: String,
}

/// Why an event is not a request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It is not JSON, or not an object.
    #[error("the event is not a JSON object")]
    NotAnObject,
    /// It is an object, and nothing that this function knows.
    #[error(
        "the event is neither from EventBridge (\"detail-type\"), nor an operator's request (\"request\"), nor a question of Auto Scaling's \
         termination policy (\"CapacityToTerminate\")"
    )]
    Unknown,
    /// EventBridge delivered something that no rule of this project asks for.
    #[error(
        "the event {detail_type:?} of {source_name:?} means nothing here; check the rules that have this function as their target"
    )]
    UnknownEvent {
        /// Who sent it.
        source_name: String,
        /// Which it is.
        detail_type: String,
    },
    /// An operator's request that cannot be read.
    #[error("read the operator's request; it is one of {OPERATORS}")]
    Operator(#[source] serde_json::Error),
    /// A question of the termination policy that cannot be read.
    #[error("read the question of the termination policy")]
    TerminationPolicy(#[source] serde_json::Error),
}

/// The operator's requests, for the error that corrects one.
const OPERATORS: &str = r#"{"request":"list"}, {"request":"reconcile"}, and "cordon", "drain", "enable" and "remove" with "server":"i-...""#;

impl Request {
    /// The request in an event.
    ///
    /// # Errors
    /// When the event is none of the forms above; the error says what was expected.
    pub fn parse(event: &str) -> Result<Self, RequestError> {
        let Ok(Value::Object(fields)) = serde_json::from_str(event) else { return Err(RequestError::NotAnObject) };
        if fields.contains_key("request") {
            return Operator::deserialize(Value::Object(fields)).map(Request::Operator).map_err(RequestError::Operator);
        }
        if fields.contains_key("CapacityToTerminate") {
            return Candidates::deserialize(Value::Object(fields))
                .map(Request::TerminationPolicy)
                .map_err(RequestError::TerminationPolicy);
        }
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        if !fields.contains_key("detail-type") {
            return Err(RequestError::Unknown);
        }
        let (source_name, detail_type) = (text(fields.get("source")), text(fields.get("detail-type")));
        let at = DateTime::from_str(&text(fields.get("time")), Format::DateTime).ok();
        let at = at.and_then(|time| u64::try_from(time.secs()).ok());
        let detail = |key: &str| text(fields.get("detail").and_then(|detail| detail.get(key)));
        match (source_name.as_str(), detail_type.as_str()) {
            ("aws.events" | "aws.scheduler", "Scheduled Event") => Ok(Request::Tick(Hint::Schedule)),
            ("aws.autoscaling", _) => {
                Ok(Request::Tick(Hint::AutoScaling { group: detail("AutoScalingGroupName"), what: detail_type, at }))
            }
            ("aws.ec2", "EC2 Instance State-change Notification") => {
                Ok(Request::Tick(Hint::InstanceState { instance: detail("instance-id"), state: detail("state"), at }))
            }
            _ => Err(RequestError::UnknownEvent { source_name, detail_type }),
        }
    }
}

#[cfg(test)]
mod tests {
    use custom_resource::with_causes;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(event: &Value) -> Result<Request, String> {
        Request::parse(&event.to_string()).map_err(|error| with_causes(&error))
    }

    #[test]
    fn events_of_eventbridge_are_hints() {
        let event = |source: &str, kind: &str, detail: Value| {
            parse(
                &json!({"version": "0", "source": source, "detail-type": kind, "time": "2026-11-22T10:00:00Z", "detail": detail}),
            )
        };
        for source in ["aws.events", "aws.scheduler"] {
            // EventBridge Scheduler writes its detail as a text.
            assert_eq!(event(source, "Scheduled Event", json!("{}")), Ok(Request::Tick(Hint::Schedule)));
        }
        let at = Some(1_795_341_600);
        let what = "EC2 Instance-terminate Lifecycle Action";
        let detail = json!({"AutoScalingGroupName": "servers", "EC2InstanceId": "i-1", "LifecycleActionToken": "t"});
        let hint = Hint::AutoScaling { what: what.into(), group: "servers".into(), at };
        assert_eq!(event("aws.autoscaling", what, detail), Ok(Request::Tick(hint)));
        let detail = json!({"instance-id": "i-1", "state": "stopped"});
        let hint = Hint::InstanceState { instance: "i-1".into(), state: "stopped".into(), at };
        assert_eq!(event("aws.ec2", "EC2 Instance State-change Notification", detail), Ok(Request::Tick(hint)));
    }

    #[test]
    fn what_an_operator_asks_for() {
        let server = || Server { server: "i-1".to_owned() };
        for (name, expected) in [
            ("cordon", Operator::Cordon(server())),
            ("drain", Operator::Drain(server())),
            ("enable", Operator::Enable(server())),
            ("remove", Operator::Remove(server())),
        ] {
            let asked = parse(&json!({"request": name, "server": "i-1"}));
            assert_eq!(asked, Ok(Request::Operator(expected)), "{name}");
            assert!(parse(&json!({"request": name})).unwrap_err().contains("missing field `server`"), "{name}");
        }
        assert_eq!(parse(&json!({"request": "list"})), Ok(Request::Operator(Operator::List {})));
        assert_eq!(parse(&json!({"request": "reconcile"})), Ok(Request::Operator(Operator::Reconcile {})));
    }

    #[test]
    fn the_question_of_the_termination_policy() {
        let asked = parse(&json!({
            "AutoScalingGroupARN": "arn", "AutoScalingGroupName": "servers", "Cause": "SCALE_IN",
            "CapacityToTerminate": [{"AvailabilityZone": "eu-west-1a", "Capacity": 2, "InstanceMarketOption": "on-demand"}],
            "Instances": [{"AvailabilityZone": "eu-west-1a", "InstanceId": "i-1", "InstanceType": "c5.xlarge", "InstanceMarketOption": "on-demand"}],
        }));
        let Ok(Request::TerminationPolicy(candidates)) = asked else { panic!("{asked:?}") };
        assert_eq!((candidates.capacity_to_terminate[0].capacity, &*candidates.instances[0].instance_id), (2, "i-1"));
    }

    #[test]
    fn anything_else_is_refused_with_what_is_expected() {
        for (event, said) in [
            (json!([]), "the event is not a JSON object"),
            (json!({}), "the event is neither from EventBridge"),
            (json!({"RequestType": "Create"}), "the event is neither from EventBridge"),
            (json!({"detail-type": "Object Created", "source": "aws.s3"}), "\"Object Created\" of \"aws.s3\""),
            (json!({"request": "destroy", "server": "i-1"}), "unknown variant `destroy`"),
            (json!({"request": "list", "force": true}), "{\"request\":\"list\"}"),
            (json!({"request": 7}), "read the operator's request"),
            (json!({"CapacityToTerminate": 1}), "read the question of the termination policy"),
        ] {
            let error = parse(&event).unwrap_err();
            assert!(error.contains(said), "{event}: {error}");
        }
        assert!(matches!(Request::parse("{"), Err(RequestError::NotAnObject)));
    }

    proptest! {
        #[test]
        fn no_event_is_too_strange(event in "\\PC{0,60}") {
            let _either = Request::parse(&event);
            let _either = Request::parse(&format!("{{\"request\":{event}}}"));
            let _either = Request::parse(&format!("{{\"detail-type\":{event},\"detail\":{event}}}"));
        }
    }
}
