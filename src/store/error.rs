//! The error of a store's calls. It carries no personal data.

use super::moves::IllegalMove;
use crate::domain::event::EventId;

/// Why a call failed. A failed call changes nothing, except as [`StoreError::Failed`] says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The backlog is full ([`super::StoreLimits::backlog_max`]); settled deliveries make room.
    #[error("the backlog is full ({0} deliveries wait)")]
    BacklogFull(u64),
    /// The disk is nearly full ([`super::StoreLimits::disk_floor_bytes`]); the store accepts nothing until there is room.
    #[error("only {free_mib} MiB are free on the store's disk; {floor_mib} MiB are kept in reserve")]
    DiskLow {
        /// Free space on the disk.
        free_mib: u64,
        /// Space that must stay free.
        floor_mib: u64,
    },
    /// The database's own disk is full; the store accepts nothing until there is room.
    #[error("the disk of the database is full")]
    DatabaseFull,
    /// The database cannot be reached, takes no writes now or refuses the bridge; the text says which. The caller may try again,
    /// and nothing of the call is known to be kept.
    #[error("the database is away: {0}")]
    Away(String),
    /// The store is closed or closing; the caller asks again after the next start.
    #[error("the store is shutting down")]
    Closed,
    /// The lease has ended or the claim was recorded before, so this verdict is void. The worker looks for lost
    /// deliveries.
    #[error("the claim on {0} is no longer ours")]
    StaleClaim(EventId),
    /// There is no such record; the text names it.
    #[error("there is no {0}")]
    NotFound(String),
    /// The state of the delivery does not allow the move.
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    /// The backend failed, or a record cannot be read. After a failed commit its writes may or may not be on disk, and
    /// every call fails until the store is opened again. Repeated webhooks and deliveries in doubt then show which it
    /// was.
    #[error("the store failed: {0}")]
    Failed(String),
}
