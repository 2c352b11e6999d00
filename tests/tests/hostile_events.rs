//! A thousand random mutations of the sample events: one well-formed answer each, or none only where there is nobody to answer.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use custom_resource::{MAX_RESPONSE_BYTES, Status, testing::FakeCloudFormation};
use deployment::functions::Bootstrap;
use rehearsal::runtime_api::{Function, Outcome, Settings};
use serde_json::{Value, json};
use tests::{
    bootstraps,
    cloud::role_arn,
    detours::DenyingAws,
    mutation::Mutator,
    secrecy::{Transcript, leaks},
    unique_word, unless_interrupted, workspace_root,
};
use tokio::task::JoinSet;

const MUTATIONS: usize = 1000;

/// So many environments of the functions take them, each one after the other.
const LANES: usize = 4;

/// Chooses the mutations; by default they are others each time.
const SEED: &str = "SEED";

/// Keys whose values must not be moved to where they would be no secret.
const SECRET_KEYS: &[&str] = &["ResponseURL", "HostedZoneRoleExternalId", "Message", "SecretKey"];

/// AWS denies everything at once, so that an answer takes no longer than a busy machine.
const PROMPTLY: Duration = Duration::from_secs(20);

/// A sample event and the function that it is for.
#[derive(Debug, Clone)]
struct Sample {
    name: String,
    function: String,
    event: Value,
}

/// The samples of requests that CloudFormation makes, and is to be answered.
fn samples() -> Vec<Sample> {
    let folder = workspace_root().join("events");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&folder).expect("the sample events").map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(!paths.is_empty(), "no samples in {}", folder.display());
    let read = |path: PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let event: Value = serde_json::from_slice(&fs::read(&path).expect("a sample")).expect("JSON");
        Sample { name, function: function_for(&event), event }
    };
    paths.into_iter().filter(|path| !is_of_another_kind(path)).map(read).collect()
}

/// The pool's function is asked by others, who get their answer from Lambda.
fn is_of_another_kind(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("server-pool-"))
}

/// The name of the function that an event is for: that of the service token, or the one that gets the records of failed invocations.
fn function_for(event: &Value) -> String {
    if event.get("requestPayload").is_some() {
        return "last-resort".to_owned();
    }
    let text = event.to_string();
    let (_, rest) = text.split_once(":function:").expect("a service token");
    rest.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '-').collect()
}

/// The request in an event, as the function must find it: in a failed invocation's record, through a topic, or as it is.
fn request_in(sample: &Sample, event: &Value) -> Value {
    let event =
        if sample.function == "last-resort" { event.get("requestPayload").unwrap_or(&Value::Null) } else { event };
    let only_record = event.get("Records").and_then(Value::as_array).filter(|records| records.len() == 1);
    let message = only_record.and_then(|records| records[0].pointer("/Sns/Message")).and_then(Value::as_str);
    message.and_then(|message| serde_json::from_str(message).ok()).unwrap_or_else(|| event.clone())
}

/// Changes the request in an event, wherever it is.
fn change_request(event: &mut Value, change: impl FnOnce(&mut Value)) {
    if event.pointer("/Records/0/Sns/Message").is_some() {
        let message = &mut event["Records"][0]["Sns"]["Message"];
        let mut request: Value = serde_json::from_str(message.as_str().expect("a message")).expect("a request");
        change(&mut request);
        *message = json!(request.to_string());
    } else if event.get("requestPayload").is_some() {
        change(&mut event["requestPayload"]);
    } else {
        change(event);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_events_are_answered_once_or_have_nobody_to_answer() {
    unless_interrupted(play_all()).await;
}

async fn play_all() {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("{SEED}={seed}");
    bootstraps().await;
    let samples = Arc::new(samples());
    let aws = Arc::new(DenyingAws::start().await);
    let started = Instant::now();
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (samples, aws) = (Arc::clone(&samples), Arc::clone(&aws));
        lanes.spawn(async move { Lane::start(&aws, lane).await.play(&samples, seed, lane).await });
    }
    let (mut problems, mut answered) = (Vec::new(), 0);
    for (found, count) in lanes.join_all().await {
        problems.extend(found);
        answered += count;
    }
    println!("{answered} of {MUTATIONS} were answered in {:?}, the others had no response URL", started.elapsed());
    assert_eq!(problems, [""; 0], "with {SEED}={seed}");
    assert!(answered > MUTATIONS / 2, "the mutations leave nothing to test");
}

#[tokio::test]
async fn samples_as_they_are_are_answered() {
    let aws = DenyingAws::start().await;
    let lane = Lane::start(&aws, LANES).await;
    for sample in samples() {
        let mut event = sample.event.clone();
        change_request(&mut event, |request| request["ResponseURL"] = json!(lane.cloudformation.response_url()));
        assert_eq!(lane.problem(&sample, &event, &request_in(&sample, &event)).await, Ok(true), "{}", sample.name);
    }
}

/// Events that no mutation makes, because they take other rules.
#[tokio::test]
async fn hostile_events_of_other_kinds_are_survived() {
    let aws = DenyingAws::start().await;
    let lane = Lane::start(&aws, LANES + 1).await;
    let nested = |depth: usize| (0..depth).fold(json!("x"), |inner, _| json!([inner]));
    let names = ["certificate-create", "certificate-create-through-sns", "last-resort"];
    for sample in samples().into_iter().filter(|sample| names.contains(&sample.name.as_str())) {
        // Deeper than JSON readers commonly go.
        for depth in [126, 127, 128, 1000] {
            let (mut event, mut asked) = (sample.event.clone(), Value::Null);
            change_request(&mut event, |request| {
                request["ResponseURL"] = json!(lane.cloudformation.response_url());
                request["ResourceProperties"]["DomainName"] = nested(depth);
                asked = request.clone();
            });
            assert_eq!(lane.problem(&sample, &event, &asked).await, Ok(true), "{depth} levels in {}", sample.name);
        }
        // Where nobody is, or nobody can be: a function error within the deadline, and the process lives on.
        for url in
            ["http://", "https://[", "http://127.0.0.1:1/", "http://\u{0}/", "https://127.0.0.1:1/?X-Amz-Signature=abc"]
        {
            let mut event = sample.event.clone();
            change_request(&mut event, |request| request["ResponseURL"] = json!(url));
            let invocation =
                lane.function(&sample).invoke(&event, Duration::from_millis(1500)).await.expect("the function starts");
            assert!(matches!(invocation.outcome, Outcome::FunctionError(_)), "{url}: {:?}", invocation.outcome);
        }
    }
}

/// One environment of each function, and whom they answer.
struct Lane {
    cloudformation: FakeCloudFormation,
    functions: BTreeMap<String, Function>,
    secrets: Vec<(String, String)>,
}

impl Lane {
    async fn start(aws: &DenyingAws, lane: usize) -> Self {
        let (key, token) = (unique_word("secret-key-"), unique_word("session-token-"));
        let bootstraps = bootstraps().await;
        let start = |name: &str, bootstrap: &Bootstrap| {
            let settings = Settings::new(format!("{name}-{lane}"))
                .variable("AWS_ENDPOINT_URL", aws.endpoint())
                .variable("AWS_SECRET_ACCESS_KEY", &key)
                .variable("AWS_SESSION_TOKEN", &token)
                .variable("DNS_RESOLVER", "none")
                .variable("LOG_LEVEL", "TRACE");
            (name.to_owned(), Function::new(&bootstrap.binary, settings))
        };
        let functions = bootstraps.iter().map(|(name, bootstrap)| start(name, bootstrap)).collect();
        let cloudformation = FakeCloudFormation::start().await.expect("a fake CloudFormation");
        let secrets = [
            ("the secret access key", key),
            ("the session token", token),
            ("the response URL's signature", cloudformation.signature()),
            ("the external id", unique_word("external-id-")),
            ("the secret access key of a property", unique_word("secret-key-property-")),
        ];
        let secrets = secrets.map(|(name, secret)| (name.to_owned(), secret)).into();
        Self { cloudformation, functions, secrets }
    }

    fn function(&self, sample: &Sample) -> &Function {
        self.functions.get(&sample.function).expect("a function of this project")
    }

    /// Plays this lane's share of the mutations; gives what went wrong, and how many events had to be answered.
    async fn play(self, samples: &[Sample], seed: u64, lane: usize) -> (Vec<String>, usize) {
        let (mut problems, mut answered) = (Vec::new(), 0);
        for number in (lane..MUTATIONS).step_by(LANES) {
            let sample = &samples[number % samples.len()];
            let mut mutator = Mutator::new(seed.wrapping_add(number as u64));
            let mut event = sample.event.clone();
            change_request(&mut event, |request| {
                request["ResponseURL"] = json!(self.cloudformation.response_url());
                if request["ResourceType"] == "Custom::Certificate"
                    && request["ResourceProperties"]["HostedZoneId"].is_string()
                {
                    request["ResourceProperties"]["HostedZoneRoleArn"] = json!(role_arn("zones"));
                    request["ResourceProperties"]["HostedZoneRoleExternalId"] = json!(self.secrets[3].1);
                }
                if request["ResourceProperties"]["SecretKey"].is_string() {
                    request["ResourceProperties"]["SecretKey"] = json!(self.secrets[4].1);
                }
            });
            let mut done = Vec::new();
            // What is around the request only now and then: it is the request that matters.
            if number % 5 == 0 {
                done.extend(mutator.mutate(&mut event, SECRET_KEYS));
            } else {
                change_request(&mut event, |request| done.extend(mutator.mutate(request, SECRET_KEYS)));
            }
            match self.problem(sample, &event, &request_in(sample, &event)).await {
                Ok(is_answered) => answered += usize::from(is_answered),
                Err(problem) => problems.push(format!("{number} {} ({}): {problem}", sample.name, done.join(", "))),
            }
        }
        let mut transcripts = Vec::new();
        for (name, function) in &self.functions {
            function.stop().await;
            transcripts.push(Transcript { of: name.clone(), text: function.output() });
        }
        problems.extend(leaks(&transcripts, &self.secrets));
        (problems, answered)
    }

    /// Hands an event with this request in it over and says what is wrong with what came of it, or whether it had to be answered.
    async fn problem(&self, sample: &Sample, event: &Value, request: &Value) -> Result<bool, String> {
        let url = request.get("ResponseURL").and_then(Value::as_str);
        let has_somebody = url == Some(self.cloudformation.response_url());
        let started = Instant::now();
        let invocation = self.function(sample).invoke(event, PROMPTLY * 2).await.expect("the function starts");
        let took = started.elapsed();
        let violations = self.cloudformation.violations();
        let answers = self.cloudformation.take_answers();
        if !violations.is_empty() {
            return Err(format!("{violations:?}"));
        }
        if took > PROMPTLY {
            return Err(format!("took {took:?}"));
        }
        if !has_somebody {
            return match (&invocation.outcome, answers.len()) {
                (Outcome::FunctionError(_), 0) => Ok(false),
                (outcome, count) => Err(format!("{count} answers to nobody, {outcome:?}")),
            };
        }
        let [answer] = answers.as_slice() else {
            return Err(format!("{} answers, {:?}", answers.len(), invocation.outcome));
        };
        if !matches!(invocation.outcome, Outcome::Completed(_)) {
            return Err(format!("answered, but {:?}", invocation.outcome));
        }
        let text = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default();
        for (key, copied) in [
            ("StackId", &answer.stack_id),
            ("RequestId", &answer.request_id),
            ("LogicalResourceId", &answer.logical_resource_id),
        ] {
            let is_cut = text(key).len() > MAX_RESPONSE_BYTES / 8 && text(key).starts_with(copied.as_str());
            if text(key) != copied && !is_cut {
                return Err(format!("{key} became {copied:?}"));
            }
        }
        let given = text("PhysicalResourceId");
        let kind = text("RequestType");
        if kind == "Delete" && !given.is_empty() && !given.starts_with(&answer.physical_resource_id) {
            return Err(format!("a Delete of {given:?} was answered with {:?}", answer.physical_resource_id));
        }
        // The sample's type calls nobody: it computes.
        let calls_aws = text("ResourceType") != "Custom::SMTPPW";
        if calls_aws && kind != "Delete" && answer.status == Status::Success {
            return Err(format!("a success without AWS: {answer:?}"));
        }
        Ok(true)
    }
}
