//! What the agent is told, in plain words, when something did not arrive. Pure.
//!
//! A note that cannot be written never makes another note.

use jiff::Timestamp;

use crate::clients::zendesk::{CommentView, Withheld, WithheldFor};
use crate::domain::delivery::{Happened, Past};
use crate::domain::event::{AgentReply, CommentId, Event, EventKind, Keyword, Note, PhoneText, Tells, TicketId};
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
    note(claim, text, Tells::NotArrived, now)
}

/// The note about a reply that arrived although one said that it had not. Whether that one was ever written is seen when
/// this one is claimed: it stands behind it in the lane.
pub(super) fn arrived(claim: &Claim, now: Timestamp) -> Option<Event> {
    let head = claim.work.first()?;
    let given_up = |past: &Past| matches!(past.what, Happened::GivenUp | Happened::SetAside);
    if !head.delivery.noted && !head.delivery.past.iter().any(given_up) {
        return None;
    }
    let text = match &head.event.kind {
        EventKind::AgentReply(AgentReply { comment_id: Some(comment), .. }) => {
            format!("Your reply (comment {comment}) is on its way to the customer now, contrary to the note before.")
        }
        EventKind::AgentReply(_) => "Your reply is on its way to the customer now, contrary to the note before.".into(),
        EventKind::PhoneText(PhoneText { comment_id: Some(comment), .. }) => {
            format!("Your reply (comment {comment}) has been texted to the customer now.")
        }
        EventKind::PhoneText(_) => "A reply of which a note said otherwise has been texted to the customer now.".into(),
        EventKind::TicketSolved(_) => "The closing text has been sent to the customer now.".into(),
        // The customer's words stand on the ticket for everybody to see.
        EventKind::CustomerText(_) | EventKind::TicketReopened(_) | EventKind::Note(_) | EventKind::Unreadable(_) => {
            return None;
        }
    };
    note(claim, text, Tells::ArrivedAfterAll, now)
}

/// What several notes say, one below the other; what they say alike, once.
pub(super) fn together<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for text in texts {
        if !lines.contains(&text) {
            lines.push(text);
        }
    }
    lines.join("\n")
}

/// What was not texted.
fn not_texted(comments: &[CommentId]) -> String {
    let ids: Vec<String> = comments.iter().map(ToString::to_string).collect();
    match comments {
        [] => "A reply was not texted".to_owned(),
        [comment] => format!("Your reply (comment {comment}) was not texted"),
        _ => format!("Replies (comments {}) were not texted", ids.join(", ")),
    }
}

/// The note about replies that were written before the ticket was given to the customer whose it is now.
pub(super) fn were_anothers(ticket_id: TicketId, comments: &[CommentId], now: Timestamp) -> Event {
    let text = format!(
        "{}: this ticket had another requester when they were written. Write them again if its present requester is to have \
         them.",
        not_texted(comments)
    );
    fact(ticket_id, text, now)
}

/// The note about replies that were written when the ticket was no longer the customer's.
pub(super) fn not_theirs(ticket_id: TicketId, comments: &[CommentId], now: Timestamp) -> Option<Event> {
    let what = not_texted(comments);
    let text = format!(
        "{what}: this ticket's requester is no longer the customer of its text conversation. To \
         text the new requester, reply publicly on a ticket of theirs that has the tag sms."
    );
    Some(Event { received_at: now, kind: EventKind::Note(Note { ticket_id, text, tells: Tells::Fact }) })
}

/// The note about a customer's text that stands on a ticket which has another requester since.
pub(super) fn written_on_anothers(ticket_id: TicketId, now: Timestamp) -> Event {
    let text = "The last text was written by the customer of this ticket's text conversation, who is no longer its \
                requester. Their next text goes to a ticket of their own.";
    Event { received_at: now, kind: EventKind::Note(Note { ticket_id, text: text.to_owned(), tells: Tells::Fact }) }
}

/// What a subscription keyword did, beside the word that the customer typed.
pub(super) fn keyword(keyword: Keyword, word: &str) -> String {
    let did = match keyword {
        Keyword::OptOut => "they have opted out of texts, and replies on this ticket will not reach the phone",
        Keyword::OptIn => "they have opted in to texts, and replies on this ticket reach the phone",
        Keyword::Help => "they asked for help, and Braze has answered by itself",
    };
    match word.trim() {
        "" => format!("The customer texted a keyword of Braze's: {did}."),
        word => format!("The customer texted \"{word}\", which Braze takes for a keyword: {did}."),
    }
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
            note(claim, text, Tells::NotArrived, now)
        }
        EventKind::CustomerText(_) => {
            let text = format!("A text from the customer may or may not have been added to this ticket: {cause}.");
            note(claim, text, Tells::NotArrived, now)
        }
        EventKind::AgentReply(_) | EventKind::TicketReopened(_) | EventKind::Note(_) | EventKind::Unreadable(_) => None,
    }
}

/// A note that stays true whatever becomes of the delivery.
pub(super) fn fact(ticket_id: TicketId, text: String, now: Timestamp) -> Event {
    Event { received_at: now, kind: EventKind::Note(Note { ticket_id, text, tells: Tells::Fact }) }
}

/// That nothing of a reply can be texted.
pub(super) fn empty(text: &PhoneText) -> String {
    match text.comment_id {
        Some(comment) => format!("Your reply (comment {comment}) holds nothing that can be texted to the customer."),
        None => "A reply holds nothing that can be texted to the customer.".to_owned(),
    }
}

/// That somebody's public comment was not texted although a webhook told of it.
pub(super) fn stranger(comment: CommentId) -> String {
    format!(
        "Comment {comment} was not texted to the customer: its author is not known to be one of your agents. Send it \
         again as an agent if the customer is to have it."
    )
}

/// Which files of a reply do not go to the customer; `None` when all do.
pub(super) fn withheld(comment: &CommentView) -> Option<String> {
    let line = |file: &Withheld| {
        let why = match file.why {
            WithheldFor::Malware => "Zendesk found malware in it",
            WithheldFor::Deleted => "it has been deleted",
            WithheldFor::NoAddress => "Zendesk gives no address for it",
        };
        format!(
            "The file {} of your reply (comment {}) was not sent to the customer: {why}.",
            file.file_name, comment.id
        )
    };
    let lines: Vec<String> = comment.withheld.iter().map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn note(claim: &Claim, text: String, tells: Tells, now: Timestamp) -> Option<Event> {
    let ticket_id = ticket_of(claim)?;
    Some(Event { received_at: now, kind: EventKind::Note(Note { ticket_id, text, tells }) })
}

/// The ticket that the delivery is about, or else the conversation's.
fn ticket_of(claim: &Claim) -> Option<TicketId> {
    let named = claim.work.first()?.event.kind.ticket_id();
    named.or_else(|| Some(claim.conversation.as_ref()?.ticket.as_ref()?.id))
}
