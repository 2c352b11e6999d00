//! Images copied between two real registries, whole and in spite of what happens on the way; and by `bbb images copy` with ECR's login.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use deployment::{
    images::{Copied, Copier, Copy, Fault, ImageError, Platforms},
    stack,
};
use rehearsal::local_aws::LocalAws;
use tests::{
    bootstraps,
    cloud::Cloud,
    command::{Bbb, Ran},
    registry::{Made, PASSWORD, Registry, layer},
    unless_interrupted, workspace_root,
};
use tokio::net::TcpListener;

fn copy_of(from: String, to: String) -> Copy {
    Copy { from: from.parse().expect("a name"), to: to.parse().expect("a name") }
}

fn amd64() -> Platforms {
    "linux/amd64".parse().expect("a platform")
}

fn copier(platforms: Platforms) -> Copier {
    Copier::new(Vec::new(), platforms).expect("a copier")
}

async fn copied(copier: &Copier, from: String, to: String) -> Copied {
    let copy = copy_of(from, to);
    copier.copy(&copy).await.unwrap_or_else(|error| panic!("{error:?}"))
}

/// An image with a few layers of some hundred kilobytes.
async fn image(registry: &Registry, repository: &str, tag: &str) -> Made {
    let layers: Vec<Vec<u8>> = (1..=4).map(|seed| layer(seed, 300_000)).collect();
    registry.push_image(repository, Some(tag), "amd64", &layers).await
}

fn bytes(image: &Made) -> u64 {
    image.blobs.iter().map(|(_, size)| *size as u64).sum()
}

async fn is_whole(image: &Made, source: &Registry, target: &Registry, repository: &str, tag: &str) {
    let manifest = target.manifest(repository, tag).await.expect("a manifest");
    assert_eq!(Some(manifest), source.manifest(repository, &image.digest).await);
    for (digest, _) in &image.blobs {
        assert_eq!(target.blob(repository, digest).await, source.blob(repository, digest).await, "{digest}");
    }
}

#[tokio::test]
#[ignore = "needs docker-registry, which .ci/run fetches"]
async fn a_copy_is_whole_and_is_not_sent_again() {
    let (source, target) = (Registry::open().await, Registry::open().await);
    let made = image(&source, "a/one", "v1").await;
    let first = copier(amd64());
    let outcome = copied(&first, source.name("a/one:v1"), target.name("a/one:v1")).await;
    assert_eq!(outcome, Copied { digest: made.digest.clone(), was_there: false });
    assert_eq!((first.progress().sent(), first.progress().total()), (bytes(&made), bytes(&made)));
    is_whole(&made, &source, &target, "a/one", "v1").await;

    let second = copier(amd64());
    assert!(copied(&second, source.name("a/one:v1"), target.name("a/one:v1")).await.was_there);
    let third = copier(amd64());
    assert!(!copied(&third, source.name("a/one:v1"), target.name("a/one:v2")).await.was_there);
    for copier in [second, third] {
        assert_eq!((copier.progress().sent(), copier.progress().there()), (0, bytes(&made)));
    }
}

#[tokio::test]
#[ignore = "needs docker-registry, which .ci/run fetches"]
async fn of_several_platforms_one_or_all_are_copied() {
    let (source, target) = (Registry::open().await, Registry::open().await);
    let common = layer(1, 100_000);
    let amd = source.push_image("a/many", None, "amd64", &[common.clone(), layer(2, 200_000)]).await;
    let arm = source.push_image("a/many", None, "arm64", &[common, layer(3, 200_000)]).await;
    let index = source.push_index("a/many", "v1", &[("amd64", &amd), ("arm64", &arm)]).await;
    let one = copied(&copier(amd64()), source.name("a/many:v1"), target.name("a/many:one")).await;
    assert_eq!(one.digest, amd.digest);
    assert_eq!(target.manifest("a/many", &arm.digest).await, None);
    let all = copier(Platforms::All);
    assert_eq!(copied(&all, source.name("a/many:v1"), target.name("a/many:all")).await.digest, index);
    is_whole(&arm, &source, &target, "a/many", &arm.digest).await;
    // The layer that both have was there, and what amd64 has of its own too.
    let own: u64 = arm.blobs[1..].iter().map(|(_, size)| *size as u64).sum();
    assert_eq!(all.progress().sent(), own);
    let none = copier("linux/s390x".parse().expect("a platform"));
    let refused = none.copy(&copy_of(source.name("a/many:v1"), target.name("a/many:none"))).await;
    assert!(matches!(&refused, Err(ImageError::Platform { has, .. }) if has.len() == 2), "{refused:?}");
}

#[tokio::test]
#[ignore = "needs docker-registry, which .ci/run fetches"]
async fn what_images_have_in_common_is_sent_once() {
    let (source, target) = (Registry::open().await, Registry::open().await);
    let base = layer(1, 400_000);
    let mut made = Vec::new();
    for (number, tag) in ["api", "nginx", "poller"].iter().enumerate() {
        let own = layer(10 + number as u64, 50_000);
        made.push(source.push_image("a/family", Some(tag), "amd64", &[base.clone(), own]).await);
    }
    let copier = copier(amd64());
    let copies = ["api", "nginx", "poller"].map(|tag| {
        let tag = format!("a/family:{tag}");
        copy_of(source.name(&tag), target.name(&tag))
    });
    let [first, second, third] = &copies;
    let outcomes = tokio::join!(copier.copy(first), copier.copy(second), copier.copy(third));
    outcomes.0.and(outcomes.1).and(outcomes.2).unwrap_or_else(|error| panic!("{error:?}"));
    let all: BTreeMap<&String, usize> =
        made.iter().flat_map(|made| &made.blobs).map(|(digest, size)| (digest, *size)).collect();
    assert_eq!(copier.progress().sent(), all.values().map(|size| *size as u64).sum::<u64>());
}

#[tokio::test]
#[ignore = "needs docker-registry, which .ci/run fetches"]
async fn within_one_registry_nothing_is_sent() {
    let registry = Registry::open().await;
    let made = image(&registry, "a/one", "v1").await;
    let copier = copier(amd64());
    copied(&copier, registry.name("a/one:v1"), registry.name("b/two:v1")).await;
    assert_eq!((copier.progress().sent(), copier.progress().there()), (0, bytes(&made)));
    assert!(registry.blob("b/two", &made.blobs[0].0).await.is_some());
}

#[tokio::test]
#[ignore = "needs docker-registry, which .ci/run fetches"]
async fn a_tag_is_never_given_to_another_image() {
    let (source, target) = (Registry::open().await, Registry::open().await);
    image(&source, "a/one", "v1").await;
    copied(&copier(amd64()), source.name("a/one:v1"), target.name("a/one:v1")).await;
    let before = target.manifest("a/one", "v1").await;
    source.push_image("a/one", Some("v1"), "amd64", &[layer(9, 1000)]).await;
    let refused = copier(amd64()).copy(&copy_of(source.name("a/one:v1"), target.name("a/one:v1"))).await;
    assert!(matches!(refused, Err(ImageError::Taken { .. })), "{refused:?}");
    assert_eq!(target.manifest("a/one", "v1").await, before);
}

#[tokio::test]
#[ignore = "needs docker-registry, which .ci/run fetches"]
async fn a_spoilt_layer_is_refused() {
    let (source, target) = (Registry::open().await, Registry::open().await);
    let made = image(&source, "a/one", "v1").await;
    let spoilt = &made.blobs[1].0;
    source.spoil(spoilt);
    let refused = copier(amd64()).copy(&copy_of(source.name("a/one:v1"), target.name("a/one:v1"))).await;
    let is_said =
        matches!(&refused, Err(ImageError::Layer { digest, fault: Fault::Digest { .. }, .. }) if digest == spoilt);
    assert!(is_said, "{refused:?}");
    assert_eq!(target.manifest("a/one", "v1").await, None);
    assert_eq!(target.blob("a/one", spoilt).await, None);
}

/// Stands before a registry, and does it harm.
#[derive(Clone)]
struct Trouble {
    registry: String,
    http: reqwest::Client,
    harm: Arc<dyn Fn(&Request) -> Harm + Send + Sync>,
    seen: Arc<Mutex<Vec<String>>>,
}

enum Harm {
    None,
    /// An answer of its own.
    Says(StatusCode, Vec<(&'static str, String)>, String),
    /// The body breaks off in its middle.
    BreaksOff,
    /// It never comes.
    Hangs,
}

impl Trouble {
    async fn before(registry: &Registry, harm: impl Fn(&Request) -> Harm + Send + Sync + 'static) -> (Self, String) {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let trouble = Self { registry: registry.address.clone(), http, harm: Arc::new(harm), seen: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let router = Router::new().fallback(answer).with_state(trouble.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (trouble, address)
    }

    fn seen(&self, what: &str) -> usize {
        self.seen.lock().expect("a list").iter().filter(|line| line.contains(what)).count()
    }
}

async fn answer(State(trouble): State<Trouble>, request: Request) -> Response {
    let harm = (trouble.harm)(&request);
    let (parts, body) = request.into_parts();
    let range = parts.headers.get(header::RANGE).map(|range| range.to_str().expect("text").to_owned());
    let path = parts.uri.path_and_query().expect("a path").to_string();
    trouble.seen.lock().expect("a list").push(format!("{} {path} {}", parts.method, range.unwrap_or_default()));
    match harm {
        Harm::Hangs => std::future::pending().await,
        Harm::Says(status, headers, text) => {
            let headers = headers
                .into_iter()
                .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().expect("a header")));
            return (status, headers.collect::<header::HeaderMap>(), text).into_response();
        }
        Harm::None | Harm::BreaksOff => {}
    }
    let mut headers = parts.headers;
    headers.remove(header::HOST);
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let sent =
        trouble.http.request(parts.method, format!("http://{}{path}", trouble.registry)).headers(headers).body(body);
    let answer = sent.send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let bytes = answer.bytes().await.expect("bytes");
    let body = match harm {
        Harm::BreaksOff => Body::new(HalfBody(Some(bytes.slice(..bytes.len() / 2)), bytes.len() as u64, 20)),
        _ => Body::from(bytes),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The first half of a body, a while in which it is sent, and then an error.
struct HalfBody(Option<bytes::Bytes>, u64, usize);

impl http_body::Body for HalfBody {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>> {
        if let Some(half) = self.0.take() {
            return std::task::Poll::Ready(Some(Ok(http_body::Frame::data(half))));
        }
        if self.2 > 0 {
            self.2 -= 1;
            context.waker().wake_by_ref();
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(Some(Err(std::io::Error::other("broken off"))))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.1)
    }
}

#[tokio::test]
#[ignore = "needs docker-registry, which .ci/run fetches"]
async fn a_layer_goes_on_where_it_broke_off() {
    let (source, target) = (Registry::open().await, Registry::open().await);
    let made = image(&source, "a/one", "v1").await;
    let broken = made.blobs[0].0.clone();
    let trouble = Trouble::before(&source, move |request| {
        let is_first = request.uri().path().ends_with(&broken) && !request.headers().contains_key(header::RANGE);
        if is_first { Harm::BreaksOff } else { Harm::None }
    });
    let (trouble, address) = trouble.await;
    let copier = copier(amd64());
    copied(&copier, format!("{address}/a/one:v1"), target.name("a/one:v1")).await;
    is_whole(&made, &source, &target, "a/one", "v1").await;
    assert_eq!(copier.progress().sent(), bytes(&made));
    assert_eq!(trouble.seen("bytes="), 1);
}

#[tokio::test]
#[ignore = "needs docker-registry, which .ci/run fetches"]
async fn an_interrupted_copy_has_no_tag_and_goes_on() {
    let (source, target) = (Registry::open().await, Registry::open().await);
    let made = image(&source, "a/one", "v1").await;
    let last = made.blobs[3].0.clone();
    let (trouble, address) =
        Trouble::before(
            &source,
            move |request| if request.uri().path().ends_with(&last) { Harm::Hangs } else { Harm::None },
        )
        .await;
    let first = copier(amd64());
    let copy = copy_of(format!("{address}/a/one:v1"), target.name("a/one:v1"));
    let rest: u64 =
        made.blobs.iter().filter(|(digest, _)| *digest != made.blobs[3].0).map(|(_, size)| *size as u64).sum();
    let interrupted = async {
        while first.progress().sent() < rest || trouble.seen(&made.blobs[3].0) == 0 {
            tokio::task::yield_now().await;
        }
        for (digest, _) in made.blobs.iter().filter(|(digest, _)| *digest != made.blobs[3].0) {
            while target.blob("a/one", digest).await.is_none() {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        outcome = first.copy(&copy) => panic!("it ended: {outcome:?}"),
        () = interrupted => {}
    }
    assert_eq!(target.manifest("a/one", "v1").await, None);
    let second = copier(amd64());
    copied(&second, source.name("a/one:v1"), target.name("a/one:v1")).await;
    assert_eq!(second.progress().sent(), made.blobs[3].1 as u64);
    is_whole(&made, &source, &target, "a/one", "v1").await;
}

#[tokio::test]
#[ignore = "needs docker-registry, which .ci/run fetches"]
async fn tokens_expire_and_are_renewed() {
    let (source, target) = (Registry::open().await, Registry::open().await);
    let made = image(&source, "a/one", "v1").await;
    // The first token is good for four requests.
    let (given, asked) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let (counted, own) = (Arc::clone(&given), Arc::new(Mutex::new(String::new())));
    let realm = Arc::clone(&own);
    let (_, address) = Trouble::before(&source, move |request| {
        let now = if asked.load(Ordering::SeqCst) < 4 { "first" } else { "second" };
        if request.uri().path() == "/token" {
            counted.fetch_add(1, Ordering::SeqCst);
            return Harm::Says(StatusCode::OK, Vec::new(), serde_json::json!({"token": now}).to_string());
        }
        let shown = request.headers().get(header::AUTHORIZATION).and_then(|header| header.to_str().ok());
        if shown == Some(&format!("Bearer {now}")) {
            asked.fetch_add(1, Ordering::SeqCst);
            return Harm::None;
        }
        let challenge = format!("Bearer realm=\"http://{}/token\",service=\"x\"", realm.lock().expect("an address"));
        Harm::Says(StatusCode::UNAUTHORIZED, vec![("www-authenticate", challenge)], String::new())
    })
    .await;
    own.lock().expect("an address").clone_from(&address);
    let outcome = copier(amd64()).copy(&copy_of(format!("{address}/a/one:v1"), target.name("a/one:v1"))).await;
    assert!(given.load(Ordering::SeqCst) >= 2, "{outcome:?}");
    outcome.unwrap_or_else(|error| panic!("{error:?}"));
    is_whole(&made, &source, &target, "a/one", "v1").await;
}

#[tokio::test]
#[ignore = "needs docker-registry, which .ci/run fetches"]
async fn a_busy_registry_is_asked_again_and_a_used_up_limit_is_said() {
    let (source, target) = (Registry::open().await, Registry::open().await);
    let made = image(&source, "a/one", "v1").await;
    let times = AtomicUsize::new(0);
    let (_, busy) = Trouble::before(&source, move |request| {
        let is_early = request.method() == Method::GET && times.fetch_add(1, Ordering::SeqCst) < 2;
        if is_early {
            Harm::Says(StatusCode::SERVICE_UNAVAILABLE, vec![("retry-after", "1".to_owned())], "busy".to_owned())
        } else {
            Harm::None
        }
    })
    .await;
    copied(&copier(amd64()), format!("{busy}/a/one:v1"), target.name("a/one:v1")).await;
    is_whole(&made, &source, &target, "a/one", "v1").await;
    let said =
        r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit."}]}"#;
    let (limited, address) =
        Trouble::before(&source, move |_| Harm::Says(StatusCode::TOO_MANY_REQUESTS, Vec::new(), said.to_owned())).await;
    let refused = copier(amd64()).copy(&copy_of(format!("{address}/a/one:v1"), target.name("a/one:v2"))).await;
    assert!(
        matches!(&refused, Err(ImageError::Registry { fault: Fault::TooMany { message, .. }, .. }) if message.contains("pull rate limit")),
        "{refused:?}"
    );
    assert_eq!(limited.seen("manifests"), 1, "it is not asked again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs docker-registry, which .ci/run fetches"]
async fn the_command_copies_with_ecrs_login() {
    unless_interrupted(command()).await;
}

async fn command() {
    let (source, target) = (Registry::open().await, Registry::closed().await);
    let made = image(&source, "me/greenlight", "v1").await;
    for tag in ["api", "nginx", "poller", "importer"] {
        source.push_image("me/scalelite", Some(tag), "amd64", &[layer(1, 300_000), layer(7, 1000)]).await;
    }
    let installation = LocalAws::install(&workspace_root(), |note| println!("{note}")).await.expect("an installation");
    let beside = BTreeMap::from([
        ("CONTAINER_REGISTRY", target.address.clone()),
        ("CONTAINER_REGISTRY_PASSWORD", PASSWORD.to_owned()),
    ]);
    let aws = LocalAws::start_with(&installation, &BTreeMap::new(), &beside).await.expect("the local AWS");
    let cloud = Cloud::in_aws(aws).await;
    let bbb = Bbb::build(cloud.client_environment()).await;
    let image = |name: &str, tag: &str| format!("{name}={}", source.name(tag));
    let parameters = [
        image("BBBgreenlightImage", "me/greenlight:v1"),
        image("BBBScaleliteApiImage", "me/scalelite:api"),
        image("BBBScaleliteNginxImage", "me/scalelite:nginx"),
        image("BBBScalelitePollerImage", "me/scalelite:poller"),
        image("BBBScaleliteImporterImage", "me/scalelite:importer"),
    ];
    let mut arguments = vec!["images", "copy", "--output", "json"];
    for parameter in &parameters {
        arguments.extend(["--parameter", parameter]);
    }
    let ran = bbb.run(&arguments).await;
    let said = ran.expect(0).json();
    let name = said["Parameters"]["BBBgreenlightImage"].as_str().expect("a name").to_owned();
    let repository = name
        .strip_prefix(&format!("{}/", target.address))
        .and_then(|name| name.strip_suffix(":v1"))
        .expect("its repository");
    assert_eq!(said["images"][0]["digest"], made.digest.as_str(), "{said}");
    for (digest, _) in &made.blobs {
        assert!(target.blob(repository, digest).await.is_some(), "{digest}");
    }
    let again = bbb.run(&arguments).await;
    let all_there =
        again.expect(0).json()["images"].as_array().expect("a list").iter().all(|image| image["wasThere"] == true);
    assert!(all_there, "{}", again.stdout);
    // A deployment with the copies has nothing to copy.
    let own = format!("BBBgreenlightImage={name}");
    let planned = bbb.run(&["images", "copy", "--dry-run", "--output", "json", "--parameter", &own]).await;
    assert!(planned.expect(0).json()["Parameters"]["BBBgreenlightImage"].is_null(), "{}", planned.stdout);

    let deployed = deploy(&bbb, &cloud, &parameters).await;
    let log = std::fs::read_to_string(bbb.log()).expect("a log");
    for text in [&log, &ran.stdout, &ran.stderr, &again.stderr, &deployed.stdout, &deployed.stderr] {
        assert!(!text.contains(PASSWORD) && !text.contains("QVdTO"), "{text}");
    }
    cloud.stop().await;
}

/// Deploys the root with copies of the images, and with nothing but them.
async fn deploy(bbb: &Bbb, cloud: &Cloud, images: &[String]) -> Ran {
    const DOMAIN: &str = "bbb.example.com";
    bootstraps().await;
    let parameters = serde_json::json!({"Parameters": {
        "BBBDomainName": DOMAIN, "BBBHostedZone": cloud.make_zone(DOMAIN).await, "BBBOperatorEMail": "operator@example.com",
        "BBBApplicationMinInstances": 0, "BBBApplicationDesiredInstances": 0,
    }});
    let file = bbb.file("parameters.json", &parameters.to_string());
    let own = ["deploy", "--stack-name", "copies", "--skip-build", "--yes", "--parameters", &file, "--output", "json"];
    let given = images.iter().flat_map(|image| ["--parameter", image]);
    let arguments: Vec<&str> = own.into_iter().chain(["--copy-images"]).chain(given).collect();
    let deployed = bbb.run(&arguments).await;
    assert_eq!(deployed.expect(0).json()["status"], "CREATE_COMPLETE", "{}", deployed.stderr);

    let client = aws_sdk_cloudformation::Client::new(&cloud.aws().sdk_config());
    let stack = stack::describe(&client, "copies").await.expect("an answer").expect("the stack");
    let registry = stack::describe(&client, "bbb-registry").await.expect("an answer").expect("the repositories' stack");
    for (parameter, repository) in [
        ("BBBgreenlightImage", "GreenlightRepositoryUri"),
        ("BBBScaleliteApiImage", "ScaleliteRepositoryUri"),
        ("BBBScaleliteNginxImage", "ScaleliteRepositoryUri"),
        ("BBBScalelitePollerImage", "ScaleliteRepositoryUri"),
        ("BBBScaleliteImporterImage", "ScaleliteRepositoryUri"),
    ] {
        let (image, repository) = (&stack.parameters[parameter], &registry.outputs[repository]);
        assert!(image.starts_with(&format!("{repository}:")), "{parameter} is {image}");
    }
    // Later deployments keep them without being asked to.
    let later = bbb.run(&own).await;
    assert!(later.expect(0).stderr.contains("nothing has to change"), "{}", later.stderr);
    let used = bbb.run(&["destroy", "--stack-name", "other", "--images"]).await;
    assert!(used.expect(3).stderr.contains("bbb-registry stays: the stack copies uses it"), "{}", used.stderr);
    let foreign = bbb.run(&["destroy", "--stack-name", "other", "--images=bbb-sources"]).await;
    assert!(foreign.expect(3).stderr.contains("no stack of templates/registry.yaml"), "{}", foreign.stderr);
    let destroy = ["destroy", "--stack-name", "copies", "--yes-delete", "copies", "--images"];
    bbb.run(&destroy).await.expect(0);
    assert!(stack::describe(&client, "bbb-registry").await.expect("an answer").is_none());
    let again = bbb.run(&["destroy", "--stack-name", "copies", "--images"]).await;
    assert!(again.expect(0).stderr.contains("there is no stack bbb-registry"), "{}", again.stderr);
    deployed
}
