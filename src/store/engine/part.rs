//! For an engine whose memory holds a part of a store: notes every read of a row that is not loaded.
//!
//! An embedded store is [`Scope::Whole`]: all of it is in memory or on the disk beside it. A store that several bridges share
//! loads the rows that its requests ask for. A request cannot wait for a row. So a read of an unloaded row notes a [`Want`] and
//! gives nothing, and the outcome of that run is void: the store loads the wanted rows and runs the requests again, from the
//! start. Nothing here loads anything, or decides anything about a delivery.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;

use crate::domain::account::Route;
use crate::domain::conversation::ConversationKey;
use crate::domain::find::Search;
use crate::domain::lanes::{Need, Position};
use crate::store::engine::bytes::Bytes;
use crate::store::engine::index::{Listed, Wanted};
use crate::store::engine::layout::{self, Digest};
use crate::store::engine::tree::{Changes, Entries, Look, Rewriting, Tree};
use crate::store::lock::lock;
use crate::store::{Compaction, StoreError};

/// A read that a part of a store may have to be extended for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::store) enum Want {
    /// A conversation: its record, its lanes with their leases, and the others of their groups.
    Conversation(ConversationKey),
    /// The record under a key.
    Record(Bytes),
    /// The last key with a prefix.
    Last(Bytes),
    /// The event that came with a dedupe key.
    Seen(Digest),
    /// The deliveries, and the kept reports, under a vendor's name of a send, by its digest.
    Dispatch(u64),
    /// The reports of a text that was taken in and whose webhook may still come, by the digest of its words.
    Words(u64),
    /// The reports that are due at a time, and at most so many.
    DueReports(Timestamp, usize),
    /// The reports of which no delivery is known, from the newest before this number, and at most so many.
    Unbound(u64, usize),
    /// The oldest report of which no delivery is known.
    OldestUnbound,
    /// The oldest reports, and at most so many.
    OldestReports(usize),
    /// The lanes of a route to serve next, but for those whose heads have one of these needs, and at most so many of them.
    Due(Route, Timestamp, Vec<Need>, usize),
    /// Numbers to give out.
    Numbers,
    /// The positions that a filter means.
    Listed(Wanted),
    /// The conversations that a search means, and at most so many.
    Found(Search, usize),
    /// The conversations of the customer whom a carrier calls so.
    User(String),
    /// The conversations from the one with the newest delivery to the one with the oldest, behind a key, and at most so many.
    Newest(Option<String>, usize),
    /// The newest delivery of a conversation, by the digest of its key.
    NewestOf(u64),
}

/// The answer to a want that names something to read.
#[derive(Clone, Debug)]
pub(in crate::store) enum Loaded {
    /// The last key.
    Last(Option<Bytes>),
    /// The event of a dedupe key.
    Seen(Option<Position>),
    /// A page of positions.
    Listed(Listed),
    /// Keys of conversations, in order.
    Keys(Vec<Arc<str>>),
    /// A delivery.
    Newest(Option<Position>),
    /// How many lanes were found.
    Due(usize),
    /// The rows lie in the part, or in its index.
    Rows,
}

/// How much of a store is in memory.
#[derive(Clone, Default)]
pub(in crate::store) enum Scope {
    /// All of it.
    #[default]
    Whole,
    /// A part.
    Part(Arc<Mutex<Part>>),
}

/// The loaded part of a store, with the wants that its requests have noted.
#[derive(Default)]
pub(in crate::store) struct Part {
    /// The records that were looked for; `None` for one that is not there.
    pub(in crate::store) records: HashMap<Bytes, Option<Bytes>>,
    /// The answers so far.
    pub(in crate::store) answers: HashMap<Want, Loaded>,
    /// The wants without an answer.
    pub(in crate::store) wanted: BTreeSet<Want>,
    /// Numbers to give out, in order.
    pub(in crate::store) numbers: VecDeque<u64>,
    /// The writes of the requests.
    pub(in crate::store) changes: Changes,
    /// The numbers of the rows that are counted and not loaded.
    pub(in crate::store) elsewhere: Elsewhere,
}

/// The parts of the store's numbers that lie outside of the loaded part.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Elsewhere {
    /// Deliveries that wait.
    pub(in crate::store) waiting: u64,
    /// Reports that are to be weighed.
    pub(in crate::store) due_reports: usize,
    /// Reports of which no delivery is known.
    pub(in crate::store) unbound: usize,
    /// Conversations.
    pub(in crate::store) people: usize,
}

impl Scope {
    /// The answer to a want. `None` in a whole store, which needs none, and where it is noted for the next run.
    pub(in crate::store) fn answer(&self, want: impl FnOnce() -> Want) -> Option<Loaded> {
        match self {
            Self::Whole => None,
            Self::Part(part) => lock(part).answer(want()),
        }
    }

    /// The keys of conversations that a want names.
    pub(in crate::store) fn keys(&self, want: impl FnOnce() -> Want) -> Vec<Arc<str>> {
        match self.answer(want) {
            Some(Loaded::Keys(keys)) => keys,
            Some(_) | None => Vec::new(),
        }
    }

    /// Notes a want whose answer lies in memory.
    pub(in crate::store) fn want(&self, want: impl FnOnce() -> Want) {
        self.answer(want);
    }

    /// Whether this is a part.
    pub(in crate::store) fn part(&self) -> Option<MutexGuard<'_, Part>> {
        match self {
            Self::Whole => None,
            Self::Part(part) => Some(lock(part)),
        }
    }
}

impl Part {
    fn answer(&mut self, want: Want) -> Option<Loaded> {
        let found = self.answers.get(&want).cloned();
        if found.is_none() {
            self.wanted.insert(want);
        }
        found
    }

    /// A number to give out.
    pub(in crate::store) fn number(&mut self) -> u64 {
        self.numbers.pop_front().unwrap_or_else(|| {
            self.wanted.insert(Want::Numbers);
            0
        })
    }

    /// The number that is given out next.
    pub(in crate::store) fn next_number(&mut self) -> u64 {
        if self.numbers.is_empty() {
            self.wanted.insert(Want::Numbers);
        }
        self.numbers.front().copied().unwrap_or(0)
    }

    fn record(&mut self, key: &[u8]) -> Option<Bytes> {
        if let Some(found) = self.records.get(key) {
            return found.clone();
        }
        self.wanted.insert(want_of(key));
        None
    }
}

/// The want that loads the record under a key.
fn want_of(key: &[u8]) -> Want {
    match key.split_first() {
        Some((&layout::CONVERSATION, name)) => {
            Want::Conversation(ConversationKey(String::from_utf8_lossy(name).into_owned()))
        }
        Some(_) | None => Want::Record(key.into()),
    }
}

/// A part as the journal's tree.
pub(in crate::store) struct PartTree(pub(in crate::store) Arc<Mutex<Part>>);

fn not_in_a_part() -> StoreError {
    StoreError::Failed("a part of a store has no ranges".into())
}

impl Look for PartTree {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(lock(&self.0).record(key))
    }

    fn range(&self, _from: &[u8], _to: &[u8]) -> Entries<'_> {
        Box::new(std::iter::once(Err(not_in_a_part())))
    }

    fn last(&self, _from: &[u8], _to: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        Err(not_in_a_part())
    }

    fn last_with_prefix(&self, prefix: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        match lock(&self.0).answer(Want::Last(prefix.into())) {
            Some(Loaded::Last(Some(key))) => Ok(Some((key, Bytes::from(&[])))),
            Some(_) | None => Ok(None),
        }
    }
}

impl Tree for PartTree {
    fn commit(&mut self, changes: Changes) -> Result<(), StoreError> {
        lock(&self.0).changes.extend(changes);
        Ok(())
    }

    fn rewrite(&mut self, _begin: Option<Compaction>) -> Result<Rewriting, StoreError> {
        Ok(Rewriting::Done)
    }

    fn view(&self) -> Box<dyn Look> {
        Box::new(Self(Arc::clone(&self.0)))
    }
}
