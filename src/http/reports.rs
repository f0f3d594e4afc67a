//! A batch of a carrier's reports on its way into the store, from its webhook or from the quarantine. It never reads a body.

use jiff::Timestamp;

use super::inbound::Inbound;
use crate::domain::account::AccountId;
use crate::domain::line::is_one_line;
use crate::domain::receipt::Report;
use crate::intake::Batch;
use crate::store::{Store, StoreError, Taken};

/// The reports of a batch that go to the store.
pub(super) struct Reports {
    ours: Vec<Report>,
    others: Vec<Report>,
    /// How many events are of no concern and go to no store.
    foreign: u64,
}

impl Reports {
    /// The reports that this account posted. Earlier webhooks tell which lines are this bridge's where the configuration
    /// does not.
    pub(super) fn of(batch: Batch, account: AccountId, inbound: &Inbound) -> Self {
        let Batch { mut ours, others, unsure, passed_over } = batch;
        let told = inbound.lines(account);
        let (unsure, elsewhere): (Vec<_>, Vec<_>) =
            unsure.into_iter().partition(|report| may_be_ours(report.line.as_deref(), &told));
        ours.extend(unsure);
        Self { ours, others, foreign: passed_over + elsewhere.len() as u64 }
    }

    /// Hands them to the store. Without any there is no call.
    ///
    /// # Errors
    /// As [`crate::store::Inbox::take_reports`].
    pub(super) async fn take(self, store: &dyn Store, now: Timestamp) -> Result<Taken, StoreError> {
        let taken = match self.ours.is_empty() && self.others.is_empty() {
            true => Taken::default(),
            false => store.take_reports(self.ours, self.others, now).await?,
        };
        Ok(Taken { foreign: taken.foreign + self.foreign, ..taken })
    }
}

/// Whether customers may write to this bridge on a line that the configuration does not name: where webhooks have told of
/// lines, on those only.
fn may_be_ours(line: Option<&str>, told: &[String]) -> bool {
    told.is_empty() || line.is_none_or(|line| told.iter().any(|told| is_one_line(told, line)))
}
