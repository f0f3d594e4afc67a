//! Which deliveries a list shows: a value that its reader fills in, and what it says of one delivery.
//!
//! Of whom a ticket or digits speak, only a store knows.

use jiff::Timestamp;

use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Delivery, State};
use crate::domain::event::{Destination, EventId, TicketId};

/// Which deliveries to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// A state word ([`State::NAMES`](crate::domain::delivery::State::NAMES)); all when `None`.
    pub state: Option<String>,
    /// Only this conversation's.
    pub conversation: Option<ConversationKey>,
    /// Only those of the conversation that this ticket belongs, or once belonged, to, and of the ticket itself while
    /// its customer is not known.
    pub ticket: Option<TicketId>,
    /// Only those of customers whose number ends with these digits; of the [`PEOPLE_MAX`] newest conversations.
    pub phone_end: Option<String>,
    /// Only what goes there.
    pub destination: Option<Destination>,
    /// Only the delivery with this dispatch id of Braze's.
    pub dispatch: Option<String>,
    /// Only what was accepted in that second or later.
    pub since: Option<Timestamp>,
    /// Only what was accepted before that second.
    pub until: Option<Timestamp>,
    /// Without the doorbells that need nobody any more: those that are delivered or skipped.
    pub hide_doorbells: bool,
    /// Only what was set aside for the operator, or only all the rest; both when `None`.
    pub set_aside: Option<bool>,
    /// Without notes to agents.
    pub hide_notes: bool,
    /// From the newest to the oldest, instead of the other way.
    pub newest_first: bool,
    /// Where the last page ended.
    pub after: Option<EventId>,
    /// At most this many; a store may have a bound of its own (sled: 1000), which [`Page::more`](crate::store::Page::more) tells of.
    pub limit: usize,
}

/// How many conversations a filter by phone digits takes in at most.
pub const PEOPLE_MAX: usize = 200;

impl DeliveryFilter {
    /// Whether it wants this delivery, as far as its record tells: not whose it is, and not where the page begins.
    #[must_use]
    pub fn wants(&self, delivery: &Delivery) -> bool {
        let second = delivery.accepted_at.as_second();
        self.state.as_ref().is_none_or(|state| *state == delivery.state.name())
            && self.destination.is_none_or(|destination| destination == delivery.destination)
            && self.since.is_none_or(|since| second >= since.as_second())
            && self.until.is_none_or(|until| second < until.as_second())
            && self.dispatch.as_ref().is_none_or(|id| delivery.dispatches().any(|dispatch| dispatch == id))
            && !(self.hide_doorbells && is_answered_doorbell(delivery))
            && self.set_aside.is_none_or(|wanted| wanted == delivery.state.is_set_aside())
            && !(self.hide_notes && delivery.kind == "note")
    }
}

/// Whether it only told that an agent had replied, and needs nobody any more.
fn is_answered_doorbell(delivery: &Delivery) -> bool {
    delivery.kind == "agent_reply" && matches!(delivery.state, State::Delivered { .. } | State::Skipped { .. })
}
