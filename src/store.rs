//! The store's contract: the facts that hold once a call has returned, and those that hold after a crash.
//!
//! Intake and worker meet only here. The contract speaks of claims, leases and fences although the first backend
//! ([`embedded::sled`]) has one process to itself, so that a shared database can stand behind it later.
//!
//! A store never calls a vendor and never reads the wall clock: each call brings its own time. It never decides the
//! fate of a delivery: it keeps the decisions of intake, worker and operator.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::clock::Steady;
use crate::domain::account::{AccountId, Direction, Ends, Route};
use crate::domain::answer::{Answer, Answers};
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::delivery::{Arrived, Delivery, Transition};
use crate::domain::event::{Customer, DedupeKey, Event, EventId, TicketRef};
use crate::domain::find::Search;
use crate::domain::inbound::Arrivals;
use crate::domain::operator::{AuditEntry, Order, Pause, PauseTerms, Seen};

mod commits;
#[cfg(test)]
mod contract;
mod counts;
pub mod embedded;
mod error;
mod filter;
mod find;
mod moves;
mod page;
mod reports;
mod rules;
mod terms;

pub use commits::{COMMIT_MICROS, COMMIT_REQUESTS, CommitStats};
pub use counts::{Counts, Room};
pub use error::StoreError;
pub use filter::{DeliveryFilter, PEOPLE_MAX};
pub use find::{Finds, Group, Person, find};
pub use moves::{Forgotten, Found, IllegalMove, Moves, Sweep};
pub use page::Page;
pub use reports::{REPORTS_WAITING_MAX, Reports, Taken, UNBOUND_MAX};
pub use terms::{IsShort, Terms};

/// The result of [`Store::accept`] and [`Store::quarantine`].
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
}

/// When a store rewrites its files ([`Store::compact`]).
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

/// The durable heart of the bridge.
///
/// *Durable* means: on the medium, synced, so that neither `kill -9` nor a power cut takes it back.
///
/// Every call with a `Result` may answer [`StoreError::Closed`] and [`StoreError::Failed`]; a call's own docs name only
/// its further errors.
#[async_trait]
pub trait Store: Reports + Send + Sync + 'static {
    /// Accepts an event. On `New` the event is durable, and [`Store::claim`] will offer it. A crash during the call
    /// leaves the event stored or not; its sender repeats it, and is told `Duplicate` if it is stored. Two calls with a
    /// key in common never both answer `New`.
    ///
    /// The store finds the event's lane: a known alias of the customer, or the known ticket, leads to its conversation;
    /// otherwise the event's own fields make a new key. The facts in the event itself
    /// ([`crate::domain::conversation::learnt_from`]) are applied to the conversation in the same commit.
    ///
    /// # Errors
    /// [`StoreError::BacklogFull`] and [`StoreError::DiskLow`], but a duplicate and an echo are answered as such even
    /// then.
    // Not an `async fn`, so that a caller waiting for the answer need not hold the event.
    fn accept(
        &self,
        event: Event,
        ends: Ends,
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
        ends: Ends,
        cause: String,
        dedupe: Vec<DedupeKey>,
        now: Timestamp,
    ) -> Result<Accepted, StoreError>;

    /// Hands out the head of a lane that is due, or `None`. Before the call returns, the head is durably `Sending` (an
    /// unconfirmed head stays `Unconfirmed`: looking has no effect). The lane stays closed to other claims until
    /// [`Store::record`] or the end of the lease. A crash turns `Sending` into `Unconfirmed`.
    ///
    /// Untried texts behind the head are claimed with it, to be delivered as one, if [`Terms::merge_up_to`] is over 1
    /// and the head waited for a budget or its ticket's budget is short ([`Terms::is_short`]). Texts once tried
    /// together are claimed together until the operator parts them.
    ///
    /// The call passes over a head with a need that cannot be met ([`Terms::gates`]), and writes nothing for it. After
    /// a few hundred such heads the answer is `None` although more may be due; [`Store::next_due`] then says so.
    ///
    /// A caller that drops the call may leave a claim without a holder; its lane is closed until the lease ends. A
    /// destination paused by the operator ([`Store::pause`]) hands out nothing.
    async fn claim(&self, route: Route, now: Timestamp, terms: Terms) -> Result<Option<Claim>, StoreError>;

    /// Records a worker's verdict durably, in one commit, and opens the lane again.
    ///
    /// # Errors
    /// [`StoreError::StaleClaim`] when the caller no longer holds the claim. [`StoreError::Illegal`] for a move that
    /// the delivery's state does not allow, or of a delivery outside the claim; the caller still holds the claim then.
    async fn record(&self, claim: &Claim, verdict: Verdict, now: Timestamp) -> Result<(), StoreError>;

    /// Whether a delivery of this conversation waits for this destination, or is on its way there.
    async fn is_waiting(&self, direction: Direction, key: &ConversationKey) -> Result<bool, StoreError>;

    /// Adds facts to a conversation, durably, outside of a verdict.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such conversation.
    async fn learn(&self, key: &ConversationKey, changes: Vec<Change>, now: Timestamp) -> Result<(), StoreError>;

    /// Waits until a commit may have changed the due work of this destination, by an acceptance, a record, a move or a
    /// redrive. It may return without need but misses nothing: a change between two calls is kept for the next one. For
    /// one caller at a time. The passing of time is no change, so the caller also sleeps until [`Store::next_due`].
    async fn changed(&self, route: Route);

    /// When to ask for a claim again, as of the last commit: at once ([`Timestamp::MIN`]) when a head is ready, else
    /// when the next head falls due; `None` when only a change can bring work. For a paused destination, the end of its
    /// pause, or `None` if it has no end.
    fn next_due(&self, route: Route) -> Option<Timestamp>;

    /// One conversation, with everything committed before the call.
    async fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, StoreError>;

    /// The conversations of these tickets, present and former, as far as they are known; in no order.
    async fn conversations_on(&self, tickets: &[TicketRef]) -> Result<Vec<(TicketRef, Conversation)>, StoreError>;

    /// The key of this customer's conversation on this line: the key that a known name leads to, or else the key that
    /// the customer's first text would make. Nothing is written.
    async fn key_of(&self, customer: &Customer, ends: Ends, line: Option<&str>) -> Result<ConversationKey, StoreError>;

    /// At most `limit` conversations (sled: never more than 1000) in the order of their keys, after `after`. A list is
    /// a look at a moving thing: a record that changes meanwhile may be missing from the page.
    async fn conversations(
        &self,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError>;

    /// Conversations from the one with the newest delivery to the one with the oldest, then those without deliveries in
    /// the order of their keys. With a search, only its conversations are listed and counted.
    async fn find_conversations(
        &self,
        search: Option<Search>,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError>;

    /// One delivery with its event.
    async fn delivery(&self, id: EventId) -> Result<Option<(Delivery, Event)>, StoreError>;

    /// The vendor's answers to the failed attempts of a delivery, with everything committed before the call; none for
    /// an unknown delivery. They may repeat a customer's text, so [`Store::note_seen`] comes first.
    async fn answers(&self, id: EventId) -> Result<Answers, StoreError>;

    /// Deliveries, oldest first unless asked otherwise; a look at a moving thing, like [`Store::conversations`].
    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Page<Delivery>, StoreError>;

    /// The operator's moves ([`Transition::Redrive`], [`Transition::Discard`], [`Transition::ReadAgain`]), each durable
    /// on return and audited. Redriving a merged delivery redrives those merged with it, each on its own again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Illegal`] for any other move, for one that the delivery's state does not
    /// allow, and while a worker holds the delivery.
    async fn operate(&self, id: EventId, transition: Transition, order: &Order) -> Result<(), StoreError>;

    /// Settles a delivery of unknown fate ([`Transition::Settle`]): the operator has found that it arrived, or how many
    /// of its parts did. The other parts go back to their lane, and the delivery arrives with the last of them.
    ///
    /// Durable on return, audited, and in one commit with its consequences ([`crate::domain::arrival`]): the
    /// conversation's new facts, the mark on deliveries that a note reported, and the note that is owed, at the end of
    /// its lane. Texts written in one comment are settled together, also after they were set aside, just as
    /// [`Store::operate`] redrives them together.
    ///
    /// # Errors
    /// As for [`Store::operate`]; [`StoreError::Illegal`] also for a kind that only reads ([`Delivery::only_reads`]).
    async fn settle(&self, id: EventId, arrived: Arrived, order: &Order) -> Result<(), StoreError>;

    /// Takes a short look for deliveries to move, beside all other calls, and says where the next look begins. A
    /// delivery may have moved on before the caller uses its id.
    async fn sweep(&self, sweep: Sweep) -> Result<Found, StoreError>;

    /// [`Store::operate`] on each delivery that is still in the named state, in the given order, durable on return. The
    /// few hundred ids of one [`Store::sweep`] delay other calls only briefly. A delivery that cannot be moved holds
    /// back none of the others.
    async fn operate_each(
        &self,
        ids: Vec<EventId>,
        state: String,
        transition: Transition,
        order: &Order,
    ) -> Result<Moves, StoreError>;

    /// Erases a customer: this conversation and the same customer's on other lines, the names and tickets that lead
    /// there, and all their deliveries with their texts. Waiting deliveries are dropped and not sent. A delivery that a
    /// worker holds is left and counted; so are unreadable bodies that do not name the customer.
    ///
    /// On return no call finds any of it, nor after a crash. Dedupe keys stay: they are digests. The bytes may lie in
    /// the freed space of the backend's files until it is used again or the caller asks for [`Store::compact`], and in
    /// every copy of the files. A text that the customer sends afterwards begins a new conversation.
    ///
    /// Settled deliveries are dropped in small steps; after a failed or stopped step the next call goes on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the store knows nothing under this key.
    async fn forget(&self, key: &ConversationKey, order: &Order) -> Result<Forgotten, StoreError>;

    /// Pauses a destination durably: its deliveries are not handed out until the operator resumes it or the terms' end
    /// comes. `None` resumes it. Returns whether this was a change: a second pause changes the terms but never the
    /// start; empty terms take the end away and leave the reason.
    ///
    /// [`Store::claim`] finds the end: the first claim at that time or later resumes the destination, durably and
    /// audited, and [`Store::next_due`] names that time. A pause that ends while no bridge runs is thus over at the
    /// next start.
    async fn pause(&self, account: AccountId, terms: Option<PauseTerms>, order: &Order) -> Result<bool, StoreError>;

    /// The pause of a destination, as of the last commit. Cheap to ask. A pause whose end has come
    /// ([`Pause::has_ended`]) is about to be resumed.
    fn paused(&self, account: AccountId) -> Option<Pause> {
        self.pauses().remove(&account)
    }

    /// Every pause of the operators', as of the last commit. Cheap to ask.
    fn pauses(&self) -> BTreeMap<AccountId, Pause>;

    /// Records durably that an operator is about to see a customer's texts.
    async fn note_seen(&self, seen: Seen, order: &Order) -> Result<(), StoreError>;

    /// The operators' acts, newest first, behind this number: one entry for the changes of each order above. The newest
    /// [`StoreLimits::audit_max`] are kept.
    async fn audit(&self, after: Option<u64>, limit: usize) -> Result<Page<AuditEntry>, StoreError>;

    /// Drops deliveries settled longer ago than `settled_for`, with their events, and dedupe keys older than
    /// `keys_for`; returns how many of both. A date tells an age only after the clock ran for that long without being
    /// set ([`Store::time_was_set`]); a date that far ahead of `now` then comes from a wrong clock, and counts as
    /// older. Drops surplus audit entries as well. The steps are small, so that other calls hardly wait; after a failed
    /// or stopped step the next call goes on.
    async fn expire(&self, now: Timestamp, settled_for: Duration, keys_for: Duration) -> Result<u64, StoreError>;

    /// Replaces the stored account of webhooks, durably. Called now and then, and not as part of an acceptance.
    async fn keep_arrivals(&self, account: Arrivals) -> Result<(), StoreError>;

    /// The account of webhooks stored last. An account that this version cannot read is an error, and loses no other
    /// record.
    async fn arrivals(&self) -> Result<Option<Arrivals>, StoreError>;

    /// Records durably that the clock was set before `now`, so that no earlier date tells an age. An opening does the
    /// same when its time does not follow the dates in the store.
    async fn time_was_set(&self, now: Timestamp) -> Result<(), StoreError>;

    /// Rewrites the store's files beside all other calls and deletes the old ones. After [`Compaction::Now`] returns,
    /// no record dropped before the call can be read from the files, unless the disk had no room for a copy: then the
    /// log says so and the files stay. Lists under way are finished first.
    async fn compact(&self, when: Compaction) -> Result<(), StoreError>;

    /// Numbers for metrics, as of the last commit.
    fn counts(&self) -> Counts;

    /// The span of time missing from the store, if it was put back from a backup within the last 30 days.
    fn lost_time(&self) -> Option<LostTime>;

    /// Whether the event `id` may have been accepted after `than`, which is one of this store's. An id that the store
    /// never gave out is of an earlier store or, after a lost time, of that time.
    fn may_be_later(&self, id: EventId, than: EventId) -> bool;

    /// Whether the store would accept now.
    ///
    /// # Errors
    /// The error that [`Store::accept`] would answer.
    fn health(&self) -> Result<(), StoreError>;

    /// Finishes the calls already made, then closes the medium. From then on every call that can fail is answered
    /// [`StoreError::Closed`].
    async fn close(&self);
}

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
