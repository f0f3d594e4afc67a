//! The one vocabulary for a call to a desk or a carrier that did not succeed. Never decides whether to call again.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::refusals::Object;

/// Why a call did not succeed, named by the caller's next step. Every `cause` is short and plain, and may be shown to
/// an agent and written to a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing happened; the same call may succeed later. `after` is the vendor's own hint, from 1 s to 1 h.
    Retry {
        /// Why.
        cause: String,
        /// Not before this long from now.
        after: Option<Duration>,
    },
    /// The vendor failed with the request in hand and does not say how far it came. Most likely nothing happened. Only
    /// a call with a lasting effect ends so.
    Broke {
        /// Why.
        cause: String,
        /// Not before this long from now.
        after: Option<Duration>,
    },
    /// Nothing happened. The answer was longer than the bridge reads, and would be so again.
    TooLong {
        /// Why.
        cause: String,
    },
    /// It may have happened: the request was sent and no usable answer came. Only a call with a lasting effect ends so.
    Lose {
        /// Why.
        cause: String,
    },
    /// The vendor will never accept this request.
    GiveUp {
        /// Why.
        cause: String,
    },
    /// The vendor refuses the bridge: the credential is wrong, and every call will fail.
    Pause {
        /// Why.
        cause: String,
        /// The HTTP status.
        status: u16,
    },
    /// The vendor refuses the object of this call. A single answer cannot tell whether it refuses the bridge as a
    /// whole, because a permission or the address may be wrong; [`crate::domain::refusals`] weighs several.
    Forbid {
        /// Why, with the object's name.
        cause: String,
        /// The HTTP status.
        status: u16,
        /// The object that is refused.
        object: Object,
    },
    /// No call was made, so none counts as an attempt: the budget is spent, the vendor is known not to answer, or the
    /// operator has paused it.
    Postpone {
        /// Why.
        cause: String,
        /// When to ask again. A budget keeps that time for this call.
        until: Timestamp,
        /// Whether the budget is spent.
        for_budget: bool,
    },
    /// The ticket is closed and takes no more comments.
    Closed {
        /// Why.
        cause: String,
    },
    /// The ticket has changed since the time that the write named; nothing was written.
    Changed {
        /// Why.
        cause: String,
    },
    /// The ticket, or another record, does not exist or is deleted.
    NotFound {
        /// Why.
        cause: String,
    },
    /// This idempotency key was used within two hours for another body, whose effect exists.
    IdempotencyMismatch {
        /// Why.
        cause: String,
    },
}

impl Failure {
    /// Why, in plain words.
    #[must_use]
    pub fn cause(&self) -> &str {
        match self {
            Self::Retry { cause, .. }
            | Self::Broke { cause, .. }
            | Self::TooLong { cause }
            | Self::Lose { cause }
            | Self::GiveUp { cause }
            | Self::Pause { cause, .. }
            | Self::Forbid { cause, .. }
            | Self::Postpone { cause, .. }
            | Self::Closed { cause }
            | Self::Changed { cause }
            | Self::NotFound { cause }
            | Self::IdempotencyMismatch { cause } => cause,
        }
    }
}
