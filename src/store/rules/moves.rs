//! The move of a delivery, with its id on the error, and the move of a lost one.
//!
//! The legal moves stand in [`crate::domain::delivery`]; nothing here adds one.

use jiff::Timestamp;

use crate::domain::delivery::{Delivery, Transition};
use crate::store::IllegalMove;

/// [`Delivery::apply`], with the delivery's id on the error.
pub(in crate::store) fn apply(
    delivery: &mut Delivery,
    transition: Transition,
    now: Timestamp,
) -> Result<(), IllegalMove> {
    let id = delivery.id;
    let applied = delivery.apply(transition, now);
    applied.map_err(|illegal| IllegalMove { id, reason: illegal.to_string() })
}

/// The worker is gone or silent: its call may have happened, so look at once.
pub(in crate::store) fn lose(delivery: &mut Delivery, now: Timestamp, cause: &str) -> Result<(), IllegalMove> {
    apply(delivery, Transition::Lose { since: now, look_at: now, cause: cause.to_owned() }, now)
}
