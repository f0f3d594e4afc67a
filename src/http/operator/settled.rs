//! What the agent is told when an operator settles a text of which a note said that it may not have arrived. Pure.

use jiff::Timestamp;

use crate::domain::conversation::Conversation;
use crate::domain::delivery::{Delivery, Happened};
use crate::domain::event::{Event, EventKind};
use crate::domain::note::{Note, Reply, Saying, Says, Tells};

/// The note; `None` where none said otherwise, and for what stands on the ticket for everybody to see. Whether the note
/// that said otherwise was ever written is seen when this one is claimed: it stands behind it in the lane.
pub(super) fn note(
    delivery: &Delivery,
    event: &Event,
    conversation: Option<&Conversation>,
    now: Timestamp,
) -> Option<Event> {
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
