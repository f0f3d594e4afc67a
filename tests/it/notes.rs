//! What the bridge tells the agent stays true, is said once, and keeps no customer waiting.

use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};

use crate::support::{TestBridge, answer};

const SEND: &str = "/campaigns/trigger/send";

fn refused() -> FaultKind {
    FaultKind::Status { code: 400, headers: Vec::new(), body: json!({"message": "Bad Request"}).to_string() }
}

fn of<'a>(deliveries: &'a [Value], kind: &str, state: &str) -> Vec<&'a Value> {
    deliveries.iter().filter(|delivery| delivery["kind"] == kind && delivery["state"] == state).collect()
}

async fn redrive(bridge: &TestBridge, id: &Value) {
    let url = format!("{}/api/deliveries/{}/redrive", bridge.operator, id.as_str().unwrap());
    let (status, body) = answer(bridge.http.post(url)).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_note_that_waited_is_not_written_about_a_reply_that_has_arrived_meanwhile() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/tickets", FaultKind::status(503)).times(u32::MAX));
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused()));
    bridge.sandbox.zendesk.agent_reply(ticket, "Here you are");
    let deliveries = bridge
        .until_deliveries("the note refused", |all| {
            of(all, "note", "waiting").iter().any(|note| note["attempts"].as_u64() > Some(0))
        })
        .await;
    redrive(&bridge, &of(&deliveries, "phone_text", "dead")[0]["id"]).await;
    bridge.until("the reply", |bridge| bridge.texts() == ["Here you are"]).await;
    bridge.sandbox.zendesk.clear_faults();
    let deliveries = bridge.settled().await;
    assert_eq!(bridge.notes(ticket), [""; 0], "it would not be true any more");
    assert_eq!(of(&deliveries, "note", "skipped").len(), 2, "the note, and the one that would have taken it back");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_note_that_was_written_is_followed_by_one_that_says_that_the_reply_has_arrived_now() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused()).times(2));
    let comment = bridge.sandbox.zendesk.agent_reply(ticket, "Here you are");
    let not = format!("Your reply (comment {comment}) was not texted to the customer: Braze answered 400 Bad Request.");
    for times in 1..=2 {
        let deliveries = bridge.settled().await;
        assert_eq!(bridge.notes(ticket), vec![not.clone(); times]);
        redrive(&bridge, &of(&deliveries, "phone_text", "dead")[0]["id"]).await;
    }
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Here you are"]);
    let now = format!("Your reply (comment {comment}) has been texted to the customer now.");
    assert_eq!(bridge.notes(ticket), [not.clone(), not, now]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn all_that_died_on_a_ticket_is_told_together_and_the_customer_does_not_wait_for_it() {
    let bridge = TestBridge::start().await;
    bridge.sandbox.zendesk.enforce_limits(true);
    let (ticket, customer) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/tickets", FaultKind::status(503)).times(u32::MAX));
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused()).times(u32::MAX));
    let comments: Vec<u64> =
        (0..40).map(|number| bridge.sandbox.zendesk.agent_reply(ticket, &format!("reply {number}"))).collect();
    bridge.until_deliveries("all of them dead", |all| of(all, "phone_text", "dead").len() == comments.len()).await;
    bridge.sandbox.phone.text(&customer, "Are you there?");
    bridge.sandbox.zendesk.clear_faults();
    bridge.settled().await;
    let written = bridge.comments(ticket);
    assert!(written.contains(&"Are you there?".to_owned()));
    let notes = bridge.notes(ticket);
    assert!(notes.len() <= 2, "one that was tried before all had died, and one for the rest: {notes:?}");
    let all = notes.join("\n");
    for comment in comments {
        let named = format!("Your reply (comment {comment}) was not texted");
        assert_eq!(all.matches(&named).count(), 1, "{comment} in {all}");
    }
    bridge.finish(40).await;
}

#[tokio::test]
async fn a_note_waits_for_what_dies_behind_it() {
    let bridge = TestBridge::start().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused()).times(u32::MAX));
    bridge.sandbox.zendesk.pause_webhooks();
    let comments: Vec<u64> =
        (0..8).map(|number| bridge.sandbox.zendesk.agent_reply(ticket, &format!("reply {number}"))).collect();
    bridge.sandbox.zendesk.resume_webhooks();
    bridge.settled().await;
    let notes = bridge.notes(ticket);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    for comment in comments {
        assert_eq!(notes[0].matches(&format!("(comment {comment})")).count(), 1, "{comment} in {}", notes[0]);
    }
    bridge.finish(8).await;
}

#[tokio::test]
async fn a_customers_text_goes_before_all_notes_of_all_others() {
    let bridge = TestBridge::start().await;
    let mut tickets = Vec::new();
    for number in 0..30 {
        tickets.push(bridge.talking(&format!("customer-{number}")).await);
    }
    let (free, customer) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.enforce_limits(true);
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, refused()).times(u32::MAX));
    // Whoever holds a place among the notes waits for its answer until the clock moves.
    bridge.sandbox.zendesk.fail(Fault::on("PUT", "/tickets", FaultKind::status(503)).times(30));
    for (ticket, _) in &tickets {
        bridge.sandbox.zendesk.agent_reply(*ticket, "Hello");
    }
    bridge.until_deliveries("all of them dead", |all| of(all, "phone_text", "dead").len() == tickets.len()).await;
    let notes = || tickets.iter().map(|(ticket, _)| bridge.notes(*ticket).len()).sum::<usize>();
    bridge.until("the first notes", |_| notes() > 0).await;
    bridge.sandbox.phone.text(&customer, "What about me?");
    bridge.until("the text", |bridge| bridge.comments(free).len() == 2).await;
    assert!(notes() <= 25, "{} of 30 notes in the minute before it", notes());
    bridge.settled().await;
    assert_eq!(notes(), 30, "each of them is told in the end");
    bridge.finish(30).await;
}
