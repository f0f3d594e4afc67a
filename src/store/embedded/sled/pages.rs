//! For keeping many entries in one value of sled.
//!
//! sled spends about as much on a key with a few hundred bytes as on one with a few thousand: some microseconds, and
//! some hundred bytes of disk. So neighbouring entries share a value, a *page*, under a key that is no greater than any
//! of theirs. Entries in a row, as nearly all of ours are, then cost an eighth.
//!
//! One thread writes ([`merge`]), and never moves an entry to an earlier page. So a concurrent reader finds every entry
//! that is not being written, and recognises a repeated one by the order of keys.

use std::iter::Peekable;

use sled::{Db, IVec, Tree};

use crate::store::StoreError;
use crate::store::engine::bytes::Bytes;

/// The prefix of the pages' keys.
const PREFIX: u8 = b'/';

/// The longest page of several entries: short enough that no page of sled's own, which holds 16 of these, ever leaves
/// the file that is synced. A single entry may be a few bytes longer, by its key.
const PAGE_BYTES: usize = 4096;

/// How often each entry of sled is looked up again when many are read, one after the other.
///
/// sled 0.34 keeps the account of its cache in 256 parts, and evicts only after 64 accesses to one part. Reading a
/// store once makes a few accesses to each node, so all of it would stay in memory, for any size of the cache: a start
/// would take more than a run. Four more accesses for each entry keep it to 16 MiB.
const LOOKS_AGAIN: usize = 4;

/// An entry begins with the lengths of its key and of its value, 4 bytes each, big-endian.
const HEADER_BYTES: usize = 8;

/// An entry in its page.
type Entry<'a> = (&'a [u8], &'a [u8]);

/// A key and a value of sled's own.
type Page = (IVec, IVec);

/// Pages to write together, under their keys; `None` for a page that goes.
pub(super) type Piece = Vec<(IVec, Option<Vec<u8>>)>;

/// The value of a key. A copy, as every entry that leaves here: sled's own would hold the whole page around it.
pub(super) fn get(db: &Db, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
    let Some((_, page)) = page_of(db, key)? else { return Ok(None) };
    let found = entries(&page)?.into_iter().find(|(found, _)| *found == key);
    Ok(found.map(|(_, value)| value.into()))
}

/// The entries of a sled iterator, in no more memory than sled's cache is to take.
pub(super) fn walk(tree: &Tree, found: sled::Iter) -> impl Iterator<Item = Result<Page, sled::Error>> + use<> {
    let tree = tree.clone();
    found.enumerate().map(move |(number, entry)| {
        let (key, page) = entry?;
        // Most reads end with the first one.
        for _ in 0..if number > 0 { LOOKS_AGAIN } else { 0 } {
            tree.get(&key)?;
        }
        Ok((key, page))
    })
}

/// Every entry whose key is at least `from` and less than `to`, in order.
pub(super) fn range(
    db: &Db,
    from: &[u8],
    to: &[u8],
) -> Result<impl Iterator<Item = Result<(Bytes, Bytes), StoreError>> + use<>, StoreError> {
    let mut pages = walk(db, pages_of(db, from, to)?);
    let (from, to) = (Bytes::from(from), Bytes::from(to));
    let mut rest = Vec::new().into_iter();
    let mut last: Option<Bytes> = None;
    Ok(std::iter::from_fn(move || {
        loop {
            for (key, value) in rest.by_ref() {
                if key >= from && key < to && last.as_ref().is_none_or(|last| key > *last) {
                    last = Some(Bytes::clone(&key));
                    return Some(Ok((key, value)));
                }
            }
            match pages.next()?.map_err(failed).and_then(|(_, page)| copied(&page)) {
                Ok(entries) => rest = entries.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }))
}

/// The last entry of such a range.
pub(super) fn last(db: &Db, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
    for page in pages_of(db, from, to)?.rev() {
        let (_, page) = page.map_err(failed)?;
        let found = entries(&page)?.into_iter().rev().find(|(key, _)| *key >= from && *key < to);
        if let Some((key, value)) = found {
            return Ok(Some((key.into(), value.into())));
        }
    }
    Ok(None)
}

/// The pages that may hold such entries.
fn pages_of(db: &Db, from: &[u8], to: &[u8]) -> Result<sled::Iter, StoreError> {
    let first = page_of(db, from)?.map_or_else(|| page_key(from), |(key, _)| key);
    Ok(db.range(first..page_key(to)))
}

/// Merges changes, in the order of their keys, into the pages, and passes the pages to write to `write`, piece by
/// piece. Each piece must be applied whole; a merge that stopped between two may begin again.
pub(super) fn merge<'a>(
    db: &Db,
    changes: impl Iterator<Item = (&'a Bytes, &'a Option<Bytes>)>,
    mut write: impl FnMut(Piece) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut changes = changes.peekable();
    while let Some((key, _)) = changes.peek() {
        let page = page_of(db, key)?;
        let behind = page.as_ref().map_or_else(|| page_key(key), |(at, _)| at.clone());
        let next = db.get_gt(&behind).map_err(failed)?.filter(|(key, _)| key.first() == Some(&PREFIX));
        let old = page.as_ref().map(|(_, page)| entries(page)).transpose()?.unwrap_or_default();
        let new = overlay(old, &mut changes, next.as_ref().map(|(key, _)| &key[1..]));
        let mut at = page.as_ref().map(|(at, _)| at.clone());
        let mut piece = Piece::new();
        if let Some(at) = at.as_ref().filter(|_| new.is_empty()) {
            piece.push((at.clone(), None));
        }
        for (first, page) in filled(&new) {
            piece.push((at.take().unwrap_or_else(|| page_key(first)), Some(page)));
        }
        write(piece)?;
    }
    Ok(())
}

/// Entries as full pages, each with the key of its first entry.
fn filled<'a>(entries: &[Entry<'a>]) -> impl Iterator<Item = (&'a [u8], Vec<u8>)> {
    let total: usize = entries.iter().map(length).sum();
    // All pages about as full as the others: a page full to the brim is cut by the next entry in between.
    let fill = total.div_ceil(total.div_ceil(PAGE_BYTES).max(1));
    let mut rest = entries;
    std::iter::from_fn(move || {
        let (first, _) = *rest.first()?;
        let mut page = Vec::with_capacity(PAGE_BYTES);
        let mut taken = 0;
        for entry in rest {
            if taken > 0 && (page.len() >= fill || page.len() + length(entry) > PAGE_BYTES) {
                break;
            }
            encode(&mut page, entry);
            taken += 1;
        }
        rest = &rest[taken..];
        Some((first, page))
    })
}

/// The key under which a page beginning with this entry is kept.
fn page_key(first: &[u8]) -> IVec {
    let mut key = Vec::with_capacity(1 + first.len());
    key.push(PREFIX);
    key.extend_from_slice(first);
    IVec::from(key)
}

/// The page that holds this key, if any does.
fn page_of(db: &Db, key: &[u8]) -> Result<Option<Page>, StoreError> {
    db.range(IVec::from(&[PREFIX])..=page_key(key)).next_back().transpose().map_err(failed)
}

/// A page's entries with the changes merged that come before the next page.
fn overlay<'a, 'c: 'a>(
    old: Vec<Entry<'a>>,
    changes: &mut Peekable<impl Iterator<Item = (&'c Bytes, &'c Option<Bytes>)>>,
    next: Option<&[u8]>,
) -> Vec<Entry<'a>> {
    let mut new = Vec::with_capacity(old.len());
    let mut old = old.into_iter().peekable();
    while let Some((key, change)) = changes.next_if(|(key, _)| next.is_none_or(|next| ***key < *next)) {
        while let Some(before) = old.next_if(|(before, _)| *before < &**key) {
            new.push(before);
        }
        old.next_if(|(same, _)| *same == &**key);
        new.extend(change.as_ref().map(|value| (&**key, &**value)));
    }
    new.extend(old);
    new
}

/// sled's error as the store's.
pub(super) fn failed(error: sled::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn length((key, value): &Entry) -> usize {
    HEADER_BYTES + key.len() + value.len()
}

fn encode(page: &mut Vec<u8>, (key, value): &Entry) {
    for part in [key, value] {
        page.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    }
    page.extend_from_slice(key);
    page.extend_from_slice(value);
}

/// The entries of a page.
fn entries(page: &[u8]) -> Result<Vec<Entry<'_>>, StoreError> {
    let broken = || StoreError::Failed("a page is not as this version of tandem writes it".into());
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some(rest) = page.get(at..).filter(|rest| !rest.is_empty()) {
        let (key_bytes, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let (value_bytes, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let bytes = |length: &[u8; 4]| usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (key_bytes, value_bytes) = (bytes(key_bytes), bytes(value_bytes));
        if key_bytes.saturating_add(value_bytes) > rest.len() {
            return Err(broken());
        }
        let (key, rest) = rest.split_at(key_bytes);
        entries.push((key, &rest[..value_bytes]));
        at += HEADER_BYTES + key_bytes + value_bytes;
    }
    Ok(entries)
}

/// Copies of a page's entries.
fn copied(page: &[u8]) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
    Ok(entries(page)?.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::store::engine::tree::Changes;

    fn apply(db: &Db, changes: &Changes) {
        merge(db, changes.iter(), |piece| {
            for (at, page) in piece {
                match page {
                    Some(page) => db.insert(at, page),
                    None => db.remove(at),
                }
                .unwrap();
            }
            Ok(())
        })
        .unwrap();
    }

    fn pages(db: &Db) -> Vec<(IVec, Vec<(Bytes, Bytes)>)> {
        db.scan_prefix([PREFIX]).map(Result::unwrap).map(|(at, page)| (at, copied(&page).unwrap())).collect()
    }

    /// The entries are those of a map after any changes, and no page is empty, too long, or out of its place.
    #[test]
    fn pages_hold_what_a_map_holds() {
        for seed in 0..4 {
            let db = sled::Config::new().temporary(true).open().unwrap();
            let mut rng = StdRng::seed_from_u64(seed);
            let mut model = BTreeMap::new();
            for _ in 0..60 {
                let mut changes = Changes::new();
                for _ in 0..rng.random_range(1..80) {
                    let key = Bytes::from(&u16::to_be_bytes(rng.random_range(0..400)));
                    let length = if rng.random_bool(0.02) { 4096 } else { rng.random_range(0..700) };
                    let value = rng.random_bool(0.55).then(|| Bytes::from(vec![rng.random(); length]));
                    changes.insert(key, value);
                }
                for (key, value) in &changes {
                    match value {
                        Some(value) => model.insert(key.clone(), value.clone()),
                        None => model.remove(key),
                    };
                }
                apply(&db, &changes);
                let all: Vec<(Bytes, Bytes)> = range(&db, &[], &[255]).unwrap().map(Result::unwrap).collect();
                assert_eq!(all, model.clone().into_iter().collect::<Vec<_>>(), "seed {seed}");
                assert_eq!(last(&db, &[], &[255]), Ok(all.last().cloned()), "seed {seed}");
                for (at, page) in pages(&db) {
                    assert!(!page.is_empty() && page[0].0[..] >= at[1..], "seed {seed}");
                    assert!(
                        page.len() == 1
                            || page.iter().map(|(key, value)| length(&(key, value))).sum::<usize>() <= PAGE_BYTES,
                        "seed {seed}"
                    );
                }
            }
        }
    }

    /// In a process of its own, where no other test fills the memory.
    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_read_once_does_not_stay_in_memory() {
        const DIRECTORY: &str = "PAGES_READ_ONCE_IN";
        const MIB: u64 = 1024 * 1024;
        let open = |path: &std::path::Path| sled::Config::new().path(path).cache_capacity(16 * MIB).open().unwrap();
        let Some(directory) = std::env::var_os(DIRECTORY) else {
            let directory = tempfile::tempdir().unwrap();
            let db = open(directory.path());
            for turn in 0..24_u32 {
                let keys = (0..1000).map(|n| Bytes::from(&(turn * 1000 + n).to_be_bytes()));
                apply(&db, &keys.map(|key| (key, Some(Bytes::from(vec![7; 4000])))).collect());
            }
            drop(db);
            let name = "store::embedded::sled::pages::tests::what_is_read_once_does_not_stay_in_memory";
            let mut again = std::process::Command::new(std::env::current_exe().unwrap());
            let output = again.args(["--exact", name]).env(DIRECTORY, directory.path()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
            return;
        };
        let resident = |name: &str| {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let figure = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            figure.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
        };
        let db = open(directory.as_ref());
        let before = resident("VmRSS:");
        assert_eq!(range(&db, &[], &[255]).unwrap().map(Result::unwrap).count(), 24_000);
        let more = (resident("VmHWM:") - before) / MIB;
        assert!(more < 64, "reading 92 MiB has taken {more} MiB");
    }

    #[test]
    fn what_comes_in_order_shares_pages() {
        let db = sled::Config::new().temporary(true).open().unwrap();
        for turn in 0..20_u32 {
            let keys = (0..100).map(|n| Bytes::from(&(turn * 100 + n).to_be_bytes()));
            apply(&db, &keys.map(|key| (key, Some(Bytes::from(vec![7; 488])))).collect());
        }
        let pages = pages(&db);
        assert!(pages.len() < 2000 / 6, "{} pages", pages.len());
    }

    #[test]
    fn a_page_that_is_none_is_told() {
        let db = sled::Config::new().temporary(true).open().unwrap();
        db.insert(page_key(b"a"), &[0, 0, 0, 9, 0, 0, 0, 0, 1]).unwrap();
        assert!(get(&db, b"b").is_err() && last(&db, b"", b"z").is_err());
        assert!(range(&db, b"", b"z").unwrap().next().unwrap().is_err());
    }
}
