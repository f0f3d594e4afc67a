//! A doorbell to ring for a ticket that a look has seen. It never tells of the ticket's comments.

use crate::domain::event::{CommentId, DedupeKey, Sighting, TicketId, UserId};
use crate::ports::desk::TicketView;

/// A doorbell to ring.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    pub(super) ticket_id: TicketId,
    pub(super) comment_id: Option<CommentId>,
    pub(super) requester_id: Option<UserId>,
    pub(super) seen: Sighting,
    /// The dedupe keys that keep it from being taken twice.
    pub(super) keys: Vec<DedupeKey>,
}

impl Ring {
    /// The ring for a ticket that was seen so.
    pub(super) fn of(ticket: &TicketView, seen: Sighting) -> Self {
        Self { ticket_id: ticket.id, comment_id: None, requester_id: Some(ticket.requester_id), seen, keys: Vec::new() }
    }
}
