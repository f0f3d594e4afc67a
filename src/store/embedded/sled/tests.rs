//! The store's contract on sled, and faults that only sled can have.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::domain::account::Ends;
use crate::domain::answer::Answer;
use crate::domain::conversation::ConversationKey;
use crate::domain::delivery::{StateName, Transition};
use crate::domain::event::EventId;
use crate::domain::lanes::Position;
use crate::domain::operator::{Access, Operator, Order};
use crate::store::contract::{BELLS, DESK, Home, accept, at, claim, contract_tests, dispatch, done, text, words};
use crate::store::embedded::sled::directory::STAMP;
use crate::store::engine::bytes::Bytes;
use crate::store::engine::layout;
use crate::store::{
    Accepted, Album, Archive, Compaction, Control, DeliveryFilter, Inbox, Keeping, Picture, PictureId, Queue, Terms,
    Verdict,
};

struct InDirectory(tempfile::TempDir);

impl InDirectory {
    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }
}

async fn open(path: &Path) -> Result<SledStore, OpenError> {
    SledStore::open(path, StoreLimits::default(), 7, at(0)).await
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[async_trait]
impl Home for InDirectory {
    type Store = SledStore;

    async fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&self, limits: StoreLimits, now: Timestamp) -> SledStore {
        SledStore::open(&self.path(), limits, 7, now).await.unwrap()
    }

    async fn crash(&self, store: SledStore, now: Timestamp) -> (Self, SledStore) {
        let elsewhere = Self::new().await;
        // The store is open during the copy, so the copy lacks the writes of a proper end.
        copy(&self.path(), &elsewhere.path());
        // A power cut makes no copy: the store's own file is the same one.
        std::fs::remove_file(elsewhere.path().join(STAMP)).unwrap();
        std::fs::hard_link(self.path().join(STAMP), elsewhere.path().join(STAMP)).unwrap();
        drop(store);
        let again = elsewhere.open(StoreLimits::default(), now).await;
        (elsewhere, again)
    }
}

contract_tests!(InDirectory);

#[tokio::test]
async fn a_failed_sync_acknowledges_nothing_and_ends_everything() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    accept(&store, text("a", "good")).await;
    let fails = store.sync_fails.clone();
    fails.store(true, Ordering::SeqCst);
    let lost = store.accept(text("a", "bad"), Ends::FIRST.into(), Vec::new(), at(0)).await;
    assert!(matches!(lost, Err(StoreError::Failed(_))), "{lost:?}");
    fails.store(false, Ordering::SeqCst);
    for answer in [
        store.health(),
        store.accept(text("a", "more"), Ends::FIRST.into(), Vec::new(), at(0)).await.map(drop),
        store.claim(DESK, at(0), Terms::merging(1), 1).await.map(drop),
        store.deliveries(DeliveryFilter::default()).await.map(drop),
    ] {
        assert!(matches!(answer, Err(StoreError::Failed(_))), "{answer:?}");
    }
    store.close().await;
    drop(store);
    let store = home.open(StoreLimits::default(), at(1)).await;
    assert_eq!(words(&claim(&store, DESK, at(1)).await), ["good"]);
}

#[tokio::test]
async fn a_broken_store_is_set_aside_once_and_never_replaced() {
    let garbage = vec![0xa5; 100_000];
    for (name, bytes) in [("db", &garbage[..]), ("db", b""), ("conf", b"segment_size: 1024\n")] {
        let home = InDirectory::new().await;
        let store = home.open(StoreLimits::default(), at(0)).await;
        accept(&store, text("a", "1")).await;
        store.close().await;
        let generation = home.path().join("sled.1");
        std::fs::write(generation.join(name), bytes).unwrap();
        if name == "db" {
            // sled would recover from these.
            for entry in std::fs::read_dir(&generation).unwrap().map(Result::unwrap) {
                if entry.file_name().to_string_lossy().starts_with("snap") {
                    std::fs::remove_file(entry.path()).unwrap();
                }
            }
        }

        let error = open(&home.path()).await.map(drop).unwrap_err();
        let OpenError::Broken { moved_to, .. } = &error else { panic!("{name}: {error}") };
        assert!(moved_to.join("sled.1/db").exists(), "{name}: nothing is thrown away");
        assert!(error.to_string().contains(moved_to.to_str().unwrap()), "{error}");
        for _ in 0..2 {
            let again = open(&home.path()).await.map(drop).unwrap_err();
            assert!(matches!(again, OpenError::Undecided { .. }), "{name}: {again}");
        }
        std::fs::remove_dir_all(home.path()).unwrap();
        open(&home.path()).await.map(drop).unwrap();
    }
}

#[tokio::test]
async fn a_start_that_never_finished_is_no_damage() {
    let home = InDirectory::new().await;
    drop(sled::open(home.path().join("sled.1")).unwrap());
    std::fs::write(home.path().join("tandem.store"), "").unwrap();
    std::fs::write(home.path().join("log.0"), "half a rec").unwrap();
    open(&home.path()).await.map(drop).unwrap();
}

#[tokio::test]
async fn a_damaged_store_is_never_opened_as_an_empty_one() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    for n in 0..2_000 {
        drop(
            store
                .ask(move |core| {
                    core.journal.create(Bytes::from(format!("z{n}").as_bytes()), vec![7; 900]);
                    Ok(())
                })
                .await,
        );
    }
    accept(&store, text("a", "1")).await;
    store.close().await;
    let file = home.path().join("sled.1/db");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[..middle].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    let error = open(&home.path()).await.map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Broken { .. } | OpenError::Unreadable { .. }), "{error}");
}

#[tokio::test]
async fn two_never_share_a_directory() {
    let home = InDirectory::new().await;
    let first = open(&home.path()).await.unwrap();
    let second = open(&home.path()).await.map(drop).unwrap_err();
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    accept(&first, text("a", "still well")).await;
    drop(first);
    open(&home.path()).await.map(drop).unwrap();
}

#[tokio::test]
async fn what_is_no_directory_is_left_alone() {
    let home = InDirectory::new().await;
    std::fs::write(home.path(), "a letter").unwrap();
    let error = open(&home.path()).await.map(drop).unwrap_err();
    assert!(matches!(error, OpenError::NotADirectory { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(home.path()).unwrap(), "a letter");
}

#[tokio::test]
async fn a_later_format_is_refused_and_left_alone() {
    let home = InDirectory::new().await;
    open(&home.path()).await.unwrap().close().await;
    let db = sled::open(home.path().join("sled.1")).unwrap();
    db.insert("mformat", &99_u32.to_be_bytes()).unwrap();
    drop(db);
    let error = open(&home.path()).await.map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Format { found: 99, .. }), "{error}");
}

async fn open_in(epoch: u32, path: &Path, now: Timestamp) -> SledStore {
    SledStore::open(path, StoreLimits::default(), epoch, now).await.unwrap()
}

#[tokio::test]
async fn every_opening_begins_an_epoch_and_ids_stay_what_they_were() {
    let home = InDirectory::new().await;
    let mut given = Vec::new();
    // Drawing the same epoch twice gives two epochs all the same.
    for (number, epoch) in [1, 2, 2].into_iter().enumerate() {
        let store = open_in(epoch, &home.path(), at(0)).await;
        given.push(accept(&store, text("a", &number.to_string())).await);
        store.close().await;
    }
    assert_eq!(given.iter().map(|id| id.epoch).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(given.is_sorted());
    let store = open_in(9, &home.path(), at(0)).await;
    for (number, id) in given.iter().enumerate() {
        let (delivery, event) = store.delivery(*id).await.unwrap().expect("it is found by its id");
        assert_eq!((delivery.id, event), (*id, text("a", &number.to_string())));
        assert!(store.may_be_later(given[2], given[0]) && !store.may_be_later(given[0], given[2]));
    }
    let stranger = crate::domain::event::EventId { epoch: 5, ..given[0] };
    assert_eq!(store.delivery(stranger).await, Ok(None));
    assert!(!store.may_be_later(stranger, given[0]), "an earlier store's");
    // Settled and dropped deliveries need no epoch any more.
    for _ in 0..3 {
        let claimed = claim(&store, DESK, at(0)).await;
        store.record(&claimed, done(&claimed), at(0)).await.unwrap();
    }
    assert_eq!(store.expire(at(1), Duration::ZERO, Duration::from_secs(1)).await, Ok(3));
    store.close().await;
    let store = open_in(10, &home.path(), at(0)).await;
    let kept = store.read(|look| Ok(look.with_prefix(layout::OPENED).count())).await;
    assert_eq!(kept, Ok(1));
}

/// Stops a store with one text, copies it, and goes on with three more; returns the copy, and the ids given out since.
async fn with_a_backup(home: &InDirectory) -> (std::path::PathBuf, Vec<crate::domain::event::EventId>) {
    let store = open_in(1, &home.path(), at(0)).await;
    accept(&store, text("a", "waits")).await;
    accept_doorbell(&store).await;
    store.close().await;
    drop(store);
    let backup = home.0.path().join("backup");
    copy(&home.path(), &backup);
    let store = open_in(2, &home.path(), at(100)).await;
    let mut since = Vec::new();
    for words in ["1", "2", "3"] {
        since.push(accept(&store, text("b", words)).await);
    }
    store.close().await;
    (backup, since)
}

async fn accept_doorbell(store: &SledStore) {
    let reply = crate::domain::event::AgentReply {
        ticket_id: crate::domain::event::TicketId(7),
        comment_id: None,
        external_user_id: None,
        requester_id: None,
        caught_up: None,
    };
    let kind = crate::domain::event::EventKind::AgentReply(reply);
    accept(store, crate::domain::event::Event { received_at: at(0), kind }).await;
}

#[tokio::test]
async fn a_store_that_was_put_back_knows_it_gives_new_ids_and_looks_for_what_waits() {
    // Three ways: the copy in place of the directory; the copy over it; a snapshot of the same disk, told by the
    // operator.
    for way in ["replaced", "overwritten", "told"] {
        let home = InDirectory::new().await;
        let (backup, since) = with_a_backup(&home).await;
        match way {
            "replaced" => {
                std::fs::remove_dir_all(home.path()).unwrap();
                copy(&backup, &home.path());
            }
            "overwritten" => copy(&backup, &home.path()),
            _ => {
                let stamp = home.0.path().join("stamp");
                std::fs::hard_link(home.path().join(STAMP), &stamp).unwrap();
                std::fs::remove_dir_all(home.path()).unwrap();
                copy(&backup, &home.path());
                std::fs::rename(stamp, home.path().join(STAMP)).unwrap();
                std::fs::write(home.path().join("RESTORED"), "").unwrap();
            }
        }
        let store = open_in(2, &home.path(), at(500)).await;
        let lost = store.lost_time().unwrap_or_else(|| panic!("{way}: it is not known that it was put back"));
        assert_eq!((lost.since, lost.until, lost.doubted), (at(0), at(500), Some(1)), "{way}");
        // Drawing an epoch of the lost time again is the one case in which a store cannot keep ids apart.
        store.close().await;
        drop(store);
        let store = open_in(3, &home.path(), at(501)).await;
        assert_eq!(store.lost_time().map(|lost| (lost.since, lost.until, lost.doubted)), Some((at(0), at(500), None)));
        let claimed = claim(&store, DESK, at(501)).await;
        assert_eq!(words(&claimed), ["waits"]);
        assert_eq!(claimed.work[0].delivery.state.name(), StateName::Unconfirmed, "{way}: it is looked for first");
        let fresh = accept(&store, text("b", "after")).await;
        assert!(!since.contains(&fresh) && since.iter().any(|id| id.sequence == fresh.sequence), "{way}: {fresh}");
        assert!(store.may_be_later(crate::domain::event::EventId { epoch: 77, ..fresh }, fresh), "of the lost time");
        let doorbell = claim(&store, BELLS, at(501)).await;
        assert_eq!(doorbell.work[0].delivery.state.name(), StateName::Pending, "{way}: what only reads is done again");
        store.close().await;
        drop(store);
        let month = at(500 + 31 * 86_400);
        assert_eq!(open_in(4, &home.path(), month).await.lost_time(), None, "it does not matter for ever");
    }
}

#[tokio::test]
async fn a_store_whose_openings_died_one_after_the_other_was_not_put_back() {
    let home = InDirectory::new().await;
    let store = open_in(1, &home.path(), at(0)).await;
    accept(&store, text("a", "waits")).await;
    store.close().await;
    drop(store);
    // The second opening gives out no id, and each later one dies before it has left its mark.
    open_in(2, &home.path(), at(1)).await.close().await;
    let mark = |epoch: u32| home.path().join(format!("opened.{epoch:08x}"));
    for epoch in 3..6 {
        let store = open_in(epoch, &home.path(), at(epoch.into())).await;
        assert_eq!(store.lost_time(), None, "{epoch}");
        store.close().await;
        drop(store);
        std::fs::rename(mark(epoch), mark(2)).unwrap();
    }
}

#[tokio::test]
async fn a_directory_that_was_renamed_is_no_backup() {
    let home = InDirectory::new().await;
    open_in(1, &home.path(), at(0)).await.close().await;
    let elsewhere = home.0.path().join("elsewhere");
    std::fs::rename(home.path(), &elsewhere).unwrap();
    assert_eq!(open_in(2, &elsewhere, at(1)).await.lost_time(), None);
}

#[tokio::test]
async fn a_store_whose_directory_is_another_one_by_now_touches_nothing_and_ends() {
    for replaced in [true, false] {
        let home = InDirectory::new().await;
        let first = open_in(1, &home.path(), at(0)).await;
        accept(&first, text("a", "of the first")).await;
        std::fs::rename(home.path(), home.0.path().join("aside")).unwrap();
        let second = if replaced {
            let second = open_in(2, &home.path(), at(0)).await;
            for words in ["1", "2", "3"] {
                accept(&second, text("b", words)).await;
            }
            Some(second)
        } else {
            None
        };
        let before = replaced.then(|| all_names(&home.path()));
        let error = first.compact(Compaction::Now).await.unwrap_err();
        assert!(error.to_string().contains("is no longer the directory that was opened"), "{error}");
        assert!(
            first.health().is_err()
                && first.accept(text("a", "more"), Ends::FIRST.into(), Vec::new(), at(0)).await.is_err()
        );
        drop(first);
        assert_eq!(replaced.then(|| all_names(&home.path())), before, "nothing was renamed, removed or made");
        if let Some(second) = second {
            second.close().await;
            drop(second);
            let second = open_in(3, &home.path(), at(1)).await;
            assert_eq!(second.counts().of(StateName::Pending), 3);
        }
        let aside = open_in(4, &home.0.path().join("aside"), at(1)).await;
        assert_eq!(words(&claim(&aside, DESK, at(1)).await), ["of the first"]);
    }
}

#[tokio::test]
async fn a_webhook_is_not_accepted_into_a_directory_that_was_moved_away() {
    let home = InDirectory::new().await;
    let store = open_in(1, &home.path(), at(0)).await;
    std::fs::rename(home.path(), home.0.path().join("aside")).unwrap();
    let refused = store.accept(text("a", "1"), Ends::FIRST.into(), Vec::new(), at(0)).await;
    assert!(matches!(&refused, Err(StoreError::Failed(cause)) if cause.contains("moved")), "{refused:?}");
    assert!(matches!(store.health(), Err(StoreError::Failed(_))), "and nothing is done any more");
}

/// Every file in a directory, by its name.
fn all_names(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            names.extend(all_names(&entry.path()));
        }
        names.push(entry.path());
    }
    names.sort();
    names
}

#[tokio::test]
async fn a_nearly_full_disk_is_left_with_its_reserve() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits { disk_floor_bytes: u64::MAX, ..StoreLimits::default() }, at(0)).await;
    let refused = store.accept(text("a", "1"), Ends::FIRST.into(), Vec::new(), at(0)).await;
    assert!(matches!(refused, Err(StoreError::DiskLow { .. })), "{refused:?}");
    assert!(matches!(store.health(), Err(StoreError::DiskLow { .. })));
    assert!(store.claim(DESK, at(0), Terms::merging(1), 1).await.unwrap().pop().is_none(), "and nothing is left of it");
}

#[tokio::test]
async fn no_page_leaves_the_file_that_is_synced() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    for n in 0..40 {
        accept(&store, text(&n.to_string(), &"x".repeat(n * 5_000))).await;
    }
    let claimed = claim(&store, DESK, at(0)).await;
    store.record(&claimed, done(&claimed), at(0)).await.unwrap();
    store.close().await;
    assert_eq!(std::fs::read_dir(home.path().join("sled.1/blobs")).unwrap().count(), 0);
}

#[tokio::test]
async fn requests_share_commits() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    futures_util::future::join_all((0..500).map(|n| accept(&store, text(&n.to_string(), "x")))).await;
    let stats = store.counts().commits;
    assert_eq!(stats.requests, 500);
    assert_eq!(stats.commits(), stats.by_requests.iter().sum::<u64>());
    assert!(stats.commits() < 250, "{stats:?}");
}

#[tokio::test]
async fn half_a_digest_makes_no_duplicate_and_a_whole_one_does_after_a_crash_too() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let keys = |words: &str| words.split(' ').map(dispatch).collect::<Vec<_>>();
    let Ok(Accepted::New(first)) = store.accept(text("a", "1"), Ends::FIRST.into(), keys("d e"), at(0)).await else {
        panic!("new")
    };
    let collides = layout::Remembered {
        position: Position::of(first),
        since: 0,
        digest: layout::dedupe_digests(&keys("z"), Ends::FIRST).unwrap()[0],
    };
    let meet = move |core: &mut Core| {
        core.dedupe_index.learn(&collides);
        Ok(())
    };
    store.ask(meet).await.unwrap();
    let Ok(Accepted::New(second)) = store.accept(text("a", "2"), Ends::FIRST.into(), keys("z"), at(0)).await else {
        panic!("new as well")
    };
    let (home, again) = home.crash(store, at(1)).await;
    again.ask(meet).await.unwrap();
    for (words, known) in [("z", second), ("d", first), ("e", first), ("new z", second)] {
        let answer = again.accept(text("a", "3"), Ends::FIRST.into(), keys(words), at(1)).await;
        assert_eq!(answer, Ok(Accepted::Duplicate(known)), "{words}");
    }
    drop((home, again));
}

#[tokio::test]
async fn a_short_event_shares_its_deliverys_key_and_a_long_one_does_not() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let long = "x".repeat(layout::JOINT_EVENT_BYTES_MAX);
    accept(&store, text("a", "short")).await;
    accept(&store, text("a", &long)).await;
    let count = |prefix: u8| store.ask(move |core| Ok(core.journal.count(prefix)));
    assert_eq!((count(layout::EVENT).await, count(layout::PENDING).await), (Ok(1), Ok(2)));
    for expected in ["short", long.as_str()] {
        let claimed = claim(&store, DESK, at(0)).await;
        assert_eq!(words(&claimed), [expected]);
        store.record(&claimed, done(&claimed), at(0)).await.unwrap();
        let (_, event) = store.delivery(claimed.work[0].delivery.id).await.unwrap().unwrap();
        assert_eq!(event, claimed.work[0].event, "it is still there after the delivery settled");
    }
    assert_eq!((count(layout::EVENT).await, count(layout::PENDING).await), (Ok(1), Ok(0)));
    assert_eq!(store.expire(at(1), Duration::ZERO, Duration::from_secs(1)).await, Ok(2));
    assert_eq!((count(layout::EVENT).await, count(layout::HISTORY).await), (Ok(0), Ok(0)));
}

/// Every file below a directory, whole.
fn all_bytes(directory: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            bytes.extend(all_bytes(&entry.path()));
        } else {
            bytes.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    bytes
}

#[tokio::test]
async fn what_was_dropped_is_in_no_file_after_a_compaction() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let secret = "the secret of Ms. Hoppe";
    let in_a_file = || all_bytes(&home.path()).windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
    // One in sled, one in the log, one cut into parts.
    accept(&store, text("a", secret)).await;
    store.compact(Compaction::Now).await.unwrap();
    accept(&store, text("a", secret)).await;
    accept(&store, text("a", &format!("{} {secret}", "x".repeat(50_000)))).await;
    accept(&store, text("b", "stays")).await;
    for _ in 0..3 {
        let claimed = claim(&store, DESK, at(0)).await;
        store.record(&claimed, done(&claimed), at(0)).await.unwrap();
    }
    assert_eq!(store.expire(at(1), Duration::ZERO, Duration::from_secs(1)).await, Ok(3));
    assert!(in_a_file(), "dropped is not gone");
    store.compact(Compaction::Now).await.unwrap();
    assert!(!in_a_file(), "now it is");
    let generations = || std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(generations().filter(|name| name.to_string_lossy().starts_with("sled.")).count(), 1);
    let (home, again) = home.crash(store, at(1)).await;
    assert_eq!(words(&claim(&again, DESK, at(1)).await), ["stays"]);
    drop((home, again));
}

#[tokio::test]
async fn what_a_vendor_answered_about_a_forgotten_customer_is_in_no_file_after_a_compaction() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    accept(&store, text("ada", "1")).await;
    let secret = "the landline of Ms. Hoppe";
    let in_a_file = || all_bytes(&home.path()).windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
    // One in sled and in the log, by now in parts.
    for second in 0..8 {
        let claimed = claim(&store, DESK, at(second)).await;
        let body = format!("{second}{} {secret}", "x".repeat(900));
        let answer = Answer::new(at(second), "PUT /api/v2/tickets/7", 422, None, &body, 1000);
        let again = Transition::Retry { due_at: at(second), cause: "422".into() };
        let moves = vec![(claimed.work[0].delivery.id, again)];
        store
            .record(&claimed, Verdict { moves, answer: Some(answer), ..Verdict::default() }, at(second))
            .await
            .unwrap();
        if second == 4 {
            store.compact(Compaction::Now).await.unwrap();
        }
    }
    assert!(in_a_file());
    let operator = Operator::claiming(Access::Loopback, None);
    let order = Order { operator, given_at: at(9), accepted_by: None };
    store.forget(&ConversationKey("ada".into()), &order).await.unwrap();
    store.compact(Compaction::Now).await.unwrap();
    assert!(!in_a_file());
    drop(home);
}

#[tokio::test]
async fn a_move_that_was_cut_off_leaves_the_old_directory() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    accept(&store, text("a", "1")).await;
    store.close().await;
    drop(store);
    // The furthest state of a copy before it is named.
    copy(&home.path().join("sled.1"), &home.path().join("sled.2"));
    std::fs::write(home.path().join("sled.2/db"), "half").unwrap();
    std::fs::write(home.path().join("current.new"), "sled.2").unwrap();
    let store = home.open(StoreLimits::default(), at(0)).await;
    assert!(!home.path().join("sled.2").exists());
    assert_eq!(words(&claim(&store, DESK, at(0)).await), ["1"]);
}

#[tokio::test]
async fn a_missing_or_damaged_log_is_not_taken_for_an_empty_one() {
    for damage in [None, Some(3)] {
        let home = InDirectory::new().await;
        let store = home.open(StoreLimits::default(), at(0)).await;
        accept(&store, text("a", "1")).await;
        store.close().await;
        drop(store);
        for name in log::FILES {
            let path = home.path().join(name);
            match damage {
                None => std::fs::remove_file(path).unwrap(),
                Some(at) => {
                    let mut bytes = std::fs::read(&path).unwrap();
                    bytes[at] ^= 1;
                    std::fs::write(path, bytes).unwrap();
                }
            }
        }
        let error = open(&home.path()).await.map(drop).unwrap_err();
        assert!(matches!(error, OpenError::Broken { .. }) && error.to_string().contains("log"), "{error}");
    }
}

#[tokio::test]
async fn a_compaction_that_cannot_sync_ends_everything() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    accept(&store, text("a", "good")).await;
    store.sync_fails.store(true, Ordering::SeqCst);
    let failed = store.compact(Compaction::Now).await;
    assert!(matches!(failed, Err(StoreError::Failed(_))), "{failed:?}");
    store.sync_fails.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        let lost = store.accept(text("a", "bad"), Ends::FIRST.into(), Vec::new(), at(0)).await;
        assert!(matches!(lost, Err(StoreError::Failed(_))), "{lost:?}");
    }
    store.close().await;
    drop(store);
    let store = home.open(StoreLimits::default(), at(1)).await;
    assert_eq!(words(&claim(&store, DESK, at(1)).await), ["good"]);
}

#[tokio::test]
async fn who_reads_keeps_the_old_directory_until_they_are_done() {
    let home = InDirectory::new().await;
    let store = Arc::new(home.open(StoreLimits::default(), at(0)).await);
    accept(&*store, text("a", "1")).await;
    let look = store.ask(|core| Ok(core.journal.tree.view())).await.unwrap();
    let compacting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.compact(Compaction::Now).await }
    });
    while !home.path().join("sled.2/db").exists() {
        tokio::task::yield_now().await;
    }
    assert!(!compacting.is_finished() && home.path().join("sled.1/db").exists());
    drop(look);
    compacting.await.unwrap().unwrap();
    assert!(!home.path().join("sled.1").exists());
}

#[tokio::test]
async fn a_lost_pointer_or_stamp_loses_nothing_else() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    accept(&store, text("a", "1")).await;
    store.compact(Compaction::Now).await.unwrap();
    store.close().await;
    drop(store);
    let sled = home.path().join("sled.2/db");
    assert!(sled.exists());
    std::fs::write(home.path().join("tandem.store"), "").unwrap();
    let store = home.open(StoreLimits::default(), at(0)).await;
    assert_eq!(words(&claim(&store, DESK, at(0)).await), ["1"]);
    store.close().await;
    drop(store);
    std::fs::remove_file(home.path().join("current")).unwrap();
    let error = open(&home.path()).await.map(drop).unwrap_err();
    let OpenError::Broken { moved_to, .. } = &error else { panic!("{error}") };
    assert!(error.to_string().contains("`current`") && moved_to.join("sled.2/db").exists(), "{error}");
}

/// Longer than any removal on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

fn pictures_in(path: &Path) -> Vec<String> {
    let names = std::fs::read_dir(path.join("pictures")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Accepts a text and keeps a picture of it.
async fn with_picture(store: &SledStore, customer: &str) -> EventId {
    let id = accept(store, text(customer, "look")).await;
    let bytes = bytes::Bytes::from_static(b"picture");
    let picture = Picture { file_name: "a.png".into(), content_type: "image/png".into(), bytes };
    let kept = store.keep_picture(PictureId { text: id, number: 0 }, picture).await;
    assert_eq!(kept, Ok(Keeping::Safe));
    id
}

#[tokio::test]
async fn an_opening_drops_drafts_and_the_pictures_of_no_waiting_text_and_leaves_other_files() {
    use std::os::unix::fs::PermissionsExt;

    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let (written, waiting) = (with_picture(&store, "a").await, with_picture(&store, "b").await);
    let folder = home.path().join("pictures");
    let file = folder.join(format!("{written}.0"));
    let modes = [&folder, &file].map(|path| path.metadata().unwrap().permissions().mode() & 0o777);
    assert_eq!(modes, [0o700, 0o600], "private to this user");
    let kept = std::fs::read(&file).unwrap();
    let head = claim(&store, DESK, at(1)).await;
    store.record(&head, done(&head), at(1)).await.unwrap();
    // Files are removed beside the writer.
    let removed = async {
        while pictures_in(&home.path()) != [format!("{waiting}.0")] {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, removed).await.expect("the written text's picture is removed");
    store.close().await;
    drop(store);
    // A power cut brings a removed file back; a kill leaves a draft.
    std::fs::write(&file, &kept).unwrap();
    let unknown = EventId { epoch: 1, sequence: 77, sub: 0 };
    for name in [format!("{unknown}.0"), format!("{waiting}.1.new"), "mine.txt".to_owned()] {
        std::fs::write(folder.join(name), &kept).unwrap();
    }
    let store = home.open(StoreLimits::default(), at(2)).await;
    assert_eq!(pictures_in(&home.path()), [format!("{waiting}.0"), "mine.txt".to_owned()]);
    assert_eq!(Some(store.pictures_bytes()), store.picture_bytes(PictureId { text: waiting, number: 0 }));
}

#[tokio::test]
async fn a_picture_that_is_damaged_or_cannot_be_written_costs_the_picture_alone() {
    let home = InDirectory::new().await;
    let store = home.open(StoreLimits::default(), at(0)).await;
    let id = PictureId { text: with_picture(&store, "a").await, number: 0 };
    let file = home.path().join(format!("pictures/{}.0", id.text));
    let kept = std::fs::read(&file).unwrap();
    std::fs::write(&file, &kept[..kept.len() - 1]).unwrap();
    assert!(matches!(store.picture(id).await, Err(StoreError::Failed(_))));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(store.picture(id).await, Ok(None));
    // A directory in the place of the draft.
    let other = PictureId { text: accept(&store, text("b", "look")).await, number: 0 };
    std::fs::create_dir(home.path().join(format!("pictures/{}.0.new", other.text))).unwrap();
    let before = store.pictures_bytes();
    let bytes = bytes::Bytes::from_static(b"picture");
    let picture = Picture { file_name: "a.png".into(), content_type: "image/png".into(), bytes };
    assert!(matches!(store.keep_picture(other, picture).await, Err(StoreError::Failed(_))));
    assert_eq!((store.pictures_bytes(), store.picture_bytes(other), store.health()), (before, None, Ok(())));
    assert_eq!(words(&claim(&store, DESK, at(1)).await), ["look"]);
    // A later start minds neither them nor a file in the place of the folder.
    drop(store);
    std::fs::create_dir(home.path().join(format!("pictures/{}.1", EventId { epoch: 9, sequence: 9, sub: 0 }))).unwrap();
    let store = home.open(StoreLimits::default(), at(2)).await;
    assert_eq!(store.health(), Ok(()));
    drop(store);
    std::fs::remove_dir_all(home.path().join("pictures")).unwrap();
    std::fs::write(home.path().join("pictures"), "no folder").unwrap();
    assert_eq!(home.open(StoreLimits::default(), at(3)).await.health(), Ok(()));
}
