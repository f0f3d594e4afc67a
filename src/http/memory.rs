//! The common bound on the memory of requests on both listeners: long bodies, and long heads that are still arriving.
//!
//! Counts and refuses. Never holds a byte itself, and never waits.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// The unit in which memory is taken. The first unit of a body is free, and most bodies need no second.
pub(super) const SHARE_BYTES: usize = 4 * 1024;

/// The limit on bodies and heads together. Tests may set another.
const ALL_MAX_BYTES: usize = 128 * 1024 * 1024;

/// The limit on all long heads together. A vendor's head has about 1 KiB, so a busy bridge has few long ones.
const HEADS_MAX_BYTES: usize = 8 * 1024 * 1024;

/// The free part of the common memory, in units of [`SHARE_BYTES`].
pub struct Memory {
    all: Arc<Semaphore>,
    /// The free part of the memory for heads.
    heads: Arc<Semaphore>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::of(ALL_MAX_BYTES)
    }
}

impl Memory {
    /// A bound of `bytes` for everything, with at most [`HEADS_MAX_BYTES`] of them for heads.
    pub(super) fn of(bytes: usize) -> Self {
        let shares = |bytes: usize| Arc::new(Semaphore::new(bytes / SHARE_BYTES));
        Self { all: shares(bytes), heads: shares(bytes.min(HEADS_MAX_BYTES)) }
    }

    /// Takes shares for a body; `None` when too few are free.
    pub(super) fn take(&self, shares: usize) -> Option<SemaphorePermit<'_>> {
        self.all.try_acquire_many(u32::try_from(shares).ok()?).ok()
    }

    /// Takes the memory for `bytes` of a long head until the share is dropped; `None` when too little is free.
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
