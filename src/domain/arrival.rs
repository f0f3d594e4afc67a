//! The consequences of an arrival after doubt: a look has seen the effect, or an operator has found it.
//!
//! Pure. It never covers a good answer, whose consequences the worker records with that answer.

use jiff::Timestamp;

use crate::domain::conversation::{Change, Conversation, TicketStatus};
use crate::domain::delivery::{Delivery, Fate, State};
use crate::domain::event::{Event, EventId, EventKind};
use crate::domain::note::{Note, Reply, Saying, Says, Tells};

/// The changes of the conversation: a closing text that arrived has told the customer of this solution.
///
/// A ticket whose status changed after the answer was lost is no longer at this solution, and its next solution gets a
/// closing text of its own.
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

/// The delivery whose failure this note tells, now that the note stands on the ticket.
#[must_use]
pub fn noted(delivery: &Delivery, event: &Event) -> Option<EventId> {
    let EventKind::Note(note) = &event.kind else { return None };
    delivery.parent.filter(|_| note.tells == Tells::NotArrived)
}

/// The note that is owed when an operator has found that a delivery arrived. `None` where no note said otherwise, and
/// for deliveries that agents see on the ticket itself. The earlier note may not have been written yet, but it stands
/// before this one in the lane, so that the claim of this one can tell.
#[must_use]
pub fn note(delivery: &Delivery, event: &Event, conversation: Option<&Conversation>, now: Timestamp) -> Option<Event> {
    let set_aside = delivery.history.iter().any(|entry| matches!(entry.what, Fate::SetAside | Fate::GivenUp));
    if !delivery.noted && !set_aside {
        return None;
    }
    let saying = match &event.kind {
        EventKind::PhoneText(text) => Saying::ReplyFoundArrived(Reply { comment: text.comment_id }),
        EventKind::TicketSolved(_) => Saying::ClosingFoundArrived,
        EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::Template(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => return None,
    };
    let ticket = || Some(conversation?.ticket.as_ref()?.id);
    let ticket_id = event.kind.ticket_id().or_else(ticket)?;
    let note = Note { ticket_id, says: Says::Coded(saying), tells: Tells::ArrivedAfterAll };
    Some(Event { received_at: now, kind: EventKind::Note(note) })
}
