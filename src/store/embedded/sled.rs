//! The store on sled 0.34, for one process.
//!
//! sled 0.34 by itself does not survive a power cut: on Linux its `flush` ends in `sync_file_range`, its pages over 128
//! KiB are never synced, and `flush_async` blocks for ever under load. Nor does it ever give back room. The way
//! it is used here makes it safe, fast and small:
//!
//! - one thread owns every write ([`writer`]); it takes the queued requests, executes them ([`crate::store::engine`]), appends
//!   their changes to a **log of our own and syncs that** ([`log`]), and only then answers;
//! - a second thread brings the changes of a whole turn of the log into sled, flushes, and **syncs sled's file through
//!   a descriptor of our own** ([`tree`]); until then they are looked up in memory, and found in the log after a crash;
//! - in sled, neighbouring entries share a value ([`pages`]), because a key costs sled more than its entry;
//! - now and then the remaining entries are copied into a directory of their own, and the old one is deleted
//!   ([`generation`]);
//! - long values are cut ([`crate::store::engine::layout`]), so that no page ever leaves the file that is synced;
//! - the background flusher is off, and no async thread ever calls sled;
//! - after a failed commit, or a failed step of a compaction, the store takes no calls until it is opened again,
//!   because the memory may differ from the medium;
//! - a directory that cannot be opened is set aside, never replaced ([`open`]).
//!
//! | in the directory | is |
//! |---|---|
//! | `tandem.store` | the lock of the process that has the directory; empty until the store was first durable |
//! | `opened.EPOCH` | the mark of the last opening, by which a backup copied over it is noticed ([`directory`]) |
//! | `log.0`, `log.1` | committed changes that may not be in sled yet |
//! | `current` | the name of sled's current directory |
//! | `sled.N` | sled's own files |
//! | `pictures` | customers' pictures, a file each; absent until the first one ([`pictures`]) |
//!
//! It never runs on a network file system, and two processes never share a directory.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::store::embedded::pictures::InFiles;
use crate::store::embedded::sled::pictures::Folder;
use crate::store::embedded::sled::writer::{Ask, Request};
use crate::store::engine::album::Album;
use crate::store::engine::backend::Backend;
use crate::store::engine::core::Core;
use crate::store::engine::shared::Shared;
use crate::store::engine::tree::Look;
use crate::store::lock::lock;
use crate::store::{StoreError, StoreLimits};

mod directory;
mod generation;
mod log;
mod open;
mod pages;
mod pictures;
#[cfg(test)]
mod tests;
mod tree;
mod writer;

pub use open::OpenError;

/// The store on sled.
pub struct SledStore {
    /// `None` only while it is being dropped.
    requests: Option<mpsc::Sender<Box<dyn Request>>>,
    shared: Arc<Shared>,
    album: Arc<Album>,
    writer: Mutex<Option<JoinHandle<()>>>,
    #[cfg(test)]
    sync_fails: Arc<std::sync::atomic::AtomicBool>,
}

impl SledStore {
    /// Opens the store in a directory, or makes one there. The caller draws `epoch` at random: it keeps the ids given
    /// out from now on apart from all earlier ones, of this store or another.
    ///
    /// # Errors
    /// [`OpenError`], whose text tells the operator the next step.
    pub async fn open(path: &Path, limits: StoreLimits, epoch: u32, now: Timestamp) -> Result<Self, OpenError> {
        let owned = path.to_owned();
        let unusable = |cause: String| OpenError::Unusable { path: path.to_owned(), cause };
        let opening = tokio::task::spawn_blocking(move || Self::open_blocking(&owned, limits, epoch, now));
        opening.await.map_err(|error| unusable(error.to_string()))?
    }

    fn open_blocking(path: &Path, limits: StoreLimits, epoch: u32, now: Timestamp) -> Result<Self, OpenError> {
        let opened = open::open(path, &limits, epoch, now)?;
        let unusable = |cause: StoreError| OpenError::Unusable { path: path.to_owned(), cause: cause.to_string() };
        let files = Box::new(Folder::of(&opened.directory));
        let disk = opened.core.disk.clone();
        let album = Album::open(files, &limits, disk, |text| opened.core.needs_pictures(text)).map_err(unusable)?;
        let (shared, album) = (Arc::new(Shared::new(limits, &opened.core)), Arc::new(album));
        shared.publish(&opened.core);
        let (sender, receiver) = mpsc::channel(writer::QUEUE_MAX);
        let (core, directory) = (opened.core, opened.directory);
        let (seen, kept) = (Arc::clone(&shared), Arc::clone(&album));
        let runtime = tokio::runtime::Handle::current();
        let writer = std::thread::Builder::new().name("store-writer".into()).spawn(move || {
            writer::run(core, receiver, (&seen, &kept), &runtime);
            // The directory is released only after sled is closed, because it holds the lock.
            drop(directory);
        });
        let writer = writer.map_err(|error| OpenError::Unusable { path: path.to_owned(), cause: error.to_string() })?;
        Ok(Self {
            requests: Some(sender),
            shared,
            album,
            writer: Mutex::new(Some(writer)),
            #[cfg(test)]
            sync_fails: opened.sync_fails,
        })
    }

    fn why_silent(&self) -> StoreError {
        self.shared.alive().err().unwrap_or(StoreError::Closed)
    }

    fn take_writer(&self) -> Option<JoinHandle<()>> {
        lock(&self.writer).take()
    }
}

impl Backend for SledStore {
    fn ask<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnOnce(&mut Core) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        // Made before the first wait, so that a waiting caller holds no more than the two ends.
        let (request, answer) = Ask::new(work);
        let request: Box<dyn Request> = Box::new(request);
        async move {
            self.shared.alive()?;
            let requests = self.requests.as_ref().ok_or(StoreError::Closed)?;
            requests.send(request).await.map_err(|_| self.why_silent())?;
            answer.await.map_err(|_| self.why_silent())?
        }
    }

    async fn read_named<P, T, A, F>(&self, ask: A, work: F) -> Result<T, StoreError>
    where
        P: Send + 'static,
        T: Send + 'static,
        A: FnOnce(&Core) -> Result<P, StoreError> + Clone + Send + 'static,
        F: FnOnce(&dyn Look, P) -> Result<T, StoreError> + Send + 'static,
    {
        let (look, what) = self.ask(move |core| Ok((core.journal.tree.view(), ask(core)?))).await?;
        let reading = tokio::task::spawn_blocking(move || work(&*look, what));
        reading.await.map_err(|error| StoreError::Failed(error.to_string()))?
    }

    fn shared(&self) -> &Shared {
        &self.shared
    }

    async fn remove_pictures(&self) -> Result<(), StoreError> {
        let album = Arc::clone(&self.album);
        let removing = tokio::task::spawn_blocking(move || album.remove_left());
        removing.await.map_err(|error| StoreError::Failed(error.to_string()))
    }

    async fn close_medium(&self, well: bool) {
        let Some(writer) = self.take_writer() else { return };
        if !well {
            // The store has failed: the thread answers every request so until the store is dropped, and holds nothing
            // back.
            *lock(&self.writer) = Some(writer);
            return;
        }
        let joining = tokio::task::spawn_blocking(move || writer.join());
        if !matches!(joining.await, Ok(Ok(()))) {
            tracing::error!("The store's writer thread did not end well.");
        }
    }
}

impl InFiles for SledStore {
    fn album(&self) -> &Arc<Album> {
        &self.album
    }
}

/// The writer serves the queued requests, and then closes sled on its own thread, unless a view still reads.
impl Drop for SledStore {
    fn drop(&mut self) {
        self.requests.take();
        if let Some(writer) = self.take_writer() {
            // A panic there was reported when it happened.
            writer.join().ok();
        }
    }
}
