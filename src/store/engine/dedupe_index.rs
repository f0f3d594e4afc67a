//! The known dedupe keys, kept in memory so that a lookup costs no read from disk.
//!
//! Digests are random. Under keys of their own they would be spread over every page that ever held one, and each
//! accepted event would read some of these pages and rewrite them all. So each commit appends the digests of its events
//! in the order of their positions, many to a record (`d` position of the first event), and memory holds only the first
//! half of each digest with its position: 17 bytes, and as much again of free slots at most. A match by half a digest is
//! compared in full with the record, so that two digests with the same half make no duplicate.
//!
//! Nothing here decides the fate of a duplicate.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::domain::lanes::Position;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::layout::{self, Digest, Remembered};

/// All dedupe keys of a store, owned by the writer.
#[derive(Default)]
pub(in crate::store) struct DedupeIndex {
    /// By the first half of the digest.
    positions: HashMap<u64, Position, BuildHasherDefault<AsItIs>>,
    /// Further positions under the same half; nearly always empty.
    more: HashMap<u64, Vec<Position>, BuildHasherDefault<AsItIs>>,
    /// Keys of the current request.
    staged: Vec<Remembered>,
    /// Keys of earlier requests since the last commit, in the order of positions.
    fresh: Vec<Remembered>,
}

impl DedupeIndex {
    /// The positions that may hold an event with this digest: mostly none, and otherwise one.
    pub(in crate::store) fn positions(&self, digest: &Digest) -> impl Iterator<Item = Position> {
        let half = half(digest);
        let more = self.more.get(&half).into_iter().flatten();
        self.positions.get(&half).into_iter().chain(more).copied()
    }

    /// Whether the uncommitted event at this position has this digest; `None` when no uncommitted event is there.
    pub(in crate::store) fn fresh_has(&self, position: Position, digest: &Digest) -> Option<bool> {
        let from = self.fresh.partition_point(|known| known.position < position);
        let mut at_position = self.fresh.iter().skip(from).take_while(|known| known.position == position).peekable();
        at_position.peek()?;
        Some(at_position.any(|known| known.digest == *digest))
    }

    /// Stages the keys of the current request.
    pub(in crate::store) fn stage(&mut self, digests: &[Digest], position: Position, since: i64) {
        self.staged.extend(digests.iter().map(|digest| Remembered { position, since, digest: *digest }));
    }

    /// Keeps the staged keys of a successful request.
    pub(in crate::store) fn keep(&mut self) {
        let mut staged = std::mem::take(&mut self.staged);
        for known in &staged {
            self.learn(known);
        }
        self.fresh.append(&mut staged);
        // Reuses the allocation.
        self.staged = staged;
    }

    /// Drops the staged keys of a failed request.
    pub(in crate::store) fn forget_staged(&mut self) {
        self.staged.clear();
    }

    /// The records for the next commit; later lookups read the keys from there.
    pub(in crate::store) fn take_records(&mut self) -> Vec<(Bytes, Bytes)> {
        let mut records = Vec::new();
        let mut rest = self.fresh.as_slice();
        while let Some(first) = rest.first() {
            let mut end = rest.len().min(layout::REMEMBERED_MAX);
            // An event's digests stay together, so that one look finds them all.
            if let Some(next) = rest.get(end) {
                let whole = rest.partition_point(|known| known.position < next.position);
                end = if whole > 0 { whole.min(end) } else { end };
            }
            let (these, others) = rest.split_at(end);
            records.push((layout::at_position(layout::DEDUPE, first.position), layout::remembered(these)));
            rest = others;
        }
        self.fresh.clear();
        records
    }

    /// Adds a key from a record.
    pub(in crate::store) fn learn(&mut self, known: &Remembered) {
        let half = half(&known.digest);
        let first = *self.positions.entry(half).or_insert(known.position);
        if first == known.position {
            return;
        }
        let more = self.more.entry(half).or_default();
        if !more.contains(&known.position) {
            more.push(known.position);
        }
    }

    /// Removes a key of a dropped record.
    pub(in crate::store) fn unlearn(&mut self, known: &Remembered) {
        let half = half(&known.digest);
        let mut more = self.more.remove(&half).unwrap_or_default();
        more.retain(|position| *position != known.position);
        if self.positions.get(&half) == Some(&known.position) {
            match more.pop() {
                Some(next) => self.positions.insert(half, next),
                None => self.positions.remove(&half),
            };
        }
        if !more.is_empty() {
            self.more.insert(half, more);
        }
    }

    /// Frees unused memory.
    pub(in crate::store) fn shrink(&mut self) {
        // A map at a quarter of its room will not fill it soon; a fuller one is left alone, for growing costs time.
        if self.positions.len() < self.positions.capacity() / 4 {
            self.positions.shrink_to(self.positions.len() * 2);
        }
    }
}

fn half(digest: &Digest) -> u64 {
    let (half, _) = digest.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*half)
}

/// A digest needs no hashing, because no sender can steer SHA-256 to fill one slot.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, half: u64) {
        self.0 = half;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(half: u64, rest: u8) -> Digest {
        let mut digest = [rest; 16];
        digest[..8].copy_from_slice(&half.to_be_bytes());
        digest
    }

    fn remembered(position: u64, half: u64, rest: u8) -> Remembered {
        Remembered { position: Position(position), since: 5, digest: digest(half, rest) }
    }

    fn positions(known: &DedupeIndex, half: u64) -> Vec<u64> {
        known.positions(&digest(half, 0)).map(|position| position.0).collect()
    }

    #[test]
    fn two_positions_under_one_half_are_both_found_until_each_is_let_go() {
        for order in [[1, 2, 3], [3, 2, 1], [2, 3, 1], [2, 1, 3]] {
            let mut known = DedupeIndex::default();
            for position in [1, 2, 3, 2] {
                known.learn(&remembered(position, 7, 0));
            }
            known.learn(&remembered(4, 8, 0));
            let mut left = vec![1, 2, 3];
            for gone in order {
                known.unlearn(&remembered(gone, 7, 0));
                left.retain(|position| *position != gone);
                let mut found = positions(&known, 7);
                found.sort_unstable();
                assert_eq!(found, left, "{order:?} at {gone}");
            }
            assert_eq!(positions(&known, 8), [4]);
            assert!(known.more.is_empty(), "{order:?}");
        }
    }

    #[test]
    fn what_a_failed_request_staged_is_not_known() {
        let mut known = DedupeIndex::default();
        known.stage(&[digest(1, 0)], Position(1), 5);
        known.forget_staged();
        known.stage(&[digest(2, 0)], Position(2), 5);
        assert!(positions(&known, 2).is_empty(), "not before it is kept");
        known.keep();
        assert!(positions(&known, 1).is_empty());
        assert_eq!(positions(&known, 2), [2]);
        assert_eq!(known.fresh_has(Position(2), &digest(2, 0)), Some(true));
        assert_eq!(known.fresh_has(Position(2), &digest(2, 9)), Some(false), "the other half counts too");
        assert_eq!(known.fresh_has(Position(1), &digest(2, 0)), None);
        assert_eq!(known.take_records().len(), 1);
        assert_eq!(known.fresh_has(Position(2), &digest(2, 0)), None, "from now on it is in its record");
        assert_eq!(positions(&known, 2), [2]);
    }

    #[test]
    fn records_keep_order_bound_and_events_whole() {
        let mut known = DedupeIndex::default();
        let mut all = Vec::new();
        for position in 1..200_u64 {
            let digests: Vec<Digest> = (0..position % 4).map(|n| digest(position * 10 + n, 1)).collect();
            known.stage(&digests, Position(position), 5);
            known.keep();
            all.extend(digests.into_iter().map(|digest| Remembered { position: Position(position), since: 5, digest }));
        }
        let mut read = Vec::new();
        for (key, value) in known.take_records() {
            assert!(value.len() <= layout::VALUE_BYTES_MAX, "{}", value.len());
            let these = layout::read_remembered(&value).unwrap();
            assert_eq!(layout::position_of(&key), these.first().map(|known| known.position));
            assert!(
                read.last().is_none_or(|last: &Remembered| these.first().unwrap().position > last.position),
                "no event is in two records"
            );
            read.extend(these);
        }
        assert_eq!(read, all);
        assert!(known.take_records().is_empty());
    }

    #[test]
    fn memory_is_given_back() {
        let mut known = DedupeIndex::default();
        for position in 0..10_000 {
            known.learn(&remembered(position, position << 32, 0));
        }
        for position in 100..10_000 {
            known.unlearn(&remembered(position, position << 32, 0));
        }
        known.shrink();
        assert!(known.positions.capacity() < 1_000, "{}", known.positions.capacity());
        assert_eq!(positions(&known, 99 << 32), [99]);
    }
}
