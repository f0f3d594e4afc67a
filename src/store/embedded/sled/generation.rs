//! The directories that sled's files lie in, and moving from one to the next.
//!
//! sled never gives back room that it once took, and dropped records can be read in its file until they are written
//! over. So now and then the remaining records are copied into a directory of their own, a *generation*, and the old
//! one is deleted. A file names the current generation; it is replaced in one step, so a crash at any instant leaves
//! either the old one or the new one, whole.
//!
//! Nothing here knows the meaning of records, and nothing here touches the log.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sled::{Batch, Db};
use tokio::sync::watch;

use crate::failpoint;
use crate::store::embedded::sled::directory::{Directory, sync_directory};
use crate::store::embedded::sled::pages::{failed, walk};
use crate::store::engine::disk::free_bytes;
use crate::store::{Compaction, StoreError};

/// sled's cache. The records in flight are few and small; a larger one only keeps history in memory.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// The file that names the current generation.
pub(super) const CURRENT: &str = "current";

/// The draft of that file.
const NEXT: &str = "current.new";

/// The prefix of the generations' names; a number follows.
const PREFIX: &str = "sled.";

/// A smaller directory is left alone: there is nothing to gain. A test build moves at every chance, so that the tests
/// see it.
const BLOATED_BYTES_MIN: u64 = if cfg!(debug_assertions) { 1 } else { 64 * 1024 * 1024 };

/// The largest ratio of a directory's size to its records. A copy writes all records once, so a larger ratio means
/// fewer copies.
const BLOAT_MAX: u64 = if cfg!(debug_assertions) { 0 } else { 4 };

/// How long to wait for the lock on sled's file. sled's threads finish their writes in a fraction of a second.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
const LOCK_STEP: Duration = Duration::from_millis(5);

/// The bytes written between two flushes of sled: about one of its segments. More would only lie in its buffers.
pub(super) const STEP_BYTES: usize = 512 * 1024;

/// sled in its directory. Any holder may read; only the opening of the store, and then the settler of its log, write.
pub(super) struct Generation {
    /// `None` only while it is being dropped.
    db: Option<Db>,
    directory: PathBuf,
    number: u64,
    /// Set once another generation is current.
    obsolete: AtomicBool,
    /// Closed when this generation is gone, with its directory if that is obsolete.
    gone: watch::Sender<()>,
    /// The store's directory, locked: no other process gets it while sled may still write into it.
    store: Arc<Directory>,
}

impl Generation {
    /// Opens the current generation, or makes the first one where none need exist.
    pub(super) fn open(home: Arc<Directory>, must_exist: bool) -> Result<Self, sled::Error> {
        let store = home.path();
        let number = match current(store)? {
            Some(number) => number,
            None if must_exist => return Err(io::Error::other(format!("the file `{CURRENT}` in it is missing")).into()),
            None => 1,
        };
        if must_exist && !directory_of(store, number).is_dir() {
            return Err(io::Error::other(format!("its directory {PREFIX}{number} is missing")).into());
        }
        Self::open_number(home, number)
    }

    fn open_number(store: Arc<Directory>, number: u64) -> Result<Self, sled::Error> {
        store.prove()?;
        let directory = directory_of(store.path(), number);
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        // The rest of a snapshot whose writing a crash cut off. sled would take it for a damaged one, and the one
        // before it is still there.
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "generating") {
                fs::remove_file(path)?;
            }
        }
        wait_for_lock(&directory.join("db"))?;
        let config = sled::Config::new().path(&directory).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let (db, obsolete, gone) = (Some(config.open()?), AtomicBool::new(false), watch::Sender::new(()));
        Ok(Self { db, directory, number, obsolete, gone, store })
    }

    /// Deletes the rest of interrupted moves. This generation is known to be sound by now.
    pub(super) fn delete_leftovers(&self) -> io::Result<()> {
        self.store.prove()?;
        for entry in fs::read_dir(self.store.path())? {
            let entry = entry?;
            let name = entry.file_name();
            let found = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u64>().ok());
            if found.is_some_and(|found| found != self.number) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// A channel that closes when this generation is gone.
    pub(super) fn gone(&self) -> watch::Receiver<()> {
        self.gone.subscribe()
    }

    pub(super) fn db(&self) -> Result<&Db, StoreError> {
        self.db.as_ref().ok_or(StoreError::Closed)
    }

    /// Makes this generation the current one, with its first writes and names durable, and returns a descriptor of its
    /// file: sled 0.34 never syncs it itself. After an error it is unknown which generation is current.
    pub(super) fn establish(&self) -> io::Result<File> {
        let (file, directory) = self.prepare()?;
        name_current(&self.store, &directory)?;
        Ok(file)
    }

    /// All of [`Generation::establish`] but the last step; also returns the store's directory for it.
    fn prepare(&self) -> io::Result<(File, File)> {
        self.store.prove()?;
        let store = self.store.path();
        let file = File::options().read(true).write(true).open(self.directory.join("db"))?;
        file.sync_all()?;
        File::open(self.directory.join("conf"))?.sync_all()?;
        for directory in [&self.directory.join("blobs"), &self.directory, store] {
            sync_directory(directory)?;
        }
        let mut pointer = File::create(store.join(NEXT))?;
        writeln!(pointer, "{PREFIX}{}", self.number)?;
        pointer.sync_all()?;
        Ok((file, File::open(store)?))
    }

    fn live_bytes(&self) -> Result<u64, StoreError> {
        let mut bytes = 0;
        let db = self.db()?;
        for entry in walk(db, db.iter()) {
            let (key, value) = entry.map_err(failed)?;
            bytes += (key.len() + value.len()) as u64;
        }
        Ok(bytes)
    }

    /// Copies the records into the next generation, and makes that the current one. No thread may write meanwhile.
    /// `None` when the copy is not worth it, there is no room or it fails: then this generation stays current. After an
    /// error it is unknown which is.
    pub(super) fn move_on(&self, when: Compaction) -> Result<Option<(Self, File)>, StoreError> {
        self.store.prove_for_store()?;
        let size = self.db()?.size_on_disk().map_err(failed)?;
        let only_if_bloated = when == Compaction::WhenBloated;
        if only_if_bloated && size < BLOATED_BYTES_MIN {
            return Ok(None);
        }
        let live = self.live_bytes()?;
        if only_if_bloated && size <= BLOAT_MAX * live {
            return Ok(None);
        }
        let needed = 2 * live;
        if free_bytes(self.store.path()).is_some_and(|free| free < needed) {
            tracing::warn!("store.not_compacted: a copy needs {needed} bytes of free disk");
            return Ok(None);
        }
        let (next, file, directory) = match self.copied() {
            Ok(copied) => copied,
            Err(error) => {
                tracing::warn!(%error, "store.not_compacted: the store's files stay as large as they are");
                return Ok(None);
            }
        };
        name_current(&self.store, &directory).map_err(unusable)?;
        self.obsolete.store(true, Ordering::Release);
        Ok(Some((next, file)))
    }

    /// The next generation, with all records, ready to be named.
    fn copied(&self) -> Result<(Self, File, File), StoreError> {
        let number = self.number + 1;
        // The rest of an earlier attempt must not shine through.
        self.store.prove_for_store()?;
        match fs::remove_dir_all(directory_of(self.store.path(), number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            Ok(()) | Err(_) => {}
        }
        let next = Self::open_number(Arc::clone(&self.store), number).map_err(failed)?;
        let copied = self.copy_to(&next);
        failpoint::reach("generation.copied");
        match copied.and_then(|()| next.prepare().map_err(unusable)) {
            Ok((file, directory)) => Ok((next, file, directory)),
            Err(error) => {
                next.obsolete.store(true, Ordering::Release);
                Err(error)
            }
        }
    }

    fn copy_to(&self, next: &Self) -> Result<(), StoreError> {
        let (mut batch, mut bytes) = (Batch::default(), 0);
        let db = self.db()?;
        for entry in walk(db, db.iter()) {
            let (key, value) = entry.map_err(failed)?;
            bytes += key.len() + value.len();
            batch.insert(key, value);
            if bytes >= STEP_BYTES {
                next.write(std::mem::take(&mut batch))?;
                bytes = 0;
            }
        }
        next.write(batch)
    }

    /// Writes a batch and flushes it. That is not durable: on Linux sled's flush ends in sync_file_range, which a power
    /// cut does not respect.
    pub(super) fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let db = self.db()?;
        db.apply_batch(batch).map_err(failed)?;
        db.flush().map_err(failed)?;
        Ok(())
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        // sled writes into its directory while it closes.
        self.db.take();
        if self.obsolete.load(Ordering::Acquire)
            && let Err(error) = self.store.prove().and_then(|()| fs::remove_dir_all(&self.directory))
        {
            tracing::warn!(%error, "store.leftover: an old directory of the store stays until the next start");
        }
    }
}

/// Makes the prepared generation the current one.
fn name_current(store: &Directory, directory: &File) -> io::Result<()> {
    failpoint::reach("generation.naming");
    store.prove()?;
    fs::rename(store.path().join(NEXT), store.path().join(CURRENT))?;
    failpoint::reach("generation.named");
    directory.sync_all()
}

fn directory_of(store: &Path, number: u64) -> PathBuf {
    store.join(format!("{PREFIX}{number}"))
}

/// Waits until sled's file is free. No other process can have it, because the store's directory is locked; but sled's
/// own threads may hold it for a moment after a store of this process was closed, and sled would call that damage.
fn wait_for_lock(file: &Path) -> io::Result<()> {
    let file = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT_MAX => std::thread::sleep(LOCK_STEP),
            Err(TryLockError::WouldBlock) => return Err(rustix::io::Errno::WOULDBLOCK.into()),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => return file.unlock(),
        }
    }
}

/// The current generation; `None` when there is none yet.
fn current(store: &Path) -> io::Result<Option<u64>> {
    let named = match fs::read_to_string(store.join(CURRENT)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        named => named?,
    };
    let number = named.trim().strip_prefix(PREFIX).and_then(|number| number.parse().ok());
    let number = number.ok_or_else(|| io::Error::other(format!("the file `{CURRENT}` in it names no generation")))?;
    Ok(Some(number))
}

fn unusable(error: io::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}
