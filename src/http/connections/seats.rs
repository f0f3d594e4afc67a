//! The connections of a listener: since when each is at rest, and which goes first when places run out.
//!
//! A seat is one connection's entry. The connection's task writes its phase, as one number and without a lock, so that
//! a request costs next to nothing here. The watch and the door read that number. Time is counted in ticks.
//!
//! Never reads a socket or a clock: a seat is asked to leave, and its connection decides ([`super::stream`]).

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::http::network::Network;

/// The length of a tick.
pub(super) const TICK: Duration = Duration::from_millis(500);

/// The time for a request's head, or for the rest of a body that was not wanted, to arrive: 10 s.
pub(super) const HEAD_TICKS: u64 = 20;

/// The time a connection may rest before its first request and between two: a little over 120 s. Proxies close theirs
/// after 60 to 120 s, so the proxy closes first and no request meets a closed connection.
pub(super) const REST_TICKS: u64 = 250;

/// The time a connection is left alone in a crowd, from its beginning, its last answer, or the first byte of a head.
pub(super) const GRACE_TICKS: u64 = 4;

/// The time for the last bytes of its answer after a connection was told to end: 20 s.
pub(super) const LEAVE_TICKS: u64 = 40;

/// The activity of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A request has begun, and its head has not ended.
    Head,
    /// A request has been answered, and the rest of its body is read and dropped.
    Lingering,
    /// No request has begun since the last answer.
    Resting,
    /// The connection has been told that its input ends.
    Leaving,
    /// A request is being served.
    Busy,
}

/// The part of a seat's number that holds its phase.
const PHASE_BITS: u32 = 3;

/// A request to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Nothing.
    Nothing,
    /// To make room, unless a fresh request lies unread.
    Room,
    /// To end, because it has had its time.
    Due,
    /// To end at once.
    Now,
}

/// The origin under which connections are counted: an IPv4 address, or an IPv6 network of 64 bits, the size that one
/// subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::http) struct Source(IpAddr);

impl Source {
    /// `None` where connections are not counted: this machine, and trusted proxies.
    pub(super) fn of(address: IpAddr, trusted: &[Network]) -> Option<Self> {
        let address = address.to_canonical();
        let is_exempt = address.is_loopback() || trusted.iter().any(|network| network.contains(address));
        (!is_exempt).then(|| Self::of_all(address))
    }

    /// The same where no address is exempt.
    pub(in crate::http) fn of_all(address: IpAddr) -> Self {
        match address.to_canonical() {
            address @ IpAddr::V4(_) => Self(address),
            IpAddr::V6(address) => Self(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64))),
        }
    }
}

/// One connection.
pub(super) struct Seat {
    number: u64,
    source: Option<Source>,
    seats: Arc<Seats>,
    /// Its phase, and the tick at which that began.
    state: AtomicU64,
    ask: AtomicU8,
    /// Whether it has sent a complete authentic request.
    is_proven: AtomicBool,
    /// Whether the rest of a body that was not wanted is being read.
    lingers: AtomicBool,
    waker: AtomicWaker,
}

impl Seat {
    /// The activity of the connection.
    pub(super) fn phase(&self) -> Phase {
        self.state().0
    }

    fn state(&self) -> (Phase, u64) {
        let state = self.state.load(Ordering::SeqCst);
        let phase = match state & ((1 << PHASE_BITS) - 1) {
            0 => Phase::Head,
            1 => Phase::Lingering,
            2 => Phase::Resting,
            3 => Phase::Leaving,
            _ => Phase::Busy,
        };
        (phase, state >> PHASE_BITS)
    }

    /// Begins this phase now.
    pub(super) fn enter(&self, phase: Phase) {
        self.state.store(self.seats.now() << PHASE_BITS | phase as u64, Ordering::Release);
    }

    /// Notes that the answer has been handed over.
    pub(super) fn answered(&self) {
        self.enter(if self.lingers.load(Ordering::SeqCst) { Phase::Lingering } else { Phase::Resting });
    }

    /// Notes that the rest of a request's body is now read and dropped.
    pub(super) fn linger(&self) {
        self.lingers.store(true, Ordering::SeqCst);
    }

    /// Notes that the rest of the body is no longer read. If the answer goes out at the same moment, the phase may stay
    /// `Lingering`, and the watch ends the connection some seconds later.
    pub(super) fn linger_no_more(&self) {
        self.lingers.store(false, Ordering::SeqCst);
        if self.phase() == Phase::Lingering {
            self.enter(Phase::Resting);
        }
    }

    /// Notes that a complete authentic request came.
    pub(super) fn prove(&self) {
        if !self.is_proven.load(Ordering::Relaxed) {
            self.seats.prove(self);
        }
    }

    /// Sets the task to wake when the connection is asked to leave.
    pub(super) fn wake_with(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    fn ask(&self, ask: Ask) {
        self.ask.store(ask as u8, Ordering::SeqCst);
        self.waker.wake();
    }

    /// The standing request to the connection.
    pub(super) fn asked(&self) -> Ask {
        match self.ask.load(Ordering::SeqCst) {
            0 => Ask::Nothing,
            1 => Ask::Room,
            2 => Ask::Due,
            _ => Ask::Now,
        }
    }

    /// The standing request, unless the connection has done something else since.
    pub(super) fn still_asked(&self) -> Ask {
        let (asked, (phase, since)) = (self.asked(), self.state());
        let ticks = self.seats.now().saturating_sub(since);
        let is_meant = match asked {
            Ask::Nothing | Ask::Now => true,
            Ask::Room => may_go(phase, ticks),
            Ask::Due => overdue(phase, ticks).is_some(),
        };
        if is_meant { asked } else { Ask::Nothing }
    }

    /// Withdraws the request, because the connection does not follow it.
    pub(super) fn decline(&self) {
        self.ask.store(Ask::Nothing as u8, Ordering::SeqCst);
    }
}

/// Gives up its seat when dropped.
pub(super) struct Seated(pub(super) Arc<Seat>);

impl Drop for Seated {
    fn drop(&mut self) {
        self.0.seats.give_up(&self.0);
    }
}

/// All connections of a listener.
pub(super) struct Seats {
    /// The number of connections without an authentic request that one source may have when places run out.
    source_max: usize,
    now: AtomicU64,
    ticked: Notify,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    seats: BTreeMap<u64, Arc<Seat>>,
    /// How many connections without an authentic request each source has.
    unproven: HashMap<Source, usize>,
}

impl Seats {
    pub(super) fn new(source_max: usize) -> Arc<Self> {
        Arc::new(Self { source_max, now: AtomicU64::new(0), ticked: Notify::new(), inner: Mutex::default() })
    }

    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Gives a connection of this source a seat.
    pub(super) fn seat(self: &Arc<Self>, source: Option<Source>) -> Seated {
        let mut inner = self.lock();
        inner.last += 1;
        let seat = Arc::new(Seat {
            number: inner.last,
            source,
            seats: Arc::clone(self),
            state: AtomicU64::new(self.now() << PHASE_BITS | Phase::Resting as u64),
            ask: AtomicU8::new(Ask::Nothing as u8),
            is_proven: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        inner.seats.insert(seat.number, Arc::clone(&seat));
        if let Some(source) = source {
            *inner.unproven.entry(source).or_default() += 1;
        }
        Seated(seat)
    }

    fn give_up(&self, seat: &Seat) {
        let mut inner = self.lock();
        inner.seats.remove(&seat.number);
        if !seat.is_proven.load(Ordering::Relaxed) {
            inner.no_longer_unproven(seat.source);
        }
    }

    fn prove(&self, seat: &Seat) {
        let mut inner = self.lock();
        if !seat.is_proven.swap(true, Ordering::Relaxed) {
            inner.no_longer_unproven(seat.source);
        }
    }

    /// Whether one more connection of this source would be over the limit for one address.
    pub(super) fn is_full_for(&self, source: Option<Source>) -> bool {
        let inner = self.lock();
        source.and_then(|source| inner.unproven.get(&source)).is_some_and(|count| *count >= self.source_max)
    }

    /// Asks up to `count` connections to make room, the longest at rest first; returns how many were asked.
    pub(super) fn make_room(&self, count: usize) -> usize {
        let inner = self.lock();
        let candidates = inner.seats.values().filter_map(|seat| {
            let (phase, since) = seat.state();
            let is_proven = seat.is_proven.load(Ordering::Relaxed);
            let is_crowding = !is_proven
                && seat.source.and_then(|from| inner.unproven.get(&from)).is_some_and(|n| *n > self.source_max);
            let standing = Standing { is_crowding, phase, is_proven, since };
            (seat.asked() == Ask::Nothing).then_some((standing, seat))
        });
        let leaving = first_to_leave(candidates, self.now(), count);
        leaving.iter().for_each(|seat| seat.ask(Ask::Room));
        leaving.len()
    }

    /// Moves time on, and tells overdue connections to end.
    pub(super) fn advance_to(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
        for seat in self.lock().seats.values() {
            let (phase, since) = seat.state();
            if let Some(ask) = overdue(phase, now.saturating_sub(since)) {
                seat.ask(ask);
            }
        }
        self.ticked.notify_waiters();
    }

    /// Ends when time moves on.
    pub(super) fn ticked(&self) -> Notified<'_> {
        self.ticked.notified()
    }

    /// The phases of the connections, oldest first.
    #[cfg(test)]
    pub(super) fn phases(&self) -> Vec<Phase> {
        self.lock().seats.values().map(|seat| seat.phase()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one insertion or removal, so a poisoned lock still holds whole entries.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn no_longer_unproven(&mut self, source: Option<Source>) {
        let Some(source) = source else { return };
        if let Some(count) = self.unproven.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.unproven.remove(&source);
            }
        }
    }
}

/// The rank of a connection in a crowd. Connections go in this order: those of an address over the limit, unfinished
/// heads, those at rest without an authentic request, the others at rest; in each group, the longest first.
#[derive(Clone, Copy, Debug)]
struct Standing {
    is_crowding: bool,
    phase: Phase,
    is_proven: bool,
    since: u64,
}

/// The first `count` candidates to go. A connection that serves a request or is within its grace stays.
fn first_to_leave<T>(candidates: impl Iterator<Item = (Standing, T)>, now: u64, count: usize) -> Vec<T> {
    let mut leaving: Vec<(Standing, T)> =
        candidates.filter(|(standing, _)| may_go(standing.phase, now.saturating_sub(standing.since))).collect();
    leaving.sort_by_key(|(standing, _)| {
        (!standing.is_crowding, standing.phase == Phase::Resting, standing.is_proven, standing.since)
    });
    leaving.truncate(count);
    leaving.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Whether a connection that has been in this phase for so many ticks may be asked to make room. The first tick counts
/// as none, because it may have been nearly over.
fn may_go(phase: Phase, ticks: u64) -> bool {
    matches!(phase, Phase::Head | Phase::Lingering | Phase::Resting) && ticks > GRACE_TICKS
}

/// The request to a connection that has been in this phase for so many ticks, if its time is over.
fn overdue(phase: Phase, ticks: u64) -> Option<Ask> {
    match phase {
        Phase::Head | Phase::Lingering => (ticks > HEAD_TICKS).then_some(Ask::Due),
        Phase::Resting => (ticks > REST_TICKS).then_some(Ask::Due),
        Phase::Leaving => (ticks > LEAVE_TICKS).then_some(Ask::Now),
        Phase::Busy => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(phase: Phase, since: u64) -> Standing {
        Standing { is_crowding: false, phase, is_proven: false, since }
    }

    #[test]
    fn in_a_crowd_the_longest_at_rest_go_first_and_none_before_its_grace() {
        let now = 100;
        let proven = |since| Standing { is_proven: true, ..standing(Phase::Resting, since) };
        let crowding = |phase, since| Standing { is_crowding: true, ..standing(phase, since) };
        let candidates = [
            ("proven, longest", proven(3)),
            ("fresh head", standing(Phase::Head, now - GRACE_TICKS)),
            ("head", standing(Phase::Head, now - GRACE_TICKS - 1)),
            ("rest", standing(Phase::Resting, 20)),
            ("older rest", standing(Phase::Resting, 10)),
            ("busy", standing(Phase::Busy, 0)),
            ("leaving", standing(Phase::Leaving, 0)),
            ("lingering", standing(Phase::Lingering, 50)),
            ("fresh rest", standing(Phase::Resting, now)),
            ("proven", proven(4)),
            ("one too many", crowding(Phase::Resting, 90)),
            ("one too many, fresh", crowding(Phase::Head, now - 1)),
        ];
        let order = |count| first_to_leave(candidates.iter().map(|(name, standing)| (*standing, *name)), now, count);
        let all = ["one too many", "lingering", "head", "older rest", "rest", "proven, longest", "proven"];
        assert_eq!(order(99), all);
        assert_eq!(order(2), all[..2]);
        assert_eq!(order(0), [""; 0]);
    }

    #[test]
    fn everything_but_a_request_being_served_has_its_time() {
        for (phase, ticks, ask) in [
            (Phase::Head, HEAD_TICKS, None),
            (Phase::Head, HEAD_TICKS + 1, Some(Ask::Due)),
            (Phase::Lingering, HEAD_TICKS + 1, Some(Ask::Due)),
            (Phase::Resting, REST_TICKS, None),
            (Phase::Resting, REST_TICKS + 1, Some(Ask::Due)),
            (Phase::Leaving, LEAVE_TICKS, None),
            (Phase::Leaving, LEAVE_TICKS + 1, Some(Ask::Now)),
            (Phase::Busy, u64::MAX, None),
        ] {
            assert_eq!(overdue(phase, ticks), ask, "{phase:?} {ticks}");
        }
        let seconds = |ticks| TICK * u32::try_from(ticks).unwrap();
        assert_eq!(seconds(GRACE_TICKS), Duration::from_secs(2));
        assert_eq!(seconds(HEAD_TICKS), Duration::from_secs(10));
        assert!(seconds(REST_TICKS) > Duration::from_secs(120), "longer than proxies keep theirs");
    }

    #[test]
    fn connections_are_counted_by_address_until_they_prove_themselves_or_end() {
        let seats = Seats::new(2);
        let trusted: Vec<Network> = vec!["10.1.0.0/16".parse().unwrap()];
        let source = |address: &str| Source::of(address.parse().unwrap(), &trusted);
        let stranger = source("203.0.113.9");
        let one = seats.seat(stranger);
        assert!(!seats.is_full_for(stranger));
        let two = seats.seat(source("::ffff:203.0.113.9"));
        assert!(seats.is_full_for(stranger));
        assert!(!seats.is_full_for(source("203.0.113.10")));
        one.0.prove();
        one.0.prove();
        assert!(!seats.is_full_for(stranger));
        let three = seats.seat(stranger);
        assert!(seats.is_full_for(stranger));
        drop((one, three));
        assert!(!seats.is_full_for(stranger));
        drop(two);
        assert!(seats.lock().seats.is_empty() && seats.lock().unproven.is_empty());

        let subscriber = source("2001:db8:0:1::1");
        let _held = [seats.seat(subscriber), seats.seat(source("2001:db8:0:1:ffff::2"))];
        assert!(seats.is_full_for(subscriber));
        assert!(!seats.is_full_for(source("2001:db8:0:2::1")));
        for exempt in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3"] {
            assert_eq!(source(exempt), None, "{exempt}");
        }
        let _more = [seats.seat(None), seats.seat(None), seats.seat(None)];
        assert!(!seats.is_full_for(None));
    }

    #[test]
    fn only_what_an_address_has_beyond_its_limit_goes_first() {
        let seats = Seats::new(2);
        let crowd = Source::of("203.0.113.9".parse().unwrap(), &[]);
        let other = Source::of("203.0.113.10".parse().unwrap(), &[]);
        let oldest = seats.seat(other);
        seats.advance_to(1);
        let crowding = [seats.seat(crowd), seats.seat(crowd), seats.seat(crowd)];
        crowding[2].0.prove();
        seats.advance_to(20);
        assert_eq!(seats.make_room(1), 1);
        assert_eq!(oldest.0.asked(), Ask::Room, "two of three are within the limit, for the third is proven");
        oldest.0.decline();
        let fourth = seats.seat(crowd);
        assert_eq!(seats.make_room(1), 1);
        assert_eq!(oldest.0.asked(), Ask::Nothing);
        assert_eq!(crowding.iter().filter(|seat| seat.0.asked() == Ask::Room).count(), 1, "but not the proven one");
        assert_eq!(crowding[2].0.asked(), Ask::Nothing);
        drop(fourth);
    }
}
