//! A stack, a zone, a fault proxy and functions for one case.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use custom_resource::{
    Secret, Status,
    testing::{Answer, FakeCloudFormation, RequestBuilder},
};
use rehearsal::{
    fault_proxy::FaultProxy,
    local_aws::{ACCOUNT, REGION, elements},
    runtime_api::{Function, Invocation, Outcome, Settings, on_failure_record},
};
use serde_json::{Value, json};
use smtp_credentials::smtp_password_of;

use crate::{bootstraps, cloud::Cloud, secrecy::Transcript, unique_word};

/// Lambda's deadline where a case gives no other.
pub const LAMBDA_TIMEOUT: Duration = Duration::from_secs(100);

/// What one case is played with. Its names are its own, so that cases do not see each other.
#[derive(Debug)]
pub struct Stage {
    /// The local AWS.
    pub cloud: Arc<Cloud>,
    /// Whom the functions answer.
    pub cloudformation: FakeCloudFormation,
    /// Stands between the functions and the local AWS.
    pub proxy: FaultProxy,
    /// The domain of the case.
    pub domain: String,
    /// The id of its hosted zone.
    pub zone: String,
    stack_id: String,
    secret_key: String,
    session_token: String,
    functions: Mutex<Vec<Arc<Function>>>,
}

/// The only answer to a request.
#[derive(Debug)]
pub struct Answered {
    /// What CloudFormation was told.
    pub answer: Answer,
    /// How long it took, initialisation not included.
    pub took: Duration,
}

impl Stage {
    /// A stage of its own; `number` tells it from others.
    pub async fn set(cloud: Arc<Cloud>, number: usize) -> Self {
        let domain = format!("case{number}.example.org");
        Self {
            cloudformation: FakeCloudFormation::start().await.expect("a fake CloudFormation"),
            proxy: FaultProxy::start(cloud.endpoint()).await.expect("a fault proxy"),
            zone: cloud.make_zone(&domain).await,
            cloud,
            domain,
            stack_id: format!(
                "arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/case{number}/{:032x}",
                fastrand::u128(..)
            ),
            secret_key: unique_word("secret-key-"),
            session_token: unique_word("session-token-"),
            functions: Mutex::default(),
        }
    }

    fn functions(&self) -> MutexGuard<'_, Vec<Arc<Function>>> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of another environment of a function, which reaches AWS at `endpoint`.
    pub fn settings(&self, function: &str, endpoint: &str) -> Settings {
        let number = self.functions().len();
        Settings::new(format!("{function}-{}-{number}", self.domain.split('.').next().unwrap_or_default()))
            .variable("AWS_ENDPOINT_URL", endpoint)
            .variable("AWS_SECRET_ACCESS_KEY", &self.secret_key)
            .variable("AWS_SESSION_TOKEN", &self.session_token)
            .variable("LOG_LEVEL", "TRACE")
            // Nothing is asked of the machine's own DNS.
            .variable("DNS_RESOLVER", "none")
    }

    /// Another environment of a function.
    pub async fn function(&self, name: &str, settings: Settings) -> Arc<Function> {
        let function = Arc::new(Function::new(&bootstraps().await[name].binary, settings));
        self.functions().push(Arc::clone(&function));
        function
    }

    /// Another environment of the certificate function, behind the fault proxy.
    pub async fn provider(&self) -> Arc<Function> {
        self.provider_at(self.proxy.endpoint()).await
    }

    /// Another environment of the certificate function, which reaches AWS at `endpoint`.
    pub async fn provider_at(&self, endpoint: &str) -> Arc<Function> {
        self.function("acm-certificate", self.settings("acm-certificate", endpoint)).await
    }

    /// Another environment of the function of this name, behind the fault proxy.
    pub async fn provider_called(&self, name: &str) -> Arc<Function> {
        self.function(name, self.settings(name, self.proxy.endpoint())).await
    }

    /// Another environment of the function of last resort. It needs no AWS.
    pub async fn last_resort(&self) -> Arc<Function> {
        self.function("last-resort", self.settings("last-resort", "http://127.0.0.1:9")).await
    }

    /// The properties of a certificate for the domain and all below it, with the zone.
    pub fn properties(&self) -> Value {
        json!({
            "DomainName": self.domain,
            "SubjectAlternativeNames": [format!("*.{}", self.domain)],
            "HostedZoneId": self.zone,
            "ServiceTimeout": "90",
            "Tags": [{"Key": "Name", "Value": "one"}, {"Key": "Old", "Value": "yes"}],
        })
    }

    /// The same without a zone: the certificate is requested and left pending, which takes no time.
    pub fn properties_without_zone(&self) -> Value {
        json!({"DomainName": self.domain, "ServiceTimeout": "90"})
    }

    fn request(&self, properties: &Value) -> RequestBuilder {
        self.request_for("Custom::Certificate", properties)
    }

    /// A request of the case's stack about a resource of any type; its logical id is the type's name.
    pub fn request_for(&self, resource_type: &str, properties: &Value) -> RequestBuilder {
        let request = self.cloudformation.request(resource_type).stack_id(&self.stack_id);
        request.logical_id(resource_type.trim_start_matches("Custom::")).properties(properties.clone())
    }

    /// The event that asks for a certificate.
    pub fn create_event(&self, properties: &Value) -> Value {
        self.request(properties).create()
    }

    /// The event that changes it.
    pub fn update_event(&self, physical_id: &str, properties: &Value, old: &Value) -> Value {
        self.request(properties).update(physical_id, old.clone())
    }

    /// The event that removes it.
    pub fn delete_event(&self, physical_id: &str, properties: &Value) -> Value {
        self.request(properties).delete(physical_id)
    }

    /// Hands an event over and takes the one answer that must come of it.
    pub async fn answer(&self, function: &Function, event: &Value) -> Answered {
        let invocation = function.invoke(event, LAMBDA_TIMEOUT).await.expect("the function starts");
        let answer = self.only_answer(event, &format!("{:?}", invocation.outcome));
        assert_eq!(invocation.outcome, Outcome::Completed(json!(answer.status)), "{answer:?}");
        Answered { answer, took: invocation.duration }
    }

    /// Takes the one answer that must have arrived for an event; `otherwise` says what happened, if there is none.
    pub fn only_answer(&self, event: &Value, otherwise: &str) -> Answer {
        assert_eq!(self.cloudformation.violations(), [], "what CloudFormation would not have accepted");
        let mut answers = self.cloudformation.take_answers();
        assert_eq!(answers.len(), 1, "exactly one answer: {answers:?} {otherwise}");
        let answer = answers.remove(0);
        for (key, copied) in [
            ("StackId", &answer.stack_id),
            ("RequestId", &answer.request_id),
            ("LogicalResourceId", &answer.logical_resource_id),
        ] {
            assert_eq!(event[key], json!(copied), "{key} is copied from the request");
        }
        if event["RequestType"] == "Delete" {
            assert_eq!(event["PhysicalResourceId"], json!(answer.physical_resource_id), "a Delete changes no id");
        }
        answer
    }

    /// Creates the certificate, which must succeed; gives its ARN.
    pub async fn create(&self, function: &Function, properties: &Value) -> String {
        self.answer(function, &self.create_event(properties)).await.succeeded().physical_resource_id
    }

    /// Deletes what has this physical id, which must succeed.
    pub async fn delete(&self, function: &Function, physical_id: &str, properties: &Value) {
        self.answer(function, &self.delete_event(physical_id, properties)).await.succeeded();
    }

    /// The certificates of the domain.
    pub async fn certificates(&self) -> Vec<String> {
        self.cloud.certificates(&self.domain).await
    }

    /// The validation records in the zone.
    pub async fn records(&self) -> Vec<(String, String)> {
        self.cloud.records(&self.zone).await
    }

    /// Asserts that the certificate alone stands, issued, with its one record.
    pub async fn assert_issued(&self, arn: &str) {
        assert_eq!(self.certificates().await, [arn], "exactly one certificate");
        assert_eq!(self.cloud.status(arn).await, Some("ISSUED".into()));
        assert_eq!(self.records().await.len(), 1, "the domain and its wildcard share one record");
    }

    /// Asserts that neither certificate nor record is left.
    pub async fn assert_nothing_left(&self) {
        assert_eq!(self.certificates().await, [""; 0], "certificates are left");
        assert_eq!(self.records().await, [], "records are left");
    }

    /// Asserts that the proxy's rules applied to something: else the case shows nothing.
    pub fn assert_faulted(&self) {
        let calls = self.proxy.calls();
        let called: Vec<_> = calls.iter().map(|call| call.operation.to_string()).collect();
        assert!(calls.iter().any(|call| call.faulted), "nothing went wrong in {called:?}");
    }

    /// Hands the failed invocation of `function` to the function of last resort and takes its answer, which must be FAILED.
    pub async fn last_answer(&self, function: &Function, event: &Value, failed: &Invocation) -> Answer {
        let record = on_failure_record(function, event, failed, 1).expect("a failed invocation");
        self.answer_in_last_resort(event, &record).await
    }

    /// Hands a record of a failed invocation of `event` to the function of last resort.
    pub async fn answer_in_last_resort(&self, event: &Value, record: &Value) -> Answer {
        let last_resort = self.last_resort().await;
        let invocation = last_resort.invoke(record, LAMBDA_TIMEOUT).await.expect("the function starts");
        let answer = self.only_answer(event, &format!("{:?}", invocation.outcome));
        assert_eq!(answer.status, Status::Failed);
        assert!(matches!(invocation.outcome, Outcome::Completed(_)), "{:?}", invocation.outcome);
        answer
    }

    /// Stops the functions and gives what they wrote.
    pub async fn transcripts(&self, case: &str) -> Vec<Transcript> {
        let functions = self.functions().clone();
        let mut transcripts = Vec::new();
        for function in functions {
            // A case that failed may have left an event under way; the process ends with the stage.
            let _ = tokio::time::timeout(Duration::from_secs(1), function.stop()).await;
            transcripts
                .push(Transcript { of: format!("{} in {case}", function.settings().arn()), text: function.output() });
        }
        transcripts
    }

    /// What the functions must not write, each with a name.
    pub fn secrets(&self) -> Vec<(String, String)> {
        let mut secrets = self.secrets_of_mail();
        secrets.extend(
            [
                ("the response URL's signature", self.cloudformation.signature()),
                ("the secret access key", self.secret_key.clone()),
                ("the session token", self.session_token.clone()),
                ("the external id", self.cloud.external_id.clone()),
            ]
            .map(|(name, secret)| (name.to_owned(), secret)),
        );
        secrets
    }

    /// The secrets of the access keys that IAM made in this case, and the passwords that follow from them.
    fn secrets_of_mail(&self) -> Vec<(String, String)> {
        let answers = self.proxy.answers("iam", "CreateAccessKey");
        let keys = answers.iter().flat_map(|answer| elements(answer, "SecretAccessKey"));
        keys.flat_map(|key| {
            let password = smtp_password_of(&Secret::new(key), REGION);
            [
                ("the access key's secret".to_owned(), key.to_owned()),
                ("the SMTP password".to_owned(), password.reveal().to_owned()),
            ]
        })
        .collect()
    }
}

impl Answered {
    /// The answer, which must be SUCCESS.
    pub fn succeeded(self) -> Answer {
        assert_eq!(self.answer.status, Status::Success, "after {:?}: {}", self.took, self.answer.reason);
        self.answer
    }

    /// The answer, which must be FAILED with `cause` in the reason.
    pub fn failed_with(self, cause: &str) -> Answer {
        assert_eq!(self.answer.status, Status::Failed, "{:?}", self.answer);
        assert!(self.answer.reason.contains(cause), "{cause:?} is not in the reason: {}", self.answer.reason);
        self.answer
    }

    /// The same answer, which must have come within `limit`.
    pub fn within(self, limit: Duration) -> Self {
        assert!(self.took < limit, "took {:?}: {:?}", self.took, self.answer);
        self
    }
}
