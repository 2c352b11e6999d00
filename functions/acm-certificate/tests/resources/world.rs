//! CloudFormation on one side, an account on the other, and the provider between them.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use acm_certificate::{
    Certificates, certificate::Certificate as CertificateResource, certificate_dns_record::CertificateDnsRecord,
    issued_certificate::IssuedCertificate,
};
use custom_resource::{
    Deletion, Invocation, Outcome, Provider, Reinvoke, Reinvoked, Request, Resource, Status,
    testing::{Answer, FakeCloudFormation, RequestBuilder},
};
use hosted_zone::HostedZones;
use serde_json::{Value, json};

use crate::account::{Account, Certificate, HOME, Zone, record_of};

/// A clock that stands while a handler waits, so that pauses pass in no time, and runs while an answer travels.
#[derive(Clone, Default)]
struct Clock {
    stands: Arc<AtomicBool>,
}

impl Clock {
    fn stop(&self) {
        if !self.stands.swap(true, Ordering::SeqCst) {
            tokio::time::pause();
        }
    }

    fn run(&self) {
        if self.stands.swap(false, Ordering::SeqCst) {
            tokio::time::resume();
        }
    }
}

/// Starts the clock when a handler has had its last word: a verdict, or a panic.
struct LastWord<'a>(Option<&'a Clock>);

impl Drop for LastWord<'_> {
    fn drop(&mut self) {
        if let Some(clock) = self.0 {
            clock.run();
        }
    }
}

/// With less time than this until `ServiceTimeout` the provider gives up: what it keeps for the answer, and its longest pause.
const GIVES_UP: Duration = Duration::from_secs(30);

/// A resource whose pauses pass in no time.
struct Hurried<R> {
    resource: R,
    clock: Clock,
}

impl<R: Resource> Hurried<R> {
    async fn look<T>(
        &self,
        request: &Request,
        call: impl Future<Output = Result<T, R::Error>>,
        waits: fn(&T) -> bool,
    ) -> Result<T, R::Error> {
        let mut word = LastWord(Some(&self.clock));
        let result = call.await;
        let goes_on = match &result {
            Ok(value) => waits(value),
            Err(error) => self.resource.is_transient(error),
        };
        if goes_on && request.remaining() > GIVES_UP {
            word.0 = None;
        }
        result
    }
}

fn is_pending<A>(outcome: &Outcome<A>) -> bool {
    matches!(outcome, Outcome::Pending(_))
}

impl<R: Resource> Resource for Hurried<R> {
    const TYPES: &'static [&'static str] = R::TYPES;
    type Properties = R::Properties;
    type Attributes = R::Attributes;
    type Error = R::Error;

    async fn create(&self, request: &Request, properties: R::Properties) -> Result<Outcome<R::Attributes>, R::Error> {
        self.look(request, self.resource.create(request, properties), is_pending).await
    }

    async fn update(
        &self,
        request: &Request,
        current: &str,
        properties: R::Properties,
        old: Option<R::Properties>,
    ) -> Result<Outcome<R::Attributes>, R::Error> {
        self.look(request, self.resource.update(request, current, properties, old), is_pending).await
    }

    async fn delete(
        &self,
        request: &Request,
        current: Option<&str>,
        properties: Option<R::Properties>,
    ) -> Result<Deletion, R::Error> {
        let call = self.resource.delete(request, current, properties);
        self.look(request, call, |deletion| matches!(deletion, Deletion::Pending(_))).await
    }

    fn is_transient(&self, error: &R::Error) -> bool {
        self.resource.is_transient(error)
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

pub(crate) struct World {
    pub(crate) account: Account,
    pub(crate) cloudformation: FakeCloudFormation,
    provider: Provider,
    queue: Queue,
    clock: Clock,
}

impl World {
    /// With the zones Z1 of example.org, Z2 of example.net, and a private one.
    pub(crate) async fn new() -> Self {
        let account = Account::default();
        account.state(|state| {
            for (id, name) in [("Z1", "example.org"), ("Z2", "example.net"), ("ZPRIVATE", "example.org")] {
                state.zones.insert(id, Zone { name, is_private: id == "ZPRIVATE", records: Vec::new() });
            }
        });
        let acm = account.clone();
        let certificates = Certificates::connecting(HOME, move |region| acm.acm(region));
        let zones = HostedZones::from_clients(account.route53(), account.sts());
        let (queue, clock) = (Queue::default(), Clock::default());
        let provider = Provider::new()
            .unwrap()
            .resource(Hurried { resource: CertificateResource::new(certificates.clone(), zones), clock: clock.clone() })
            .resource(Hurried { resource: CertificateDnsRecord::new(certificates.clone()), clock: clock.clone() })
            .resource(Hurried { resource: IssuedCertificate::new(certificates), clock: clock.clone() })
            .reinvoke_with(queue.clone());
        Self { account, cloudformation: FakeCloudFormation::start().await.unwrap(), provider, queue, clock }
    }

    /// Begins a request for a `Custom::Certificate`.
    pub(crate) fn request(&self, properties: Value) -> RequestBuilder {
        self.cloudformation.request("Custom::Certificate").properties(properties)
    }

    /// The one answer to this event, however long it is waited for.
    pub(crate) async fn answer(&self, event: Value) -> Answer {
        self.clock.stop();
        self.answer_at_once(event).await
    }

    /// The one answer to an event for which no handler is called, or that must not wait.
    pub(crate) async fn answer_at_once(&self, event: Value) -> Answer {
        let result = self.provider.handle(event, &Invocation::within(Duration::from_secs(1000))).await;
        self.clock.run();
        let mut answers = self.cloudformation.take_answers();
        assert_eq!(answers.len(), 1, "{result:?} {:?}", self.cloudformation.violations());
        answers.remove(0)
    }

    /// Works on an event for a moment, and gives the event with which the work goes on.
    pub(crate) async fn hand_over(&self, event: Value) -> Value {
        let result = self.provider.handle(event, &Invocation::within(Duration::from_millis(200))).await;
        assert_eq!(result.unwrap(), None, "{:?}", self.cloudformation.answers());
        self.queue.0.lock().unwrap().remove(0)
    }

    /// The physical id of the SUCCESS that answers this event.
    pub(crate) async fn succeed(&self, event: Value) -> String {
        let answer = self.answer(event).await;
        assert_eq!(answer.status, Status::Success, "{answer:?} {:?}", self.calls());
        answer.physical_resource_id
    }

    /// The reason of the FAILED that answers this event, which must have this physical id.
    pub(crate) async fn fail(&self, event: Value, physical_id: &str) -> String {
        let answer = self.answer(event).await;
        assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Failed, physical_id), "{answer:?}");
        answer.reason
    }

    /// A resource with these properties, long since created: its certificate's ARN.
    pub(crate) async fn created(&self, properties: Value) -> String {
        let arn = self.succeed(self.request(properties).create()).await;
        self.forget_calls();
        arn
    }

    pub(crate) fn add(&self, certificate: Certificate) -> String {
        let arn = certificate.arn.clone();
        self.account.state(|state| state.certificates.push(certificate));
        arn
    }

    pub(crate) fn certificates(&self) -> Vec<Certificate> {
        self.account.state(|state| state.certificates.clone())
    }

    pub(crate) fn arns(&self) -> Vec<String> {
        self.certificates().into_iter().map(|certificate| certificate.arn).collect()
    }

    pub(crate) fn certificate(&self, arn: &str) -> Certificate {
        self.certificates().into_iter().find(|certificate| certificate.arn == arn).unwrap()
    }

    pub(crate) fn alter(&self, arn: &str, change: impl FnOnce(&mut Certificate)) {
        self.account.state(|state| change(state.certificates.iter_mut().find(|one| one.arn == arn).unwrap()));
    }

    pub(crate) fn forget_calls(&self) {
        self.account.state(|state| state.calls.clear());
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.account.state(|state| state.calls.clone())
    }

    /// How often an operation was called, wherever.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|call| call.split(' ').next() == Some(operation)).count()
    }

    /// The calls that change something.
    pub(crate) fn changes(&self) -> Vec<String> {
        let only_read = |call: &&String| !["Get", "List", "Describe"].iter().any(|verb| call.starts_with(verb));
        self.calls().iter().filter(only_read).cloned().collect()
    }

    /// The names of a zone's records.
    pub(crate) fn records(&self, zone: &str) -> Vec<String> {
        self.account.state(|state| state.zones[zone].records.iter().map(|set| set.name().to_owned()).collect())
    }

    /// Publishes the validation record of a name, as a template would.
    pub(crate) fn publish(&self, zone: &str, name: &str) {
        let (record, value) = record_of(name);
        let set = crate::account::cname(&record, &value);
        self.account.state(|state| state.zones.get_mut(zone).unwrap().records.push(set));
    }
}

/// A certificate for apex and wildcard whose records are written in Z1.
pub(crate) fn one_step() -> Value {
    json!({"DomainName": "*.example.org", "SubjectAlternativeNames": ["example.org"], "HostedZoneId": "Z1"})
}

/// The same properties with some of them replaced.
pub(crate) fn with(mut properties: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        properties[key] = value.clone();
    }
    properties
}
