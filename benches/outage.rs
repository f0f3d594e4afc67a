//! The costs of an outage while it lasts, and of a start in the middle of it: every customer waits for a vendor that
//! refuses connections.
//!
//! Run: `cargo bench --bench outage [-- CUSTOMERS [SECONDS [BINARY]]]` (20,000 customers, 60 s, the release binary of
//! this build; with another binary the same of another build). Posts a text of each customer, counts the lines and bytes
//! that the bridge logs, the bytes that it has written to the disk and the processor time that it took, first until all
//! are accepted, then for so many seconds; kills it as `kill -9` would, and starts it again on the same store. Prints;
//! fails when the bridge does not come up again or ends within `AFTERWARDS`.
//!
//! As many customers as the machine has memory for are asked in a control group with a limit, such as
//! `systemd-run --scope -p MemoryMax=256M -p MemorySwapMax=0 target/release/deps/outage-… 150000`: the benchmark and the
//! bridge are both inside. On Linux only; bounded: a webhook for each customer, to 127.0.0.1 only.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

#[path = "shared/process.rs"]
mod process;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tandem::vendors::http::http_client;

use process::{Bridge, TOKEN, exchange, free_port};

const CUSTOMERS: usize = 20_000;
const SECONDS: u64 = 60;
const CONNECTIONS: usize = 64;
/// How long the bridge is watched after the second start.
const AFTERWARDS: Duration = Duration::from_secs(30);

fn main() {
    // `cargo bench` adds an argument of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let customers = arguments.next().map_or(CUSTOMERS, |number| number.parse().unwrap());
    let lasting = Duration::from_secs(arguments.next().map_or(SECONDS, |number| number.parse().unwrap()));
    let binary = PathBuf::from(arguments.next().unwrap_or_else(|| env!("CARGO_BIN_EXE_tandem").to_owned()));
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("outage-{}", std::process::id()));
    fs::create_dir_all(&root).unwrap();
    let store = root.join("store");
    println!("outage: {customers} customers wait at {}", binary.display());
    outage(&binary, &store, customers, lasting);
    start_again(&binary, &store);
    fs::remove_dir_all(&root).unwrap();
}

/// The outage, up to the kill.
fn outage(binary: &Path, store: &Path, customers: usize, lasting: Duration) {
    let (mut bridge, logged) = start(binary, store);
    let resting = Used::by(&bridge, &logged);
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(text_from_each(&bridge, customers));
    let accepted = Used::by(&bridge, &logged);
    resting.print_until(&accepted, "until all are accepted", started.elapsed());
    std::thread::sleep(lasting);
    accepted.print_until(&Used::by(&bridge, &logged), "while all wait", lasting);
    assert_eq!(bridge.child.try_wait().unwrap(), None, "it ended");
    println!("{}, then killed", memory(&bridge));
}

/// The start in the middle of the outage, and the time after it.
fn start_again(binary: &Path, store: &Path) {
    let (mut bridge, logged) = start(binary, store);
    println!("ready again after {:.2} s: {}", bridge.ready_after.as_secs_f64(), memory(&bridge));
    let ready = Used::by(&bridge, &logged);
    std::thread::sleep(AFTERWARDS);
    assert_eq!(bridge.child.try_wait().unwrap(), None, "it ended");
    ready.print_until(&Used::by(&bridge, &logged), "after the start", AFTERWARDS);
    let answer = exchange(bridge.public, "GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").unwrap();
    println!("{}; /readyz says {}", memory(&bridge), answer.lines().next().unwrap());
}

fn start(binary: &Path, store: &Path) -> (Bridge, Arc<Logged>) {
    let (log, writer) = std::io::pipe().unwrap();
    let logged = Arc::new(Logged::default());
    let counted = Arc::clone(&logged);
    std::thread::spawn(move || counted.count(log));
    (Bridge::start(binary, store, free_port(), "info", Stdio::from(writer)), logged)
}

/// Posts a first text of each of so many customers, and waits for the 202 to each.
async fn text_from_each(bridge: &Bridge, customers: usize) {
    let client = http_client(Duration::from_secs(5), Duration::from_secs(60)).unwrap();
    let url = format!("http://{}/webhooks/braze", bridge.public);
    let sent = (0..customers).map(|number| {
        let body = format!(
            "external_id=customer-{number}&phone=%2B1555{number:07}&dispatch=d{number}&\
             text=Where+is+my+parcel%3F+It+was+promised+for+yesterday."
        );
        let request = client.post(&url).header("X-Tandem-Token", TOKEN);
        request.header("Content-Type", "application/x-www-form-urlencoded").body(body).send()
    });
    let answers = futures_util::stream::iter(sent).buffer_unordered(CONNECTIONS);
    answers.for_each(async |answer| assert_eq!(answer.unwrap().status(), 202)).await;
}

/// The lines and bytes that the bridge has logged.
#[derive(Default)]
struct Logged {
    lines: AtomicU64,
    bytes: AtomicU64,
}

impl Logged {
    /// Counts until the writer is gone.
    fn count(&self, mut log: impl Read) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read) = log.read(&mut buffer)
            && read > 0
        {
            let lines = buffer[..read].iter().filter(|byte| **byte == b'\n').count();
            self.lines.fetch_add(lines as u64, Ordering::Relaxed);
            self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        }
    }
}

/// The bridge's use of log, disk and processor since its start.
struct Used {
    lines: u64,
    logged: u64,
    written: u64,
    processor: Duration,
}

impl Used {
    fn by(bridge: &Bridge, logged: &Logged) -> Self {
        let read = |name| fs::read_to_string(format!("/proc/{}/{name}", bridge.child.id())).unwrap();
        let (io, stat) = (read("io"), read("stat"));
        // Behind the name, which may hold blanks: user and system time are the 14th and 15th field, in hundredths.
        let fields = stat.rsplit_once(") ").unwrap().1;
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
        Self {
            lines: logged.lines.load(Ordering::Relaxed),
            logged: logged.bytes.load(Ordering::Relaxed),
            written: io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap(),
            processor: Duration::from_millis(ticks * 10),
        }
    }

    fn print_until(&self, later: &Self, when: &str, elapsed: Duration) {
        println!(
            "{when}, {:.1} s: {} log lines ({:.1} kB), {:.2} MB written, {:.2} s of a processor",
            elapsed.as_secs_f64(),
            later.lines - self.lines,
            (later.logged - self.logged) as f64 / 1e3,
            (later.written - self.written) as f64 / 1e6,
            (later.processor - self.processor).as_secs_f64(),
        );
    }
}

fn memory(bridge: &Bridge) -> String {
    format!("resident {} MiB, at most {} MiB", bridge.memory("VmRSS") / 1024, bridge.memory("VmHWM") / 1024)
}
