//! For a carrier's reports in a store: each is taken in once, kept until its fate is known, and then part of its delivery.
//!
//! A report waits in no lane and holds nothing up. A store never decides which delivery a report is about.

use async_trait::async_trait;
use jiff::Timestamp;

use super::error::StoreError;
use super::page::Page;
use crate::domain::receipt::{Fate, Kept, Report};

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

/// A store's side of a carrier's reports.
#[async_trait]
pub trait Reports: Send + Sync + 'static {
    /// Takes a batch in, in one commit, durable on return. A report that was taken in before is told by its id; so is the
    /// one that stands twice in a batch. `others` may be about the sends of other programs: such a report is kept only
    /// where a delivery or a kept report is known by the name of its send.
    ///
    /// # Errors
    /// [`StoreError::DiskLow`], and [`StoreError::BacklogFull`] where too many wait to be weighed. Nothing of the batch
    /// need be there then, and all of it may be given again.
    async fn take_reports(&self, ours: Vec<Report>, others: Vec<Report>, now: Timestamp) -> Result<Taken, StoreError>;

    /// Reports that are to be weighed by now, in the order in which they fell due.
    ///
    /// # Errors
    /// As every call.
    async fn due_reports(&self, now: Timestamp, limit: usize) -> Result<Vec<Kept>, StoreError>;

    /// When the next report is to be weighed, as of the last commit.
    fn next_report_due(&self) -> Option<Timestamp>;

    /// Waits until a commit may have made a report due. As [`super::Store::changed`], for one caller at a time.
    async fn reports_changed(&self);

    /// Records the fate of a report, durably and in one commit with its consequences: the receipt of the delivery,
    /// the note that is owed, the text that is taken in. A report that is gone by now changes nothing, and neither does one
    /// about a delivery that is gone.
    ///
    /// A delivery in doubt of which all parts are known to be out is looked at again at once.
    ///
    /// # Errors
    /// [`StoreError::BacklogFull`] and [`StoreError::DiskLow`] for a text that is taken in.
    async fn weigh(&self, report: u64, fate: Fate, now: Timestamp) -> Result<(), StoreError>;

    /// Reports of which no delivery is known, the newest first, after this number.
    ///
    /// # Errors
    /// As every call.
    async fn unbound_reports(&self, after: Option<u64>, limit: usize) -> Result<Page<Kept>, StoreError>;

    /// How many reports there are of which no delivery is known.
    fn unbound(&self) -> u64;
}
