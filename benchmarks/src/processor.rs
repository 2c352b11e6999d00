//! The processor as Lambda gives it: a share that goes with the memory, by a control group of Linux.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

/// The memory at which Lambda gives one processor, in megabytes ("Configure Lambda function memory" in the developer guide).
const MEGABYTES_PER_PROCESSOR: u64 = 1_769;

/// The span in which the share is given, in microseconds; Lambda's own is 20 ms, as functions find in their control group.
const PERIOD: u64 = 20_000;

/// The least that Linux grants, in microseconds.
const LEAST: u64 = 1_000;

/// When the share is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Never.
    Full,
    /// From the first event on: Lambda gives a whole processor for the initialisation.
    Burst,
    /// From the start on.
    Slow,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Burst => "burst",
            Self::Slow => "slow",
        }
    }
}

/// The processor time of one period, in microseconds.
pub(crate) fn quota(megabytes: u64) -> u64 {
    (megabytes * PERIOD / MEGABYTES_PER_PROCESSOR).max(LEAST)
}

/// Where control groups for processes can be made.
#[derive(Debug, Clone)]
pub(crate) enum ControlGroups {
    /// Version 1, with a hierarchy for the processor.
    First(PathBuf),
    /// Version 2.
    Second(PathBuf),
}

impl ControlGroups {
    /// Finds out how this machine has them.
    ///
    /// # Errors
    /// When it has none, or does not let this user make any.
    pub(crate) fn find() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/mounts").context("read /proc/mounts")?;
        let own = fs::read_to_string("/proc/self/cgroup").context("read /proc/self/cgroup")?;
        let found = Self::read(&mounts, &own).context("no control groups for the processor are mounted")?;
        if let Self::Second(folder) = &found {
            let _already_on = fs::write(folder.join("cgroup.subtree_control"), "+cpu");
        }
        Group::new(&found, "probe")?.limit(Some(128)).context("limit the processor")?;
        Ok(found)
    }

    fn read(mounts: &str, own: &str) -> Option<Self> {
        let mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let mounts: Vec<Vec<&str>> = mounts.filter(|fields| fields.len() > 3).collect();
        let below = |mount: &str, path: &str| Path::new(mount).join(path.trim_start_matches('/'));
        let mut own = own.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let first = mounts.iter().find(|fields| fields[2] == "cgroup" && fields[3].split(',').any(|one| one == "cpu"));
        if let Some(first) = first {
            let (_, path) = own.find(|(controllers, _)| controllers.split(',').any(|one| one == "cpu"))?;
            return Some(Self::First(below(first[1], path)));
        }
        let second = mounts.iter().find(|fields| fields[2] == "cgroup2")?;
        let (_, path) = own.find(|(controllers, _)| controllers.is_empty())?;
        // A group with processes in it can have no groups below it that limit anything, so ours stand beside.
        let own = below(second[1], path);
        Some(Self::Second(if path == "/" { own } else { own.parent()?.to_owned() }))
    }
}

/// A control group, removed when it is dropped: by then its processes must have ended.
#[derive(Debug)]
pub(crate) struct Group {
    kind: ControlGroups,
    folder: PathBuf,
}

impl Group {
    pub(crate) fn new(groups: &ControlGroups, name: &str) -> Result<Self> {
        let (ControlGroups::First(parent) | ControlGroups::Second(parent)) = groups;
        let folder = parent.join(format!("benchmarks-{}-{name}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
        Ok(Self { kind: groups.clone(), folder })
    }

    /// Moves a process here.
    pub(crate) fn take(&self, process: u32) -> Result<()> {
        self.write("cgroup.procs", &process.to_string())
    }

    /// Limits the processor as Lambda does at this memory, or not.
    pub(crate) fn limit(&self, megabytes: Option<u64>) -> Result<()> {
        let share = megabytes.map(quota);
        match self.kind {
            ControlGroups::First(_) => {
                self.write("cpu.cfs_period_us", &PERIOD.to_string())?;
                self.write("cpu.cfs_quota_us", &share.map_or_else(|| "-1".to_owned(), |share| share.to_string()))
            }
            ControlGroups::Second(_) => {
                let share = share.map_or_else(|| "max".to_owned(), |share| share.to_string());
                self.write("cpu.max", &format!("{share} {PERIOD}"))
            }
        }
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.folder.join(file);
        if !path.exists() {
            bail!("{} does not exist", path.display());
        }
        fs::write(&path, text).with_context(|| format!("write {text:?} to {}", path.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It fails while a process in it has not quite ended; then the folder, empty, stays until the machine starts again.
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_goes_with_the_memory() {
        assert_eq!([128, 256, 512, 1_769, 3_538].map(quota), [1_447, 2_894, 5_788, 20_000, 40_000]);
        assert_eq!(quota(1), 1_000);
    }

    #[test]
    fn control_groups_of_both_versions_are_found() {
        let mounts =
            "cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let own = "4:memory:/\n2:cpu,cpuacct:/a/b\n0::/\n";
        let found = ControlGroups::read(mounts, own);
        assert!(matches!(found, Some(ControlGroups::First(path)) if path == Path::new("/sys/fs/cgroup/cpu/a/b")));
        let mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
        let found = ControlGroups::read(mounts, "0::/user.slice/shell.scope\n");
        assert!(matches!(found, Some(ControlGroups::Second(path)) if path == Path::new("/sys/fs/cgroup/user.slice")));
        assert!(ControlGroups::read("proc /proc proc rw 0 0\n", "0::/\n").is_none());
    }
}
