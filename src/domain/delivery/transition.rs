//! The moves from one state of a delivery to the next. This module never decides whether a move is possible, which
//! [`super::apply`] does.

use jiff::Timestamp;

/// A move from one state to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// A worker takes it.
    Claim {
        /// When the lease ends.
        lease_until: Timestamp,
    },
    /// The other side has it.
    Deliver {
        /// The other side's name for it.
        receipt: String,
    },
    /// There is nothing to do.
    Skip {
        /// Why.
        reason: String,
    },
    /// To be tried again; the attempt counts.
    Retry {
        /// When to try again.
        due_at: Timestamp,
        /// Why.
        cause: String,
    },
    /// To be tried again; the attempt does not count, because no call was made or the vendor heard none.
    Postpone {
        /// When to try again.
        due_at: Timestamp,
        /// Why.
        cause: String,
        /// Whether a rate budget was the reason.
        for_budget: bool,
    },
    /// The answer, or the worker itself, was lost.
    Lose {
        /// When it was lost.
        since: Timestamp,
        /// When to look for the effect.
        look_at: Timestamp,
        /// Why.
        cause: String,
    },
    /// It may have been delivered in a time that the store has no record of.
    Doubt {
        /// When to look for the effect.
        look_at: Timestamp,
        /// Why.
        cause: String,
    },
    /// A look found no effect, or failed.
    LookAgain {
        /// When to look next.
        look_at: Timestamp,
        /// Whether the look counts; a failed look does not.
        counts: bool,
        /// The result of the look, in words.
        cause: String,
    },
    /// It stays unconfirmed for the operator, and later deliveries go.
    SetAside {
        /// Why.
        cause: String,
    },
    /// Give up.
    GiveUp {
        /// Why.
        cause: String,
    },
    /// The operator puts it back.
    Redrive,
    /// The operator has had a kept body read again, which gave an event of its own.
    ReadAgain {
        /// The result, in words.
        reason: String,
    },
    /// The operator has found that it arrived, as a whole or in part.
    Settle {
        /// The number of its parts that the operator found to be out.
        out: u32,
        /// The number of its parts.
        of: u32,
    },
    /// The operator drops it.
    Discard {
        /// Why, in the operator's words.
        reason: String,
    },
}

impl Transition {
    /// The name of the move, as in "a delivery that is … cannot …".
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Claim { .. } => "be claimed",
            Self::Deliver { .. } => "be delivered",
            Self::Skip { .. } => "be skipped",
            Self::Retry { .. } => "be retried",
            Self::Postpone { .. } => "be postponed",
            Self::Lose { .. } => "lose its answer",
            Self::Doubt { .. } => "be doubted",
            Self::LookAgain { .. } => "be looked for",
            Self::SetAside { .. } => "be set aside",
            Self::GiveUp { .. } => "be given up",
            Self::Redrive => "be redriven",
            Self::ReadAgain { .. } => "be read again",
            Self::Settle { .. } => "be settled",
            Self::Discard { .. } => "be discarded",
        }
    }
}
