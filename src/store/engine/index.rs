//! The index for lists: every delivery in memory, in some 85 bytes.
//!
//! On disk a delivery has only its own key: an index there would cost each acceptance several pages, spread over all
//! pages ever written. So the index is filled from the records while a store is opened, as lanes and dedupe keys are,
//! and follows each kept request. None of it is written: a downgrade finds no new records, and a dropped or erased
//! record leaves nothing behind.
//!
//! The index gives a list the positions to read, and the list then reads only their records. It never reads a record
//! itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::account::{AccountId, Ends};
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{Delivery, StateName};
use crate::domain::kind::KindName;
use crate::domain::lanes::Position;
use crate::store::engine::layout;
use crate::store::engine::people::{People, Person};

/// The most deliveries counted for the total of a list without a counter.
pub(in crate::store) const COUNTED_MAX: usize = 10_000;

/// The longest page, for any requested limit: a few megabytes.
pub(in crate::store) const PAGE_MAX: usize = 1000;

/// Memory for a delivery in this index.
const DELIVERY_BYTES: usize = 85;

/// Memory for a conversation in this index.
const CONVERSATION_BYTES: usize = 300;

/// The bits of a position below its block: 256 sequences in a row share their earliest and their latest time.
const BLOCK_BITS: u32 = 8 + 16;

/// The index for lists and searches.
#[derive(Default)]
pub(in crate::store) struct Index {
    digests: Digests,
    all: BTreeMap<Position, Brief>,
    /// In the order of [`StateName::ALL`]. The set for delivered stays empty, because nearly all deliveries end there.
    by_state: [BTreeSet<Position>; StateName::ALL.len()],
    by_conversation: BTreeSet<(u64, Position)>,
    /// The conversations that have a record, by the digests of their keys.
    known: HashMap<u64, Known>,
    /// The newest delivery of each known conversation, with the conversation's digest.
    newest: BTreeMap<Position, u64>,
    /// The known conversations without a delivery.
    idle: BTreeSet<Arc<str>>,
    by_dispatch: BTreeSet<(u64, Position)>,
    /// The earliest and the latest second of acceptance in each block of positions.
    times: BTreeMap<u64, (u32, u32)>,
    /// In the order of [`StateName::ALL`].
    pub(in crate::store) counts: [u64; StateName::ALL.len()],
    people: People,
}

/// The digests of texts.
#[derive(Clone)]
pub(in crate::store) enum Digests {
    /// Keyed at random, so that no sender can make two conversations with one digest.
    Random(RandomState),
    /// The same for all bridges of a shared store, which keeps them in its rows.
    Shared,
}

impl Default for Digests {
    fn default() -> Self {
        Self::Random(RandomState::default())
    }
}

/// A conversation that has a record.
struct Known {
    key: Arc<str>,
    ends: Ends,
}

/// The fields of a delivery that filters test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Brief {
    pub(in crate::store) second: u32,
    pub(in crate::store) state: StateName,
    pub(in crate::store) account: AccountId,
    pub(in crate::store) is_doorbell: bool,
    pub(in crate::store) is_set_aside: bool,
    pub(in crate::store) is_note: bool,
}

/// The index's entry for one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Entry {
    pub(in crate::store) position: Position,
    pub(in crate::store) brief: Brief,
    pub(in crate::store) conversation: u64,
    pub(in crate::store) dispatches: Vec<u64>,
}

/// The deliveries that a filter means.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::store) struct Wanted {
    pub(in crate::store) state: Option<StateName>,
    /// Digests of conversations ([`Index::digest`]); all conversations when `None`.
    pub(in crate::store) whose: Option<Vec<u64>>,
    pub(in crate::store) account: Option<AccountId>,
    /// A digest.
    pub(in crate::store) dispatch: Option<u64>,
    pub(in crate::store) since: Option<Timestamp>,
    pub(in crate::store) until: Option<Timestamp>,
    pub(in crate::store) hide_doorbells: bool,
    pub(in crate::store) set_aside: Option<bool>,
    pub(in crate::store) hide_notes: bool,
    pub(in crate::store) newest_first: bool,
    pub(in crate::store) after: Option<Position>,
    pub(in crate::store) limit: usize,
}

/// A page of positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Listed {
    pub(in crate::store) positions: Vec<Position>,
    /// Of all pages; at most [`COUNTED_MAX`] where no counter tells.
    pub(in crate::store) total: u64,
    pub(in crate::store) more: bool,
}

/// The second of a time, as filters compare times.
pub(in crate::store) fn second(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().max(0)).unwrap_or(u32::MAX)
}

impl Brief {
    fn is_wanted(self, wanted: &Wanted) -> bool {
        let is_answered = self.is_doorbell && matches!(self.state, StateName::Delivered | StateName::Skipped);
        wanted.state.is_none_or(|state| state == self.state)
            && wanted.account.is_none_or(|account| account == self.account)
            && wanted.since.is_none_or(|since| self.second >= second(since))
            && wanted.until.is_none_or(|until| self.second < second(until))
            && !(wanted.hide_doorbells && is_answered)
            && wanted.set_aside.is_none_or(|set_aside| set_aside == self.is_set_aside)
            && !(wanted.hide_notes && self.is_note)
    }
}

impl Wanted {
    /// Whether a counter gives the total.
    fn is_counted(&self) -> bool {
        let narrows = self.whose.is_some() || self.account.is_some() || self.dispatch.is_some();
        let hides = self.hide_doorbells || self.hide_notes;
        !narrows && self.since.is_none() && self.until.is_none() && !hides && self.set_aside.is_none()
    }
}

impl Index {
    /// An empty index whose digests are those of every bridge.
    pub(in crate::store) fn shared() -> Self {
        Self { digests: Digests::Shared, ..Self::default() }
    }

    /// The digest of a text in this index.
    pub(in crate::store) fn digest(&self, text: &str) -> u64 {
        match &self.digests {
            Digests::Random(keyed) => keyed.hash_one(text),
            Digests::Shared => layout::short_digest(text),
        }
    }

    /// The index's entry for a delivery.
    pub(in crate::store) fn knows_dispatch(&self, dispatch: u64) -> bool {
        self.by_dispatch.range((dispatch, Position(0))..=(dispatch, Position(u64::MAX))).next().is_some()
    }

    pub(in crate::store) fn entry(&self, delivery: &Delivery) -> Entry {
        Entry {
            position: Position::of(delivery.id),
            brief: Brief {
                second: second(delivery.accepted_at),
                state: delivery.state.name(),
                account: delivery.route().account,
                is_doorbell: delivery.kind == KindName::AgentReply,
                is_set_aside: delivery.state.is_set_aside(),
                is_note: delivery.kind == KindName::Note,
            },
            conversation: self.digest(&delivery.conversation.0),
            dispatches: delivery.dispatches().map(|id| self.digest(id)).collect(),
        }
    }

    /// Follows a delivery from one record to the next; `None` is before the first, or after the last.
    pub(in crate::store) fn follow(&mut self, before: Option<&Entry>, after: Option<&Entry>) {
        match (before, after) {
            (Some(before), Some(after)) if before.conversation == after.conversation => self.change(before, after),
            (before, after) => {
                before.into_iter().for_each(|before| self.remove(before));
                after.into_iter().for_each(|after| self.insert(after));
            }
        }
    }

    /// Adds a delivery under a vendor's name of a send, of which nothing else is loaded.
    pub(in crate::store) fn insert_dispatch(&mut self, dispatch: u64, position: Position) {
        self.by_dispatch.insert((dispatch, position));
    }

    /// Adds a delivery.
    pub(in crate::store) fn insert(&mut self, entry: &Entry) {
        self.all.insert(entry.position, entry.brief);
        self.enter(entry.brief.state, entry.position);
        if let Some(Known { key, .. }) = self.known.get(&entry.conversation) {
            let newest = self.newest_of(entry.conversation);
            if newest.is_none_or(|newest| newest < entry.position) {
                if let Some(newest) = newest {
                    self.newest.remove(&newest);
                } else {
                    self.idle.remove(key);
                }
                self.newest.insert(entry.position, entry.conversation);
            }
        }
        self.by_conversation.insert((entry.conversation, entry.position));
        self.by_dispatch.extend(entry.dispatches.iter().map(|dispatch| (*dispatch, entry.position)));
        let second = entry.brief.second;
        let (first, last) = self.times.entry(entry.position.0 >> BLOCK_BITS).or_insert((second, second));
        (*first, *last) = (second.min(*first), second.max(*last));
    }

    fn remove(&mut self, entry: &Entry) {
        self.all.remove(&entry.position);
        self.leave(entry.brief.state, entry.position);
        self.by_conversation.remove(&(entry.conversation, entry.position));
        if let Some(digest) = self.newest.remove(&entry.position) {
            if let Some(newest) = self.newest_of(digest) {
                self.newest.insert(newest, digest);
            } else {
                self.idle.extend(self.known.get(&digest).map(|known| Arc::clone(&known.key)));
            }
        }
        for dispatch in &entry.dispatches {
            self.by_dispatch.remove(&(*dispatch, entry.position));
        }
        // The dropped delivery is mostly the oldest of all.
        let oldest = self.all.first_key_value().map_or(u64::MAX, |(position, _)| position.0 >> BLOCK_BITS);
        while self.times.first_key_value().is_some_and(|(block, _)| *block < oldest) {
            self.times.pop_first();
        }
    }

    /// The same delivery of the same conversation.
    fn change(&mut self, before: &Entry, after: &Entry) {
        if before.brief != after.brief {
            self.all.insert(after.position, after.brief);
            self.leave(before.brief.state, before.position);
            self.enter(after.brief.state, after.position);
        }
        if before.dispatches != after.dispatches {
            for dispatch in &before.dispatches {
                self.by_dispatch.remove(&(*dispatch, before.position));
            }
            self.by_dispatch.extend(after.dispatches.iter().map(|dispatch| (*dispatch, after.position)));
        }
    }

    fn enter(&mut self, state: StateName, position: Position) {
        self.counts[state.index()] += 1;
        if state != StateName::Delivered {
            self.by_state[state.index()].insert(position);
        }
    }

    fn leave(&mut self, state: StateName, position: Position) {
        let at = state.index();
        self.counts[at] = self.counts[at].saturating_sub(1);
        self.by_state[at].remove(&position);
    }

    /// Follows a conversation from one record to the next; `None` is before the first, or after the last.
    pub(in crate::store) fn know(&mut self, before: Option<Person>, after: Option<Person>) {
        if let Some(person) = &before {
            let digest = self.digest(person.key());
            self.known.remove(&digest);
            self.idle.remove(person.key());
            if let Some(newest) = self.newest_of(digest) {
                self.newest.remove(&newest);
            }
        }
        if let Some(person) = &after {
            let digest = self.digest(person.key());
            self.known.insert(digest, Known { key: Arc::clone(person.key()), ends: person.ends() });
            if let Some(newest) = self.newest_of(digest) {
                self.newest.insert(newest, digest);
            } else {
                self.idle.insert(Arc::clone(person.key()));
            }
        }
        self.people.follow(before, after);
    }

    /// The accounts of a conversation that has a record.
    pub(in crate::store) fn ends_of(&self, key: &ConversationKey) -> Option<Ends> {
        self.known.get(&self.digest(&key.0)).map(|known| known.ends)
    }

    /// Memory of this index for settled deliveries and for conversations.
    pub(in crate::store) fn kept_bytes(&self, waiting: usize) -> u64 {
        let deliveries = self.all.len().saturating_sub(waiting) * DELIVERY_BYTES;
        u64::try_from(deliveries + self.people.len() * CONVERSATION_BYTES).unwrap_or(u64::MAX)
    }

    /// The conversations by their searchable fields.
    pub(in crate::store) fn people(&self) -> &People {
        &self.people
    }

    /// The newest delivery of a conversation, by its digest.
    pub(in crate::store) fn newest_of(&self, conversation: u64) -> Option<Position> {
        let theirs = (conversation, Position(0))..=(conversation, Position(u64::MAX));
        self.by_conversation.range(theirs).next_back().map(|(_, position)| *position)
    }

    /// The keys of all conversations, from the one with the newest delivery to the one with the oldest, then of those
    /// without deliveries; behind this one.
    pub(in crate::store) fn keys<'a>(&'a self, after: Option<&'a str>) -> impl Iterator<Item = &'a Arc<str>> {
        let newest = after.map(|key| self.newest_of(self.digest(key)).unwrap_or(Position(0)));
        let to = newest.map_or(Bound::Unbounded, Bound::Excluded);
        let with_deliveries = self.newest.range((Bound::Unbounded, to)).rev();
        let idle_after = after.filter(|_| newest == Some(Position(0)));
        let idle = self.idle.range::<str, _>((idle_after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded));
        with_deliveries.filter_map(|(_, digest)| self.known.get(digest)).map(|known| &known.key).chain(idle)
    }

    /// A page of the wanted deliveries.
    pub(in crate::store) fn list(&self, wanted: &Wanted) -> Listed {
        let found = |after| self.walk(wanted, after).filter(move |position| self.is_wanted(*position, wanted));
        let mut positions: Vec<Position> = found(wanted.after).take(wanted.limit.saturating_add(1)).collect();
        let more = positions.len() > wanted.limit;
        positions.truncate(wanted.limit);
        let total = match wanted.state {
            Some(state) if wanted.is_counted() => self.counts[state.index()],
            None if wanted.is_counted() => self.counts.iter().sum(),
            Some(_) | None => found(None).take(COUNTED_MAX).map(|_| 1).sum(),
        };
        Listed { positions, total, more }
    }

    fn is_wanted(&self, position: Position, wanted: &Wanted) -> bool {
        self.all.get(&position).is_some_and(|brief| brief.is_wanted(wanted))
    }

    /// A superset of the wanted positions, in the order of the list, after this one.
    fn walk<'a>(&'a self, wanted: &'a Wanted, after: Option<Position>) -> Box<dyn Iterator<Item = Position> + 'a> {
        let (mut from, mut to) = self.between(wanted).into_inner();
        match after {
            Some(Position(after)) if wanted.newest_first && after == 0 => return Box::new(std::iter::empty()),
            Some(Position(after)) if wanted.newest_first => to = to.min(Position(after - 1)),
            Some(Position(after)) => from = from.max(Position(after.saturating_add(1))),
            None => {}
        }
        if from > to {
            return Box::new(std::iter::empty());
        }
        let theirs = |of: u64| (of, from)..=(of, to);
        let newest_first = wanted.newest_first;
        if let Some(dispatch) = wanted.dispatch {
            let found = self.by_dispatch.range(theirs(dispatch)).map(|(_, position)| *position);
            // Few deliveries share a dispatch: one for each customer of a campaign.
            let whose = wanted.whose.as_deref();
            return directed(found.filter(move |position| self.is_of(*position, whose)), newest_first);
        }
        match (wanted.whose.as_deref(), wanted.state) {
            (Some([one]), _) => {
                directed(self.by_conversation.range(theirs(*one)).map(|(_, position)| *position), newest_first)
            }
            (Some(several), _) => {
                let ranges = several.iter().flat_map(|one| self.by_conversation.range(theirs(*one)));
                let mut positions: Vec<Position> = ranges.map(|(_, position)| *position).collect();
                positions.sort_unstable();
                directed(positions.into_iter(), newest_first)
            }
            (None, Some(state)) if state != StateName::Delivered => {
                directed(self.by_state[state.index()].range(from..=to).copied(), newest_first)
            }
            (None, _) => directed(self.all.range(from..=to).map(|(position, _)| *position), newest_first),
        }
    }

    fn is_of(&self, position: Position, whose: Option<&[u64]>) -> bool {
        whose.is_none_or(|whose| whose.iter().any(|one| self.by_conversation.contains(&(*one, position))))
    }

    /// The range of positions that covers the wanted time.
    fn between(&self, wanted: &Wanted) -> RangeInclusive<Position> {
        let first = wanted.since.map(second).map(|since| {
            let block = self.times.iter().find(|(_, (_, last))| *last >= since);
            block.map_or(Position(u64::MAX), |(block, _)| Position(block << BLOCK_BITS))
        });
        let last = wanted.until.map(second).map(|until| {
            let block = self.times.iter().rfind(|(_, (first, _))| *first < until);
            block.map_or(Position(0), |(block, _)| Position((block << BLOCK_BITS) | ((1 << BLOCK_BITS) - 1)))
        });
        first.unwrap_or(Position(0))..=last.unwrap_or(Position(u64::MAX))
    }
}

fn directed<'a>(
    positions: impl DoubleEndedIterator<Item = Position> + 'a,
    newest_first: bool,
) -> Box<dyn Iterator<Item = Position> + 'a> {
    if newest_first { Box::new(positions.rev()) } else { Box::new(positions) }
}
