//! Exactly one text, for every fate of the request, the answer, the receipt and the bridge.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::braze::{CampaignState, SendAnswer};
use tandem::sandbox::server::{Call, Fault, FaultKind};
use tandem::sandbox::zendesk::TicketStatus;

use crate::support::{DEADLINE, TestBridge};

const SEND: &str = "/campaigns/trigger/send";
const EXPORT: &str = "/users/export/ids";

fn fail_send(bridge: &TestBridge, what: FaultKind) {
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, what));
}

fn looks(bridge: &TestBridge) -> Vec<Call> {
    bridge.sandbox.braze.calls().into_iter().filter(|call| call.path == EXPORT).collect()
}

/// Seconds from the first of these calls to each.
fn seconds(calls: &[Call], since: Timestamp) -> Vec<i64> {
    calls.iter().map(|call| call.at.duration_since(since).as_secs()).collect()
}

/// The delivery of the only text.
fn text(deliveries: &[Value]) -> &Value {
    let mut texts = deliveries.iter().filter(|delivery| delivery["kind"] == "phone_text");
    let text = texts.next().unwrap();
    assert_eq!(texts.next(), None);
    text
}

fn long_reply() -> String {
    (0..700).map(|number| format!("word{number} ")).collect()
}

/// The words that reached the phone, in order.
fn words(bridge: &TestBridge) -> Vec<String> {
    bridge.texts().iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_text_whose_answer_was_lost_is_looked_up_and_not_sent_again() {
    for what in [FaultKind::LoseAnswer, FaultKind::status(504)] {
        let bridge = TestBridge::start().await;
        let (ticket, customer) = bridge.talking("ada").await;
        if matches!(what, FaultKind::Status { .. }) {
            // A gateway gave up waiting for a machine that has sent the text.
            fail_send(&bridge, FaultKind::LoseAnswer);
        }
        fail_send(&bridge, what.clone());
        bridge.sandbox.zendesk.agent_reply(ticket, "once");
        let deliveries = bridge.settled().await;
        assert_eq!(bridge.texts(), ["once"], "{what:?}");
        assert_eq!((bridge.sends().len(), looks(&bridge).len()), (1, 1), "{what:?}");
        assert_eq!(text(&deliveries)["state"], "delivered");
        let receipt = &bridge.sandbox.braze.profile(&customer).unwrap().attributes["tandem_receipt"];
        assert_eq!(receipt, &text(&deliveries)["id"]);
        bridge.sandbox.braze.clear_faults();
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_text_that_did_not_go_out_is_sent_after_the_second_look() {
    for what in [FaultKind::LoseRequest, FaultKind::status(504)] {
        let bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        fail_send(&bridge, what.clone());
        bridge.sandbox.zendesk.agent_reply(ticket, "once");
        bridge.settled().await;
        assert_eq!(bridge.texts(), ["once"], "{what:?}");
        let sends = bridge.sends();
        let lost_at = sends[0].at;
        let looked = seconds(&looks(&bridge), lost_at);
        // Time also moves on while the bridge is busy, so everything may be a little late, and nothing early.
        assert!(looked.len() == 2 && looked[0] >= 5 && looked[1] >= 15, "{what:?}: {looked:?}");
        assert!(sends.len() == 2 && seconds(&sends, lost_at)[1] >= looked[1], "{what:?}");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn the_times_of_the_looks_are_a_setting() {
    let bridge = TestBridge::start_with("", "confirm_after_seconds = [2, 4, 30]").await;
    let (ticket, _) = bridge.talking("ada").await;
    fail_send(&bridge, FaultKind::LoseRequest);
    bridge.sandbox.zendesk.agent_reply(ticket, "once");
    bridge.settled().await;
    let lost_at = bridge.sends()[0].at;
    let looked = seconds(&looks(&bridge), lost_at);
    assert!(looked.len() == 3 && looked[0] >= 2 && looked[1] >= 4 && looked[2] >= 30, "{looked:?}");
    assert_eq!(bridge.texts(), ["once"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_closing_text_is_looked_up_as_well() {
    for what in [FaultKind::LoseAnswer, FaultKind::LoseRequest] {
        let bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        fail_send(&bridge, what);
        bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
        bridge.settled().await;
        assert_eq!(bridge.texts(), ["Your ticket has been closed"]);
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn looks_that_fail_say_nothing() {
    let faults = [
        FaultKind::status(500),
        FaultKind::LoseRequest,
        FaultKind::LoseAnswer,
        FaultKind::retry_after(429, 20),
        FaultKind::status(401),
        FaultKind::Status { code: 201, headers: Vec::new(), body: "<html>".to_owned() },
    ];
    for (lost, sends) in [(FaultKind::LoseAnswer, 1), (FaultKind::LoseRequest, 2)] {
        for what in &faults {
            let bridge = TestBridge::start().await;
            let (ticket, _) = bridge.talking("ada").await;
            fail_send(&bridge, lost.clone());
            bridge.sandbox.braze.fail(Fault::on("POST", EXPORT, what.clone()).times(3));
            bridge.sandbox.zendesk.agent_reply(ticket, "once");
            bridge.settled().await;
            assert_eq!(bridge.texts(), ["once"], "{lost:?} {what:?}");
            assert_eq!(bridge.sends().len(), sends, "{lost:?} {what:?}");
            bridge.finish(0).await;
        }
    }
}

#[tokio::test]
async fn a_receipt_that_shows_late_is_waited_for() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "before");
    bridge.settled().await;
    bridge.sandbox.braze.set_attribute_lag(SignedDuration::from_secs(10));
    fail_send(&bridge, FaultKind::LoseAnswer);
    bridge.sandbox.zendesk.agent_reply(ticket, "once");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["before", "once"], "the first look shows the text before");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_long_text_goes_on_where_it_was_lost() {
    for lag in [0, 10] {
        for part in 1..=4 {
            for (what, sends) in [(FaultKind::LoseAnswer, 4), (FaultKind::LoseRequest, 5)] {
                let bridge = TestBridge::start().await;
                let (ticket, _) = bridge.talking("ada").await;
                bridge.sandbox.braze.set_attribute_lag(SignedDuration::from_secs(lag));
                for _ in 1..part {
                    fail_send(&bridge, FaultKind::Delay(Duration::ZERO));
                }
                fail_send(&bridge, what.clone());
                bridge.sandbox.zendesk.agent_reply(ticket, &long_reply());
                bridge.settled().await;
                let shown = format!("{what:?} in part {part}, lag {lag} s");
                assert_eq!(bridge.texts().len(), 4, "{shown}");
                assert!(words(&bridge).iter().eq(long_reply().split_whitespace()), "{shown}");
                assert_eq!(bridge.sends().len(), sends, "{shown}");
                bridge.finish(0).await;
            }
        }
    }
}

#[tokio::test]
async fn an_earlier_part_on_the_profile_says_nothing_of_the_one_that_was_lost() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.set_attribute_lag(SignedDuration::from_secs(10));
    fail_send(&bridge, FaultKind::Delay(Duration::ZERO));
    // The second part goes out 8 s after the first, so the first look finds the first part's receipt only.
    fail_send(&bridge, FaultKind::retry_after(503, 8));
    fail_send(&bridge, FaultKind::LoseAnswer);
    bridge.sandbox.zendesk.agent_reply(ticket, &long_reply());
    bridge.settled().await;
    assert_eq!(bridge.texts().len(), 4);
    assert!(words(&bridge).iter().eq(long_reply().split_whitespace()), "every word once, in order");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_key_that_may_not_export_resends_by_default() {
    for (what, texts) in
        [(FaultKind::LoseRequest, vec!["first", "second"]), (FaultKind::LoseAnswer, vec!["first", "first", "second"])]
    {
        let bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.braze.deny("users.export.ids");
        fail_send(&bridge, what);
        bridge.sandbox.zendesk.agent_reply(ticket, "first");
        bridge.sandbox.zendesk.agent_reply(ticket, "second");
        bridge.settled().await;
        assert_eq!(bridge.texts(), texts, "better twice than never");
        assert_eq!(bridge.notes(ticket), [""; 0]);
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_key_that_may_not_export_holds_where_that_is_wished_for() {
    for (what, texts) in [(FaultKind::LoseRequest, vec!["second"]), (FaultKind::LoseAnswer, vec!["first", "second"])] {
        let bridge = TestBridge::start_with("", "on_unconfirmed = \"hold\"").await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.braze.deny("users.export.ids");
        fail_send(&bridge, what);
        bridge.sandbox.zendesk.agent_reply(ticket, "first");
        bridge.sandbox.zendesk.agent_reply(ticket, "second");
        bridge.until("the later reply", |bridge| bridge.texts().last().is_some_and(|text| text == "second")).await;
        bridge.until("the agent told", |bridge| !bridge.notes(ticket).is_empty()).await;
        let all_but_the_one = |deliveries: &[Value]| {
            let busy = ["pending", "sending", "waiting"];
            deliveries.iter().all(|delivery| !busy.contains(&delivery["state"].as_str().unwrap()))
        };
        bridge.until_deliveries("all but the one settled", all_but_the_one).await;
        bridge.clock.advance(SignedDuration::from_hours(30));
        let deliveries = bridge.until_deliveries("nothing more to do", all_but_the_one).await;
        assert_eq!(bridge.texts(), texts, "it is not sent again by itself");
        let notes = bridge.notes(ticket);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].starts_with("It could not be confirmed that your reply (comment "), "{notes:?}");
        let held: Vec<_> = deliveries.iter().filter(|delivery| delivery["state"] == "unconfirmed").collect();
        assert_eq!(held.len(), 1);
        bridge.discard(&held[0]["id"]).await;
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_bridge_that_dies_between_the_call_and_its_record_looks_first() {
    for (told, texts) in [(FaultKind::Delay(DEADLINE * 10), 1), (FaultKind::LoseRequest, 1)] {
        let mut bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.stop().await;
        bridge.run_apart().await;
        fail_send(&bridge, told.clone());
        bridge.sandbox.zendesk.agent_reply(ticket, "once");
        assert!(bridge.sandbox.wait_until(DEADLINE, || bridge.sends().len() == 1).await);
        bridge.kill().await;
        assert_eq!(looks(&bridge).len(), 0);
        bridge.run().await;
        bridge.settled().await;
        assert_eq!(bridge.texts(), ["once"], "{told:?}");
        assert_eq!(bridge.texts().len(), texts, "{told:?}");
        assert!(!looks(&bridge).is_empty(), "{told:?}");
        bridge.finish(0).await;
    }
}

/// Each part is written down before the next one goes, so only the part in hand is in doubt, and its receipt shows.
#[tokio::test]
async fn with_hold_a_bridge_that_dies_within_a_long_text_sends_the_rest_and_nothing_twice() {
    for part in 1..=4 {
        let mut bridge = TestBridge::start_with("", "on_unconfirmed = \"hold\"").await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.stop().await;
        bridge.run_apart().await;
        for _ in 1..part {
            fail_send(&bridge, FaultKind::Delay(Duration::ZERO));
        }
        fail_send(&bridge, FaultKind::Delay(DEADLINE * 10));
        bridge.sandbox.zendesk.agent_reply(ticket, &long_reply());
        assert!(bridge.sandbox.wait_until(DEADLINE, || bridge.sends().len() == part).await, "{part}");
        bridge.kill().await;
        bridge.run().await;
        let is_over = |all: &[Value]| {
            let is_aside = |one: &Value| one["state"] == "unconfirmed" && one["due_at"].is_null();
            all.iter().all(|one| one["state"] == "delivered" || is_aside(one))
        };
        bridge.until_deliveries("all is over", is_over).await;
        assert!(words(&bridge).iter().eq(long_reply().split_whitespace()), "{part}: every word once, in order");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_queued_text_is_taken_for_sent() {
    for delivered in [true, false] {
        let bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.braze.script_send(SendAnswer::Queued { delivered });
        bridge.sandbox.zendesk.agent_reply(ticket, "maintenance");
        let deliveries = bridge.settled().await;
        assert_eq!(text(&deliveries)["state"], "delivered");
        assert_eq!(bridge.sends().len(), 1, "Braze has it, and sends it when it is back");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_success_with_problems_is_told_and_not_repeated() {
    for errors in [vec![json!("some recipients could not be reached")], vec![json!({"code": 7})]] {
        for delivered in [true, false] {
            let bridge = TestBridge::start().await;
            let (ticket, _) = bridge.talking("ada").await;
            bridge.sandbox.braze.script_send(SendAnswer::Errors { errors: errors.clone(), delivered });
            bridge.sandbox.zendesk.agent_reply(ticket, "doubtful");
            bridge.sandbox.zendesk.agent_reply(ticket, "next");
            bridge.settled().await;
            assert_eq!(bridge.sends().len(), 2, "one each");
            assert_eq!(bridge.texts().len(), 1 + usize::from(delivered));
            assert_eq!(bridge.notes(ticket).len(), 1);
            bridge.finish(1).await;
        }
    }
}

#[tokio::test]
async fn a_vendor_that_refuses_us_is_tried_again_within_a_minute_and_no_attempt_counts() {
    let campaign = SandboxOptions::default().campaign_agent_reply;
    let words = |status, message: &str| {
        let body = json!({"message": message}).to_string();
        FaultKind::Status { code: status, headers: Vec::new(), body }
    };
    type Switch<'a> = Box<dyn Fn(&TestBridge, bool) + 'a>;
    let faults = |what: FaultKind| -> Switch<'_> {
        Box::new(move |bridge, broken| match broken {
            true => bridge.sandbox.braze.fail(Fault::on("POST", SEND, what.clone()).times(u32::MAX)),
            false => bridge.sandbox.braze.clear_faults(),
        })
    };
    let campaign_is = |to: CampaignState| -> Switch<'_> {
        let campaign = &campaign;
        Box::new(move |bridge, broken| {
            let state = if broken { to } else { CampaignState::Active };
            bridge.sandbox.braze.set_campaign_state(campaign, state);
        })
    };
    let denied: Switch<'_> = Box::new(|bridge, broken| match broken {
        true => bridge.sandbox.braze.deny("campaigns.trigger.send"),
        false => bridge.sandbox.braze.permit_all(),
    });
    // With each, whether one refusal is proof enough; else it takes that of a second customer.
    let cases = [
        ("401", true, faults(words(401, "Invalid API key: x"))),
        ("403", false, denied),
        ("archived", true, campaign_is(CampaignState::Archived)),
        ("paused", true, campaign_is(CampaignState::Paused)),
        ("no such campaign", true, faults(words(400, "Invalid Campaign ID"))),
        ("a wrong address", false, faults(words(404, "Not Found"))),
    ];
    for (name, is_proof, switch) in &cases {
        let bridge = TestBridge::start().await;
        let (ada, _) = bridge.talking("ada").await;
        let (grace, _) = bridge.talking("grace").await;
        switch(&bridge, true);
        bridge.sandbox.zendesk.agent_reply(ada, "for Ada");
        bridge.until("the refusal", |bridge| bridge.sends().len() == 1).await;
        bridge.sandbox.zendesk.agent_reply(grace, "for Grace");
        if !is_proof {
            // Before the clock moves on.
            assert!(bridge.sandbox.wait_until(DEADLINE, || bridge.sends().len() == 2).await, "{name}");
        }
        let refused_at = bridge.sends()[0].at;
        bridge
            .until("two minutes", |bridge| {
                bridge.clock.now().duration_since(refused_at) >= SignedDuration::from_secs(125)
            })
            .await;
        let tries = bridge.sends();
        assert!((2..=12).contains(&tries.len()), "{name}: {} tries in two minutes", tries.len());
        let is_held = |delivery: &&Value| delivery["state"] == "waiting";
        let held = bridge.until_deliveries("a held text", |all| all.iter().any(|one| is_held(&one))).await;
        for text in held.iter().filter(is_held) {
            let due_at: Timestamp = text["due_at"].as_str().unwrap().parse().unwrap();
            assert!(due_at.duration_since(bridge.clock.now()) <= SignedDuration::from_secs(60), "{name}: {text:#}");
        }
        switch(&bridge, false);
        let deliveries = bridge.settled().await;
        let mut texts = bridge.texts();
        texts.sort();
        assert_eq!(texts, ["for Ada", "for Grace"], "{name}");
        for delivery in deliveries.iter().filter(|delivery| delivery["kind"] == "phone_text") {
            // The first of two refusals may have been of that customer alone.
            let most = if *is_proof { 1 } else { 2 };
            assert!(delivery["attempts"].as_u64().unwrap() <= most, "{name}: {delivery:#}");
        }
        assert_eq!(bridge.notes(ada), [""; 0], "{name}");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn the_hints_of_a_busy_vendor_are_kept() {
    // Seconds from the refusal on, which Braze gives as a time.
    let reset = |bridge: &TestBridge| {
        let header = |name: &str, value: i64| (format!("X-RateLimit-{name}"), value.to_string());
        let reset = header("Reset", bridge.clock.now().as_second() + 45);
        let headers = vec![header("Limit", 250_000), header("Remaining", 0), reset];
        FaultKind::Status { code: 429, headers, body: r#"{"message":"Rate limit exceeded"}"#.to_owned() }
    };
    for code in [None, Some(429), Some(503), Some(500)] {
        let bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        fail_send(&bridge, code.map_or_else(|| reset(&bridge), |code| FaultKind::retry_after(code, 45)));
        let least = bridge.clock.now() + SignedDuration::from_secs(45);
        bridge.sandbox.zendesk.agent_reply(ticket, "once");
        bridge.settled().await;
        let sends = bridge.sends();
        assert_eq!((sends.len(), bridge.texts()), (2, vec!["once".to_owned()]), "{code:?}");
        assert!(sends[1].at >= least, "{code:?}: not before {least}, but at {}", sends[1].at);
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_vendor_that_is_down_is_tried_until_it_is_back() {
    for code in [500, 502, 503, 429, 408] {
        let bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::status(code)).times(5));
        bridge.sandbox.zendesk.agent_reply(ticket, "at last");
        let deliveries = bridge.settled().await;
        assert_eq!(bridge.texts(), ["at last"], "{code}");
        assert_eq!(looks(&bridge).len(), 0, "{code}: it was refused, so there is nothing to look for");
        let attempts = text(&deliveries)["attempts"].as_u64().unwrap();
        // A 429 without a hint first empties our own budget, and waiting for that is no attempt.
        assert_eq!(attempts, 6, "{code}");
        bridge.finish(0).await;
    }
}
