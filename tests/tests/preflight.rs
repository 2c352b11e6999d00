//! `bbb preflight` against the local AWS: what it has is judged, what it lacks is a note.

use serde_json::Value;
use tests::{cloud::Cloud, command::Bbb, unless_interrupted};

const DOMAIN: &str = "preflight.example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_way_is_found_and_nothing_is_changed() {
    unless_interrupted(looks()).await;
}

async fn looks() {
    let cloud = Cloud::start().await;
    let zone = format!("BBBHostedZone={}", cloud.make_zone(DOMAIN).await);
    let domain = format!("BBBDomainName={DOMAIN}");
    let bbb = Bbb::build(cloud.client_environment()).await;
    let found = async |more: &[&str], code| {
        let mut arguments = vec!["preflight", "--output", "json"];
        for parameter in [&[zone.as_str(), domain.as_str(), "BBBOperatorEMail=me@example.com"], more].concat() {
            arguments.extend(["--parameter", parameter]);
        }
        bbb.run(&arguments).await.expect(code).json()
    };
    let has = |found: &Value, weight: &str, what: &str| {
        let all = found.as_array().expect("a list");
        let fits =
            |one: &&Value| one["weight"] == weight && one["what"].as_str().is_some_and(|text| text.contains(what));
        assert!(all.iter().any(|one| fits(&one)), "no {weight} with {what:?}: {found:#}");
    };
    let plain = found(&[], 0).await;
    has(&plain, "warning", "services of AWS have no role");
    has(&plain, "note", "the quota of processors");
    assert!(plain.as_array().expect("a list").iter().all(|one| one["weight"] != "refusal"), "{plain:#}");
    // It only looked: the roles are as absent as before.
    has(&found(&[], 0).await, "warning", "ecs.amazonaws.com");

    let wrong = [
        "BBBApplicationInstanceType=c5.huge",
        "BBBDBInstanceType=db.t3.huge",
        "BBBAvailabilityZones=eu-central-1y,eu-central-1z",
        "BBBNumberOfAZs=2",
        "BBBApplicationMaxInstances=51",
    ];
    let wrong = found(&wrong, 3).await;
    has(&wrong, "refusal", "AWS does not know the instance type c5.huge");
    has(&wrong, "refusal", "c5.huge is not to be had in eu-central-1y, eu-central-1z");
    has(&wrong, "refusal", "does not come on db.t3.huge");
    has(&wrong, "warning", "there may be 51 servers");
    has(&found(&["BBBApplicationInstanceType=c5.large"], 0).await, "warning", "c5.large has 2 processors");
    cloud.stop().await;
}
