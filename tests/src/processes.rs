//! Finds and signals the process of a function.

use std::{fs, time::Duration};

use rehearsal::runtime_api::Function;
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::until;

/// Sends a signal to the process of a function that this process started; the function's name must be its own.
pub async fn signal(function: &Function, signal: Signal) {
    let name = function.settings().arn();
    let name = name.rsplit(':').next().expect("a name");
    let mut found = None;
    until("the function's process is there", Duration::from_secs(10), async || {
        found = child_called(name);
        found.is_some()
    })
    .await;
    kill_process(found.expect("a process"), signal).expect("a signal to a child");
}

/// The child of this process that Lambda would know by this function name.
fn child_called(name: &str) -> Option<Pid> {
    let variable = format!("AWS_LAMBDA_FUNCTION_NAME={name}");
    let parent = format!("PPid:\t{}", std::process::id());
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let is_child = status.lines().any(|line| line == parent);
        let is_called_so = environment.split(|byte| *byte == 0).any(|given| given == variable.as_bytes());
        let pid = entry.file_name().to_string_lossy().parse().ok().and_then(Pid::from_raw)?;
        (is_child && is_called_so).then_some(pid)
    })
}
