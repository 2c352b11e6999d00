//! The local AWS's processes: a process group that is ended whole.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use super::LocalAwsError;

/// A process group and its leader. Dropping it kills the whole group.
#[derive(Debug)]
pub(super) struct Group {
    /// Not waited for while the group may still be signalled: the leader's zombie keeps the group's number from being
    /// given to somebody else.
    leader: Child,
    id: Pid,
    alive: bool,
}

/// The local AWS, left running.
#[derive(Debug)]
pub struct Kept {
    /// The process to send SIGTERM to when it is no longer wanted.
    pub pid: u32,
    /// The variables with which the AWS CLI and the SDKs reach it.
    pub environment: Vec<(&'static str, String)>,
    /// Its temporary folder, to be removed after its end.
    pub folder: PathBuf,
    /// Its log.
    pub log: PathBuf,
}

impl Group {
    /// The group of `leader`, which must have been started in a group of its own.
    pub(super) fn led_by(leader: Child) -> Result<Self, LocalAwsError> {
        let id = leader
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
            .ok_or(LocalAwsError::NoProcess)?;
        Ok(Self { leader, id, alive: true })
    }

    /// How the leader ended, if it has. The rest of its group is killed then.
    pub(super) fn try_wait(&mut self) -> Option<ExitStatus> {
        if !self.leader_ended() {
            return None;
        }
        self.kill();
        self.leader.try_wait().ok().flatten()
    }

    /// Asks the leader to end, waits at most `grace`, and kills whatever is left of the group.
    pub(super) async fn end(&mut self, grace: Duration) {
        // A signal fails only when there is nobody left to receive it.
        let _ = kill_process(self.id, Signal::TERM);
        let deadline = Instant::now() + grace;
        while !self.leader_ended() && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        self.kill();
        let _ = self.leader.wait().await;
    }

    /// Lets the group live on when this process ends; the leader's number.
    pub(super) fn release(&mut self) -> std::io::Result<u32> {
        let input = self.leader.stdin.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
        std::fs::File::from(input.into_owned_fd()?).write_all(b"\n")?;
        self.alive = false;
        Ok(self.id.as_raw_nonzero().get().unsigned_abs())
    }

    /// Whether the leader has ended, without reaping it.
    fn leader_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.id), options), Ok(None))
    }

    /// Kills the whole group at once.
    fn kill(&mut self) {
        if std::mem::take(&mut self.alive) {
            let _ = kill_process_group(self.id, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.alive {
            self.kill();
            // Killed, so this takes no time; afterwards nothing writes to the temporary folder any more.
            let _ = waitid(WaitId::Pid(self.id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::process::Command;

    use super::*;

    /// A shell that started a child of its own, and that child's process id.
    async fn group(script: &str) -> (Group, Pid) {
        use tokio::io::AsyncReadExt as _;

        let mut leader = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let mut output = leader.stdout.take().expect("its output");
        let mut text = Vec::new();
        while !text.ends_with(b"\n") {
            text.push(output.read_u8().await.expect("a process id"));
        }
        let pid = String::from_utf8_lossy(&text).trim().parse().ok().and_then(Pid::from_raw).expect("a process id");
        (Group::led_by(leader).expect("a group"), pid)
    }

    /// Waits until `pid` is gone or a zombie that nobody has reaped yet.
    async fn gone(pid: Pid) -> bool {
        for _ in 0..250 {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
            match state {
                Err(_) => return true,
                Ok(state) if state.contains(") Z ") => return true,
                Ok(_) => sleep(Duration::from_millis(20)).await,
            }
        }
        false
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_end_of_the_leader_is_the_end_of_the_group() {
        let (mut group, child) = group("sleep 60 & echo $!; wait").await;
        group.end(Duration::from_secs(5)).await;
        assert!(gone(child).await);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_leader_that_does_not_listen_is_killed() {
        let (mut group, child) = group("trap '' TERM; sleep 60 & echo $!; wait; wait").await;
        let started = Instant::now();
        group.end(Duration::from_millis(300)).await;
        assert!(started.elapsed() < Duration::from_secs(5));
        assert!(gone(child).await);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_released_group_is_told_and_lives_on() {
        let told = "sleep 60 & echo $!; read line && kill $!; exec sleep 60";
        let (mut group, child) = group(told).await;
        let leader = group.release().expect("it listens");
        drop(group);
        assert!(gone(child).await, "the leader was told");
        let leader = Pid::from_raw(leader.cast_signed()).expect("a process id");
        kill_process(leader, Signal::TERM).expect("it lives");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn dropping_kills_the_group() {
        let (group, child) = group("sleep 60 & echo $!; wait").await;
        drop(group);
        assert!(gone(child).await);
    }
}
