//! How a store's commits go, for the operator's metrics. It only counts.

use std::time::Duration;

/// The bounds of [`CommitStats::by_micros`], in microseconds: from a fast disk's sync to one that is in trouble.
pub const COMMIT_MICROS: [u64; 10] = [250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000, 500_000, 2_500_000];

/// The bounds of [`CommitStats::by_requests`].
pub const COMMIT_REQUESTS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 256, 1024];

/// How the commits went since the store was opened. Every number only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitStats {
    /// Time spent in writing and syncing.
    pub busy: Duration,
    /// Requests answered by them.
    pub requests: u64,
    /// How many commits took no longer than each bound of [`COMMIT_MICROS`] and longer than the one before it; last,
    /// those that took longer than all.
    pub by_micros: [u64; COMMIT_MICROS.len() + 1],
    /// The same for how many requests one commit answered ([`COMMIT_REQUESTS`]).
    pub by_requests: [u64; COMMIT_REQUESTS.len() + 1],
}

impl CommitStats {
    /// Commits made.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.by_micros.iter().sum()
    }
}
