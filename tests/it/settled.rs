//! A text of unknown fate: its page, and the operator's two answers.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::TicketStatus;

use crate::console::{Browser, TOKEN, ask_for_the_token};
use crate::process::{run, tandem};
use crate::support::{TestBridge, answer};

/// A bridge with a reply that went out, or not, and that is set aside: its ticket, and the delivery.
async fn with_a_reply_in_doubt(what: FaultKind, reply: &str) -> (TestBridge, u64, Value) {
    let bridge = TestBridge::start_with("", "on_unconfirmed = \"hold\"").await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.deny("users.export.ids");
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", what));
    bridge.sandbox.zendesk.agent_reply(ticket, reply);
    bridge.until("the agent told", |bridge| !bridge.notes(ticket).is_empty()).await;
    let deliveries = bridge.until_deliveries("the note recorded", idle).await;
    let held = deliveries.into_iter().find(|delivery| delivery["state"] == "unconfirmed").expect("it is set aside");
    (bridge, ticket, held)
}

fn idle(deliveries: &[Value]) -> bool {
    let busy = ["pending", "sending", "waiting"];
    deliveries.iter().all(|delivery| !busy.contains(&delivery["state"].as_str().unwrap()))
}

#[tokio::test]
async fn what_was_set_aside_needs_the_operator_and_is_not_under_way() {
    let (mut bridge, _, held) = with_a_reply_in_doubt(FaultKind::LoseAnswer, "It left on Monday.").await;
    let local = Browser::new(&bridge);
    let overview = local.get("/console").await;
    let card = overview.text.split("<h3>1 delivery may have arrived</h3>").nth(1).expect("it is told");
    assert!(card.starts_with("\n<p class=\"quiet\">since <time "), "since when: {card}");
    assert!(overview.text.contains("Nothing is under way."), "{}", overview.text);
    for (show, total) in [("needs-you", "1 delivery in all"), ("open", "0 deliveries in all"), ("late", "0 deliveries")]
    {
        let list = local.get(&format!("/console/deliveries?show={show}")).await;
        assert!(list.text.contains(total), "{show}: {}", list.text);
        assert_eq!(list.text.contains(held["id"].as_str().unwrap()), show == "needs-you", "{show}");
    }
    bridge.stop().await;
}

#[tokio::test]
async fn a_text_that_arrived_is_settled_and_the_agent_is_told_once() {
    let (bridge, ticket, held) = with_a_reply_in_doubt(FaultKind::LoseAnswer, "It left on Monday.").await;
    let id = held["id"].as_str().unwrap();
    let settle = || {
        let request = bridge.http.post(format!("{}/api/deliveries/{id}/settle", bridge.operator));
        answer(request.header("x-tandem-by", "ada"))
    };
    let (status, settled) = settle().await;
    assert_eq!((status, &settled["state"]), (200, &json!("delivered")), "{settled}");
    assert_eq!(settled["receipt"], "settled by an operator, who found that it arrived");
    bridge.settled().await;
    let notes = bridge.notes(ticket);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[1].contains("did reach the customer"), "{notes:?}");
    assert_eq!(settle().await.0, 409, "once is enough");
    bridge.clock.advance(SignedDuration::from_hours(30));
    bridge.settled().await;
    assert_eq!((bridge.texts(), bridge.notes(ticket).len()), (vec!["It left on Monday.".to_owned()], 2));
    let audit = answer(bridge.http.get(format!("{}/api/audit", bridge.operator))).await.1;
    let entry = &audit["items"][0];
    assert_eq!((&entry["action"], &entry["by"], &entry["first"]), (&json!("settle"), &json!("ada"), &json!(id)));
    assert_eq!(audit["total"], 1, "what was refused is no act");
    bridge.finish(0).await;
}

async fn settle(bridge: &TestBridge, id: &Value, body: Value) -> (u16, Value) {
    let id = id.as_str().unwrap();
    answer(bridge.http.post(format!("{}/api/deliveries/{id}/settle", bridge.operator)).body(body.to_string())).await
}

async fn redrive(bridge: &TestBridge, id: &Value) {
    let request = bridge.http.post(format!("{}/api/deliveries/{}/redrive", bridge.operator, id.as_str().unwrap()));
    assert_eq!(answer(request).await.0, 200);
}

/// A reply of four parts, whose second may have gone out or not.
async fn with_a_part_in_doubt(what: FaultKind, config: &str) -> (TestBridge, u64, Value, String) {
    let bridge = TestBridge::start_with("", config).await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.deny("users.export.ids");
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", FaultKind::Delay(Duration::ZERO)));
    bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", what));
    let reply: String = (0..700).map(|number| format!("word{number} ")).collect();
    bridge.sandbox.zendesk.agent_reply(ticket, &reply);
    bridge.until("the agent told", |bridge| !bridge.notes(ticket).is_empty()).await;
    let deliveries = bridge.until_deliveries("the note recorded", idle).await;
    let held = deliveries.into_iter().find(|delivery| delivery["state"] == "unconfirmed").expect("it is set aside");
    (bridge, ticket, held, reply)
}

/// Has the operator pause or resume the carrier.
async fn order(bridge: &TestBridge, order: &str) {
    let url = format!("{}/api/destinations/braze/{order}", bridge.operator);
    let (status, said) = answer(bridge.http.post(url).bearer_auth(TOKEN).header("x-tandem-by", "ada")).await;
    assert_eq!(status, 200, "{said}");
}

#[tokio::test]
async fn a_long_reply_goes_on_behind_the_part_that_arrived() {
    for by in ["api", "cli", "console"] {
        let (mut bridge, ticket, held, reply) =
            with_a_part_in_doubt(FaultKind::LoseAnswer, "on_unconfirmed = \"hold\"").await;
        let id = held["id"].as_str().unwrap();
        // The rest goes once the carrier is resumed, so that the answers show the delivery as the operator left it.
        order(&bridge, "pause").await;
        if by == "api" {
            let shown = answer(bridge.http.get(format!("{}/api/deliveries/{id}", bridge.operator))).await.1;
            assert_eq!((&shown["parts_sent"], &shown["parts"]), (&json!(1), &json!(4)), "{shown}");
            assert_eq!(settle(&bridge, &held["id"], json!({"parts": 5})).await.0, 409);
            assert_eq!(settle(&bridge, &held["id"], json!({"parts": "two"})).await.0, 400);
            let (status, moved) = settle(&bridge, &held["id"], json!({})).await;
            assert_eq!((status, &moved["state"], &moved["parts_sent"]), (200, &json!("pending"), &json!(2)), "{moved}");
        } else {
            ask_for_the_token(&mut bridge).await;
        }
        if by == "cli" {
            let said = run(tandem(&["deliveries", "settle", id, "--url", &bridge.operator, "--token", TOKEN])).await;
            assert_eq!(
                (said.code, said.out),
                (0, format!("{id} is pending; 2 of its parts out, and the rest is sent"))
            );
        } else if by == "console" {
            let (ada, path) = (Browser::signed_in(&bridge).await, format!("/console/deliveries/{id}"));
            let page = ada.get(&path).await;
            for words in ["in 4 parts", "1 of them is known to be out", "part 2 of 4", "1 of 4"] {
                assert!(page.text.contains(words), "{words}: {}", page.text);
            }
            let refused = ada.post(&path, &format!("{path}/settle"), &[("parts", "all")]).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST);
            assert!(refused.text.contains("must be a whole number"), "{}", refused.text);
            let done = ada.post(&path, &format!("{path}/settle"), &[("parts", "2")]).await;
            assert_eq!(done.header("location"), format!("{path}?done=settled"), "{}", done.text);
        }
        order(&bridge, "resume").await;
        bridge.until("the agent told again", |bridge| bridge.notes(ticket).len() == 2).await;
        let words = bridge.texts().join(" ");
        assert!(words.split_whitespace().eq(reply.split_whitespace()), "{by}: every word once, in order: {words}");
        assert_eq!(bridge.texts().len(), 4, "{by}");
        assert!(bridge.notes(ticket)[1].contains("has been texted"), "{by}: {:?}", bridge.notes(ticket));
        bridge.stop().await;
    }
}

#[tokio::test]
async fn the_operator_says_how_many_parts_arrived() {
    let (bridge, ticket, held, _) = with_a_part_in_doubt(FaultKind::LoseAnswer, "on_unconfirmed = \"hold\"").await;
    let (status, moved) = settle(&bridge, &held["id"], json!({"parts": 4})).await;
    assert_eq!((status, &moved["state"]), (200, &json!("delivered")), "{moved}");
    bridge.settled().await;
    assert_eq!((bridge.texts().len(), bridge.notes(ticket).len()), (2, 2), "nothing more is sent");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_reply_that_arrives_behind_a_note_in_doubt_is_told() {
    for is_settled in [true, false] {
        let bridge = TestBridge::start().await;
        let (ticket, _) = bridge.talking("ada").await;
        bridge.sandbox.zendesk.fail(Fault::on("PUT", "/tickets", FaultKind::LoseAnswer));
        bridge.sandbox.zendesk.fail(Fault::on("GET", "/audits", FaultKind::status(500)).times(u32::MAX));
        bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", FaultKind::status(400)));
        bridge.sandbox.zendesk.agent_reply(ticket, "Hi");
        let is_doubtful = |one: &Value| one["kind"] == "note" && one["state"] == "unconfirmed";
        let deliveries = bridge.until_deliveries("the note in doubt", |all| all.iter().any(is_doubtful)).await;
        let note = deliveries.iter().find(|one| is_doubtful(one)).unwrap();
        let reply = deliveries.iter().find(|one| one["state"] == "dead").unwrap();
        if is_settled {
            let (status, moved) = settle_at_rest(&bridge, &note["id"]).await;
            assert_eq!((status, &moved["state"]), (200, &json!("delivered")), "{moved}");
        } else {
            // No look works for a day, so it is left to the operator.
            bridge.clock.advance(SignedDuration::from_hours(25));
            let is_aside = |one: &Value| is_doubtful(one) && one["due_at"].is_null();
            bridge.until_deliveries("the note set aside", |all| all.iter().any(is_aside)).await;
        }
        bridge.sandbox.zendesk.clear_faults();
        redrive(&bridge, &reply["id"]).await;
        bridge.until("the agent told again", |bridge| bridge.notes(ticket).len() == 2).await;
        let notes = bridge.notes(ticket);
        assert_eq!(bridge.texts(), ["Hi"], "settled: {is_settled}");
        assert!(notes[1].contains("has been texted"), "settled: {is_settled}: {notes:?}");
        if !is_settled {
            bridge.discard(&note["id"]).await;
        }
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_closing_text_that_arrived_is_sent_once_though_zendesk_tells_of_it_again() {
    for is_seen in [true, false] {
        let bridge = TestBridge::start_with("", "on_unconfirmed = \"hold\"").await;
        let (ticket, _) = bridge.talking("ada").await;
        if !is_seen {
            bridge.sandbox.braze.deny("users.export.ids");
        }
        bridge.sandbox.braze.fail(Fault::on("POST", "/campaigns/trigger/send", FaultKind::LoseAnswer));
        bridge.sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
        let deliveries = bridge
            .until_deliveries("the closing text over", |all| {
                let over = |one: &Value| one["state"] == "delivered" || one["due_at"].is_null();
                idle(all) && all.iter().filter(|one| one["kind"] == "ticket_solved").any(over)
            })
            .await;
        let closing = deliveries.iter().find(|delivery| delivery["kind"] == "ticket_solved").unwrap();
        if !is_seen {
            assert_eq!(settle(&bridge, &closing["id"], json!({})).await.0, 200);
        }
        let again = json!({"event": "ticket_solved", "ticket_id": ticket});
        assert_eq!(bridge.zendesk_webhook(&again.to_string()).await.1["status"], "accepted");
        bridge.settled().await;
        assert_eq!(bridge.texts(), ["Your ticket has been closed"], "seen: {is_seen}");
        bridge.finish(0).await;
    }
}

/// Settles a delivery that is being looked for meanwhile, between two looks.
async fn settle_at_rest(bridge: &TestBridge, id: &Value) -> (u16, Value) {
    for _ in 0..1000 {
        let (status, moved) = settle(bridge, id, json!({})).await;
        if !(status == 409 && moved.to_string().contains("a worker is on it")) {
            return (status, moved);
        }
    }
    panic!("it is never at rest")
}

#[tokio::test]
async fn what_is_in_no_doubt_is_not_settled() {
    let bridge = TestBridge::start().await;
    bridge.talking("ada").await;
    let deliveries = bridge.settled().await;
    let delivered = deliveries[0]["id"].as_str().unwrap();
    for (id, status) in [(delivered, 409), (&format!("evt_{}", "0".repeat(24)), 404), ("evt_1", 400)] {
        let request = bridge.http.post(format!("{}/api/deliveries/{id}/settle", bridge.operator));
        assert_eq!(answer(request).await.0, status, "{id}");
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_page_of_one_in_doubt_says_what_to_look_at_and_has_two_answers() {
    for (what, act, texts) in [
        (FaultKind::LoseAnswer, "settle", 1),
        (FaultKind::LoseRequest, "redrive", 1),
        (FaultKind::LoseAnswer, "cli", 1),
    ] {
        let (mut bridge, ticket, held) = with_a_reply_in_doubt(what, "Once").await;
        let id = held["id"].as_str().unwrap();
        ask_for_the_token(&mut bridge).await;
        let ada = Browser::signed_in(&bridge).await;
        let path = format!("/console/deliveries/{id}");
        let page = ada.get(&path).await;
        for words in
            ["It did not arrive: send again", "It arrived: settle it", "Look before you decide", "has it twice"]
        {
            assert!(page.text.contains(words), "{words}: {}", page.text);
        }
        assert!(!page.text.contains("Put it back"), "{}", page.text);
        if act == "cli" {
            let said = run(tandem(&["deliveries", "settle", id, "--url", &bridge.operator, "--token", TOKEN])).await;
            assert_eq!((said.code, said.out), (0, format!("{id} is delivered")), "{}", said.err);
            let said = run(tandem(&["deliveries", "settle", id, "--url", &bridge.operator, "--token", TOKEN])).await;
            assert_eq!((said.code, said.err.matches(id).count()), (1, 1), "it is named once: {said:?}");
        } else {
            let done = ada.post(&path, &format!("{path}/{act}"), &[]).await;
            let word = if act == "settle" { "settled" } else { "redriven" };
            assert_eq!(done.header("location"), format!("{path}?done={word}"), "{}", done.text);
        }
        bridge.until("the agent told", |bridge| bridge.notes(ticket).len() == 2).await;
        assert_eq!(bridge.texts().len(), texts, "{act}");
        let page = ada.get(&path).await;
        assert!(page.text.contains("delivered") && !page.text.contains("It arrived: settle it"), "{}", page.text);
        bridge.stop().await;
    }
}

#[tokio::test]
async fn an_act_that_fails_stays_on_its_page_with_why() {
    let (mut bridge, _, held) = with_a_reply_in_doubt(FaultKind::LoseAnswer, "Once").await;
    let id = held["id"].as_str().unwrap();
    let kept = answer(bridge.as_braze(reqwest::Method::POST, "/webhooks/braze", "nonsense")).await.1;
    let kept = kept["id"].as_str().unwrap().to_owned();
    ask_for_the_token(&mut bridge).await;
    let ada = Browser::signed_in(&bridge).await;
    let path = format!("/console/deliveries/{id}");
    let stays = async |path: &str, act: &str, fields: &[(&str, &str)], status: StatusCode, why: &str| {
        let page = ada.post("/console/quarantine", &format!("{path}/{act}"), fields).await;
        assert_eq!(page.status, status, "{act}: {}", page.text);
        let (_, alert) = page.text.split_once("role=\"alert\" id=\"problem\">").expect("a message");
        assert!(alert.starts_with(why), "{act}: {alert}");
        assert!(page.text.contains("What came of it"), "{act}: the page itself");
        // Where the page is now, it can be loaded again.
        let again = ada.get(&format!("{path}/{act}")).await;
        assert_eq!((again.status, again.text.contains("role=\"alert\"")), (StatusCode::OK, false), "{act}");
    };
    let kept = format!("/console/deliveries/{kept}");
    stays(&kept, "redrive", &[], StatusCode::CONFLICT, "It still cannot be read: ").await;
    stays(&kept, "settle", &[], StatusCode::CONFLICT, "A delivery that is quarantined cannot be settled.").await;
    stays(&path, "discard", &[], StatusCode::BAD_REQUEST, "A reason is needed.").await;
    ada.post(&path, &format!("{path}/settle"), &[]).await;
    stays(&path, "settle", &[], StatusCode::CONFLICT, "A delivery that is delivered cannot be settled.").await;
    stays(&path, "redrive", &[], StatusCode::CONFLICT, "A delivery that is delivered cannot be redriven.").await;
    stays(&path, "discard", &[("reason", "late")], StatusCode::CONFLICT, "A delivery that is delivered cannot be")
        .await;
    bridge.stop().await;
}
