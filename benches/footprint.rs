//! The costs of the bridge at rest: the time of a start with no, 1,000, 100,000 and a million deliveries waiting, and its
//! memory and disk then; the memory of 4,000 strangers' connections; and the size of the binary.
//!
//! Run: `cargo bench --bench footprint [-- WAITING…]`. Fills a store on a real directory, ends in the middle as a
//! `kill -9` would, starts the release binary on it, asks `/readyz` until it says 200, and reads the resident memory
//! from `/proc`. Prints; asserts nothing.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

#[path = "shared/process.rs"]
mod process;

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tandem::clock::Clock;
use tandem::domain::account::Ends;
use tandem::domain::event::{AgentReply, CommentId, DedupeKey, Event, EventKind, TicketId};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Control, Inbox, StoreLimits};

use process::{Bridge, free_port};

/// The last is just below the limit on the backlog, at which the bridge would not be ready.
const WAITING: [u64; 4] = [0, 1_000, 100_000, 999_000];
/// Strangers' connections, and the bytes that each sends of a head that does not end: none, a line, the free part of the
/// common memory, and more than any head may have.
const STRANGERS: usize = 4000;
const HEADS: [usize; 4] = [0, 100, 7_000, 400_000];
/// Allocators give memory back late; this is how long "at rest" is waited for.
const SETTLE: Duration = Duration::from_secs(5);

fn main() {
    // The strangers are this process's.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("footprint-{}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_tandem"));
    println!("binary: {:.1} MB", std::fs::metadata(binary).unwrap().len() as f64 / 1e6);
    for bytes in HEADS {
        let store = root.join("strangers");
        strangers(binary, &store, bytes);
        std::fs::remove_dir_all(&store).unwrap();
    }
    let asked: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    for waiting in if asked.is_empty() { WAITING.to_vec() } else { asked } {
        let store = root.join(waiting.to_string());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(fill(&root.join("filled"), &store, waiting));
        drop(runtime);
        measure(binary, &store, waiting);
        std::fs::remove_dir_all(&store).unwrap();
    }
    std::fs::remove_dir_all(&root).unwrap();
}

/// Fills a store, and copies its files while it is open.
async fn fill(filled: &Path, left: &Path, waiting: u64) {
    let clock = Clock::system();
    let store = Arc::new(SledStore::open(filled, StoreLimits::default(), clock.draw_u32(), clock.now()).await.unwrap());
    let numbers: Vec<u64> = (1..=waiting).collect();
    for chunk in numbers.chunks(1000) {
        let accepted = chunk.iter().map(|n| {
            let (ticket_id, comment_id) = (TicketId(*n), CommentId(*n));
            let reply = AgentReply {
                ticket_id,
                comment_id: Some(comment_id),
                external_user_id: None,
                requester_id: None,
                caught_up: None,
            };
            let event = Event { received_at: clock.now(), kind: EventKind::AgentReply(reply) };
            store.accept(event, Ends::FIRST.into(), vec![DedupeKey::Comment(ticket_id, comment_id)], clock.now())
        });
        for result in join_all(accepted).await {
            result.unwrap();
        }
    }
    assert!(Command::new("cp").arg("-r").args([filled, left]).status().unwrap().success());
    store.close().await;
    std::fs::remove_dir_all(filled).unwrap();
}

/// Prints the memory of connections whose unfinished heads have so many bytes.
fn strangers(binary: &Path, store: &Path, bytes: usize) {
    let bridge = start(binary, store);
    std::thread::sleep(SETTLE);
    let rest = bridge.memory("VmRSS");
    let head = format!("POST /webhooks/braze HTTP/1.1\r\nHost: bench\r\nX-Long: {}", "y".repeat(bytes));
    let head = if bytes == 0 { "" } else { head.as_str() };
    let mut most = rest;
    let mut connections = Vec::new();
    for number in 0..STRANGERS {
        let mut stream = TcpStream::connect(bridge.public).unwrap();
        // A head that is too long finds the connection closed.
        stream.write_all(head.as_bytes()).ok();
        connections.push(stream);
        if number % 100 == 0 {
            most = most.max(bridge.memory("VmRSS"));
        }
    }
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(100));
        most = most.max(bridge.memory("VmRSS"));
    }
    let more = (most - rest) as f64 / 1024.0;
    println!("{STRANGERS} connections with {bytes} bytes of a head: {more:.0} MiB above rest at most");
}

fn start(binary: &Path, store: &Path) -> Bridge {
    Bridge::start(binary, store, free_port(), "error", Stdio::null())
}

fn measure(binary: &Path, store: &Path, waiting: u64) {
    let bridge = start(binary, store);
    std::thread::sleep(SETTLE);
    let (resident, most) = (bridge.memory("VmRSS") / 1024, bridge.memory("VmHWM") / 1024);
    let disk = Command::new("du").arg("-sm").arg(store).output().unwrap();
    let disk = String::from_utf8(disk.stdout).unwrap();
    let disk = disk.split_whitespace().next().unwrap();
    let ready_after = bridge.ready_after.as_secs_f64();
    println!(
        "{waiting:>9} waiting, a conversation each: ready after {ready_after:.2} s, resident memory {resident} MiB \
         (at most {most}), {disk} MiB of disk"
    );
}
