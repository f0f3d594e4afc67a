//! The machine's clock is wrong, for seconds or for long, when a process runs or when it starts. No delivery waits for a
//! time that was reckoned by it, none is given up for an age without a witness, and the operator is told.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;
use tandem::sandbox::server::{Fault, FaultKind};

use crate::support::{DEADLINE, QUIET, TestBridge, json};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const YEARS: SignedDuration = SignedDuration::from_hours(24 * 400);

fn zendesk_down(bridge: &TestBridge) {
    bridge.sandbox.zendesk.fail(Fault::on("", "/", FaultKind::status(503)).times(u32::MAX));
}

/// Lets time pass, a second at a time, so that every waiting task has a turn.
async fn pass(bridge: &TestBridge, seconds: u32) {
    for _ in 0..seconds {
        bridge.clock.advance(SignedDuration::from_secs(1));
        bridge.sandbox.wait_until(Duration::from_millis(3), || false).await;
    }
}

async fn clock_notes(bridge: &TestBridge) -> Vec<String> {
    let ready = json(bridge.http.get(format!("{}/readyz", bridge.public)).send().await.unwrap()).await;
    assert_eq!(ready["status"], "ready", "a wrong clock keeps no webhook out");
    let notes = ready["notes"].as_array().unwrap().iter();
    notes.map(|note| note.as_str().unwrap().to_owned()).filter(|note| note.starts_with("clock: ")).collect()
}

/// Waits until the notes about the clock fit, while `passes` goes by at each look.
async fn until_noted(bridge: &TestBridge, passes: SignedDuration, is_like: impl Fn(&[String]) -> bool) {
    let begun = std::time::Instant::now();
    loop {
        let noted = clock_notes(bridge).await;
        if is_like(&noted) {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "{noted:?}");
        bridge.clock.advance(passes);
        bridge.sandbox.wait_until(QUIET, || false).await;
    }
}

async fn metric(bridge: &TestBridge, name: &str) -> f64 {
    let page = bridge.http.get(format!("{}/metrics", bridge.operator)).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name}: {page}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_during_an_outage_delays_nothing_and_buries_nothing() {
    for (by, and_back) in [(-DAY, false), (DAY, false), (YEARS, true), (-YEARS, true), (DAY + DAY, true)] {
        let bridge = TestBridge::start().await;
        let (ticket, ada) = bridge.talking("ada").await;
        zendesk_down(&bridge);
        bridge.sandbox.phone.text(&ada, "one");
        pass(&bridge, 40).await;
        bridge.clock.set(by);
        pass(&bridge, 5).await;
        if and_back {
            bridge.clock.set(-by);
        }
        pass(&bridge, 90).await;
        bridge.sandbox.phone.text(&ada, "two");
        assert!(metric(&bridge, "tandem_oldest_unsettled_seconds").await > 100.0, "{by}");
        bridge.sandbox.zendesk.clear_faults();
        let up_at = bridge.clock.steady().now();
        bridge.until("both texts", |bridge| bridge.comments(ticket) == ["Hello", "one", "two"]).await;
        let waited = bridge.clock.steady().now() - up_at;
        assert!(waited < Duration::from_secs(400), "{by}: {waited:?} after Zendesk was back");
        bridge.finish(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_written_by_a_wrong_clock_waits_for_no_time_of_its() {
    for by in [YEARS, DAY, -DAY, -YEARS] {
        let mut bridge = TestBridge::start().await;
        let (ticket, ada) = bridge.talking("ada").await;
        bridge.stop().await;
        bridge.clock.set(by);
        bridge.run().await;
        zendesk_down(&bridge);
        bridge.sandbox.phone.text(&ada, "one");
        pass(&bridge, 60).await;
        bridge.stop().await;
        bridge.clock.set(-by);
        bridge.run().await;
        bridge.sandbox.phone.text(&ada, "two");
        pass(&bridge, 60).await;
        bridge.sandbox.zendesk.clear_faults();
        let up_at = bridge.clock.steady().now();
        bridge.until("both texts", |bridge| bridge.comments(ticket) == ["Hello", "one", "two"]).await;
        let waited = bridge.clock.steady().now() - up_at;
        assert!(waited < Duration::from_secs(400), "{by}: {waited:?} after Zendesk was back");
        bridge.finish(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_seen_within_a_minute_and_heals_when_it_is_right() {
    let bridge = TestBridge::start().await;
    bridge.talking("ada").await;
    pass(&bridge, 20).await;
    assert_eq!(clock_notes(&bridge).await, [""; 0]);
    bridge.clock.set(SignedDuration::from_mins(5));
    pass(&bridge, 60).await;
    let is_told = |told: &[String]| told.len() == 1 && told[0].contains("set 300 s ahead");
    until_noted(&bridge, SignedDuration::ZERO, is_told).await;
    assert_eq!(metric(&bridge, "tandem_clock_off_seconds").await, 300.0);
    bridge.clock.set(SignedDuration::from_mins(-5));
    pass(&bridge, 60).await;
    until_noted(&bridge, SignedDuration::ZERO, <[String]>::is_empty).await;
    assert_eq!(metric(&bridge, "tandem_clock_off_seconds").await, 0.0);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_differs_from_zendesks_is_seen_and_so_is_a_date_that_lies_ahead() {
    let mut bridge = TestBridge::start().await;
    let (_, ada) = bridge.talking("ada").await;
    bridge.stop().await;
    bridge.clock.set(SignedDuration::from_hours(3));
    bridge.run().await;
    bridge.sandbox.phone.text(&ada, "one");
    let second = SignedDuration::from_secs(1);
    until_noted(&bridge, second, |told| told.len() == 1 && told[0].contains("s ahead of Zendesk's")).await;
    zendesk_down(&bridge);
    bridge.sandbox.phone.text(&ada, "two");
    bridge.until("it is taken", |bridge| bridge.sandbox.braze.is_idle()).await;
    bridge.stop().await;
    bridge.clock.set(SignedDuration::from_hours(-3));
    bridge.run().await;
    pass(&bridge, 60).await;
    until_noted(&bridge, second, |told| told.len() == 1 && told[0].contains("is dated")).await;
    assert!(metric(&bridge, "tandem_oldest_unsettled_seconds").await > 30.0, "it is shown, and not as 0");
    bridge.sandbox.zendesk.clear_faults();
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pause_after_a_refusal_ends_within_a_minute_whatever_the_clock_is_set_to() {
    for by in [-DAY, DAY] {
        let bridge = TestBridge::start().await;
        let (ticket, ada) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.fail(Fault::on("PUT", "/api/v2/tickets", FaultKind::status(401)));
        bridge.sandbox.phone.text(&ada, "one");
        let put_off = |all: &[Value]| all.iter().any(|one| one["state"] == "waiting");
        bridge.until_deliveries("Zendesk is paused", put_off).await;
        let paused_at = bridge.clock.steady().now();
        bridge.clock.set(by);
        bridge.until("the text", |bridge| bridge.comments(ticket) == ["Hello", "one"]).await;
        let paused = bridge.clock.steady().now() - paused_at;
        assert!(paused <= Duration::from_secs(60), "{by}: {paused:?}");
        bridge.finish(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_judged_by_the_clock_that_was_set_right() {
    let mut bridge = TestBridge::start().await;
    bridge.stop().await;
    bridge.clock.set(-YEARS);
    bridge.run().await;
    zendesk_down(&bridge);
    // The clock is set right while no vendor answers that could tell.
    bridge.clock.set(YEARS);
    let (status, body) = bridge.zendesk_webhook(r#"{"event": "ticket_reopened", "ticket_id": 35}"#).await;
    assert_eq!(status, 202, "{body}");
    bridge.sandbox.zendesk.clear_faults();
    bridge.stop().await;
}
