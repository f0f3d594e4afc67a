//! The facts that a claim brings along: the customer's user, the recipient, the tickets, the deliveries to report, and
//! the time that it waited for the customer. Pure.

use jiff::Timestamp;

use crate::domain::arrival;
use crate::domain::conversation::{Change, Conversation};
use crate::domain::delivery::Transition;
use crate::domain::event::{EventId, TicketId, UserId};
use crate::domain::kind::KindName;
use crate::domain::line::By;
use crate::domain::outgoing::{Outgoing, Recipient};
use crate::policy::window;
use crate::store::{Claim, Work};

/// Since when the head of a claim is tried.
pub(super) fn tried_from(claim: &Claim) -> Timestamp {
    let Some(head) = claim.work.first() else { return Timestamp::MIN };
    let known = claim.conversation.as_ref().map(|known| &known.window);
    known.map_or(head.delivery.accepted_at, |known| window::tried_from(known, &head.delivery))
}

/// The change of the conversation that follows from this move of a template.
pub(super) fn taught(claim: &Claim, transition: &Transition) -> Option<Change> {
    let head = claim.work.first()?;
    let stand = window::stand_after(transition).filter(|_| head.delivery.kind == KindName::Template);
    stand.map(Change::AskStands)
}

/// The desk's user who is the conversation's customer.
pub(super) fn requester_of(claim: &Claim) -> Option<UserId> {
    claim.conversation.as_ref()?.requester_id
}

/// The recipient: the customer that the webhook names, or else the conversation's.
pub(super) fn recipient_of(claim: &Claim, by: By) -> Option<Recipient> {
    let message = Outgoing::of(&claim.work.first()?.event.kind)?;
    message.recipient(claim.ends.carrier, by, claim.conversation.as_ref().map(|known| &known.customer))
}

/// The conversation's tickets that the bridge remembers. A text may stand on any of them: an agent may have begun
/// another ticket since it was sent, and the conversation may have gone there.
pub(super) fn recent_tickets(claim: &Claim) -> Vec<TicketId> {
    claim.conversation.iter().flat_map(Conversation::recent_tickets).collect()
}

/// The deliveries that these notes report as not arrived.
pub(super) fn not_arrived<'a>(work: impl Iterator<Item = &'a Work>) -> Vec<EventId> {
    work.filter_map(|work| arrival::noted(&work.delivery, &work.event)).collect()
}
