//! The store's locked directory, and how to tell it from another one in its place.
//!
//! A directory can be moved away while the store is open, and another one put there. Open files stay those of this
//! store, but names lead elsewhere. So the names are proved before anything is renamed or removed under them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::store::StoreError;
use crate::store::engine::recovery::Home;

/// The file locked by the process that has the directory. It is empty until the store was first durable: from then on,
/// a store that sled finds empty is not new but lost.
pub(super) const STAMP: &str = "tandem.store";

/// The prefix of the openings' marks; the epoch follows, in eight hexadecimal digits. A backup copied over the
/// directory leaves the marks of later openings in it.
const MARK: &str = "opened.";

/// The file by which an operator says that the directory was put back from a backup.
pub(super) const RESTORED: &str = "RESTORED";

/// A locked directory. The lock lives as long as this.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    stamp: File,
}

/// Why a directory could not be locked.
pub(super) enum NotLocked {
    /// Another process has it.
    InUse,
    /// The system refused.
    Io(io::Error),
}

/// How long a program may hold the copy of a lock while it is being started.
const STARTING_MAX: Duration = Duration::from_millis(500);

/// The pause before a lock is tried again.
const AGAIN: Duration = Duration::from_millis(5);

impl Directory {
    /// Locks an existing directory. Blocks for a moment where it is locked: a program that another thread is starting holds a
    /// copy of every open file until it runs, also of a lock that was given back meanwhile.
    pub(super) fn lock(path: &Path) -> Result<Self, NotLocked> {
        let stamp = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(STAMP));
        let stamp = stamp.map_err(NotLocked::Io)?;
        let began = Instant::now();
        loop {
            match stamp.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), stamp }),
                Err(TryLockError::WouldBlock) if began.elapsed() < STARTING_MAX => std::thread::sleep(AGAIN),
                Err(TryLockError::WouldBlock) => return Err(NotLocked::InUse),
                Err(TryLockError::Error(error)) => return Err(NotLocked::Io(error)),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The locked file.
    pub(super) fn stamp(&self) -> &File {
        &self.stamp
    }

    /// Proves that the path still leads to the directory that was locked.
    pub(super) fn prove(&self) -> io::Result<()> {
        let held = self.stamp.metadata()?;
        let cause = match fs::metadata(self.path.join(STAMP)) {
            Ok(found) if (found.dev(), found.ino()) == (held.dev(), held.ino()) => return Ok(()),
            Ok(_) => "another store is there",
            Err(error) if error.kind() == io::ErrorKind::NotFound => "it was moved or removed",
            Err(error) => return Err(error),
        };
        let path = self.path.display();
        Err(io::Error::other(format!(
            "{path} is no longer the directory that was opened ({cause}); nothing in it was renamed or removed. Stop \
             every tandem that uses it, put the right directory there, and start one"
        )))
    }

    /// [`Directory::prove`] with the store's error.
    pub(super) fn prove_for_store(&self) -> Result<(), StoreError> {
        self.prove().map_err(|error| StoreError::Failed(error.to_string()))
    }

    /// The identity of this place.
    pub(super) fn home(&self) -> io::Result<Home> {
        let held = self.stamp.metadata()?;
        // Inodes are used again. Where the file system keeps no time of birth, the number has to do.
        let born = held.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let identity = format!("{} {}", held.ino(), born.as_nanos()).into_bytes();
        let marks = self.marks()?.iter().filter_map(|name| epoch_in(name)).collect();
        Ok(Home { identity, marks, told: self.path.join(RESTORED).exists() })
    }

    /// Leaves the mark of this opening, and removes earlier marks and the operator's file [`RESTORED`].
    pub(super) fn mark(&self, epoch: u32) -> io::Result<()> {
        self.prove()?;
        let mark = format!("{MARK}{epoch:08x}");
        File::create(self.path.join(&mark))?;
        for name in self.marks()?.into_iter().filter(|name| *name != mark) {
            fs::remove_file(self.path.join(name))?;
        }
        match fs::remove_file(self.path.join(RESTORED)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        sync_directory(&self.path)
    }

    fn marks(&self) -> io::Result<Vec<String>> {
        let mut marks = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            marks.extend(name.to_str().filter(|name| epoch_in(name).is_some()).map(str::to_owned));
        }
        Ok(marks)
    }
}

fn epoch_in(name: &str) -> Option<u32> {
    u32::from_str_radix(name.strip_prefix(MARK)?, 16).ok()
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
