//! A refusal of one object is not a refusal of the account: one ticket, one customer or one campaign that is forbidden
//! ends its own deliveries, and every other conversation goes on; only proof pauses a destination.
//!
//! Where a test says that nothing waits, its clock stands still: a delivery that waited for the end of a pause would never
//! come.

use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::Ticket;

use crate::support::{DEADLINE, TestBridge, answer};

const FORBIDDEN: &str = r#"{"error":"Forbidden","description":"You do not have access to this page."}"#;

fn forbidden(code: u16) -> FaultKind {
    FaultKind::Status { code, headers: Vec::new(), body: FORBIDDEN.to_owned() }
}

fn says(bridge: &TestBridge, ticket: u64, words: &str) -> bool {
    let ticket: Option<Ticket> = bridge.sandbox.zendesk.ticket(ticket);
    ticket.is_some_and(|ticket| ticket.comments.iter().any(|comment| comment.plain_body == words))
}

/// Waits without moving the clock.
async fn at_once(bridge: &TestBridge, what: &str, holds: impl Fn(&TestBridge) -> bool) {
    assert!(bridge.sandbox.wait_until(DEADLINE, || holds(bridge)).await, "this did not happen at once: {what}");
}

fn refused(bridge: &TestBridge, path: &str, status: u16) -> usize {
    let calls = bridge.sandbox.zendesk.calls().into_iter().chain(bridge.sandbox.braze.calls());
    calls.filter(|call| call.path.starts_with(path) && call.status == Some(status)).count()
}

async fn notes(bridge: &TestBridge) -> Value {
    answer(bridge.http.get(format!("{}/readyz", bridge.public))).await.1["notes"].clone()
}

#[tokio::test]
async fn a_forbidden_ticket_ends_its_own_texts_and_no_other_conversation_waits() {
    // 404 without Zendesk's own word for a missing record is a refusal, too.
    for code in [403, 404] {
        let bridge = TestBridge::start().await;
        let (ada, adas) = bridge.talking("ada").await;
        let (bob, bobs) = bridge.talking("bob").await;
        let path = format!("/api/v2/tickets/{ada}");
        bridge.sandbox.zendesk.fail(Fault::on("PUT", &path, forbidden(code)).times(u32::MAX));
        bridge.sandbox.phone.text(&adas, "Is anybody there?").unwrap();
        at_once(&bridge, "the refusal", |bridge| refused(bridge, &path, code) == 1).await;
        bridge.sandbox.phone.text(&bobs, "I am").unwrap();
        at_once(&bridge, "the other's text", |bridge| says(bridge, bob, "I am")).await;
        bridge.sandbox.phone.text(&bobs, "Still").unwrap();
        at_once(&bridge, "the other's next text", |bridge| says(bridge, bob, "Still")).await;
        let deliveries = bridge.settled().await;
        assert_eq!(notes(&bridge).await, json!([]));
        let dead: Vec<&Value> = deliveries.iter().filter(|delivery| delivery["state"] == "dead").collect();
        let text = dead.iter().find(|delivery| delivery["kind"] == "customer_text").unwrap();
        assert_eq!(text["attempts"], 4, "{text}");
        assert!(text["cause"].as_str().unwrap().contains(&format!("for ticket {ada}")), "{text}");
        // The note about it stands on the same ticket.
        bridge.finish(2).await;
    }
}

#[tokio::test]
async fn many_forbidden_tickets_are_no_refused_account_as_long_as_zendesk_lets_us_in() {
    let bridge = TestBridge::start().await;
    let (bob, bobs) = bridge.talking("bob").await;
    let mut forbidden_ones = Vec::new();
    for number in 0..6 {
        let (ticket, customer) = bridge.talking(&format!("customer-{number}")).await;
        bridge.sandbox.zendesk.fail(Fault::on("PUT", &format!("/tickets/{ticket}"), forbidden(403)).times(u32::MAX));
        forbidden_ones.push(customer);
    }
    for customer in &forbidden_ones {
        bridge.sandbox.phone.text(customer, "Is anybody there?").unwrap();
    }
    at_once(&bridge, "the refusals", |bridge| refused(bridge, "/api/v2/tickets/", 403) >= 6).await;
    bridge.sandbox.phone.text(&bobs, "I am").unwrap();
    at_once(&bridge, "the other's text", |bridge| says(bridge, bob, "I am")).await;
    assert_eq!(notes(&bridge).await, json!([]));
    bridge.finish(12).await;
}

#[tokio::test]
async fn an_account_is_paused_when_several_objects_and_it_are_refused_and_is_tried_again() {
    let bridge = TestBridge::start().await;
    let (ada, adas) = bridge.talking("ada").await;
    let (bob, bobs) = bridge.talking("bob").await;
    let (_, cids) = bridge.talking("cid").await;
    for path in [format!("/tickets/{ada}"), format!("/tickets/{bob}"), "/users/me".to_owned()] {
        bridge.sandbox.zendesk.fail(Fault::on("", &path, forbidden(403)).times(2));
    }
    bridge.sandbox.phone.text(&adas, "one").unwrap();
    at_once(&bridge, "the first refusal", |bridge| refused(bridge, &format!("/api/v2/tickets/{ada}"), 403) == 1).await;
    assert_eq!(notes(&bridge).await, json!([]), "one object proves nothing");
    bridge.sandbox.phone.text(&bobs, "two").unwrap();
    at_once(&bridge, "the question who we are", |bridge| refused(bridge, "/api/v2/users/me", 403) == 1).await;
    let paused =
        |deliveries: &[Value]| deliveries.iter().filter(|delivery| delivery["state"] == "waiting").count() == 2;
    bridge.until_deliveries("both put back", paused).await;
    let said = notes(&bridge).await;
    assert!(said[0].as_str().unwrap().starts_with("zendesk: refuses the bridge: Zendesk answered 403"), "{said}");
    bridge.sandbox.phone.text(&cids, "three").unwrap();
    bridge.settled().await;
    assert_eq!(notes(&bridge).await, json!([]));
    let texts: Vec<String> = bridge
        .sandbox
        .zendesk
        .tickets()
        .into_iter()
        .filter_map(|ticket| Some(ticket.comments.last()?.plain_body.clone()))
        .collect();
    assert_eq!(texts, ["one", "two", "three"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_refused_customer_at_braze_ends_alone_and_several_hold_it() {
    let bridge = TestBridge::start().await;
    let (ada, _) = bridge.talking("ada").await;
    let (bob, _) = bridge.talking("bob").await;
    let send = "/campaigns/trigger/send";
    bridge.sandbox.braze.fail(Fault::on("POST", send, forbidden(403)).times(1));
    bridge.sandbox.zendesk.agent_reply(ada, "<p>Hello Ada</p>");
    at_once(&bridge, "the refusal", |bridge| refused(bridge, send, 403) == 1).await;
    bridge.sandbox.zendesk.agent_reply(bob, "<p>Hello Bob</p>");
    at_once(&bridge, "the other's text", |bridge| bridge.texts() == ["Hello Bob"]).await;
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Hello Bob", "Hello Ada"], "a refusal may pass");

    bridge.sandbox.braze.fail(Fault::on("POST", send, forbidden(403)).times(2));
    bridge.sandbox.zendesk.agent_reply(ada, "<p>Still there?</p>");
    bridge.sandbox.zendesk.agent_reply(bob, "<p>And you?</p>");
    at_once(&bridge, "two refusals", |bridge| refused(bridge, send, 403) == 3).await;
    bridge
        .until_deliveries("both put back", |deliveries| {
            deliveries.iter().filter(|delivery| delivery["state"] == "waiting").count() == 2
        })
        .await;
    let said = notes(&bridge).await;
    assert!(said[0].as_str().unwrap().starts_with("braze: refuses the bridge: Braze answered 403"), "{said}");
    bridge.finish(0).await;
}

#[tokio::test]
async fn an_archived_campaign_pauses_braze_only_when_it_is_a_configured_one() {
    let bridge = TestBridge::start().await;
    let (ada, _) = bridge.talking("ada").await;
    let (bob, _) = bridge.talking("bob").await;
    let send = "/campaigns/trigger/send";
    let archived = || FaultKind::Status {
        code: 400,
        headers: Vec::new(),
        body: r#"{"message":"The campaign is archived. Unarchive it."}"#.to_owned(),
    };
    bridge.sandbox.braze.fail(Fault::on("POST", send, archived()));
    let body = json!({"campaign_id": "of-the-recipe", "recipients": [{"external_user_id": "ada",
        "trigger_properties": {"msg_body": "x\ny\nz"}, "attributes": {"zendesk_ticket": ada.to_string()}}]});
    assert_eq!(answer(bridge.signed(send, &body.to_string())).await.0, 202);
    at_once(&bridge, "the refusal", |bridge| refused(bridge, send, 400) == 1).await;
    bridge.sandbox.zendesk.agent_reply(bob, "<p>Hello Bob</p>");
    at_once(&bridge, "the other's text", |bridge| bridge.texts() == ["Hello Bob"]).await;
    assert_eq!(notes(&bridge).await, json!([]));

    bridge.sandbox.braze.fail(Fault::on("POST", send, archived()));
    bridge.sandbox.zendesk.agent_reply(bob, "<p>Again</p>");
    at_once(&bridge, "the refusal", |bridge| refused(bridge, send, 400) == 2).await;
    bridge
        .until_deliveries("the text put back", |deliveries| {
            deliveries.iter().any(|delivery| delivery["state"] == "waiting")
        })
        .await;
    let said = notes(&bridge).await;
    assert!(said[0].as_str().unwrap().starts_with("braze: refuses the bridge: Braze answered 400"), "{said}");
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Hello Bob", "Again"]);
    bridge.finish(1).await;
}
