//! All fault cases, in one local AWS, at the same time: nearly all of their time is waiting.

use std::{os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use rehearsal::runtime_api::{Function, Settings};
use serde_json::json;
use tests::{
    bootstraps, cases,
    cloud::Cloud,
    secrecy::{Transcript, leaks},
    unique_word, unless_interrupted,
};

use crate::{certificate_calls, deaths, duplicates, initialisation, long_waits, mail_calls, response_endpoint};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_end_in_one_answer_and_leave_nothing_behind() {
    unless_interrupted(play_all()).await;
}

async fn play_all() {
    bootstraps().await;
    let cloud = Arc::new(Cloud::start().await);
    // The longest first.
    let cases = [
        long_waits::cases(),
        certificate_calls::cases(),
        mail_calls::cases(),
        response_endpoint::cases(),
        deaths::cases(),
        duplicates::cases(),
        initialisation::cases(),
    ];
    let mut report = cases::play(&cloud, cases.into_iter().flatten().collect()).await;
    Arc::into_inner(cloud).expect("all cases have ended").stop().await;

    let written: usize = report.transcripts.iter().map(|transcript| transcript.text.len()).sum();
    println!("{} processes' environments wrote {written} bytes", report.transcripts.len());
    assert_eq!(leaks(&report.transcripts, &report.secrets), [""; 0], "secrets in the log");
    assert!(
        report.transcripts.iter().any(|transcript| transcript.text.contains("\"level\":\"INFO\"")),
        "nothing was logged"
    );

    if std::env::var("CASE").is_err() {
        for kind in ["access key's secret", "SMTP password"] {
            let count = report.secrets.iter().filter(|(name, _)| name.contains(kind)).count();
            assert!(count > 0, "no {kind} was made that could be searched for");
        }
    }
    // The search sees what it is there to see: a process that leaks is found, by the same ways.
    let (transcript, secret) = a_leak().await;
    report.transcripts.push(transcript);
    report.secrets.push(("the planted secret".to_owned(), secret));
    let found = leaks(&report.transcripts, &report.secrets);
    assert_eq!(found, ["the planted secret in what planted wrote: secret key <HERE>"]);

    report.check();
}

/// What a function writes that prints its environment.
async fn a_leak() -> (Transcript, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let bootstrap = folder.path().join("bootstrap");
    std::fs::write(&bootstrap, "#!/bin/sh\necho \"secret key $AWS_SECRET_ACCESS_KEY\" >&2\n").expect("a script");
    std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).expect("an executable");
    let secret = unique_word("secret-key-");
    let function = Function::new(bootstrap, Settings::new("planted").variable("AWS_SECRET_ACCESS_KEY", &secret));
    // It ends without asking for an event.
    function.invoke(&json!({}), Duration::from_secs(10)).await.expect("the script starts");
    function.stop().await;
    (Transcript { of: "planted".to_owned(), text: function.output() }, secret)
}
