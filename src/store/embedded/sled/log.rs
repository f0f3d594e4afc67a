//! The write-ahead log: committed changes that are not in sled yet.
//!
//! A commit is one record, appended and synced before any caller is answered. Two files take turns: while one file's
//! changes are brought into sled, the other takes the new ones, and a file is written over from its beginning only
//! after all its changes are in sled, synced. Each turn is a *generation*, and every record names its own, so that the
//! rest of an earlier turn behind the last record is never taken for a part of this one.
//!
//! The log only keeps and gives back changes. It does not know the meaning of keys, and never decides when a turn ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::failpoint;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::tree::Changes;

/// The two files.
pub(super) const FILES: [&str; 2] = ["log.0", "log.1"];

/// A record begins with its generation (8 bytes), the length of its changes (4), and a checksum over both and the
/// changes (4). Big-endian.
const HEADER_BYTES: usize = 16;

/// Records begin at multiples of this, so that a search for one behind a damaged place knows where to look.
const ALIGNMENT: usize = 16;

/// The unit that a medium writes whole or not at all; the first record of a turn has one to itself.
const SECTOR_BYTES: usize = 512;

/// In place of a value's length: the key goes.
const GONE: u32 = u32::MAX;

/// The log, ready to be appended to.
pub(super) struct Log {
    files: [SyncedFile; 2],
    /// The file of this turn.
    turn: usize,
    generation: u64,
    /// The end of the last record.
    end: u64,
    /// The record being made; kept for its allocation.
    record: Vec<u8>,
    /// The least length of the files.
    room: u64,
    /// The files to erase when their next turn begins.
    afresh: [bool; 2],
}

/// A file whose syncs a test can let fail.
struct SyncedFile {
    file: File,
    #[cfg(test)]
    fails: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl SyncedFile {
    fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.fails.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(io::Error::other("injected"));
        }
        if failpoint::omits("log.sync") {
            return Ok(());
        }
        self.file.sync_data()
    }
}

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file does not begin with a record, or a record of this turn lies behind a damaged place.
    #[error("{file} is damaged at byte {at}")]
    Damaged { file: &'static str, at: usize },
    /// A file is missing or empty where both must be there.
    #[error("{0} is missing")]
    Missing(&'static str),
}

/// A file's contents.
#[derive(Default)]
struct Contents {
    /// 0 when the file is empty.
    generation: u64,
    changes: Changes,
}

impl Log {
    /// Opens the log in a directory, or makes it where it need not exist, and returns the committed changes, later ones
    /// over earlier ones. Before an append, all of them must be in sled, synced; then [`Log::turn`].
    ///
    /// Each file is made at least `room` bytes long when its turn comes, because a sync costs half as much where a file
    /// does not grow.
    pub(super) fn open(directory: &Path, room: u64, must_exist: bool) -> Result<(Self, Changes), LogError> {
        let read = |name: &'static str| {
            let contents = match std::fs::read(directory.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Contents::default(),
                bytes => read(name, &bytes?)?,
            };
            if must_exist && contents.generation == 0 { Err(LogError::Missing(name)) } else { Ok(contents) }
        };
        // Nothing is made before both files are read: a missing file must still be missing at the next start.
        let [first, second] = [read(FILES[0])?, read(FILES[1])?];
        #[cfg(test)]
        let fails = std::sync::Arc::default();
        let open = |name: &str| {
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(directory.join(name))?;
            Ok::<_, io::Error>(SyncedFile {
                file,
                #[cfg(test)]
                fails: std::sync::Arc::clone(&fails),
            })
        };
        let files = [open(FILES[0])?, open(FILES[1])?];
        let is_new = first.generation == 0 && second.generation == 0;
        let turn = usize::from(second.generation > first.generation);
        let (older, newer) = if turn == 1 { (first, second) } else { (second, first) };
        let mut changes = older.changes;
        changes.extend(newer.changes);
        let (generation, record) = (newer.generation, Vec::new());
        let mut log = Self { files, turn, generation, end: 0, record, room, afresh: [false; 2] };
        if is_new {
            // Both must begin with a record from now on; the other file does with the first turn.
            log.turn()?;
        }
        Ok((log, changes))
    }

    /// Appends one commit, and syncs it. After an error it is unknown whether the commit is there.
    pub(super) fn append(&mut self, changes: &Changes) -> io::Result<()> {
        self.record.clear();
        self.record.resize(HEADER_BYTES, 0);
        for (key, value) in changes {
            encode(&mut self.record, key, value.as_ref())?;
        }
        self.write(ALIGNMENT)
    }

    /// Writes the prepared record, padded to a multiple of so many bytes, and syncs it.
    fn write(&mut self, multiple: usize) -> io::Result<()> {
        let length = u32::try_from(self.record.len() - HEADER_BYTES).map_err(|_| too_long())?;
        self.record[..8].copy_from_slice(&self.generation.to_be_bytes());
        self.record[8..12].copy_from_slice(&length.to_be_bytes());
        let checksum = checksum(&self.record[..12], &self.record[HEADER_BYTES..]);
        self.record[12..HEADER_BYTES].copy_from_slice(&checksum.to_be_bytes());
        self.record.resize(self.record.len().next_multiple_of(multiple), 0);
        let file = &self.files[self.turn];
        file.file.write_all_at(&self.record, self.end)?;
        failpoint::reach("log.written");
        file.sync()?;
        self.end += self.record.len() as u64;
        Ok(())
    }

    /// The length of this turn.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    /// Begins the other file's turn, which writes over it. All its changes must be in sled, synced, by now. After an
    /// error no append is allowed.
    pub(super) fn turn(&mut self) -> io::Result<()> {
        self.turn = 1 - self.turn;
        self.generation += 1;
        self.end = 0;
        self.record.clear();
        self.record.resize(HEADER_BYTES, 0);
        self.write(SECTOR_BYTES)?;
        // Only after the first record is in place: a file that begins with zeros would be damaged.
        let file = &self.files[self.turn].file;
        let length = file.metadata()?.len();
        let from = if std::mem::take(&mut self.afresh[self.turn]) { self.end } else { length };
        blank(file, from, length.max(self.room))?;
        Ok(())
    }

    /// Erases each file's old contents when its next turn begins.
    pub(super) fn begin_afresh(&mut self) {
        self.afresh = [true; 2];
    }

    /// Whether a file still holds contents to erase.
    pub(super) fn has_leftovers(&self) -> bool {
        self.afresh != [false; 2]
    }

    #[cfg(test)]
    pub(super) fn sync_fails(&self) -> std::sync::Arc<std::sync::atomic::AtomicBool> {
        self.files[0].fails.clone()
    }
}

/// Writes zeros from one offset to another, and syncs the file with its length; does nothing for an empty range.
fn blank(file: &File, from: u64, to: u64) -> io::Result<()> {
    const ZEROS: &[u8] = &[0; 64 * 1024];
    for at in (from..to).step_by(ZEROS.len()) {
        let most = usize::try_from(to - at).unwrap_or(ZEROS.len());
        file.write_all_at(&ZEROS[..most.min(ZEROS.len())], at)?;
    }
    if from < to { file.sync_all() } else { Ok(()) }
}

fn encode(record: &mut Vec<u8>, key: &[u8], value: Option<&Bytes>) -> io::Result<()> {
    let key_bytes = u32::try_from(key.len()).map_err(|_| too_long())?;
    let value_bytes = value.map_or(Ok(GONE), |value| u32::try_from(value.len())).map_err(|_| too_long())?;
    record.extend_from_slice(&key_bytes.to_be_bytes());
    record.extend_from_slice(&value_bytes.to_be_bytes());
    record.extend_from_slice(key);
    record.extend_from_slice(value.map_or(&[][..], |value| value));
    Ok(())
}

fn too_long() -> io::Error {
    io::Error::other("a commit is longer than a record of the log can be")
}

/// Reads a file of the log.
fn read(file: &'static str, bytes: &[u8]) -> Result<Contents, LogError> {
    if bytes.is_empty() {
        return Ok(Contents::default());
    }
    let (generation, _) = record_at(bytes, 0).ok_or(LogError::Damaged { file, at: 0 })?;
    let mut contents = Contents { generation, changes: Changes::new() };
    let mut at = SECTOR_BYTES;
    while let Some((_, held)) = record_at(bytes, at).filter(|(of, _)| *of == generation) {
        decode(held, &mut contents.changes).ok_or(LogError::Damaged { file, at })?;
        at = (at + HEADER_BYTES + held.len()).next_multiple_of(ALIGNMENT);
    }
    // The bytes here are an unacknowledged record, whose sync did not return, or the rest of an earlier turn. No record
    // of this turn lies behind them: none was written before that sync returned.
    for behind in (at..bytes.len()).step_by(ALIGNMENT) {
        let begins_like_one = bytes[behind..].starts_with(&generation.to_be_bytes());
        if begins_like_one && record_at(bytes, behind).is_some() {
            return Err(LogError::Damaged { file, at });
        }
    }
    Ok(contents)
}

/// The sound record at this offset: its generation, and its changes.
fn record_at(bytes: &[u8], at: usize) -> Option<(u64, &[u8])> {
    let (header, rest) = bytes.get(at..)?.split_first_chunk::<HEADER_BYTES>()?;
    let (generation, _) = header.split_first_chunk::<8>()?;
    let length = u32::from_be_bytes(header[8..12].try_into().ok()?);
    let held = rest.get(..usize::try_from(length).ok()?)?;
    let generation = u64::from_be_bytes(*generation);
    let sound = generation > 0 && checksum(&header[..12], held).to_be_bytes() == header[12..];
    sound.then_some((generation, held))
}

/// Adds a record's changes; `None` when it is not a list of changes.
fn decode(mut held: &[u8], changes: &mut Changes) -> Option<()> {
    while !held.is_empty() {
        let (key_bytes, rest) = held.split_first_chunk::<4>()?;
        let (value_bytes, rest) = rest.split_first_chunk::<4>()?;
        let (key, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*key_bytes)).ok()?)?;
        let value_bytes = u32::from_be_bytes(*value_bytes);
        if value_bytes == GONE {
            changes.insert(Bytes::from(key), None);
            held = rest;
        } else {
            let (value, rest) = rest.split_at_checked(usize::try_from(value_bytes).ok()?)?;
            changes.insert(Bytes::from(key), Some(Bytes::from(value)));
            held = rest;
        }
    }
    Some(())
}

fn checksum(header: &[u8], held: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(held);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(words: &[(&str, Option<&str>)]) -> Changes {
        let bytes = |word: &str| Bytes::from(word.as_bytes());
        words.iter().map(|(key, value)| (bytes(key), value.map(bytes))).collect()
    }

    fn write(directory: &Path, name: &str, bytes: &[u8]) {
        std::fs::write(directory.join(name), bytes).unwrap();
    }

    /// A log with two turns; the second, in `log.1`, holds the records `b` and `c`.
    fn two_turns(directory: &Path) -> [Vec<u8>; 2] {
        let (mut log, found) = Log::open(directory, 0, false).unwrap();
        assert!(found.is_empty());
        log.turn().unwrap();
        log.append(&changes(&[("a", Some("1")), ("gone", Some("x"))])).unwrap();
        log.turn().unwrap();
        log.append(&changes(&[("b", Some("2")), ("gone", None)])).unwrap();
        log.append(&changes(&[("c", Some(&"3".repeat(100)))])).unwrap();
        FILES.map(|name| std::fs::read(directory.join(name)).unwrap())
    }

    fn found(directory: &Path) -> Vec<String> {
        let (_, found) = Log::open(directory, 0, true).unwrap();
        let kept = found.iter().filter(|(_, value)| value.is_some());
        kept.map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()).collect()
    }

    #[test]
    fn what_was_appended_is_found_later_over_earlier() {
        let directory = tempfile::tempdir().unwrap();
        two_turns(directory.path());
        for _ in 0..2 {
            assert_eq!(found(directory.path()), ["a", "b", "c"]);
        }
    }

    #[test]
    fn a_record_that_is_cut_off_anywhere_was_never_there() {
        let directory = tempfile::tempdir().unwrap();
        let [_, newer] = two_turns(directory.path());
        let last = newer.windows(8).rposition(|bytes| bytes == 3_u64.to_be_bytes()).unwrap();
        for end in last..newer.len() - 16 {
            write(directory.path(), "log.1", &newer[..end]);
            assert_eq!(found(directory.path()), ["a", "b"], "cut off at {end}");
            let mut torn = newer.clone();
            torn[end] ^= 0x55;
            write(directory.path(), "log.1", &torn);
            assert_eq!(found(directory.path()), ["a", "b"], "torn at {end}");
        }
    }

    #[test]
    fn damage_before_the_end_is_not_taken_for_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let [older, newer] = two_turns(directory.path());
        let first = SECTOR_BYTES + 4;
        for (name, bytes, at) in [("log.1", &newer, 3), ("log.1", &newer, first), ("log.0", &older, 12)] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            write(directory.path(), name, &damaged);
            let error = Log::open(directory.path(), 0, true).map(drop).unwrap_err();
            assert!(matches!(error, LogError::Damaged { file, .. } if file == name), "{name} at {at}: {error}");
            write(directory.path(), name, bytes);
        }
    }

    #[test]
    fn what_is_left_of_an_earlier_turn_is_not_found() {
        let directory = tempfile::tempdir().unwrap();
        two_turns(directory.path());
        let (mut log, _) = Log::open(directory.path(), 0, true).unwrap();
        log.turn().unwrap();
        assert_eq!(found(directory.path()), ["b", "c"], "the file that held `a` is written over");
        log.turn().unwrap();
        assert_eq!(found(directory.path()), [""; 0], "and then the other one");
        log.append(&changes(&[("d", Some("4"))])).unwrap();
        assert_eq!(found(directory.path()), ["d"]);
    }

    #[test]
    fn a_missing_file_is_told() {
        let directory = tempfile::tempdir().unwrap();
        two_turns(directory.path());
        std::fs::remove_file(directory.path().join("log.1")).unwrap();
        for _ in 0..2 {
            let error = Log::open(directory.path(), 0, true).map(drop).unwrap_err();
            assert!(matches!(error, LogError::Missing("log.1")), "it is not made by looking: {error}");
        }
    }
}
