//! For opening a directory: alone, durably, and never as another store than it is.
//!
//! A store that cannot be opened is never replaced by an empty one: that would lose acknowledged messages in silence.
//! It is moved aside, a notice is left in its place, and every later start stops at that notice until the operator has
//! decided.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::failpoint;
use crate::store::embedded::sled::directory::{Directory, NotLocked, sync_directory};
use crate::store::embedded::sled::generation::Generation;
use crate::store::embedded::sled::log::{self, Log, LogError};
use crate::store::embedded::sled::pages::failed;
use crate::store::embedded::sled::tree::{LoggedTree, turn_bytes};
use crate::store::engine::core::Core;
use crate::store::engine::disk::{Disk, free_bytes};
use crate::store::engine::recovery::{self, Start};
use crate::store::{StoreError, StoreLimits};

/// Below this much free space, a failure to open is put down to the full disk and not to the data: sled writes a
/// segment or two (512 KiB each) while it opens.
const OPENING_BYTES: u64 = 16 * 1024 * 1024;

/// The key of the format.
const META_FORMAT: &[u8] = b"mformat";

/// The version of the directory's contents, records included. A store of a later version is refused.
const FORMAT: u32 = 4;

/// The notice in the place of a store that was moved aside.
const NOTICE: &str = "MOVED-ASIDE.txt";

/// Why the store could not be opened, and the operator's next step.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the store; two must never write one.
    #[error("the store {path} is in use by another process; stop that one, or give this one a directory of its own")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file, or another thing, is in its place.
    #[error("the store {path} is not a directory; name another place in `store.url`, or move that file away")]
    NotADirectory {
        /// The path of that file.
        path: PathBuf,
    },
    /// The operating system refused: rights, space, a failing medium.
    #[error(
        "the store {path} cannot be used ({cause}); see that the directory can be written to and that its disk is \
         well and has room. Nothing was changed"
    )]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        cause: String,
    },
    /// The store is damaged.
    #[error(
        "the store {path} is broken ({cause}) and was moved to {moved_to}. Messages that were acknowledged are in \
         there: keep it. To put a backup back, copy it to {path} in place of the directory there now; its waiting \
         messages are looked for before they are sent again. To go on with an empty store instead, delete {path}; \
         tickets lead known customers back to their conversations"
    )]
    Broken {
        /// The directory.
        path: PathBuf,
        /// Its new path.
        moved_to: PathBuf,
        /// The damage.
        cause: String,
    },
    /// The store is damaged, and could not be moved either.
    #[error(
        "the store {path} is broken ({cause}) and could not be moved aside ({why}). Messages that were acknowledged \
         are in there: move its contents to a safe place, and copy a backup there if you have one (its waiting \
         messages are looked for before they are sent again), or leave the directory empty to go on with an empty store"
    )]
    BrokenInPlace {
        /// The directory.
        path: PathBuf,
        /// The damage.
        cause: String,
        /// Why it could not be moved.
        why: String,
    },
    /// An earlier start found the store damaged, and the operator has not decided yet.
    #[error(
        "the store {path} was found broken by an earlier start, and nobody has decided what to do: read \
         {path}/{NOTICE}. Copy a backup to {path} in place of this directory, or delete it to go on with an empty store"
    )]
    Undecided {
        /// The directory.
        path: PathBuf,
    },
    /// A later version of tandem wrote it.
    #[error("the store {path} was written by a later version of tandem (format {found}); start that version")]
    Format {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// A record cannot be read.
    #[error("the store {path} cannot be read ({cause}); start the version of tandem that wrote it")]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// The error of the read.
        cause: StoreError,
    },
}

/// An open store.
pub(super) struct Opened {
    pub(super) core: Core,
    #[cfg(test)]
    pub(super) sync_fails: std::sync::Arc<std::sync::atomic::AtomicBool>,
    /// Locked until the store is closed.
    pub(super) directory: Arc<Directory>,
}

/// Opens, or makes, the store in a directory. Blocks.
pub(super) fn open(path: &Path, limits: &StoreLimits, epoch: u32, now: Timestamp) -> Result<Opened, OpenError> {
    let unusable = |error: io::Error| OpenError::Unusable { path: path.to_owned(), cause: error.to_string() };
    if path.exists() && !path.is_dir() {
        return Err(OpenError::NotADirectory { path: path.to_owned() });
    }
    // Customers' texts are private to this user.
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
    let directory = Arc::new(Directory::lock(path).map_err(|error| match error {
        NotLocked::InUse => OpenError::InUse { path: path.to_owned() },
        NotLocked::Io(error) => unusable(error),
    })?);
    if path.join(NOTICE).exists() {
        return Err(OpenError::Undecided { path: path.to_owned() });
    }
    let established = directory.stamp().metadata().map_err(unusable)?.len() > 0;
    let generation = open_sled(&directory, established, now)?;
    let unreadable = |cause: StoreError| OpenError::Unreadable { path: path.to_owned(), cause };
    let format = format(&generation, path)?;
    if established && format.is_none() {
        // sled takes a damaged file for an empty one when the damage hides every record.
        drop(generation);
        return Err(set_aside(&directory, "nothing that was in it can be found".into(), now));
    }
    let db = generation.db().map_err(unreadable)?;
    // The stamp is written last. Without it no message was acknowledged yet, and log files are the rest of an
    // interrupted first start, unless sled holds more entries than the format: then the stamp was lost.
    let has_log = established || db.iter().nth(1).is_some();
    if !has_log {
        for name in log::FILES {
            fs::remove_file(path.join(name)).or_else(ignore_missing).map_err(unusable)?;
        }
    }
    let (log, found) = match Log::open(path, turn_bytes(limits.turn_bytes), has_log) {
        Ok(opened) => opened,
        Err(LogError::Io(error)) => return Err(unusable(error)),
        Err(error @ (LogError::Damaged { .. } | LogError::Missing(_))) => {
            drop(generation);
            return Err(set_aside(&directory, format!("its log: {error}"), now));
        }
    };
    // Synced with the log's changes, which come next.
    db.insert(META_FORMAT, &FORMAT.to_be_bytes()).map_err(|error| unreadable(failed(error)))?;
    let file = generation.establish().map_err(unusable)?;
    generation.delete_leftovers().map_err(unusable)?;
    sync_parent(path).map_err(unusable)?;

    #[cfg(test)]
    let sync_fails = log.sync_fails();
    failpoint::reach("open.read");
    let tree = LoggedTree::new(generation, file, log, &found, turn_bytes(limits.turn_bytes)).map_err(unreadable)?;
    // The log's changes are in sled by now; the start needs the memory.
    drop(found);
    failpoint::reach("open.settled");
    // Weak, so that measuring the disk does not keep the directory locked.
    let held = Arc::downgrade(&directory);
    let disk = Disk::of(path, move || held.upgrade().map_or(Ok(()), |directory| directory.prove_for_store()));
    let start = Start { epoch, now, home: Some(directory.home().map_err(unusable)?) };
    let core = recovery::take_up(Box::new(tree), disk, limits, start).map_err(unreadable)?;
    failpoint::reach("open.recovered");
    directory.mark(core.epochs.present().epoch).map_err(unusable)?;
    if !established {
        let mut stamp = directory.stamp();
        stamp.write_all(format!("tandem store, format {FORMAT}\n").as_bytes()).map_err(unusable)?;
        stamp.sync_all().map_err(unusable)?;
    }
    Ok(Opened {
        core,
        #[cfg(test)]
        sync_fails,
        directory,
    })
}

/// Opens sled, which answers damage with an error or, as often, with a panic.
fn open_sled(directory: &Arc<Directory>, established: bool, now: Timestamp) -> Result<Generation, OpenError> {
    let path = directory.path();
    let open = || Generation::open(Arc::clone(directory), established);
    let cause = match std::panic::catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(generation)) => return Ok(generation),
        // An error number is the system's own, and no verdict on the data.
        Ok(Err(sled::Error::Io(error))) if error.raw_os_error().is_some() => {
            return Err(OpenError::Unusable { path: path.to_owned(), cause: error.to_string() });
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "sled panicked while opening it".to_owned(),
    };
    if free_bytes(path).is_some_and(|free| free < OPENING_BYTES) {
        return Err(OpenError::Unusable { path: path.to_owned(), cause: format!("the disk is full: {cause}") });
    }
    Err(set_aside(directory, cause, now))
}

/// Moves the directory out of the way, and leaves a notice so that no later start takes its place for a new store.
fn set_aside(directory: &Directory, cause: String, now: Timestamp) -> OpenError {
    let path = directory.path().to_owned();
    if let Err(error) = directory.prove() {
        return OpenError::BrokenInPlace { path, cause, why: error.to_string() };
    }
    let mut name = path.clone().into_os_string();
    name.push(format!(".broken-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    let moved_to = PathBuf::from(name);
    if moved_to.exists() {
        return OpenError::BrokenInPlace { path, cause, why: format!("{} exists", moved_to.display()) };
    }
    if let Err(error) = fs::rename(&path, &moved_to) {
        return OpenError::BrokenInPlace { path, cause, why: error.to_string() };
    }
    let error = OpenError::Broken { path: path.clone(), moved_to: moved_to.clone(), cause: cause.clone() };
    let notice = format!("{error}.\n");
    let left = DirBuilder::new()
        .mode(0o700)
        .create(&path)
        .and_then(|()| fs::write(path.join(NOTICE), notice))
        .and_then(|()| sync_directory(&path))
        .and_then(|()| sync_parent(&path));
    match left {
        Ok(()) => error,
        // Without the notice the next start would take the empty place for a new store, so the directory goes back.
        Err(failure) => {
            let why = match fs::remove_dir_all(&path).and_then(|()| fs::rename(&moved_to, &path)) {
                Ok(()) => failure.to_string(),
                Err(second) => format!("{failure}; then {second}; it is now at {}", moved_to.display()),
            };
            OpenError::BrokenInPlace { path, cause, why }
        }
    }
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// The format in sled; `None` when sled is empty.
fn format(generation: &Generation, path: &Path) -> Result<Option<u32>, OpenError> {
    let unreadable =
        |cause: &str| OpenError::Unreadable { path: path.to_owned(), cause: StoreError::Failed(cause.to_owned()) };
    let db = generation.db().map_err(|error| unreadable(&error.to_string()))?;
    let Some(value) = db.get(META_FORMAT).map_err(|error| unreadable(&error.to_string()))? else {
        return if db.is_empty() { Ok(None) } else { Err(unreadable("it holds something that is not tandem's")) };
    };
    let format = value.as_ref().try_into().map(u32::from_be_bytes);
    let found = format.map_err(|_| unreadable("its format has the wrong length"))?;
    if found > FORMAT { Err(OpenError::Format { path: path.to_owned(), found }) } else { Ok(Some(found)) }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let absolute = std::path::absolute(path)?;
    absolute.parent().map_or(Ok(()), sync_directory)
}
