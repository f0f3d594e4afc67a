//! How fast texts go all the way: from a signed webhook to the recorded delivery on the phone, against the sandbox.
//!
//! Run: `cargo bench --bench end_to_end`. The bridge, both embedded vendors and the load share this machine, so the figure
//! is that of one small machine with everything on it. The published recipe's trigger bodies are used, because they need
//! no call to Zendesk, whose own limit (100 updates a minute) would decide the figure otherwise.
//! Bounded: `CUSTOMERS` times `TEXTS` texts, to 127.0.0.1 only.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

#[path = "shared/bridge.rs"]
mod bridge;

use std::path::{Path, PathBuf};
use std::time::Instant;

use futures_util::StreamExt;

use bridge::{Bridge, DEADLINE};

const CUSTOMERS: usize = 100;
const TEXTS: usize = 20;
const CONNECTIONS: usize = 64;

fn main() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("end-to-end-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(run(&directory));
    std::fs::remove_dir_all(&directory).unwrap();
}

async fn run(directory: &Path) {
    let bridge = Bridge::start(directory).await;
    for n in 0..CUSTOMERS {
        let _braze_id = bridge.customer(n);
    }
    let started = Instant::now();
    let sent = (0..CUSTOMERS * TEXTS).map(|n| bridge.reply(n, n % CUSTOMERS).send());
    let answers = futures_util::stream::iter(sent).buffer_unordered(CONNECTIONS);
    answers.for_each(async |answer| assert_eq!(answer.unwrap().status(), 202)).await;
    let accepted = started.elapsed();
    let arrived = || bridge.sandbox.braze.texts().len();
    assert!(bridge.sandbox.wait_until(DEADLINE, || arrived() == CUSTOMERS * TEXTS).await, "only {} arrived", arrived());
    let took = started.elapsed();
    let rate = (CUSTOMERS * TEXTS) as f64 / took.as_secs_f64();
    println!(
        "end to end: {} texts to {CUSTOMERS} customers: accepted in {:.2} s, all on the phones after {:.2} s: {rate:.0} texts/s",
        CUSTOMERS * TEXTS,
        accepted.as_secs_f64(),
        took.as_secs_f64(),
    );
    bridge.stop.cancel();
    bridge.running.await.unwrap().unwrap();
}
