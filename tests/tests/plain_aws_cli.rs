//! The root template under the plain AWS CLI: it is an ordinary project that `aws cloudformation package` and `deploy` take as it is.

use tests::{aws_cli::AwsCli, bootstraps, cloud::Cloud, unless_interrupted, workspace_root};

const DOMAIN: &str = "cli.example.org";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plain_aws_cli_packages_and_deploys_the_root_template() {
    unless_interrupted(package_and_deploy()).await;
}

async fn package_and_deploy() {
    // The templates refer to the functions' archives.
    bootstraps().await;
    let cli = AwsCli::install().await;
    let cloud = Cloud::start().await;
    let zone = cloud.make_zone(DOMAIN).await;
    let variables = cloud.client_environment();
    let folder = tempfile::tempdir().expect("a folder");
    let packaged = folder.path().join("packaged.yaml");
    let packaged = packaged.to_str().expect("a path");
    let root = workspace_root();
    let try_run = async |arguments: &[&str]| cli.run(&root, &variables, arguments).await;
    let run =
        async |arguments: &[&str]| try_run(arguments).await.unwrap_or_else(|output| panic!("{arguments:?}: {output}"));

    run(&["s3", "mb", "s3://artifacts"]).await;
    let sources = ["--template-file", "templates/sources-bucket.yaml", "--stack-name", "bbb-sources"];
    run(&[&["cloudformation", "deploy"][..], &sources].concat()).await;
    let package = ["cloudformation", "package", "--template-file", "template.yaml", "--s3-bucket", "artifacts"];
    run(&[&package[..], &["--output-template-file", packaged]].concat()).await;
    // The packaged template is too long for a call.
    let long = ["--s3-bucket", "artifacts"];
    let deploy = ["cloudformation", "deploy", "--template-file", packaged, "--stack-name", "plain", long[0], long[1]];
    let parameters = [
        "--parameter-overrides",
        &format!("BBBDomainName={DOMAIN}"),
        &format!("BBBHostedZone={zone}"),
        "BBBOperatorEMail=operator@example.org",
    ];
    let deployed = try_run(&[&deploy[..], &["--capabilities", "CAPABILITY_IAM"], &parameters].concat()).await;
    if let Err(output) = deployed {
        let failed =
            "StackEvents[?ends_with(ResourceStatus, 'FAILED')].[StackName, LogicalResourceId, ResourceStatusReason]";
        let events = ["cloudformation", "describe-stack-events", "--query", failed, "--output", "text", "--stack-name"];
        let nested = "Stacks[?ParentId != null].StackId";
        let nested = run(&["cloudformation", "describe-stacks", "--query", nested, "--output", "text"]).await;
        let mut causes = run(&[&events[..], &["plain"]].concat()).await;
        for stack in nested.split_whitespace() {
            causes += &run(&[&events[..], &[stack]].concat()).await;
        }
        panic!("{output}\n{causes}");
    }

    let query = "Stacks[0].Outputs[?OutputKey=='CertificateArn'].OutputValue";
    let arn =
        run(&["cloudformation", "describe-stacks", "--stack-name", "plain", "--query", query, "--output", "text"])
            .await;
    let arn = arn.trim();
    assert_eq!(cloud.status(arn).await, Some("ISSUED".into()), "{arn}");
    let records = cloud.records(&zone).await;
    let validation = records.iter().filter(|(_, value)| value.contains("acm-validations"));
    assert_eq!(validation.count(), 1, "the domain and all below it share a record: {records:?}");
    cloud.stop().await;
}
