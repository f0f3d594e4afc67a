//! From the failure of a call to the outcome of its delivery. Pure.

use crate::domain::account::AccountId;
use crate::domain::delivery::Outcome;
use crate::ports::Failure;

/// The outcome of a failed call to this account. [`super::health`] judges the refusal of an object after the attempt.
pub(super) fn outcome(failure: Failure, account: AccountId) -> Outcome {
    match failure {
        Failure::Retry { cause, after } | Failure::Broke { cause, after } => Outcome::Retry { cause, after },
        Failure::Changed { cause } => Outcome::Retry { cause, after: None },
        Failure::TooLong { cause } => Outcome::Retry { cause, after: None },
        Failure::Lose { cause } => Outcome::Lose { cause },
        Failure::Postpone { cause, until, for_budget } => Outcome::Postpone { cause, until, for_budget },
        Failure::Pause { cause, .. } => Outcome::Pause { account, cause },
        Failure::Forbid { cause, object, .. } => Outcome::Forbid { account, object, cause },
        // Our key has opened a ticket from another body, so the ticket is looked for.
        Failure::IdempotencyMismatch { cause } => Outcome::Lose { cause },
        Failure::GiveUp { cause } | Failure::Closed { cause } | Failure::NotFound { cause } => {
            Outcome::GiveUp { cause }
        }
    }
}
