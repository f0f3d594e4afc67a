//! Opening a directory: alone, durably, and never as something that it is not.
//!
//! A store that cannot be opened is never replaced by an empty one: that would lose acknowledged messages in silence.
//! It is moved aside, a notice is left in its place, and every later start stops at that notice until somebody has
//! decided.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sled::{Db, IVec};

use crate::domain::delivery::{Delivery, State};
use crate::domain::lanes::Place;
use crate::store::sled::claims::lose;
use crate::store::sled::core::{Core, entry_of, lane_of};
use crate::store::sled::journal::{Journal, Medium};
use crate::store::sled::layout;
use crate::store::sled::shared::{Disk, free_bytes};
use crate::store::{StoreError, StoreLimits};

/// sled's cache. The records in flight are few and small; a larger one only keeps history in memory.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// Below this, a failure to open is put down to the full disk and not to the data: sled writes a segment or two
/// (512 KiB each) while it opens.
const OPENING_BYTES: u64 = 16 * 1024 * 1024;

/// The file that is locked by whoever has the directory. It is empty until the store was first durable: from then on,
/// a store that sled finds empty is not new but lost.
const STAMP: &str = "tandem.store";
/// The notice in the place of a store that was moved aside.
const NOTICE: &str = "MOVED-ASIDE.txt";

/// Why the store could not be opened, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Two processes must never write one store.
    #[error("the store {path} is in use by another process; stop that one, or give this one a directory of its own")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// There is a file, or something else, in its place.
    #[error("the store {path} is not a directory; name another place in `store.url`, or move that file away")]
    NotADirectory {
        /// What is there.
        path: PathBuf,
    },
    /// The operating system said no: rights, space, a medium that fails.
    #[error(
        "the store {path} cannot be used ({cause}); see that the directory can be written to and that its disk is \
         well and has room. Nothing was changed"
    )]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// In the system's words.
        cause: String,
    },
    /// It does not hold together.
    #[error(
        "the store {path} is broken ({cause}) and was moved to {moved_to}. Messages that were acknowledged are in \
         there: keep it, and restore {path} from a backup if you have one. To go on with an empty store instead, \
         delete {path}; tickets lead known customers back to their conversations"
    )]
    Broken {
        /// The directory.
        path: PathBuf,
        /// Where it is now.
        moved_to: PathBuf,
        /// What was wrong.
        cause: String,
    },
    /// It does not hold together, and could not be moved either.
    #[error(
        "the store {path} is broken ({cause}) and could not be moved aside ({why}). Messages that were acknowledged \
         are in there: move its contents to a safe place, and restore them from a backup if you have one, or leave \
         the directory empty to go on with an empty store"
    )]
    BrokenInPlace {
        /// The directory.
        path: PathBuf,
        /// What was wrong.
        cause: String,
        /// Why it is still there.
        why: String,
    },
    /// An earlier start found it broken, and nobody has decided yet.
    #[error(
        "the store {path} was found broken by an earlier start, and nobody has decided what to do: read \
         {path}/{NOTICE}. Restore {path} from a backup, or delete it to go on with an empty store"
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
        /// What was wrong.
        cause: StoreError,
    },
}

/// An open store.
pub(super) struct Opened {
    pub(super) core: Core,
    pub(super) db: Db,
    /// Held until the store is closed.
    pub(super) lock: File,
}

/// Opens, or makes, the store in a directory. Blocks.
pub(super) fn open(path: &Path, limits: &StoreLimits, epoch_if_new: u32, now: Timestamp) -> Result<Opened, OpenError> {
    let unusable = |error: io::Error| OpenError::Unusable { path: path.to_owned(), cause: error.to_string() };
    if path.exists() && !path.is_dir() {
        return Err(OpenError::NotADirectory { path: path.to_owned() });
    }
    // What customers write is nobody else's business.
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
    let mut lock = lock(path)?;
    if path.join(NOTICE).exists() {
        return Err(OpenError::Undecided { path: path.to_owned() });
    }
    let established = lock.metadata().map_err(unusable)?.len() > 0;
    let db = open_sled(path, now)?;
    if established && db.is_empty() {
        // sled takes a damaged file for an empty one when the damage hides every record.
        drop(db);
        return Err(set_aside(path, "nothing that was in it can be found".into(), now));
    }
    let medium = OpenOptions::new().read(true).write(true).open(path.join("db")).map_err(unusable)?;
    // sled's own first writes, and the names of everything it made.
    medium.sync_all().map_err(unusable)?;
    for directory in [path.join("blobs"), path.to_owned()] {
        sync_directory(&directory).map_err(unusable)?;
    }
    sync_parent(path).map_err(unusable)?;

    let unreadable = |cause: StoreError| OpenError::Unreadable { path: path.to_owned(), cause };
    let (epoch, next) = meta(&db, path, epoch_if_new)?;
    let journal = Journal::new(db.clone(), Medium::new(medium), next);
    let mut core = Core::new(journal, epoch, limits.clone(), Disk::of(path));
    core.journal.put(layout::META_FORMAT.into(), IVec::from(&layout::FORMAT.to_be_bytes()));
    core.journal.put(layout::META_EPOCH.into(), IVec::from(&epoch.to_be_bytes()));
    core.keep();
    recover(&db, &mut core, now).map_err(unreadable)?;
    core.commit().map_err(unreadable)?;
    if !established {
        lock.write_all(format!("tandem store, format {}\n", layout::FORMAT).as_bytes()).map_err(unusable)?;
        lock.sync_all().map_err(unusable)?;
    }
    Ok(Opened { core, db, lock })
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let unusable = |error: io::Error| OpenError::Unusable { path: path.to_owned(), cause: error.to_string() };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(STAMP)).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// sled answers damage with an error or, as often, with a panic.
fn open_sled(path: &Path, now: Timestamp) -> Result<Db, OpenError> {
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let cause = match std::panic::catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(db)) => return Ok(db),
        // With a number it is the system's own word on it, and no verdict on the data.
        Ok(Err(sled::Error::Io(error))) if error.raw_os_error().is_some() => {
            return Err(OpenError::Unusable { path: path.to_owned(), cause: error.to_string() });
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "sled panicked while opening it".to_owned(),
    };
    if free_bytes(path).is_some_and(|free| free < OPENING_BYTES) {
        return Err(OpenError::Unusable { path: path.to_owned(), cause: format!("the disk is full: {cause}") });
    }
    Err(set_aside(path, cause, now))
}

/// Moves the directory out of the way, and leaves a notice so that no later start takes its place for a new store.
fn set_aside(path: &Path, cause: String, now: Timestamp) -> OpenError {
    let path = path.to_owned();
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
        // Without the notice the next start would take the empty place for a new store, so all goes back.
        Err(failure) => {
            let why = match fs::remove_dir_all(&path).and_then(|()| fs::rename(&moved_to, &path)) {
                Ok(()) => failure.to_string(),
                Err(second) => format!("{failure}; then {second}; it is now at {}", moved_to.display()),
            };
            OpenError::BrokenInPlace { path, cause, why }
        }
    }
}

/// The epoch, and the first number that was never used.
fn meta(db: &Db, path: &Path, epoch_if_new: u32) -> Result<(u32, u64), OpenError> {
    let unreadable = |cause: String| OpenError::Unreadable { path: path.to_owned(), cause: StoreError::Failed(cause) };
    let read = |key: &[u8]| db.get(key).map_err(|error| unreadable(error.to_string()));
    let number = |key: &[u8]| -> Result<Option<u64>, OpenError> {
        let Some(value) = read(key)? else { return Ok(None) };
        if value.is_empty() || value.len() > 8 {
            return Err(unreadable("a number has the wrong length".into()));
        }
        Ok(Some(value.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))))
    };
    let word = |number: u64| u32::try_from(number).map_err(|_| unreadable("a number is too large".into()));

    if let Some(format) = number(layout::META_FORMAT)? {
        let found = word(format)?;
        if found != layout::FORMAT {
            return Err(OpenError::Format { path: path.to_owned(), found });
        }
    } else if !db.is_empty() {
        return Err(unreadable("it holds something that is not tandem's".into()));
    }
    let epoch = number(layout::META_EPOCH)?.map(word).transpose()?.unwrap_or(epoch_if_new);

    let mut next = number(layout::META_NEXT)?.unwrap_or(1).max(1);
    for (prefix, shift) in layout::PLACED.map(|prefix| (prefix, 16)).into_iter().chain([(layout::PART, 0)]) {
        let last = db.scan_prefix([prefix]).keys().next_back().transpose();
        let last = last.map_err(|error| unreadable(error.to_string()))?;
        if let Some(Place(used)) = last.as_deref().and_then(layout::place_of) {
            next = next.max((used >> shift) + 1);
        }
    }
    Ok((epoch, next))
}

/// Fills the lanes, counts what stands, and learns the dedupe keys. What was being sent when the bridge stopped may have happened.
fn recover(db: &Db, core: &mut Core, now: Timestamp) -> Result<(), StoreError> {
    let lease = jiff::SignedDuration::try_from(core.limits.lease).unwrap_or(jiff::SignedDuration::MAX);
    for entry in db.scan_prefix([layout::PENDING]) {
        let mut delivery = stored(entry, core)?;
        let (place, lane) = (Place::of(delivery.id), lane_of(&delivery));
        core.count(None, Some(delivery.state.name()));
        core.lanes.insert(&lane, entry_of(&delivery));
        if let Some(head) = delivery.merged_into {
            core.groups.entry(Place::of(head)).or_default().push(place);
        }
        if let State::Sending { lease_until, .. } = delivery.state {
            let before = delivery.clone();
            let since = lease_until.saturating_sub(lease).unwrap_or(now).min(now);
            lose(&mut delivery, now, "the bridge stopped while calling")?;
            if let State::Unconfirmed { since: lost_at, .. } = &mut delivery.state {
                *lost_at = since;
            }
            core.write(&before, &delivery)?;
            core.keep();
        }
    }
    for entry in db.scan_prefix([layout::HISTORY]) {
        let delivery = stored(entry, core)?;
        core.count(None, Some(delivery.state.name()));
    }
    for entry in db.scan_prefix([layout::DEDUPE]) {
        let (_, value) = entry.map_err(|error| StoreError::Failed(error.to_string()))?;
        let known = layout::read_remembered(&value);
        let known = known.ok_or_else(|| StoreError::Failed("a dedupe record is not one".into()))?;
        known.iter().for_each(|known| core.known.learn(known));
    }
    Ok(())
}

/// The delivery in an entry of the tree.
fn stored(entry: sled::Result<(IVec, IVec)>, core: &Core) -> Result<Delivery, StoreError> {
    let (_, value) = entry.map_err(|error| StoreError::Failed(error.to_string()))?;
    let record = layout::assemble(value, |part| core.journal.get(part))?;
    let record = record.ok_or_else(|| StoreError::Failed("a part of a long record is missing".into()))?;
    layout::decode("delivery", &record)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let absolute = std::path::absolute(path)?;
    absolute.parent().map_or(Ok(()), sync_directory)
}
