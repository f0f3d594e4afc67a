//! A store's numbers: for metrics, and for the page of matters that need the operator.

use std::collections::BTreeMap;

use crate::domain::account::AccountId;
use crate::domain::delivery::StateName;
use jiff::Timestamp;

use super::CommitStats;

/// Numbers for metrics, cheap to take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries by state; a state without deliveries may be missing.
    pub by_state: BTreeMap<StateName, u64>,
    /// Deliveries that wait or are being sent, by destination; without those set aside for the operator, because they
    /// hold no lane.
    pub waiting: BTreeMap<AccountId, u64>,
    /// When the oldest delivery in a lane was accepted.
    pub oldest_unsettled: Option<Timestamp>,
    /// Sizes and times of the commits.
    pub commits: CommitStats,
    /// The room that is left.
    pub room: Room,
}

impl Counts {
    /// The number of deliveries in a state.
    #[must_use]
    pub fn of(&self, state: StateName) -> u64 {
        self.by_state.get(&state).copied().unwrap_or(0)
    }
}

/// How near a store is to the limits beyond which it accepts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// The most deliveries that may wait ([`super::StoreLimits::backlog_max`]).
    pub backlog_max: u64,
    /// Free bytes on the store's disk, measured at most once a second; `None` where they cannot be measured.
    pub disk_free_bytes: Option<u64>,
    /// The bytes that must stay free ([`super::StoreLimits::disk_floor_bytes`]).
    pub disk_floor_bytes: u64,
}
