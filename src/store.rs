//! The store's contract: the facts that hold once a call has returned, and those that hold after a crash.
//!
//! Intake and worker meet only here. The contract speaks of claims, leases and fences although the first backend
//! ([`embedded::sled`]) has one process to itself, so that a shared database can stand behind it later.
//!
//! A store never calls a vendor and never reads the wall clock: each call brings its own time. It never decides the
//! fate of a delivery: it keeps the decisions of intake, worker and operator.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Steady;
use crate::domain::account::{Ends, Route};
use crate::domain::answer::Answer;
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::delivery::{Delivery, Transition};
use crate::domain::event::{Event, EventId};

mod archive;
mod commits;
#[cfg(test)]
mod contract;
mod control;
mod counts;
pub mod embedded;
mod error;
mod filter;
mod find;
mod inbox;
mod moves;
mod page;
mod queue;
mod reports;
mod rules;
mod terms;

pub use archive::Archive;
pub use commits::{COMMIT_MICROS, COMMIT_REQUESTS, CommitStats};
pub use control::Control;
pub use counts::{Counts, Room};
pub use error::StoreError;
pub use filter::{DeliveryFilter, PEOPLE_MAX};
pub use find::{Finds, Group, Person, find};
pub use inbox::Inbox;
pub use moves::{Forgotten, Found, IllegalMove, Moves, Sweep};
pub use page::Page;
pub use queue::Queue;
pub use reports::{REPORTS_WAITING_MAX, Taken, UNBOUND_MAX};
pub use terms::{IsShort, Terms};

/// The result of [`Inbox::accept`] and [`Inbox::quarantine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The event is on disk, synced.
    New(EventId),
    /// An earlier event has one of the dedupe keys; this is its id. Nothing was written.
    Duplicate(EventId),
    /// The event is tandem's own write coming back ([`Conversation::is_echo`]). Nothing was written.
    Echo,
}

/// A lane's head, handed to one worker.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The way of its deliveries: the direction makes the lane.
    pub route: Route,
    /// The accounts of the conversation.
    pub ends: Ends,
    /// The conversation as it stands; `None` when nothing is known of it yet.
    pub conversation: Option<Conversation>,
    /// The key of the lane, also when there is no conversation yet.
    pub key: ConversationKey,
    /// The deliveries in order: one, or several that go out as one comment or note. Never empty.
    pub work: Vec<Work>,
    /// The head counts as accepted no earlier than this, against a wrong date in its record: the time of an opening
    /// before it, or of a set clock.
    pub not_before: Timestamp,
    /// Proves with the verdict that the worker still holds the claim.
    pub fence: u64,
}

/// One delivery of a claim.
#[derive(Clone, Debug)]
pub struct Work {
    /// The delivery as it stood *before* this claim, so the worker sees whether it was unconfirmed.
    pub delivery: Delivery,
    /// Its event.
    pub event: Event,
}

/// A worker's decision about a claim, recorded in one commit or not at all.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The move of each delivery. A delivery without a move keeps its state, except that one in `Sending` counts as
    /// lost and is looked for.
    pub moves: Vec<(EventId, Transition)>,
    /// The number of parts of the (single) delivery known to be out; `None` leaves the number.
    pub parts_sent: Option<u32>,
    /// The vendor's answer to the failed attempt; the store keeps it with the first delivery of the claim.
    pub answer: Option<Answer>,
    /// New facts about the conversation.
    pub changes: Vec<Change>,
    /// Deliveries, waiting or settled, that a note has just reported as not arrived.
    pub noted: Vec<EventId>,
    /// Events that take the place of the claimed one, ahead of the rest of its lane.
    pub instead: Vec<Event>,
    /// Further events that are owed; each goes to the end of its own lane of the conversation.
    pub besides: Vec<Event>,
    /// The conversation that takes over everything waiting under the claim's provisional key.
    pub belongs_to: Option<ConversationKey>,
    /// The accounts of that conversation, should it be a new one; `None` for those of the claim.
    pub ends: Option<Ends>,
}

/// When a store rewrites its files ([`Queue::compact`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compaction {
    /// When the files are much larger than their records.
    WhenBloated,
    /// Always, so that no file keeps a dropped record.
    Now,
}

/// A span of time missing from a store that was put back from a backup: nothing accepted, sent or learnt then is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostTime {
    /// The latest time in the backup.
    pub since: Timestamp,
    /// When the backup was first opened.
    pub until: Timestamp,
    /// The number of waiting deliveries to look for before they are sent again; `None` if an earlier opening marked
    /// them.
    pub doubted: Option<u64>,
}

/// The durable heart of the bridge, whole: each part of the bridge asks for the side that it needs.
///
/// *Durable* means: on the medium, synced, so that neither `kill -9` nor a power cut takes it back.
///
/// Every call with a `Result` may answer [`StoreError::Closed`] and [`StoreError::Failed`]; a call's own docs name only
/// its further errors.
pub trait Store: Inbox + Queue + Archive + Control {}

impl<S: Inbox + Queue + Archive + Control> Store for S {}

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
            lease: crate::domain::delivery::LEASE,
            steady: Steady::default(),
            turn_bytes: 16 * 1024 * 1024,
            // Years of an operator's work, in some 2 MB.
            audit_max: 10_000,
        }
    }
}
