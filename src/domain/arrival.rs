//! What follows from it that a delivery of unknown fate arrived: a look has seen it, or an operator has found it.
//!
//! Pure. What a good answer teaches, the worker learns with that answer.

use jiff::Timestamp;

use crate::domain::conversation::{Change, Conversation, TicketStatus};
use crate::domain::delivery::{Delivery, Happened, State};
use crate::domain::event::{Event, EventId, EventKind};
use crate::domain::note::{Note, Reply, Saying, Says, Tells};

/// What the conversation learns of it: behind a closing text, that the customer was told of this solution.
///
/// A ticket of which another status was heard since the answer was lost is no longer at this solution, and the next one
/// has a closing text of its own.
#[must_use]
pub fn learnt(delivery: &Delivery, event: &Event, conversation: Option<&Conversation>) -> Vec<Change> {
    let (EventKind::TicketSolved(change), State::Unconfirmed { since, .. }) = (&event.kind, &delivery.state) else {
        return Vec::new();
    };
    let ticket = conversation.and_then(|known| known.ticket.as_ref());
    let is_this_solution = ticket.is_some_and(|ticket| ticket.id == change.ticket_id && ticket.since <= *since);
    if !is_this_solution {
        return Vec::new();
    }
    vec![Change::Ticket(change.ticket_id, TicketStatus::Solved, *since), Change::ClosingTold(change.ticket_id)]
}

/// The delivery of which a note stands on the ticket, now that the note has arrived, and says that it did not arrive.
#[must_use]
pub fn noted(delivery: &Delivery, event: &Event) -> Option<EventId> {
    let EventKind::Note(note) = &event.kind else { return None };
    delivery.parent.filter(|_| note.tells == Tells::NotArrived)
}

/// The note that is owed when an operator has found that it arrived; `None` where no note said otherwise, and for what
/// stands on the ticket for everybody to see. Whether the note that said otherwise was ever written is seen when this one
/// is claimed: it stands behind it in the lane.
#[must_use]
pub fn note(delivery: &Delivery, event: &Event, conversation: Option<&Conversation>, now: Timestamp) -> Option<Event> {
    let set_aside = delivery.past.iter().any(|past| matches!(past.what, Happened::SetAside | Happened::GivenUp));
    if !delivery.noted && !set_aside {
        return None;
    }
    let saying = match &event.kind {
        EventKind::PhoneText(text) => Saying::ReplyFoundArrived(Reply { comment: text.comment_id }),
        EventKind::TicketSolved(_) => Saying::ClosingFoundArrived,
        EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => return None,
    };
    let ticket = || Some(conversation?.ticket.as_ref()?.id);
    let ticket_id = event.kind.ticket_id().or_else(ticket)?;
    let note = Note { ticket_id, says: Says::Coded(saying), tells: Tells::ArrivedAfterAll };
    Some(Event { received_at: now, kind: EventKind::Note(note) })
}
