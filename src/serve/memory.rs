//! Finds the memory that this process may have, and the number of deliveries that may wait in it.
//!
//! A bridge that accepts more than fits its memory is killed, and killed again at every start. So the least of the
//! limits of container, process and machine bounds the backlog.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};
use tracing::info;

use crate::clock::Clock;
use crate::store::{BACKLOG_MIN, StoreLimits, WAITING_BYTES};

/// The memory of a bridge with an empty backlog: the program, the store's cache, and bodies in hand.
const AT_REST_BYTES: u64 = 48 * 1024 * 1024;

/// The most waiting deliveries where memory sets no limit: a week of a busy brand, and a start of two seconds.
const BACKLOG_MAX: u64 = 1_000_000;

/// The eighths of the memory that waiting deliveries may fill. The rest is for the passing needs of a start, a
/// compaction and a burst.
const EIGHTHS: u64 = 6;

/// The share of the memory that one turn of the store's log may take.
const TURN_SHARE: u64 = 64;

/// The bounds of a turn: a longer one spares the disk, and a shorter one is mostly overhead.
const TURN_BYTES: std::ops::RangeInclusive<u64> = 1024 * 1024..=16 * 1024 * 1024;

/// The store's bounds on this machine.
pub(super) fn limits(clock: &Clock) -> StoreLimits {
    let memory = limit();
    let (backlog_max, turn_bytes) = (backlog_max(memory), turn_bytes(memory));
    let memory_mib = memory.map(|bytes| bytes >> 20);
    info!(backlog_max, memory_mib, "store.limits: as many as {backlog_max} deliveries may wait in this memory");
    let backlog_bytes = memory.map(for_waiting);
    StoreLimits { backlog_max, backlog_bytes, turn_bytes, steady: clock.steady(), ..StoreLimits::default() }
}

/// The memory that this process may have, as far as the system tells.
fn limit() -> Option<u64> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let of_group = limit_files(&groups).iter().filter_map(|path| bytes_in(&read(path)?)).min();
    let of_machine = read(Path::new("/proc/meminfo")).and_then(|text| machine_bytes(&text));
    let of_process = [Resource::As, Resource::Data].into_iter().filter_map(|kind| getrlimit(kind).current).min();
    [of_group, of_machine, of_process].into_iter().flatten().min()
}

/// How many deliveries may wait.
fn backlog_max(memory: Option<u64>) -> u64 {
    let Some(memory) = memory else { return BACKLOG_MAX };
    (for_waiting(memory) / WAITING_BYTES).clamp(BACKLOG_MIN, BACKLOG_MAX)
}

/// The part of this memory for waiting deliveries, and for the lists' entries of all others.
fn for_waiting(memory: u64) -> u64 {
    (memory / 8 * EIGHTHS).saturating_sub(AT_REST_BYTES)
}

/// How long a turn of the store's log may be.
fn turn_bytes(memory: Option<u64>) -> u64 {
    memory.map_or(*TURN_BYTES.end(), |memory| (memory / TURN_SHARE).clamp(*TURN_BYTES.start(), *TURN_BYTES.end()))
}

/// The files that may hold a memory limit for a process in these control groups, of either version: those of each
/// group and of its ancestors.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (root, name) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        // In a container the path may be the host's, and the container's own group is at the root.
        let inside = Path::new(path.trim_start_matches('/'));
        files.extend(inside.ancestors().map(|above| Path::new(root).join(above).join(name)));
    }
    files
}

/// The number in such a file; `None` for "max", and for version 1's huge number of the same meaning.
fn bytes_in(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < 1 << 60)
}

fn machine_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn the_backlog_follows_from_the_memory() {
        for (memory, least, most) in [
            (Some(128 * MIB), 50_000, 60_000),
            (Some(256 * MIB), 150_000, 170_000),
            (Some(512 * MIB), 360_000, 380_000),
            (Some(2048 * MIB), 1_000_000, 1_000_000),
            (Some(8 * MIB), 10_000, 10_000),
            (Some(u64::MAX), 1_000_000, 1_000_000),
            (None, 1_000_000, 1_000_000),
        ] {
            assert!((least..=most).contains(&backlog_max(memory)), "{memory:?}: {}", backlog_max(memory));
        }
    }

    #[test]
    fn a_turn_of_the_log_is_a_small_part_of_the_memory() {
        for (memory, turn) in [(Some(256 * MIB), 4), (Some(64 * MIB), 1), (Some(u64::MAX), 16), (None, 16)] {
            assert_eq!(turn_bytes(memory), turn * MIB, "{memory:?}");
        }
    }

    #[test]
    fn both_kinds_of_control_groups_are_read_up_to_their_root() {
        let paths = |groups| limit_files(groups).iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(
            paths("0::/system.slice/tandem.service\n"),
            [
                "/sys/fs/cgroup/system.slice/tandem.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            paths("9:name=systemd:/\n4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n"),
            [
                "/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ]
        );
        assert_eq!(paths("nonsense\n"), [""; 0]);
    }

    #[test]
    fn what_is_no_limit_is_none() {
        for (text, bytes) in
            [("max\n", None), ("9223372036854771712\n", None), ("268435456\n", Some(256 * MIB)), ("", None)]
        {
            assert_eq!(bytes_in(text), bytes, "{text:?}");
        }
        assert_eq!(machine_bytes("MemTotal:       24684096 kB\nMemFree: 1 kB\n"), Some(24_684_096 * 1024));
        assert_eq!(machine_bytes("MemTotal: some"), None);
    }
}
