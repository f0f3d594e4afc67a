//! A claim: work that is handed to one worker, and that worker's decision about it. Never tells how either is stored.

use jiff::Timestamp;

use crate::domain::account::{Ends, Route};
use crate::domain::answer::Answer;
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::delivery::{Delivery, Transition};
use crate::domain::event::{Event, EventId};
use crate::domain::lanes::Need;

/// A lane's head, handed to one worker.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The way of its deliveries: the direction makes the lane.
    pub route: Route,
    /// The accounts of the conversation.
    pub ends: Ends,
    /// The conversation as it stands; `None` when nothing is known of it yet.
    pub conversation: Option<Conversation>,
    /// The key of the lane, also when there is no conversation yet.
    pub key: ConversationKey,
    /// The deliveries in order: one, or several that go out as one comment or note. Never empty.
    pub work: Vec<Work>,
    /// The need for which the head was let go, as [`super::Terms::gates`] counted it.
    pub need: Need,
    /// The head counts as accepted no earlier than this, against a wrong date in its record: the time of an opening
    /// before it, or of a set clock.
    pub not_before: Timestamp,
    /// Proves with the verdict that the worker still holds the claim.
    pub fence: u64,
}

/// One delivery of a claim.
#[derive(Clone, Debug)]
pub struct Work {
    /// The delivery as it stood *before* this claim, so the worker sees whether it was unconfirmed, and with the cut that the
    /// claim has recorded.
    pub delivery: Delivery,
    /// Its event.
    pub event: Event,
}

/// A worker's decision about a claim, recorded in one commit or not at all.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The move of each delivery. A delivery without a move keeps its state, except that one in `Sending` counts as
    /// lost and is looked for.
    pub moves: Vec<(EventId, Transition)>,
    /// The number of parts of the (single) delivery known to be out; `None` leaves the number.
    pub parts_sent: Option<u32>,
    /// The vendor's answer to the failed attempt; the store keeps it with the first delivery of the claim.
    pub answer: Option<Answer>,
    /// New facts about the conversation.
    pub changes: Vec<Change>,
    /// Deliveries, waiting or settled, that a note has just reported as not arrived.
    pub noted: Vec<EventId>,
    /// Events that take the place of the claimed one, ahead of the rest of its lane.
    pub instead: Vec<Event>,
    /// Further events that are owed; each goes to the end of its own lane of the conversation.
    pub besides: Vec<Event>,
    /// The conversation that takes over everything waiting under the claim's provisional key.
    pub belongs_to: Option<ConversationKey>,
    /// The accounts of that conversation, should it be a new one; `None` for those of the claim.
    pub ends: Option<Ends>,
}
