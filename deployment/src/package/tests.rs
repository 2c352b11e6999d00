use std::sync::{Arc, Mutex};

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::types::error::NotFound;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use tempfile::TempDir;

use super::*;

/// A bucket that holds nothing or everything, and the keys that were put into it.
fn bucket(full: bool) -> (Bucket, Arc<Mutex<Vec<String>>>) {
    let put = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&put);
    let head = if full {
        mock!(Client::head_object).then_output(|| HeadObjectOutput::builder().build())
    } else {
        mock!(Client::head_object).then_error(|| HeadObjectError::NotFound(NotFound::builder().build()))
    };
    let upload = mock!(Client::put_object)
        .match_requests(move |request| {
            seen.lock().expect("the keys").push(request.key().unwrap_or_default().to_owned());
            true
        })
        .then_output(|| PutObjectOutput::builder().build());
    let client = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&head, &upload]);
    let bucket = Bucket { client, name: "artifacts".to_owned(), region: "eu-central-1".to_owned() };
    (bucket, put)
}

fn project(files: &[(&str, &[u8])]) -> TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in files {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
    root
}

const ROOT: &[u8] = b"
Resources:
  Nested:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: templates/nested.yaml
  Elsewhere:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: https://s3.amazonaws.com/other/t.yaml
  Inline:
    Type: AWS::Lambda::Function
    Properties:
      Code: {ZipFile: 'pass'}
";

const NESTED: &[u8] = b"
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Code: ../target/lambda/f/bootstrap.zip
  Folder:
    Type: AWS::Lambda::Function
    Properties:
      Code: ../code
";

fn whole_project() -> TempDir {
    let zip = archive::executable("bootstrap", b"x", "").expect("an archive");
    project(&[
        ("template.yaml", ROOT),
        ("templates/nested.yaml", NESTED),
        ("target/lambda/f/bootstrap.zip", &zip),
        ("code/index.py", b"pass"),
    ])
}

#[tokio::test]
async fn paths_become_addresses_by_content() {
    let root = whole_project();
    let (bucket, put) = bucket(false);
    let packaged = package(&root.path().join("template.yaml"), &bucket).await.expect("packaged");

    let resources = &packaged.template["Resources"];
    let nested = resources["Nested"]["Properties"]["TemplateURL"].as_str().expect("an address");
    let key = nested.strip_prefix("https://s3.eu-central-1.amazonaws.com/artifacts/").expect("path style");
    assert_eq!(key.len(), 64 + ".template.json".len());
    assert_eq!(resources["Elsewhere"]["Properties"]["TemplateURL"], "https://s3.amazonaws.com/other/t.yaml");
    assert_eq!(resources["Inline"]["Properties"]["Code"], json!({"ZipFile": "pass"}));
    let keys = put.lock().expect("the keys").clone();
    assert_eq!(keys.len(), 4, "two templates, an archive, a folder: {keys:?}");
    assert!(keys[..2].iter().all(|key| key.ends_with(".zip")));
    assert_eq!(keys[2], key);
    assert!(packaged.url.ends_with(&keys[3]));
    assert!(packaged.artifacts.iter().all(|artifact| artifact.uploaded));

    let (mut china, _) = self::bucket(false);
    china.region = "cn-north-1".to_owned();
    let china = package(&root.path().join("template.yaml"), &china).await.expect("packaged");
    assert!(china.url.starts_with("https://s3.cn-north-1.amazonaws.com.cn/artifacts/"), "{}", china.url);

    let (again, _) = self::bucket(false);
    let again = package(&root.path().join("template.yaml"), &again).await.expect("packaged");
    assert_eq!(again.url, packaged.url, "the same content has the same key");
}

#[tokio::test]
async fn what_is_there_is_not_uploaded_again() {
    let root = whole_project();
    let (bucket, put) = bucket(true);
    let packaged = package(&root.path().join("template.yaml"), &bucket).await.expect("packaged");
    assert!(put.lock().expect("the keys").is_empty());
    assert_eq!(packaged.artifacts.len(), 4);
    assert!(packaged.artifacts.iter().all(|artifact| !artifact.uploaded));
}

#[tokio::test]
async fn a_missing_bootstrap_says_how_to_build_it() {
    let root = project(&[("template.yaml", ROOT), ("templates/nested.yaml", NESTED)]);
    let (bucket, _) = bucket(false);
    let error =
        package(&root.path().join("template.yaml"), &bucket).await.expect_err("the archive is missing").to_string();
    assert!(error.contains("nested.yaml:"), "{error}");
    assert!(!error.contains(".."), "{error}");
    assert!(
        error.ends_with("/code does not exist")
            || error.ends_with(
                "target/lambda/f/bootstrap.zip does not exist; \
                 build it first: cargo lambda build --release --output-format zip -p f"
            ),
        "{error}"
    );
}

#[tokio::test]
async fn a_template_nested_in_itself_is_refused() {
    let looping = b"Resources: {Self: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: a.yaml}}}";
    let root = project(&[("a.yaml", looping)]);
    let (bucket, _) = bucket(false);
    let path = root.path().canonicalize().expect("a path").join("a.yaml");
    assert!(matches!(package(&path, &bucket).await, Err(PackageError::Circular { .. })));
}

#[tokio::test]
async fn code_that_is_no_archive_is_refused() {
    let root = project(&[
        ("t.yaml", b"Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Code: code.txt\n"),
        ("code.txt", b"no archive"),
    ]);
    let (bucket, _) = bucket(false);
    let error = package(&root.path().join("t.yaml"), &bucket).await.expect_err("no archive");
    assert!(matches!(error, PackageError::NotAnArchive { .. }));
    assert!(error.to_string().contains("t.yaml:5:13"), "{error}");
}
