//! Finds what webhooks did not bring: Zendesk does not repeat a webhook that found us closed, and its circuit breaker
//! drops them unsent.
//!
//! Each look does three things, cheapest first, and none of them decides what goes to the phone: it rings the doorbell
//! once more, and the ordinary way does the rest, so whatever agents wrote after the last comment forwarded goes out,
//! in order, once.
//!
//! 1. [`given_up`]: where we may read it, Zendesk's own log of our webhooks says what it gave up on.
//! 2. One search names the text conversations that changed of late.
//! 3. [`walk`]: a search index lags, and knows a conversation by its tag only. So, slowly, the tickets that the store
//!    knows are looked at as well.
//!
//! Vendor calls are the scarce thing, and most of what changed of late was changed by the bridge or came by a webhook.
//! So a ticket of which every comment is known to be read ([`crate::domain::reading`]) is not read again: [`compare`]
//! tells by the time of its last change, or else by the number of its comments, which one call brings for a hundred
//! tickets.
//!
//! A ticket that the bridge does not know gives nothing unless the log names the comment, because nobody can tell which
//! of its comments are old. A ticket that was solved or reopened unheard is learnt, and the closing text is not sent
//! late: hours after the fact it answers nothing, and may reach a customer whose ticket is open again.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clients::Failure;
use crate::clients::zendesk::TicketView;
use crate::clock::Trouble;
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::event::{
    AgentReply, CommentId, DedupeKey, Destination, Event, EventKind, Sighting, TicketId, UserId,
};
use crate::domain::retry::later;

use super::Worker;
use super::merged::SMS_TAG;
use compare::Listed;

mod compare;
mod given_up;
mod walk;

/// How much further back each look goes than the last one: Zendesk's search index lags by up to a few minutes.
const OVERLAP: Duration = Duration::from_secs(600);

/// The pause between two rings, so that a catch-up after a long outage leaves most of the rate budget (200 calls a
/// minute on the smallest plan) to what is happening now. While little is left, nothing is rung at all.
const PACE: Duration = Duration::from_secs(1);

/// The least step of the search, whose times are whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// How far the looks have come. Kept in memory: after a start everything of the last day is looked at again, which
/// costs calls and doubles nothing.
#[derive(Debug)]
struct Progress {
    /// What changed after this is still to be searched for.
    search_from: Timestamp,
    /// What is known of Zendesk's log.
    log: given_up::Log,
    /// The conversation that was walked past last; `None` at the beginning of a round.
    walked_to: Option<ConversationKey>,
    /// Tickets of which the store takes no note, and the time of the change that each was rung for last.
    strangers: HashMap<TicketId, Timestamp>,
}

/// What a search has found, beside what was rung for at once.
struct Searched {
    /// For tickets that changed and whose comments are counted: the vendor's number of them tells whether one is new, and
    /// these are rung where it does not.
    doubtful: Vec<Ring>,
    /// From where the next search goes on, once these are settled.
    next_from: Timestamp,
}

/// A doorbell to ring.
#[derive(Clone, Debug)]
struct Ring {
    ticket_id: TicketId,
    comment_id: Option<CommentId>,
    requester_id: Option<UserId>,
    seen: Sighting,
    /// Under which it must not be taken twice.
    keys: Vec<DedupeKey>,
}

impl Ring {
    /// For a ticket that was seen so.
    fn of(ticket: &TicketView, seen: Sighting) -> Self {
        Self { ticket_id: ticket.id, comment_id: None, requester_id: Some(ticket.requester_id), seen, keys: Vec::new() }
    }
}

impl Worker {
    /// Catches up at once and then every so often until `stop`.
    pub(super) async fn catch_up(&self, every: Duration, stop: &CancellationToken) {
        // How long we were down is not known; older than this, a reply would not be texted any more.
        let mut since = before(self.clock.now(), self.options.retry.give_up_after);
        if let Some(lost) = self.store.lost_time() {
            since = since.min(lost.since);
        }
        let log = given_up::Log::new(since);
        let search_from = before(since, OVERLAP);
        let mut progress = Progress { search_from, log, walked_to: None, strangers: HashMap::new() };
        let (mut is_dated, sets) = (false, self.clock.sets());
        while !stop.is_cancelled() {
            let differs = matches!(self.clock.trouble(), Some(Trouble::Differs(_)));
            if !is_dated && (differs || *sets.borrow() > 0) {
                // The start was dated by a wrong clock, and Zendesk has told its time since; the clock may be right by now.
                let since = before(self.clock.vendors_now(), self.options.retry.give_up_after);
                progress.search_from = progress.search_from.min(before(since, OVERLAP));
                is_dated = true;
            }
            let now = self.clock.now();
            // What would be found reads from Zendesk and waits in the lanes to Braze. The look is made up for later.
            let paused = |destination| self.store.paused(destination).is_some_and(|pause| !pause.has_ended(now));
            if !paused(Destination::Zendesk) && !paused(Destination::Braze) {
                self.look(&mut progress, now, stop).await;
            }
            // Of a clock that was set back meanwhile, nothing can be told.
            let spent = Duration::try_from(self.clock.now().duration_since(now)).unwrap_or_default();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.clock.sleep(every.saturating_sub(spent)) => {}
            }
        }
    }

    /// Looks once, in every way.
    async fn look(&self, progress: &mut Progress, now: Timestamp, stop: &CancellationToken) {
        let given_up = self.read_log(&mut progress.log, now).await;
        if let Some(oldest) = given_up.oldest() {
            progress.search_from = progress.search_from.min(before(oldest, OVERLAP));
        }
        let is_rung = self.ring(&progress.log.rings, stop).await;
        let mut rung: HashSet<TicketId> = progress.log.rings.iter().map(|ring| ring.ticket_id).collect();
        if is_rung {
            progress.log.rings.clear();
        }
        let searched = if is_rung { self.search(progress, now, &mut rung, stop).await } else { None };
        let is_whole = match searched {
            Some(searched) => self.walk(progress, searched, rung, stop).await,
            None => false,
        };
        given_up.tell(is_whole);
    }

    /// Finds every text conversation that changed since the last search, and rings for those that only reading can
    /// settle; `None` when it did not come to its end.
    async fn search(
        &self,
        progress: &mut Progress,
        now: Timestamp,
        rung: &mut HashSet<TicketId>,
        stop: &CancellationToken,
    ) -> Option<Searched> {
        let mut doubtful = Vec::new();
        loop {
            let since = progress.search_from;
            let found = match self.zendesk.tickets_updated(SMS_TAG, since).await {
                Ok(found) => found,
                Err(Failure::Postpone { .. }) => return None,
                Err(failure) => {
                    warn!("catch_up.failed: {}; the next look covers the same time", failure.cause());
                    return None;
                }
            };
            let known = self.known(found.tickets.iter().map(|ticket| ticket.id)).await?;
            let mut rings = Vec::new();
            for ticket in found.tickets.iter().filter(|ticket| !rung.contains(&ticket.id)) {
                let seen = compare::sighting(ticket, ticket.updated_at, found.answered_at);
                match compare::listed(known.get(&ticket.id), ticket) {
                    Listed::Settled => {}
                    Listed::Doubtful => doubtful.push(Ring::of(ticket, seen)),
                    Listed::Unread => rings.push(Ring::of(ticket, seen)),
                    Listed::Stranger => {
                        if progress.strangers.get(&ticket.id).is_none_or(|heard| *heard < ticket.updated_at) {
                            rings.push(Ring::of(ticket, seen));
                        }
                    }
                }
            }
            if !self.ring(&rings, stop).await {
                return None;
            }
            for ring in &rings {
                rung.insert(ring.ticket_id);
                // Only where nothing more can come of the same second.
                progress.strangers.extend(ring.seen.all_there_to.map(|heard| (ring.ticket_id, heard)));
            }
            if !rings.is_empty() {
                info!("catch_up.rung: looked at {} tickets that changed of late", rings.len());
            }
            let Some(cut_off_at) = found.cut_off_at else {
                // By Zendesk's clock, which is the one that tickets are dated by. Ours may be wrong, and that is when no
                // webhook gets in and this search is all there is.
                let next_from = before(found.answered_at.unwrap_or(now), OVERLAP);
                progress.strangers.retain(|_, heard| *heard >= next_from);
                return Some(Searched { doubtful, next_from });
            };
            if !self.settle(&doubtful, stop).await {
                return None;
            }
            doubtful.clear();
            progress.search_from = after_cut(since, cut_off_at);
        }
    }

    /// The conversations that these tickets belong to; `None` when the store does not answer.
    async fn known(&self, tickets: impl Iterator<Item = TicketId>) -> Option<HashMap<TicketId, Conversation>> {
        let tickets: Vec<TicketId> = tickets.collect();
        match self.store.conversations_on(&tickets).await {
            Ok(known) => Some(known.into_iter().collect()),
            Err(error) => {
                warn!(%error, "catch_up.not_read: the next look will go on");
                None
            }
        }
    }

    /// Waits while little is left of the rate budget, and before a ring that follows another; false when it is time to
    /// stop.
    async fn pace(&self, is_first: bool, stop: &CancellationToken) -> bool {
        let mut may_go = is_first;
        while !may_go || self.zendesk.is_budget_low() {
            let next = later(self.clock.now(), PACE);
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                () = self.clock.sleep_until(next) => {}
            }
            may_go = true;
        }
        true
    }

    /// Rings once for each; false when not all could be rung.
    async fn ring(&self, rings: &[Ring], stop: &CancellationToken) -> bool {
        for (rung, ring) in rings.iter().enumerate() {
            if !self.pace(rung == 0, stop).await {
                return false;
            }
            let now = self.clock.now();
            let Ring { ticket_id, comment_id, requester_id, seen, .. } = *ring;
            let caught_up = Some(seen);
            let reply = AgentReply { ticket_id, comment_id, external_user_id: None, requester_id, caught_up };
            let event = Event { received_at: now, kind: EventKind::AgentReply(reply) };
            if let Err(error) = self.store.accept(event, ring.keys.clone(), now).await {
                warn!(%error, "catch_up.not_stored: the next look will find it");
                return false;
            }
        }
        true
    }
}

/// Where to go on when a list was cut off: its oldest come first. Always some way further, be there more in one second
/// than a list holds.
fn after_cut(since: Timestamp, cut_off_at: Timestamp) -> Timestamp {
    before(cut_off_at, SECOND).max(later(since, SECOND))
}

fn before(at: Timestamp, age: Duration) -> Timestamp {
    at.checked_sub(age).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_was_cut_off_goes_on_and_never_stays() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(after_cut(at(100), at(500)), at(499), "the last second may hold more");
        for stuck in [100, 101, 99] {
            assert_eq!(after_cut(at(100), at(stuck)), at(101), "{stuck}");
        }
    }
}
