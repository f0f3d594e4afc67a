//! The store's contract: the facts that hold once a call has returned, and those that hold after a crash.
//!
//! Intake and worker meet only here. The contract speaks of claims, leases and fences although the first backend
//! ([`embedded::sled`]) has one process to itself, so that a shared database can stand behind it later.
//!
//! A store never calls a vendor and never reads the wall clock: each call brings its own time. It never decides the
//! fate of a delivery: it keeps the decisions of intake, worker and operator.

use std::time::Duration;

use crate::clock::Steady;

mod album;
mod archive;
mod claim;
mod commits;
#[cfg(test)]
mod contract;
mod control;
mod counts;
pub mod embedded;
mod engine;
mod error;
mod filter;
mod find;
mod inbox;
mod lock;
mod moves;
mod page;
pub mod postgres;
mod queue;
mod reports;
mod rules;
mod terms;

pub use album::{Album, Keeping, Picture, PictureId, Pictured};
pub use archive::Archive;
pub use claim::{Claim, Verdict, Work};
pub use commits::{COMMIT_MICROS, COMMIT_REQUESTS, CommitStats};
pub use control::Control;
pub use counts::{Counts, Room};
pub use error::StoreError;
pub use filter::{DeliveryFilter, PEOPLE_MAX};
pub use find::{Finds, Group, Person, find};
pub use inbox::{Accepted, Inbox, Incoming};
pub use moves::{Forgotten, Found, IllegalMove, Moves, Sweep};
pub use page::Page;
pub use queue::{Compaction, LostTime, Queue};
pub use reports::{REPORTS_WAITING_MAX, Taken, UNBOUND_MAX};
pub use terms::{CutNow, IsShort, Terms};

/// The durable heart of the bridge, whole: each part of the bridge asks for the side that it needs.
///
/// *Durable* means: on the medium, synced, so that neither `kill -9` nor a power cut takes it back.
///
/// Every call with a `Result` may answer [`StoreError::Closed`], [`StoreError::Failed`] and, with a shared store,
/// [`StoreError::Away`]; a call's own docs name only its further errors. Where they name [`StoreError::DiskLow`], a shared store
/// answers [`StoreError::DatabaseFull`].
pub trait Store: Inbox + Queue + Archive + Control + Album {}

impl<S: Inbox + Queue + Archive + Control + Album> Store for S {}

/// The most memory that one waiting delivery takes: in a lane of its own, with its dedupe keys and its index entries.
pub const WAITING_BYTES: u64 = 950;

/// The smallest backlog bound, however little memory there is: fewer deliveries would not cover the shortest outage.
pub const BACKLOG_MIN: u64 = 10_000;

/// The bounds of a store; their defaults give the reasons.
#[derive(Clone, Debug)]
pub struct StoreLimits {
    /// The most unsettled deliveries that may wait; at the bound nothing more is accepted.
    pub backlog_max: u64,
    /// Memory for waiting deliveries and for the index of settled deliveries and conversations. The more is kept, the
    /// fewer may wait, but no fewer than [`BACKLOG_MIN`].
    pub backlog_bytes: Option<u64>,
    /// Free space below which nothing is accepted.
    pub disk_floor_bytes: u64,
    /// The most room for customers' pictures, however large the disk is.
    pub pictures_bytes: u64,
    /// How long a claim lives ([`crate::domain::delivery::LEASE`]).
    pub lease: Duration,
    /// The clock that times claims. It cannot be set, because a lease that ends while its holder is calling lets a
    /// second worker call as well.
    pub steady: Steady,
    /// The length of one turn of a backend's log; about twice as many new bytes may lie in memory.
    pub turn_bytes: u64,
    /// The number of audit entries kept.
    pub audit_max: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            // An unsettled delivery takes some 100 bytes of memory in a lane, and some 800 in a lane of its own. A
            // bridge computes its own bound from its memory.
            backlog_max: 1_000_000,
            backlog_bytes: None,
            // sled cannot reopen a directory on a full disk, so it must never come to that.
            disk_floor_bytes: 256 * 1024 * 1024,
            // Some thousands of pictures, as phones send them.
            pictures_bytes: 1024 * 1024 * 1024,
            lease: crate::domain::delivery::LEASE,
            steady: Steady::default(),
            turn_bytes: 16 * 1024 * 1024,
            // Years of an operator's work, in some 2 MB.
            audit_max: 10_000,
        }
    }
}
