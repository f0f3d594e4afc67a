//! The state that the writer thread publishes to all threads: numbers, wake-ups, and its health.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::domain::account::{AccountId, Route};
use crate::domain::delivery::StateName;
use crate::domain::event::EventId;
use crate::domain::operator::Pause;
use crate::store::engine::core::Core;
use crate::store::engine::disk::Disk;
use crate::store::engine::epochs::Epochs;
use crate::store::lock::lock;
use crate::store::{COMMIT_MICROS, COMMIT_REQUESTS, CommitStats, Counts, LostTime, Room, StoreError, StoreLimits};

/// The published side of a store.
pub(in crate::store) struct Shared {
    gauges: Mutex<Gauges>,
    /// One bell a route, made when it is first waited for or rung.
    bells: Mutex<BTreeMap<Route, Arc<Notify>>>,
    reports: Notify,
    pictures: Notify,
    /// Set by [`crate::store::Control::close`].
    pub(in crate::store) closed: AtomicBool,
    failure: OnceLock<StoreError>,
    /// Why the medium cannot be reached for now.
    away: Mutex<Option<String>>,
    limits: StoreLimits,
    disk: Disk,
    epochs: Epochs,
    lost_time: Option<LostTime>,
    commits: Mutex<CommitStats>,
}

/// The numbers after a commit.
#[derive(Default)]
pub(in crate::store) struct Gauges {
    pub(in crate::store) by_state: [u64; StateName::ALL.len()],
    pub(in crate::store) waiting: BTreeMap<AccountId, u64>,
    pub(in crate::store) backlog_max: u64,
    pub(in crate::store) oldest: Option<Timestamp>,
    pub(in crate::store) next_due: BTreeMap<Route, Timestamp>,
    pub(in crate::store) pauses: BTreeMap<AccountId, Pause>,
    pub(in crate::store) report_due: Option<Timestamp>,
    pub(in crate::store) unbound: BTreeMap<AccountId, u64>,
}

impl Shared {
    pub(in crate::store) fn new(limits: StoreLimits, core: &Core) -> Self {
        Self {
            gauges: Mutex::default(),
            bells: Mutex::default(),
            reports: Notify::new(),
            pictures: Notify::new(),
            closed: AtomicBool::new(false),
            failure: OnceLock::new(),
            away: Mutex::default(),
            limits,
            disk: core.disk.clone(),
            epochs: core.epochs.clone(),
            lost_time: core.lost_time,
            commits: Mutex::default(),
        }
    }

    /// Publishes the state after a commit.
    pub(in crate::store) fn publish(&self, core: &Core) {
        let count = |(account, count): (&AccountId, &usize)| (*account, u64::try_from(*count).unwrap_or(u64::MAX));
        let due = |route| Some((route, core.next_due(route)?));
        self.show(Gauges {
            by_state: core.index.counts,
            waiting: core.lanes.loaded().by_account().iter().map(count).collect(),
            backlog_max: core.backlog_max(),
            oldest: core.lanes.loaded().oldest(),
            next_due: core.lanes.loaded().routes().filter_map(due).collect(),
            pauses: core.operator.pauses.clone(),
            report_due: core.ledger.next_due(),
            unbound: core.ledger.unbound_of.clone(),
        });
    }

    /// Shows these numbers from now on.
    pub(in crate::store) fn show(&self, gauges: Gauges) {
        *lock(&self.gauges) = gauges;
    }

    /// The wake-up of the caller that waits for work of this destination; it is kept while none waits.
    pub(in crate::store) fn bell(&self, route: Route) -> Arc<Notify> {
        Arc::clone(lock(&self.bells).entry(route).or_default())
    }

    /// Wakes the callers that wait for work of a changed destination.
    pub(in crate::store) fn wake(&self, core: &mut Core) {
        if std::mem::take(&mut core.reports_changed) {
            self.reports.notify_one();
        }
        if std::mem::take(&mut core.pictures_came) {
            self.pictures.notify_one();
        }
        std::mem::take(&mut core.changed).into_iter().for_each(|route| self.bell(route).notify_one());
    }

    /// The one who weighs reports is woken by this.
    pub(in crate::store) fn reports(&self) -> &Notify {
        &self.reports
    }

    /// The caller that fetches pictures is woken by this.
    pub(in crate::store) fn pictures(&self) -> &Notify {
        &self.pictures
    }

    /// When the next report is weighed.
    pub(in crate::store) fn report_due(&self) -> Option<Timestamp> {
        lock(&self.gauges).report_due
    }

    /// How many reports of each carrier there are of which no delivery is known.
    pub(in crate::store) fn unbound(&self) -> BTreeMap<AccountId, u64> {
        lock(&self.gauges).unbound.clone()
    }

    pub(in crate::store) fn measured(&self, requests: usize, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let requests = u64::try_from(requests).unwrap_or(u64::MAX);
        let mut stats = lock(&self.commits);
        stats.busy += took;
        stats.requests += requests;
        // The first bound that is not too low, or the position behind the last.
        stats.by_micros[COMMIT_MICROS.partition_point(|bound| *bound < micros)] += 1;
        stats.by_requests[COMMIT_REQUESTS.partition_point(|bound| *bound < requests)] += 1;
    }

    pub(in crate::store) fn next_due(&self, route: Route) -> Option<Timestamp> {
        lock(&self.gauges).next_due.get(&route).copied()
    }

    pub(in crate::store) fn pauses(&self) -> BTreeMap<AccountId, Pause> {
        lock(&self.gauges).pauses.clone()
    }

    pub(in crate::store) fn counts(&self) -> Counts {
        let gauges = lock(&self.gauges);
        let by_state: BTreeMap<_, _> = StateName::ALL.into_iter().zip(gauges.by_state).collect();
        let waiting = gauges.waiting.clone();
        let (oldest_unsettled, backlog_max) = (gauges.oldest, gauges.backlog_max);
        drop(gauges);
        let room =
            Room { backlog_max, disk_free_bytes: self.disk.free(), disk_floor_bytes: self.limits.disk_floor_bytes };
        Counts { by_state, waiting, oldest_unsettled, commits: *lock(&self.commits), room }
    }

    /// [`crate::store::Queue::lost_time`].
    pub(in crate::store) fn lost_time(&self) -> Option<LostTime> {
        self.lost_time
    }

    /// [`crate::store::Queue::may_be_later`].
    pub(in crate::store) fn may_be_later(&self, id: EventId, than: EventId) -> bool {
        if self.epochs.know(id) { id > than } else { self.lost_time.is_some() }
    }

    /// Stops all further calls.
    pub(in crate::store) fn fail(&self, error: StoreError) {
        self.failure.get_or_init(|| error);
    }

    /// Takes no calls from now on.
    pub(in crate::store) fn stop(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether it takes no calls any more.
    pub(in crate::store) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Whether the store takes calls.
    pub(in crate::store) fn alive(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        self.failure.get().map_or(Ok(()), |failure| Err(failure.clone()))
    }

    /// Tells that the medium cannot be reached, and why; or that it can be again.
    pub(in crate::store) fn tell_away(&self, why: Option<String>) {
        *lock(&self.away) = why;
    }

    pub(in crate::store) fn health(&self) -> Result<(), StoreError> {
        self.alive()?;
        if let Some(why) = lock(&self.away).clone() {
            return Err(StoreError::Away(why));
        }
        let (waiting, backlog_max) = {
            let gauges = lock(&self.gauges);
            (gauges.waiting.values().sum(), gauges.backlog_max)
        };
        if waiting >= backlog_max {
            return Err(StoreError::BacklogFull(waiting));
        }
        self.disk.check(self.limits.disk_floor_bytes)
    }
}
