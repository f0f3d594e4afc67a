//! Which deliveries a list shows: a value that its reader fills in, and its test for one delivery.
//!
//! Only a store knows whose deliveries a ticket or digits mean.

use jiff::Timestamp;

use crate::domain::account::AccountId;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Delivery, State, StateName};
use crate::domain::event::{EventId, TicketId};
use crate::domain::kind::KindName;

/// Which deliveries to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only deliveries in this state.
    pub state: Option<StateName>,
    /// Only deliveries of this conversation.
    pub conversation: Option<ConversationKey>,
    /// Only deliveries of the conversation that this ticket belongs, or once belonged, to, and of the ticket itself
    /// while its customer is unknown.
    pub ticket: Option<TicketId>,
    /// Only deliveries of customers whose number ends with these digits; the [`PEOPLE_MAX`] newest of their
    /// conversations count.
    pub phone_end: Option<String>,
    /// Only deliveries that call this account.
    pub account: Option<AccountId>,
    /// Only the delivery with this dispatch id of the carrier's.
    pub dispatch: Option<String>,
    /// Only deliveries accepted in that second or later.
    pub since: Option<Timestamp>,
    /// Only deliveries accepted before that second.
    pub until: Option<Timestamp>,
    /// Without answered doorbells: those that are delivered or skipped.
    pub hide_doorbells: bool,
    /// Only deliveries set aside for the operator, or only all others; both when `None`.
    pub set_aside: Option<bool>,
    /// Without notes to agents.
    pub hide_notes: bool,
    /// From the newest to the oldest, instead of the other way round.
    pub newest_first: bool,
    /// The last delivery of the previous page.
    pub after: Option<EventId>,
    /// The length of the page; a store may have a bound of its own (sled: 1000), and
    /// [`Page::more`](crate::store::Page::more) tells of it.
    pub limit: usize,
}

/// The most conversations that a filter by phone digits takes in.
pub const PEOPLE_MAX: usize = 200;

impl DeliveryFilter {
    /// Whether it wants this delivery, as far as the record tells: neither its customer nor the start of the page is
    /// asked.
    #[must_use]
    pub fn wants(&self, delivery: &Delivery) -> bool {
        let second = delivery.accepted_at.as_second();
        self.state.is_none_or(|state| state == delivery.state.name())
            && self.account.is_none_or(|account| account == delivery.route().account)
            && self.since.is_none_or(|since| second >= since.as_second())
            && self.until.is_none_or(|until| second < until.as_second())
            && self.dispatch.as_ref().is_none_or(|id| delivery.dispatches().any(|dispatch| dispatch == id))
            && !(self.hide_doorbells && is_answered_doorbell(delivery))
            && self.set_aside.is_none_or(|wanted| wanted == delivery.state.is_set_aside())
            && !(self.hide_notes && delivery.kind == KindName::Note)
    }
}

/// Whether it is a doorbell, which tells that an agent replied, and needs no attention any more.
fn is_answered_doorbell(delivery: &Delivery) -> bool {
    delivery.kind == KindName::AgentReply && matches!(delivery.state, State::Delivered { .. } | State::Skipped { .. })
}
