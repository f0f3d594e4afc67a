//! What a store tells of itself in numbers: for metrics, and for the page that says what needs the operator.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::CommitStats;
use crate::domain::event::Destination;

/// Numbers for metrics, cheap to take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries by state word.
    pub by_state: BTreeMap<&'static str, u64>,
    /// Deliveries that wait or are being sent, by where they go; without those that were set aside for the operator, which
    /// hold no lane.
    pub waiting: BTreeMap<Destination, u64>,
    /// When the oldest delivery that still holds a lane was accepted.
    pub oldest_unsettled: Option<Timestamp>,
    /// How the commits go.
    pub commits: CommitStats,
    /// How much room is left.
    pub room: Room,
}

/// How near a store is to the limits past which it accepts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// As many deliveries may wait ([`super::StoreLimits::backlog_max`]).
    pub backlog_max: u64,
    /// Free bytes on the store's disk, measured at most once a second; `None` where they cannot be measured.
    pub disk_free_bytes: Option<u64>,
    /// As many of them stay free ([`super::StoreLimits::disk_floor_bytes`]).
    pub disk_floor_bytes: u64,
}
