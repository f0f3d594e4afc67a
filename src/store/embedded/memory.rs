//! The store in memory: the bridge's own engine, on a medium in a simulation's hands.
//!
//! A call does all its work on the caller's thread, so that one seed gives one course of events. Committed records lie
//! on the [`Medium`] and outlive the store, as a disk outlives a process; a power cut is to drop the store and open
//! another on the same medium. No real bridge runs on it: the medium is gone with the process.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

use crate::store::embedded::pictures::InFiles;
use crate::store::engine::album::{Album, Files};
use crate::store::engine::backend::Backend;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::core::Core;
use crate::store::engine::disk::Disk;
use crate::store::engine::recovery::{self, Start};
use crate::store::engine::shared::Shared;
use crate::store::engine::tree::{Changes, Entries, Look, Rewriting, Tree};
use crate::store::lock::lock;
use crate::store::{Compaction, PictureId, StoreError, StoreLimits};

type Records = BTreeMap<Bytes, Bytes>;

/// The durable records. A clone is the same medium.
#[derive(Clone)]
pub struct Medium {
    records: Arc<Mutex<Arc<Records>>>,
    pictures: Arc<Mutex<BTreeMap<PictureId, Vec<u8>>>>,
    free_bytes: Arc<AtomicU64>,
}

impl Default for Medium {
    fn default() -> Self {
        Self { records: Arc::default(), pictures: Arc::default(), free_bytes: Arc::new(AtomicU64::new(u64::MAX)) }
    }
}

impl Medium {
    /// Another medium with the same contents, and with unlimited room.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            records: Arc::new(Mutex::new(lock(&self.records).clone())),
            pictures: Arc::new(Mutex::new(lock(&self.pictures).clone())),
            ..Self::default()
        }
    }

    /// Sets the free space from now on. Writes take none of it.
    pub fn set_free_bytes(&self, free_bytes: u64) {
        self.free_bytes.store(free_bytes, Ordering::Relaxed);
    }

    fn disk(&self) -> Disk {
        let free_bytes = Arc::clone(&self.free_bytes);
        Disk::measured_by(move || Ok(free_bytes.load(Ordering::Relaxed)))
    }
}

/// The store on a [`Medium`].
pub struct MemoryStore {
    core: Mutex<Core>,
    shared: Shared,
    album: Arc<Album>,
}

impl MemoryStore {
    /// Opens the store on a medium, or begins one on an empty medium. Only one may be open on a medium at a time.
    /// `epoch` is as in [`super::sled::SledStore::open`].
    ///
    /// # Errors
    /// [`StoreError::Failed`] when a record cannot be read.
    pub fn open(medium: &Medium, limits: StoreLimits, epoch: u32, now: Timestamp) -> Result<Self, StoreError> {
        let tree = Box::new(MemoryTree(medium.clone()));
        let core = recovery::take_up(tree, medium.disk(), &limits, Start { epoch, now, home: None })?;
        let files = Box::new(MemoryFiles(medium.clone()));
        let album = Album::open(files, &limits, core.disk.clone(), |text| core.needs_pictures(text))?;
        let shared = Shared::new(limits, &core);
        shared.publish(&core);
        Ok(Self { core: Mutex::new(core), shared, album: Arc::new(album) })
    }
}

impl Backend for MemoryStore {
    async fn ask<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Core) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        self.shared.alive()?;
        let mut core = lock(&self.core);
        let outcome = core.attempt(work);
        if core.commit()? {
            self.shared.measured(1, Duration::ZERO);
        }
        if self.album.drop_of(&std::mem::take(&mut core.over)) {
            self.album.remove_left();
        }
        self.shared.publish(&core);
        self.shared.wake(&mut core);
        outcome
    }

    async fn read_named<P, T, A, F>(&self, ask: A, work: F) -> Result<T, StoreError>
    where
        P: Send + 'static,
        T: Send + 'static,
        A: FnOnce(&Core) -> Result<P, StoreError> + Clone + Send + 'static,
        F: FnOnce(&dyn Look, P) -> Result<T, StoreError> + Send + 'static,
    {
        self.shared.alive()?;
        let (look, what) = {
            let core = lock(&self.core);
            (core.journal.tree.view(), ask(&core)?)
        };
        work(&*look, what)
    }

    fn shared(&self) -> &Shared {
        &self.shared
    }

    async fn remove_pictures(&self) -> Result<(), StoreError> {
        self.album.remove_left();
        Ok(())
    }

    async fn close_medium(&self, _well: bool) {}
}

impl InFiles for MemoryStore {
    fn album(&self) -> &Arc<Album> {
        &self.album
    }
}

struct MemoryTree(Medium);

/// The records at one moment: a later commit makes a copy.
struct MemoryLook(Arc<Records>);

impl Look for MemoryTree {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(lock(&self.0.records).get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Entries<'_> {
        let found: Vec<_> = between(&lock(&self.0.records), from, to).collect();
        Box::new(found.into_iter().map(Ok))
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        Ok(between(&lock(&self.0.records), from, to).next_back())
    }
}

impl Look for MemoryLook {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Entries<'_> {
        Box::new(between(&self.0, from, to).map(Ok))
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        Ok(between(&self.0, from, to).next_back())
    }
}

impl Tree for MemoryTree {
    fn commit(&mut self, changes: Changes) -> Result<(), StoreError> {
        let mut records = lock(&self.0.records);
        let records = Arc::make_mut(&mut records);
        for (key, value) in changes {
            match value {
                Some(value) => records.insert(key, value),
                None => records.remove(&key),
            };
        }
        Ok(())
    }

    fn rewrite(&mut self, _begin: Option<Compaction>) -> Result<Rewriting, StoreError> {
        Ok(Rewriting::Done)
    }

    fn view(&self) -> Box<dyn Look> {
        Box::new(MemoryLook(lock(&self.0.records).clone()))
    }
}

/// The files of the pictures on a medium.
struct MemoryFiles(Medium);

impl Files for MemoryFiles {
    fn list(&self) -> io::Result<Vec<(PictureId, u64)>> {
        let pictures = lock(&self.0.pictures);
        Ok(pictures.iter().map(|(id, file)| (*id, u64::try_from(file.len()).unwrap_or(u64::MAX))).collect())
    }

    fn write(&self, id: PictureId, head: &[u8], body: &[u8]) -> io::Result<()> {
        lock(&self.0.pictures).insert(id, [head, body].concat());
        Ok(())
    }

    fn read(&self, id: PictureId) -> io::Result<Vec<u8>> {
        lock(&self.0.pictures).get(&id).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn remove(&self, id: PictureId) -> io::Result<()> {
        lock(&self.0.pictures).remove(&id);
        Ok(())
    }
}

fn between<'a>(records: &'a Records, from: &[u8], to: &[u8]) -> impl DoubleEndedIterator<Item = (Bytes, Bytes)> + 'a {
    let range = records.range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
    range.map(|(key, value)| (key.clone(), value.clone()))
}

#[cfg(test)]
mod histories;

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::domain::event::EventId;
    use crate::domain::lanes::Position;
    use crate::store::contract::{DESK, Home, accept, at, contract_tests, done, text, words};
    use crate::store::engine::layout;
    use crate::store::{Album as _, Inbox as _, Keeping, Picture, Queue as _, Terms};

    struct InMemory(Medium);

    #[async_trait]
    impl Home for InMemory {
        type Store = MemoryStore;

        async fn new() -> Self {
            Self(Medium::default())
        }

        async fn open(&self, limits: StoreLimits, now: Timestamp) -> MemoryStore {
            MemoryStore::open(&self.0, limits, 7, now).unwrap()
        }

        async fn crash(&self, store: MemoryStore, now: Timestamp) -> (Self, MemoryStore) {
            let elsewhere = Self(self.0.copy());
            drop(store);
            let again = elsewhere.open(StoreLimits::default(), now).await;
            (elsewhere, again)
        }
    }

    contract_tests!(InMemory);
    // How much may wait beside what is kept: only such a store keeps it in memory.
    contract_tests!(InMemory: fewer_may_wait_where_more_is_kept);

    /// A store with a text of each of three customers, and their ids.
    async fn of_three() -> (Medium, MemoryStore, Vec<EventId>) {
        let medium = Medium::default();
        let store = MemoryStore::open(&medium, StoreLimits::default(), 7, at(0)).unwrap();
        let mut ids = Vec::new();
        for customer in ["a", "b", "c"] {
            ids.push(accept(&store, text(customer, customer)).await);
        }
        (medium, store, ids)
    }

    /// Cuts a waiting delivery's record short, and returns the key and the record as it was.
    fn spoil(medium: &Medium, id: EventId, length: impl FnOnce(usize) -> usize) -> (Bytes, Bytes) {
        let mut records = lock(&medium.records);
        let key = layout::at_position(layout::PENDING, Position::of(id));
        let (key, whole) = records.get_key_value(&key[..]).map(|(key, whole)| (key.clone(), whole.clone())).unwrap();
        Arc::make_mut(&mut records).insert(key.clone(), whole[..length(whole.len())].to_vec().into());
        (key, whole)
    }

    #[tokio::test]
    async fn heads_before_one_that_cannot_be_read_have_a_holder_and_the_next_request_tells_of_it() {
        let (medium, store, ids) = of_three().await;
        let (key, whole) = spoil(&medium, ids[1], |_| 3);
        let claim = || store.claim(DESK, at(1), Terms::merging(1), 9);
        let claims = claim().await.unwrap();
        assert_eq!(claims.iter().flat_map(words).collect::<Vec<_>>(), ["a"]);
        store.record(&claims[0], done(&claims[0]), at(1)).await.unwrap();
        assert!(matches!(claim().await, Err(StoreError::Failed(_))));
        Arc::make_mut(&mut lock(&medium.records)).insert(key, whole);
        assert_eq!(claim().await.unwrap().iter().flat_map(words).collect::<Vec<_>>(), ["b", "c"], "nothing was leased");
    }

    #[tokio::test]
    async fn an_event_that_cannot_be_read_takes_no_other_claim_of_its_request_along() {
        let (medium, store, ids) = of_three().await;
        spoil(&medium, ids[1], |length| length - 1);
        let claims = store.claim(DESK, at(1), Terms::merging(1), 9).await.unwrap();
        assert_eq!(claims.iter().flat_map(words).collect::<Vec<_>>(), ["a", "c"]);
        spoil(&medium, accept(&store, text("d", "d")).await, |length| length - 1);
        assert!(store.claim(DESK, at(1), Terms::merging(1), 9).await.is_err(), "alone, it is the answer");
    }

    #[tokio::test]
    async fn pictures_take_a_share_of_the_free_disk_and_leave_the_floor() {
        let medium = Medium::default();
        let limits = StoreLimits { disk_floor_bytes: 1_000, ..StoreLimits::default() };
        let store = MemoryStore::open(&medium, limits, 7, at(0)).unwrap();
        let id = PictureId { text: accept(&store, text("a", "look")).await, number: 0 };
        let bytes = bytes::Bytes::from_static(&[7; 100]);
        let picture = Picture { file_name: "a.png".into(), content_type: "image/png".into(), bytes };
        for (free, room) in [(1_003, 0), (1_400, 100), (500, 0), (0, 0)] {
            medium.set_free_bytes(free);
            assert!(store.has_room_for_picture(room) && !store.has_room_for_picture(room + 1), "{free}");
            assert_eq!(store.keep_picture(id, picture.clone()).await, Ok(Keeping::NoRoom), "{free}");
        }
        medium.set_free_bytes(2_000);
        assert_eq!(store.keep_picture(id, picture).await, Ok(Keeping::Safe));
        assert_eq!(store.health(), Ok(()));
    }
}
