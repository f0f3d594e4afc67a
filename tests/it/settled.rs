//! A text of unknown fate: what its page says, and the operator's two answers.

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};

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
