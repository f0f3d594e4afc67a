//! Which deliveries of a lane go out as one: texts in one comment, notes in one internal comment.
//!
//! It never changes a delivery and never reads one.

use crate::domain::delivery::{Delivery, State};
use crate::domain::event::{Event, EventKind, TicketFields, TicketId};

/// The most text in one merged comment: half of a comment's limit, so that the lines between always fit.
pub(in crate::store) const MERGED_BYTES_MAX: usize = 32 * 1024;

/// The most notes in one: a page to read, and their ids fit the metadata of one update.
pub(in crate::store) const NOTES_MERGED_MAX: usize = 50;

/// The most notes of one conversation searched for mergeable ones.
pub(in crate::store) const NOTES_LOOKED_THROUGH_MAX: usize = 4 * NOTES_MERGED_MAX;

/// The most texts counted behind a head: more than any ticket takes in its period.
pub(in crate::store) const COUNTED_MAX: usize = 64;

/// Whether the head of a lane takes the texts behind it along: it waited for a budget, or its ticket's budget is short
/// for all waiting texts. A head that was tried before may have left a trace under its own words, so it goes alone.
pub(in crate::store) fn takes_others_along(head: &Delivery, is_short: impl FnOnce() -> bool) -> bool {
    matches!(head.state, State::Waiting { attempt: 0, for_budget: true, .. }) || (is_fresh(head) && is_short())
}

/// Whether no attempt was made for a text, and none was put off.
pub(in crate::store) fn is_fresh(delivery: &Delivery) -> bool {
    delivery.state == State::Pending && delivery.first_sent_at.is_none()
}

/// Whether no attempt was made for a note; it may have been put off.
pub(in crate::store) fn is_untried(delivery: &Delivery) -> bool {
    matches!(delivery.state, State::Pending | State::Waiting { attempt: 0, .. }) && delivery.attempts == 0
}

/// The ticket of a note, and the text it adds to a merged one; `None` for any other event.
pub(in crate::store) fn note_bytes(event: &Event) -> Option<(TicketId, usize)> {
    let EventKind::Note(note) = &event.kind else { return None };
    Some((note.ticket_id, note.bytes()))
}

/// The text it adds to a merged comment; `None` for an event that must stand alone.
pub(in crate::store) fn mergeable_bytes(event: &Event) -> Option<usize> {
    match &event.kind {
        EventKind::CustomerText(text)
            if text.keyword.is_none() && text.ticket_id.is_none() && text.fields == TicketFields::default() =>
        {
            Some(text.text.len() + text.media.iter().map(String::len).sum::<usize>())
        }
        EventKind::CustomerText(_)
        | EventKind::AgentReply(_)
        | EventKind::PhoneText(_)
        | EventKind::Template(_)
        | EventKind::TicketSolved(_)
        | EventKind::TicketReopened(_)
        | EventKind::Note(_)
        | EventKind::Unreadable(_) => None,
    }
}
