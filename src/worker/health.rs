//! The standing of the vendors: which of them refuse us, and whether one refusal concerns a delivery or the account.
//!
//! The rules are in [`crate::domain::refusals`]; this module feeds them, and reports their results to log, readiness,
//! metrics and alarms. Its only call to a vendor asks who we are.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use crate::domain::account::AccountId;
use crate::domain::alarm::Notice;
use crate::domain::delivery::{Delivery, Outcome, State};
use crate::domain::refusals::{self, Object, Weight};
use crate::domain::retry::later;
use crate::ports::Failure;
use crate::store::Claim;
use crate::telemetry::Trouble;
use crate::vendors::http::Attempt;

use super::Worker;
use super::report::Report;

impl Worker {
    /// Carries out the claim, and weighs a refusal of its object. The call that asks who we are is no part of the
    /// attempt.
    pub(super) async fn weighed(&self, claim: &Claim, heard: &Arc<Attempt>) -> Report {
        let report = heard.listen(self.attempt(claim)).await;
        let Outcome::Forbid { account, object, cause } = report.outcome else { return report };
        let outcome = match claim.work.first() {
            Some(head) => self.weigh(&head.delivery, account, &object, cause).await,
            None => Outcome::GiveUp { cause },
        };
        Report { outcome, ..report }
    }

    /// Judges the refusal of one object: it concerns this delivery, or the account.
    async fn weigh(&self, delivery: &Delivery, account: AccountId, object: &Object, cause: String) -> Outcome {
        let now = self.clock.now();
        let is_over = refusals::tries_are_over(&delivery.state, now);
        // A carrier need not have a call that every key may make, so only a desk is asked.
        let can_probe = account == self.ends.desk;
        let mut weight = self.pauses.weigh(account, object, is_over, can_probe, now);
        if weight == Weight::Probe {
            weight = match self.is_let_in().await {
                Some(is_let_in) => {
                    self.pauses.probed(account, is_let_in, now);
                    self.pauses.weigh(account, object, is_over, can_probe, now)
                }
                None => Weight::Again,
            };
        }
        match weight {
            Weight::Account => Outcome::Pause { account, cause },
            Weight::Object if matches!(delivery.state, State::Unconfirmed { .. }) => Outcome::SetAside { cause },
            Weight::Object => Outcome::GiveUp { cause },
            Weight::Again | Weight::Probe => Outcome::Retry { cause, after: None },
        }
    }

    /// Whether the desk accepts our credential; `None` when it could not be asked.
    async fn is_let_in(&self) -> Option<bool> {
        match self.desk.lets_us_in().await {
            Ok(is_let_in) => Some(is_let_in),
            Err(Failure::Pause { .. } | Failure::Forbid { .. } | Failure::GiveUp { .. }) => Some(false),
            Err(_) => None,
        }
    }

    /// Pauses a vendor that refuses us, and reports it.
    fn hold(&self, account: AccountId, cause: &str, now: Timestamp) {
        if self.pauses.pause(account, later(now, self.options.retry.pause)) {
            warn!(destination = account.name(), "destination.paused: {cause}");
            self.alarms.note(Notice::Paused { account, cause: cause.to_owned() }, now);
        }
        self.readiness.set_trouble(account, Trouble::Refuses, cause, now);
        self.metrics.set_paused(account, true);
    }

    /// Keeps the [`super::Pauses`] in step: a refusal begins a pause, a success ends it. Other outcomes do not tell
    /// whether the vendor lets us in.
    pub(super) fn note_health(&self, claim: &Claim, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::Pause { account, cause } => {
                self.hold(*account, cause, now);
            }
            Outcome::Deliver { .. } => {
                if !claim.work.first().is_some_and(|head| head.event.kind.name().traits().asks) {
                    return;
                }
                let account = claim.route.account;
                if self.pauses.succeeded(account, now) {
                    info!(destination = account.name(), "destination.resumed: calls are answered again");
                    self.alarms.note(Notice::Resumed { account }, now);
                    self.readiness.clear_trouble(account, Trouble::Refuses);
                    self.metrics.set_paused(account, false);
                }
            }
            Outcome::Postpone { until, for_budget: true, .. } => {
                let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                self.metrics.waited_for_budget(claim.route.account, wait);
            }
            Outcome::Skip { .. }
            | Outcome::Retry { .. }
            | Outcome::Postpone { for_budget: false, .. }
            | Outcome::GiveUp { .. }
            | Outcome::Forbid { .. }
            | Outcome::Lose { .. }
            | Outcome::NotSeen { .. }
            | Outcome::SetAside { .. } => {}
        }
    }
}
