//! The store's side that takes in: accepted events, and a carrier's reports. All that a webhook's handler may ask of it.
//! A call here never decides more than whether it takes the event, and under which name it is known.

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::error::StoreError;
use super::reports::Taken;
use crate::domain::event::{DedupeKey, Event, EventId};
use crate::domain::line::Place;
use crate::domain::receipt::Report;

/// The result of [`Inbox::accept`] and [`Inbox::quarantine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The event is on disk, synced.
    New(EventId),
    /// An earlier event has one of the dedupe keys; this is its id. Nothing was written.
    Duplicate(EventId),
    /// The event is tandem's own write coming back ([`crate::domain::conversation::Conversation::is_echo`]). Nothing was written.
    Echo,
}

/// One event of a body that holds several.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The event.
    pub event: Event,
    /// Its place.
    pub place: Place,
    /// The keys that identify a repeat of it.
    pub dedupe: Vec<DedupeKey>,
    /// Why it is kept for the operator; `None` of an event to deliver.
    pub unreadable: Option<String>,
}

/// Takes in what vendors send. See [`super::Store`] for the promises of every call.
#[async_trait]
pub trait Inbox: Send + Sync + 'static {
    /// Accepts an event. On `New` the event is durable, and [`super::Queue::claim`] will offer it. A crash during the call
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
        place: Place,
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
        place: Place,
        cause: String,
        dedupe: Vec<DedupeKey>,
        now: Timestamp,
    ) -> Result<Accepted, StoreError>;

    /// Takes a batch in, in one commit, durable on return. A report that was taken in before is told by its id; so is the
    /// one that stands twice in a batch. `others` may be about the sends of other programs: such a report is kept only
    /// where a delivery or a kept report is known by the name of its send.
    ///
    /// # Errors
    /// [`StoreError::DiskLow`], and [`StoreError::BacklogFull`] where too many wait to be weighed. Nothing of the batch
    /// need be there then, and all of it may be given again.
    async fn take_reports(&self, ours: Vec<Report>, others: Vec<Report>, now: Timestamp) -> Result<Taken, StoreError>;

    /// Takes in the events and the reports of one body, in one commit, durable on return; a crash during the call leaves all of
    /// them or none. Each event is taken as [`Inbox::accept`] or [`Inbox::quarantine`] takes it, in this order, and the
    /// reports as [`Inbox::take_reports`] does. Gives the results of the events in their order.
    ///
    /// # Errors
    /// As those three. All of the body may be given again.
    async fn take_body(
        &self,
        events: Vec<Incoming>,
        ours: Vec<Report>,
        others: Vec<Report>,
        now: Timestamp,
    ) -> Result<(Vec<Accepted>, Taken), StoreError>;

    /// Whether the store would accept now.
    ///
    /// # Errors
    /// The error that [`Inbox::accept`] would answer.
    fn health(&self) -> Result<(), StoreError>;
}
