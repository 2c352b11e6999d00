//! Each verb while AWS throttles, does not let it, knows its credentials no longer, or while somebody presses Ctrl-C.

use std::time::Duration;

use rehearsal::fault_proxy::{Fault, FaultProxy, Rule, When};
use rustix::process::Signal;
use serde_json::Value;
use tests::{
    cloud::Cloud,
    command::{Bbb, Ran},
    until,
};

/// More than anything here takes.
const LIMIT: Duration = Duration::from_secs(120);

const STACK: [&str; 2] = ["--stack-name", "live"];

/// The command before which a proxy stands that makes troubles.
struct Troubled {
    bbb: Bbb,
    proxy: FaultProxy,
}

impl Troubled {
    async fn by(bbb: &Bbb, cloud: &Cloud, rules: impl IntoIterator<Item = Rule>) -> Self {
        let proxy = FaultProxy::start(cloud.endpoint()).await.expect("a proxy");
        rules.into_iter().for_each(|rule| proxy.add(rule));
        Self { bbb: bbb.through(proxy.endpoint()), proxy }
    }

    /// Waits until an operation was called.
    async fn called(&self, (service, operation): (&str, &str)) {
        let what = format!("{service}:{operation} is called");
        until(&what, LIMIT, async || self.proxy.count(service, operation) > 0).await;
    }

    /// Runs a verb that waits in vain for an answer, until somebody presses Ctrl-C.
    async fn interrupted(&self, operation: (&str, &str), arguments: &[&str]) -> Ran {
        self.proxy.add(Rule::on(operation.0, operation.1, When::Always, Fault::Hang));
        self.bbb.stop_after(arguments, Signal::INT, self.called(operation)).await
    }
}

fn expired() -> Fault {
    Fault::Refuse {
        status: 403,
        code: "ExpiredToken".to_owned(),
        message: "The security token included in the request is expired".to_owned(),
    }
}

/// All troubles, at the same time: nearly all of their time is waiting. `deploy` is what leaves the deployment as it is.
pub(super) async fn all(bbb: &Bbb, cloud: &Cloud, deploy: &[&str]) {
    tokio::join!(
        throttled_for_a_while(bbb, cloud),
        throttled_for_ever(bbb, cloud, deploy),
        denied(bbb, cloud, deploy),
        interrupted(bbb, cloud, deploy),
        watching(bbb, cloud),
    );
    expired_meanwhile(bbb, cloud, deploy).await;
}

async fn throttled_for_a_while(bbb: &Bbb, cloud: &Cloud) {
    let once = [
        ("sts", "GetCallerIdentity"),
        ("cloudformation", "DescribeStacks"),
        ("cloudformation", "DescribeStackEvents"),
        ("monitoring", "DescribeAlarms"),
        ("acm", "DescribeCertificate"),
        ("ecs", "ListServices"),
        ("ecs", "DescribeServices"),
        ("ses", "GetAccount"),
        ("lambda", "Invoke"),
    ];
    let rules = once.map(|(service, operation)| Rule::on(service, operation, When::First(1), Fault::Throttle));
    let troubled = Troubled::by(bbb, cloud, rules).await;
    let status = troubled.bbb.run(&[&["status", "--output", "json"], &STACK[..]].concat()).await;
    let seen = status.expect_status().json();
    for part in ["pool", "services", "alarms", "certificate", "mail", "events"] {
        assert_eq!(seen[part].get("unknown"), None, "{part}: {seen}");
    }
    for (service, operation) in once {
        assert!(troubled.proxy.count(service, operation) > 1, "{service}:{operation} was not tried again");
    }
}

async fn throttled_for_ever(bbb: &Bbb, cloud: &Cloud, deploy: &[&str]) {
    let rule = Rule::on("cloudformation", "DescribeStacks", When::Always, Fault::Throttle);
    let mut troubled = Troubled::by(bbb, cloud, [rule]).await;
    // Eight tries take longer than a test should.
    troubled.bbb = troubled.bbb.and("AWS_MAX_ATTEMPTS", "2");
    for verb in [&["status"][..], &["servers", "list"], &["logs"], &["destroy", "--yes-delete", "live"], deploy] {
        let arguments = if verb == deploy { verb.to_vec() } else { [verb, &STACK].concat() };
        let ran = troubled.bbb.run(&arguments).await;
        assert!(ran.expect(1).stderr.contains("Throttling: Rate exceeded"), "{verb:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("what to do: AWS was asked too often"), "{verb:?}: {}", ran.stderr);
    }
    assert_eq!(troubled.proxy.count("cloudformation", "DescribeStacks"), 10);
}

/// What may not be done is named, with what to do.
async fn denied(bbb: &Bbb, cloud: &Cloud, deploy: &[&str]) {
    let destroy = ["destroy", "--stack-name", "live", "--yes-delete", "live", "--end-meetings"];
    let cases: [(&[&str], (&str, &str)); 9] = [
        (&["status", "--stack-name", "live"], ("cloudformation", "DescribeStacks")),
        (&["servers", "list", "--stack-name", "live"], ("cloudformation", "DescribeStacks")),
        (&["servers", "drain", "i-1", "--stack-name", "live"], ("lambda", "Invoke")),
        (&["logs", "--stack-name", "live"], ("cloudformation", "ListStackResources")),
        (&["logs", "--stack-name", "live"], ("logs", "FilterLogEvents")),
        (deploy, ("cloudformation", "CreateChangeSet")),
        (deploy, ("s3", "GetObject")),
        (&destroy, ("cloudformation", "UpdateStack")),
        (&["destroy", "--stack-name", "live", "--yes-delete", "live"], ("cloudformation", "DeleteStack")),
    ];
    for (arguments, (service, operation)) in cases {
        // The permission to get an object lets one look for it, too.
        let called = if operation == "GetObject" { "HeadObject" } else { operation };
        let rule = Rule::on(service, called, When::Always, Fault::Deny);
        let ran = Troubled::by(bbb, cloud, [rule]).await.bbb.run(arguments).await;
        let names = format!("{service}:{operation}");
        assert!(ran.expect(1).stderr.contains(&names), "{names}: {}", ran.stderr);
        assert!(ran.stderr.contains("what to do: whoever runs this lacks that permission"), "{names}: {}", ran.stderr);
    }
    // Whether meetings run, nobody knows who may not ask: that is refused.
    let rule = Rule::on("lambda", "Invoke", When::Always, Fault::Deny);
    let blind = Troubled::by(bbb, cloud, [rule]).await;
    let ran = blind.bbb.run(&["destroy", "--stack-name", "live", "--yes-delete", "live"]).await;
    assert!(ran.expect(3).stderr.contains("nobody knows whether meetings run"), "{}", ran.stderr);
}

async fn interrupted(bbb: &Bbb, cloud: &Cloud, deploy: &[&str]) {
    let destroy = ["destroy", "--stack-name", "live", "--yes-delete", "live"];
    let cases: [(&[&str], (&str, &str), &str); 7] = [
        (&["status", "--stack-name", "live"], ("acm", "DescribeCertificate"), ""),
        (&["servers", "list", "--stack-name", "live"], ("lambda", "Invoke"), ""),
        (&["servers", "reconcile", "--stack-name", "live"], ("lambda", "Invoke"), "it may do all the same"),
        (&["logs", "--follow", "--stack-name", "live"], ("logs", "FilterLogEvents"), ""),
        (deploy, ("route53", "GetHostedZone"), "Nothing was changed in live"),
        (deploy, ("cloudformation", "CreateChangeSet"), "Nothing was changed in live"),
        (&destroy, ("lambda", "Invoke"), "Nothing was deleted."),
    ];
    for (arguments, operation, says) in cases {
        let ran = Troubled::by(bbb, cloud, []).await.interrupted(operation, arguments).await;
        let said = &ran.expect(130).stderr;
        assert!(said.contains("interrupted by Ctrl-C") && said.contains(says), "{operation:?}: {said}");
    }
}

/// A watch goes on after troubles that pass, and ends with the credentials.
async fn watching(bbb: &Bbb, cloud: &Cloud) {
    let look = ("cloudformation", "DescribeStacks");
    let rules =
        [Rule::on(look.0, look.1, When::From(3), expired()), Rule::on(look.0, look.1, When::Nth(2), Fault::Throttle)];
    let mut troubled = Troubled::by(bbb, cloud, rules).await;
    troubled.bbb = troubled.bbb.and("AWS_MAX_ATTEMPTS", "1");
    let ran = troubled.bbb.run(&[&["status", "--watch", "5", "--output", "json"], &STACK[..]].concat()).await;
    assert!(ran.expect(1).stderr.contains("looking again in 5 s"), "{}", ran.stderr);
    assert!(ran.stderr.contains("ExpiredToken") && ran.stderr.contains("what to do: sign in again"), "{}", ran.stderr);
    let seen: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(seen.len(), 1, "{}", ran.stdout);
}

/// The credentials end in the middle of a deployment, which goes on, and is followed by the next one.
async fn expired_meanwhile(bbb: &Bbb, cloud: &Cloud, deploy: &[&str]) {
    let troubled = Troubled::by(bbb, cloud, []).await;
    let change = [deploy, &["--parameter", "BBBSeatsPerServer=120"]].concat();
    let expiring = async {
        troubled.called(("cloudformation", "ExecuteChangeSet")).await;
        troubled.proxy.add(Rule::on("cloudformation", "DescribeStackEvents", When::Always, expired()));
    };
    let (ran, ()) = tokio::join!(troubled.bbb.run(&change), expiring);
    assert!(ran.expect(1).stderr.contains("ExpiredToken"), "{}", ran.stderr);
    assert!(ran.stderr.contains("what to do: sign in again"), "{}", ran.stderr);
    assert!(ran.stderr.contains("CloudFormation goes on with live on its own"), "{}", ran.stderr);
    let again = bbb.run(&change).await;
    assert!(again.expect(0).stderr.contains("nothing has to change"), "{}", again.stderr);
}
