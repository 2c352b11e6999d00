//! The protocol against a real HTTP endpoint: what CloudFormation gets to see, whatever the resource does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use custom_resource::{
    Deletion, Invocation, NOTHING_CREATED, OUTCOME_UNKNOWN, Outcome, Pending, Provider, Ready, Reinvoke, Request,
    Resource, Status, Unanswered,
    continuation::{MAX_HOPS, Reinvoked},
    last_resort::LastResort,
    testing::{Answer, Behaviour, FakeCloudFormation, RequestBuilder},
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Does what its property `Do` says.
#[derive(Clone, Default)]
struct Scripted {
    calls: Arc<AtomicU32>,
    deleted: Arc<Mutex<Vec<Option<String>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    r#do: Do,
    #[serde(default)]
    times: u32,
}

#[derive(Deserialize)]
enum Do {
    Succeed,
    SucceedSecretly,
    Replace,
    Fail,
    FailAtLength,
    FailAfterCreation,
    Panic,
    PanicAfterCreation,
    Hang,
    HangAfterCreation,
    Wait,
    WaitForEver,
    Stumble,
    Bloat,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the thing broke")]
    Broken,
    #[error("{0}")]
    Long(String),
    #[error("slow down")]
    Throttled,
}

impl Scripted {
    async fn perform(&self, request: &Request, properties: Properties) -> Result<Outcome<Map<String, Value>>, Error> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let ready = |id: &str| Ready::new(id, Map::from_iter([("Id".to_owned(), json!(id))]));
        match properties.r#do {
            Do::Succeed => Ok(ready("thing-1").into()),
            Do::SucceedSecretly => {
                Ok(Ready::new("thing-1", Map::from_iter([("Key".into(), json!("hush"))])).no_echo().into())
            }
            Do::Replace => {
                request.created("thing-2");
                Ok(ready("thing-2").into())
            }
            Do::Fail => Err(Error::Broken),
            Do::FailAtLength => Err(Error::Long(format!("the head {}", "x".repeat(9000)))),
            Do::FailAfterCreation => {
                request.created("thing-1");
                Err(Error::Broken)
            }
            Do::Panic => panic!("hush"),
            Do::PanicAfterCreation => {
                request.created("thing-1");
                panic!("hush")
            }
            Do::Hang => pending().await,
            Do::HangAfterCreation => {
                request.created("thing-1");
                pending().await
            }
            Do::Wait if call > properties.times => Ok(ready(&request.recorded().unwrap()).into()),
            Do::WaitForEver | Do::Wait => {
                request.created("thing-1");
                Ok(Pending::new("waiting for the moon").retry_after(Duration::from_millis(20)).into())
            }
            Do::Stumble if call > properties.times => {
                // The pauses passed in no time; for the connection the clock must run.
                tokio::time::resume();
                Ok(ready("thing-1").into())
            }
            Do::Stumble => Err(Error::Throttled),
            Do::Bloat => Ok(Ready::new("thing-1", Map::from_iter([("Text".into(), json!("y".repeat(5000)))])).into()),
        }
    }
}

impl Resource for Scripted {
    const TYPES: &'static [&'static str] = &["Custom::Scripted", "Custom::Alias"];
    type Properties = Properties;
    type Attributes = Map<String, Value>;
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<Map<String, Value>>, Error> {
        self.perform(request, properties).await
    }

    async fn update(
        &self,
        request: &Request,
        _: &str,
        properties: Properties,
        _: Option<Properties>,
    ) -> Result<Outcome<Map<String, Value>>, Error> {
        self.perform(request, properties).await
    }

    async fn delete(
        &self,
        _: &Request,
        current: Option<&str>,
        properties: Option<Properties>,
    ) -> Result<Deletion, Error> {
        self.deleted.lock().unwrap().push(current.map(str::to_owned));
        match properties.map(|properties| properties.r#do) {
            Some(Do::Fail) => Err(Error::Broken),
            Some(Do::WaitForEver) => {
                Ok(Pending::new("in use by the moon").retry_after(Duration::from_millis(20)).into())
            }
            _ => Ok(Deletion::Deleted),
        }
    }

    fn is_transient(&self, error: &Error) -> bool {
        matches!(error, Error::Throttled)
    }
}

/// Keeps the events that would have started further invocations.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<Vec<Value>>>);

impl Reinvoke for Queue {
    fn reinvoke<'a>(&'a self, event: &'a [u8]) -> Reinvoked<'a> {
        self.0.lock().unwrap().push(serde_json::from_slice(event).unwrap());
        Box::pin(async { Ok(()) })
    }
}

struct Refusing;

impl Reinvoke for Refusing {
    fn reinvoke<'a>(&'a self, _: &'a [u8]) -> Reinvoked<'a> {
        Box::pin(async { Err("AccessDenied: lambda:InvokeFunction".into()) })
    }
}

struct World {
    cloudformation: FakeCloudFormation,
    resource: Scripted,
    queue: Queue,
    provider: Provider,
}

impl World {
    async fn new() -> Self {
        let resource = Scripted::default();
        let queue = Queue::default();
        Self {
            cloudformation: FakeCloudFormation::start().await.unwrap(),
            provider: Provider::new().unwrap().resource(resource.clone()).reinvoke_with(queue.clone()),
            resource,
            queue,
        }
    }

    fn request(&self, what: &str) -> RequestBuilder {
        self.cloudformation.request("Custom::Scripted").property("Do", what)
    }

    /// The one answer to this event, within two seconds of Lambda time.
    async fn answer(&self, event: Value) -> Answer {
        self.answer_within(event, Duration::from_secs(2)).await
    }

    async fn answer_within(&self, event: Value, limit: Duration) -> Answer {
        let result = self.provider.handle(event.clone(), &Invocation::within(limit)).await;
        let mut answers = self.cloudformation.take_answers();
        assert_eq!(answers.len(), 1, "{result:?} {:?}", self.cloudformation.violations());
        assert_eq!(self.cloudformation.violations(), []);
        let answer = answers.remove(0);
        assert_eq!(answer.status, result.unwrap().unwrap());
        for (copied, key) in [
            (&answer.stack_id, "StackId"),
            (&answer.request_id, "RequestId"),
            (&answer.logical_resource_id, "LogicalResourceId"),
        ] {
            assert_eq!(Some(copied.as_str()), event[key].as_str());
        }
        answer
    }
}

fn failed(answer: &Answer, physical_id: &str, reason: &str) {
    assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Failed, physical_id), "{answer:?}");
    assert!(answer.reason.starts_with(reason), "{}", answer.reason);
}

#[tokio::test]
async fn success_carries_id_and_attributes() {
    let world = World::new().await;
    let answer = world.answer(world.request("Succeed").create()).await;
    assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Success, "thing-1"));
    assert_eq!(answer.data["Id"], "thing-1");
    assert!(!answer.no_echo);
    assert!(world.answer(world.request("SucceedSecretly").create()).await.no_echo);
}

#[tokio::test]
async fn an_alias_of_the_type_reaches_the_resource() {
    let world = World::new().await;
    let event = world.cloudformation.request("Custom::Alias").property("Do", "Succeed").create();
    assert_eq!(world.answer(event).await.status, Status::Success);
}

#[tokio::test]
async fn a_failure_before_anything_exists_carries_the_marker_and_its_delete_does_nothing() {
    let world = World::new().await;
    failed(&world.answer(world.request("Fail").create()).await, NOTHING_CREATED, "the thing broke");
    let deleted = world.answer(world.request("Fail").delete(NOTHING_CREATED)).await;
    assert_eq!((deleted.status, deleted.physical_resource_id.as_str()), (Status::Success, NOTHING_CREATED));
    assert!(world.resource.deleted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_after_creation_carries_the_real_id() {
    let world = World::new().await;
    for what in ["FailAfterCreation", "PanicAfterCreation", "HangAfterCreation"] {
        let answer = world.answer_within(world.request(what).create(), Duration::from_millis(300)).await;
        assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Failed, "thing-1"), "{what}");
    }
}

#[tokio::test]
async fn a_failed_update_keeps_the_current_id_and_a_replacement_changes_it() {
    let world = World::new().await;
    let event = world.request("Fail").update("thing-0", json!({"Do": "Succeed"}));
    failed(&world.answer(event).await, "thing-0", "the thing broke");
    let event = world.request("Replace").update("thing-0", json!({"Do": "Succeed"}));
    assert_eq!(world.answer(event).await.physical_resource_id, "thing-2");
}

#[tokio::test]
async fn an_update_of_what_was_never_created_creates_it() {
    let world = World::new().await;
    let event = world.request("Succeed").update(NOTHING_CREATED, json!({"Do": "Fail"}));
    assert_eq!(world.answer(event).await.physical_resource_id, "thing-1");
}

#[tokio::test]
async fn a_delete_never_changes_the_id() {
    let world = World::new().await;
    for what in ["Succeed", "Fail", "WaitForEver"] {
        let event = world.request(what).property("ServiceTimeout", "1").delete("thing-7");
        assert_eq!(world.answer(event).await.physical_resource_id, "thing-7");
    }
}

#[tokio::test]
async fn a_delete_after_an_unknown_outcome_looks_for_leftovers() {
    let world = World::new().await;
    let answer = world.answer(world.request("Succeed").delete(OUTCOME_UNKNOWN)).await;
    assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Success, OUTCOME_UNKNOWN));
    assert_eq!(*world.resource.deleted.lock().unwrap(), [None]);
}

#[tokio::test]
async fn a_delete_that_cannot_be_understood_succeeds() {
    let world = World::new().await;
    let unknown_type = world.cloudformation.request("Custom::Other").delete("x");
    assert_eq!(world.answer(unknown_type).await.status, Status::Success);
    let mut bad_properties = world.request("Nonsense").delete("thing-1");
    assert_eq!(world.answer(bad_properties.clone()).await.status, Status::Success);
    assert_eq!(
        *world.resource.deleted.lock().unwrap(),
        [Some("thing-1".to_owned())],
        "the resource still deletes by id"
    );
    bad_properties["ResourceProperties"] = json!([]);
    assert_eq!(world.answer(bad_properties).await.status, Status::Success);
}

#[tokio::test]
async fn what_cannot_be_understood_fails_with_the_cause() {
    let world = World::new().await;
    let event = world.cloudformation.request("Custom::Other").create();
    failed(
        &world.answer(event).await,
        NOTHING_CREATED,
        "unsupported resource type Custom::Other; this function provides Custom::Scripted",
    );
    let event = world.cloudformation.request("Custom::Scripted").create();
    failed(
        &world.answer(event).await,
        NOTHING_CREATED,
        "invalid resource properties: Do: a required property is missing",
    );
    let event = world.request("Succeed").property("Times", "soon").create();
    failed(&world.answer(event).await, NOTHING_CREATED, "invalid resource properties: Times: expected a whole number");
    let mut event = world.request("Succeed").create();
    event["RequestType"] = json!("Explode");
    failed(&world.answer(event).await, NOTHING_CREATED, "malformed request: RequestType");
}

#[tokio::test]
async fn a_panic_is_answered_without_its_message() {
    let world = World::new().await;
    let answer = world.answer(world.request("Panic").create()).await;
    failed(&answer, OUTCOME_UNKNOWN, "internal error: the function panicked");
    assert!(!answer.reason.contains("hush"));
}

#[tokio::test]
async fn the_deadline_of_the_function_is_answered_before_it_comes() {
    let world = World::new().await;
    let event = world.request("Hang").create();
    failed(&world.answer_within(event, Duration::from_millis(300)).await, OUTCOME_UNKNOWN, "the work took longer");
    assert!(world.queue.0.lock().unwrap().is_empty(), "what hangs would only hang again");
}

#[tokio::test]
async fn the_service_timeout_is_answered_before_it_comes() {
    let world = World::new().await;
    let event = world.request("WaitForEver").property("ServiceTimeout", "1").create();
    let answer = world.answer_within(event, Duration::from_secs(60)).await;
    failed(&answer, "thing-1", "waiting for the moon (gave up after");
    assert!(world.queue.0.lock().unwrap().is_empty(), "another invocation would have no more time");
}

#[tokio::test]
async fn initialisation_that_failed_is_answered() {
    let cloudformation = FakeCloudFormation::start().await.unwrap();
    let cause = std::io::Error::other("AWS_REGION is not set");
    let provider = Provider::new().unwrap().unavailable_for(&cause);
    let event = cloudformation.request("Custom::Scripted").create();
    provider.handle(event, &Invocation::within(Duration::from_secs(2))).await.unwrap();
    failed(&cloudformation.take_answers()[0], NOTHING_CREATED, "the function could not start: AWS_REGION is not set");
    let event = cloudformation.request("Custom::Scripted").delete(NOTHING_CREATED);
    provider.handle(event, &Invocation::within(Duration::from_secs(2))).await.unwrap();
    assert_eq!(cloudformation.take_answers()[0].status, Status::Success, "a failed Create must be able to roll back");
}

#[tokio::test]
async fn a_wait_is_polled_and_what_was_recorded_comes_back() {
    let world = World::new().await;
    let answer = world.answer(world.request("Wait").property("Times", "3").create()).await;
    assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Success, "thing-1"));
    assert_eq!(world.resource.calls.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_transient_error_is_tried_again() {
    let world = World::new().await;
    let event = world.request("Stumble").property("Times", "4").create();
    let answer = world.answer_within(event, Duration::from_secs(300)).await;
    assert_eq!(answer.status, Status::Success);
    assert_eq!(world.resource.calls.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_long_wait_goes_on_in_five_further_invocations_and_no_more() {
    let world = World::new().await;
    let mut event = world.request("WaitForEver").create();
    for hop in 1..=MAX_HOPS {
        let result = world.provider.handle(event, &Invocation::within(Duration::from_millis(100))).await;
        assert_eq!(result.unwrap(), None, "handed over, not answered");
        assert_eq!(world.cloudformation.puts(), 0);
        let mut queued = world.queue.0.lock().unwrap();
        assert_eq!(queued.len(), 1);
        event = queued.remove(0);
        assert_eq!(event["Continuation"]["Hop"], hop);
        assert_eq!(event["Continuation"]["Progress"]["Recorded"], "thing-1");
    }
    let answer = world.answer_within(event, Duration::from_millis(100)).await;
    failed(&answer, "thing-1", "waiting for the moon (gave up after");
}

#[tokio::test]
async fn a_wait_that_cannot_go_on_elsewhere_is_answered() {
    let cloudformation = FakeCloudFormation::start().await.unwrap();
    let provider = Provider::new().unwrap().resource(Scripted::default()).reinvoke_with(Refusing);
    let event = cloudformation.request("Custom::Scripted").property("Do", "WaitForEver").create();
    provider.handle(event, &Invocation::within(Duration::from_millis(200))).await.unwrap();
    let answer = &cloudformation.take_answers()[0];
    failed(answer, "thing-1", "waiting for the moon; the wait could not be carried on: AccessDenied");
}

#[tokio::test]
async fn a_continuation_of_a_request_through_a_topic_is_the_request_itself() {
    let world = World::new().await;
    let event = world.request("WaitForEver").create();
    let wrapped = json!({"Records": [{"Sns": {"Message": event.to_string()}}]});
    world.provider.handle(wrapped, &Invocation::within(Duration::from_millis(100))).await.unwrap();
    assert_eq!(world.queue.0.lock().unwrap()[0]["RequestId"], event["RequestId"]);
}

#[tokio::test]
async fn an_answer_too_long_is_cut_or_refused_by_ourselves() {
    let world = World::new().await;
    let answer = world.answer(world.request("FailAtLength").create()).await;
    failed(&answer, NOTHING_CREATED, "the head xxx");
    assert!(answer.reason.len() > 3000, "as much as fits is kept");
    failed(&world.answer(world.request("Bloat").create()).await, "thing-1", "the attributes take");
}

#[tokio::test]
async fn a_refused_answer_is_sent_again() {
    let world = World::new().await;
    world.cloudformation.behave([Behaviour::Refuse(503), Behaviour::Refuse(403)]);
    let answer = world.answer_within(world.request("Succeed").create(), Duration::from_secs(20)).await;
    assert_eq!(answer.status, Status::Success);
    assert_eq!(world.cloudformation.puts(), 3);
}

#[tokio::test]
async fn an_answer_refused_for_ever_is_an_error_that_names_the_id_and_not_the_url() {
    let world = World::new().await;
    world.cloudformation.always(Behaviour::Refuse(500));
    let event = world.request("FailAfterCreation").create();
    let error = world.provider.handle(event, &Invocation::within(Duration::from_millis(800))).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Unanswered::Undelivered { .. }));
    assert!(text.contains("thing-1") && !text.contains(&world.cloudformation.signature()), "{text}");
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_given_up_at_the_deadline() {
    let world = World::new().await;
    world.cloudformation.always(Behaviour::Hang);
    let event = world.request("Succeed").create();
    let error = world.provider.handle(event, &Invocation::within(Duration::from_millis(300))).await.unwrap_err();
    assert!(error.to_string().contains("no time was left"), "{error}");
}

#[tokio::test]
async fn the_last_resort_answers_with_what_the_function_reported() {
    let world = World::new().await;
    let event = world.request("FailAfterCreation").create();
    world.cloudformation.always(Behaviour::Refuse(500));
    let error =
        world.provider.handle(event.clone(), &Invocation::within(Duration::from_millis(100))).await.unwrap_err();
    let other = FakeCloudFormation::start().await.unwrap();
    let answer =
        last_resort(&other, event, json!({"errorType": "Undelivered", "errorMessage": error.to_string()})).await;
    failed(&answer, "thing-1", "provider gave no answer: the answer was refused with HTTP status 500");
}

#[tokio::test]
async fn the_last_resort_says_when_nobody_knows_what_was_created() {
    let cloudformation = FakeCloudFormation::start().await.unwrap();
    let died = json!({"errorType": "Runtime.ExitError", "errorMessage": "RequestId: 1 Error: Runtime exited with error: signal: killed"});
    let request = cloudformation.request("Custom::Scripted");
    let answer = last_resort(&cloudformation, request.clone().create(), died.clone()).await;
    failed(&answer, OUTCOME_UNKNOWN, "provider gave no answer: RequestId: 1 Error: Runtime exited");
    let answer = last_resort(&cloudformation, request.clone().update("thing-3", json!({})), died.clone()).await;
    failed(&answer, "thing-3", "provider gave no answer");
    let answer = last_resort(&cloudformation, request.delete("thing-3"), died).await;
    failed(&answer, "thing-3", "provider gave no answer");
}

async fn last_resort(cloudformation: &FakeCloudFormation, mut event: Value, response_payload: Value) -> Answer {
    event["ResponseURL"] = cloudformation.response_url().into();
    let record = json!({
        "version": "1.0",
        "requestContext": {
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:provider:$LATEST",
            "condition": "RetriesExhausted", "approximateInvokeCount": 1,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": response_payload,
    });
    LastResort::new().unwrap().answer(record, &Invocation::within(Duration::from_secs(5))).await.unwrap();
    cloudformation.take_answers().remove(0)
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let world = World::new().await;
    for event in [json!(null), json!([1]), json!({"hello": "world"}), json!({"ResponseURL": 7})] {
        let error = world.provider.handle(event, &Invocation::within(Duration::from_secs(1))).await.unwrap_err();
        assert!(matches!(error, Unanswered::NotARequest(_)));
    }
}

fn junk() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        Just(json!("x".repeat(3000))),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[A-Za-z]{1,8}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Whatever an event holds, there is exactly one well-formed answer if there is a URL to send it to.
#[test]
fn any_event_gets_exactly_one_answer() {
    const KEYS: [&str; 10] = [
        "RequestType",
        "StackId",
        "RequestId",
        "LogicalResourceId",
        "ResourceType",
        "PhysicalResourceId",
        "ResourceProperties",
        "OldResourceProperties",
        "Continuation",
        "Records",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let input = (prop::sample::select(&KEYS[..]), prop::option::of(junk()), 0..3);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(1000));
    let result = runner.run(&input, |(key, value, kind)| {
        let request = world.request("Succeed");
        let mut event = match kind {
            0 => request.create(),
            1 => request.update("thing-0", json!({"Do": "Fail"})),
            _ => request.delete("thing-0"),
        };
        match value {
            Some(value) => event[key] = value,
            None => drop(event.as_object_mut().unwrap().remove(key)),
        }
        let result = runtime.block_on(world.provider.handle(event, &Invocation::within(Duration::from_secs(2))));
        prop_assert!(matches!(result, Ok(Some(_))), "{result:?} {:?}", world.cloudformation.violations());
        prop_assert_eq!(world.cloudformation.take_answers().len(), 1);
        prop_assert_eq!(world.cloudformation.violations(), []);
        Ok(())
    });
    result.unwrap();
}

/// As [`Scripted`], of which the ids are secret.
struct Discreet(Scripted);

impl Resource for Discreet {
    const TYPES: &'static [&'static str] = &["Custom::Discreet"];
    const SECRET_ID: bool = true;
    type Properties = Properties;
    type Attributes = Map<String, Value>;
    type Error = Error;

    async fn create(&self, request: &Request, properties: Properties) -> Result<Outcome<Map<String, Value>>, Error> {
        self.0.perform(request, properties).await
    }

    async fn update(
        &self,
        request: &Request,
        _: &str,
        properties: Properties,
        _: Option<Properties>,
    ) -> Result<Outcome<Map<String, Value>>, Error> {
        self.0.perform(request, properties).await
    }

    async fn delete(&self, _: &Request, _: Option<&str>, _: Option<Properties>) -> Result<Deletion, Error> {
        Ok(Deletion::Deleted)
    }
}

#[tokio::test]
async fn a_secret_id_reaches_cloudformation_and_nobody_else() {
    let cloudformation = FakeCloudFormation::start().await.unwrap();
    let provider = Provider::new().unwrap().resource(Discreet(Scripted::default()));
    let event = cloudformation.request("Custom::Discreet").property("Do", "Succeed").create();
    provider.handle(event.clone(), &Invocation::within(Duration::from_secs(5))).await.unwrap();
    assert_eq!(cloudformation.take_answers().remove(0).physical_resource_id, "thing-1");
    cloudformation.always(Behaviour::Refuse(500));
    let undelivered = provider.handle(event, &Invocation::within(Duration::from_millis(300))).await.unwrap_err();
    assert!(!format!("{undelivered} {undelivered:?}").contains("thing-1"), "{undelivered}");
}
