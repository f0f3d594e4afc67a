//! What the agent is told, in plain words, when something did not arrive. Pure.
//!
//! A note that cannot be written never makes another note.

use jiff::Timestamp;

use crate::domain::event::{Event, EventKind, Note, TicketId};
use crate::store::Claim;

use super::Learnt;

/// The note about a delivery that was given up.
pub(super) fn undelivered(claim: &Claim, learnt: &Learnt, cause: &str, now: Timestamp) -> Option<Event> {
    let head = claim.work.first()?;
    let out = learnt.parts_sent.unwrap_or(head.delivery.parts_sent);
    let text = match &head.event.kind {
        EventKind::AgentReply(reply) => match reply.comment_id {
            Some(comment) => format!("Your reply (comment {comment}) was not texted to the customer: {cause}."),
            None => format!("Your reply was not texted to the customer: {cause}."),
        },
        EventKind::PhoneText(_) if out == 1 => {
            format!("Only the first part of a long reply was texted to the customer; the rest was not: {cause}.")
        }
        EventKind::PhoneText(_) if out > 1 => {
            format!(
                "Only the first {out} parts of a long reply were texted to the customer; the rest was not: {cause}."
            )
        }
        EventKind::PhoneText(text) => match text.comment_id {
            Some(comment) => format!("Your reply (comment {comment}) was not texted to the customer: {cause}."),
            None => format!("A reply was not texted to the customer: {cause}."),
        },
        EventKind::TicketSolved(_) => format!("The closing text was not sent to the customer: {cause}."),
        EventKind::CustomerText(_) => {
            format!("A text from the customer could not be added to this ticket: {cause}.")
        }
        EventKind::TicketReopened(_) | EventKind::Note(_) | EventKind::Unreadable(_) => return None,
    };
    note(claim, text, now)
}

/// The note about a text of which nobody can tell whether it went out, and which waits for the operator.
pub(super) fn unconfirmed(claim: &Claim, cause: &str, now: Timestamp) -> Option<Event> {
    let head = claim.work.first()?;
    match &head.event.kind {
        EventKind::PhoneText(_) | EventKind::TicketSolved(_) => {
            let text = format!(
                "It could not be confirmed that a reply was texted to the customer ({cause}). It may or may not have \
                 arrived; it is kept for the operator and will not be sent again by itself."
            );
            note(claim, text, now)
        }
        EventKind::CustomerText(_) => {
            let text = format!("A text from the customer may or may not have been added to this ticket: {cause}.");
            note(claim, text, now)
        }
        EventKind::AgentReply(_) | EventKind::TicketReopened(_) | EventKind::Note(_) | EventKind::Unreadable(_) => None,
    }
}

fn note(claim: &Claim, text: String, now: Timestamp) -> Option<Event> {
    let ticket_id = ticket_of(claim)?;
    Some(Event { received_at: now, kind: EventKind::Note(Note { ticket_id, text }) })
}

/// The ticket that the delivery is about, or else the conversation's.
fn ticket_of(claim: &Claim) -> Option<TicketId> {
    let named = claim.work.first()?.event.kind.ticket_id();
    named.or_else(|| Some(claim.conversation.as_ref()?.ticket.as_ref()?.id))
}
