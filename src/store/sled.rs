//! The store on sled 0.34, for one process.
//!
//! sled 0.34 by itself does not survive a power cut: on Linux its `flush` ends in `sync_file_range`, its pages over
//! 128 KiB are never synced, and `flush_async` blocks for ever under load. What makes it safe is how it is used here:
//!
//! - one thread owns every write ([`writer`]); it takes what is queued, executes it ([`core`]), commits it as one batch
//!   in one tree, flushes, **syncs sled's file through a descriptor of our own**, and only then answers;
//! - long values are cut ([`layout`]), so that no page ever leaves the file that is synced;
//! - the background flusher is off, and no async thread ever calls sled;
//! - after a failed commit nothing is done any more until the store is opened again, because what sled then holds in
//!   memory need not be what is on the medium;
//! - a directory that cannot be opened is set aside, never replaced ([`open`]).
//!
//! It never runs on a network file system, and two processes never share a directory.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use jiff::Timestamp;
use sled::Db;
use tokio::sync::mpsc;

use crate::domain::address::{self, Address, Directory};
use crate::domain::conversation::{Change, Conversation, ConversationKey};
use crate::domain::delivery::{Delivery, Transition};
use crate::domain::event::{Customer, DedupeKey, Destination, Event, EventId};
use crate::domain::lanes::Place;
use crate::store::sled::claims::Ruling;
use crate::store::sled::core::{Arrival, Core};
use crate::store::sled::shared::Shared;
use crate::store::sled::writer::{Ask, Request};
use crate::store::{Accepted, Claim, Counts, DeliveryFilter, Page, Store, StoreError, StoreLimits, Verdict};

mod claims;
mod core;
mod journal;
mod known;
mod layout;
mod lists;
mod open;
mod shared;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

pub use open::OpenError;

/// The store on sled.
pub struct SledStore {
    /// `None` only while it is being dropped.
    requests: Option<mpsc::Sender<Box<dyn Request>>>,
    shared: Arc<Shared>,
    /// For lists; given up when the store is closed.
    db: Mutex<Option<Db>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SledStore {
    /// Opens the store in a directory, or makes one there. `epoch_if_new` is drawn at random by the caller: it keeps
    /// the ids of a new store apart from those of every store before it.
    ///
    /// # Errors
    /// [`OpenError`], whose words tell the operator what to do.
    pub async fn open(path: &Path, limits: StoreLimits, epoch_if_new: u32, now: Timestamp) -> Result<Self, OpenError> {
        let owned = path.to_owned();
        let unusable = |cause: String| OpenError::Unusable { path: path.to_owned(), cause };
        let opening = tokio::task::spawn_blocking(move || Self::open_blocking(&owned, limits, epoch_if_new, now));
        opening.await.map_err(|error| unusable(error.to_string()))?
    }

    fn open_blocking(path: &Path, limits: StoreLimits, epoch_if_new: u32, now: Timestamp) -> Result<Self, OpenError> {
        let opened = open::open(path, &limits, epoch_if_new, now)?;
        let shared = Arc::new(Shared::new(limits, opened.core.disk.clone()));
        shared.publish(&opened.core);
        let (sender, receiver) = mpsc::channel(writer::QUEUE_MAX);
        let (core, lock, seen) = (opened.core, opened.lock, shared.clone());
        let runtime = tokio::runtime::Handle::current();
        let writer = std::thread::Builder::new().name("store-writer".into()).spawn(move || {
            writer::run(core, receiver, &seen, &runtime);
            // Only now, with sled closed, may somebody else have the directory.
            drop(lock);
        });
        let writer = writer.map_err(|error| OpenError::Unusable { path: path.to_owned(), cause: error.to_string() })?;
        Ok(Self { requests: Some(sender), shared, db: Mutex::new(Some(opened.db)), writer: Mutex::new(Some(writer)) })
    }

    /// Lets the writer do something, and waits until that is durable.
    async fn ask<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Core) -> Result<T, StoreError> + Send + 'static,
    {
        self.shared.alive()?;
        let requests = self.requests.as_ref().ok_or(StoreError::Closed)?;
        let (request, answer) = Ask::new(work);
        requests.send(Box::new(request)).await.map_err(|_| self.why_silent())?;
        answer.await.map_err(|_| self.why_silent())?
    }

    /// Reads beside the writer, on a thread that may block.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    {
        self.shared.alive()?;
        let db = self.db.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StoreError::Closed)?;
        let reading = tokio::task::spawn_blocking(move || work(&db));
        reading.await.map_err(|error| StoreError::Failed(error.to_string()))?
    }

    fn why_silent(&self) -> StoreError {
        self.shared.alive().err().unwrap_or(StoreError::Closed)
    }

    fn take_writer(&self) -> Option<JoinHandle<()>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[async_trait]
impl Store for SledStore {
    async fn accept(&self, event: Event, dedupe: Vec<DedupeKey>, now: Timestamp) -> Result<Accepted, StoreError> {
        let arrival = Arrival::new(&event, &dedupe)?;
        self.ask(move |core| core.accept(arrival, now)).await
    }

    async fn quarantine(
        &self,
        event: Event,
        cause: String,
        dedupe: Vec<DedupeKey>,
        now: Timestamp,
    ) -> Result<Accepted, StoreError> {
        let arrival = Arrival::new(&event, &dedupe)?;
        self.ask(move |core| core.quarantine(arrival, cause, now)).await
    }

    async fn claim(
        &self,
        destination: Destination,
        now: Timestamp,
        merge_up_to: usize,
    ) -> Result<Option<Claim>, StoreError> {
        let claim = self.ask(move |core| core.claim(destination, now, merge_up_to)).await?;
        claim.map(claims::RawClaim::read).transpose()
    }

    async fn record(&self, claim: &Claim, verdict: Verdict, now: Timestamp) -> Result<(), StoreError> {
        let ruling = Ruling::new(claim, verdict)?;
        self.ask(move |core| core.record(ruling, now)).await
    }

    async fn learn(&self, key: &ConversationKey, changes: Vec<Change>, now: Timestamp) -> Result<(), StoreError> {
        let key = key.clone();
        self.ask(move |core| {
            let known = Directory::conversation(core, &key)?.ok_or_else(|| StoreError::NotFound(key.to_string()))?;
            core.change(&key, Some(known), changes, now)
        })
        .await
    }

    async fn changed(&self, destination: Destination) {
        self.shared.wakeup(destination).notified().await;
    }

    fn next_due(&self, destination: Destination) -> Option<Timestamp> {
        self.shared.next_due(destination)
    }

    async fn conversation(&self, key: &ConversationKey) -> Result<Option<Conversation>, StoreError> {
        let key = key.clone();
        self.ask(move |core| Directory::conversation(core, &key)).await
    }

    async fn key_of(&self, customer: &Customer, line: Option<&str>) -> Result<ConversationKey, StoreError> {
        let address = Address::Customer { aliases: address::aliases_of(customer), line: line.map(str::to_owned) };
        self.ask(move |core| address::resolve(&address, core).map(|resolution| resolution.key)).await
    }

    async fn conversations(
        &self,
        after: Option<&ConversationKey>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError> {
        let after = after.cloned();
        self.read(move |db| lists::conversations(db, after.as_ref(), limit)).await
    }

    async fn delivery(&self, id: EventId) -> Result<Option<(Delivery, Event)>, StoreError> {
        let found = self.ask(move |core| {
            let Ok(place) = core.place(id) else { return Ok(None) };
            let Some(delivery) = core.find(place)? else { return Ok(None) };
            Ok(Some((delivery, core.event_record(place)?)))
        });
        let Some((delivery, record)) = found.await? else { return Ok(None) };
        Ok(Some((delivery, layout::decode("event", &record)?)))
    }

    async fn deliveries(&self, filter: DeliveryFilter) -> Result<Page<Delivery>, StoreError> {
        self.read(move |db| lists::deliveries(db, &filter)).await
    }

    async fn operate(&self, id: EventId, transition: Transition, now: Timestamp) -> Result<(), StoreError> {
        self.ask(move |core| core.operate(id, transition, now)).await
    }

    async fn expire(&self, settled_before: Timestamp, keys_before: Timestamp) -> Result<u64, StoreError> {
        let mut dropped = 0;
        let mut last: Option<Place> = None;
        loop {
            let places = self.read(move |db| lists::settled_before(db, last, settled_before)).await?;
            let Some(end) = places.last() else { break };
            last = Some(*end);
            dropped += self.ask(move |core| core.drop_settled(&places, settled_before)).await?;
        }
        let mut last: Option<sled::IVec> = None;
        loop {
            let after = last.clone();
            let keys = self.read(move |db| lists::keys_before(db, after.as_ref(), keys_before)).await?;
            let Some(end) = keys.last() else { break };
            last = Some(end.clone());
            dropped += self.ask(move |core| core.drop_keys(&keys, keys_before)).await?;
        }
        self.ask(|core| {
            core.known.shrink();
            Ok(())
        })
        .await?;
        Ok(dropped)
    }

    fn counts(&self) -> Counts {
        self.shared.counts()
    }

    fn health(&self) -> Result<(), StoreError> {
        self.shared.health()
    }

    async fn close(&self) {
        // Asked first, because afterwards nothing may be asked.
        let stop = self.ask(|core| {
            core.stop = true;
            Ok(())
        });
        let asked = stop.await;
        self.shared.closed.store(true, Ordering::Release);
        self.db.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = self.take_writer() else { return };
        if asked.is_err() {
            // The store has failed: the thread answers everybody so until the store is dropped, and holds nothing back.
            *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(writer);
            return;
        }
        let joining = tokio::task::spawn_blocking(move || writer.join());
        if !matches!(joining.await, Ok(Ok(()))) {
            tracing::error!("The store's writer thread did not end well.");
        }
    }
}

/// The writer serves what is queued, and then closes sled on its own thread.
impl Drop for SledStore {
    fn drop(&mut self) {
        self.requests.take();
        self.db.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = self.take_writer() {
            // A panic there was reported when it happened.
            writer.join().ok();
        }
    }
}
