//! Lanes: the order in which deliveries go out, as a value that a store keeps in memory.
//!
//! A lane is one conversation in one direction, and the unit of order. Its deliveries go out one after the other, in
//! the order of their [`Position`]s; only a delivery that may be out already goes before all others. A conversation's
//! notes to the agent have a lane of their own ([`Track::Notes`]). It is served when no text is ready, so that no
//! customer's text waits for a note. Lanes never know why a delivery waits and never touch a disk: the store tells them
//! of each change that is durable.
//!
//! Every operation is O(log n) in the number of lanes. Within a lane, the ends are O(1), and a position in the middle
//! (an operator's redrive) moves the shorter side. A list of a lane ([`Lanes::positions`], [`Lanes::behind`])
//! takes time in proportion to its length.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::account::{AccountId, Direction, Route};
use crate::domain::conversation::ConversationKey;
use crate::domain::event::EventId;
use crate::domain::kind::Track;

mod gates;

pub use gates::{Gates, Need, Room};

/// The longest that a head is ever put off: the hour that a vendor may ask for
/// ([`crate::domain::retry::RetryPolicy::hint_max`]), and a minute more for small corrections of the clock.
pub const WAIT_MAX: SignedDuration = SignedDuration::from_mins(61);

/// A delivery's position in the order of acceptance: its sequence (48 bits) and its sub (16 bits) in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u64);

impl Position {
    /// The position that an id names; the epoch is not part of it.
    #[must_use]
    pub fn of(id: EventId) -> Self {
        Self((id.sequence << 16) | u64::from(id.sub))
    }

    /// The id of this position in a store of this epoch.
    #[must_use]
    pub fn id(self, epoch: u32) -> EventId {
        EventId { epoch, sequence: self.0 >> 16, sub: self.sub() }
    }

    /// Its sub: 0 for an event from outside.
    #[must_use]
    pub fn sub(self) -> u16 {
        u16::try_from(self.0 & 0xffff).unwrap_or(u16::MAX)
    }
}

/// The most notes that are written at once, over all conversations: few, so that texts keep most of the calls that a
/// vendor takes at a time.
pub const NOTES_AT_ONCE: usize = 4;

/// The name of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneName {
    /// Which way its deliveries go.
    pub direction: Direction,
    /// The class of its deliveries.
    pub track: Track,
    /// The conversation that it belongs to.
    pub conversation: ConversationKey,
}

impl LaneName {
    /// The lane of the conversation's texts in this direction.
    #[must_use]
    pub fn texts(direction: Direction, conversation: ConversationKey) -> Self {
        Self { direction, track: Track::Texts, conversation }
    }

    /// Every lane that a conversation can have.
    #[must_use]
    pub fn all(conversation: &ConversationKey) -> [Self; 3] {
        let lane = |direction, track| Self { direction, track, conversation: conversation.clone() };
        [
            lane(Direction::ToDesk, Track::Texts),
            lane(Direction::ToCustomer, Track::Texts),
            // Notes stand on tickets.
            lane(Direction::ToDesk, Track::Notes),
        ]
    }
}

/// A delivery in its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its position in the lane.
    pub position: Position,
    /// When its event was accepted.
    pub accepted_at: Timestamp,
    /// When it may go; [`Timestamp::MIN`] for at once.
    pub due_at: Timestamp,
    /// Whether its lane hands out nothing else before it: it may be out already, and a later message would hide the trace
    /// that a look searches for; or the others wait for it.
    pub goes_first: bool,
    /// The account that is called for it.
    pub account: AccountId,
}

/// The lease of a lane: a worker has it, and no other may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Proves the claim; no two leases share one.
    pub fence: u64,
    /// When the lease ends, by the monotonic clock.
    pub until: Duration,
    /// The deliveries that the worker works on.
    pub positions: Vec<Position>,
}

/// A lane as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The account that is called for the head. While the lane is held, for the delivery that is worked on.
    pub account: AccountId,
    /// The delivery that goes first.
    pub head: Option<Entry>,
    /// When the oldest delivery was accepted.
    pub oldest: Option<Timestamp>,
    /// The need of the head that could not be met.
    pub apart: Option<Need>,
    /// The lease.
    pub lease: Option<Lease>,
}

/// Every lane that has a delivery or a lease, and the order in which they are served.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: HashMap<Arc<LaneName>, Lane>,
    schedules: BTreeMap<(Route, Track), Schedule>,
    /// The head of every lane, oldest first.
    heads: BTreeMap<Position, Timestamp>,
    /// How many deliveries there are, by the account that is called for them.
    entries: BTreeMap<AccountId, usize>,
}

/// The order in which the lanes of one route and track are served.
#[derive(Debug, Default)]
struct Schedule {
    /// Lanes whose head may go, in the order in which they became ready, so that service is fair.
    ready: BTreeMap<(Timestamp, Position), Arc<LaneName>>,
    /// Lanes whose head may go but had a need that could not be met, by that need.
    apart: [BTreeMap<(Timestamp, Position), Arc<LaneName>>; Need::ALL.len()],
    /// Lanes whose head waits for its time.
    timed: BTreeMap<(Timestamp, Position), Arc<LaneName>>,
    /// Leased lanes, by the end of the lease.
    leased: BTreeMap<(Duration, u64), Arc<LaneName>>,
}

#[derive(Debug)]
struct Lane {
    name: Arc<LaneName>,
    /// In the order of positions.
    queue: VecDeque<Entry>,
    /// The number of entries in doubt.
    goes_first: usize,
    lease: Option<Box<Lease>>,
    /// The account that is called for the head. While the lane is held, for the delivery that is worked on.
    account: AccountId,
    /// The lane's key in its schedule.
    slot: Slot,
    /// The lane's key in [`Lanes::heads`].
    head: Option<Position>,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    None,
    Ready(Timestamp, Position),
    Apart(Need, Timestamp, Position),
    Timed(Timestamp, Position),
}

impl Lanes {
    /// Puts a delivery in its lane, at its position. A delivery that is there already is replaced. Returns the route of the
    /// lane.
    pub fn insert(&mut self, name: &LaneName, entry: Entry) -> Option<Route> {
        if let Some(lane) = self.lanes.get_mut(name)
            && lane.queue.back().is_some_and(|last| last.position < entry.position)
            && !entry.goes_first
        {
            // Most deliveries join the end of a lane, which changes neither its head nor its schedule.
            lane.queue.push_back(entry);
            *self.entries.entry(entry.account).or_default() += 1;
            return Some(lane.schedule().0);
        }
        let mut lane = self.take(name).unwrap_or_else(|| Lane::empty(name, entry.account));
        match lane.find(entry.position) {
            Ok(at) => {
                let before = std::mem::replace(&mut lane.queue[at], entry);
                lane.goes_first -= usize::from(before.goes_first);
                self.uncount(before.account);
            }
            Err(at) => {
                lane.queue.insert(at, entry);
            }
        }
        *self.entries.entry(entry.account).or_default() += 1;
        lane.goes_first += usize::from(entry.goes_first);
        self.put(lane)
    }

    /// Takes a delivery out of its lane, because it settled or goes elsewhere. Tells whether it was there.
    pub fn remove(&mut self, name: &LaneName, position: Position) -> bool {
        let Some(mut lane) = self.take(name) else { return false };
        let found = lane.find(position).ok().and_then(|at| lane.queue.remove(at));
        lane.goes_first -= usize::from(found.is_some_and(|entry| entry.goes_first));
        found.into_iter().for_each(|entry| self.uncount(entry.account));
        self.put(lane);
        found.is_some()
    }

    /// The lane to serve next, with its head: of the free lanes whose head is due at `now` and not set apart behind a
    /// shut gate, the one that became ready first. A lane of notes is served only when no lane of texts is ready. The
    /// lane stays next until it is leased or set apart.
    ///
    /// A head that waits for longer than [`WAIT_MAX`] may go now, because its time comes from a clock that has been set
    /// since.
    pub fn next(&mut self, route: Route, now: Timestamp, gates: &Gates) -> Option<(LaneName, Position)> {
        self.next_of(route, Track::Texts, now, gates).or_else(|| self.next_of(route, Track::Notes, now, gates))
    }

    /// Sets a ready lane apart, because its head has this need. Any change of the lane undoes this, because its next
    /// head may have another need.
    pub fn set_apart(&mut self, name: &LaneName, need: Need) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        let Slot::Ready(since, position) = lane.slot else { return };
        lane.slot = Slot::Apart(need, since, position);
        let at = lane.schedule();
        let schedule = self.schedules.entry(at).or_default();
        if let Some(name) = schedule.ready.remove(&(since, position)) {
            schedule.apart[need as usize].insert((since, position), name);
        }
    }

    fn next_of(&mut self, route: Route, track: Track, now: Timestamp, gates: &Gates) -> Option<(LaneName, Position)> {
        let schedule = self.schedules.get_mut(&(route, track)).filter(|schedule| schedule.has_place(track))?;
        let mut promoted = Vec::new();
        while let Some(first) = schedule.timed.first_entry().filter(|first| first.key().0 <= now) {
            let ((due_at, position), name) = first.remove_entry();
            schedule.ready.insert((due_at, position), name.clone());
            promoted.push((name, Slot::Ready(due_at, position)));
        }
        let latest = now.saturating_add(WAIT_MAX).unwrap_or(Timestamp::MAX);
        while let Some(last) = schedule.timed.last_entry().filter(|last| last.key().0 > latest) {
            let ((_, position), name) = last.remove_entry();
            schedule.ready.insert((now, position), name.clone());
            promoted.push((name, Slot::Ready(now, position)));
        }
        let apart = Need::ALL.iter().filter(|need| !gates.is_shut(**need)).map(|need| &schedule.apart[*need as usize]);
        let firsts = apart.chain([&schedule.ready]).filter_map(BTreeMap::first_key_value);
        let next = firsts.min_by_key(|(since, _)| **since);
        let next = next.map(|((_, position), name)| (LaneName::clone(name), *position));
        for (name, slot) in promoted {
            if let Some(lane) = self.lanes.get_mut(&*name) {
                lane.slot = slot;
            }
        }
        next
    }

    /// A lane as it stands, to be written down; `None` for one without a delivery and a lease.
    #[must_use]
    pub fn standing(&self, name: &LaneName) -> Option<Standing> {
        let lane = self.lanes.get(name)?;
        let oldest = lane.queue.front().copied();
        let apart = match lane.slot {
            Slot::Apart(need, ..) => Some(need),
            Slot::None | Slot::Ready(..) | Slot::Timed(..) => None,
        };
        Some(Standing {
            account: lane.account,
            head: oldest.map(|oldest| lane.first_to_go(oldest)),
            oldest: oldest.map(|oldest| oldest.accepted_at),
            apart,
            lease: lane.lease.as_deref().cloned(),
        })
    }

    /// Takes up a lease that was written down, with the account that is called under it. Its lane may have no delivery.
    pub fn take_up(&mut self, name: &LaneName, account: AccountId, lease: Lease) {
        let mut lane = self.take(name).unwrap_or_else(|| Lane::empty(name, account));
        lane.account = account;
        let schedule = self.schedules.entry(lane.schedule()).or_default();
        schedule.leased.insert((lease.until, lease.fence), lane.name.clone());
        lane.lease = Some(Box::new(lease));
        self.put(lane);
    }

    /// Leases a lane. `false` when there is no such lane or it is leased already.
    pub fn lease(&mut self, name: &LaneName, lease: Lease) -> bool {
        let Some(mut lane) = self.take(name) else { return false };
        let free = lane.lease.is_none();
        if free {
            let schedule = self.schedules.entry(lane.schedule()).or_default();
            schedule.leased.insert((lease.until, lease.fence), lane.name.clone());
            lane.lease = Some(Box::new(lease));
        }
        self.put(lane);
        free
    }

    /// The lease of the lane, if it is leased.
    #[must_use]
    pub fn lease_of(&self, name: &LaneName) -> Option<&Lease> {
        self.lanes.get(name).and_then(|lane| lane.lease.as_deref())
    }

    /// Ends the lease of a lane, if `fence` proves it.
    pub fn release(&mut self, name: &LaneName, fence: u64) -> Option<Lease> {
        self.lease_of(name).filter(|lease| lease.fence == fence)?;
        let mut lane = self.take(name)?;
        let lease = lane.lease.take();
        if let Some(lease) = &lease {
            self.schedules.entry(lane.schedule()).or_default().leased.remove(&(lease.until, lease.fence));
        }
        self.put(lane);
        lease.map(|lease| *lease)
    }

    /// A lane whose lease has expired, if there is one.
    #[must_use]
    pub fn overdue(&self, now: Duration) -> Option<(LaneName, Lease)> {
        self.schedules.values().find_map(|schedule| {
            let (_, name) = schedule.leased.first_key_value().filter(|((until, _), _)| *until <= now)?;
            Some((LaneName::clone(name), self.lease_of(name)?.clone()))
        })
    }

    /// The positions in a lane behind this one, in order.
    pub fn behind(&self, name: &LaneName, position: Position) -> impl Iterator<Item = Position> {
        let queue = self.lanes.get(name).map(|lane| &lane.queue);
        let from = queue.map_or(0, |queue| queue.partition_point(|entry| entry.position <= position));
        queue.into_iter().flat_map(move |queue| queue.range(from..)).map(|entry| entry.position)
    }

    /// Whether this lane has neither a delivery nor a lease.
    #[must_use]
    pub fn is_idle(&self, name: &LaneName) -> bool {
        !self.lanes.contains_key(name)
    }

    /// All positions in a lane, in order.
    #[must_use]
    pub fn positions(&self, name: &LaneName) -> Vec<Position> {
        self.lanes.get(name).map(|lane| lane.queue.iter().map(|entry| entry.position).collect()).unwrap_or_default()
    }

    /// When a worker should next ask for work of this destination: [`Timestamp::MIN`] when a head may go now, or the
    /// time at which one falls due. Leases are left out, because a worker also asks from time to time without being
    /// due. Lanes set apart are left out, because the caller that shut a gate knows when it opens.
    #[must_use]
    pub fn next_due(&self, route: Route) -> Option<Timestamp> {
        let due = |track| self.schedules.get(&(route, track)).and_then(|schedule| schedule.next_due(track));
        [due(Track::Texts), due(Track::Notes)].into_iter().flatten().min()
    }

    /// Every route that a lane has had.
    pub fn routes(&self) -> impl Iterator<Item = Route> {
        self.schedules.keys().map(|(route, _)| *route)
    }

    /// The route on which this lane's head waits, or on which it is worked on; `None` while the lane is empty.
    #[must_use]
    pub fn route(&self, name: &LaneName) -> Option<Route> {
        self.lanes.get(name).map(|lane| lane.schedule().0)
    }

    /// When the oldest delivery was accepted.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.heads.first_key_value().map(|(_, accepted_at)| *accepted_at)
    }

    /// The number of deliveries that wait or are worked on.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.values().sum()
    }

    /// How many of them call each account; an account that no delivery calls any more may be there with none.
    #[must_use]
    pub fn by_account(&self) -> &BTreeMap<AccountId, usize> {
        &self.entries
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a lane out of every index, so that it can be changed; [`Lanes::put`] enters it again.
    fn take(&mut self, name: &LaneName) -> Option<Lane> {
        let mut lane = self.lanes.remove(name)?;
        let schedule = self.schedules.entry(lane.schedule()).or_default();
        match std::mem::replace(&mut lane.slot, Slot::None) {
            Slot::None => None,
            Slot::Ready(due_at, position) => schedule.ready.remove(&(due_at, position)),
            Slot::Apart(need, due_at, position) => schedule.apart[need as usize].remove(&(due_at, position)),
            Slot::Timed(due_at, position) => schedule.timed.remove(&(due_at, position)),
        };
        if let Some(head) = lane.head.take() {
            self.heads.remove(&head);
        }
        Some(lane)
    }

    /// Enters a lane in the indexes where it belongs now, and returns its route. An empty lane without a lease is dropped.
    fn put(&mut self, mut lane: Lane) -> Option<Route> {
        if let Some(oldest) = lane.queue.front() {
            lane.head = Some(oldest.position);
            self.heads.insert(oldest.position, oldest.accepted_at);
            let head = lane.first_to_go(*oldest);
            if lane.lease.is_none() {
                lane.account = head.account;
                let schedule = self.schedules.entry(lane.schedule()).or_default();
                if head.due_at == Timestamp::MIN {
                    // Ready since its acceptance, and at once, so that a clock that was set back cannot delay it.
                    lane.slot = Slot::Ready(head.accepted_at, head.position);
                    schedule.ready.insert((head.accepted_at, head.position), lane.name.clone());
                } else {
                    lane.slot = Slot::Timed(head.due_at, head.position);
                    schedule.timed.insert((head.due_at, head.position), lane.name.clone());
                }
            }
        } else if lane.lease.is_none() {
            return None;
        }
        let route = lane.schedule().0;
        self.lanes.insert(lane.name.clone(), lane);
        Some(route)
    }

    fn uncount(&mut self, account: AccountId) {
        if let Some(count) = self.entries.get_mut(&account) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Schedule {
    /// When a worker should next ask for a lane of it.
    fn next_due(&self, track: Track) -> Option<Timestamp> {
        if !self.has_place(track) {
            return None;
        }
        if !self.ready.is_empty() {
            return Some(Timestamp::MIN);
        }
        self.timed.first_key_value().map(|((due_at, _), _)| *due_at)
    }

    /// Whether one more lane may be handed out; of notes, only so many are at once.
    fn has_place(&self, track: Track) -> bool {
        track == Track::Texts || self.leased.len() < NOTES_AT_ONCE
    }
}

impl Lane {
    fn empty(name: &LaneName, account: AccountId) -> Self {
        Self {
            name: Arc::new(name.clone()),
            // Most lanes hold one delivery; a default queue would make room for four.
            queue: VecDeque::with_capacity(1),
            goes_first: 0,
            lease: None,
            account,
            slot: Slot::None,
            head: None,
        }
    }

    /// The key of the schedule in which the lane stands.
    fn schedule(&self) -> (Route, Track) {
        (Route { direction: self.name.direction, account: self.account }, self.name.track)
    }

    fn first_to_go(&self, oldest: Entry) -> Entry {
        let doubted = || self.queue.iter().find(|entry| entry.goes_first);
        if self.goes_first > 0 { doubted().copied().unwrap_or(oldest) } else { oldest }
    }

    fn find(&self, position: Position) -> Result<usize, usize> {
        self.queue.binary_search_by_key(&position, |entry| entry.position)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::domain::account::{End, Ends};

    use super::*;

    const ROUTES: [Route; 3] = Ends::FIRST.routes();
    const DESK: Route = ROUTES[0];
    const CARRIER: Route = ROUTES[2];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn lane(key: u8) -> LaneName {
        let direction = if key.is_multiple_of(2) { Direction::ToDesk } else { Direction::ToCustomer };
        LaneName::texts(direction, ConversationKey(format!("c{key}")))
    }

    fn pending(position: u64, accepted: i64) -> Entry {
        Entry {
            position: Position(position),
            accepted_at: at(accepted),
            due_at: Timestamp::MIN,
            goes_first: false,
            account: Ends::FIRST.desk,
        }
    }

    fn lease(fence: u64, until: u64, positions: Vec<Position>) -> Lease {
        Lease { fence, until: Duration::from_secs(until), positions }
    }

    #[test]
    fn a_position_survives_its_way_to_an_id_and_back() {
        for id in [
            EventId { epoch: 7, sequence: 0, sub: 0 },
            EventId { epoch: 7, sequence: 1, sub: u16::MAX },
            EventId { epoch: 7, sequence: 0xffff_ffff_ffff, sub: 3 },
        ] {
            assert_eq!(Position::of(id).id(7), id);
        }
    }

    #[test]
    fn a_lane_that_waited_is_served_before_one_that_came_later() {
        let mut lanes = Lanes::default();
        lanes.insert(&lane(0), Entry { due_at: at(10), ..pending(1, 1) });
        lanes.insert(&lane(2), pending(2, 5));
        lanes.insert(&lane(4), pending(3, 11));
        let mut served = Vec::new();
        for fence in 0..3 {
            let (name, position) = lanes.next(DESK, at(12), &Gates::default()).unwrap();
            assert!(lanes.lease(&name, lease(fence, 99, vec![position])));
            served.push(position.0);
        }
        assert_eq!(served, [2, 1, 3]);
        assert_eq!(lanes.next(DESK, at(12), &Gates::default()), None);
    }

    #[test]
    fn a_clock_set_back_holds_nothing_up_that_may_go_at_once() {
        let mut lanes = Lanes::default();
        lanes.insert(&lane(0), pending(1, 1_000));
        assert!(lanes.next(DESK, at(1), &Gates::default()).is_some());
    }

    #[test]
    fn a_lease_ends_by_the_clock_that_nobody_can_set() {
        let mut lanes = Lanes::default();
        lanes.insert(&lane(0), pending(1, 1));
        assert_eq!(lanes.next_due(DESK), Some(Timestamp::MIN));
        assert!(lanes.lease(&lane(0), lease(1, 300, vec![Position(1)])));
        assert_eq!(lanes.next_due(DESK), None);
        assert_eq!(lanes.overdue(Duration::from_secs(299)), None);
        assert_eq!(
            lanes.overdue(Duration::from_secs(300)).map(|(name, lease)| (name, lease.fence)),
            Some((lane(0), 1))
        );
        assert_eq!(lanes.release(&lane(0), 2), None, "another's fence opens nothing");
        assert!(lanes.release(&lane(0), 1).is_some());
        assert_eq!(lanes.next_due(DESK), Some(Timestamp::MIN));
    }

    #[test]
    fn a_lane_whose_need_cannot_be_met_stands_aside_and_keeps_its_turn() {
        let mut lanes = Lanes::default();
        for (number, key) in [(1, 0), (2, 2), (3, 4)] {
            lanes.insert(&lane(key), pending(number, i64::try_from(number).unwrap()));
        }
        let shut = |needs: &[Need]| {
            Gates::of(needs.iter().map(|need| Room { need: *need, pool: 0, heads: 0, is_brief: false, opens_at: None }))
        };
        let both = shut(&[Need::NewTicket, Need::Text]);
        let shut = shut(&[Need::NewTicket]);
        for key in [0, 2] {
            assert_eq!(lanes.next(DESK, at(9), &shut).unwrap().0, lane(key));
            lanes.set_apart(&lane(key), Need::NewTicket);
        }
        assert_eq!(lanes.next(DESK, at(9), &shut).unwrap().0, lane(4));
        assert!(lanes.remove(&lane(4), Position(3)));
        assert_eq!(lanes.next(DESK, at(9), &shut), None);
        assert_eq!(lanes.next_due(DESK), None, "nothing is due before the gate opens");
        assert_eq!(lanes.next(DESK, at(9), &both), None);
        assert_eq!(lanes.next(DESK, at(9), &Gates::default()), Some((lane(0), Position(1))));
        // A new head may have another need.
        assert!(lanes.remove(&lane(0), Position(1)));
        lanes.insert(&lane(0), pending(4, 4));
        assert_eq!(lanes.next(DESK, at(9), &shut), Some((lane(0), Position(4))));
        assert_eq!(lanes.next(DESK, at(9), &Gates::default()), Some((lane(2), Position(2))), "it became ready first");
        assert_eq!(lanes.len(), 2);
    }

    fn notes(key: u8) -> LaneName {
        LaneName { track: Track::Notes, ..lane(key) }
    }

    #[test]
    fn no_text_waits_for_a_note_and_notes_take_few_places() {
        let mut lanes = Lanes::default();
        for number in 0..6_u8 {
            lanes.insert(&notes(number * 2), pending(u64::from(number), 1));
        }
        lanes.insert(&lane(0), pending(90, 90));
        let serve = |lanes: &mut Lanes, fence| {
            let (name, position) = lanes.next(DESK, at(99), &Gates::default())?;
            assert!(lanes.lease(&name, lease(fence, 300, vec![position])));
            Some(name)
        };
        assert_eq!(serve(&mut lanes, 1), Some(lane(0)), "the text came last and goes first");
        let served: Vec<_> = (2..9).map_while(|fence| serve(&mut lanes, fence)).collect();
        assert_eq!(served, [notes(0), notes(2), notes(4), notes(6)]);
        assert_eq!(lanes.next_due(DESK), None, "no place is free before one is given back");
        assert!(lanes.remove(&notes(0), Position(0)) && lanes.release(&notes(0), 2).is_some());
        assert_eq!(lanes.next_due(DESK), Some(Timestamp::MIN));
        assert_eq!(serve(&mut lanes, 9), Some(notes(8)));
        assert_eq!(lanes.next(CARRIER, at(99), &Gates::default()), None);
    }

    #[test]
    fn a_time_that_nothing_is_put_off_to_is_now() {
        let now = at(1_000_000);
        let away = |by: SignedDuration| now.saturating_add(by).unwrap_or(Timestamp::MAX);
        for (due_at, is_due) in [
            (away(WAIT_MAX), false),
            (away(WAIT_MAX + SignedDuration::from_secs(1)), true),
            (away(SignedDuration::from_hours(24)), true),
            (away(SignedDuration::from_hours(24 * 400)), true),
            (Timestamp::MAX, true),
        ] {
            let mut lanes = Lanes::default();
            lanes.insert(&lane(0), Entry { due_at, ..pending(1, 1_000_000) });
            lanes.insert(&lane(0), pending(2, 1_000_000));
            assert_eq!(lanes.next(DESK, now, &Gates::default()).is_some(), is_due, "{due_at}");
            // The head takes its turn among the others, and leaves every index that it entered.
            lanes.insert(&lane(2), pending(3, 1_000_001));
            let (name, position) = lanes.next(DESK, at(1_000_001), &Gates::default()).unwrap();
            assert_eq!(position, Position(if is_due { 1 } else { 3 }), "{due_at}");
            assert!(lanes.remove(&name, position));
            assert!(lanes.remove(&lane(0), Position(if is_due { 2 } else { 1 })));
        }
    }

    #[derive(Clone, Debug)]
    enum Op {
        Insert { key: u8, position: u64, due: i64, goes_first: bool, at_desk: bool },
        Remove { key: u8, position: u64 },
        Claim { route: Route, now: i64, until: i64 },
        Release { pick: usize },
    }

    fn op() -> impl Strategy<Value = Op> {
        let route = proptest::sample::select(&ROUTES[..]);
        prop_oneof![
            // Positions are unique over all lanes, as in a store.
            4 => (0..6_u8, 0..8_u64, -1..20_i64, prop::bool::weighted(0.2), any::<bool>()).prop_map(
                |(key, n, due, goes_first, at_desk)| {
                    Op::Insert { key, position: n * 6 + u64::from(key), due, goes_first, at_desk }
                }
            ),
            2 => (0..6_u8, 0..8_u64).prop_map(|(key, n)| Op::Remove { key, position: n * 6 + u64::from(key) }),
            4 => (route, 0..20_i64, 0..40_i64).prop_map(|(route, now, until)| Op::Claim { route, now, until }),
            2 => any::<usize>().prop_map(|pick| Op::Release { pick }),
        ]
    }

    /// The naive model: entries by position, and leases by lane.
    #[derive(Default)]
    struct Model {
        entries: BTreeMap<(LaneName, Position), Entry>,
        leases: BTreeMap<LaneName, Lease>,
    }

    impl Model {
        fn heads(&self, route: Route) -> Vec<(LaneName, Entry)> {
            let mut heads: BTreeMap<LaneName, Entry> = BTreeMap::new();
            for ((name, _), entry) in &self.entries {
                let head = heads.entry(name.clone()).or_insert(*entry);
                if entry.goes_first && !head.goes_first {
                    *head = *entry;
                }
            }
            heads.retain(|name, head| {
                name.direction == route.direction && head.account == route.account && !self.leases.contains_key(name)
            });
            heads.into_iter().collect()
        }

        fn next(&self, route: Route, now: Timestamp) -> Option<(LaneName, Position)> {
            let ready_since =
                |entry: &Entry| if entry.due_at == Timestamp::MIN { entry.accepted_at } else { entry.due_at };
            self.heads(route)
                .into_iter()
                .filter(|(_, entry)| entry.due_at <= now)
                .min_by_key(|(_, entry)| (ready_since(entry), entry.position))
                .map(|(name, entry)| (name, entry.position))
        }

        fn next_due(&self, route: Route) -> Option<Timestamp> {
            let heads = self.heads(route).into_iter().map(|(_, entry)| entry.due_at);
            heads.min()
        }
    }

    proptest! {
        #[test]
        fn lanes_do_what_a_naive_model_does(ops in prop::collection::vec(op(), 1..200)) {
            let (mut lanes, mut model) = (Lanes::default(), Model::default());
            let mut clock = 0;
            for (fence, op) in (0_u64..).zip(ops) {
                match op {
                    Op::Insert { key, position, due, goes_first, at_desk } => {
                        let due_at = if due < 0 { Timestamp::MIN } else { at(due) };
                        let accepted_at = at(position.cast_signed());
                        let is_reply = lane(key).direction == Direction::ToCustomer;
                        let account = Ends::FIRST.at(if is_reply && !at_desk { End::Carrier } else { End::Desk });
                        let entry = Entry { position: Position(position), accepted_at, due_at, goes_first, account };
                        lanes.insert(&lane(key), entry);
                        model.entries.insert((lane(key), Position(position)), entry);
                    }
                    Op::Remove { key, position } => {
                        let there = model.entries.remove(&(lane(key), Position(position))).is_some();
                        prop_assert_eq!(lanes.remove(&lane(key), Position(position)), there);
                    }
                    Op::Claim { route, now, until } => {
                        // Time does not run backwards here; another test sets the clock back.
                        clock = clock.max(now);
                        let next = lanes.next(route, at(clock), &Gates::default());
                        prop_assert_eq!(&next, &model.next(route, at(clock)));
                        if let Some((name, position)) = next {
                            let lease = lease(fence, until.unsigned_abs(), vec![position]);
                            prop_assert!(lanes.lease(&name, lease.clone()));
                            prop_assert!(!lanes.lease(&name, lease.clone()), "nobody gets a lane twice");
                            model.leases.insert(name, lease);
                        }
                    }
                    Op::Release { pick } => {
                        let names: Vec<_> = model.leases.keys().cloned().collect();
                        if let Some(name) = names.get(pick % names.len().max(1)) {
                            let lease = model.leases.remove(name);
                            prop_assert_eq!(lanes.release(name, lease.as_ref().unwrap().fence), lease);
                        }
                    }
                }
                prop_assert_eq!(lanes.len(), model.entries.len(), "nothing is forgotten");
                for account in Ends::FIRST.accounts() {
                    let theirs = model.entries.values().filter(|entry| entry.account == account).count();
                    prop_assert_eq!(lanes.by_account().get(&account).copied().unwrap_or_default(), theirs);
                }
                for route in ROUTES {
                    let (real, naive) = (lanes.next_due(route), model.next_due(route));
                    let something_now = |due: Option<Timestamp>| due.is_some_and(|due| due <= at(clock));
                    prop_assert!(real == naive || (something_now(real) && something_now(naive)));
                }
                let oldest = model.entries.values().map(|entry| entry.accepted_at).min();
                prop_assert_eq!(lanes.oldest(), oldest);
            }
        }
    }
}
