//! The values of the operator's orders over many deliveries: their subjects and their results.

use jiff::Timestamp;

use crate::domain::account::AccountId;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::StateName;
use crate::domain::event::EventId;

/// The deliveries that an operator means to move, and the end of the last look for them.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Only deliveries in this state.
    pub state: StateName,
    /// Only deliveries of this conversation.
    pub conversation: Option<ConversationKey>,
    /// Only deliveries that call this account.
    pub account: Option<AccountId>,
    /// Only deliveries accepted by then, so that the order leaves newer ones alone.
    pub accepted_by: Timestamp,
    /// Where the last look ended.
    pub after: Option<EventId>,
}

/// The result of one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Oldest first; a few hundred at most, and perhaps none although more follow.
    pub ids: Vec<EventId>,
    /// Where the next look begins; `None` after the last one.
    pub next: Option<EventId>,
}

/// [`crate::domain::delivery::Illegal`] with the id of the delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{id}: {reason}")]
pub struct IllegalMove {
    /// The delivery.
    pub id: EventId,
    /// Why the move is illegal.
    pub reason: String,
}

/// The result of one step of a move over many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// The number of moved deliveries, including those that went along with another.
    pub moved: u64,
    /// Deliveries that could not be moved, and why. A delivery that has left the state is in neither number.
    pub refused: Vec<IllegalMove>,
}

/// The result of [`super::Control::forget`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Conversations, the customer's on every line.
    pub conversations: u64,
    /// Names and tickets that led to them.
    pub names: u64,
    /// Settled deliveries, with their texts.
    pub settled: u64,
    /// Waiting deliveries. They will not be sent.
    pub waiting: u64,
    /// Unreadable bodies in which the customer was named.
    pub unreadable: u64,
    /// Deliveries that a worker holds. They were left, and their results are still recorded: ask again.
    pub in_hand: u64,
    /// Unreadable bodies left in the store, because they do not name the customer.
    pub unattributed: u64,
}
