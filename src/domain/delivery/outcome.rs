//! The outcome of one claim. [`crate::domain::retry`] turns it into a move of the delivery.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::account::AccountId;
use crate::domain::refusals::Object;

/// The outcome of one claim, named by the next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has it.
    Deliver {
        /// The other side's name for it.
        receipt: String,
    },
    /// Nothing needs to be sent.
    Skip {
        /// Why.
        reason: String,
    },
    /// Refused before any effect; may work later.
    Retry {
        /// Why.
        cause: String,
        /// The vendor's hint of how long to wait.
        after: Option<Duration>,
    },
    /// The bridge's own budget is spent, or the delivery goes on in its customer's lane: no attempt was made.
    Postpone {
        /// Why.
        cause: String,
        /// Until when.
        until: Timestamp,
        /// Whether a rate budget was the reason.
        for_budget: bool,
    },
    /// Refused for good.
    GiveUp {
        /// Why.
        cause: String,
    },
    /// The call was sent, and no answer came.
    Lose {
        /// Why.
        cause: String,
    },
    /// A look did not find the effect, or no look can tell.
    NotSeen {
        /// The result of the look, in words.
        cause: String,
        /// When to look again; `None` after the last look, when it must be sent again.
        look_at: Option<Timestamp>,
    },
    /// Its fate cannot be known, and the operator has asked to be the judge.
    SetAside {
        /// Why.
        cause: String,
    },
    /// The vendor refuses the delivery's object or the whole bridge; [`crate::domain::refusals`] weighs which.
    /// Unweighed it counts as a refusal that may pass.
    Forbid {
        /// The vendor.
        account: AccountId,
        /// The object that it refuses.
        object: Object,
        /// Why.
        cause: String,
    },
    /// The vendor refuses the bridge: hold the whole destination and count no attempt.
    Pause {
        /// The destination to hold.
        account: AccountId,
        /// Why.
        cause: String,
    },
}

impl Outcome {
    /// The receipt, the reason or the cause; never personal data.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Deliver { receipt } => receipt,
            Self::Skip { reason } => reason,
            Self::Retry { cause, .. }
            | Self::Postpone { cause, .. }
            | Self::GiveUp { cause }
            | Self::Lose { cause }
            | Self::NotSeen { cause, .. }
            | Self::SetAside { cause }
            | Self::Forbid { cause, .. }
            | Self::Pause { cause, .. } => cause,
        }
    }

    /// The name of the outcome in metrics and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Deliver { .. } => "done",
            Self::Skip { .. } => "skip",
            Self::Retry { .. } => "retry",
            Self::Postpone { .. } => "postpone",
            Self::GiveUp { .. } => "reject",
            Self::Lose { .. } => "unknown",
            Self::NotSeen { .. } => "not_seen",
            Self::SetAside { .. } => "set_aside",
            Self::Forbid { .. } => "forbid",
            Self::Pause { .. } => "pause",
        }
    }
}
