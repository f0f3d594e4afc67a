//! A tree whose commits survive a power cut: a log for new changes, sled for all others.
//!
//! A commit is appended to the log and synced; from then on it is durable, and it is looked up in memory until the
//! settler's thread has brought it into sled ([`Settler`]). So no request waits for sled, and a value written and
//! dropped within one turn of the log, as most steps of a delivery are, never gets there.
//!
//! Once a store is open, only the settler's thread writes to sled, and no async thread ever does.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use sled::Batch;
use tokio::sync::watch;

use crate::failpoint;
use crate::store::embedded::sled::generation::{Generation, STEP_BYTES};
use crate::store::embedded::sled::log::Log;
use crate::store::embedded::sled::pages;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::layout;
use crate::store::engine::tree::{Changes, Entries, Look, Rewriting, Tree};
use crate::store::{Compaction, StoreError};

/// A test build takes turns so short that a test sees many, for any configured length
/// ([`crate::store::StoreLimits::turn_bytes`]).
const TURN_BYTES_MAX: u64 = if cfg!(debug_assertions) { 32 * 1024 } else { u64::MAX };

/// How many times its usual length a turn may grow to while sled is busy with the last one; then commits wait for sled.
const TURNS_MAX: u64 = 2;

/// The most lookups in sled that are cached. A record is at most 4 KiB, so this is 4 MiB at the very most.
const LOOKS_MAX: usize = 1024;

/// The length of a turn for this configured one.
pub(super) fn turn_bytes(asked: u64) -> u64 {
    asked.min(TURN_BYTES_MAX)
}

/// The log, its changes, and sled.
pub(super) struct LoggedTree {
    log: Log,
    layers: Layers,
    /// sled's answers to the latest lookups, while they hold: one ticket, one customer is asked for again and again,
    /// and a lookup in sled costs as much as all the rest of a short request.
    looks: RefCell<HashMap<Bytes, Option<Bytes>>>,
    settler: Settler,
    rewriting: Option<Step>,
    /// The previous generation, as long as a view still reads it.
    leaving: Option<watch::Receiver<()>>,
    /// The length at which a turn of the log ends. A longer one spares sled more short-lived values, and costs about
    /// its length in memory, twice, and as much reading at the next start.
    turn_bytes: u64,
}

/// The committed records, newest first: the changes of this turn, those on their way into sled, sled.
#[derive(Clone)]
struct Layers {
    new: Turn,
    settling: Turn,
    old: Arc<Generation>,
}

/// The changes of a turn of the log, in pieces, the newest last. A view shares the existing pieces, and later changes
/// go into another one, so that no view makes the writer copy a whole turn.
#[derive(Clone, Default)]
struct Turn(Vec<Arc<Changes>>);

impl Turn {
    fn add(&mut self, changes: Changes) {
        if let Some(newest) = self.0.last_mut().and_then(Arc::get_mut) {
            return newest.extend(changes);
        }
        // Each piece but the last is more than twice the next one: there are few, and a change is copied a few times.
        if let Some(mut newest) = self.0.pop() {
            while let Some(older) = self.0.pop_if(|older| older.len() <= 2 * newest.len()) {
                newest = merged(older, newest);
            }
            self.0.push(newest);
        }
        self.0.push(Arc::new(changes));
    }

    /// The pieces, the newest first.
    fn pieces(&self) -> impl DoubleEndedIterator<Item = &Changes> {
        self.0.iter().rev().map(|piece| &**piece)
    }

    fn whole(self) -> Arc<Changes> {
        self.0.into_iter().reduce(merged).unwrap_or_default()
    }
}

fn merged(mut older: Arc<Changes>, newer: Arc<Changes>) -> Arc<Changes> {
    Arc::make_mut(&mut older).extend(Arc::unwrap_or_clone(newer));
    older
}

impl Layers {
    /// The changes that are not in sled yet, the newest first.
    fn in_memory(&self) -> impl DoubleEndedIterator<Item = &Changes> {
        self.new.pieces().chain(self.settling.pieces())
    }

    /// The latest change of a key that is not in sled yet.
    fn change(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        self.in_memory().find_map(|layer| layer.get(key))
    }
}

/// The next step of rewriting everything. At the end, neither sled's file nor the log holds anything that was dropped
/// before.
#[derive(Clone, Copy)]
enum Step {
    /// The changes of this turn go into sled; the other file of the log is erased.
    EmptyLog,
    /// sled moves to another directory.
    Move(Compaction),
    /// The first file of the log is erased as well.
    EmptyLogAgain,
    /// The last of these steps is under way.
    Finish,
}

impl LoggedTree {
    /// Brings all changes of the log into sled, and begins a new turn.
    pub(super) fn new(
        old: Generation,
        file: File,
        log: Log,
        found: &Changes,
        turn_bytes: u64,
    ) -> Result<Self, StoreError> {
        settle(&old, &file, found)?;
        let old = Arc::new(old);
        let settler = Settler::start(Arc::clone(&old), file)?;
        let layers = Layers { new: Turn::default(), settling: Turn::default(), old };
        let looks = RefCell::default();
        let mut tree = Self { log, layers, looks, settler, rewriting: None, leaving: None, turn_bytes };
        tree.log.turn().map_err(unsynced)?;
        Ok(tree)
    }

    /// Ends a turn of full length, unless sled is still busy; only a log at its bound waits for sled.
    fn end_turn(&mut self) -> Result<(), StoreError> {
        let full = self.log.bytes() >= TURNS_MAX * self.turn_bytes;
        if self.is_free(full)? && self.log.bytes() >= self.turn_bytes {
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<(), StoreError> {
        let ended = std::mem::take(&mut self.layers.new);
        self.layers.settling = ended.clone();
        self.log.turn().map_err(unsynced)?;
        failpoint::reach("log.turned");
        self.settler.begin(Work::Settle(ended))
    }

    /// Whether the settler is idle; waits until it is, if told to.
    fn is_free(&mut self, wait: bool) -> Result<bool, StoreError> {
        let Some(done) = self.settler.finished(wait) else { return Ok(!self.settler.busy) };
        match done? {
            Done::Settled => self.layers.settling = Turn::default(),
            Done::Moved(next) => {
                let old = std::mem::replace(&mut self.layers.old, next);
                self.leaving = Some(old.gone());
                // Closing takes time, so the settler does it.
                self.settler.begin(Work::LetGo(old))?;
                return Ok(false);
            }
            Done::Stayed | Done::LetGo => {}
        }
        Ok(true)
    }
}

impl Look for Layers {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.change(key) {
            Some(change) => Ok(change.clone()),
            None => pages::get(self.old.db()?, key),
        }
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Entries<'_> {
        let mut entries: Entries<'_> = match self.old.db().and_then(|db| pages::range(db, from, to)) {
            Ok(entries) => Box::new(entries),
            Err(error) => Box::new(std::iter::once(Err(error))),
        };
        for layer in self.in_memory().rev() {
            entries = Box::new(Over { upper: between(layer, from, to).peekable(), lower: entries.peekable() });
        }
        entries
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        let mut to = Bytes::from(to);
        loop {
            let above = self.in_memory().filter_map(|layer| between(layer, from, &to).next_back());
            // Of equal keys the first is the newer one.
            let above = above.reduce(|best, other| if other.0 > best.0 { other } else { best });
            let below = pages::last(self.old.db()?, from, &to)?;
            match (above, below) {
                (Some((key, change)), below) if below.as_ref().is_none_or(|(lower, _)| lower <= key) => match change {
                    Some(value) => return Ok(Some((key.clone(), value.clone()))),
                    None => to = key.clone(),
                },
                (_, below) => return Ok(below),
            }
        }
    }
}

impl Look for LoggedTree {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if let Some(change) = self.layers.change(key) {
            return Ok(change.clone());
        }
        let mut looks = self.looks.borrow_mut();
        if let Some(found) = looks.get(key) {
            return Ok(found.clone());
        }
        let found = pages::get(self.layers.old.db()?, key)?;
        if looks.len() >= LOOKS_MAX {
            looks.clear();
        }
        looks.insert(key.into(), found.clone());
        Ok(found)
    }

    fn range(&self, from: &[u8], to: &[u8]) -> Entries<'_> {
        self.layers.range(from, to)
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        self.layers.last(from, to)
    }
}

impl Tree for LoggedTree {
    fn commit(&mut self, changes: Changes) -> Result<(), StoreError> {
        self.log.append(&changes).map_err(unsynced)?;
        let looks = self.looks.get_mut();
        changes.keys().for_each(|key| drop(looks.remove(key)));
        self.layers.new.add(changes);
        self.end_turn()
    }

    fn view(&self) -> Box<dyn Look> {
        Box::new(self.layers.clone())
    }

    fn rewrite(&mut self, begin: Option<Compaction>) -> Result<Rewriting, StoreError> {
        match (begin, self.rewriting) {
            // Also when another rewrite is under way: its copy may hold records dropped since it began.
            (Some(Compaction::Now), _) => self.rewriting = Some(Step::EmptyLog),
            (Some(Compaction::WhenBloated), None) => self.rewriting = Some(Step::Move(Compaction::WhenBloated)),
            (Some(Compaction::WhenBloated), Some(_)) | (None, _) => {}
        }
        let mut finished = self.settler.finished.clone();
        // Before the look at the settler, so that no change is missed between the two.
        finished.borrow_and_update();
        if !self.is_free(false)? {
            return Ok(Rewriting::Wait(finished));
        }
        self.rewriting = match self.rewriting {
            Some(Step::EmptyLog) => {
                self.log.begin_afresh();
                self.turn()?;
                Some(Step::Move(Compaction::Now))
            }
            Some(Step::Move(compaction)) => {
                self.settler.begin(Work::Move(compaction))?;
                Some(if compaction == Compaction::Now { Step::EmptyLogAgain } else { Step::Finish })
            }
            // An ordinary turn may have erased it meanwhile.
            Some(Step::EmptyLogAgain) if self.log.has_leftovers() => {
                self.turn()?;
                Some(Step::EmptyLogAgain)
            }
            Some(Step::EmptyLogAgain | Step::Finish) | None => {
                // Views taken before the move finish first; then the old directory goes.
                if let Some(gone) = self.leaving.as_ref().filter(|gone| gone.has_changed().is_ok()) {
                    return Ok(Rewriting::Wait(gone.clone()));
                }
                self.rewriting = None;
                return Ok(Rewriting::Done);
            }
        };
        Ok(Rewriting::Wait(finished))
    }
}

fn between<'a>(
    changes: &'a Changes,
    from: &[u8],
    to: &[u8],
) -> std::collections::btree_map::Range<'a, Bytes, Option<Bytes>> {
    changes.range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)))
}

/// Changes over their base, in the order of keys.
struct Over<'a, U: Iterator<Item = (&'a Bytes, &'a Option<Bytes>)>> {
    upper: std::iter::Peekable<U>,
    lower: std::iter::Peekable<Entries<'a>>,
}

impl<'a, U: Iterator<Item = (&'a Bytes, &'a Option<Bytes>)>> Iterator for Over<'a, U> {
    type Item = Result<(Bytes, Bytes), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((key, _)) = self.upper.peek() else { return self.lower.next() };
            match self.lower.peek() {
                Some(Err(_)) => return self.lower.next(),
                Some(Ok((lower, _))) if lower < *key => return self.lower.next(),
                Some(Ok((lower, _))) if lower == *key => drop(self.lower.next()),
                Some(Ok(_)) | None => {}
            }
            let (key, change) = self.upper.next()?;
            if let Some(value) = change {
                return Some(Ok((key.clone(), value.clone())));
            }
        }
    }
}

/// A job for the settler.
enum Work {
    /// Bring these changes into sled.
    Settle(Turn),
    /// Move sled to another directory.
    Move(Compaction),
    /// Close the old directory.
    LetGo(Arc<Generation>),
}

/// The result of a job.
enum Done {
    Settled,
    /// This generation is current now.
    Moved(Arc<Generation>),
    /// The move was not needed, or there was no room.
    Stayed,
    LetGo,
}

/// The only thread that writes to sled. Dropping this value ends the thread after its current job.
struct Settler {
    work: Option<mpsc::Sender<Work>>,
    done: mpsc::Receiver<Result<Done, StoreError>>,
    /// Whether a job was begun whose end was not seen yet.
    busy: bool,
    /// Changes when a job ends.
    finished: watch::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Settler {
    fn start(mut current: Arc<Generation>, mut file: File) -> Result<Self, StoreError> {
        let (work, asked) = mpsc::channel();
        let (answer, done) = mpsc::channel();
        let (finish, finished) = watch::channel(());
        let thread = std::thread::Builder::new().name("store-settler".into()).spawn(move || {
            for work in asked {
                let done = match work {
                    Work::Settle(turn) => settle(&current, &file, &turn.whole()).map(|()| Done::Settled),
                    Work::Move(compaction) => move_on(&mut current, &mut file, compaction),
                    Work::LetGo(old) => {
                        drop(old);
                        Ok(Done::LetGo)
                    }
                };
                if answer.send(done).is_err() {
                    return;
                }
                finish.send_replace(());
            }
        });
        let thread = thread.map_err(|error| StoreError::Failed(format!("cannot start a thread: {error}")))?;
        Ok(Self { work: Some(work), done, busy: false, finished, thread: Some(thread) })
    }

    fn begin(&mut self, work: Work) -> Result<(), StoreError> {
        self.busy = true;
        self.work.as_ref().ok_or(StoreError::Closed)?.send(work).map_err(|_| gone())
    }

    /// The result of the current job: `None` without a job, or without `wait` while it still runs.
    fn finished(&mut self, wait: bool) -> Option<Result<Done, StoreError>> {
        if !self.busy {
            return None;
        }
        let done = if wait {
            self.done.recv().unwrap_or_else(|_| Err(gone()))
        } else {
            match self.done.try_recv() {
                Ok(done) => done,
                Err(mpsc::TryRecvError::Empty) => return None,
                Err(mpsc::TryRecvError::Disconnected) => Err(gone()),
            }
        };
        self.busy = false;
        Some(done)
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        self.work.take();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened, and the log still holds its changes.
            thread.join().ok();
        }
    }
}

/// Moves sled to another directory, if that is worth it and possible, or else leaves it as it was.
fn move_on(current: &mut Arc<Generation>, file: &mut File, compaction: Compaction) -> Result<Done, StoreError> {
    let Some((next, its_file)) = current.move_on(compaction)? else { return Ok(Done::Stayed) };
    tracing::info!("store.compacted: what is kept was copied to a file of its own");
    (*current, *file) = (Arc::new(next), its_file);
    Ok(Done::Moved(Arc::clone(current)))
}

/// Brings changes into sled, a step at a time, and syncs it. A crash at any point is mended by doing it again from the
/// beginning.
fn settle(to: &Generation, file: &File, changes: &Changes) -> Result<(), StoreError> {
    // The parts of long values go first, so that every reader finds the parts of each value.
    let is_new_part = |(key, value): &(&Bytes, &Option<Bytes>)| key.first() == Some(&layout::PART) && value.is_some();
    let mut new_parts = changes.iter().filter(is_new_part).peekable();
    if new_parts.peek().is_some() {
        settle_some(to, new_parts)?;
    }
    settle_some(to, changes.iter().filter(|change| !is_new_part(change)))?;
    // Not at each step: until this sync, the log still holds all changes.
    file.sync_data().map_err(unsynced)?;
    failpoint::reach("sled.settled");
    Ok(())
}

/// Brings some of the changes into sled.
fn settle_some<'a>(
    to: &Generation,
    changes: impl Iterator<Item = (&'a Bytes, &'a Option<Bytes>)>,
) -> Result<(), StoreError> {
    let (mut batch, mut bytes) = (Batch::default(), 0);
    pages::merge(to.db()?, changes, |piece| {
        for (at, page) in piece {
            bytes += at.len() + page.as_ref().map_or(0, Vec::len);
            match page {
                Some(page) => batch.insert(at, page),
                None => batch.remove(at),
            }
        }
        if bytes >= STEP_BYTES {
            write(to, std::mem::take(&mut batch))?;
            bytes = 0;
        }
        Ok(())
    })?;
    write(to, batch)
}

fn write(to: &Generation, batch: Batch) -> Result<(), StoreError> {
    to.write(batch)?;
    failpoint::reach("sled.written");
    Ok(())
}

fn unsynced(error: std::io::Error) -> StoreError {
    StoreError::Failed(format!("cannot sync: {error}"))
}

fn gone() -> StoreError {
    StoreError::Failed("the thread that writes to sled has ended".into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::store::embedded::sled::directory::Directory;

    fn open(directory: &Path, turn_bytes: u64) -> LoggedTree {
        std::fs::create_dir_all(directory).unwrap();
        let locked = Directory::lock(directory).map_err(drop).unwrap();
        let generation = Generation::open(Arc::new(locked), false).unwrap();
        let file = generation.establish().unwrap();
        let (log, found) = Log::open(directory, turn_bytes.min(10_000), false).unwrap();
        LoggedTree::new(generation, file, log, &found, turn_bytes).unwrap()
    }

    fn entries(look: &dyn Look, from: &[u8], to: &[u8]) -> Vec<(Bytes, Bytes)> {
        look.range(from, to).map(Result::unwrap).collect()
    }

    /// A tree reads like a map after any writes, drops, turns and openings.
    #[test]
    fn it_reads_like_a_map() {
        let directory = tempfile::tempdir().unwrap();
        for seed in 0..8 {
            let mut rng = StdRng::seed_from_u64(seed);
            let turn_bytes = if seed % 2 == 0 { 9_000 } else { u64::MAX / 8 };
            let mut tree = open(&directory.path().join(seed.to_string()), turn_bytes);
            let mut model: BTreeMap<Bytes, Bytes> = BTreeMap::new();
            let mut views: Vec<(Box<dyn Look>, BTreeMap<Bytes, Bytes>)> = Vec::new();
            for _ in 0..300 {
                let mut changes = Changes::new();
                for _ in 0..rng.random_range(0..4) {
                    let key = Bytes::from(&[rng.random_range(1..40_u8)]);
                    let value = rng.random_bool(0.6).then(|| Bytes::from(vec![rng.random(); rng.random_range(0..900)]));
                    changes.insert(key, value);
                }
                for (key, value) in &changes {
                    match value {
                        Some(value) => model.insert(key.clone(), value.clone()),
                        None => model.remove(key),
                    };
                }
                tree.commit(changes).unwrap();
                let (from, to) = ([rng.random_range(0..42_u8)], [rng.random_range(0..42_u8)]);
                let (from, to) = (from.min(to), from.max(to));
                let expected: Vec<_> =
                    model.range(Bytes::from(&from)..Bytes::from(&to)).map(|(k, v)| (k.clone(), v.clone())).collect();
                assert_eq!(entries(&tree, &from, &to), expected, "seed {seed}");
                assert_eq!(tree.last(&from, &to), Ok(expected.last().cloned()), "seed {seed}");
                assert_eq!(tree.get(&from), Ok(model.get(&from[..]).cloned()), "seed {seed}");
                // Where a turn ends, a view may see later changes.
                if turn_bytes > 9_000 && rng.random_bool(0.3) {
                    views.push((tree.view(), model.clone()));
                }
                if views.len() > 5 {
                    let (view, then) = views.swap_remove(rng.random_range(0..views.len()));
                    assert!(entries(&*view, &[], &[255]) == then.into_iter().collect::<Vec<_>>(), "seed {seed}");
                }
                if rng.random_bool(0.02) {
                    views.clear();
                    drop(tree);
                    tree = open(&directory.path().join(seed.to_string()), turn_bytes);
                }
            }
            assert_eq!(entries(&tree, &[], &[255]), model.into_iter().collect::<Vec<_>>(), "seed {seed}");
        }
    }

    /// Any number of kept views leaves a turn in few pieces, and a view's pieces are left alone.
    #[test]
    fn views_neither_copy_a_turn_nor_cut_it_up() {
        let (mut turn, mut views) = (Turn::default(), Vec::new());
        for n in 0..1_000_u32 {
            turn.add(Changes::from([(Bytes::from(&n.to_be_bytes()), None)]));
            views.push(turn.clone());
            assert!(turn.0.len() <= 11, "{} pieces after {n}", turn.0.len());
        }
        let lengths = views.iter().map(|view| view.pieces().map(Changes::len).sum::<usize>());
        assert!(lengths.eq(1..=1_000));
        let largest = views.iter().map(|view| Arc::as_ptr(&view.0[0])).collect::<std::collections::BTreeSet<_>>();
        assert!(largest.len() <= 20, "the largest piece was copied {} times", largest.len());
        assert_eq!(turn.whole().len(), 1_000);
    }

    #[test]
    fn a_view_keeps_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let mut tree = open(directory.path(), TURN_BYTES_MAX);
        let one = |value: &[u8]| Changes::from([(Bytes::from(b"k"), Some(Bytes::from(value)))]);
        tree.commit(one(b"1")).unwrap();
        let view = tree.view();
        tree.commit(one(b"2")).unwrap();
        assert_eq!((view.get(b"k"), tree.get(b"k")), (Ok(Some(b"1".into())), Ok(Some(b"2".into()))));
    }
}
