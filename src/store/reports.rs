//! For a carrier's reports in a store: each is taken in once, kept until its fate is known, and then part of its delivery.
//!
//! A report waits in no lane and holds nothing up. A store never decides which delivery a report is about.

/// As many reports may wait to be weighed: a store takes in no more before some are.
pub const REPORTS_WAITING_MAX: usize = 100_000;

/// As many reports are kept of which no delivery is known; of more, the oldest go.
pub const UNBOUND_MAX: usize = 10_000;

/// The counts of a batch of reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many are kept now and were not before.
    pub new: u64,
    /// How many repeat an earlier one.
    pub repeated: u64,
    /// How many are about the sends of others.
    pub foreign: u64,
}
