//! `bbb destroy` while a meeting runs, interrupted and killed in each of its phases, and what it leaves.

use rehearsal::fault_proxy::{Fault, FaultProxy, Rule, When};
use rustix::process::Signal;
use serde_json::Value;
use tests::{aws_cli::AwsCli, command::Bbb, site::Site, workspace_root};

const DESTROY: [&str; 5] = ["destroy", "--stack-name", "live", "--yes-delete", "live"];

/// Runs the AWS CLI as the root user.
async fn aws(site: &Site, arguments: &[&str]) -> Result<String, String> {
    AwsCli::install().await.run(&workspace_root(), &site.cloud().client_environment(), arguments).await
}

/// The names of all buckets.
async fn buckets(site: &Site) -> Vec<String> {
    let listed = aws(site, &["s3api", "list-buckets", "--query", "Buckets[].Name", "--output", "text"]).await;
    listed.expect("buckets").split_whitespace().map(str::to_owned).collect()
}

/// Destroys the deployment, with one server in it.
pub(super) async fn destroy(bbb: &Bbb, site: &Site) {
    let host = site.meet("examination", 20);
    let nobody = bbb.run(&["destroy", "--stack-name", "live"]).await;
    assert!(nobody.expect(3).stderr.contains("1 meeting runs, with 20 people in it"), "{}", nobody.stderr);
    bbb.run(&["destroy", "--stack-name", "live", "--yes-delete", "other"]).await.expect(3);
    let end = [&DESTROY[..], &["--end-meetings"]].concat();

    // While the drain is shortened. The deployment stays.
    let shortened = bbb.stop_when(&end, Signal::INT, |line| line.contains("UPDATE_IN_PROGRESS")).await;
    assert!(shortened.expect(130).stderr.contains("CloudFormation goes on with live"), "{}", shortened.stderr);
    assert!(shortened.stderr.contains("--parameter BBBDrainDeadlineMinutes=1440"), "{}", shortened.stderr);
    let refused = bbb.run(&DESTROY).await;
    assert!(refused.expect(3).stderr.contains("1 meeting runs, with 20 people in it"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--parameter BBBDrainDeadlineMinutes=1440"), "{}", refused.stderr);
    assert_eq!(site.people_in(&host, "examination"), 20);

    // While it is deleted: the server waits for its drain.
    let deleting = |line: &str| line.contains("DELETE_IN_PROGRESS");
    let killed = bbb.stop_when(&end, Signal::KILL, deleting).await;
    assert_eq!(killed.status.code(), None, "{}", killed.stderr);
    let again = bbb.stop_when(&DESTROY, Signal::TERM, deleting).await;
    assert!(again.expect(130).stderr.contains("interrupted by SIGTERM"), "{}", again.stderr);
    assert!(again.stderr.contains("following that first"), "{}", again.stderr);
    let destroyed = site.meanwhile(bbb.run(&[&DESTROY[..], &["--output", "json"]].concat())).await;
    assert_eq!(kinds(&destroyed.expect(0).json()), [EFS, CACHE, DATABASE, BUCKET], "{}", destroyed.stdout);
    assert_eq!(site.running(), [""; 0]);

    let kept = destroyed.json()["kept"].clone();
    let bucket = kept.as_array().expect("a list").iter().find(|kept| kept["type"] == BUCKET).expect("a bucket");
    let logs = bucket["id"].as_str().expect("a name");
    let foreign = format!("{logs}-2");
    aws(site, &["s3", "mb", &format!("s3://{foreign}")]).await.expect("a bucket");
    for (bucket, key) in [(logs, "a/1"), (logs, "a/2"), (&foreign, "a/1")] {
        aws(site, &["s3api", "put-object", "--bucket", bucket, "--key", key]).await.expect("an object");
    }
    let mut others = buckets(site).await;
    others.retain(|name| name != logs && !name.contains("sources"));

    // What is left of a deployment that is gone is found by its name.
    let found = bbb.run(&["destroy", "--stack-name", "live", "--output", "json"]).await;
    assert_eq!(found.expect(0).json()["kept"], kept);
    let purge = ["destroy", "--stack-name", "live", "--purge-access-logs", "--sources"];
    let proxy = FaultProxy::start(site.cloud().endpoint()).await.expect("a proxy");
    let slow = bbb.through(proxy.endpoint());
    proxy.add(Rule::on("s3", "DeleteObjects", When::Always, Fault::Hang));
    let half = slow.stop_when(&purge, Signal::INT, |line| line.contains("deleting the bucket")).await;
    assert!(half.expect(130).stderr.contains("may be half empty"), "{}", half.stderr);
    proxy.clear();
    proxy.add(Rule::on("s3", "DeleteBucket", When::Always, Fault::Deny));
    let denied = slow.run(&[&purge[..], &["--output", "json"]].concat()).await;
    assert!(denied.expect(1).stderr.contains("cannot delete the bucket"), "{}", denied.stderr);
    assert_eq!(kinds(&denied.json()), [EFS, CACHE, DATABASE, BUCKET]);
    let purged = bbb.run(&[&purge[..], &["--output", "json"]].concat()).await;
    assert_eq!(kinds(&purged.expect(0).json()), [EFS, CACHE, DATABASE], "{}", purged.stderr);
    bbb.run(&purge).await.expect(0);
    assert!(others.contains(&foreign), "{others:?}");
    assert_eq!(buckets(site).await, others, "only what is not the deployment's");

    let never = bbb.run(&["destroy", "--stack-name", "never", "--output", "json"]).await;
    assert_eq!(never.expect(0).json(), serde_json::json!({"stack": "never", "status": null, "kept": []}));
}

/// Deploys again with what the deployment before has left, as `bbb destroy` says to, and destroys that too.
pub(super) async fn take_over(bbb: &Bbb, site: &Site, parameters: &str) {
    let said = bbb.run(&["destroy", "--stack-name", "live"]).await;
    let said = &said.expect(0).stdout;
    let of = async |service: &str, query: &str| {
        let start = format!("aws {service} describe-");
        let command = said.lines().map(str::trim).find(|line| line.starts_with(&start)).expect("what lists snapshots");
        let words: Vec<&str> = command.split(' ').skip(1).chain(["--query", query, "--output", "text"]).collect();
        aws(site, &words).await.expect("snapshots").trim().to_owned()
    };
    let database = of("rds", "DBClusterSnapshots[].DBClusterSnapshotIdentifier").await;
    let cache = of("elasticache", "Snapshots[].SnapshotName").await;
    let command = said.lines().find_map(|line| line.strip_prefix("  bbb deploy ")).expect("what deploys again");
    let command = command
        .replace("BBBDBSnapshotIdentifier=SNAPSHOT", &format!("BBBDBSnapshotIdentifier={database}"))
        .replace("BBBCacheSnapshotName=SNAPSHOT", &format!("BBBCacheSnapshotName={cache}"));
    let mut deploy = vec!["deploy", "--parameters", parameters, "--skip-build", "--yes", "--output", "json"];
    deploy.extend(command.split(' '));
    bbb.run(&deploy).await.expect(0);

    // The file system is the same one, and nothing makes a second.
    let systems = ["efs", "describe-file-systems", "--query", "FileSystems[].FileSystemId", "--output", "text"];
    let systems = aws(site, &systems).await.expect("file systems");
    assert!(command.contains(&format!("BBBExistingFileSystem={} ", systems.trim())), "{systems}: {command}");
    bbb.run(&DESTROY).await.expect(0);
}

const EFS: &str = "AWS::EFS::FileSystem";
const CACHE: &str = "AWS::ElastiCache::ReplicationGroup";
const DATABASE: &str = "AWS::RDS::DBCluster";
const BUCKET: &str = "AWS::S3::Bucket";

/// The types of what was kept.
fn kinds(said: &Value) -> Vec<&str> {
    said["kept"].as_array().expect("a list").iter().filter_map(|kept| kept["type"].as_str()).collect()
}
