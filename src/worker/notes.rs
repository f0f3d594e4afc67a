//! The notes that tell agents of texts that did not arrive, as codes with fields. Pure; the words are the mappings'.
//!
//! A note that cannot be written never makes another note.

use jiff::Timestamp;

use crate::domain::comment::CommentView;
use crate::domain::delivery::{Fate, HistoryEntry};
use crate::domain::event::{CommentId, Event, EventKind, TicketId};
use crate::domain::note::{File, Lost, Note, Replies, Reply, Saying, Says, Tells};
use crate::policy::window;
use crate::store::{Claim, Verdict, Work};

/// The note about a delivery that was given up.
pub(super) fn undelivered(claim: &Claim, learnt: &Verdict, cause: &str, now: Timestamp) -> Option<Event> {
    let head = claim.work.first()?;
    let out = learnt.parts_sent.unwrap_or(head.delivery.parts_sent);
    let lost = lost(head, cause);
    let saying = match &head.event.kind {
        EventKind::PhoneText(_) if out > 0 => Saying::ReplyPartlyTexted(Lost { parts: Some(out), ..lost }),
        EventKind::AgentReply(_) | EventKind::PhoneText(_) => Saying::ReplyNotTexted(lost),
        EventKind::Template(_) => Saying::TemplateNotSent(lost),
        EventKind::TicketSolved(_) => Saying::ClosingNotTexted(lost),
        EventKind::CustomerText(_) => Saying::TextNotAdded(lost),
        EventKind::TicketReopened(_) | EventKind::Note(_) | EventKind::Unreadable(_) => return None,
    };
    about(claim, saying, Tells::NotArrived, now)
}

/// The note about a template that went out, or a reply that had waited for its answer.
fn went_at_last(head: &Work, now: Timestamp) -> Option<Event> {
    match &head.event.kind {
        EventKind::Template(template) => Some(fact(template.ticket_id?, Saying::TemplateSent, now)),
        EventKind::PhoneText(text) if window::has_waited(&head.delivery) => {
            let reply = Reply { comment: text.comment_id };
            Some(fact(text.ticket_id?, Saying::WaitingReplyTexted(reply), now))
        }
        EventKind::PhoneText(_)
        | EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::TicketSolved(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => None,
    }
}

/// The note about a reply that arrived although an earlier note said that it had not. Its claim shows whether that
/// note was ever written, because it stands behind it in the lane.
pub(super) fn arrived(claim: &Claim, now: Timestamp) -> Option<Event> {
    let head = claim.work.first()?;
    if let Some(note) = went_at_last(head, now) {
        return Some(note);
    }
    let given_up = |entry: &HistoryEntry| matches!(entry.what, Fate::GivenUp | Fate::SetAside);
    if !head.delivery.noted && !head.delivery.history.iter().any(given_up) {
        return None;
    }
    let saying = match &head.event.kind {
        EventKind::AgentReply(reply) => Saying::ReplyOnItsWay(Reply { comment: reply.comment_id }),
        EventKind::PhoneText(text) => Saying::ReplyTextedNow(Reply { comment: text.comment_id }),
        EventKind::TicketSolved(_) => Saying::ClosingTextedNow,
        // Every agent sees the customer's words on the ticket.
        EventKind::Template(_)
        | EventKind::CustomerText(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => {
            return None;
        }
    };
    about(claim, saying, Tells::ArrivedAfterAll, now)
}

/// The note about replies from before the ticket was given to its present customer.
pub(super) fn were_anothers(ticket_id: TicketId, comments: &[CommentId], now: Timestamp) -> Event {
    fact(ticket_id, Saying::HadAnotherRequester(Replies { comments: comments.to_vec() }), now)
}

/// The note about replies from a time when the ticket was no longer the customer's.
pub(super) fn not_theirs(ticket_id: TicketId, comments: &[CommentId], now: Timestamp) -> Event {
    fact(ticket_id, Saying::HasAnotherRequester(Replies { comments: comments.to_vec() }), now)
}

/// The note about a customer's text that stands on a ticket which has another requester since.
pub(super) fn written_on_anothers(ticket_id: TicketId, now: Timestamp) -> Event {
    fact(ticket_id, Saying::WrittenOnAnothers, now)
}

/// The note about a text in doubt that waits for the operator.
pub(super) fn unconfirmed(claim: &Claim, cause: &str, now: Timestamp) -> Option<Event> {
    let head = claim.work.first()?;
    let lost = lost(head, cause);
    let saying = match &head.event.kind {
        EventKind::PhoneText(_) => Saying::ReplyUnconfirmed(lost),
        EventKind::Template(_) => Saying::TemplateUnconfirmed(lost),
        EventKind::TicketSolved(_) => Saying::ClosingUnconfirmed(lost),
        EventKind::CustomerText(_) => Saying::TextUnconfirmed(lost),
        EventKind::AgentReply(_) | EventKind::TicketReopened(_) | EventKind::Note(_) | EventKind::Unreadable(_) => {
            return None;
        }
    };
    about(claim, saying, Tells::NotArrived, now)
}

/// The note about a stranger's public comment that was not texted although a webhook told of it.
pub(super) fn stranger(ticket_id: TicketId, comment: CommentId, now: Timestamp) -> Event {
    fact(ticket_id, Saying::CommentByStranger(Reply { comment: Some(comment) }), now)
}

/// The notes about files of a reply that do not go to the customer.
pub(super) fn withheld(ticket_id: TicketId, comment: &CommentView, now: Timestamp) -> impl Iterator<Item = Event> {
    let files = comment.withheld.iter();
    let files = files.map(|file| File { comment: comment.id, file: file.file_name.clone(), reason: file.why });
    files.map(move |file| fact(ticket_id, Saying::FileWithheld(file), now))
}

/// The note about a picture that neither its kept copy nor its link brings any more.
pub(super) fn picture_lost(ticket_id: TicketId, now: Timestamp) -> Event {
    fact(ticket_id, Saying::PictureLost, now)
}

/// A note that stays true in every later state of the delivery.
fn fact(ticket_id: TicketId, saying: Saying, now: Timestamp) -> Event {
    Event { received_at: now, kind: EventKind::Note(Note::fact(ticket_id, saying)) }
}

fn about(claim: &Claim, saying: Saying, tells: Tells, now: Timestamp) -> Option<Event> {
    let note = Note { ticket_id: ticket_of(claim)?, says: Says::Coded(saying), tells };
    Some(Event { received_at: now, kind: EventKind::Note(note) })
}

/// The fields of a note about a delivery that ended.
fn lost(head: &Work, cause: &str) -> Lost {
    let comment = match &head.event.kind {
        EventKind::AgentReply(reply) => reply.comment_id,
        EventKind::PhoneText(text) => text.comment_id,
        EventKind::CustomerText(_)
        | EventKind::Template(_)
        | EventKind::TicketSolved(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => None,
    };
    Lost { event: head.delivery.id, comment, parts: None, cause: cause.to_owned() }
}

/// The ticket that the delivery is about, or else the conversation's.
fn ticket_of(claim: &Claim) -> Option<TicketId> {
    let named = claim.work.first()?.event.kind.ticket_id();
    named.or_else(|| Some(claim.conversation.as_ref()?.ticket.as_ref()?.id))
}
