//! The ordered map of a store's records, as the engine sees it.
//!
//! A tree knows nothing of the meaning of its keys and values.

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::store::engine::bytes::Bytes;
use crate::store::{Compaction, StoreError};

/// The writes of one commit: a value, or `None` for a key that goes.
pub(in crate::store) type Changes = BTreeMap<Bytes, Option<Bytes>>;

/// Entries in the order of their keys.
pub(in crate::store) type Entries<'a> = Box<dyn Iterator<Item = Result<(Bytes, Bytes), StoreError>> + 'a>;

/// A look at the committed records.
pub(in crate::store) trait Look: Send {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// Every entry whose key is at least `from` and less than `to`.
    fn range(&self, from: &[u8], to: &[u8]) -> Entries<'_>;

    /// The last entry of such a range.
    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError>;

    /// Every entry whose key begins with this prefix, which is neither empty nor all 255.
    fn with_prefix(&self, prefix: &[u8]) -> Entries<'_> {
        self.range(prefix, &behind(prefix))
    }

    /// The last entry whose key begins with this prefix.
    fn last_with_prefix(&self, prefix: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        self.last(prefix, &behind(prefix))
    }
}

/// The place where commits become durable.
pub(in crate::store) trait Tree: Look {
    /// Makes these changes durable, all of them or none. After an error it is unknown which, and the tree takes no
    /// further call.
    fn commit(&mut self, changes: Changes) -> Result<(), StoreError>;

    /// Takes the next step in rewriting the tree's files; the first one, when told to begin.
    fn rewrite(&mut self, begin: Option<Compaction>) -> Result<Rewriting, StoreError>;

    /// The committed records, to be read on another thread beside the tree: as of now, or a little later.
    fn view(&self) -> Box<dyn Look>;
}

/// How far rewriting has come.
pub(in crate::store) enum Rewriting {
    /// A step is under way. When this changes, there may be another one to take.
    Wait(watch::Receiver<()>),
    /// The rewriting is done, or there was nothing to do.
    Done,
}

/// The first key behind every key with this prefix.
pub(in crate::store) fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while end.pop_if(|byte| *byte == u8::MAX).is_some() {}
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_a_prefix() {
        for (prefix, end) in [(&b"p"[..], &b"q"[..]), (b"pa", b"pb"), (b"p\xff", b"q"), (b"p\0", b"p\x01")] {
            assert_eq!(behind(prefix), end);
        }
    }
}
