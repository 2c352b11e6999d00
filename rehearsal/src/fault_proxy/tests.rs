use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::Credentials;
use aws_sdk_acm::config::{BehaviorVersion, Region};
use aws_sdk_acm::error::ProvideErrorMetadata as _;
use axum::routing::any;

use super::*;

/// A stand-in for the local AWS that answers every call with an empty list of certificates.
async fn upstream() -> (String, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().fallback(any(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { r#"{"CertificateSummaryList": []}"# }
    }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), calls)
}

fn configuration(endpoint: &str) -> aws_config::SdkConfig {
    aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(endpoint)
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(Credentials::for_tests()))
        .build()
}

/// An ACM client that does not try again.
fn acm(endpoint: &str) -> aws_sdk_acm::Client {
    let config = aws_sdk_acm::config::Builder::from(&configuration(endpoint))
        .retry_config(aws_sdk_acm::config::retry::RetryConfig::disabled())
        .build();
    aws_sdk_acm::Client::from_conf(config)
}

#[tokio::test]
async fn the_first_calls_are_throttled_and_counted() {
    let (address, reached) = upstream().await;
    let proxy = FaultProxy::start(&address).await.expect("a proxy");
    proxy.add(Rule::on("acm", "ListCertificates", When::First(2), Fault::Throttle));
    let client = acm(proxy.endpoint());
    for _ in 0..2 {
        let error = client.list_certificates().send().await.expect_err("throttled");
        assert_eq!(error.code(), Some("ThrottlingException"));
    }
    client.list_certificates().send().await.expect("an answer");
    assert_eq!(reached.load(Ordering::SeqCst), 1);
    assert_eq!(proxy.count("acm", "ListCertificates"), 3);
    let faulted: Vec<bool> = proxy.calls().iter().map(|call| call.faulted).collect();
    assert_eq!(faulted, [true, true, false]);
}

#[tokio::test]
async fn the_sdk_reads_each_protocols_errors() {
    let (address, _) = upstream().await;
    let proxy = FaultProxy::start(&address).await.expect("a proxy");
    let config = configuration(proxy.endpoint());

    proxy.add(Rule::on_any("acm", When::Always, Fault::Deny));
    let error = acm(proxy.endpoint()).list_certificates().send().await.expect_err("denied");
    assert!(
        error
            .as_service_error()
            .and_then(|error| error.message())
            .is_some_and(|message| message.contains("acm:ListCertificates")),
        "{error:?}"
    );

    proxy.add(Rule::on_any("route53", When::Always, Fault::Throttle));
    let route53 = aws_sdk_route53::config::Builder::from(&config)
        .retry_config(aws_sdk_acm::config::retry::RetryConfig::disabled())
        .build();
    let error = aws_sdk_route53::Client::from_conf(route53).list_hosted_zones().send().await.expect_err("throttled");
    assert_eq!(error.code(), Some("Throttling"));

    proxy.add(Rule::on(
        "s3",
        "ListBuckets",
        When::Always,
        Fault::Refuse { status: 409, code: "OperationAborted".to_owned(), message: "a <conflict> & more".to_owned() },
    ));
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let error = aws_sdk_s3::Client::from_conf(s3).list_buckets().send().await.expect_err("refused");
    assert_eq!(error.code(), Some("OperationAborted"));
    assert_eq!(error.message(), Some("a <conflict> & more"));
}

#[tokio::test]
async fn answers_are_rewritten() {
    let (address, _) = upstream().await;
    let proxy = FaultProxy::start(&address).await.expect("a proxy");
    let change: Arc<dyn Fn(&mut Value) + Send + Sync> = Arc::new(|answer| {
        answer["CertificateSummaryList"] = serde_json::json!([{"CertificateArn": "arn:added", "DomainName": "a.org"}]);
    });
    proxy.add(Rule::on("acm", "ListCertificates", When::Always, Fault::RewriteResponse(change)));
    let answer = acm(proxy.endpoint()).list_certificates().send().await.expect("an answer");
    assert_eq!(answer.certificate_summary_list()[0].certificate_arn(), Some("arn:added"));
}

#[tokio::test]
async fn a_lost_answer_has_had_its_effect() {
    let (address, reached) = upstream().await;
    let proxy = FaultProxy::start(&address).await.expect("a proxy");
    proxy.add(Rule::on_any("acm", When::Nth(1), Fault::HangAfterEffect));
    proxy.add(Rule::on_any("acm", When::Nth(2), Fault::Hang));
    let client = acm(proxy.endpoint());
    for _ in 0..2 {
        let call = client.list_certificates().send();
        assert!(tokio::time::timeout(Duration::from_millis(300), call).await.is_err(), "no answer arrives");
    }
    assert_eq!(reached.load(Ordering::SeqCst), 1);
    client.list_certificates().send().await.expect("an answer");
}

#[test]
fn occurrences_are_counted_from_one() {
    let applied = |when: When| (1..=4).map(|n| when.applies(n)).collect::<Vec<_>>();
    assert_eq!(applied(When::Always), [true; 4]);
    assert_eq!(applied(When::First(1)), [true, false, false, false]);
    assert_eq!(applied(When::Nth(2)), [false, true, false, false]);
    assert_eq!(applied(When::From(3)), [false, false, true, true]);
}
