//! The store's contract: what is true once a call has returned, and what is true after a crash.
//!
//! Intake and worker meet only here. The contract speaks of claims, leases and fences although the first backend
//! ([`sled`]) has one process to itself, so that a shared database can stand behind it later.
//!
//! A store never calls a vendor, never reads the wall clock (whoever calls it says what time it is), and never decides
//! what happens to a delivery: it keeps what others decided.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::clock::Steady;
use crate::domain::answer::{Answer, Answers};
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::delivery::{Arrived, Delivery, Transition};
use crate::domain::event::{Customer, DedupeKey, Destination, Event, EventId, TicketId};
use crate::domain::find::Search;
use crate::domain::inbound::Arrivals;
use crate::domain::operator::{AuditEntry, Order, Pause, PauseTerms, Seen};

mod commits;
#[cfg(test)]
mod contract;
mod counts;
mod engine;
mod filter;
mod find;
pub mod memory;
mod moves;
pub mod sled;
mod terms;

pub use commits::{COMMIT_MICROS, COMMIT_REQUESTS, CommitStats};
pub use counts::{Counts, Room};
pub use filter::{DeliveryFilter, PEOPLE_MAX};
pub use find::{Finds, Group, Person, find};
pub use moves::{Forgotten, Found, Moves, Sweep};
pub use terms::{IsShort, Terms};

/// What acceptance came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is on disk, synced.
    New(EventId),
    /// One of its dedupe keys is known: the earlier event's id. Nothing was written.
    Duplicate(EventId),
    /// It is our own writing coming back ([`Conversation::is_echo`]). Nothing was written.
    Echo,
}

/// Why the store could not do it. Nothing was changed then, except as [`StoreError::Failed`] says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too much is waiting already ([`StoreLimits::backlog_max`]); later there will be room.
    #[error("the backlog is full ({0} deliveries wait)")]
    BacklogFull(u64),
    /// The disk is nearly full ([`StoreLimits::disk_floor_bytes`]); nothing more is accepted until there is room.
    #[error("only {free_mib} MiB are free on the store's disk; {floor_mib} MiB are kept in reserve")]
    DiskLow {
        /// What is free.
        free_mib: u64,
        /// What must stay free.
        floor_mib: u64,
    },
    /// The store is closed, or closing: what is asked for now is for the next start.
    #[error("the store is shutting down")]
    Closed,
    /// The lease has ended, or the claim was recorded before: this result is void. What it was about is looked for.
    #[error("the claim on {0} is no longer ours")]
    StaleClaim(EventId),
    /// No such record; the words say which.
    #[error("there is no {0}")]
    NotFound(String),
    /// The move makes no sense.
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    /// The backend failed, or a record cannot be read. When it was a commit that failed, what was asked for may or may
    /// not be there once the store is opened again, and until then every call is answered so: a sender who repeats, and
    /// a delivery that is looked for, find out.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// [`crate::domain::delivery::Illegal`], with the delivery's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{id}: {reason}")]
pub struct IllegalMove {
    /// The delivery.
    pub id: EventId,
    /// What was illegal.
    pub reason: String,
}

/// A lane's head, handed to one worker.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Which of the conversation's lanes.
    pub destination: Destination,
    /// The conversation as it stands; `None` when nothing is known of it yet.
    pub conversation: Option<Conversation>,
    /// The key of the lane, also when there is no conversation yet.
    pub key: ConversationKey,
    /// What to deliver, in order: one, or several texts that are merged into one comment. Never empty.
    pub work: Vec<Work>,
    /// The head was accepted no earlier, whatever its own date says, because the store was opened at this time before it.
    pub not_before: Timestamp,
    /// Proof that the claim is still ours when the result comes back.
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

/// What a worker has decided about a claim. All of it is recorded in one commit, or none of it.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// For every delivery of the claim, its move. One that is left out keeps its state; if it was being sent, it counts
    /// as lost and is looked for.
    pub moves: Vec<(EventId, Transition)>,
    /// How many parts of the (single) delivery are known to be out; `None` leaves the number.
    pub parts_sent: Option<u32>,
    /// The vendor's answer at which the attempt failed; it is kept with the first delivery of the claim.
    pub answer: Option<Answer>,
    /// What was learnt about the conversation.
    pub changes: Vec<Change>,
    /// Deliveries, wherever they are by now, of which a note has just said that they did not arrive.
    pub noted: Vec<EventId>,
    /// Events that take the place of the claimed one, before everything else in its lane.
    pub instead: Vec<Event>,
    /// Events owed besides; each goes to the end of its own lane of the conversation.
    pub besides: Vec<Event>,
    /// The conversation to which all that waits under the claim's provisional key belongs, from now on.
    pub belongs_to: Option<ConversationKey>,
}

/// When to write anew what a store keeps ([`Store::compact`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compaction {
    /// When its files take much more room than what is in them.
    WhenBloated,
    /// In any case, so that nothing which was dropped is left in a file.
    Now,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// How many there are in all pages, at the time of this look.
    pub total: u64,
    /// Whether there are more behind the last item.
    pub more: bool,
}

/// A time of which a store knows nothing, because it was put back from a backup: what was accepted, sent and learnt then
/// is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostTime {
    /// The latest time that the backup knows of.
    pub since: Timestamp,
    /// When the backup was first opened.
    pub until: Timestamp,
    /// How many waiting deliveries are looked for before they are sent again; `None` where that was an earlier opening.
    pub doubted: Option<u64>,
}

/// The durable heart of the bridge.
///
/// *Durable* means: on the medium, synced, so that neither `kill -9` nor a power cut takes it back.
///
/// Every call with a `Result` may answer [`StoreError::Closed`] and [`StoreError::Failed`]; only what it may answer
/// beside these is said with it.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Takes an event in. Once this returns `New`, the event is durable and will be offered by [`Store::claim`].
    /// When it never returns (a crash), the event may or may not be there; its sender repeats it and is told
    /// `Duplicate` if it is. Two calls with a key in common never both answer `New`.
    ///
    /// The event's lane is found here: an alias of the customer, or the ticket, that is already known leads to its
    /// conversation; else the event's own words make a new key. What the event teaches at once
    /// ([`crate::domain::conversation::learnt_from`]) is applied to the conversation in the same commit.
    ///
    /// # Errors
    /// [`StoreError::BacklogFull`] and [`StoreError::DiskLow`], but a duplicate and an echo are told as such even then.
    // Not an `async fn`: who waits for the answer need not hold the event.
    fn accept(
        &self,
        event: Event,
        dedupe: Vec<DedupeKey>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Accepted, StoreError>>;

    /// Keeps an unreadable body for the operator, durably, under the same dedupe rules. It holds no lane, so a full
    /// backlog does not keep it out.
    ///
    /// # Errors
    /// [`StoreError::DiskLow`].
    async fn quarantine(
        &self,
        event: Event,
        cause: String,
        dedupe: Vec<DedupeKey>,
        now: Timestamp,
    ) -> Result<Accepted, StoreError>;

    /// Hands out the head of a lane that is due, or `None`. Before it returns, the head is durably `Sending` (an
    /// unconfirmed head stays `Unconfirmed`: looking has no effect), and the lane is closed to everybody else until
    /// [`Store::record`] or until the lease ends. After a crash, `Sending` is found again as `Unconfirmed`.
    ///
    /// When [`Terms::merge_up_to`] is over 1 and the head waited for a budget, or the budget of its ticket is short
    /// ([`Terms::is_short`]), the texts behind it that were never tried come along, to be delivered as one. What was
    /// once tried together is claimed together until the operator takes it apart.
    ///
    /// A head with a need that cannot be met ([`Terms::gates`]) is passed over without being written. After a few
    /// hundred of those the answer is `None` although there may be more; [`Store::next_due`] says so.
    ///
    /// Whoever stops waiting for the answer may leave a claim in nobody's hands; its lane is closed until its lease
    /// ends. Of a destination that the operator has paused ([`Store::pause`]), nothing is handed out.
    async fn claim(&self, destination: Destination, now: Timestamp, terms: Terms) -> Result<Option<Claim>, StoreError>;

    /// Records what a worker decided, durably and in one piece, and opens the lane again.
    ///
    /// # Errors
    /// [`StoreError::StaleClaim`] when the claim is no longer the caller's; [`StoreError::Illegal`] for a move that
    /// makes no sense or is not about a delivery of this claim, which is then still the caller's.
    async fn record(&self, claim: &Claim, verdict: Verdict, now: Timestamp) -> Result<(), StoreError>;

    /// Whether anything of this conversation waits for this destination, or is on its way there.
    async fn is_waiting(&self, destination: Destination, key: &ConversationKey) -> Result<bool, StoreError>;

    /// Adds to what is known of a conversation, durably, outside of a claim's result.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such conversation.
    async fn learn(&self, key: &ConversationKey, changes: Vec<Change>, now: Timestamp) -> Result<(), StoreError>;

    /// Waits until a commit may have changed what is due at this destination: something was accepted, recorded, moved
    /// or put back. May return without need, but misses nothing: a change that comes while nobody waits is kept for the
    /// next call. For one caller at a time. That time passes is no change; whoever waits also sleeps until
    /// [`Store::next_due`].
    async fn changed(&self, destination: Destination);

    /// When to ask for a claim again, as of the last commit: at once ([`Timestamp::MIN`]) when a head is ready, else
    /// when the next head falls due; `None` when only a change can bring work. For a paused destination, the end of its
    /// pause, or `None` where it has none.
    fn next_due(&self, destination: Destination) -> Option<Timestamp>;

    /// One conversation, with everything that was committed before.
    async fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, StoreError>;

    /// The conversations that these tickets belong to, or once did, as far as they are known; in no order.
    async fn conversations_on(&self, tickets: &[TicketId]) -> Result<Vec<(TicketId, Conversation)>, StoreError>;

    /// The key of this customer's conversation on this line: the one that a known name leads to, or else the one that
    /// the customer's first text would make. Nothing is written.
    async fn key_of(&self, customer: &Customer, line: Option<&str>) -> Result<ConversationKey, StoreError>;

    /// At most `limit` conversations (sled: never more than 1000) in the order of their keys, after `after`. A list is
    /// a look at a moving thing: what changes meanwhile may be missing from that page.
    async fn conversations(
        &self,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError>;

    /// Conversations from the one with the newest delivery to the one with the oldest, and then those without any in the
    /// order of their keys: of all, or of those that a search means. The total is of those.
    async fn find_conversations(
        &self,
        search: Option<Search>,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError>;

    /// One delivery with its event.
    async fn delivery(&self, id: EventId) -> Result<Option<(Delivery, Event)>, StoreError>;

    /// The vendor's answers to the failed attempts of a delivery, with everything that was committed before; none of one
    /// that does not exist. They may repeat what was written, so [`Store::note_seen`] comes first.
    async fn answers(&self, id: EventId) -> Result<Answers, StoreError>;

    /// Deliveries, oldest first unless asked otherwise; a look at a moving thing, like [`Store::conversations`].
    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Page<Delivery>, StoreError>;

    /// The operator's moves ([`Transition::Redrive`], [`Transition::Discard`], [`Transition::ReadAgain`]), each durable on return and remembered. A delivery that
    /// was merged with others takes them along when it is redriven, each on its own again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Illegal`] for any other move, for one that makes no sense, and while a
    /// worker has the delivery in hand.
    async fn operate(&self, id: EventId, transition: Transition, order: &Order) -> Result<(), StoreError>;

    /// Settles a delivery of unknown fate ([`Transition::Settle`]): the operator has found that it arrived, or so many of
    /// its parts. Then the rest is not lost: it goes back to its lane, and the delivery arrives with the last part.
    ///
    /// Durable on return and remembered, with what follows from it ([`crate::domain::arrival`]): what the conversation
    /// learns, the mark of what a note tells of, and the note that is owed, which goes to the end of its lane. Texts that
    /// were written in one comment are settled together, also when they were set aside, as [`Store::operate`] puts them
    /// back together.
    ///
    /// # Errors
    /// As for [`Store::operate`]; [`StoreError::Illegal`] also for a kind that only reads ([`Delivery::only_reads`]).
    async fn settle(&self, id: EventId, arrived: Arrived, order: &Order) -> Result<(), StoreError>;

    /// Looks for deliveries to move, beside everybody else: a short look, which says where the next one begins. What it
    /// finds may have moved on by the time it is used.
    async fn sweep(&self, sweep: Sweep) -> Result<Found, StoreError>;

    /// [`Store::operate`] on each of these that is still in the state of that word, in the order given, durable on
    /// return. Given the few hundred of [`Store::sweep`], nobody waits for it for long. One that cannot be moved keeps
    /// back none of the others.
    async fn operate_each(
        &self,
        ids: Vec<EventId>,
        state: String,
        transition: Transition,
        order: &Order,
    ) -> Result<Moves, StoreError>;

    /// Erases a customer: this conversation and the same customer's on other lines, the names and tickets that lead
    /// there, and every delivery of theirs with what was written. What still waits is dropped and not sent. What a
    /// worker has in hand is left, and counted; so are unreadable bodies that name nobody.
    ///
    /// On return, none of it can be found by any call, nor after a crash. Dedupe keys stay: they are digests. The bytes
    /// may lie in the freed space of the backend's files until it is used again or the files are written anew
    /// ([`Store::compact`], which is for the caller to ask), and in every copy of them. A text that the customer sends
    /// afterwards begins a new conversation.
    ///
    /// Dropping what is over takes small steps; one that fails or is stopped goes on at the next call.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when nothing is known under this key.
    async fn forget(&self, key: &ConversationKey, order: &Order) -> Result<Forgotten, StoreError>;

    /// Hands out no more of this destination's deliveries, durably, until the operator resumes it or the terms' end is
    /// there; or resumes it (`None`). Says whether that is a change: pausing what is paused changes the terms, unless
    /// they are none, and never since when.
    ///
    /// The end is found by [`Store::claim`]: the first one at that time or later resumes the destination, durably and
    /// remembered, and [`Store::next_due`] names that time. So a pause whose end comes while no bridge runs is over at
    /// the next start.
    async fn pause(
        &self,
        destination: Destination,
        terms: Option<PauseTerms>,
        order: &Order,
    ) -> Result<bool, StoreError>;

    /// Since when, by whom and for what a destination is paused, as of the last commit. Cheap to ask. One whose end has
    /// come ([`Pause::has_ended`]) is about to be resumed.
    fn paused(&self, destination: Destination) -> Option<Pause>;

    /// Remembers, durably, that an operator is about to be shown what was written.
    async fn note_seen(&self, seen: Seen, order: &Order) -> Result<(), StoreError>;

    /// What operators did, newest first, after this number: of each order of the calls above, what it changed. The
    /// newest [`StoreLimits::audit_max`] are kept.
    async fn audit(&self, after: Option<u64>, limit: usize) -> Result<Page<AuditEntry>, StoreError>;

    /// Drops what settled longer ago than `settled_for`, with its event, and dedupe keys older than `keys_for`; returns
    /// how many deliveries and keys that were. A date is believed only once the time has gone on for as long without being
    /// set ([`Store::time_was_set`]); what is dated after `now` by then was dated by a clock that was wrong, and is older.
    /// Drops audit entries beyond their bound as well. Takes small steps, so that nobody waits for it; one that fails or is
    /// stopped goes on at the next call.
    async fn expire(&self, now: Timestamp, settled_for: Duration, keys_for: Duration) -> Result<u64, StoreError>;

    /// Keeps the account of webhooks, durably, in place of the one before. For now and then: it is no part of an acceptance.
    async fn keep_arrivals(&self, account: Arrivals) -> Result<(), StoreError>;

    /// The account of webhooks that was kept last. One that this version cannot read is an error, and loses nothing else.
    async fn arrivals(&self) -> Result<Option<Arrivals>, StoreError>;

    /// Remembers, durably, that another time is gone by since `now`: how old anything is that was dated before, nobody can
    /// tell by its date. An opening whose time does not follow on what it finds does the same by itself.
    async fn time_was_set(&self, now: Timestamp) -> Result<(), StoreError>;

    /// Writes what the store keeps anew, beside whatever else goes on, and deletes the old files. On return after
    /// [`Compaction::Now`], nothing that was dropped before the call can be read from the store's files any more, unless
    /// the disk had no room for a copy (then that is in the log, and all stays as it was). What is being listed
    /// meanwhile is finished first.
    async fn compact(&self, when: Compaction) -> Result<(), StoreError>;

    /// Numbers for metrics, as of the last commit.
    fn counts(&self) -> Counts;

    /// The time of which the store knows nothing, if it was put back from a backup within the last 30 days.
    fn lost_time(&self) -> Option<LostTime>;

    /// Whether the first of these events may have been accepted after the second, which is one of this store's. An id
    /// that the store never gave out names an event of an earlier store; or, after a lost time, one of that time.
    fn may_be_later(&self, id: EventId, than: EventId) -> bool;

    /// Whether the store would accept now.
    ///
    /// # Errors
    /// What [`Store::accept`] would answer.
    fn health(&self) -> Result<(), StoreError>;

    /// Finishes what was asked for, then lets go of the medium. From then on every call that can fail is answered
    /// [`StoreError::Closed`].
    async fn close(&self);
}

/// What one waiting delivery takes of the memory at the most: in a lane of its own, with its dedupe keys and what lists
/// need of it and of its conversation.
pub const WAITING_BYTES: u64 = 950;

/// As many as may wait however little memory there is: less is no buffer for the shortest outage.
pub const BACKLOG_MIN: u64 = 10_000;

/// Bounds of a store, each with its reason where it is set.
#[derive(Clone, Debug)]
pub struct StoreLimits {
    /// As many unsettled deliveries as may wait; then nothing more is accepted.
    pub backlog_max: u64,
    /// What the waiting deliveries may take of the memory, together with what lists need of those that are over and of the
    /// conversations; fewer may wait where much is kept, but no fewer than [`BACKLOG_MIN`].
    pub backlog_bytes: Option<u64>,
    /// Free space below which nothing is accepted.
    pub disk_floor_bytes: u64,
    /// How long a claim lives ([`crate::domain::delivery::LEASE`]).
    pub lease: Duration,
    /// By which claims are timed: a clock that nobody can set, because a lease that ends while its holder is calling
    /// lets another one call as well.
    pub steady: Steady,
    /// How long a turn of a backend's log is: about twice as much of what is new may lie in memory.
    pub turn_bytes: u64,
    /// As many of the operator's orders are remembered.
    pub audit_max: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            // Each unsettled delivery costs some 100 bytes of memory for its place in a lane, and some 800 where it has
            // the lane to itself. A bridge sets its own, from the memory that it has.
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
