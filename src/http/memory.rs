//! The memory that requests on their way hold together on both listeners: long bodies, and heads that grow long before
//! they end.
//!
//! It counts and refuses; it holds no byte itself, and never waits.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// In which steps memory is taken. The first step of a body is free, and most bodies go no further.
pub(super) const SHARE_BYTES: usize = 4 * 1024;

/// The limit on all of it together, unless a test has another.
const ALL_MAX_BYTES: usize = 128 * 1024 * 1024;

/// The limit on long heads together. A vendor's head has about a KiB, so the long ones of a busy bridge are few.
const HEADS_MAX_BYTES: usize = 8 * 1024 * 1024;

/// What is free of the common memory, in [`SHARE_BYTES`].
pub struct Memory {
    all: Arc<Semaphore>,
    /// The part of it that heads may have.
    heads: Arc<Semaphore>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::of(ALL_MAX_BYTES)
    }
}

impl Memory {
    /// So many bytes for everything; of them at most [`HEADS_MAX_BYTES`] for heads.
    pub(super) fn of(bytes: usize) -> Self {
        let shares = |bytes: usize| Arc::new(Semaphore::new(bytes / SHARE_BYTES));
        Self { all: shares(bytes), heads: shares(bytes.min(HEADS_MAX_BYTES)) }
    }

    /// So many shares for a body; `None` when there are not that many.
    pub(super) fn take(&self, shares: usize) -> Option<SemaphorePermit<'_>> {
        self.all.try_acquire_many(u32::try_from(shares).ok()?).ok()
    }

    /// The memory for so many bytes of a long head, until it is dropped; `None` when there is not that much.
    pub(super) fn take_for_head(&self, bytes: usize) -> Option<HeadShare> {
        let shares = u32::try_from(bytes.div_ceil(SHARE_BYTES)).ok()?;
        let heads = Arc::clone(&self.heads).try_acquire_many_owned(shares).ok()?;
        let all = Arc::clone(&self.all).try_acquire_many_owned(shares).ok()?;
        Some(HeadShare { _all: all, _heads: heads })
    }
}

/// The memory of one long head.
pub(super) struct HeadShare {
    _all: OwnedSemaphorePermit,
    _heads: OwnedSemaphorePermit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_heads_take_from_the_common_memory_and_no_more_than_their_part() {
        let memory = Memory::of(2 * HEADS_MAX_BYTES);
        let all = 2 * HEADS_MAX_BYTES / SHARE_BYTES;
        let heads: Vec<_> = std::iter::from_fn(|| memory.take_for_head(2 * SHARE_BYTES)).collect();
        assert_eq!(heads.len(), HEADS_MAX_BYTES / SHARE_BYTES / 2);
        assert!(memory.take(all / 2 + 1).is_none(), "heads count in the memory of bodies");
        let bodies = memory.take(all / 2);
        assert!(bodies.is_some(), "bodies have what heads may not take");
        drop(heads);
        assert!(memory.take_for_head(1).is_some(), "what was taken comes back");
        drop(memory.take(all / 2));
        let none = Memory::of(0);
        assert!(none.take_for_head(1).is_none());
    }
}
