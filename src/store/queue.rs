//! The store's side for the work: claims and their results, reports to weigh, and the upkeep. The worker asks here. A call
//! here never asks an operator's leave, and never moves what an operator has paused.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::claim::{Claim, Verdict};
use super::error::StoreError;
use super::terms::Terms;
use crate::domain::account::{AccountId, Direction, Route};
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::event::{Customer, EventId, TicketRef};
use crate::domain::line::Place;
use crate::domain::receipt::{Fate, Kept};

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

/// Hands out work and takes its results back. See [`super::Store`] for the promises of every call.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Hands out the heads of lanes that are due, in their order of service: `most` at most, each of another lane, in one
    /// commit. Before the call returns, each head is durably `Sending` (an unconfirmed head stays `Unconfirmed`: looking
    /// has no effect). Its lane stays closed to other claims until [`Queue::record`] or the end of the lease. A crash
    /// during the call leaves all of them claimed or none; after it, `Sending` is `Unconfirmed`.
    ///
    /// Fewer than asked for means that no more is due which these terms let go, or one of the cases below; [`Queue::next_due`]
    /// then says so. With none asked for, none is handed out.
    ///
    /// Untried texts behind a head are claimed with it, to be delivered as one, if [`Terms::merge_up_to`] is over 1
    /// and the head waited for a budget or its ticket's budget is short ([`Terms::is_short`]). Texts once tried
    /// together are claimed together until the operator parts them.
    ///
    /// The call passes over a head with a need that cannot be met ([`Terms::gates`]), and writes nothing for it. Each head
    /// that it hands out takes the room of its need, so no more are begun than one request after the other would begin.
    /// After a few hundred heads passed over, the answer ends although more may be due.
    ///
    /// A head whose records cannot be read is an error only where it is the first; the claims before it are handed out, and
    /// the next request meets it first. A head whose event cannot be read is left out, and its lane is closed until the lease
    /// ends.
    ///
    /// A caller that drops the call may leave claims without a holder; their lanes are closed until the lease ends. A
    /// destination paused by the operator ([`super::Control::pause`]) hands out nothing.
    async fn claim(&self, route: Route, now: Timestamp, terms: Terms, most: usize) -> Result<Vec<Claim>, StoreError>;

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
    /// one caller at a time. The passing of time is no change, so the caller also sleeps until [`Queue::next_due`].
    async fn changed(&self, route: Route);

    /// When to ask for a claim again, as of the last commit: at once ([`Timestamp::MIN`]) when a head is ready, else
    /// when the next head falls due; `None` when only a change can bring work. For a paused destination, the end of its
    /// pause, or `None` if it has no end.
    fn next_due(&self, route: Route) -> Option<Timestamp>;

    /// The conversations of these tickets, present and former, as far as they are known; in no order.
    async fn conversations_on(&self, tickets: &[TicketRef]) -> Result<Vec<(TicketRef, Conversation)>, StoreError>;

    /// The conversations of the customer whom this carrier, which keeps talks, calls so; in no order. It takes as long as there
    /// are talks of theirs, however many others are known.
    async fn talks_of(&self, carrier: AccountId, user: &str) -> Result<Vec<Conversation>, StoreError>;

    /// The key of this customer's conversation at this place, on the line whose address the carrier told: the key that a
    /// known name leads to, or else the key that the customer's first text would make. Nothing is written.
    async fn key_of(
        &self,
        customer: &Customer,
        place: &Place,
        told: Option<&str>,
    ) -> Result<ConversationKey, StoreError>;

    /// Reports that are to be weighed by now, in the order in which they fell due.
    ///
    /// # Errors
    /// As every call.
    async fn due_reports(&self, now: Timestamp, limit: usize) -> Result<Vec<Kept>, StoreError>;

    /// When the next report is to be weighed, as of the last commit.
    fn next_report_due(&self) -> Option<Timestamp>;

    /// Waits until a commit may have made a report due. As [`Queue::changed`], for one caller at a time.
    async fn reports_changed(&self);

    /// Records the fate of a report, durably and in one commit with its consequences: the receipt of the delivery,
    /// the note that is owed, the text that is taken in. A report that is gone by now changes nothing, and neither does one
    /// about a delivery that is gone.
    ///
    /// A delivery in doubt of which all parts are known to be out is looked at again at once.
    ///
    /// Gives whether that was its end, and it is not to be weighed again.
    ///
    /// # Errors
    /// [`StoreError::BacklogFull`] and [`StoreError::DiskLow`] for a text that is taken in.
    async fn weigh(&self, report: u64, fate: Fate, now: Timestamp) -> Result<bool, StoreError>;

    /// The span of time missing from the store, if it was put back from a backup within the last 30 days.
    fn lost_time(&self) -> Option<LostTime>;

    /// Whether the event `id` may have been accepted after `than`, which is one of this store's. An id that the store
    /// never gave out is of an earlier store or, after a lost time, of that time.
    fn may_be_later(&self, id: EventId, than: EventId) -> bool;

    /// Drops deliveries settled longer ago than `settled_for`, with their events, and dedupe keys older than
    /// `keys_for`; returns how many of both. A date tells an age only after the clock ran for that long without being
    /// set ([`Queue::time_was_set`]); a date that far ahead of `now` then comes from a wrong clock, and counts as
    /// older. Drops surplus audit entries as well. The steps are small, so that other calls hardly wait; after a failed
    /// or stopped step the next call goes on.
    async fn expire(&self, now: Timestamp, settled_for: Duration, keys_for: Duration) -> Result<u64, StoreError>;

    /// Records durably that the clock was set before `now`, so that no earlier date tells an age. An opening does the
    /// same when its time does not follow the dates in the store.
    async fn time_was_set(&self, now: Timestamp) -> Result<(), StoreError>;

    /// Rewrites the store's files beside all other calls and deletes the old ones. After [`Compaction::Now`] returns,
    /// no record dropped before the call can be read from the files, unless the disk had no room for a copy: then the
    /// log says so and the files stay. Lists under way are finished first.
    async fn compact(&self, when: Compaction) -> Result<(), StoreError>;
}
