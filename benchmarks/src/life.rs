//! The whole life of a function's process: started, handed events, looked at, killed.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Barrier, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{
    processor::{ControlGroups, Group, Mode},
    runtime_api::RuntimeApi,
};

/// How long a process may take to initialise. Python at 128 MB's share needs seconds.
const INITIALISATION: Duration = Duration::from_secs(60);

/// How many files Lambda lets a process have open ("Lambda quotas").
const OPEN_FILES: u32 = 1_024;

/// What is started.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// What it gets besides what Lambda gives everybody.
    pub(crate) environment: BTreeMap<String, String>,
}

/// How it is to be started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner<'a> {
    pub(crate) mode: Mode,
    /// `None` on a machine where nothing can be limited.
    pub(crate) groups: Option<&'a ControlGroups>,
    /// The function's memory, which gives its share of the processor.
    pub(crate) megabytes: u64,
    /// How long an event may take.
    pub(crate) timeout: Duration,
    /// With whom it takes turns, if others are measured at the same time.
    pub(crate) turns: Option<&'a Turns>,
}

/// Lets some be measured at the same time when they have only their shares of the processor: each initialises alone, with a whole one, and waits for the
/// others; then all get their events.
#[derive(Debug)]
pub(crate) struct Turns {
    alone: Mutex<()>,
    ready: Barrier,
}

/// A turn. Whoever fails must not keep the others waiting, so it ends when it is dropped.
struct Turn<'a> {
    turns: &'a Turns,
    alone: Option<MutexGuard<'a, ()>>,
}

impl Turns {
    /// For so many.
    pub(crate) fn of(number: usize) -> Self {
        Self { alone: Mutex::new(()), ready: Barrier::new(number) }
    }

    fn take(&self) -> Turn<'_> {
        Turn { turns: self, alone: Some(self.alone.lock().unwrap_or_else(PoisonError::into_inner)) }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.alone.take());
        self.turns.ready.wait();
    }
}

/// What was seen.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// From the start of the program until it asks for an event.
    pub(crate) initialisation: Duration,
    /// From handing over each event until its answer was there.
    pub(crate) took: Vec<Duration>,
    /// The answers.
    pub(crate) answers: Vec<Value>,
    /// The most memory it had, in bytes.
    pub(crate) peak_bytes: u64,
    /// The processor time of all its threads, in user mode and in the kernel.
    pub(crate) processor: Duration,
}

/// A process that is killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It fails only for one that has ended.
        let _killed = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Starts a process and hands it the events, one after another. What it writes goes to `log`.
///
/// A shell waits in its place until it is in its control group, so that nothing of the preparation is measured; then the program takes the shell's place.
pub(crate) fn live(name: &str, subject: &Subject, manner: Manner<'_>, events: &[Value], log: &Path) -> Result<Life> {
    let result = try_to_live(name, subject, manner, events, log);
    result.with_context(|| {
        let said = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        format!("{name}, which wrote:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"))
    })
}

fn try_to_live(name: &str, subject: &Subject, manner: Manner<'_>, events: &[Value], log: &Path) -> Result<Life> {
    let Manner { mode, groups, megabytes, timeout, turns } = manner;
    let turn = turns.map(Turns::take);
    let api = RuntimeApi::start()?;
    let output = fs::File::create(log).with_context(|| format!("write {}", log.display()))?;
    let group = match groups {
        Some(groups) if mode != Mode::Full => Some(Group::new(groups, name)?),
        _ => None,
    };
    let child = Command::new("/bin/sh")
        .args(["-c", &format!("ulimit -n {OPEN_FILES}; read -r go; exec \"$@\""), "sh"])
        .args(&subject.command)
        .env_clear()
        .envs(lambda_variables(&api.address.to_string(), megabytes))
        .envs(&subject.environment)
        .stdin(Stdio::piped())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("start a shell")?;
    let mut process = Process(child);
    let id = process.0.id();
    if let Some(group) = &group {
        group.take(id)?;
        group.limit((mode == Mode::Slow).then_some(megabytes))?;
    }
    let before = processor_time(id)?;
    let mut gate = process.0.stdin.take().context("the shell's input")?;
    let began = Instant::now();
    gate.write_all(b"go\n").context("let the program start")?;

    let mut asked = api.asked(INITIALISATION)?;
    let initialisation = asked.at.duration_since(began);
    if let Some(group) = group.as_ref().filter(|_| mode == Mode::Burst) {
        group.limit(Some(megabytes))?;
    }
    drop(turn);
    let (mut took, mut answers) = (Vec::new(), Vec::new());
    for (place, event) in events.iter().enumerate() {
        if place > 0 {
            asked = api.asked(timeout)?;
        }
        let (answer, time) = api.hand(&asked, event, timeout)?;
        took.push(time);
        answers.push(answer);
    }
    let (peak_bytes, after) = (peak_bytes(id)?, processor_time(id)?);
    drop(process);
    Ok(Life { initialisation, took, answers, peak_bytes, processor: after.saturating_sub(before) })
}

/// What Lambda puts into the environment of every function.
fn lambda_variables(runtime_api: &str, megabytes: u64) -> BTreeMap<&'static str, String> {
    [
        ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("AWS_LAMBDA_FUNCTION_NAME", "measured"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/measured"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/22/[$LATEST]00000000000000000000000000000000"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        // As long as the real ones, which are signed and sent with every call.
        ("AWS_SESSION_TOKEN", include_str!("session-token.txt").trim_ascii_end()),
        ("LANG", "en_US.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("TZ", ":UTC"),
        ("_HANDLER", "bootstrap"),
    ]
    .into_iter()
    .map(|(name, value)| (name, value.to_owned()))
    .chain([
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", megabytes.to_string()),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
    ])
    .collect()
}

/// By the kernel's scheduler, in nanoseconds; `stat` and `getrusage` of a process that lives know hundredths of a second. It counts the threads that
/// are there, and those of a measured process stay until its end.
fn processor_time(process: u32) -> Result<Duration> {
    let folder = format!("/proc/{process}/task");
    let mut sum = 0;
    for thread in fs::read_dir(&folder).with_context(|| format!("list {folder}"))? {
        let path = thread?.path().join("schedstat");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let time: u64 = text.split(' ').next().unwrap_or_default().parse().context("read its processor time")?;
        sum += time;
    }
    Ok(Duration::from_nanos(sum))
}

/// `VmHWM`: what `getrusage` says would include the shell that was there before.
fn peak_bytes(process: u32) -> Result<u64> {
    let path = PathBuf::from(format!("/proc/{process}/status"));
    let status = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    peak(&status).context("it has no peak of memory: has it ended?")
}

fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_goes_on_when_the_last_is_ready_or_has_failed() {
        let (turns, ready) = (Turns::of(3), Mutex::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let turn = turns.take();
                    *ready.lock().unwrap() += 1;
                    drop(turn);
                    assert_eq!(*ready.lock().unwrap(), 3);
                });
            }
        });
    }

    #[test]
    fn the_peak_of_memory_is_read() {
        assert_eq!(peak("Name:\tsh\nVmPeak:\t  9 kB\nVmHWM:\t    1844 kB\n"), Some(1_888_256));
        assert_eq!(peak("Name:\tzombie\n"), None);
    }
}
