//! The price of hanging calls for other customers: the time of another customer's text while 200 tickets hang at Zendesk,
//! and of a reply to another customer while 200 customers hang at Braze, each against none hanging in the same run.
//!
//! Run: `cargo bench --bench hanging [-- HANGING]` (0 shows the noise). A text or reply goes every `PACE`, for longer than
//! a call may hang, so that some go while the calls end and are tried again. There are fewer texts than Zendesk takes in a
//! minute, so that its limit is not measured. Bounded: some hundred texts, to 127.0.0.1 only.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops where it cannot go on")]

#[path = "shared/bridge.rs"]
mod bridge;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tandem::sandbox::Sandbox;
use tandem::sandbox::server::{Fault, FaultKind};

use bridge::{Bridge, DEADLINE};

const HANGING: usize = 200;
const HANGS: FaultKind = FaultKind::Delay(Duration::from_secs(3600));
const TEXTS: usize = 45;
const PACE: Duration = Duration::from_millis(700);
/// Customers who text in turn: Zendesk takes 30 comments on a ticket in ten minutes.
const TEXTING: usize = 4;
/// The calls that hang: those for such a ticket after a reply, and a text to the phone.
const READ: &str = "/tickets/1000";
const SEND: &str = "/campaigns/trigger/send";
/// Tickets that the sandbox has not: the answer never comes, so it need not be a good one.
const FIRST_HANGING_TICKET: usize = 1_000_000;

fn main() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("hanging-{}", std::process::id()));
    let asked = std::env::args().find_map(|argument| argument.parse().ok());
    let hanging = asked.unwrap_or(HANGING);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (what, side) in [("a text to the ticket", Side::Zendesk), ("a reply to the phone", Side::Braze)] {
        std::fs::create_dir_all(&directory).unwrap();
        let (alone, beside) = runtime.block_on(run(&directory, side, hanging));
        std::fs::remove_dir_all(&directory).unwrap();
        let ratio = |of: fn(&Times) -> Duration| of(&beside).as_secs_f64() / of(&alone).as_secs_f64();
        println!(
            "{what}: median {:.1?}, worst {:.1?} with none hanging; median {:.1?}, worst {:.1?} with {hanging} hanging: \
             {:.2} and {:.2} times as long",
            alone.median,
            alone.worst,
            beside.median,
            beside.worst,
            ratio(|times| times.median),
            ratio(|times| times.worst),
        );
    }
    runtime.shutdown_background();
}

/// The vendor at which calls hang.
#[derive(Clone, Copy)]
enum Side {
    Zendesk,
    Braze,
}

struct Times {
    median: Duration,
    worst: Duration,
}

/// The times with none hanging, and with this many.
async fn run(directory: &Path, side: Side, hanging: usize) -> (Times, Times) {
    let bridge = Bridge::start(directory).await;
    let customers: Vec<String> = (0..TEXTING + hanging).map(|number| bridge.customer(number)).collect();
    let texting = &customers[..TEXTING];
    let (first, second) = (TEXTING + TEXTS, TEXTING + 2 * TEXTS);
    // Opens the tickets, so that every later text is one on a known ticket.
    measured(&bridge, side, texting, 0..TEXTING).await;
    if matches!(side, Side::Braze) {
        // As many texts lie on phones as when calls hang: the benchmark looks through them.
        reply_to_others(&bridge, side, 2 * FIRST_HANGING_TICKET, hanging).await;
    }
    let alone = measured(&bridge, side, texting, TEXTING..first).await;
    hang(&bridge, side, hanging).await;
    let beside = measured(&bridge, side, texting, first..second).await;
    bridge.stop.cancel();
    bridge.running.abort();
    (alone, beside)
}

/// Makes this many calls for others hang, each in a lane of its own.
async fn hang(bridge: &Bridge, side: Side, count: usize) {
    match side {
        Side::Zendesk => bridge.sandbox.zendesk.fail(Fault::on("GET", READ, HANGS).times(u32::MAX)),
        Side::Braze => bridge.sandbox.braze.fail(Fault::on("POST", SEND, HANGS).times(u32::try_from(count).unwrap())),
    }
    reply_to_others(bridge, side, FIRST_HANGING_TICKET, count).await;
}

/// Posts a reply on each of so many tickets, and waits until the vendor has been called for all.
async fn reply_to_others(bridge: &Bridge, side: Side, first_ticket: usize, count: usize) {
    let Bridge { sandbox, .. } = bridge;
    let before = reached(sandbox, side);
    for number in 0..count {
        let ticket = first_ticket + number;
        let webhook = match side {
            Side::Zendesk => {
                let body = format!(r#"{{"event":"agent_reply","ticket_id":"{ticket}","comment_id":"{ticket}"}}"#);
                bridge.signed("/webhooks/zendesk", ticket, body)
            }
            Side::Braze => bridge.reply(ticket, TEXTING + number),
        };
        assert_eq!(webhook.send().await.unwrap().status(), 202);
    }
    let called = || reached(sandbox, side) - before;
    assert!(sandbox.wait_until(DEADLINE, || called() >= count).await, "only {} of {count}", called());
}

/// How many calls of the kind that hangs have reached the vendor.
fn reached(sandbox: &Sandbox, side: Side) -> usize {
    let (calls, path) = match side {
        Side::Zendesk => (sandbox.zendesk.calls(), READ),
        Side::Braze => (sandbox.braze.calls(), SEND),
    };
    calls.iter().filter(|call| call.path.contains(path)).count()
}

/// How long each of these texts takes from its sender to the other side.
async fn measured(bridge: &Bridge, side: Side, customers: &[String], numbers: Range<usize>) -> Times {
    let Bridge { sandbox, .. } = bridge;
    let mut took = Vec::new();
    for number in numbers {
        let words = format!("text {number}");
        let started = Instant::now();
        let arrived = match side {
            Side::Zendesk => {
                let _dispatch = sandbox.phone.text(&customers[number % TEXTING], &words);
                sandbox.wait_until(DEADLINE, || is_on_a_ticket(sandbox, &words)).await
            }
            Side::Braze => {
                let webhook = bridge.reply(number, number % TEXTING);
                assert_eq!(webhook.send().await.unwrap().status(), 202);
                sandbox.wait_until(DEADLINE, || sandbox.braze.texts().iter().any(|text| text.body == words)).await
            }
        };
        assert!(arrived, "{words} did not arrive");
        took.push(started.elapsed());
        tokio::time::sleep_until((started + PACE).into()).await;
    }
    took.sort_unstable();
    Times { median: took[took.len() / 2], worst: took[took.len() - 1] }
}

fn is_on_a_ticket(sandbox: &Sandbox, words: &str) -> bool {
    let tickets = sandbox.zendesk.tickets();
    tickets.iter().flat_map(|ticket| &ticket.comments).any(|comment| comment.plain_body == words)
}
