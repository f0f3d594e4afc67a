//! Finds the replies that webhooks did not bring: a desk does not repeat a webhook that found us closed, and its
//! circuit breaker drops webhooks unsent.
//!
//! Each look does three things, cheapest first. None of them decides which words go to the phone: it rings the
//! doorbell once more, and the ordinary way does the rest. So every comment by an agent after the last one forwarded
//! goes out, in order, once.
//!
//! 1. [`lost_webhooks`]: where we may read it, the desk's own log of our webhooks names the ones that it gave up on.
//! 2. One search names the text conversations that changed of late.
//! 3. [`walk`]: a search index lags, and knows a conversation by its tag only. So the tickets that the store knows
//!    are looked at as well, slowly.
//!
//! Vendor calls are scarce, and most recent changes came from the bridge or by a webhook. So a ticket is not read
//! again when all of its comments are known to be read ([`crate::domain::reading`]): [`compare`] tells by the time of
//! its last change, or else by the number of its comments, which one call brings for a hundred tickets.
//!
//! A ticket that the bridge does not know gives nothing unless the log names the comment, because its old comments
//! cannot be told from new ones. A ticket that was solved or reopened unheard is learnt. Its closing text is not sent
//! late, because hours after the fact it answers nothing, and may reach a customer whose ticket is open again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::{Clock, Trouble};
use crate::domain::account::Ends;
use crate::domain::conversation::{Conversation, ConversationKey};
use crate::domain::event::{AgentReply, Event, EventKind, TicketId, TicketRef};
use crate::domain::line::Lines;
use crate::domain::retry::{before, later};
use crate::ports::{Desk, Failure};
use crate::store::Store;

use super::{Worker, WorkerOptions};
use compare::Listed;
use lost_webhooks::LogReader;
use ring::Ring;

mod compare;
mod lost_webhooks;
mod ring;
mod walk;

/// How much further back each look goes than the last one ended: a desk's search index lags by up to a few minutes.
const OVERLAP: Duration = Duration::from_secs(600);

/// The pause between two rings, so that a catch-up after a long outage leaves most of the rate budget (200 calls a
/// minute on the smallest plan) to present traffic. While little is left, no doorbell is rung at all.
const PACE: Duration = Duration::from_secs(1);

/// The least step of the search, whose times are whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// The looks for replies at one desk.
pub(super) struct CatchUp {
    store: Arc<dyn Store>,
    desk: Arc<dyn Desk>,
    /// The desk, and the carrier over which its events go where no line tells.
    ends: Ends,
    lines: Arc<Lines>,
    clock: Clock,
    log_reader: LogReader,
    /// How far back the first look goes. An older reply would not be texted any more.
    give_up_after: Duration,
    /// How long after its solution a ticket is looked at.
    reopen: Duration,
}

/// The progress of the looks. Kept in memory: after a start, the last day is looked at again, which costs calls and
/// doubles nothing.
#[derive(Debug)]
struct Progress {
    /// The search has still to find the changes after this time.
    search_from: Timestamp,
    /// The known part of the desk's log.
    log: lost_webhooks::Log,
    /// The conversation that was walked past last; `None` at the beginning of a round.
    walked_to: Option<ConversationKey>,
    /// The tickets whose comments the store does not follow, each with the time of the change that it was rung for
    /// last.
    strangers: HashMap<TicketId, Timestamp>,
}

/// The tickets that a search has found, without those that were rung for at once.
struct Searched {
    /// For tickets that changed and whose comments are counted. The vendor's number of comments tells whether one is
    /// new; a ticket is rung for where the number does not tell.
    doubtful: Vec<Ring>,
    /// The start of the next search, once these are settled.
    next_from: Timestamp,
}

impl CatchUp {
    /// The looks at the desk of this worker.
    pub(super) fn of(lead: &Worker) -> Self {
        let WorkerOptions { retry, reopen, public_url, .. } = &lead.options;
        Self {
            store: Arc::clone(&lead.store),
            desk: Arc::clone(&lead.desk),
            ends: lead.ends,
            lines: Arc::clone(&lead.lines),
            clock: lead.clock.clone(),
            log_reader: LogReader {
                account: lead.ends.desk,
                desk: Arc::clone(&lead.desk),
                public_url: public_url.clone(),
                metrics: Arc::clone(&lead.metrics),
                readiness: Arc::clone(&lead.readiness),
            },
            give_up_after: retry.give_up_after,
            reopen: *reopen,
        }
    }

    /// Looks at once, and then each time that `every` has passed, until `stop`.
    pub(super) async fn run(&self, every: Duration, stop: &CancellationToken) {
        let mut since = before(self.clock.now(), self.give_up_after);
        if let Some(lost) = self.store.lost_time() {
            since = since.min(lost.since);
        }
        let log = lost_webhooks::Log::new(since);
        let search_from = before(since, OVERLAP);
        let mut progress = Progress { search_from, log, walked_to: None, strangers: HashMap::new() };
        let (mut is_dated, sets) = (false, self.clock.sets());
        while !stop.is_cancelled() {
            let differs = matches!(self.clock.trouble(), Some(Trouble::Differs(_)));
            if !is_dated && (differs || *sets.borrow() > 0) {
                // A wrong clock dated the start, and the desk has told its time since. The clock may be right by now.
                let since = before(self.clock.vendors_now(), self.give_up_after);
                progress.search_from = progress.search_from.min(before(since, OVERLAP));
                is_dated = true;
            }
            let now = self.clock.now();
            // A ring would read from the desk and wait in the lanes to the carriers. A later look makes up for this one.
            let paused = |destination| self.store.paused(destination).is_some_and(|pause| !pause.has_ended(now));
            let carriers = self.lines.iter().map(|line| line.ends).filter(|ends| ends.desk == self.ends.desk);
            let reaches = carriers.chain([self.ends]).any(|ends| !paused(ends.carrier));
            if !paused(self.ends.desk) && reaches {
                self.look(&mut progress, now, stop).await;
            }
            // A clock that was set back meanwhile cannot tell the time spent.
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
        let given_up = self.log_reader.read(&mut progress.log, now).await;
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
        given_up.tell(self.desk.vendor(), is_whole);
    }

    /// Finds every text conversation that changed since the last search, and rings for those that only reading can
    /// settle. `None` when the search ended early.
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
            let found = match self.desk.tickets_updated(since).await {
                Ok(found) => found,
                Err(Failure::Postpone { .. }) => return None,
                Err(failure) => {
                    let account = self.ends.desk;
                    warn!(%account, "catch_up.failed: {}; the next look covers the same time", failure.cause());
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
                // Noted only where no later change can have the same second.
                progress.strangers.extend(ring.seen.all_there_to.map(|heard| (ring.ticket_id, heard)));
            }
            if !rings.is_empty() {
                info!("catch_up.rung: looked at {} tickets that changed of late", rings.len());
            }
            let Some(cut_off_at) = found.cut_off_at else {
                // By the desk's clock, which dates the tickets. Ours may be wrong, and then no webhook gets in and
                // this search alone finds replies.
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
        let tickets: Vec<TicketRef> = tickets.map(|id| TicketRef { account: self.ends.desk, id }).collect();
        match self.store.conversations_on(&tickets).await {
            Ok(known) => Some(known.into_iter().map(|(ticket, known)| (ticket.id, known)).collect()),
            Err(error) => {
                warn!(%error, "catch_up.not_read: the next look will go on");
                None
            }
        }
    }

    /// Waits while little is left of the rate budget, and before a ring that follows another. False at the stop.
    async fn pace(&self, is_first: bool, stop: &CancellationToken) -> bool {
        let mut may_go = is_first;
        while !may_go || self.desk.is_budget_low() {
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
            if let Err(error) = self.store.accept(event, self.ends.into(), ring.keys.clone(), now).await {
                warn!(%error, "catch_up.not_stored: the next look will find it");
                return false;
            }
        }
        true
    }
}

/// The start of the search after a list that was cut off, whose oldest entries come first. It always moves on, even
/// where one second has more entries than a list holds.
fn after_cut(since: Timestamp, cut_off_at: Timestamp) -> Timestamp {
    before(cut_off_at, SECOND).max(later(since, SECOND))
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
