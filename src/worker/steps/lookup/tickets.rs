//! Tickets as a desk shows them: their order, and the changes that they teach a conversation. Pure.

use jiff::Timestamp;

use crate::domain::conversation::{Change, TakenUp};
use crate::domain::event::UserId;
use crate::domain::reading::Counted;
use crate::policy::taking_up::Seen;
use crate::ports::desk::{TicketView, Written};

/// The tickets by number, which grows; a desk lists them in any order.
pub(in crate::worker) fn newest_first(mut tickets: Vec<TicketView>) -> Vec<TicketView> {
    tickets.sort_by_key(|ticket| std::cmp::Reverse(ticket.id));
    tickets
}

/// A ticket that was read at `asked_at`, for its conversation to take up.
pub(in crate::worker) fn taken(ticket: &TicketView, requester: Option<UserId>, asked_at: Timestamp) -> TakenUp {
    TakenUp { ticket: ticket.id, status: ticket.status, since: ticket.updated_at, requester, asked_at }
}

/// A ticket that was read at `asked_at`, for the policy of taking up.
pub(in crate::worker) fn seen(ticket: &TicketView, asked_at: Timestamp) -> Seen {
    Seen {
        ticket: ticket.id,
        status: ticket.status,
        updated_at: ticket.updated_at,
        requester: ticket.requester_id,
        asked_at,
    }
}

/// The changes that a comment of the bridge's own teaches about the known part of its ticket.
pub(in crate::worker) fn own_comment(written: &Written) -> Vec<Change> {
    let ticket = written.ticket.id;
    let comment = written.comment_id.map(|id| Counted { id, public: written.is_public });
    let stamp = Change::Stamp(ticket, written.ticket.updated_at);
    comment.map(|comment| Change::Commented(ticket, comment)).into_iter().chain([stamp]).collect()
}
