//! The `bbb` command itself against the local AWS: the real root template deployed, interrupted, resumed, looked at, refused and destroyed.

mod before;
mod ending;
mod servers;
mod troubles;

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{
    aws_cli::AwsCli,
    bootstraps,
    cloud::Cloud,
    command::{Bbb, Ran},
    site::Site,
    unless_interrupted, until, workspace_root,
};

const DOMAIN: &str = "bbb.example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_deploys_resumes_shows_and_destroys() {
    unless_interrupted(live()).await;
}

async fn live() {
    bootstraps().await;
    let site = Site::open(DOMAIN).await;
    let cloud = site.cloud();
    let zone = cloud.make_zone(DOMAIN).await;
    let bbb = Bbb::build(cloud.client_environment()).await;
    let parameters = json!({"Parameters": {
        "BBBDomainName": DOMAIN, "BBBHostedZone": zone, "BBBOperatorEMail": "operator@example.com",
        "BBBVPCDEF": "10.1.0.0/16", "BBBApplicationMinInstances": 0, "BBBApplicationDesiredInstances": 0,
    }});
    let file = bbb.file("parameters.json", &parameters.to_string());
    let deploy = ["deploy", "--stack-name", "live", "--skip-build", "--parameters", &file];
    let with = |more: &[&'static str]| [&deploy[..], more].concat();

    // Nobody agrees, so nothing is made.
    let refused = bbb.run(&deploy).await;
    assert!(refused.expect(3).stderr.contains("run it with --yes"), "{}", refused.stderr);
    assert!(refused.stderr.contains("BBBVPCDEF is called BBBVPC now"), "{}", refused.stderr);
    let absent = bbb.run(&["status", "--stack-name", "live"]).await;
    assert!(absent.expect(3).stderr.contains("there is no stack live"), "{}", absent.stderr);

    let misplaced = bbb.run(&["preflight", "--parameters", &file, "--parameter", "BBBDomainName=elsewhere.test"]).await;
    assert!(misplaced.expect(3).stderr.contains("which elsewhere.test does not lie in"), "{}", misplaced.stderr);
    let absent = bbb.run(&with(&["--yes", "--parameter", "BBBHostedZone=Z0NOSUCHZONE00000000"])).await;
    assert!(absent.expect(3).stderr.contains("there is no hosted zone Z0NOSUCHZONE00000000"), "{}", absent.stderr);
    let unordered = bbb.run(&with(&["--yes", "--parameter", "BBBApplicationMinInstances=2"])).await;
    assert!(unordered.expect(3).stderr.contains("BBBApplicationMinInstances is 2, and"), "{}", unordered.stderr);

    before::delegations(&bbb, cloud, &zone, &file).await;

    // A first deployment that fails, and is replaced: interrupted, killed, and resumed.
    let failed = bbb.run(&with(&["--yes", "--parameter", "BBBDBSnapshotIdentifier=no-such-snapshot"])).await;
    assert!(failed.expect(1).stderr.contains("the cause: Cluster (AWS::RDS::DBCluster)"), "{}", failed.stderr);
    assert!(failed.stderr.contains("no-such-snapshot"), "{}", failed.stderr);
    let remains = bbb.run(&with(&["--yes"])).await;
    assert!(remains.expect(3).stderr.contains("with --replace-failed"), "{}", remains.stderr);
    let made = |line: &str| line.contains("CREATE_COMPLETE") && line.contains(" live-");
    let interrupted = bbb.stop_when(&with(&["--yes", "--replace-failed"]), Signal::INT, made).await;
    assert!(interrupted.expect(130).stderr.contains("interrupted by Ctrl-C"), "{}", interrupted.stderr);
    assert!(interrupted.stderr.contains("CloudFormation goes on with live"), "{}", interrupted.stderr);
    assert!(
        interrupted.stderr.contains("AWS::S3::Bucket live-accesslogs-"),
        "what the failed one left: {}",
        interrupted.stderr
    );
    let killed = bbb.stop_when(&with(&["--yes"]), Signal::KILL, |line| line.contains("following that first")).await;
    assert_eq!(killed.status.code(), None, "{}", killed.stderr);
    let resumed = bbb.run(&with(&["--yes", "--output", "json"])).await;
    let said = resumed.expect(0).json();
    assert_eq!(said["status"], "CREATE_COMPLETE", "{}", resumed.stderr);
    assert!(resumed.stderr.contains("following that first"), "{}", resumed.stderr);
    assert_eq!(said["outputs"]["GreenlightUrl"], format!("https://conference.{DOMAIN}"));
    let outputs: BTreeMap<String, String> = serde_json::from_value(said["outputs"].clone()).expect("texts");

    let unchanged = bbb.run(&with(&["--yes"])).await;
    assert!(unchanged.expect(0).stderr.contains("nothing has to change"), "{}", unchanged.stderr);
    assert!(unchanged.stdout.contains("aws secretsmanager get-secret-value"), "{}", unchanged.stdout);
    let update = bbb.run(&with(&["--parameter", "BBBSeatsPerServer=150", "--dry-run"])).await;
    assert!(update.expect(0).stderr.contains("changed ServerPool"), "{}", update.stderr);

    see(&bbb, cloud).await;
    troubles::all(&bbb, cloud, &with(&["--yes"])).await;
    log_is_private(&bbb, cloud).await;

    site.belongs_to(&zone, &outputs).await;
    let more = ["BBBApplicationMinInstances=1", "BBBApplicationDesiredInstances=1", "BBBApplicationMaxInstances=3"];
    let more: Vec<&str> = more.iter().flat_map(|pair| ["--parameter", pair]).collect();
    bbb.run(&[&with(&["--yes"]), &more[..]].concat()).await.expect(0);
    servers::come_and_go(&bbb, &site).await;

    let used = bbb.run(&["destroy", "--stack-name", "other", "--sources"]).await;
    assert!(used.expect(3).stderr.contains("uses it"), "{}", used.stderr);
    ending::destroy(&bbb, &site).await;
    ending::take_over(&bbb, &site, &file).await;
    site.close().await;
}

/// Looks at the deployment, as those who may and those who may not.
async fn see(bbb: &Bbb, cloud: &Cloud) {
    let listed = bbb.run(&["servers", "list", "--stack-name", "live", "--output", "json"]).await;
    assert_eq!(listed.expect(0).json()["servers"], json!([]));
    let unknown = bbb.run(&["servers", "cordon", "i-0123456789abcdef0", "--stack-name", "live"]).await;
    assert!(unknown.expect(1).stderr.contains("has no instance i-0123456789abcdef0"), "{}", unknown.stderr);
    let status = bbb.run(&["status", "--stack-name", "live", "--output", "json"]).await.expect_status().json();
    assert_eq!(status["stack"]["status"], "CREATE_COMPLETE");
    assert_eq!(status["services"].as_array().map(Vec::len), Some(4), "{status}");
    assert_eq!(status["certificate"]["status"], "ISSUED");
    assert_eq!(status["mail"]["sandbox"], true);
    alarms(bbb, cloud).await;

    let logs =
        bbb.run(&["logs", "--stack-name", "live", "--since", "1h", "--group", "Certificate", "--output", "json"]).await;
    let first = logs.expect(0).stdout.lines().next().unwrap_or_default().to_owned();
    let first: Value = serde_json::from_str(&first).unwrap_or_else(|error| panic!("{error}: {}", logs.stdout));
    assert!(first["group"].as_str().is_some_and(|group| group.contains("live-Certificate-")), "{first}");
    bbb.run(&["logs", "--stack-name", "live", "--group", "nobody's"]).await.expect(3);

    let allowed = ["cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents"];
    let denied = bbb.with(user(cloud, "watcher", &allowed).await);
    let seen = denied.run(&["status", "--stack-name", "live", "--output", "json"]).await.expect_status().json();
    assert_eq!(seen["stack"]["status"], "CREATE_COMPLETE");
    for part in ["pool", "services", "alarms", "certificate", "mail"] {
        let why = seen[part]["unknown"].as_str().unwrap_or_default();
        assert!(why.contains("AccessDenied") || why.contains("not authorized"), "{part}: {seen}");
    }
    let refused: Ran = denied.run(&["servers", "list", "--stack-name", "live"]).await;
    assert!(refused.expect(1).stderr.contains("AccessDenied"), "{}", refused.stderr);
}

/// An alarm of the deployment's that is on is seen, and another's is not.
async fn alarms(bbb: &Bbb, cloud: &Cloud) {
    let cli = AwsCli::install().await;
    let run = async |arguments: &[&str]| {
        cli.run(&workspace_root(), &cloud.client_environment(), arguments).await.expect("CloudWatch")
    };
    // One that nothing but a function's death turns on.
    let listed = ["cloudwatch", "describe-alarms", "--alarm-name-prefix", "live-LastResort", "--output", "json"];
    let listed: Value = serde_json::from_str(&run(&listed).await).expect("JSON");
    let ours = listed["MetricAlarms"][0]["AlarmName"].as_str().expect("an alarm of the deployment's").to_owned();
    let put = ["cloudwatch", "put-metric-alarm", "--alarm-name", "others", "--namespace", "N", "--metric-name", "M"];
    let rest = ["--period", "60", "--evaluation-periods", "1", "--threshold", "1", "--statistic", "Sum"];
    run(&[&put[..], &rest, &["--comparison-operator", "GreaterThanThreshold"]].concat()).await;
    let set = async |name: &str, state: &str| {
        let set = ["cloudwatch", "set-alarm-state", "--alarm-name", name, "--state-value", state];
        run(&[&set[..], &["--state-reason", "somebody tries it"]].concat()).await;
    };
    // At the end of a minute the local AWS itself sets them.
    until("the alarm is seen", Duration::from_secs(60), async || {
        set("others", "ALARM").await;
        set(&ours, "ALARM").await;
        let status = bbb.run(&["status", "--stack-name", "live"]).await;
        assert!(!status.expect_status().stdout.contains("others"), "{}", status.stdout);
        let is_on = status.stdout.lines().any(|line| line.contains(" ON ") && line.contains(&ours));
        assert!(!is_on || status.expect(1).stdout.contains("somebody tries it"), "{}", status.stdout);
        is_on
    })
    .await;
    until("the alarm is off", Duration::from_secs(60), async || {
        set(&ours, "OK").await;
        !bbb.run(&["status", "--stack-name", "live"]).await.expect_status().stdout.contains(&ours)
    })
    .await;
}

/// The environment of a user who may do this and nothing else.
async fn user(cloud: &Cloud, name: &str, actions: &[&str]) -> Vec<(&'static str, String)> {
    let cli = AwsCli::install().await;
    let variables = cloud.client_environment();
    let run = async |arguments: &[&str]| {
        let output = cli.run(&workspace_root(), &variables, arguments).await;
        output.unwrap_or_else(|output| panic!("{arguments:?}: {output}"))
    };
    let policy =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
    run(&["iam", "create-user", "--user-name", name]).await;
    let put = ["iam", "put-user-policy", "--user-name", name, "--policy-name", "only", "--policy-document"];
    run(&[&put[..], &[&policy.to_string()]].concat()).await;
    let key = run(&["iam", "create-access-key", "--user-name", name, "--output", "json"]).await;
    let key: Value = serde_json::from_str(&key).expect("JSON");
    let own = |field: &str| key["AccessKey"][field].as_str().expect("a key").to_owned();
    let mut environment = variables.clone();
    environment.retain(|(name, _)| !name.contains("KEY"));
    environment.push(("AWS_ACCESS_KEY_ID", own("AccessKeyId")));
    environment.push(("AWS_SECRET_ACCESS_KEY", own("SecretAccessKey")));
    environment
}

/// The log is for its owner alone, and has no secret in it.
async fn log_is_private(bbb: &Bbb, cloud: &Cloud) {
    let mode = std::fs::metadata(bbb.log()).expect("a log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let log = std::fs::read_to_string(bbb.log()).expect("text");
    assert!(log.contains("CREATE_COMPLETE"), "{log}");
    let cli = AwsCli::install().await;
    let secrets = ["secretsmanager", "list-secrets", "--query", "SecretList[].ARN", "--output", "text"];
    let arns = cli.run(&workspace_root(), &cloud.client_environment(), &secrets).await.expect("secrets");
    assert!(arns.split_whitespace().count() > 3, "{arns}");
    for arn in arns.split_whitespace() {
        let get =
            ["secretsmanager", "get-secret-value", "--secret-id", arn, "--query", "SecretString", "--output", "text"];
        let value = cli.run(&workspace_root(), &cloud.client_environment(), &get).await.expect("a secret");
        let values = match serde_json::from_str::<Value>(value.trim()) {
            Ok(Value::Object(fields)) => {
                fields.values().filter_map(|value| value.as_str().map(str::to_owned)).collect()
            }
            _ => vec![value.trim().to_owned()],
        };
        // Shorter ones are host names' parts, ports and user names.
        for value in values.iter().filter(|value| value.len() >= 20 && !value.contains(['.', '@'])) {
            assert!(!log.contains(value.as_str()), "the log holds what the secret {arn} holds");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_what_is_wrong_before_anything_is_called() {
    unless_interrupted(refusals()).await;
}

async fn refusals() {
    // Nothing listens there.
    let nowhere = || ("AWS_ENDPOINT_URL", "http://127.0.0.1:9".to_owned());
    let bbb = Bbb::build(vec![nowhere(), ("AWS_REGION", "eu-central-1".to_owned())]).await;
    let credentials = bbb.run(&["status"]).await;
    assert!(credentials.expect(3).stderr.contains("no credentials"), "{}", credentials.stderr);
    let unknown = bbb.run(&["deploy", "--parameter", "BBBDomain=x.example.com"]).await;
    assert!(unknown.expect(3).stderr.contains("is it BBBDomainName?"), "{}", unknown.stderr);
    let problems =
        bbb.run(&["validate", "--parameter", "BBBDomainName=NOT A NAME", "--output", "json"]).await.expect(3).json();
    assert_eq!(problems["problems"].as_array().map(Vec::len), Some(3), "{problems}");
    let three =
        ["BBBDomainName=meet.example.com", "BBBHostedZone=Z0123456789ABCDEFGHIJ", "BBBOperatorEMail=o@example.com"];
    let given: Vec<&str> = three.iter().flat_map(|pair| ["--parameter", pair]).collect();
    let valid = bbb.run(&[&["validate"][..], &given].concat()).await;
    assert!(valid.expect(0).stderr.contains("would take these parameters"), "{}", valid.stderr);
    let file = bbb.file("wrong.json", "{\"Parameters\": [1]}");
    let unreadable = bbb.run(&["deploy", "--parameters", &file]).await;
    assert!(unreadable.expect(3).stderr.contains("is not an object"), "{}", unreadable.stderr);
    bbb.run(&["deploi"]).await.expect(2);
    let region = bbb.with(vec![nowhere()]).run(&["status"]).await;
    assert!(region.expect(3).stderr.contains("no region"), "{}", region.stderr);
    before::nobody_signed_in(&bbb).await;
    let script = bbb.run(&["completions", "bash"]).await;
    assert!(script.expect(0).stdout.contains("destroy"), "{}", script.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_ended_are_a_refusal() {
    unless_interrupted(expired()).await;
}

/// STS as it answers a session that has ended.
async fn expired() {
    use axum::{Router, http::StatusCode};

    let body = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>ExpiredToken</Code>\
                <Message>The security token included in the request is expired</Message></Error><RequestId>1</RequestId></ErrorResponse>";
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answers = Router::new().fallback(move || async move { (StatusCode::FORBIDDEN, body) });
    let serving = tokio::spawn(async move { axum::serve(listener, answers).await });
    let bbb = Bbb::build(vec![
        ("AWS_ENDPOINT_URL", url),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_SESSION_TOKEN", "token".to_owned()),
    ])
    .await;
    let ran = bbb.run(&["destroy", "--yes-delete", "bbb"]).await;
    assert!(ran.expect(3).stderr.contains("the credentials have expired: sign in again"), "{}", ran.stderr);
    serving.abort();
}
