//! For texts that wait for their customer's answer: which of them are due when it comes, and which template they wait for.
//!
//! Nothing here tells whether a text may go: it is only weighed again at once.

use jiff::Timestamp;

use crate::domain::account::Direction;
use crate::domain::conversation::{Asked, Stand, Window};
use crate::domain::delivery::{Delivery, State};

/// Whether the delivery goes to the customer and waits for a later time than `now`.
pub(in crate::store) fn is_put_off(delivery: &Delivery, now: Timestamp) -> bool {
    let State::Waiting { due_at, for_budget: false, .. } = &delivery.state else { return false };
    delivery.kind.traits().direction == Direction::ToCustomer && *due_at > now
}

/// Makes a delivery that is put off due.
pub(in crate::store) fn put_forward(delivery: &mut Delivery, now: Timestamp) {
    if is_put_off(delivery, now)
        && let State::Waiting { due_at, .. } = &mut delivery.state
    {
        *due_at = now;
    }
}

/// Whether texts wait for this template. Otherwise its request is answered or over, and another one may be under way.
pub(in crate::store) fn is_awaited(window: &Window, template: &Delivery) -> bool {
    // A template is accepted in the commit that asks for it.
    let is_of_it = |asked: &Asked| asked.stand == Stand::Owed && asked.at <= template.accepted_at;
    window.asked.as_ref().is_some_and(is_of_it)
}
