//! What the operator's orders over many deliveries name, and what came of them.

use jiff::Timestamp;

use super::IllegalMove;
use crate::domain::conversation::ConversationKey;
use crate::domain::event::{Destination, EventId};

/// Which deliveries the operator means to move, and where the last look for them ended.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// A state word ([`crate::domain::delivery::State::NAMES`]).
    pub state: String,
    /// Only this conversation's.
    pub conversation: Option<ConversationKey>,
    /// Only what goes there.
    pub destination: Option<Destination>,
    /// Only what was accepted by then: what comes while they are moved is not meant.
    pub accepted_by: Timestamp,
    /// Where the last look ended.
    pub after: Option<EventId>,
}

/// What one look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Oldest first; a few hundred at most, and perhaps none although there are more.
    pub ids: Vec<EventId>,
    /// From where to look further; `None` when everything was looked at.
    pub next: Option<EventId>,
}

/// What one step of a move over many came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// How many were moved, those included that went along with another.
    pub moved: u64,
    /// Those that could not be, and why. One that is not in the state any more is in neither number.
    pub refused: Vec<IllegalMove>,
}

/// What [`super::Store::forget`] came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Conversations, the customer's on every line.
    pub conversations: u64,
    /// Names and tickets that led to them.
    pub names: u64,
    /// Deliveries that were over, with what was written.
    pub settled: u64,
    /// Deliveries that still waited. They will not be sent.
    pub waiting: u64,
    /// Unreadable bodies in which the customer was named.
    pub unreadable: u64,
    /// Deliveries that a worker has in hand. They were left, and what comes of them is written down: ask again.
    pub in_hand: u64,
    /// Unreadable bodies that are left: whose they are, nobody can tell.
    pub unattributed: u64,
}
