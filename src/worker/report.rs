//! The report of an attempt: its outcome and the knowledge gained on the way. It never decides the next step.

use crate::domain::delivery::Outcome;
use crate::store::Verdict;

use crate::worker::steps::inbound::completion::Completion;

/// The outcome of one claim, and the knowledge gained on the way.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) outcome: Outcome,
    /// The verdict as far as the steps have filled it, which is recorded with every outcome. Its only moves are those of
    /// claimed deliveries that are rightly not done although others are.
    pub(super) learnt: Verdict,
    /// The data that the customer's user at the desk lacks; it is written once the text is there.
    pub(super) completion: Option<Completion>,
}

impl Report {
    /// The report of an attempt that taught nothing.
    pub(super) fn of(outcome: Outcome) -> Self {
        Self { outcome, learnt: Verdict::default(), completion: None }
    }
}
