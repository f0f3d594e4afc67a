//! sled as a tree whose commits survive a power cut.
//!
//! It is the only place that writes to sled, and it never does so on an async thread.

use std::fs::File;

use sled::{Batch, Db, IVec};

use crate::store::StoreError;
use crate::store::engine::tree::{Changes, Entries, Look, Tree};

/// sled, and our own descriptor of its file, which sled 0.34 never syncs itself.
pub(super) struct SledTree {
    db: Db,
    file: SyncedFile,
}

/// The file that is synced.
pub(super) struct SyncedFile {
    file: File,
    #[cfg(test)]
    pub(super) fails: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl SyncedFile {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            #[cfg(test)]
            fails: std::sync::Arc::default(),
        }
    }

    fn sync(&self) -> std::io::Result<()> {
        #[cfg(test)]
        if self.fails.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(std::io::Error::other("injected"));
        }
        self.file.sync_data()
    }
}

impl SledTree {
    pub(super) fn new(db: Db, file: SyncedFile) -> Self {
        Self { db, file }
    }
}

/// What sled holds at the moment of each call.
pub(super) struct SledLook(Db);

impl Look for SledLook {
    fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        self.0.get(key).map_err(failed)
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Entries<'_> {
        Box::new(self.0.range(from..to).map(|entry| entry.map_err(failed)))
    }
}

impl Look for SledTree {
    fn get(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        self.db.get(key).map_err(failed)
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Entries<'_> {
        Box::new(self.db.range(from..to).map(|entry| entry.map_err(failed)))
    }
}

impl Tree for SledTree {
    fn commit(&mut self, changes: Changes) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.db.apply_batch(batch).map_err(failed)?;
        // `flush` writes; on Linux it ends in sync_file_range, which a power cut does not respect. The sync does.
        self.db.flush().map_err(failed)?;
        self.file.sync().map_err(|error| StoreError::Failed(format!("cannot sync: {error}")))
    }

    fn view(&self) -> Box<dyn Look> {
        Box::new(SledLook(self.db.clone()))
    }
}

fn failed(error: sled::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}
