//! The size of the store when events come, are delivered, and are dropped in time: a plateau, not a slope.
//!
//! Run: `cargo bench --bench plateau [-- EVENTS]` (default: 1,000,000). Texts of 200 customers are accepted, claimed and
//! recorded as delivered; all but the last 50,000 that settled are dropped, and the janitor's compaction is asked
//! for after each tenth. On a real directory, synced. Prints the disk and the memory as they go; asserts nothing.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tandem::domain::account::Ends;
use tandem::domain::delivery::Transition;
use tandem::domain::event::{Customer, CustomerText, DedupeKey, Event, EventKind, TicketFields};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Compaction, Control, Inbox, Queue, StoreLimits, Terms, Verdict};

const EVENTS: u64 = 1_000_000;
const CUSTOMERS: u64 = 200;
/// Accepted at once, so that they share commits.
const GROUP: u64 = 250;
/// How many settled deliveries and dedupe keys are kept. One second passes with each group.
const KEPT: u64 = 50_000;

fn main() {
    let asked = std::env::args().find_map(|argument| argument.parse().ok());
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("plateau-{}", std::process::id()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run(&directory, asked.unwrap_or(EVENTS)));
    std::fs::remove_dir_all(&directory).unwrap();
}

async fn run(directory: &Path, events: u64) {
    let begin = Timestamp::from_second(1_800_000_000).unwrap();
    let store = Arc::new(SledStore::open(directory, StoreLimits::default(), 7, begin).await.unwrap());
    let (started, tenth) = (Instant::now(), (events / 10 / GROUP).max(1));
    println!("    events | disk MiB | resident MiB | events/s");
    for group in 0..events / GROUP {
        let now = begin.saturating_add(SignedDuration::from_secs(group.cast_signed())).unwrap();
        let accepted = (0..GROUP)
            .map(|n| store.accept(text(group * GROUP + n, now), Ends::FIRST.into(), keys(group * GROUP + n), now));
        for result in join_all(accepted).await {
            result.unwrap();
        }
        deliver(&store, now).await;
        if (group + 1).is_multiple_of(tenth) {
            let kept = Duration::from_secs(KEPT / GROUP);
            store.expire(now, kept, kept).await.unwrap();
            store.compact(Compaction::WhenBloated).await.unwrap();
            let done = (group + 1) * GROUP;
            let rate = done as f64 / started.elapsed().as_secs_f64();
            println!("{done:>10} | {:>8} | {:>12} | {rate:>8.0}", disk_mib(directory), resident_mib());
        }
    }
    store.close().await;
}

/// Sixteen workers, as the bridge has them, until nothing waits.
async fn deliver(store: &Arc<SledStore>, now: Timestamp) {
    let worker = async || {
        while let Some(claim) = store.claim(Ends::FIRST.routes()[0], now, Terms::merging(1), 1).await.unwrap().pop() {
            let done = Transition::Deliver { receipt: "plateau".to_owned() };
            let moves = claim.work.iter().map(|work| (work.delivery.id, done.clone())).collect();
            store.record(&claim, Verdict { moves, ..Verdict::default() }, now).await.unwrap();
        }
    };
    join_all((0..16).map(|_| worker())).await;
}

fn text(n: u64, now: Timestamp) -> Event {
    let customer = Customer { external_id: Some(format!("customer-{}", n % CUSTOMERS)), ..Customer::default() };
    let kind = EventKind::CustomerText(CustomerText {
        customer,
        line: None,
        text: format!("Where is my parcel number {n}? {}", "It was promised for yesterday. ".repeat(4)),
        media: Vec::new(),
        channel: "sms".to_owned(),
        category: "other".to_owned(),
        keyword: None,
        ticket_id: None,
        fields: TicketFields::default(),
        answers: Vec::new(),
    });
    Event { received_at: now, kind }
}

fn keys(n: u64) -> Vec<DedupeKey> {
    vec![DedupeKey::Invocation(n.to_string())]
}

fn disk_mib(directory: &Path) -> String {
    let output = Command::new("du").arg("-sm").arg(directory).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}
