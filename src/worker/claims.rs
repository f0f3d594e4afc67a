//! Claims due work, as many heads in one request as there are free workers, and hands each claim to a task of its own.
//!
//! A claim never waits inside: work that needs room in a rate budget, or a vendor that does not answer, is not
//! claimed before it can go. So only work takes a place, and hundreds of tickets that hang leave places for others.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::domain::account::{AccountId, Direction, End, Route};
use crate::domain::lanes::{Gates, Need};
use crate::domain::retry::later;
use crate::ports::Account;
use crate::store::{Claim, Terms};
use crate::telemetry::Trouble;

use super::begun::Begun;
use super::{Crew, Loop, Worker};

/// Claims worked on at once, for each route. Many, because one whose vendor hangs keeps its place for as long as a
/// call may take, and costs a connection and some kilobytes meanwhile; how many calls a vendor gets, the rate budgets
/// say.
const PLACES: usize = 1024;

/// The most texts that are merged into one comment, while the rate budget of their ticket is short: a screenful,
/// which an agent still reads as one.
const MERGE_MAX: usize = 20;

/// The longest wait for a free place where few are given out; a result that frees one ends it earlier.
const FEW_PLACES_WAIT: Duration = Duration::from_secs(1);

/// The longest wait between two claims.
const REST_MAX: Duration = Duration::from_secs(60);

/// The most heads of one request: some tens share its commit, and texts which come meanwhile hardly wait.
const HEADS_MAX: usize = 64;

/// Whether something may be claimed now.
enum Turn {
    /// So many heads at most, and one at least.
    Claim(usize),
    /// Nothing before this time, unless the store changes.
    Rest(Timestamp),
    /// The vendor has to be asked whether it answers again.
    Ask,
}

impl Crew {
    /// Claims the deliveries that are due on one route until `stop`, and starts that again where it ended before. `lead`
    /// is a worker that calls the route's account.
    pub(super) async fn hand_out(
        self: &Arc<Self>,
        route: Route,
        lead: &Worker,
        stop: &CancellationToken,
        tasks: &TaskTracker,
    ) {
        // Claims at work keep their places over a restart of the loop.
        let (places, begun) = (Arc::new(Semaphore::new(PLACES)), Begun::default());
        let start = || self.claim_loop(route, lead, (&places, &begun), stop, tasks);
        self.supervisor().keep(Loop::Claims(route), stop, start).await;
    }

    /// Waits for a place among the [`PLACES`] before the request, and asks for no more heads than there are free places, so
    /// that no lease runs while its holder stands in line.
    async fn claim_loop(
        self: &Arc<Self>,
        route: Route,
        lead: &Worker,
        (places, begun): (&Arc<Semaphore>, &Begun),
        stop: &CancellationToken,
        tasks: &TaskTracker,
    ) {
        let mut is_away = lead.asks(route) && lead.readiness.trouble(route.account, Trouble::Unreachable).is_some();
        loop {
            let place = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                place = Arc::clone(places).acquire_owned() => place,
            };
            let Ok(place) = place else { return };
            let now = lead.clock.now();
            let at_work = PLACES.saturating_sub(places.available_permits()).saturating_sub(1);
            if is_away && !lead.account(route.account).breaker().is_open() {
                is_away = false;
                lead.note_back(route.account);
            }
            let most = match lead.turn(route, at_work, now) {
                Turn::Claim(most) => most,
                Turn::Rest(until) => {
                    drop(place);
                    lead.rest(route, Some(until), stop).await;
                    continue;
                }
                Turn::Ask => {
                    drop(place);
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return,
                        is_news = lead.ask_whether_it_answers(route.account) => is_away |= is_news,
                    }
                    continue;
                }
            };
            let mut gates = lead.gates(route, most, begun);
            let terms = lead.terms(gates.clone().for_heads(most), now);
            match lead.store.claim(route, now, terms, most).await {
                Ok(claims) => {
                    claims.iter().for_each(|claim| gates.begin(claim.need));
                    // After a full answer, and one that a budget may have cut short, more may be due.
                    let is_all = claims.is_empty() || (claims.len() < most && !gates.is_any_shut());
                    self.start(claims, &gates, place, (places, begun), tasks);
                    if is_all {
                        let due = [lead.store.next_due(route), gates.open_at()].into_iter().flatten().min();
                        tokio::select! {
                            biased;
                            () = lead.rest(route, due, stop) => {}
                            () = begun.fewer(), if gates.is_any_shut() => {}
                        }
                    }
                }
                Err(error) => {
                    drop(place);
                    error!(%route, %error, "worker.claim_failed: no delivery could be claimed");
                    lead.rest(route, Some(later(now, Duration::from_secs(1))), stop).await;
                }
            }
        }
    }

    /// Starts a task for each claim. Every claim is started, also while the bridge stops: one without a holder would close its
    /// lane until the lease ends. The first has the given place, and each other one of its own.
    fn start(
        self: &Arc<Self>,
        claims: Vec<Claim>,
        gates: &Gates,
        first: OwnedSemaphorePermit,
        (places, begun): (&Arc<Semaphore>, &Begun),
        tasks: &TaskTracker,
    ) {
        let mut first = Some(first);
        for claim in claims {
            // There are as many places as heads were asked for, because only this loop takes them.
            let place = first.take().or_else(|| Arc::clone(places).try_acquire_owned().ok());
            let (crew, uncounted) = (Arc::clone(self), begun.begin(claim.need, gates));
            tasks.spawn(async move {
                crew.work(claim, uncounted).await;
                drop(place);
            });
        }
    }
}

impl Worker {
    /// The turn that the vendor's standing allows while `at_work` claims run.
    fn turn(&self, route: Route, at_work: usize, now: Timestamp) -> Turn {
        if let Some(until) = self.pauses.until(route.account, now) {
            return Turn::Rest(until);
        }
        // A destination that the operator has paused gets no deliveries and no question.
        let asks = self.store.paused(route.account).is_none_or(|pause| pause.has_ended(now));
        let ask_at = self.account(route.account).breaker().ask_at(now).filter(|_| asks);
        match ask_at {
            // While the account is being asked, that time is past.
            Some(at) if !self.asks(route) => return Turn::Rest(at.max(later(now, FEW_PLACES_WAIT))),
            Some(at) => return if at <= now { Turn::Ask } else { Turn::Rest(at) },
            None => {}
        }
        let most = if self.pauses.is_on_trial(route.account, now) { 1 } else { PLACES };
        match self.account(route.account).breaker().places(most, now).saturating_sub(at_work) {
            0 => Turn::Rest(later(now, FEW_PLACES_WAIT)),
            free => Turn::Claim(free.min(HEADS_MAX)),
        }
    }

    /// How many heads with each need may be begun now, beside those that have not called yet, for `most` heads at most.
    fn gates(&self, route: Route, most: usize, begun: &Begun) -> Gates {
        let needs: &[Need] = match (route.direction, self.ends.end(route.account)) {
            (Direction::ToDesk, _) => &[Need::KnownTicket, Need::NewTicket, Need::Note],
            (Direction::ToCustomer, Some(End::Desk)) => &[Need::Comments],
            (Direction::ToCustomer, Some(End::Carrier) | None) => &[Need::Text],
        };
        // Read before the budget, so that a head that calls meanwhile is in both counts and never in neither.
        let begun = begun.by_pool();
        let most = most.saturating_add(begun.values().copied().max().unwrap_or_default());
        let mut gates = self.account(route.account).gates(needs, most);
        begun.into_iter().for_each(|(pool, heads)| gates.take(pool, heads));
        gates
    }

    fn terms(&self, gates: Gates, now: Timestamp) -> Terms {
        Terms { merge_up_to: MERGE_MAX, gates, is_short: self.desk.is_short(now), cut: self.cut_now() }
    }

    /// Waits until the store has changed, the next head falls due, or `stop`. The store keeps a change that comes
    /// between the claim and this wait.
    ///
    /// The wait is [`REST_MAX`] at most, because a time may come from a clock that was wrong, and because the end of
    /// a lease is no change of the store.
    async fn rest(&self, route: Route, due: Option<Timestamp>, stop: &CancellationToken) {
        let longest = later(self.clock.now(), REST_MAX);
        let until_due = self.clock.sleep_until(due.map_or(longest, |due| due.min(longest)));
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.store.changed(route) => {}
            () = until_due => {}
        }
    }

    /// Asks a vendor for a small object. True when this call shows first that the vendor does not answer.
    async fn ask_whether_it_answers(&self, account: AccountId) -> bool {
        let failed = if account == self.ends.desk {
            self.desk.lets_us_in().await.err()
        } else {
            let any = self.lines.of_carrier(account).next().map_or("", |line| line.forms.agent_reply.as_str());
            self.carrier.probe(any).await.err()
        };
        let now = self.clock.now();
        // Any answer has closed the breaker.
        let is_news = self.account(account).breaker().still_unanswered(now);
        if is_news {
            let cause = failed.as_ref().map_or("no answer", |failure| failure.cause());
            warn!(
                destination = account.name(),
                "destination.unreachable: {cause}; it is asked at intervals, and nothing else is tried"
            );
            self.readiness.set_trouble(account, Trouble::Unreachable, cause, now);
            self.metrics.set_unreachable(account, true);
        }
        is_news
    }

    fn note_back(&self, account: AccountId) {
        info!(destination = account.name(), "destination.reached: it answers again");
        self.readiness.clear_trouble(account, Trouble::Unreachable);
        self.metrics.set_unreachable(account, false);
    }

    /// Whether the loop of this route is the one that asks a silent account. Doorbells leave it to the loop of texts.
    fn asks(&self, route: Route) -> bool {
        route.direction == Direction::ToDesk || route.account == self.ends.carrier
    }

    /// The account of this name, which is one of the worker's two.
    fn account(&self, account: AccountId) -> &dyn Account {
        if account == self.ends.desk { self.desk.as_ref() } else { self.carrier.as_ref() }
    }
}
