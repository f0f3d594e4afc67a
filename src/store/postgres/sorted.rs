//! For sorting wants by the tables that answer them. Nothing here reads a row.

use std::collections::BTreeSet;

use crate::domain::conversation::ConversationKey;
use crate::domain::lanes::Position;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::layout::{self, Digest};
use crate::store::engine::part::Want;

/// Wants, sorted by the tables that answer them.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) conversations: Vec<ConversationKey>,
    pub(super) positions: BTreeSet<Position>,
    /// The keys of names and tickets.
    pub(super) names: Vec<Bytes>,
    pub(super) meta: Vec<Bytes>,
    /// The positions of which the dedupe keys are wanted.
    pub(super) remembered: Vec<Position>,
    /// The numbers of reports.
    pub(super) reports: Vec<u64>,
    /// The numbers of audit entries.
    pub(super) entries: Vec<u64>,
    pub(super) seen: Vec<Digest>,
    pub(super) dispatches: Vec<u64>,
    pub(super) others: Vec<Want>,
}

impl Sorted {
    /// Sorts these.
    pub(super) fn of<'a>(wants: impl IntoIterator<Item = &'a Want>) -> Self {
        let mut sorted = Self::default();
        for want in wants {
            match want {
                Want::Conversation(key) => sorted.conversations.push(key.clone()),
                Want::Record(key) => sorted.record(key),
                Want::Seen(digest) => sorted.seen.push(*digest),
                Want::Dispatch(digest) => sorted.dispatches.push(*digest),
                Want::Numbers | Want::Due(..) => {}
                Want::Last(_)
                | Want::Words(_)
                | Want::DueReports(..)
                | Want::Unbound(..)
                | Want::OldestUnbound
                | Want::OldestReports(_)
                | Want::Listed(_)
                | Want::Found(..)
                | Want::User(_)
                | Want::Newest(..)
                | Want::NewestOf(_) => sorted.others.push(want.clone()),
            }
        }
        sorted
    }

    fn record(&mut self, key: &Bytes) {
        let at = layout::position_of(key);
        match (key.first(), at) {
            (Some(&(layout::PENDING | layout::HISTORY | layout::EVENT | layout::ANSWERS)), Some(at)) => {
                self.positions.insert(at);
            }
            (Some(&layout::DEDUPE), Some(at)) => self.remembered.push(at),
            (Some(&layout::REPORT), Some(at)) => self.reports.push(at.0 >> 16),
            (Some(&layout::AUDIT), Some(Position(number))) => self.entries.push(number),
            (Some(&(layout::TICKET | layout::SCOPED_TICKET | layout::IDENTITY)), _) => self.names.push(key.clone()),
            (Some(_) | None, _) => self.meta.push(key.clone()),
        }
    }
}
