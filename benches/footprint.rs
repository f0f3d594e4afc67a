//! What the bridge costs at rest: how long a start takes with nothing, 1,000, 100,000 and a million deliveries waiting,
//! and what memory and disk it then has; what memory 4,000 strangers' connections take; and the size of the binary.
//!
//! Run: `cargo bench --bench footprint [-- WAITING…]`. Fills a store on a real directory, ends in the middle as a
//! `kill -9` would, starts the release binary on it, asks `/readyz` until it says 200, and reads the resident memory
//! from `/proc`. Prints; asserts nothing.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tandem::clock::Clock;
use tandem::domain::event::{AgentReply, CommentId, DedupeKey, Event, EventKind, TicketId};
use tandem::store::sled::SledStore;
use tandem::store::{Store, StoreLimits};

/// The last is just below the limit on the backlog, at which nobody is ready.
const WAITING: [u64; 4] = [0, 1_000, 100_000, 999_000];
/// A start that takes longer than this is a fault, not a figure.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Strangers' connections, and what each sends of a head that does not end: nothing, a line, what is free of the common
/// memory, and more than anybody may.
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

/// Fills a store, and leaves its files as they lie while it is open.
async fn fill(filled: &Path, left: &Path, waiting: u64) {
    let clock = Clock::system();
    let store = Arc::new(SledStore::open(filled, StoreLimits::default(), clock.draw_u32(), clock.now()).await.unwrap());
    let numbers: Vec<u64> = (1..=waiting).collect();
    for chunk in numbers.chunks(1000) {
        let accepted = chunk.iter().map(|n| {
            let (ticket_id, comment_id) = (TicketId(n % 2000 + 1), CommentId(*n));
            let reply = AgentReply {
                ticket_id,
                comment_id: Some(comment_id),
                external_user_id: None,
                requester_id: None,
                caught_up: None,
            };
            let event = Event { received_at: clock.now(), kind: EventKind::AgentReply(reply) };
            store.accept(event, vec![DedupeKey::ZendeskComment(ticket_id, comment_id)], clock.now())
        });
        for result in join_all(accepted).await {
            result.unwrap();
        }
    }
    assert!(Command::new("cp").arg("-r").args([filled, left]).status().unwrap().success());
    store.close().await;
    std::fs::remove_dir_all(filled).unwrap();
}

/// Starts the binary on the store, and waits until it is ready.
fn start(binary: &Path, store: &Path) -> (Killed, SocketAddr, Duration) {
    let (public, operator, nowhere) = (free_port(), free_port(), free_port());
    let started = Instant::now();
    let child = Command::new(binary)
        .args(["serve"])
        .current_dir(store.parent().unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .env("TANDEM_LISTEN", public.to_string())
        .env("TANDEM_OPERATOR_LISTEN", operator.to_string())
        .env("TANDEM_STORE__URL", format!("sled:{}", store.display()))
        .env("TANDEM_ZENDESK__URL", format!("http://{nowhere}"))
        .env("TANDEM_ZENDESK__CLIENT_ID", "bench")
        .env("TANDEM_ZENDESK__CLIENT_SECRET", "bench-client-secret")
        .env("TANDEM_ZENDESK__WEBHOOK_SECRETS", "bench-signing-secret-0123456789")
        .env("TANDEM_BRAZE__URL", format!("http://{nowhere}"))
        .env("TANDEM_BRAZE__API_KEY", "bench-api-key")
        .env("TANDEM_BRAZE__WEBHOOK_TOKENS", "bench-webhook-token-0123456789")
        .env("TANDEM_BRAZE__CAMPAIGNS__AGENT_REPLY", "bench-campaign")
        .env("RUST_LOG", "error")
        .spawn()
        .unwrap();
    let child = Killed(child);
    while !ready(public) {
        assert!(started.elapsed() < READY_WITHIN, "not ready within {READY_WITHIN:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    (child, public, started.elapsed())
}

/// Resident memory in KiB.
fn resident(child: &Killed) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.0.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What connections with heads of so many bytes that do not end take.
fn strangers(binary: &Path, store: &Path, bytes: usize) {
    let (child, public, _) = start(binary, store);
    std::thread::sleep(SETTLE);
    let rest = resident(&child);
    let head = format!("POST /webhooks/braze HTTP/1.1\r\nHost: bench\r\nX-Long: {}", "y".repeat(bytes));
    let head = if bytes == 0 { "" } else { head.as_str() };
    let mut most = rest;
    let mut connections = Vec::new();
    for number in 0..STRANGERS {
        let mut stream = TcpStream::connect(public).unwrap();
        // A head that is too long finds the connection closed.
        stream.write_all(head.as_bytes()).ok();
        connections.push(stream);
        if number % 100 == 0 {
            most = most.max(resident(&child));
        }
    }
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(100));
        most = most.max(resident(&child));
    }
    let more = (most - rest) as f64 / 1024.0;
    println!("{STRANGERS} connections with {bytes} bytes of a head: {more:.0} MiB above rest at most");
}

fn measure(binary: &Path, store: &Path, waiting: u64) {
    let (child, _, ready_after) = start(binary, store);
    std::thread::sleep(SETTLE);
    let resident = resident(&child);
    let disk = Command::new("du").arg("-sm").arg(store).output().unwrap();
    let disk = String::from_utf8(disk.stdout).unwrap();
    let disk = disk.split_whitespace().next().unwrap();
    let ready_after = ready_after.as_secs_f64();
    println!("{waiting:>9} waiting: ready after {ready_after:.2} s, resident memory {resident} kB, {disk} MiB of disk");
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn ready(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut answer = String::new();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
