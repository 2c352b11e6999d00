//! `Custom::FindAMI` as CloudFormation sees it: events in, answers over HTTP, EC2 and SSM at their service boundary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ami_finder::{Images, Parameters, find_ami::FindAmi};
use aws_sdk_ec2::{
    error::ErrorMetadata,
    operation::describe_images::{DescribeImagesError, DescribeImagesInput, DescribeImagesOutput},
    types::{ArchitectureValues, DeviceType, Image, ImageState, VirtualizationType},
};
use aws_sdk_ssm::{
    operation::{
        get_parameter::{GetParameterError, GetParameterOutput},
        put_parameter::PutParameterOutput,
    },
    types::{Parameter, error::ParameterNotFound},
};
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
use custom_resource::{
    Invocation, NOTHING_CREATED, Provider, Status,
    testing::{Answer, FakeCloudFormation},
};
use serde_json::{Value, json};

const CANONICAL: &str = "099720109477";
const JAMMY: &str = "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-";

/// What EC2 and SSM hold, and what they were asked.
#[derive(Clone, Default)]
struct World {
    images: Arc<Mutex<Vec<Image>>>,
    parameter: Arc<Mutex<Option<String>>>,
    questions: Arc<Mutex<Vec<DescribeImagesInput>>>,
}

fn image(id: &str, name: &str, created: &str) -> Image {
    Image::builder()
        .image_id(id)
        .name(name)
        .owner_id(CANONICAL)
        .creation_date(created)
        .state(ImageState::Available)
        .architecture(ArchitectureValues::X8664)
        .root_device_type(DeviceType::Ebs)
        .root_device_name("/dev/sda1")
        .virtualization_type(VirtualizationType::Hvm)
        .build()
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text
            .strip_prefix(before)
            .is_some_and(|rest| (0..=rest.len()).any(|at| rest.is_char_boundary(at) && glob(after, &rest[at..]))),
    }
}

impl World {
    fn with(images: impl IntoIterator<Item = Image>) -> Self {
        let world = Self::default();
        world.images.lock().unwrap().extend(images);
        world
    }

    /// One image to a page, as EC2 may do, with the filters that matter here.
    fn describe(&self, input: &DescribeImagesInput) -> DescribeImagesOutput {
        self.questions.lock().unwrap().push(input.clone());
        let matches = |image: &Image| {
            let field = |name: &str| match name {
                "name" => image.name().unwrap_or_default(),
                "architecture" => image.architecture().map_or("", |value| value.as_str()),
                "root-device-type" => image.root_device_type().map_or("", |value| value.as_str()),
                "virtualization-type" => image.virtualization_type().map_or("", |value| value.as_str()),
                "state" => image.state().map_or("", |value| value.as_str()),
                "image-type" => "machine",
                other => panic!("filter {other}"),
            };
            let by_id = input.image_ids().is_empty() || input.image_ids().iter().any(|id| image.image_id() == Some(id));
            let by_owner =
                input.owners().is_empty() || input.owners().iter().any(|owner| image.owner_id() == Some(owner));
            let by_filters = input
                .filters()
                .iter()
                .all(|filter| filter.values().iter().any(|value| glob(value, field(filter.name().unwrap()))));
            by_id && by_owner && by_filters
        };
        let found: Vec<_> = self.images.lock().unwrap().iter().filter(|image| matches(image)).cloned().collect();
        let page: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
        let next = (page + 1 < found.len()).then(|| (page + 1).to_string());
        DescribeImagesOutput::builder()
            .set_images(Some(found.into_iter().skip(page).take(1).collect()))
            .set_next_token(next)
            .build()
    }

    async fn ask(&self, event: impl FnOnce(&FakeCloudFormation) -> Value) -> Answer {
        let (reader, writer, describer) = (self.clone(), self.clone(), self.clone());
        let describe = mock!(aws_sdk_ec2::Client::describe_images)
            .match_requests(|_| true)
            .then_compute_output(move |input| describer.describe(input));
        let get = mock!(aws_sdk_ssm::Client::get_parameter).match_requests(|_| true).then_compute_response(move |_| {
            match reader.parameter.lock().unwrap().clone() {
                Some(value) => MockResponse::Output(
                    GetParameterOutput::builder().parameter(Parameter::builder().value(value).build()).build(),
                ),
                None => {
                    let meta = ErrorMetadata::builder().code("ParameterNotFound").build();
                    MockResponse::Error(GetParameterError::ParameterNotFound(
                        ParameterNotFound::builder().meta(meta).build(),
                    ))
                }
            }
        });
        let put =
            mock!(aws_sdk_ssm::Client::put_parameter).match_requests(|_| true).then_compute_output(move |input| {
                *writer.parameter.lock().unwrap() = input.value().map(str::to_owned);
                PutParameterOutput::builder().build()
            });
        let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, [&describe]);
        let ssm = mock_client!(aws_sdk_ssm, RuleMode::MatchAny, [&get, &put]);
        answer(ec2, ssm, event).await
    }

    fn asked(&self) -> usize {
        self.questions.lock().unwrap().len()
    }
}

async fn answer(
    ec2: aws_sdk_ec2::Client,
    ssm: aws_sdk_ssm::Client,
    event: impl FnOnce(&FakeCloudFormation) -> Value,
) -> Answer {
    let cloudformation = FakeCloudFormation::start().await.unwrap();
    let provider = Provider::new().unwrap().resource(FindAmi::new(Images::new(ec2), Parameters::new(ssm)));
    let event = event(&cloudformation);
    provider.handle(event, &Invocation::within(Duration::from_secs(10))).await.unwrap();
    assert_eq!(cloudformation.violations(), []);
    cloudformation.take_answers().remove(0)
}

fn create(properties: Value) -> impl FnOnce(&FakeCloudFormation) -> Value {
    move |cloudformation| cloudformation.request("Custom::FindAMI").properties(properties).create()
}

fn update(current: &str, properties: Value, old: Value) -> impl FnOnce(&FakeCloudFormation) -> Value {
    let current = current.to_owned();
    move |cloudformation| cloudformation.request("Custom::FindAMI").properties(properties).update(&current, old)
}

fn three() -> World {
    World::with([
        image("ami-2", &format!("{JAMMY}20260801"), "2026-08-01T00:00:00.000Z"),
        image("ami-3", &format!("{JAMMY}20260901"), "2026-09-01T00:00:00.000Z"),
        image("ami-1", &format!("{JAMMY}20260701"), "2026-07-01T00:00:00.000Z"),
    ])
}

fn sample() -> Value {
    json!({"Owner": CANONICAL, "Name": format!("{JAMMY}*"), "Architecture": "x86_64"})
}

fn failed(answer: &Answer, reason: &str) {
    assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Failed, NOTHING_CREATED), "{answer:?}");
    assert!(answer.reason.starts_with(reason), "{}", answer.reason);
}

#[tokio::test]
async fn the_samples_properties_give_the_newest_image_of_all_pages() {
    let answer = three().ask(create(sample())).await;
    assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Success, "ami-3"));
    assert_eq!(
        Value::from(answer.data),
        json!({"ImageId": "ami-3", "Name": format!("{JAMMY}20260901"), "CreationDate": "2026-09-01T00:00:00.000Z",
               "CodeName": "jammy", "Architecture": "x86_64", "RootDeviceName": "/dev/sda1"})
    );
}

#[tokio::test]
async fn several_names_are_one_search() {
    let world = three();
    world.images.lock().unwrap().push(image("ami-9", "ubuntu-noble-24.04-x", "2026-10-01T00:00:00.000Z"));
    let answer = world.ask(create(json!({"Names": [format!("{JAMMY}*"), "ubuntu-noble-*"]}))).await;
    assert_eq!((answer.physical_resource_id.as_str(), &answer.data["CodeName"]), ("ami-9", &json!("noble")));
}

#[tokio::test]
async fn nothing_found_names_what_was_asked_and_what_comes_nearest() {
    let answer = three().ask(create(json!({"Name": format!("{JAMMY}*"), "Architecture": "arm64"}))).await;
    failed(&answer, "no image is named ubuntu/images/hvm-ssd/ubuntu-jammy");
    assert!(answer.reason.contains("the nearest is ami-3") && answer.reason.contains("(x86_64)"), "{}", answer.reason);
    let answer = three().ask(create(json!({"Name": format!("{JAMMY}9999*")}))).await;
    assert!(
        answer.reason.contains("the nearest is ami-3") && answer.reason.contains("(of another name)"),
        "{}",
        answer.reason
    );
    let answer = World::default().ask(create(sample())).await;
    assert!(answer.reason.contains("has no image with a similar name in this region"), "{}", answer.reason);
}

#[tokio::test]
async fn a_fixed_image_and_a_parameter_are_sources_too() {
    let world = three();
    let answer = world.ask(create(json!({"Source": "ami-1"}))).await;
    assert_eq!(answer.physical_resource_id, "ami-1");
    *world.parameter.lock().unwrap() = Some("ami-2".to_owned());
    let answer = world.ask(create(json!({"Source": "/aws/service/canonical/x"}))).await;
    assert_eq!(answer.physical_resource_id, "ami-2");
}

#[tokio::test]
async fn sources_that_lead_nowhere_are_named() {
    let world = three();
    failed(&world.ask(create(json!({"Source": "ami-77"}))).await, "the image ami-77 does not exist in this region");
    failed(&world.ask(create(json!({"Source": "/none"}))).await, "there is no SSM parameter /none in this region");
    *world.parameter.lock().unwrap() = Some("hello".to_owned());
    failed(&world.ask(create(json!({"Source": "/p"}))).await, "the SSM parameter /p does not hold an image id");
    failed(&world.ask(create(json!({}))).await, "give one of Source");
    failed(&world.ask(create(json!({"Nmae": "x"}))).await, "invalid resource properties: Nmae: unknown property");
}

#[tokio::test]
async fn the_wrong_release_or_architecture_is_refused() {
    let mut properties = sample();
    properties["ExpectedCodeName"] = json!("noble");
    failed(
        &three().ask(create(properties)).await,
        "the image ami-3 (ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260901) is Ubuntu jammy, but noble is needed",
    );
    let answer = three().ask(create(json!({"Source": "ami-1", "Architecture": "arm64"}))).await;
    assert!(answer.reason.contains("is for x86_64, but arm64 is needed"), "{}", answer.reason);
}

#[tokio::test]
async fn an_update_of_something_else_keeps_the_image() {
    let mut checked = sample();
    checked["ExpectedCodeName"] = json!("jammy");
    let answer = three().ask(update("ami-1", checked, sample())).await;
    assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Success, "ami-1"));
    assert_eq!(answer.data["ImageId"], "ami-1");
}

#[tokio::test]
async fn another_refresh_looks_again_and_a_roll_back_returns_the_image_from_before() {
    let world = World::with([image("ami-1", &format!("{JAMMY}1"), "2026-07-01T00:00:00.000Z")]);
    let with = |refresh: &str| {
        let mut properties = sample();
        properties["Refresh"] = json!(refresh);
        properties["HistoryParameter"] = json!("history");
        properties
    };
    assert_eq!(world.ask(create(with("1"))).await.physical_resource_id, "ami-1");
    world.images.lock().unwrap().push(image("ami-2", &format!("{JAMMY}2"), "2026-08-01T00:00:00.000Z"));
    assert_eq!(world.ask(update("ami-1", with("2"), with("1"))).await.physical_resource_id, "ami-2");
    world.images.lock().unwrap().push(image("ami-3", &format!("{JAMMY}3"), "2026-09-01T00:00:00.000Z"));
    assert_eq!(world.ask(update("ami-2", with("1"), with("2"))).await.physical_resource_id, "ami-1");
    assert_eq!(world.ask(update("ami-1", with("3"), with("1"))).await.physical_resource_id, "ami-3");
}

#[tokio::test]
async fn an_image_that_is_gone_is_looked_for_again() {
    let mut checked = sample();
    checked["ExpectedCodeName"] = json!("jammy");
    assert_eq!(three().ask(update("ami-0", checked, sample())).await.physical_resource_id, "ami-3");
}

#[tokio::test]
async fn delete_looks_nothing_up() {
    let world = World::default();
    for id in ["ami-1", "ok", NOTHING_CREATED] {
        let answer =
            world.ask(|cloudformation| cloudformation.request("Custom::FindAMI").properties(sample()).delete(id)).await;
        assert_eq!((answer.status, answer.physical_resource_id.as_str()), (Status::Success, id));
    }
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn a_denied_call_is_an_answer_at_once() {
    let denied = mock!(aws_sdk_ec2::Client::describe_images).match_requests(|_| true).then_error(|| {
        DescribeImagesError::generic(
            ErrorMetadata::builder().code("UnauthorizedOperation").message("You are not authorized").build(),
        )
    });
    let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, [&denied]);
    let unused = mock!(aws_sdk_ssm::Client::get_parameter)
        .match_requests(|_| false)
        .then_output(|| GetParameterOutput::builder().build());
    let ssm = mock_client!(aws_sdk_ssm, RuleMode::MatchAny, [&unused]);
    let answer = answer(ec2, ssm, create(sample())).await;
    failed(&answer, "describe images: UnauthorizedOperation: You are not authorized");
    assert_eq!(denied.num_calls(), 1);
}
