//! The bridge heals itself: replies whose webhooks Zendesk gave up are found, by its log, by a search or by a walk over
//! the store. They are sent late, in order, once, and marked as caught up.

use jiff::SignedDuration;
use serde_json::Value;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::triggers::TriggerBodies;
use tandem::sandbox::zendesk::{NewTicket, TicketStatus, User};

use crate::support::{DEADLINE, TestBridge, json};

/// The last call of a look.
const WALK: &str = "/api/v2/tickets/show_many";

async fn start() -> TestBridge {
    TestBridge::start_with("catch_up_minutes = 1", "").await
}

/// Zendesk answers 503 to every call.
fn zendesk_down(bridge: &TestBridge) {
    bridge.sandbox.zendesk.fail(Fault::on("", "/", FaultKind::status(503)).times(u32::MAX));
}

/// Stops the bridge, lets something happen whose webhooks find no bridge, and starts it again.
async fn while_down(bridge: &mut TestBridge, happens: impl FnOnce(&TestBridge)) {
    bridge.settled().await;
    bridge.stop().await;
    happens(bridge);
    assert!(bridge.sandbox.wait_until(DEADLINE, || bridge.sandbox.zendesk.is_idle()).await);
    bridge.run().await;
}

/// One more look from beginning to end, with the deliveries after it.
async fn another_look(bridge: &TestBridge) -> Vec<Value> {
    // The walk ends a look. The first look may have been under way; the end of the third shows that all doorbells of the
    // second are in the store.
    for _ in 0..3 {
        let walks = calls(bridge, WALK);
        bridge.clock.advance(SignedDuration::from_secs(61));
        bridge.until("the end of a look", |bridge| calls(bridge, WALK) > walks).await;
    }
    bridge.settled().await
}

fn calls(bridge: &TestBridge, path: &str) -> usize {
    bridge.sandbox.zendesk.calls().iter().filter(|call| call.path.starts_with(path)).count()
}

/// How the bridge sees itself: the metrics page and `/readyz`.
async fn seen(bridge: &TestBridge) -> (String, Value) {
    let page = bridge.http.get(format!("{}/metrics", bridge.operator)).send().await.unwrap().text().await.unwrap();
    let ready = json(bridge.http.get(format!("{}/readyz", bridge.public)).send().await.unwrap()).await;
    (page, ready)
}

/// The texts to the phone, and how each was marked.
fn receipts(deliveries: &[Value]) -> Vec<&str> {
    let texts = deliveries.iter().filter(|delivery| delivery["kind"] == "phone_text");
    texts.map(|delivery| delivery["receipt"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_without_zendesk_loses_doubles_and_swaps_no_reply() {
    let bridge = TestBridge::start_with("catch_up_minutes = 5", "").await;
    let mut talks = Vec::new();
    for name in ["ada", "blaise", "cleo"] {
        talks.push((name, bridge.talking(name).await));
    }
    bridge.sandbox.zendesk.open_circuit(true);
    zendesk_down(&bridge);
    for hour in 1..=8 {
        for (name, (ticket, customer)) in &talks {
            bridge.sandbox.zendesk.agent_reply(*ticket, &format!("<p>{name} {hour}a</p>"));
            bridge.sandbox.zendesk.agent_note(*ticket, "<p>between us</p>");
            bridge.sandbox.zendesk.agent_reply(*ticket, &format!("<p>{name} {hour}b</p>"));
            bridge.sandbox.phone.text(customer, &format!("{name} asks {hour}"));
        }
        bridge.clock.advance(SignedDuration::from_hours(1));
        bridge.until("every webhook tried", |bridge| bridge.sandbox.zendesk.is_idle()).await;
    }
    assert!(bridge.texts().is_empty());
    bridge.sandbox.zendesk.clear_faults();
    bridge.sandbox.zendesk.open_circuit(false);
    bridge.until("every reply", |bridge| bridge.texts().len() >= 48).await;
    // More looks, over the same hours.
    for _ in 0..3 {
        bridge.clock.advance(SignedDuration::from_mins(6));
        bridge.settled().await;
    }
    let texts = bridge.sandbox.braze.texts();
    for (name, (ticket, _)) in &talks {
        let theirs = texts.iter().filter(|text| text.external_id.as_deref() == Some(name)).map(|text| &text.body);
        let replies: Vec<String> =
            (1..=8).flat_map(|hour| ["a", "b"].map(|half| format!("{name} {hour}{half}"))).collect();
        assert_eq!(theirs.collect::<Vec<_>>(), replies.iter().collect::<Vec<_>>());
        let asked: Vec<String> = bridge.comments(*ticket).into_iter().filter(|text| text.contains("asks")).collect();
        let expected: Vec<String> = (1..=8).map(|hour| format!("{name} asks {hour}")).collect();
        assert_eq!(asked, expected);
    }
    assert_eq!(bridge.sandbox.zendesk.tickets().len(), 3);
    let deliveries = bridge.deliveries("").await;
    assert_eq!(receipts(&deliveries).len(), 48);
    assert!(receipts(&deliveries).iter().all(|receipt| receipt.ends_with(", caught up")), "{deliveries:#?}");
    let (page, _) = seen(&bridge).await;
    let given_up = "tandem_webhooks_given_up_total{status=\"circuit broken\"} 48";
    assert!(page.lines().any(|line| line == given_up), "{page}");
    // The log does not hold webhooks that were never sent: one question is enough to know that.
    let asked = bridge.sandbox.zendesk.calls().iter().filter(|call| call.path.ends_with("/attempts")).count();
    assert_eq!(asked, 1);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_webhook_brought_is_not_marked() {
    let bridge = TestBridge::start_with("catch_up_minutes = 60", "").await;
    bridge.until("the first look", |bridge| calls(bridge, "/api/v2/search") > 0).await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "<p>at once</p>");
    bridge.until("the reply", |bridge| bridge.texts() == ["at once"]).await;
    bridge.clock.advance(SignedDuration::from_hours(1));
    bridge.until("another look", |bridge| calls(bridge, WALK) > 0).await;
    let deliveries = bridge.settled().await;
    assert!(!receipts(&deliveries)[0].contains("caught up"), "{deliveries:#?}");
    assert_eq!(bridge.texts(), ["at once"]);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_an_agent_began_unheard_is_found_in_zendesks_log() {
    for log_holds_unsent in [false, true] {
        let mut bridge = start().await;
        let requester = bridge.sandbox.zendesk.add_user(User {
            name: "Ada".into(),
            external_id: Some("ada".into()),
            ..User::default()
        });
        bridge.customer("ada");
        let ticket = bridge.sandbox.zendesk.add_ticket(NewTicket {
            requester_id: requester,
            tags: vec!["sms".into()],
            ..NewTicket::default()
        });
        bridge.sandbox.zendesk.pause_webhooks();
        bridge.sandbox.zendesk.agent_reply(ticket, "<p>from long ago</p>");
        drop(bridge.sandbox.zendesk.take_held_webhooks());
        bridge.sandbox.zendesk.resume_webhooks();
        bridge.sandbox.zendesk.log_unsent_bodies(log_holds_unsent);
        while_down(&mut bridge, |bridge| {
            // The bridge is down, or, where the log holds even unsent webhooks, the circuit breaker lets none out.
            bridge.sandbox.zendesk.open_circuit(log_holds_unsent);
            bridge.sandbox.zendesk.agent_reply(ticket, "<p>Your parcel is here</p>");
            bridge.sandbox.zendesk.open_circuit(false);
        })
        .await;
        bridge.until("the reply", |bridge| bridge.texts() == ["Your parcel is here"]).await;
        let deliveries = another_look(&bridge).await;
        assert!(receipts(&deliveries)[0].ends_with(", caught up"), "{deliveries:#?}");
        assert_eq!(bridge.texts(), ["Your parcel is here"], "once, and nothing of before");
        let asked = bridge.sandbox.zendesk.calls().iter().filter(|call| call.path.ends_with("/attempts")).count();
        assert_eq!(asked, 1, "each call is asked about once");
        bridge.finish(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_circuit_breaker_is_seen_and_its_end_too() {
    let mut bridge = start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.guard_circuit();
    while_down(&mut bridge, |bridge| {
        for text in ["one", "two", "three"] {
            bridge.sandbox.zendesk.agent_reply(ticket, text);
        }
    })
    .await;
    bridge.until("the replies", |bridge| bridge.texts().len() == 3).await;
    assert_eq!(bridge.texts(), ["one", "two", "three"]);
    let (page, ready) = seen(&bridge).await;
    for line in [
        "tandem_webhooks_given_up_total{status=\"terminated\"} 1",
        "tandem_webhooks_given_up_total{status=\"circuit broken\"} 2",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}: {page}");
    }
    assert_eq!(ready["status"], "ready");
    let note = ready["notes"][0].as_str().unwrap();
    assert!(note.starts_with("webhooks: Zendesk's circuit breaker is open"), "{note}");
    bridge.clock.advance(SignedDuration::from_mins(2));
    bridge.sandbox.zendesk.agent_reply(ticket, "four");
    bridge.until("a webhook again", |bridge| bridge.texts().len() == 4).await;
    another_look(&bridge).await;
    let (page, ready) = seen(&bridge).await;
    assert_eq!(ready["notes"].as_array().unwrap().len(), 0, "{ready}");
    assert!(page.contains("tandem_webhooks_given_up_total{status=\"circuit broken\"} 2"), "each is counted once");
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_log_the_search_finds_it_and_the_log_is_not_asked_for_again() {
    for status in [403, 404] {
        let mut bridge = start().await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.close_log(status);
        while_down(&mut bridge, |bridge| {
            bridge.sandbox.zendesk.agent_reply(ticket, "late");
        })
        .await;
        let before = calls(&bridge, "/api/v2/webhooks");
        bridge.until("the reply", |bridge| bridge.texts() == ["late"]).await;
        for _ in 0..3 {
            another_look(&bridge).await;
        }
        assert!(calls(&bridge, "/api/v2/webhooks") <= before + 1, "{status}");
        bridge.finish(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_no_search_names_is_walked_past() {
    let mut bridge = start().await;
    bridge.sandbox.zendesk.close_log(403);
    let (untagged, _) = bridge.talking("ada").await;
    let (lagging, _) = bridge.talking("blaise").await;
    bridge.clock.advance(SignedDuration::from_mins(1));
    while_down(&mut bridge, |bridge| {
        bridge.sandbox.zendesk.set_lag(SignedDuration::from_hours(6), SignedDuration::ZERO);
        bridge.sandbox.zendesk.set_tags(untagged, &["vip"]);
        bridge.sandbox.zendesk.agent_reply(untagged, "to Ada");
        bridge.sandbox.zendesk.agent_reply(lagging, "to Blaise");
    })
    .await;
    bridge.until("both replies", |bridge| bridge.texts().len() == 2).await;
    another_look(&bridge).await;
    another_look(&bridge).await;
    let read = calls(&bridge, "/api/v2/tickets/1/comments");
    for _ in 0..3 {
        another_look(&bridge).await;
    }
    assert_eq!(calls(&bridge, "/api/v2/tickets/1/comments"), read, "what has not changed is not read again");
    assert_eq!(bridge.texts().len(), 2);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_comment_on_a_solved_ticket_goes_out_and_the_closing_text_does_not() {
    let mut bridge = start().await;
    let (ticket, customer) = bridge.talking("ada").await;
    bridge.clock.advance(SignedDuration::from_mins(1));
    while_down(&mut bridge, |bridge| {
        bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
        bridge.sandbox.zendesk.agent_reply(ticket, "One more thing");
    })
    .await;
    bridge.until("the comment", |bridge| bridge.texts() == ["One more thing"]).await;
    another_look(&bridge).await;
    assert_eq!(bridge.conversations().await[0]["ticket_state"], "solved");
    assert_eq!(bridge.texts(), ["One more thing"], "no closing text hours after the fact");
    while_down(&mut bridge, |bridge| bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Open)).await;
    another_look(&bridge).await;
    assert_eq!(bridge.conversations().await[0]["ticket_state"], "open");
    bridge.sandbox.phone.text(&customer, "Thanks");
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket).last().unwrap(), "Thanks");
    bridge.finish(0).await;
}

/// The published recipe's bodies carry the text and not the comment's number, so the doorbell cannot tell which comments
/// went out.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_came_with_its_text_is_not_sent_again_by_a_look() {
    let bridge = start().await;
    bridge.sandbox.zendesk.install_triggers(TriggerBodies::Recipe { escaped: true });
    let ada = bridge.customer("ada");
    bridge.sandbox.phone.text_recipe_new_ticket(&ada, "Hello");
    bridge.settled().await;
    bridge.sandbox.zendesk.agent_reply(1, "once");
    bridge.settled().await;
    assert_eq!(bridge.texts().len(), 1);
    let mut deliveries = Vec::new();
    for _ in 0..3 {
        deliveries = another_look(&bridge).await;
    }
    assert_eq!(bridge.texts().len(), 1, "{:?}", bridge.texts());
    let why = |delivery: &Value| delivery["cause"].as_str().is_some_and(|why| why.contains("come with their text"));
    assert!(deliveries.iter().any(why), "{deliveries:#?}");
    // The team installs the triggers that name the comment: from then on everything is caught up.
    bridge.sandbox.zendesk.install_triggers(TriggerBodies::Ids);
    bridge.sandbox.zendesk.agent_reply(1, "by number");
    bridge.settled().await;
    assert_eq!(bridge.texts().len(), 2, "{:?}", bridge.texts());
    bridge.sandbox.zendesk.open_circuit(true);
    bridge.sandbox.zendesk.agent_reply(1, "unheard");
    another_look(&bridge).await;
    another_look(&bridge).await;
    assert_eq!(bridge.texts().last().unwrap(), "unheard");
    assert_eq!(bridge.texts().len(), 3, "{:?}", bridge.texts());
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_tells_late_is_searched_for_again() {
    let bridge = start().await;
    let (ticket, _) = bridge.talking("ada").await;
    let log_down = Fault::on("GET", "/invocations", FaultKind::status(503)).times(u32::MAX);
    bridge.sandbox.zendesk.fail(log_down);
    bridge.sandbox.zendesk.open_circuit(true);
    let given_up_at = bridge.clock.now();
    bridge.sandbox.zendesk.agent_reply(ticket, "unheard");
    bridge.until("it was given up", |bridge| bridge.sandbox.zendesk.is_idle()).await;
    for _ in 0..12 {
        another_look(&bridge).await;
    }
    // The time from which each search looks.
    let searches = |bridge: &TestBridge| -> Vec<jiff::Timestamp> {
        let calls = bridge.sandbox.zendesk.calls().into_iter().filter(|call| call.path == "/api/v2/search");
        calls.map(|call| call.query[0].1.split("updated>").nth(1).unwrap().parse().unwrap()).collect()
    };
    let before = searches(&bridge).len();
    assert!(*searches(&bridge).last().unwrap() > given_up_at, "the search has gone past it");
    bridge.sandbox.zendesk.clear_faults();
    another_look(&bridge).await;
    let again = searches(&bridge);
    assert!(again[before..].iter().any(|since| *since < given_up_at), "{again:?}");
    assert!(*again.last().unwrap() > given_up_at, "once");
    assert_eq!(bridge.texts(), ["unheard"]);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spare_is_spent_and_no_more() {
    let bridge = start().await;
    bridge.talking("ada").await;
    another_look(&bridge).await;
    let said = [("ratelimit-limit", "700"), ("ratelimit-remaining", "7"), ("ratelimit-reset", "1200")];
    let headers = said.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let body = r#"{"tickets": [], "results": [], "comments": [], "invocations": [], "meta": {"has_more": false}}"#;
    let spent = FaultKind::Status { code: 200, headers, body: body.to_owned() };
    bridge.sandbox.zendesk.fail(Fault::on("GET", "/api/", spent).times(u32::MAX));
    let walks = calls(&bridge, WALK);
    bridge.clock.advance(SignedDuration::from_secs(61));
    bridge.until("little is left", |bridge| calls(bridge, WALK) > walks).await;
    let spare = |bridge: &TestBridge| calls(bridge, WALK) + calls(bridge, "/api/v2/webhooks");
    let (spent, searches) = (spare(&bridge), calls(&bridge, "/api/v2/search"));
    for look in 1..=5 {
        bridge.clock.advance(SignedDuration::from_secs(61));
        bridge.until("a search", |bridge| calls(bridge, "/api/v2/search") >= searches + look).await;
    }
    assert_eq!(spare(&bridge), spent);
    bridge.sandbox.zendesk.clear_faults();
    bridge.clock.advance(SignedDuration::from_secs(1200));
    another_look(&bridge).await;
    assert!(spare(&bridge) > spent);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_asked_only_for_what_is_new() {
    let bridge = start().await;
    bridge.talking("ada").await;
    let questions = || {
        let calls = bridge.sandbox.zendesk.calls().into_iter();
        calls.filter(|call| call.path.contains("/webhooks")).collect::<Vec<_>>()
    };
    another_look(&bridge).await;
    let (looks, before) = (calls(&bridge, WALK), questions().len());
    another_look(&bridge).await;
    let asked = questions();
    // A look that has just begun may have asked already.
    let looks = calls(&bridge, WALK) - looks;
    assert!((looks..=looks + 1).contains(&(asked.len() - before)), "one question a look once the webhook is known");
    let last = asked.last().unwrap();
    let from = last.query.iter().find(|(name, _)| name == "filter[from_ts]").map(|(_, value)| value);
    let from: jiff::Timestamp = from.unwrap().parse().unwrap();
    assert!(last.at.duration_since(from) < SignedDuration::from_mins(18), "{from}");
    bridge.finish(0).await;
}
