//! Remedies for a vendor that refuses the bridge or does not answer: one sentence each for the operator, without its
//! full stop, the same in logs, alarms and pages. The sentences are the vendor's own; this module never knows which.

use crate::domain::account_table::AccountTable;
use crate::domain::inbound::{Door, Otherwise};

/// The remedies for one vendor, in the words of the account that they are for.
#[derive(Clone, Copy, Debug)]
pub struct Remedies {
    /// For a vendor that refuses the bridge as a whole, by the cause of the refusal.
    pub of_refusal: fn(AccountTable, cause: &str) -> String,
    /// For a vendor that gives no answer.
    pub of_silence: fn(AccountTable) -> String,
    /// For its webhooks that were answered so, as a clause; `None` where none is needed.
    pub of_webhooks: OfWebhooks,
}

/// The remedy for webhooks of an account that were answered so at one of its doors, for a reason.
pub type OfWebhooks = fn(AccountTable, Door, Otherwise, &str) -> Option<String>;

/// No remedies.
impl Default for Remedies {
    fn default() -> Self {
        Self { of_refusal: |_, _| String::new(), of_silence: |_| String::new(), of_webhooks: |_, _, _, _| None }
    }
}
