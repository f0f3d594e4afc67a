//! Replies whose webhooks Zendesk lost are found and sent late: in order, once.

use crate::support::TestBridge;
use serde_json::Value;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::zendesk::NewTicket;

/// A bridge with one conversation: a text on ticket 1, and a reply that has been forwarded.
async fn conversation() -> TestBridge {
    let bridge = TestBridge::start_with("catch_up_minutes = 5", "").await;
    let customer = bridge.customer("c1");
    bridge.sandbox.phone.text(&customer, "Hello");
    bridge.until("the ticket", |bridge| !bridge.sandbox.zendesk.tickets().is_empty()).await;
    let _comment = bridge.sandbox.zendesk.agent_reply(1, "<p>first</p>");
    bridge.until("the first reply", |bridge| bridge.texts() == ["first"]).await;
    bridge
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_whose_webhooks_were_dropped_go_out_in_order_once() {
    let bridge = conversation().await;
    bridge.sandbox.zendesk.open_circuit(true);
    for reply in ["second", "third", "fourth"] {
        let _comment = bridge.sandbox.zendesk.agent_reply(1, &format!("<p>{reply}</p>"));
    }
    let _note = bridge.sandbox.zendesk.agent_note(1, "<p>not for the customer</p>");
    bridge.until("everything caught up", |bridge| bridge.texts().len() == 4).await;
    assert_eq!(bridge.texts(), ["first", "second", "third", "fourth"]);
    bridge.sandbox.zendesk.open_circuit(false);
    let _comment = bridge.sandbox.zendesk.agent_reply(1, "<p>fifth</p>");
    bridge.until("the next webhook", |bridge| bridge.texts().len() == 5).await;
    // Several more looks, which go back over the same comments.
    bridge.clock.advance(jiff::SignedDuration::from_mins(12));
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["first", "second", "third", "fourth", "fifth"]);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_on_a_ticket_whose_opening_was_given_up_in_doubt_go_out_once_it_is_found() {
    let bridge = TestBridge::start_with("catch_up_minutes = 5", "").await;
    let customer = bridge.customer("c1");
    let body = r#"{"error":"Forbidden"}"#.to_owned();
    let forbidden = FaultKind::Status { code: 403, headers: Vec::new(), body };
    bridge.sandbox.zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::LoseAnswer));
    bridge.sandbox.zendesk.fail(Fault::on("GET", "/api/v2/tickets/1", forbidden).times(u32::MAX));
    bridge.sandbox.zendesk.open_circuit(true);
    bridge.sandbox.phone.text(&customer, "Hello").unwrap();
    bridge.until("the ticket", |bridge| !bridge.sandbox.zendesk.tickets().is_empty()).await;
    for reply in ["first", "second"] {
        let _comment = bridge.sandbox.zendesk.agent_reply(1, &format!("<p>{reply}</p>"));
    }
    let is_aside =
        |one: &Value| one["kind"] == "customer_text" && one["state"] == "unconfirmed" && one["due_at"].is_null();
    bridge.until_deliveries("the text given up in doubt", |deliveries| deliveries.iter().any(is_aside)).await;
    bridge.sandbox.zendesk.clear_faults();
    bridge.sandbox.phone.text(&customer, "Are you there?").unwrap();
    bridge.until("both replies", |bridge| bridge.texts().len() >= 2).await;
    assert_eq!(bridge.texts(), ["first", "second"]);
}

/// The look for one doorbell also reads the newer reply, and leaves it to the newer doorbell.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_webhook_of_an_older_comment_hides_no_newer_reply() {
    let bridge = conversation().await;
    let oldest = bridge.sandbox.zendesk.ticket(1).unwrap().comments[0].id;
    bridge.sandbox.zendesk.open_circuit(true);
    let _comment = bridge.sandbox.zendesk.agent_reply(1, "<p>second</p>");
    let body = serde_json::json!({"event": "agent_reply", "ticket_id": "1", "comment_id": oldest.to_string()});
    assert_eq!(bridge.zendesk_webhook(&body.to_string()).await.0, 202);
    bridge.until("the newer reply", |bridge| bridge.texts() == ["first", "second"]).await;
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_was_written_while_the_bridge_was_down_goes_out_after_the_start() {
    let mut bridge = conversation().await;
    bridge.settled().await;
    bridge.stop().await;
    let _comment = bridge.sandbox.zendesk.agent_reply(1, "<p>while you were away</p>");
    assert!(bridge.sandbox.wait_until(crate::support::DEADLINE, || bridge.sandbox.zendesk.is_idle()).await);
    bridge.run().await;
    bridge.until("the missed reply", |bridge| bridge.texts() == ["first", "while you were away"]).await;
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_comments_of_a_ticket_that_the_bridge_never_saw_stay_where_they_are() {
    let bridge = TestBridge::start_with("catch_up_minutes = 1", "").await;
    bridge.sandbox.zendesk.pause_webhooks();
    let requester = bridge.sandbox.zendesk.add_user(tandem::sandbox::zendesk::User {
        name: "Ada".into(),
        external_id: Some("c1".into()),
        ..Default::default()
    });
    let ticket = bridge.sandbox.zendesk.add_ticket(NewTicket {
        requester_id: requester,
        tags: vec!["sms".into()],
        ..NewTicket::default()
    });
    let _comment = bridge.sandbox.zendesk.agent_reply(ticket, "<p>from long ago</p>");
    let rung = bridge.until_deliveries("a ring", |deliveries| !deliveries.is_empty()).await;
    assert_eq!(rung[0]["kind"], "agent_reply");
    bridge.settled().await;
    assert!(bridge.texts().is_empty());
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_minutes_mean_never() {
    let bridge = TestBridge::start_with("catch_up_minutes = 0", "").await;
    bridge.clock.advance(jiff::SignedDuration::from_hours(1));
    bridge.settled().await;
    assert!(bridge.sandbox.zendesk.calls().iter().all(|call| !call.path.contains("search")));
    bridge.finish(0).await;
}
