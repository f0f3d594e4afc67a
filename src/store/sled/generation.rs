//! The directories that sled's files lie in, and moving from one to the next.
//!
//! sled never gives back room that it once took, and what was dropped can be read in its file until it is written over.
//! So now and then what is still there is copied into a directory of its own, a *generation*, and the old one is
//! deleted. A file names the generation that counts; it is replaced in one step, so a crash at any instant leaves either
//! the old one or the new one, whole.
//!
//! Nothing here knows what records mean, and nothing here touches the log.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sled::{Batch, Db};

use crate::failpoint;
use crate::store::StoreError;
use crate::store::engine::shared::free_bytes;

/// sled's cache. The records in flight are few and small; a larger one only keeps history in memory.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// The file that names the generation that counts.
pub(super) const CURRENT: &str = "current";

/// What the names of generations begin with; a number follows.
const PREFIX: &str = "sled.";

/// A smaller directory is left alone: there is nothing to gain. A test build moves at every chance, so that the tests
/// see it.
const BLOATED_BYTES_MIN: u64 = if cfg!(debug_assertions) { 1 } else { 64 * 1024 * 1024 };

/// How many times what is in it a directory may take. A copy costs as much writing as there is in it, so the larger
/// this is, the less is copied.
const BLOAT_MAX: u64 = if cfg!(debug_assertions) { 0 } else { 4 };

/// What is written between two flushes of sled, and between two syncs where each must be durable: about one of its
/// segments. More would only lie in its buffers.
pub(super) const STEP_BYTES: usize = 512 * 1024;

/// sled in its directory. Who has one may read; who settles the log is the only one to write.
pub(super) struct Generation {
    /// `None` only while it is being dropped.
    db: Option<Db>,
    directory: PathBuf,
    number: u64,
    /// Set when another generation counts.
    obsolete: AtomicBool,
}

impl Generation {
    /// Opens the one that counts, or makes the first one; deletes what an interrupted move has left.
    pub(super) fn open(store: &Path) -> Result<Self, sled::Error> {
        let number = current(store)?.unwrap_or(1);
        for entry in fs::read_dir(store)? {
            let entry = entry?;
            let name = entry.file_name();
            let found = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u64>().ok());
            if found.is_some_and(|found| found != number) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Self::open_number(store, number)
    }

    fn open_number(store: &Path, number: u64) -> Result<Self, sled::Error> {
        let directory = store.join(format!("{PREFIX}{number}"));
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let config = sled::Config::new().path(&directory).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        Ok(Self { db: Some(config.open()?), directory, number, obsolete: AtomicBool::new(false) })
    }

    pub(super) fn db(&self) -> Result<&Db, StoreError> {
        self.db.as_ref().ok_or(StoreError::Closed)
    }

    /// Makes it the one that counts, with its own first writes and names durable, and gives a descriptor of its file:
    /// sled 0.34 never syncs it itself.
    pub(super) fn establish(&self, store: &Path) -> io::Result<File> {
        let file = File::options().read(true).write(true).open(self.directory.join("db"))?;
        file.sync_all()?;
        for directory in [&self.directory.join("blobs"), &self.directory, store] {
            sync_directory(directory)?;
        }
        let (new, current) = (store.join("current.new"), store.join(CURRENT));
        let mut pointer = File::create(&new)?;
        writeln!(pointer, "{PREFIX}{}", self.number)?;
        pointer.sync_all()?;
        failpoint::reach("generation.naming");
        fs::rename(new, current)?;
        failpoint::reach("generation.named");
        sync_directory(store)?;
        Ok(file)
    }

    /// Whether it takes up so much more than what is in it that a copy is worth its while.
    pub(super) fn is_bloated(&self) -> Result<bool, StoreError> {
        let db = self.db()?;
        let size = db.size_on_disk().map_err(failed)?;
        if size < BLOATED_BYTES_MIN {
            return Ok(false);
        }
        Ok(size > BLOAT_MAX * self.live_bytes()?)
    }

    fn live_bytes(&self) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for entry in self.db()?.iter() {
            let (key, value) = entry.map_err(failed)?;
            bytes += (key.len() + value.len()) as u64;
        }
        Ok(bytes)
    }

    /// Copies what is in it into the next generation, and makes that the one that counts. Nobody may write meanwhile.
    /// After an error this one still counts, unless the system cannot tell.
    pub(super) fn move_on(&self, store: &Path) -> Result<(Self, File), StoreError> {
        let needed = 2 * self.live_bytes()?;
        if free_bytes(store).is_some_and(|free| free < needed) {
            return Err(StoreError::Failed(format!("a copy needs {needed} bytes of free disk")));
        }
        let next = Self::open_number(store, self.number + 1).map_err(failed)?;
        let copied = self.copy_to(&next);
        failpoint::reach("generation.copied");
        let copied = copied.and_then(|()| next.establish(store).map_err(unusable));
        // Either way one of the two is in the way from now on.
        let left = if copied.is_ok() { self } else { &next };
        left.obsolete.store(true, Ordering::Release);
        Ok((next, copied?))
    }

    fn copy_to(&self, next: &Self) -> Result<(), StoreError> {
        let (from, to) = (self.db()?, next.db()?);
        let (mut batch, mut bytes) = (Batch::default(), 0);
        for entry in from.iter() {
            let (key, value) = entry.map_err(failed)?;
            bytes += key.len() + value.len();
            batch.insert(key, value);
            if bytes >= STEP_BYTES {
                to.apply_batch(std::mem::take(&mut batch)).map_err(failed)?;
                to.flush().map_err(failed)?;
                bytes = 0;
            }
        }
        to.apply_batch(batch).map_err(failed)?;
        to.flush().map_err(failed)?;
        Ok(())
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        // sled writes into its directory while it closes.
        self.db.take();
        if self.obsolete.load(Ordering::Acquire)
            && let Err(error) = fs::remove_dir_all(&self.directory)
        {
            tracing::warn!(%error, "store.leftover: an old directory of the store stays until the next start");
        }
    }
}

/// The generation that counts; `None` when there is none yet.
fn current(store: &Path) -> io::Result<Option<u64>> {
    let named = match fs::read_to_string(store.join(CURRENT)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        named => named?,
    };
    let number = named.trim().strip_prefix(PREFIX).and_then(|number| number.parse().ok());
    let number = number.ok_or_else(|| io::Error::other(format!("the file `{CURRENT}` in it names no generation")))?;
    Ok(Some(number))
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub(super) fn failed(error: sled::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn unusable(error: io::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}
