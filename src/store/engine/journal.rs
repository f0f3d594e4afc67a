//! The tree as the writer sees it: committed records, writes pending for the next commit, writes one request is
//! staging.
//!
//! Only the writer has one. It never decides anything about a delivery.

use std::cell::OnceCell;

use crate::store::engine::bytes::Bytes;
use crate::store::engine::layout::{self, Parts};
use crate::store::engine::part::Scope;
use crate::store::engine::tree::{Changes, Rewriting, Tree};
use crate::store::{Compaction, StoreError};

/// A tree with its uncommitted writes.
pub(in crate::store) struct Journal {
    pub(in crate::store) tree: Box<dyn Tree>,
    /// The writes of the current request.
    staged: Vec<(Bytes, Option<Bytes>)>,
    /// The writes of earlier requests since the last commit.
    pending: Changes,
    /// The first unused number, for sequences and for the parts of long values.
    next: u64,
    /// How much of the store the tree holds. A part of a shared store draws its numbers there, and cuts no long value.
    scope: Scope,
    /// Whether this commit removes a numbered record, so that the remaining records no longer tell the used numbers.
    numbers_go: bool,
    /// The error after which no write is possible.
    broken: OnceCell<StoreError>,
}

impl Journal {
    pub(in crate::store) fn new(tree: Box<dyn Tree>, next: u64) -> Self {
        let (staged, pending, scope) = (Vec::new(), Changes::new(), Scope::Whole);
        Self { tree, staged, pending, next, scope, numbers_go: false, broken: OnceCell::new() }
    }

    /// A journal over a part of a store.
    pub(in crate::store) fn of_part(tree: Box<dyn Tree>, scope: Scope) -> Self {
        Self { scope, ..Self::new(tree, 0) }
    }

    /// A number that was never given out before and never will be again, also after a restart.
    pub(in crate::store) fn number(&mut self) -> u64 {
        if let Some(mut part) = self.scope.part() {
            return part.number();
        }
        self.next += 1;
        self.next - 1
    }

    /// The number that is given out next.
    pub(in crate::store) fn next_number(&self) -> u64 {
        if let Some(mut part) = self.scope.part() {
            return part.next_number();
        }
        self.next
    }

    /// Whether the current request writes under a key with this prefix.
    pub(in crate::store) fn is_staging(&self, prefix: u8) -> bool {
        self.staged.iter().any(|(key, _)| key.first() == Some(&prefix))
    }

    /// The value as it will be after the commit; a long one still in parts.
    pub(in crate::store) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if let Some((_, value)) = self.staged.iter().rev().find(|(staged, _)| **staged == *key) {
            return Ok(value.clone());
        }
        if let Some(value) = self.pending.get(key) {
            return Ok(value.clone());
        }
        self.tree.get(key).map_err(|error| self.fail(error))
    }

    /// The value as it will be after the commit, whole.
    pub(in crate::store) fn load(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let Some(value) = self.get(key)? else { return Ok(None) };
        match layout::assemble(value, |part| self.get(part))? {
            Some(value) => Ok(Some(value)),
            None => Err(StoreError::Failed("a part of a long record is missing".into())),
        }
    }

    /// The last committed key with this prefix.
    pub(in crate::store) fn last_key(&self, prefix: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let last = self.tree.last_with_prefix(prefix).map_err(|error| self.fail(error))?;
        Ok(last.map(|(key, _)| key))
    }

    /// How many committed keys have this prefix.
    #[cfg(test)]
    pub(in crate::store) fn count(&self, prefix: u8) -> usize {
        self.tree.with_prefix(&[prefix]).count()
    }

    /// The last committed short value from `from` to before `to`.
    pub(in crate::store) fn last_before(&self, from: &Bytes, to: &Bytes) -> Result<Option<Bytes>, StoreError> {
        let last = self.tree.last(from, to).map_err(|error| self.fail(error))?;
        Ok(last.map(|(_, value)| value))
    }

    /// Stages a short value.
    pub(in crate::store) fn put(&mut self, key: Bytes, value: Bytes) {
        self.staged.push((key, Some(value)));
    }

    /// Stages a record under a key that is not in use.
    pub(in crate::store) fn create(&mut self, key: Bytes, record: Vec<u8>) {
        if record.len() <= layout::VALUE_BYTES_MAX || self.is_of_part() {
            return self.put(key, Bytes::from(record));
        }
        // A record is at most 4 MiB, so at most 1,024 parts.
        let parts = Parts {
            number: self.number(),
            count: u16::try_from(record.len().div_ceil(layout::VALUE_BYTES_MAX)).unwrap_or(u16::MAX),
        };
        for (key, part) in parts.keys().zip(record.chunks(layout::VALUE_BYTES_MAX)) {
            self.put(key, Bytes::from(part));
        }
        self.put(key, parts.value());
    }

    /// Stages a record in place of any earlier one.
    pub(in crate::store) fn replace(&mut self, key: Bytes, record: Vec<u8>) -> Result<(), StoreError> {
        self.drop_parts(&key)?;
        self.create(key, record);
        Ok(())
    }

    /// Stages the removal of a record.
    pub(in crate::store) fn remove(&mut self, key: Bytes) -> Result<(), StoreError> {
        self.drop_parts(&key)?;
        self.numbers_go |= key.first().is_some_and(|prefix| layout::POSITIONED.contains(prefix));
        self.staged.push((key, None));
        Ok(())
    }

    fn is_of_part(&self) -> bool {
        matches!(self.scope, Scope::Part(_))
    }

    fn drop_parts(&mut self, key: &[u8]) -> Result<(), StoreError> {
        if self.is_of_part() {
            return Ok(());
        }
        if let Some(parts) = self.get(key)?.as_deref().and_then(Parts::read) {
            self.numbers_go = true;
            self.staged.extend(parts.keys().map(|key| (key, None)));
        }
        Ok(())
    }

    /// Adds a successful request's writes to the next commit.
    pub(in crate::store) fn keep(&mut self) {
        self.pending.extend(self.staged.drain(..));
    }

    /// Drops a failed request's writes.
    pub(in crate::store) fn forget(&mut self) {
        self.staged.clear();
    }

    /// Makes the kept writes durable. After an error no further write is possible: the writes may be durable or not,
    /// and only opening the tree again tells.
    ///
    /// Returns whether there was anything to write.
    pub(in crate::store) fn commit(&mut self) -> Result<bool, StoreError> {
        if let Some(error) = self.broken.get() {
            return Err(error.clone());
        }
        if self.pending.is_empty() {
            return Ok(false);
        }
        self.write().map(|()| true).map_err(|error| self.fail(error))
    }

    /// [`Tree::rewrite`]; a failed step stops all further writes, as a failed commit does.
    pub(in crate::store) fn rewrite(&mut self, begin: Option<Compaction>) -> Result<Rewriting, StoreError> {
        if let Some(error) = self.broken.get() {
            return Err(error.clone());
        }
        self.tree.rewrite(begin).map_err(|error| self.fail(error))
    }

    /// Stops all further writes.
    pub(in crate::store) fn fail(&self, error: StoreError) -> StoreError {
        self.broken.get_or_init(|| error).clone()
    }

    fn write(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.numbers_go) && !self.is_of_part() {
            self.pending.insert(layout::META_NEXT.into(), Some(Bytes::from(&self.next.to_be_bytes())));
        }
        self.tree.commit(std::mem::take(&mut self.pending))
    }
}
