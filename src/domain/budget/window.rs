//! The count of one pool: the calls made in its period, the calls that the vendor says are left, and the calls that are
//! expected. It never knows a vendor or the purpose of a call.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::call::{Call, CallKind, Pool};
use super::limit::{Limit, Reached};

/// The longest that a vendor's hint may hold a pool: an hour, because no vendor counts by a longer period.
pub const HOLD_MAX: Duration = Duration::from_secs(3600);

/// The shortest hold: a hint of "now" or of the past must not make a busy loop.
pub const HOLD_MIN: Duration = Duration::from_secs(1);

/// How long a `remaining` without a reset time is believed, and how long a refusal without a hint holds. The usual period
/// is a minute; a sixth of it is soon enough to notice and late enough not to hammer.
pub(super) const HOLD_UNTOLD: Duration = Duration::from_secs(10);

/// The largest limit believed. The highest published ones are 100,000 a minute and 250,000 an hour.
const LIMIT_MAX: u32 = 1_000_000;

/// The number of slices of a period: a freed place is noticed at most a thirtieth of the period late.
const SLICES: i64 = 30;

/// How many tickets or users are counted at once. A desk lets 100 updates a minute through, so no more than 1,000 tickets
/// can have been written in ten minutes on the usual plan, 3,000 on the largest.
pub(super) const KEYS_MAX: usize = 4096;

/// Two reset times this close mean the same window of the vendor: `reset` is given in whole seconds.
const SAME_WINDOW: SignedDuration = SignedDuration::from_secs(2);

/// How long a call is still expected after its time: its lane is claimed within moments, or waits for another reason
/// and asks anew.
const GRACE: SignedDuration = SignedDuration::from_secs(5);

/// The most calls that are expected in one pool; calls beyond them keep no time.
const EXPECTED_MAX: usize = 4096;

/// The call with which work begins that is only supposed.
const NEWCOMER: Call = {
    static UNCOUNTED: Pool = Pool::new("supposed calls", 1, HOLD_MIN);
    static SUPPOSED: CallKind = CallKind { name: "supposed call", draws: &[], refusal_holds: &UNCOUNTED, told: None };
    Call::of(&SUPPOSED)
};

/// An answer's numbers for a pool. They come from outside, so none is believed beyond its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The pool.
    pub pool: &'static Pool,
    /// Calls per period; a zero is ignored.
    pub limit: Option<u64>,
    /// Calls left in the vendor's present window.
    pub remaining: Option<u64>,
    /// When that window ends.
    pub resets_at: Option<Timestamp>,
}

/// A hint of the vendor within its bounds, or [`HOLD_UNTOLD`] from now.
pub(super) fn held(until: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let after = |wait: Duration| now.saturating_add(wait).unwrap_or(Timestamp::MAX);
    until.map_or(after(HOLD_UNTOLD), |until| until.clamp(after(HOLD_MIN), after(HOLD_MAX)))
}

/// Allows at most `capacity` calls in any stretch of one period, and never more than the vendor said were left.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) capacity: u32,
    slice_ms: i64,
    slices: i64,
    /// Slice number and calls in it, oldest first; slices without calls are left out.
    counted: VecDeque<(i64, u32)>,
    /// The calls that the vendor says are left, and the time until which that holds.
    told: Option<(u32, Timestamp)>,
    pub(super) held_until: Option<Timestamp>,
    /// The calls with a time of their own, soonest first.
    expected: Vec<(Timestamp, Call)>,
    /// The latest time seen: a clock that steps back a little must not hand places out twice.
    latest_ms: i64,
}

impl Window {
    pub(super) fn new(capacity: u32, period: Duration) -> Self {
        let period_ms = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
        let slice_ms = (period_ms / SLICES).max(1);
        // Rounded up, so that the slices together are never shorter than the period.
        let slices = period_ms / slice_ms + i64::from(period_ms % slice_ms != 0);
        Self {
            capacity,
            slice_ms,
            slices,
            counted: VecDeque::new(),
            told: None,
            held_until: None,
            expected: Vec::new(),
            latest_ms: i64::MIN,
        }
    }

    /// When the next call may go and still leave so many places for others; `None` means now.
    pub(super) fn opens_at(&mut self, spare: u32, now: Timestamp) -> Option<Timestamp> {
        self.forget(now);
        let told = self.told.and_then(|(remaining, until)| (remaining <= spare).then_some(until));
        [self.held_until, told, self.room_at(spare, now)].into_iter().flatten().max()
    }

    /// When this call may go, after the calls that are expected before it; `None` means now. A call that is expected
    /// itself keeps its time. `None` for the call stands for a newcomer.
    pub(super) fn slot(&mut self, call: Option<Call>, spare: u32, now: Timestamp) -> Option<Timestamp> {
        let opens_at = self.opens_at(spare, now);
        match call.and_then(|call| self.own(call, now)) {
            Some(own) => {
                let at = self.expected.get(own).map(|(at, _)| *at).filter(|at| *at > now);
                opens_at.max(at)
            }
            None if self.expected.is_empty() => opens_at,
            None => self.behind_all(opens_at, spare, now),
        }
    }

    /// How many newcomers may be begun now, one after the other, where each begins with a call that is counted, or booked up
    /// to so far ahead.
    pub(super) fn newcomers(&mut self, spare: u32, ahead: SignedDuration, most: usize, now: Timestamp) -> usize {
        if ahead.is_zero() {
            let is_open = self.opens_at(spare, now).is_none();
            let left = self.left().saturating_sub(spare).saturating_sub(self.soon(now));
            return if is_open { usize::try_from(left).unwrap_or(most).min(most) } else { 0 };
        }
        let mut later = self.clone();
        (0..most).take_while(|_| later.book(spare, ahead, now)).count()
    }

    /// Counts or books a newcomer's call, where it comes soon enough.
    fn book(&mut self, spare: u32, ahead: SignedDuration, now: Timestamp) -> bool {
        match self.slot(None, spare, now) {
            Some(at) if at.checked_sub(ahead).is_ok_and(|begun_at| begun_at > now) => return false,
            Some(at) => self.keep_time(NEWCOMER, at, now),
            None => self.count(NEWCOMER, now),
        }
        true
    }

    /// How many calls are expected within a period.
    fn soon(&self, now: Timestamp) -> u32 {
        let a_period_on = now.saturating_add(self.period()).unwrap_or(Timestamp::MAX);
        let soon = self.expected.iter().take_while(|(at, _)| *at <= a_period_on).count();
        u32::try_from(soon).unwrap_or(u32::MAX)
    }

    /// When a newcomer may go where others are expected.
    fn behind_all(&self, opens_at: Option<Timestamp>, spare: u32, now: Timestamp) -> Option<Timestamp> {
        if opens_at.is_none() && self.left() > spare.saturating_add(self.soon(now)) {
            return None;
        }
        // The call `capacity` places before makes room, whether it was made or is expected.
        let capacity = usize::try_from(self.capacity.saturating_sub(spare).max(1)).unwrap_or(usize::MAX);
        let waiting = self.expected.len();
        let freed = if let Some(before) = waiting.checked_sub(capacity).and_then(|index| self.expected.get(index)) {
            // One slice more than the count needs, so that a call which comes a little late delays none after it.
            Some(before.0.as_millisecond().saturating_add((self.slices + 2).saturating_mul(self.slice_ms)))
        } else {
            let mut back = u32::try_from(capacity - waiting).unwrap_or(u32::MAX);
            let freed = self.counted.iter().rev().find(|(_, calls)| {
                let is_far_enough = *calls >= back;
                back = back.saturating_sub(*calls);
                is_far_enough
            });
            freed.map(|(slice, _)| slice.saturating_add(self.slices + 1).saturating_mul(self.slice_ms))
        };
        let freed = freed.map(|ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX));
        let last = self.expected.last().map(|(at, _)| *at);
        let soonest = now.saturating_add(SignedDuration::from_millis(1)).ok();
        [opens_at, freed, last, soonest].into_iter().flatten().max()
    }

    /// Keeps this time for this call.
    pub(super) fn keep_time(&mut self, call: Call, at: Timestamp, now: Timestamp) {
        if let Some(own) = self.own(call, now) {
            self.expected.remove(own);
        }
        if self.expected.len() < EXPECTED_MAX {
            let behind = self.expected.partition_point(|(other, _)| *other <= at);
            self.expected.insert(behind, (at, call));
        }
    }

    /// The index at which the call is expected. A call that names its ticket or user is recognised; of other calls, any
    /// that is due will do.
    fn own(&self, call: Call, now: Timestamp) -> Option<usize> {
        self.expected.iter().position(|(at, expected)| *expected == call && (call.key.is_some() || *at <= now))
    }

    /// The limit that it keeps, as people are told of it.
    pub(super) fn limit(&self, counted: &'static str) -> Limit {
        Limit { calls: self.capacity, counted, period: self.period(), is_refusal: self.held_until.is_some() }
    }

    pub(super) fn period(&self) -> Duration {
        Duration::from_millis((self.slices * self.slice_ms).unsigned_abs())
    }

    /// When one place is free again, by the bridge's own count; `None` means now.
    fn room_at(&self, spare: u32, now: Timestamp) -> Option<Timestamp> {
        let mut taken = self.taken();
        let mut opens = None;
        for (slice, calls) in &self.counted {
            if taken.saturating_add(spare) < self.capacity {
                break;
            }
            taken = taken.saturating_sub(*calls);
            opens = Some(slice.saturating_add(self.slices + 1).saturating_mul(self.slice_ms));
        }
        // After a small step back of the clock a place may seem to have been free already: one slice is soon enough.
        let soonest = now.as_millisecond().saturating_add(1);
        opens.map(|ms| Timestamp::from_millisecond(ms.max(soonest)).unwrap_or(Timestamp::MAX))
    }

    /// The call is made now.
    pub(super) fn count(&mut self, call: Call, now: Timestamp) {
        self.forget(now);
        if let Some(own) = self.own(call, now) {
            self.expected.remove(own);
        }
        let slice = self.slice();
        match self.counted.back_mut() {
            Some((last, calls)) if *last == slice => *calls = calls.saturating_add(1),
            _ => self.counted.push_back((slice, 1)),
        }
        if let Some((remaining, _)) = &mut self.told {
            *remaining = remaining.saturating_sub(1);
        }
    }

    pub(super) fn learn(&mut self, told: &Told, now: Timestamp) {
        self.forget(now);
        if let Some(limit) = told.limit.filter(|limit| *limit > 0) {
            self.capacity = u32::try_from(limit).unwrap_or(LIMIT_MAX).min(LIMIT_MAX);
        }
        let Some(remaining) = told.remaining else { return };
        let remaining = u32::try_from(remaining).unwrap_or(LIMIT_MAX).min(LIMIT_MAX);
        let until = held(told.resets_at, now);
        self.told = Some(match self.told {
            // An answer of the same window, overtaken by another answer or by calls under way.
            Some((known, known_until))
                if told.resets_at.is_some() && until.duration_since(known_until).abs() <= SAME_WINDOW =>
            {
                (known.min(remaining), until.max(known_until))
            }
            _ => (remaining, until),
        });
    }

    pub(super) fn left(&self) -> u32 {
        let counted = self.capacity.saturating_sub(self.taken());
        self.told.map_or(counted, |(remaining, _)| remaining.min(counted))
    }

    fn taken(&self) -> u32 {
        self.counted.iter().fold(0, |sum: u32, (_, calls)| sum.saturating_add(*calls))
    }

    fn is_idle(&mut self, now: Timestamp) -> bool {
        self.forget(now);
        self.counted.is_empty() && self.expected.is_empty() && self.told.is_none() && self.held_until.is_none()
    }

    fn slice(&self) -> i64 {
        self.latest_ms.div_euclid(self.slice_ms)
    }

    /// Moves to `now` and drops expired counts, hints and expected calls.
    fn forget(&mut self, now: Timestamp) {
        let now_ms = now.as_millisecond();
        let period_ms = self.slices.saturating_mul(self.slice_ms);
        if self.latest_ms.saturating_sub(now_ms) > period_ms && self.latest_ms != i64::MIN {
            // The clock was set back by more than a period. The old counts say nothing about now, and a wait for
            // the old time to come round again could take hours.
            self.counted.clear();
            self.told = None;
            self.held_until = None;
            self.expected.clear();
            self.latest_ms = now_ms;
        }
        self.latest_ms = self.latest_ms.max(now_ms);
        let oldest = self.slice().saturating_sub(self.slices);
        while self.counted.front().is_some_and(|(slice, _)| *slice < oldest) {
            self.counted.pop_front();
        }
        self.expected.retain(|(at, _)| now.duration_since(*at) <= GRACE);
        self.told = self.told.filter(|(_, until)| *until > now);
        self.held_until = self.held_until.filter(|until| *until > now);
    }
}

/// One [`Window`] for each key used lately.
#[derive(Clone, Debug)]
pub(super) struct Keyed {
    counted: &'static str,
    fresh: Window,
    pub(super) windows: HashMap<u64, Window>,
}

impl Keyed {
    pub(super) fn new(pool: &Pool) -> Self {
        Self { counted: pool.counted, fresh: Window::new(pool.calls, pool.period), windows: HashMap::new() }
    }

    /// The limit of this key, if it is reached.
    pub(super) fn reached(&mut self, key: u64, now: Timestamp) -> Option<Reached> {
        let window = self.windows.get_mut(&key)?;
        let until = window.opens_at(0, now)?;
        Some(Reached { limit: window.limit(self.counted), until })
    }

    /// Of the limits that are reached, the one that is freed last.
    pub(super) fn latest(&mut self, now: Timestamp) -> Option<Reached> {
        let counted = self.counted;
        let reached = self.windows.values_mut().filter_map(|window| {
            let until = window.opens_at(0, now)?;
            Some(Reached { limit: window.limit(counted), until })
        });
        reached.max_by_key(|reached| reached.until)
    }

    /// How many calls this key has left, of how many.
    pub(super) fn left(&mut self, key: u64, now: Timestamp) -> (u32, u32) {
        let left = self
            .windows
            .get_mut(&key)
            .map_or(self.fresh.capacity, |window| if window.opens_at(0, now).is_some() { 0 } else { window.left() });
        (left, self.fresh.capacity)
    }

    pub(super) fn of(&mut self, key: u64, now: Timestamp) -> &mut Window {
        if self.windows.len() >= KEYS_MAX && !self.windows.contains_key(&key) {
            self.windows.retain(|_, window| !window.is_idle(now));
            // Where all are busy, the one quiet for longest goes, because it is the nearest to expiring.
            if self.windows.len() >= KEYS_MAX {
                let quietest = self.windows.iter().min_by_key(|(_, window)| window.latest_ms).map(|(key, _)| *key);
                quietest.map(|key| self.windows.remove(&key));
            }
        }
        self.windows.entry(key).or_insert_with(|| self.fresh.clone())
    }
}
