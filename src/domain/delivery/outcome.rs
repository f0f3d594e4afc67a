//! What one claim came to. What that makes of a delivery, [`crate::domain::retry`] decides.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::Destination;
use crate::domain::refusals::Object;

/// What one claim came to, named by what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has it.
    Done {
        /// What it called it.
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
        /// The server's hint.
        after: Option<Duration>,
    },
    /// Our own budget is spent, or the delivery goes on in its customer's lane: no attempt was made.
    Postpone {
        /// Why.
        cause: String,
        /// Until when.
        until: Timestamp,
        /// Whether a rate budget was the reason.
        for_budget: bool,
    },
    /// Will never work.
    Reject {
        /// Why.
        cause: String,
    },
    /// It left us and no answer came.
    Unknown {
        /// Why.
        cause: String,
    },
    /// We looked for the effect and could not see it, or no look can tell.
    NotSeen {
        /// What the look said.
        cause: String,
        /// When to look again; `None` when that was the last look and it must be sent again.
        look_at: Option<Timestamp>,
    },
    /// Nobody can tell, and the operator has asked to be the judge.
    SetAside {
        /// Why.
        cause: String,
    },
    /// The vendor refuses what the delivery is about, or us altogether: to be weighed ([`crate::domain::refusals`]).
    /// Unweighed it counts as a refusal that may pass.
    Forbid {
        /// Which vendor.
        destination: Destination,
        /// What it refuses.
        object: Object,
        /// Why.
        cause: String,
    },
    /// The vendor refuses *us*: hold the whole destination, count no attempt.
    Pause {
        /// Whom to hold.
        destination: Destination,
        /// Why.
        cause: String,
    },
}

impl Outcome {
    /// The receipt, the reason or the cause; never personal data.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Done { receipt } => receipt,
            Self::Skip { reason } => reason,
            Self::Retry { cause, .. }
            | Self::Postpone { cause, .. }
            | Self::Reject { cause }
            | Self::Unknown { cause }
            | Self::NotSeen { cause, .. }
            | Self::SetAside { cause }
            | Self::Forbid { cause, .. }
            | Self::Pause { cause, .. } => cause,
        }
    }

    /// The word for the outcome, for metrics and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Skip { .. } => "skip",
            Self::Retry { .. } => "retry",
            Self::Postpone { .. } => "postpone",
            Self::Reject { .. } => "reject",
            Self::Unknown { .. } => "unknown",
            Self::NotSeen { .. } => "not_seen",
            Self::SetAside { .. } => "set_aside",
            Self::Forbid { .. } => "forbid",
            Self::Pause { .. } => "pause",
        }
    }
}
