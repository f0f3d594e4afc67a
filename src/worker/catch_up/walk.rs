//! Looks at tickets as they are now, a hundred in one call: first those that a search left in doubt, and beside them,
//! a few at a time, those that the store knows. The latter finds tickets that no search names, because the index is
//! behind or the ticket has lost its tag.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::domain::account::Direction;
use crate::domain::conversation::{Change, Conversation, ConversationKey, Ticket};
use crate::domain::event::TicketId;
use crate::domain::reading::Shown;
use crate::domain::retry::later;
use crate::ports::Failure;
use crate::ports::desk::TICKETS_AT_ONCE;

use super::compare::{self, Finding};
use super::ring::Ring;
use super::{CatchUp, Progress, Searched};

/// The most conversations passed in one look, to find [`TICKETS_AT_ONCE`] live ones.
const CONVERSATIONS_MAX: usize = 1000;

/// The next stretch of the walk.
#[derive(Default)]
struct Stretch {
    live: BTreeMap<TicketId, Conversation>,
    next: Option<ConversationKey>,
}

impl CatchUp {
    /// Settles the tickets that the search left in doubt and the next stretch of the walk, in as few calls as hold
    /// them. False after an early end, and then the search has to name the same tickets again.
    pub(super) async fn walk(
        &self,
        progress: &mut Progress,
        searched: Searched,
        mut rung: HashSet<TicketId>,
        stop: &CancellationToken,
    ) -> bool {
        let Searched { doubtful, next_from } = searched;
        rung.extend(doubtful.iter().map(|ring| ring.ticket_id));
        let beside = doubtful.len() % TICKETS_AT_ONCE;
        let (full, rest) = doubtful.split_at(doubtful.len().saturating_sub(beside));
        if !self.settle(full, stop).await {
            return false;
        }
        let stretch = self.stretch(progress, TICKETS_AT_ONCE.saturating_sub(beside), &rung).await;
        if !self.settle_with(rest, &stretch.live, stop).await {
            return false;
        }
        (progress.walked_to, progress.search_from) = (stretch.next, next_from);
        true
    }

    /// The next live conversations, at most `room` of them; none while little is left of the rate budget.
    async fn stretch(&self, progress: &Progress, room: usize, rung: &HashSet<TicketId>) -> Stretch {
        let stay = || Stretch { next: progress.walked_to.clone(), ..Stretch::default() };
        if self.desk.is_budget_low() {
            return stay();
        }
        let page = match self.store.conversations(progress.walked_to.as_ref(), CONVERSATIONS_MAX).await {
            Ok(page) => page,
            Err(error) => {
                warn!(%error, "catch_up.not_read: the next look will go on");
                return stay();
            }
        };
        let now = self.clock.now();
        let (mut stretch, more) = (Stretch::default(), page.more);
        for known in page.items {
            if stretch.live.len() == room {
                return stretch;
            }
            stretch.next = Some(known.key.clone());
            // Two desks have tickets of the same number.
            let live = live_ticket(&known, now, self.reopen).filter(|_| known.ends.desk == self.ends.desk);
            let live = live.map(|ticket| ticket.id);
            if let Some(ticket) = live.filter(|ticket| !rung.contains(ticket)) {
                stretch.live.insert(ticket, known);
            }
        }
        if !more {
            stretch.next = None;
        }
        stretch
    }

    async fn is_waiting(&self, known: &Conversation) -> bool {
        self.store.is_waiting(Direction::ToCustomer, &known.key).await.unwrap_or(false)
    }

    /// Settles tickets that a search named; false when not all could be.
    pub(super) async fn settle(&self, listed: &[Ring], stop: &CancellationToken) -> bool {
        for listed in listed.chunks(TICKETS_AT_ONCE) {
            if !self.settle_with(listed, &BTreeMap::new(), stop).await {
                return false;
            }
        }
        true
    }

    /// Settles tickets that a search named and others that the store knows, in one call.
    async fn settle_with(
        &self,
        listed: &[Ring],
        walked: &BTreeMap<TicketId, Conversation>,
        stop: &CancellationToken,
    ) -> bool {
        let ids: Vec<TicketId> = listed.iter().map(|ring| ring.ticket_id).chain(walked.keys().copied()).collect();
        if ids.is_empty() {
            return true;
        }
        if !self.pace(true, stop).await {
            return false;
        }
        // A ticket may have become that of another conversation, which then follows its comments.
        let Some(named) = self.known(ids.iter().copied()).await else { return false };
        let now = self.clock.now();
        let found = match self.desk.tickets(&ids).await {
            Ok(found) => found,
            Err(Failure::Postpone { .. }) => return false,
            Err(failure) => {
                warn!("catch_up.walk_failed: {}; each ticket that a search named is read", failure.cause());
                return self.ring(listed, stop).await;
            }
        };
        let is_shown = |ring: &&Ring| found.tickets.iter().any(|ticket| ticket.id == ring.ticket_id);
        let mut rings: Vec<Ring> = listed.iter().filter(|ring| !is_shown(ring)).cloned().collect();
        let mut unnamed = 0_usize;
        for ticket in &found.tickets {
            let is_listed = listed.iter().any(|ring| ring.ticket_id == ticket.id);
            let Some(known) = named.get(&ticket.id).or_else(|| walked.get(&ticket.id)) else { continue };
            let seen = compare::sighting(ticket, now, found.answered_at);
            // Behind a text that waits for its customer's answer nothing is read; the look after the answer finds the rest.
            let waits = known.window.asked.is_some() && self.is_waiting(known).await;
            let changes = match compare::shown(known, ticket, is_listed) {
                Finding::Unread if waits => Vec::new(),
                Finding::Settled => compare::recounted(known, ticket).into_iter().collect(),
                Finding::Changed => {
                    let shown = Shown { comments: Vec::new(), whole: false, to: seen.all_there_to };
                    vec![Change::Sighted(ticket.id, seen), Change::Read(ticket.id, shown)]
                }
                Finding::Unread => {
                    rings.push(Ring::of(ticket, seen));
                    unnamed = unnamed.saturating_add(usize::from(!is_listed));
                    continue;
                }
            };
            if changes.is_empty() {
                continue;
            }
            if let Err(error) = self.store.learn(&known.key, changes, now).await {
                warn!(%error, "catch_up.not_stored: the next look will find it");
                return false;
            }
        }
        let is_rung = self.ring(&rings, stop).await;
        if rings.len() > unnamed {
            info!("catch_up.rung: looked at {} tickets that changed of late", rings.len().saturating_sub(unnamed));
        }
        if unnamed > 0 {
            info!("catch_up.walked: looked at {unnamed} tickets that no search named");
        }
        is_rung
    }
}

/// The conversation's ticket, where an agent may still write on it: unsolved, or solved so lately that it would be
/// reopened.
fn live_ticket(conversation: &Conversation, now: Timestamp, reopen: Duration) -> Option<&Ticket> {
    let ticket = conversation.ticket.as_ref()?;
    (ticket.status.is_unsolved() || later(ticket.since, reopen) >= now).then_some(ticket)
}
