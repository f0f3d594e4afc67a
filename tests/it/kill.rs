//! `kill -9` at the worst moments: every acknowledged message arrives, once, in order, whole.
//!
//! The kill loop is the first test; the environment sets its length:
//! `KILLS=2000 SEED=7 cargo test --test it killed_again -- --nocapture`. A seed draws the same instants and points
//! again. The process and the vendors run in real time, so the calls under way at such an instant are much the same, not
//! exactly.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use tandem::clock::Clock;
use tandem::sandbox::Sandbox;
use tandem::sandbox::sender::{Attempt, AttemptResult};
use tandem::sandbox::server::{Call, Fault, FaultKind};

use crate::process::{Bridge, run};
use crate::storm::{LIFE_MAX, Storm, wanted};
use crate::support::start_of_time;

/// Longer than any test: the process that waits for the answer is killed first.
const NEVER: FaultKind = FaultKind::Delay(Duration::from_secs(600));

/// Kills in `cargo test`; `KILLS` asks for more.
const KILLS: u32 = 24;

/// Kills in one storm at most; more kills are more storms. Each ends with its own oracle.
const KILLS_IN_A_STORM_MAX: u32 = 100;

/// Storms at once: while one waits for its last looks, another has the processors.
const STORMS_AT_ONCE: usize = 3;

/// The points at which a process is told to kill itself, and how often it gets there before it does, at most. A release
/// build has none.
const POINTS: &[(&str, u32)] = if cfg!(debug_assertions) {
    &[
        ("store.executed", 30),
        ("log.written", 30),
        ("store.committed", 30),
        ("log.turned", 1),
        ("sled.written", 3),
        ("sled.settled", 2),
        ("http.answering", 6),
        ("worker.claimed", 8),
        ("worker.called", 8),
        ("worker.recorded", 8),
        ("generation.copied", 1),
        ("generation.naming", 2),
        ("generation.named", 2),
        ("open.read", 1),
        ("open.settled", 1),
        ("open.recovered", 1),
    ]
} else {
    &[]
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_while_texts_pour_in_it_loses_nothing_and_doubles_nothing() {
    let kills = wanted("KILLS").unwrap_or(KILLS);
    let seed = wanted("SEED").unwrap_or_else(|| Clock::system().draw_u32());
    println!("kill loop: {kills} kills; to repeat: KILLS={kills} SEED={seed}");
    let storms = kills.div_ceil(KILLS_IN_A_STORM_MAX);
    let storms = (0..storms).map(|storm| kill_in_a_storm(seed.wrapping_add(storm), kills.div_ceil(storms)));
    let mut running = futures_util::stream::iter(storms).buffer_unordered(STORMS_AT_ONCE);
    while let Some(figures) = running.next().await {
        println!("{figures}");
    }
}

async fn kill_in_a_storm(seed: u32, kills: u32) -> String {
    let lots = Clock::manual(start_of_time(), seed.into());
    let mut storm = Storm::gather(seed, kills).await;
    let mut died: BTreeMap<&str, u32> = BTreeMap::new();
    let mut points = POINTS.iter().cycle().peekable();
    storm
        .rage(kills, async |host, vendors| {
            // Every point gets its turn; between them, any instant.
            let point = if lots.draw_u32().is_multiple_of(2) { points.peek() } else { None };
            let Some((point, most)) = point else {
                host.start(vendors).await;
                let process = host.process.as_mut().unwrap();
                let lines = process.lines_logged() + 1 + lots.draw_u32() as usize % 30;
                process.logs_lines(lines, LIFE_MAX).await;
                vendors.wait_until(Duration::from_micros((lots.draw_u32() % 20_000).into()), || false).await;
                host.kill();
                *died.entry("at any instant").or_default() += 1;
                return;
            };
            host.environment.insert("TANDEM_FAILPOINT", format!("{point}:{}", 1 + lots.draw_u32() % most));
            host.try_start(vendors).await;
            if host.died(LIFE_MAX).await {
                *died.entry(*point).or_default() += 1;
                points.next();
            } else {
                // It had too little to do to reach the point, which is named again the next time.
                host.kill();
                *died.entry("at any instant").or_default() += 1;
            }
            host.environment.remove("TANDEM_FAILPOINT");
        })
        .await;
    // Half of the deaths are at points; three times as many as there are points leave none out.
    let all = kills as usize >= 6 * POINTS.len();
    assert!(!all || died.len() > POINTS.len(), "seed {seed}: some point had no turn: {died:?}");
    format!("{}; killed {died:?}", storm.end().await)
}

#[tokio::test]
async fn a_fail_point_that_is_none_stops_the_start_and_a_release_build_knows_none_at_all() {
    let bridge = Bridge::start().await;
    let mut command = bridge.host.serve();
    command.env("TANDEM_FAILPOINT", if cfg!(debug_assertions) { "store.committed" } else { "store.committed:1" });
    let said = run(command).await;
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.err.contains("TANDEM_FAILPOINT"), "{said:?}");
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_accepting_and_before_delivering_it_delivers_after_the_next_start() {
    let mut bridge = Bridge::start().await;
    let (ada, bob) = (bridge.customer("ada"), bridge.customer("bob"));
    bridge.sandbox.zendesk.fail(Fault::on("", "", NEVER).times(u32::MAX));
    for (customer, words) in [(&ada, "first of ada"), (&bob, "first of bob"), (&ada, "second of ada")] {
        bridge.text(customer, words).await;
    }
    assert!(bridge.sandbox.zendesk.tickets().is_empty(), "nothing is delivered yet");
    bridge.kill_and_start().await;
    bridge.settled().await;
    for (key, words) in [("ada", &["first of ada", "second of ada"][..]), ("bob", &["first of bob"])] {
        let ticket = bridge.ticket_of(key).await;
        let comments = bridge.comments(ticket).join("\n");
        let lines: Vec<&str> = comments.lines().filter(|line| line.contains(" of ")).collect();
        assert_eq!(lines, words);
    }
    assert_eq!(bridge.sandbox.zendesk.tickets().len(), 2);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_rang_at_a_dead_bridge_is_found_by_the_next_start() {
    let mut bridge = Bridge::start_with("catch_up_minutes = 5", "info").await;
    let ada = bridge.customer("ada");
    bridge.text(&ada, "Where is my engine?").await;
    let ticket = bridge.ticket_of("ada").await;
    bridge.settled().await;
    bridge.host.kill();
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    let refused = |attempt: &Attempt| attempt.result == AttemptResult::Unreachable;
    let attempts = || bridge.sandbox.zendesk.webhooks_delivered();
    bridge.until("the refused webhook", || bridge.sandbox.zendesk.is_idle() && attempts().iter().any(refused)).await;
    bridge.host.start(&bridge.sandbox).await;
    bridge.until("the reply", || !bridge.texts_to(&ada).is_empty()).await;
    bridge.settled().await;
    assert_eq!(bridge.texts_to(&ada), ["It left today."]);
    bridge.finish(0).await;
}

/// A text without an answer is set aside for the operator after five attempts; a doorbell never is.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doorbell_that_is_cut_off_again_and_again_is_read_all_the_same() {
    let mut bridge = Bridge::start().await;
    let ada = bridge.customer("ada");
    bridge.text(&ada, "Where is my engine?").await;
    let ticket = bridge.ticket_of("ada").await;
    bridge.settled().await;
    bridge.host.kill();
    bridge.host.environment.insert("TANDEM_FAILPOINT", "worker.called:1".to_owned());
    bridge.host.start(&bridge.sandbox).await;
    bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    assert!(bridge.host.died(LIFE_MAX).await);
    for _ in 0..6 {
        bridge.host.try_start(&bridge.sandbox).await;
        assert!(bridge.host.died(LIFE_MAX).await);
    }
    bridge.host.environment.remove("TANDEM_FAILPOINT");
    bridge.host.start(&bridge.sandbox).await;
    bridge.until("the reply", || !bridge.texts_to(&ada).is_empty()).await;
    bridge.settled().await;
    assert_eq!(bridge.texts_to(&ada), ["It left today."]);
    bridge.finish(0).await;
}

/// The fates of a call whose maker is killed before it has recorded the answer.
const FATES: [FaultKind; 3] = [NEVER, FaultKind::LoseAnswer, FaultKind::LoseRequest];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_opening_a_ticket_there_is_one_ticket_with_one_comment() {
    join_all(FATES.map(|fate| async {
        let mut bridge = Bridge::start().await;
        let ada = bridge.customer("ada");
        bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", fate));
        bridge.text(&ada, "Where is my engine?").await;
        let made = |call: &Call| call.method == "POST" && call.path.contains("/api/v2/tickets");
        bridge.until("the call", || bridge.sandbox.zendesk.calls().iter().any(made)).await;
        bridge.kill_and_start().await;
        assert_ticket_reads(bridge, &ada, &["Where is my engine?"]).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_appending_a_comment_it_is_there_once() {
    join_all(FATES.map(|fate| async {
        let mut bridge = Bridge::start().await;
        let ada = bridge.customer("ada");
        bridge.text(&ada, "Where is my engine?").await;
        bridge.settled().await;
        bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets/", fate));
        bridge.text(&ada, "Are you there?").await;
        let made = |call: &Call| call.method == "PUT";
        bridge.until("the call", || bridge.sandbox.zendesk.calls().iter().any(made)).await;
        bridge.kill_and_start().await;
        assert_ticket_reads(bridge, &ada, &["Where is my engine?", "Are you there?"]).await;
    }))
    .await;
}

/// Asserts the comments of the only ticket, and that the next text goes there as well.
async fn assert_ticket_reads(bridge: Bridge, customer: &str, expected: &[&str]) {
    bridge.settled().await;
    let ticket = bridge.ticket_of("ada").await;
    assert_eq!(bridge.comments(ticket), expected);
    bridge.text(customer, "One more thing.").await;
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket), [expected, &["One more thing."]].concat());
    assert_eq!(bridge.sandbox.zendesk.tickets().len(), 1);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_texting_a_reply_it_reaches_the_phone_once() {
    join_all(FATES.map(|fate| async {
        let mut bridge = Bridge::start().await;
        let ada = bridge.customer("ada");
        bridge.text(&ada, "Where is my engine?").await;
        let ticket = bridge.ticket_of("ada").await;
        bridge.settled().await;
        bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", fate));
        bridge.sandbox.zendesk.agent_reply(ticket, "On its way.<br>Honestly.");
        bridge.until("the call", || sends(&bridge.sandbox) > 0).await;
        bridge.kill_and_start().await;
        bridge.settled().await;
        assert_eq!(bridge.texts_to(&ada), ["On its way.\nHonestly."]);
        bridge.sandbox.zendesk.agent_reply(ticket, "It left.");
        bridge.until("the next reply", || bridge.texts_to(&ada).len() > 1).await;
        bridge.settled().await;
        assert_eq!(bridge.texts_to(&ada), ["On its way.\nHonestly.", "It left."]);
        bridge.finish(0).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_two_parts_of_a_long_reply_each_part_arrives_once() {
    join_all(FATES.map(|fate| async {
        let mut bridge = Bridge::start().await;
        let ada = bridge.customer("ada");
        bridge.text(&ada, "Tell me everything.").await;
        let ticket = bridge.ticket_of("ada").await;
        bridge.settled().await;
        let words: Vec<String> = (1..=400).map(|n| format!("word{n:03}")).collect();
        for fate in [FaultKind::Delay(Duration::ZERO), fate] {
            bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", fate));
        }
        bridge.sandbox.zendesk.agent_reply(ticket, &words.join(" "));
        bridge.until("the second call", || sends(&bridge.sandbox) == 2).await;
        bridge.kill_and_start().await;
        bridge.settled().await;
        let parts = bridge.texts_to(&ada);
        assert!(parts.len() >= 2, "{parts:?}");
        let arrived = parts.join(" ");
        let arrived: Vec<&str> = arrived.split_whitespace().filter(|word| word.starts_with("word")).collect();
        assert_eq!(arrived, words);
        bridge.finish(0).await;
    }))
    .await;
}

fn sends(sandbox: &Sandbox) -> usize {
    sandbox.braze.calls().iter().filter(|call| call.path == "/campaigns/trigger/send").count()
}
