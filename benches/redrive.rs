//! The costs of putting 100,000 dead letters back: its time, its memory, and a webhook's wait meanwhile.
//!
//! Run: `cargo bench --bench redrive`. Fills a store on a real directory, starts the release binary on it, pauses both
//! destinations so that only the redrive is measured, and gives the command that an operator gives, while a
//! webhook a few milliseconds after the other is accepted. Prints; asserts nothing.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

#[path = "shared/process.rs"]
mod process;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tandem::clock::Clock;
use tandem::domain::account::Ends;
use tandem::domain::delivery::Transition;
use tandem::domain::event::{AgentReply, CommentId, Event, EventKind, TicketId};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Control, Inbox, Queue, StoreLimits, Terms, Verdict};

use process::{Bridge, TOKEN, exchange, free_port};

const DEAD: u64 = 100_000;
const TICKETS: u64 = 1_000;
/// Between two webhooks.
const PACE: Duration = Duration::from_millis(5);

fn main() {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("redrive-{}", std::process::id()));
    std::fs::create_dir_all(&root).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(fill(&root.join("store")));
    drop(runtime);
    let operator = free_port();
    let binary = Path::new(env!("CARGO_BIN_EXE_tandem"));
    let bridge = Bridge::start(binary, &root.join("store"), operator, "error", Stdio::null());
    let public = bridge.public;
    let url = format!("http://{operator}");
    for destination in ["zendesk", "braze"] {
        command(&["destinations", "pause", destination, "--url", &url]);
    }
    println!("ready after {:.1?}, resident before: {} kB", bridge.ready_after, bridge.memory("VmRSS"));
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&stop);
    let webhooks = std::thread::spawn(move || post_until(public, &done));
    let started = Instant::now();
    let said = command(&["deliveries", "redrive", "--dead", "--by", "bench", "--url", &url]);
    let took = started.elapsed();
    stop.store(true, Ordering::Relaxed);
    let mut waits = webhooks.join().unwrap();
    waits.sort_unstable();
    println!("{}", said.trim());
    println!("took {:.1} s, {:.0} a second", took.as_secs_f64(), DEAD as f64 / took.as_secs_f64());
    println!("resident at most: {} kB, after: {} kB", bridge.memory("VmHWM"), bridge.memory("VmRSS"));
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "{} webhooks meanwhile: answered after {:.1} ms in the median, {:.1} ms at the 99th percentile, {:.1} ms at most",
        waits.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    drop(bridge);
    std::fs::remove_dir_all(&root).unwrap();
}

/// Fills a store with dead letters only.
async fn fill(directory: &Path) {
    let clock = Clock::system();
    let store = SledStore::open(directory, StoreLimits::default(), clock.draw_u32(), clock.now()).await.unwrap();
    for comment in 0..DEAD / TICKETS {
        let accepted = (1..=TICKETS).map(|ticket| {
            let (ticket_id, comment_id) = (TicketId(ticket), Some(CommentId(comment)));
            let kind = EventKind::AgentReply(AgentReply {
                ticket_id,
                comment_id,
                external_user_id: None,
                requester_id: None,
                caught_up: None,
            });
            store.accept(Event { received_at: clock.now(), kind }, Ends::FIRST.into(), Vec::new(), clock.now())
        });
        assert!(join_all(accepted).await.iter().all(Result::is_ok));
    }
    let kill = Transition::GiveUp { cause: "422 from Zendesk".into() };
    loop {
        let claims = store
            .claim(Ends::FIRST.routes()[1], clock.now(), Terms::merging(1), usize::try_from(TICKETS).unwrap())
            .await
            .unwrap();
        if claims.is_empty() {
            break;
        }
        let recorded = claims.iter().map(|claim| {
            let moves = vec![(claim.work[0].delivery.id, kill.clone())];
            store.record(claim, Verdict { moves, ..Verdict::default() }, clock.now())
        });
        join_all(recorded).await.into_iter().for_each(Result::unwrap);
    }
    store.close().await;
}

/// Posts one text after the other; how long each waited for its 202.
fn post_until(public: SocketAddr, done: &AtomicBool) -> Vec<Duration> {
    let mut waits = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let body = format!("external_id=bench-{}&dispatch=d{}&text=Hello", waits.len(), waits.len());
        let request = format!(
            "POST /webhooks/braze HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nX-Tandem-Token: {TOKEN}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let started = Instant::now();
        let answer = exchange(public, &request).unwrap();
        waits.push(started.elapsed());
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
        std::thread::sleep(PACE);
    }
    waits
}

fn tandem(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(arguments);
    command
}

/// Gives a command, waits, and returns its output.
fn command(arguments: &[&str]) -> String {
    let output = tandem(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}
