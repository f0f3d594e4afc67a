//! No conversation waits for another: not for tickets that hang, not for strangers who cost a call a second, not for texts
//! that wait for a rate budget. A vendor that does not answer is asked, not stormed.
//!
//! Where a test says that nothing waits, its clock stands still: a text that waited for a rate budget would never come.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::server::{Call, Fault, FaultKind};

use crate::support::{DEADLINE, TestBridge, answer};

/// Longer than any call may take.
const HANGS: FaultKind = FaultKind::Delay(Duration::from_secs(600));

async fn at_once(bridge: &TestBridge, what: &str, holds: impl Fn(&TestBridge) -> bool) {
    assert!(bridge.sandbox.wait_until(DEADLINE, || holds(bridge)).await, "this did not happen at once: {what}");
}

fn zendesk_calls(bridge: &TestBridge, is_meant: impl Fn(&Call) -> bool) -> usize {
    bridge.sandbox.zendesk.calls().iter().filter(|call| is_meant(call)).count()
}

/// The first call for a customer who is not known yet.
fn is_search(call: &Call) -> bool {
    call.method == "GET" && call.path == "/api/v2/users/search"
}

fn says(bridge: &TestBridge, ticket: u64, words: &str) -> bool {
    bridge.comments(ticket).iter().any(|comment| comment == words)
}

/// `count` unknown customers text.
fn strangers_text(bridge: &TestBridge, count: usize) {
    for number in 0..count {
        let stranger = bridge.sandbox.braze.add_profile(tandem::sandbox::braze::Profile {
            external_id: Some(format!("stranger-{number}")),
            phone: Some(format!("+1555777{number:04}")),
            ..Default::default()
        });
        bridge.sandbox.phone.text(&stranger, "Hello");
    }
}

async fn operator(bridge: &TestBridge, path: &str) {
    let (status, body) = answer(bridge.http.post(format!("{}{path}", bridge.operator))).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn tickets_that_hang_keep_no_other_customer_waiting() {
    let bridge = TestBridge::start().await;
    let (bob, bobs) = bridge.talking("bob").await;
    bridge.sandbox.zendesk.fail(Fault::on("GET", "/api/v2/users/search", HANGS).times(60));
    strangers_text(&bridge, 60);
    // No more are begun than users can be saved in 20 seconds.
    let before = zendesk_calls(&bridge, is_search);
    at_once(&bridge, "as many as are begun hang", |bridge| zendesk_calls(bridge, is_search) >= before.max(20)).await;
    bridge.sandbox.phone.text(&bobs, "I am here");
    at_once(&bridge, "the other's text", |bridge| says(bridge, bob, "I am here")).await;
}

#[tokio::test]
async fn customers_at_braze_who_hang_keep_no_other_waiting() {
    let bridge = TestBridge::start().await;
    let mut tickets = Vec::new();
    for number in 0..20 {
        tickets.push(bridge.talking(&format!("customer-{number}")).await.0);
    }
    let (bob, _) = bridge.talking("bob").await;
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", HANGS).times(20));
    for ticket in &tickets {
        bridge.sandbox.zendesk.agent_reply(*ticket, "<p>Hello</p>");
    }
    at_once(&bridge, "all hang", |bridge| bridge.sends().len() == 20).await;
    bridge.sandbox.zendesk.agent_reply(bob, "<p>Hello Bob</p>");
    at_once(&bridge, "the other's text", |bridge| bridge.texts().iter().any(|text| text == "Hello Bob")).await;
}

#[tokio::test]
async fn a_hundred_new_customers_do_not_delay_a_known_one_and_no_call_for_them_is_made_twice() {
    let bridge = TestBridge::start().await;
    let (bob, bobs) = bridge.talking("bob").await;
    let before = bridge.sandbox.zendesk.calls().len();
    let searches = zendesk_calls(&bridge, is_search);
    strangers_text(&bridge, 100);
    // A user a second is saved, and this second does not pass: the others wait for theirs.
    at_once(&bridge, "strangers in hand", |bridge| zendesk_calls(bridge, is_search) >= searches + 10).await;
    bridge.sandbox.phone.text(&bobs, "I am here");
    at_once(&bridge, "the known customer's text", |bridge| says(bridge, bob, "I am here")).await;
    bridge.settled().await;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for call in bridge.sandbox.zendesk.calls().iter().skip(before).filter(|call| !call.path.ends_with("/1")) {
        *counts.entry(format!("{} {}", call.method, call.path)).or_default() += 1;
    }
    for (call, most) in [
        ("GET /api/v2/tickets", 100),
        ("GET /api/v2/users/search", 300),
        ("POST /api/v2/users/create_or_update", 100),
        ("POST /api/v2/tickets", 100),
    ] {
        assert!(counts.get(call).copied().unwrap_or(0) <= most, "{call}: {counts:#?}");
    }
    assert_eq!(bridge.sandbox.zendesk.tickets().len(), 101);
    bridge.finish(0).await;
}

#[tokio::test]
async fn what_waits_for_a_rate_pool_is_not_claimed_before_it_opens() {
    let bridge = TestBridge::start().await;
    let (bob, bobs) = bridge.talking("bob").await;
    strangers_text(&bridge, 400);
    at_once(&bridge, "every webhook answered", |bridge| bridge.sandbox.braze.is_idle()).await;
    for number in 0..5 {
        let words = format!("text {number}");
        bridge.sandbox.phone.text(&bobs, &words);
        at_once(&bridge, "a known customer's text", |bridge| says(bridge, bob, &words)).await;
    }
    let pending = bridge.deliveries("state=pending").await.len();
    // A user a second is saved, and no more are begun than can be saved now and in the next 20 seconds.
    assert!(pending >= 400 - 1 - 20, "{pending} of 400 were left alone");
}

/// One of them is sent, and the others are not even taken in hand: a text that was put off for the budget would say so.
#[tokio::test]
async fn of_replies_that_fall_due_together_as_many_begin_as_the_budget_has_left() {
    let bridge = TestBridge::start().await;
    let mut tickets = Vec::new();
    for number in 0..12 {
        tickets.push(bridge.talking(&format!("customer-{number}")).await.0);
    }
    let resets_at = (bridge.clock.now().as_second() / 3600 + 1) * 3600;
    let told = [("x-ratelimit-limit", 250_000), ("x-ratelimit-remaining", 1), ("x-ratelimit-reset", resets_at)];
    let headers = told.iter().map(|(name, number)| ((*name).to_owned(), number.to_string())).collect();
    let body = json!({"dispatch_id": "0123456789abcdef0123456789abcdef", "message": "success"}).to_string();
    let one_left = FaultKind::Status { code: 201, headers, body };
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", one_left));
    bridge.sandbox.zendesk.agent_reply(tickets[0], "<p>It tells of the budget</p>");
    bridge.settled().await;
    operator(&bridge, "/api/destinations/braze/pause").await;
    for ticket in &tickets[1..] {
        bridge.sandbox.zendesk.agent_reply(*ticket, "<p>Hello</p>");
    }
    let texts = async |state: &str| {
        let all = bridge.deliveries(&format!("state={state}")).await;
        all.iter().filter(|one| one["kind"] == "phone_text").count()
    };
    bridge.until_deliveries("they wait", |all| all.iter().filter(|one| one["state"] == "pending").count() == 11).await;
    assert_eq!(bridge.texts(), [] as [String; 0]);
    operator(&bridge, "/api/destinations/braze/resume").await;
    at_once(&bridge, "one is sent", |bridge| bridge.texts().len() == 1).await;
    while texts("sending").await > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((texts("pending").await, texts("waiting").await, bridge.texts().len()), (10, 0, 1));
    bridge.clock.advance(SignedDuration::from_hours(1));
    bridge.settled().await;
    assert_eq!(bridge.texts().len(), 11);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_lane_with_many_texts_merges_them_and_one_with_a_few_does_not() {
    let bridge = TestBridge::start().await;
    let (ada, adas) = bridge.talking("ada").await;
    let (bob, bobs) = bridge.talking("bob").await;
    operator(&bridge, "/api/destinations/zendesk/pause").await;
    for number in 0..300 {
        bridge.sandbox.phone.text(&adas, &format!("text {number}"));
    }
    for number in 0..3 {
        bridge.sandbox.phone.text(&bobs, &format!("text {number}"));
    }
    at_once(&bridge, "every webhook answered", |bridge| bridge.sandbox.braze.is_idle()).await;
    operator(&bridge, "/api/destinations/zendesk/resume").await;
    bridge.settled().await;
    assert_eq!(bridge.comments(bob), ["Hello", "text 0", "text 1", "text 2"]);
    let comments = bridge.comments(ada);
    assert_eq!(comments.len(), 1 + 300 / 20, "twenty in each comment, also after the first");
    let texts: Vec<String> = comments.iter().flat_map(|comment| comment.lines()).map(str::to_owned).collect();
    let texts: Vec<&String> = texts.iter().filter(|line| line.starts_with("text")).collect();
    let expected: Vec<String> = (0..300).map(|number| format!("text {number}")).collect();
    assert_eq!(texts, expected.iter().collect::<Vec<_>>(), "each once, in order");
    bridge.finish(0).await;
}

#[tokio::test]
async fn an_account_that_is_refused_is_tried_by_one_conversation_at_a_time() {
    let bridge = TestBridge::start().await;
    let mut customers = Vec::new();
    for number in 0..12 {
        customers.push(bridge.talking(&format!("customer-{number}")).await.1);
    }
    bridge.sandbox.zendesk.fail(Fault::on("", "/api/v2/", FaultKind::status(401)).times(u32::MAX));
    for customer in &customers {
        bridge.sandbox.phone.text(customer, "Is anybody there?");
    }
    let put_off = |all: &[Value]| {
        let count = |state: &str| all.iter().filter(|one| one["state"] == state).count();
        count("waiting") > 0 && count("sending") == 0
    };
    bridge.until_deliveries("it is paused", put_off).await;
    let refused = |bridge: &TestBridge| zendesk_calls(bridge, |call| call.status == Some(401));
    let (before, since) = (refused(&bridge), bridge.clock.steady().now());
    let is_over = |bridge: &TestBridge| bridge.clock.steady().now() - since >= Duration::from_secs(300);
    bridge.until("five minutes", is_over).await;
    let tried = refused(&bridge) - before;
    assert!((1..=12).contains(&tried), "one conversation in each half minute, and not all of them: {tried}");
    bridge.sandbox.zendesk.clear_faults();
    bridge.settled().await;
    for ticket in bridge.sandbox.zendesk.tickets() {
        assert_eq!(bridge.comments(ticket.id), ["Hello", "Is anybody there?"]);
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_vendor_that_does_not_answer_is_asked_and_nothing_else_is_tried() {
    let bridge = TestBridge::start().await;
    let mut customers = Vec::new();
    for number in 0..12 {
        customers.push(bridge.talking(&format!("customer-{number}")).await.1);
    }
    bridge.sandbox.zendesk.fail(Fault::on("", "", FaultKind::LoseRequest).times(u32::MAX));
    for customer in &customers {
        bridge.sandbox.phone.text(customer, "Is anybody there?");
    }
    let is_question = |call: &Call| call.path == "/api/v2/users/me" && call.status.is_none();
    bridge.until("it is asked", |bridge| zendesk_calls(bridge, is_question) >= 4).await;
    let (_, ready) = answer(bridge.http.get(format!("{}/readyz", bridge.public))).await;
    let cause = "zendesk connection: Zendesk gave no whole answer: the connection broke off";
    assert_eq!((&ready["status"], &ready["notes"]), (&json!("ready"), &json!([cause])));
    // New texts, and a long time.
    let tried = zendesk_calls(&bridge, |call| call.path != "/api/v2/users/me");
    for customer in &customers {
        bridge.sandbox.phone.text(customer, "Hello?");
    }
    let asked = zendesk_calls(&bridge, is_question);
    bridge.until("it is asked for long", |bridge| zendesk_calls(bridge, is_question) >= asked + 6).await;
    assert_eq!(zendesk_calls(&bridge, |call| call.path != "/api/v2/users/me"), tried, "nothing else is tried");
    bridge.sandbox.zendesk.clear_faults();
    bridge.settled().await;
    let (_, ready) = answer(bridge.http.get(format!("{}/readyz", bridge.public))).await;
    assert_eq!(ready["notes"], json!([]));
    for ticket in bridge.sandbox.zendesk.tickets() {
        assert_eq!(bridge.comments(ticket.id), ["Hello", "Is anybody there?", "Hello?"]);
    }
    bridge.finish(0).await;
}
