//! The pauses and the newest audit entry in memory, and the changes to them. It never writes a record.

use std::collections::BTreeMap;

use crate::domain::account::AccountId;
use crate::domain::operator::{AuditEntry, Pause};
use crate::store::engine::bytes::Bytes;

/// Pauses and the newest audit entry, in memory.
#[derive(Default)]
pub(in crate::store) struct OperatorMemory {
    /// The paused destinations.
    pub(in crate::store) pauses: BTreeMap<AccountId, Pause>,
    /// The newest entry with its key; `None` until this opening wrote one.
    pub(in crate::store) newest: Option<(Bytes, AuditEntry)>,
}

/// A change in memory that follows a write.
pub(in crate::store) enum Change {
    Paused(AccountId, Option<Pause>),
    Noted(Bytes, AuditEntry),
}

impl OperatorMemory {
    /// Applies a change; returns the destination whose lanes may have due work now.
    pub(in crate::store) fn apply(&mut self, change: Change) -> Option<AccountId> {
        match change {
            Change::Paused(account, Some(pause)) => {
                self.pauses.insert(account, pause);
                None
            }
            Change::Paused(account, None) => {
                self.pauses.remove(&account);
                Some(account)
            }
            Change::Noted(key, entry) => {
                self.newest = Some((key, entry));
                None
            }
        }
    }
}
