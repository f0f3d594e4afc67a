//! Looks at the tickets that the store knows, a few at a time: for what no search names, because its index is behind or
//! because a ticket has lost its tag.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clients::Failure;
use crate::clients::zendesk::{TICKETS_AT_ONCE, TicketView};
use crate::domain::conversation::{Conversation, ConversationKey, Ticket};
use crate::domain::retry::later;
use crate::worker::Worker;

use super::Ring;

/// Conversations that are gone through in one look, to find [`TICKETS_AT_ONCE`] that are alive.
const CONVERSATIONS_MAX: usize = 1000;

/// How far Zendesk's clock may be from ours before a change is overlooked. A ticket that changed as shortly before the
/// look is rung once more than is needed.
const CLOCKS_APART: Duration = Duration::from_secs(60);

impl Worker {
    /// Looks at the next hundred live conversations, in one call, and rings for those whose ticket has changed since
    /// the bridge last heard of it.
    pub(super) async fn walk(&self, walked_to: &mut Option<ConversationKey>, stop: &CancellationToken) {
        if self.zendesk.is_budget_low() {
            return;
        }
        let page = match self.store.conversations(walked_to.as_ref(), CONVERSATIONS_MAX).await {
            Ok(page) => page,
            Err(error) => return warn!(%error, "catch_up.not_read: the next look will go on"),
        };
        let now = self.clock.now();
        let live = page.items.iter().filter_map(|known| Some((known, live_ticket(known, now, self.options.reopen)?)));
        let live: Vec<(&Conversation, &Ticket)> = live.take(TICKETS_AT_ONCE).collect();
        let ends_here = live.len() == TICKETS_AT_ONCE || page.more;
        let last = if live.len() == TICKETS_AT_ONCE { live.last().map(|(known, _)| *known) } else { page.items.last() };
        let next = last.filter(|_| ends_here).map(|known| known.key.clone());
        if live.is_empty() {
            *walked_to = next;
            return;
        }
        let ids: Vec<_> = live.iter().map(|(_, ticket)| ticket.id).collect();
        let found = match self.zendesk.tickets(&ids).await {
            Ok(found) => found,
            Err(Failure::Postpone { .. }) => return,
            Err(failure) => return warn!("catch_up.walk_failed: {}; the next look tries again", failure.cause()),
        };
        let heard = |id| live.iter().find(|(_, ticket)| ticket.id == id).map(|(_, ticket)| *ticket);
        let changed = found.iter().filter(|ticket| heard(ticket.id).is_some_and(|heard| has_changed(ticket, heard)));
        let rings: Vec<Ring> = changed.map(|ticket| Ring::of(ticket, now)).collect();
        if self.ring(&rings, stop).await {
            *walked_to = next;
        }
        if !rings.is_empty() {
            info!("catch_up.walked: looked at {} tickets that no search named", rings.len());
        }
    }
}

/// Whether something may have happened on the ticket since the bridge last heard of it.
fn has_changed(ticket: &TicketView, heard: &Ticket) -> bool {
    ticket.status != heard.status || later(ticket.updated_at, CLOCKS_APART) > heard.seen_at
}

/// The conversation's ticket, where an agent may still write on it: unsolved, or solved so lately that it would be
/// reopened.
fn live_ticket(conversation: &Conversation, now: Timestamp, reopen: Duration) -> Option<&Ticket> {
    let ticket = conversation.ticket.as_ref()?;
    (ticket.status.is_unsolved() || later(ticket.since, reopen) >= now).then_some(ticket)
}
