//! How many runtime processes to run.
//!
//! Called by `cli` for `--processes`. `auto` is what the machine lets this program use: the CPUs of its affinity mask, and
//! no more than the CPU quota of its control group and those above it, rounded up.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

/// The most processes one server runs.
pub const MAX_PROCESSES: u32 = 1024;

/// The value of `--processes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessCount {
    Fixed(u32),
    Auto,
}

impl FromStr for ProcessCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        match text.parse() {
            Ok(count @ 1..=MAX_PROCESSES) => Ok(Self::Fixed(count)),
            _ => Err(format!(
                "Expected a number from 1 to {MAX_PROCESSES}, or \"auto\"."
            )),
        }
    }
}

impl ProcessCount {
    /// The number, counting what the machine offers now.
    pub fn get(self) -> u32 {
        match self {
            Self::Fixed(count) => count,
            Self::Auto => auto(affinity(), quota(Path::new("/"))),
        }
    }
}

fn auto(cpus: u32, quota: Option<u32>) -> u32 {
    cpus.min(quota.unwrap_or(u32::MAX)).clamp(1, MAX_PROCESSES)
}

fn affinity() -> u32 {
    let Ok(mask) = sched_getaffinity(Pid::from_raw(0)) else {
        return 1;
    };
    (0..CpuSet::count())
        .filter(|cpu| mask.is_set(*cpu).unwrap_or(false))
        .count() as u32
}

/// The smallest `cpu.max` from this process's control group up to the root, in whole CPUs. `root` stands for `/`.
fn quota(root: &Path) -> Option<u32> {
    let membership = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let group = membership
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))?;
    let mount = root.join("sys/fs/cgroup");
    let group = mount.join(group);
    let groups = group
        .ancestors()
        .take_while(|folder| folder.starts_with(&mount));
    groups
        .filter_map(|folder| cpus_of(&fs::read_to_string(folder.join("cpu.max")).ok()?))
        .min()
}

/// Reads "QUOTA PERIOD", both in microseconds. "max" is no quota.
fn cpus_of(cpu_max: &str) -> Option<u32> {
    let (quota, period) = cpu_max.trim().split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    u32::try_from(
        quota
            .checked_add(period)?
            .checked_sub(1)?
            .checked_div(period)?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_a_number_or_auto() {
        assert_eq!("auto".parse(), Ok(ProcessCount::Auto));
        assert_eq!("4".parse(), Ok(ProcessCount::Fixed(4)));
        for bad in ["0", "-1", "", "four", "1025"] {
            assert!(bad.parse::<ProcessCount>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_quota_is_rounded_up() {
        assert_eq!(cpus_of("max 100000\n"), None);
        assert_eq!(cpus_of("150000 100000\n"), Some(2));
        assert_eq!(cpus_of("200000 100000\n"), Some(2));
        assert_eq!(cpus_of("1000 100000\n"), Some(1));
        assert_eq!(cpus_of("1 0"), None);
    }

    #[test]
    fn the_smallest_quota_above_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/self/cgroup", "1:name=systemd:/x\n0::/a/b\n");
        write("sys/fs/cgroup/cpu.max", "800000 100000\n");
        write("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
        write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
        assert_eq!(quota(root.path()), Some(3));
    }

    #[test]
    fn auto_is_within_bounds() {
        assert_eq!(auto(8, Some(3)), 3);
        assert_eq!(auto(2, None), 2);
        assert_eq!(auto(0, None), 1);
        assert_eq!(auto(u32::MAX, None), MAX_PROCESSES);
        assert!(ProcessCount::Auto.get() >= 1);
    }
}
