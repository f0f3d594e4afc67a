//! The workers of a bridge and the loops that they share: one that hands out the claims of each route, one janitor, one
//! that weighs reports, one that fetches pictures, for each desk a catch-up and a completion of users, and for each carrier a
//! look for texts that no webhook brought, and one at who else answers its customers.
//!
//! A worker serves conversations between one pair of accounts, so a claim goes to the worker of its own pair and never
//! to another. A claim whose account the configuration has lost waits, and a note tells the operator which account it
//! is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::clock::Clock;
use crate::domain::account::{AccountId, Direction, Ends, Route};
use crate::domain::delivery::{Delivery, State, Transition};
use crate::domain::retry::later;
use crate::store::{Claim, Store, Verdict};

use super::answered_twice::{Held, Looks};
use super::begun::Uncounted;
use super::catch_up::CatchUp;
use super::missed_texts::MissedTexts;
use super::{Loop, Retention, Supervisor, Worker, janitor};
use crate::worker::steps::inbound::complete::Completer;

/// How long a claim waits whose account is not configured. An account comes back only with a restart, so the wait
/// bounds what such claims cost meanwhile.
const MISSING_WAIT: Duration = Duration::from_secs(600);

/// How often the store is asked for deliveries that wait for an account that is not configured.
const MISSING_ROUND: Duration = Duration::from_secs(60);

/// The source of the note about accounts that are not configured.
const NOTE: &str = "accounts";

/// The workers of a bridge.
pub struct Crew {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    retention: Retention,
    pub(super) supervisor: Supervisor,
    workers: BTreeMap<Ends, Arc<Worker>>,
    /// The accounts that claims have named in vain, each with the last time.
    missing: Mutex<BTreeMap<AccountId, Timestamp>>,
    /// The carriers whose texts wait.
    held: Held,
}

impl Crew {
    /// A crew of these workers.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        supervisor: Supervisor,
        retention: Retention,
        workers: impl IntoIterator<Item = Worker>,
    ) -> Self {
        let workers: BTreeMap<Ends, Arc<Worker>> =
            workers.into_iter().map(|worker| (worker.ends, Arc::new(worker))).collect();
        let (clock, held) = (supervisor.clock.clone(), Held::until_looked(workers.values()));
        Self { store, clock, retention, supervisor, workers, missing: Mutex::default(), held }
    }

    /// Works until `stop`, then lets running claims finish. The caller sets the deadline: a claim that is dropped in
    /// the middle is found again as unconfirmed.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let supervisor = &self.supervisor;
        let (store, clock, retention) = (self.store.as_ref(), &self.clock, &self.retention);
        tokio::join!(
            join_all(self.routes().into_iter().map(|(route, lead)| self.hand_out(route, lead, &stop, &tasks))),
            join_all(self.desks().into_iter().map(|(desk, lead)| self.keep_desk(desk, lead, &stop))),
            join_all(self.carriers().into_iter().map(|(carrier, lead)| self.keep_carrier(carrier, lead, &stop))),
            supervisor.keep(Loop::Janitor, &stop, || janitor::keep_house(store, clock, retention, &stop)),
            supervisor.keep(Loop::Reports, &stop, || self.weigh_reports(&stop)),
            supervisor.keep(Loop::Accounts, &stop, || self.note_missing(&stop)),
            supervisor.keep(Loop::Pictures, &stop, || self.fetch_pictures(&stop)),
        );
        tasks.close();
        tasks.wait().await;
    }

    /// The supervisor of the crew's loops.
    #[must_use]
    pub fn supervisor(&self) -> Supervisor {
        self.supervisor.clone()
    }

    /// Every pair of accounts that has a worker.
    #[must_use]
    pub fn pairs(&self) -> BTreeSet<Ends> {
        self.workers.keys().copied().collect()
    }

    /// The worker between these accounts.
    pub(super) fn worker(&self, ends: Ends) -> Option<&Arc<Worker>> {
        self.workers.get(&ends)
    }

    /// One of the workers; `None` where there are no accounts.
    pub(super) fn any_worker(&self) -> Option<&Arc<Worker>> {
        self.workers.values().next()
    }

    /// A worker that calls this carrier.
    pub(super) fn at_carrier(&self, carrier: AccountId) -> Option<&Arc<Worker>> {
        self.workers.values().find(|worker| worker.ends.carrier == carrier)
    }

    /// Every route, with a worker that calls the route's account.
    fn routes(&self) -> BTreeMap<Route, &Arc<Worker>> {
        let routes = self.workers.iter().flat_map(|(ends, worker)| ends.routes().map(|route| (route, worker)));
        routes.collect()
    }

    /// Every desk, with the worker between it and the carrier over which its own events go where nothing else tells.
    fn desks(&self) -> BTreeMap<AccountId, &Arc<Worker>> {
        let mut desks = BTreeMap::new();
        for (ends, worker) in &self.workers {
            let is_home = worker.lines.home_of(ends.desk) == Some(*ends);
            if is_home || !desks.contains_key(&ends.desk) {
                desks.insert(ends.desk, worker);
            }
        }
        desks
    }

    /// Every carrier, with a worker that calls it.
    pub(super) fn carriers(&self) -> BTreeMap<AccountId, &Arc<Worker>> {
        self.workers.iter().map(|(ends, worker)| (ends.carrier, worker)).collect()
    }

    /// Runs the loops of one carrier.
    async fn keep_carrier(&self, carrier: AccountId, lead: &Arc<Worker>, stop: &CancellationToken) {
        let missed_texts = async {
            if let Some(every) = lead.options.catch_up {
                let texts = MissedTexts::of(lead);
                self.supervisor.keep(Loop::MissedTexts(carrier), stop, || texts.run(every, stop)).await;
            }
        };
        let looks = Looks::of(lead, &self.held);
        let responders = self.supervisor.keep(Loop::Responders(carrier), stop, || looks.run(stop));
        tokio::join!(missed_texts, responders);
    }

    /// Runs the loops of one desk.
    async fn keep_desk(&self, desk: AccountId, lead: &Arc<Worker>, stop: &CancellationToken) {
        let catch_up = async {
            if let Some(every) = lead.options.catch_up {
                let catch_up = CatchUp::of(lead);
                self.supervisor.keep(Loop::CatchUp(desk), stop, || catch_up.run(every, stop)).await;
            }
        };
        let completer = Completer::of(lead);
        let completions = self.supervisor.keep(Loop::Completions(desk), stop, || completer.run(stop));
        tokio::join!(catch_up, completions);
    }

    /// The task of one claim: the worker of its accounts works on it.
    pub(super) async fn work(&self, claim: Claim, uncounted: Uncounted) {
        let now = self.clock.now();
        let Some(worker) = self.worker(claim.ends) else { return self.put_off_missing(&claim, now).await };
        match self.held.back(&claim, now) {
            Some((cause, until)) => self.put_off(&claim, &cause, until, now).await,
            None => worker.work(claim, uncounted).await,
        }
    }

    /// Puts a claim off for which there is no worker.
    async fn put_off_missing(&self, claim: &Claim, now: Timestamp) {
        let configured = self.configured();
        let missing: Vec<AccountId> =
            claim.ends.accounts().into_iter().filter(|account| !configured.contains(account)).collect();
        let names = missing.iter().map(|account| account.name()).collect::<Vec<_>>().join(" and ");
        self.missing().extend(missing.iter().map(|account| (*account, now)));
        self.tell_missing(now);
        self.put_off(claim, &format!("{names} is not configured"), later(now, MISSING_WAIT), now).await;
    }

    /// Puts a claim off. It keeps its place in its lane and is not given up, however old it is.
    async fn put_off(&self, claim: &Claim, cause: &str, until: Timestamp, now: Timestamp) {
        let put_off = |delivery: &Delivery| match &delivery.state {
            State::Unconfirmed { .. } => {
                Transition::LookAgain { look_at: until, counts: false, cause: cause.to_owned() }
            }
            State::Pending
            | State::Sending { .. }
            | State::Waiting { .. }
            | State::Delivered { .. }
            | State::Skipped { .. }
            | State::Dead { .. }
            | State::Quarantined { .. } => {
                Transition::Postpone { due_at: until, cause: cause.to_owned(), for_budget: false }
            }
        };
        let moves = claim.work.iter().map(|work| (work.delivery.id, put_off(&work.delivery))).collect();
        let recorded = self.store.record(claim, Verdict { moves, ..Verdict::default() }, now).await;
        if let Err(error) = recorded {
            error!(%error, "delivery.not_recorded: a delivery that was put off ({cause}) waits for the end of its lease");
        }
    }

    /// Keeps the note about accounts that are not configured, until `stop`.
    async fn note_missing(&self, stop: &CancellationToken) {
        let mut told = String::new();
        while !stop.is_cancelled() {
            let note = self.tell_missing(self.clock.now());
            if note != told && !note.is_empty() {
                warn!("accounts.missing: {note}");
            }
            told = note;
            let _ = stop.run_until_cancelled(self.clock.sleep(MISSING_ROUND)).await;
        }
    }

    /// Sets or clears the note, and gives its words; empty where no account is missing.
    fn tell_missing(&self, now: Timestamp) -> String {
        let mut missing = self.missing();
        let wait = SignedDuration::try_from(MISSING_WAIT * 2).unwrap_or(SignedDuration::MAX);
        missing.retain(|_, last| now.duration_since(*last) < wait);
        let configured = self.configured();
        let waiting = self.store.counts().waiting;
        let unserved = waiting.into_iter().filter(|(account, many)| *many > 0 && !configured.contains(account));
        let unserved = unserved.map(|(account, _)| account).chain(missing.keys().copied()).map(AccountId::name);
        let names: BTreeSet<String> = unserved.map(str::to_owned).chain(self.not_carriers()).collect();
        if names.is_empty() {
            self.supervisor.readiness.clear_note(NOTE);
            return String::new();
        }
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let note = format!("deliveries wait for {names}, which the configuration does not name");
        self.supervisor.readiness.set_note(NOTE, note.clone());
        note
    }

    /// The desks for which messages to a phone wait: a desk's webhook named a customer by an id that begins with the
    /// name of an account which is no carrier.
    fn not_carriers(&self) -> Vec<String> {
        let desks: BTreeSet<AccountId> = self.workers.keys().map(|ends| ends.desk).collect();
        let waits = |desk: &AccountId| {
            let route = Route { direction: Direction::ToCustomer, account: *desk };
            self.store.next_due(route).is_some()
        };
        desks.into_iter().filter(waits).map(|desk| format!("{desk} as a carrier")).collect()
    }

    fn configured(&self) -> BTreeSet<AccountId> {
        self.workers.keys().flat_map(|ends| ends.accounts()).collect()
    }

    /// Every change is one insertion or removal, so a poisoned lock still holds a whole map.
    fn missing(&self) -> MutexGuard<'_, BTreeMap<AccountId, Timestamp>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
