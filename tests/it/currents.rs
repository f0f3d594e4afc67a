//! Delivery receipts from Braze Currents, over real HTTP: their binding to texts, the notes to agents, and the texts that are
//! not sent again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tandem::domain::account::Ends;
use tandem::domain::event::{Event, EventKind, Unreadable};
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::sender::AttemptResult;
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Control, Inbox, StoreLimits};

use crate::alarm::Receiver;
use crate::process::{assert_discreet, run, tandem};
use crate::support::{TestBridge, answer, list, settings};

const SEND: &str = "/campaigns/trigger/send";

async fn bridge_with(braze: &str) -> TestBridge {
    let tokens = format!("currents_tokens = [\"{}\"]\n{braze}", SandboxOptions::default().braze_currents_token);
    let bridge = TestBridge::start_with("", &tokens).await;
    bridge.sandbox.braze.turn_currents_on();
    bridge
}

/// A bridge whose campaigns pass the mark on.
async fn marked() -> TestBridge {
    let bridge = bridge_with("").await;
    bridge.sandbox.braze.pass_marks_on();
    bridge
}

impl TestBridge {
    /// Has Currents post a batch, and waits until it is acknowledged.
    async fn report(&self, events: &[Value]) {
        let id = self.sandbox.braze.send_batch(events);
        self.until("the batch is acknowledged", |bridge| !bridge.sandbox.braze.attempts_of(&id).is_empty()).await;
        let body = format!("{{\"status\":\"accepted\",\"events\":{}}}", events.len());
        let taken = AttemptResult::Answered { status: 200, retry_after: None, body };
        assert_eq!(self.sandbox.braze.attempts_of(&id).pop().unwrap().result, taken);
    }

    /// The events of the sends so far.
    fn sent(&self) -> Vec<Value> {
        self.sandbox.braze.events("sms.Send")
    }

    /// Lays a body into the quarantine of the bridge, which is stopped.
    async fn quarantine(&self, path: &str, body: &str) {
        let store = self.directory.path().join("store");
        let store = SledStore::open(&store, StoreLimits::default(), 9, self.clock.now()).await.unwrap();
        let unreadable = Unreadable {
            path: path.to_owned(),
            method: "POST".to_owned(),
            content_type: None,
            body: STANDARD.encode(body),
        };
        let now = self.clock.now();
        let event = Event { received_at: now, kind: EventKind::Unreadable(unreadable) };
        let cause = "the reader had a fault".to_owned();
        store.quarantine(event, Ends::FIRST.into(), cause, Vec::new(), now).await.unwrap();
        store.close().await;
    }

    async fn unbound(&self) -> Vec<Value> {
        list(&self.http, &self.operator, "/api/reports", "").await
    }

    /// The texts to the phone with their receipts, when these hold.
    async fn until_texts(&self, what: &str, hold: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let is_text = |delivery: &&Value| delivery["kind"] == "phone_text";
        let texts = |all: &[Value]| all.iter().filter(is_text).cloned().collect::<Vec<_>>();
        texts(&self.until_deliveries(what, |all| hold(&texts(all))).await)
    }
}

fn has(receipt: &Value, name: &str) -> bool {
    !receipt[name].is_null()
}

/// Whether each of the texts has one receipt, and it tells this.
fn all_have(texts: &[Value], name: &str) -> bool {
    texts.iter().all(|text| text["receipts"].as_array().is_some_and(|all| all.len() == 1 && has(&all[0], name)))
}

#[tokio::test]
async fn a_receipt_is_shown_with_the_text_that_bears_our_mark() {
    let bridge = marked().await;
    let (ticket, _) = bridge.talking("ada").await;
    for reply in ["one", "two"] {
        bridge.sandbox.zendesk.agent_reply(ticket, reply);
        bridge.settled().await;
    }
    let sent = bridge.sent();
    let braze = &bridge.sandbox.braze;
    let after = |index: usize, kind| braze.event_after(&sent[index], kind, &json!({}));
    let batch =
        [sent[0].clone(), sent[1].clone(), after(1, "sms.Delivery"), after(1, "sms.Read"), after(0, "sms.Delivery")];
    bridge.report(&batch).await;
    let texts = bridge.until_texts("both are on the phone", |texts| all_have(texts, "delivered_at")).await;
    assert!(!has(&texts[0]["receipts"][0], "read_at") && has(&texts[1]["receipts"][0], "read_at"), "{texts:#?}");
    for (text, event) in texts.iter().zip(&sent) {
        assert_eq!(text["receipts"][0]["dispatch"], event["properties"]["dispatch_id"]);
        assert_eq!(text["state"], "delivered");
    }
    assert!(bridge.notes(ticket).is_empty());
    let before = texts.clone();
    bridge.report(&[&batch[2..], &batch[..2]].concat()).await;
    bridge.settled().await;
    assert_eq!(bridge.until_texts("nothing changed", |_| true).await, before, "the same batch again, in another order");
    bridge.finish(0).await;
}

#[tokio::test]
async fn what_comes_before_its_send_binds_when_the_send_comes() {
    let bridge = marked().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "one");
    bridge.settled().await;
    let [send] = &bridge.sent()[..] else { panic!("one send") };
    let failure = json!({"error": "Unknown destination handset", "provider_error_code": "30005"});
    let late = bridge.sandbox.braze.event_after(send, "sms.DeliveryFailure", &failure);
    bridge.report(std::slice::from_ref(&late)).await;
    // It is shown once nothing has fitted it for ten minutes.
    bridge.clock.advance(jiff::SignedDuration::from_mins(11));
    let started = bridge.clock.now();
    while bridge.unbound().await.is_empty() {
        assert!(bridge.clock.now().duration_since(started).as_mins() < 5, "it is shown unbound");
        bridge.until_deliveries("time goes on", |_| true).await;
        bridge.sandbox.wait_until(crate::support::QUIET, || false).await;
        bridge.clock.advance(jiff::SignedDuration::from_secs(1));
    }
    let shown = bridge.unbound().await;
    assert_eq!((shown.len(), &shown[0]["what"], &shown[0]["external_id"]), (1, &json!("failed"), &json!("ada")));
    bridge.report(std::slice::from_ref(send)).await;
    bridge.until_texts("it is bound", |texts| all_have(texts, "failed")).await;
    bridge.settled().await;
    assert!(bridge.unbound().await.is_empty());
    assert_eq!(bridge.notes(ticket).len(), 1);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_failure_becomes_one_note_with_the_code_and_its_meaning() {
    let bridge = marked().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "one");
    bridge.settled().await;
    let send = bridge.sent().remove(0);
    let failure = json!({"error": "Unknown destination handset", "provider_error_code": "30005"});
    let fail = || bridge.sandbox.braze.event_after(&send, "sms.DeliveryFailure", &failure);
    bridge.report(&[send.clone(), fail(), fail()]).await;
    bridge.until("the agent is told", |bridge| !bridge.notes(ticket).is_empty()).await;
    bridge.report(&[fail()]).await;
    bridge.settled().await;
    let notes = bridge.notes(ticket);
    let [note] = &notes[..] else { panic!("{notes:?}") };
    assert!(note.contains("was sent, but did not reach the customer's phone: the number is not in use"), "{note}");
    assert!(note.contains("(code 30005: Unknown destination handset)"), "{note}");
    assert_eq!(bridge.texts(), ["one"], "nothing is sent again");
    bridge.finish(0).await;
}

#[tokio::test]
async fn no_note_is_written_while_an_sms_takes_the_place_of_an_rcs_text() {
    let bridge = marked().await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "one");
    bridge.settled().await;
    let send = bridge.sent().remove(0);
    let after = |kind, more: Value| bridge.sandbox.braze.event_after(&send, kind, &more);
    let rejection = after("rcs.Rejection", json!({"is_sms_fallback": true, "provider_error_code": "5"}));
    bridge.report(&[send.clone(), rejection]).await;
    bridge.until_texts("it fell back", |texts| all_have(texts, "fell_back_at")).await;
    bridge.settled().await;
    assert!(bridge.notes(ticket).is_empty());
    let refused = json!({"is_sms_fallback": true, "provider_error_code": "30007"});
    bridge.report(&[after("sms.DeliveryFailure", refused)]).await;
    bridge.until("the agent is told", |bridge| !bridge.notes(ticket).is_empty()).await;
    assert!(bridge.notes(ticket)[0].contains("the carrier filtered the text"), "{:?}", bridge.notes(ticket));
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_that_braze_holds_back_although_it_said_success_is_told_of() {
    let bridge = bridge_with("").await;
    let (ticket, customer) = bridge.talking("ada").await;
    bridge.sandbox.braze.set_opted_out(&customer, true);
    bridge.sandbox.zendesk.agent_reply(ticket, "one");
    bridge.settled().await;
    assert!(bridge.texts().is_empty() && bridge.notes(ticket).is_empty(), "the silent case");
    bridge.report(&bridge.sandbox.braze.events("sms.Abort")).await;
    bridge.until("the agent is told", |bridge| !bridge.notes(ticket).is_empty()).await;
    let note = bridge.notes(ticket).remove(0);
    assert!(note.contains("Braze held back your reply") && note.contains("The user cannot be reached"), "{note}");
    let texts = bridge.until_texts("it is shown", |texts| all_have(texts, "held_back")).await;
    assert_eq!(texts[0]["receipts"][0]["held_back"]["code"], "not_sent");
    bridge.finish(0).await;
}

#[tokio::test]
async fn without_a_mark_a_send_binds_only_where_one_text_fits() {
    let bridge = bridge_with("").await;
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "one");
    bridge.settled().await;
    let send = bridge.sent().remove(0);
    let delivery = bridge.sandbox.braze.event_after(&send, "sms.Delivery", &json!({}));
    let mut of_another_campaign = send.clone();
    of_another_campaign["id"] = json!("another");
    of_another_campaign["properties"]["campaign_id"] = json!("00000000-0000-4000-8000-00000000ffff");
    bridge.report(&[delivery, of_another_campaign, send]).await;
    let texts = bridge.until_texts("it is bound", |texts| all_have(texts, "delivered_at")).await;
    assert_eq!(texts.len(), 1);
    // Two more within a minute: each may be meant.
    for reply in ["two", "three"] {
        bridge.sandbox.zendesk.agent_reply(ticket, reply);
        bridge.settled().await;
    }
    bridge.report(&bridge.sent()[1..]).await;
    bridge.settled().await;
    let texts = bridge.until_texts("they stay unbound", |_| true).await;
    let told = texts.iter().map(|text| text["receipts"].as_array().unwrap().len()).collect::<Vec<_>>();
    assert_eq!(told, [1, 0, 0]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_lost_answer_is_cleared_up_by_the_report_and_the_text_is_not_sent_again() {
    let bridge = marked().await;
    let (ticket, _) = bridge.talking("ada").await;
    // No look at the profile can tell.
    bridge.sandbox.braze.deny("users.export.ids");
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    bridge.sandbox.zendesk.agent_reply(ticket, "once");
    bridge.until_texts("its answer is lost", |texts| texts.iter().any(|text| text["state"] == "unconfirmed")).await;
    bridge.report(&bridge.sent()).await;
    bridge.settled().await;
    let texts = bridge.until_texts("it is settled", |texts| texts[0]["state"] == "delivered").await;
    assert!(texts[0]["receipt"].as_str().unwrap().starts_with("dispatch "), "{texts:#?}");
    assert_eq!((bridge.texts(), bridge.sends().len()), (vec!["once".to_owned()], 1));
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_that_was_set_aside_is_settled_by_a_late_report() {
    let bridge = bridge_with("on_unconfirmed = \"hold\"").await;
    bridge.sandbox.braze.pass_marks_on();
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.braze.deny("users.export.ids");
    bridge.sandbox.braze.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    bridge.sandbox.zendesk.agent_reply(ticket, "once");
    let is_aside =
        |texts: &[Value]| texts.iter().any(|text| text["state"] == "unconfirmed" && text["due_at"].is_null());
    bridge.until_texts("it is set aside", is_aside).await;
    bridge.until("the agent is told", |bridge| !bridge.notes(ticket).is_empty()).await;
    bridge.report(&bridge.sent()).await;
    bridge.until_texts("it is settled", |texts| texts[0]["state"] == "delivered").await;
    bridge.until("the agent is told that it went", |bridge| bridge.notes(ticket).len() == 2).await;
    assert_eq!((bridge.texts(), bridge.sends().len()), (vec!["once".to_owned()], 1));
    bridge.finish(0).await;
}

#[tokio::test]
async fn parts_of_a_long_text_have_a_receipt_each() {
    let bridge = marked().await;
    let (ticket, _) = bridge.talking("ada").await;
    let long: String = (0..400).map(|number| format!("word{number} ")).collect();
    bridge.sandbox.zendesk.agent_reply(ticket, &long);
    bridge.settled().await;
    let sent = bridge.sent();
    assert!(sent.len() > 1);
    let last = sent.last().unwrap();
    let mut events = sent.clone();
    events.push(bridge.sandbox.braze.event_after(last, "sms.Delivery", &json!({})));
    bridge.report(&events).await;
    let parts = sent.len();
    let are_told = |texts: &[Value]| {
        let receipts = texts[0]["receipts"].as_array().unwrap();
        receipts.len() == parts && receipts.last().is_some_and(|last| has(last, "delivered_at"))
    };
    let texts = bridge.until_texts("each part is told of", are_told).await;
    let receipts = texts[0]["receipts"].as_array().unwrap();
    for (number, receipt) in receipts.iter().enumerate() {
        assert_eq!(receipt["part"], number + 1);
        assert_eq!(has(receipt, "delivered_at"), number + 1 == parts);
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_whose_webhook_never_came_is_told_or_taken_in_and_never_counted_twice() {
    for backfill in [false, true] {
        let bridge = bridge_with(&format!("currents_backfill = {backfill}")).await;
        let (ticket, customer) = bridge.talking("ada").await;
        let before = bridge.comments(ticket).len();
        bridge.sandbox.phone.text(&customer, "ok");
        bridge.settled().await;
        // The second one's webhook is lost on the way.
        bridge.sandbox.braze.pause_webhooks();
        bridge.sandbox.phone.text(&customer, "ok");
        let lost = bridge.sandbox.braze.take_held_webhooks();
        bridge.sandbox.braze.resume_webhooks();
        let events = bridge.sandbox.braze.events("InboundReceive");
        assert_eq!(events.len(), 3);
        bridge.report(&events).await;
        bridge.report(&events).await;
        bridge.clock.advance(jiff::SignedDuration::from_mins(10));
        let texts = if backfill { before + 2 } else { before + 1 };
        if backfill {
            bridge.until("it is taken in", |bridge| bridge.comments(ticket).len() == texts).await;
        } else {
            let kept = |bridge: &TestBridge| bridge.clock.now();
            let started = kept(&bridge);
            while bridge.unbound().await.is_empty() {
                assert!(kept(&bridge).duration_since(started).as_mins() < 5, "the operator is told");
                bridge.until_deliveries("time goes on", |_| true).await;
                bridge.sandbox.wait_until(crate::support::QUIET, || false).await;
                bridge.clock.advance(jiff::SignedDuration::from_secs(1));
            }
        }
        bridge.settled().await;
        assert_eq!(bridge.comments(ticket).len(), texts);
        assert_eq!(bridge.unbound().await.len(), usize::from(!backfill));
        // The webhook comes after all.
        lost.into_iter().for_each(|webhook| bridge.sandbox.braze.send_webhook(webhook));
        bridge.settled().await;
        assert_eq!(bridge.comments(ticket).len(), before + 2, "{backfill}");
        bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_text_of_a_campaign_with_the_placeholder_is_not_taken_in_again_from_its_report() {
    let bridge = bridge_with("currents_backfill = true").await;
    let (ticket, customer) = bridge.talking("ada").await;
    let before = bridge.comments(ticket).len();
    bridge.sandbox.braze.pause_webhooks();
    bridge.sandbox.phone.text(&customer, "ok");
    let held = bridge.sandbox.braze.take_held_webhooks();
    let group = SandboxOptions::default().subscription_group;
    for mut webhook in held {
        assert!(webhook.body.contains(&group), "{}", webhook.body);
        webhook.body = webhook.body.replace(&group, "GROUP_ID");
        bridge.sandbox.braze.send_webhook(webhook);
    }
    bridge.until("it is taken in", |bridge| bridge.comments(ticket).len() == before + 1).await;
    // The report of a lost one shows when both have been looked at.
    bridge.sandbox.phone.text(&customer, "lost");
    drop(bridge.sandbox.braze.take_held_webhooks());
    bridge.sandbox.braze.resume_webhooks();
    bridge.report(&bridge.sandbox.braze.events("InboundReceive")).await;
    bridge.clock.advance(jiff::SignedDuration::from_mins(10));
    bridge.until("the lost one is taken in", |bridge| bridge.comments(ticket).iter().any(|said| said == "lost")).await;
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket)[before..], ["ok", "lost"]);
    bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_is_called_for_a_text_whose_webhook_never_came() {
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let bridge = TestBridge::start_from(SandboxOptions::default(), |sandbox, options| {
        let tokens = format!("currents_tokens = [\"{}\"]", options.braze_currents_token);
        format!("{}[alarm]\nurl = \"{url}\"\n", settings(sandbox, options, "", &tokens, ""))
    })
    .await;
    bridge.sandbox.braze.turn_currents_on();
    let (_, customer) = bridge.talking("ada").await;
    bridge.sandbox.braze.pause_webhooks();
    bridge.sandbox.phone.text(&customer, "A secret question");
    drop(bridge.sandbox.braze.take_held_webhooks());
    bridge.sandbox.braze.resume_webhooks();
    bridge.report(&bridge.sandbox.braze.events("InboundReceive")).await;
    bridge.clock.advance(jiff::SignedDuration::from_mins(10));
    bridge.until("an alarm", |_| !receiver.posts().is_empty()).await;
    let posts = receiver.posts();
    assert_eq!(posts[0]["alarms"], json!([{"kind": "no_webhook", "count": 1}]));
    let listed = run(tandem(&["reports", "list", "--url", &bridge.operator])).await;
    assert!(listed.code == 0 && listed.out.contains("wrote") && listed.out.contains("1 of 1 shown"), "{listed:?}");
    assert_discreet(&format!("{posts:?}{}", listed.out), &bridge.sandbox);
    bridge.finish(0).await;
}

#[tokio::test]
async fn an_end_of_a_subscription_without_a_keyword_is_noted_and_one_with_a_keyword_once() {
    let bridge = bridge_with("").await;
    let (ticket, customer) = bridge.talking("ada").await;
    let (other, stopping) = bridge.talking("grace").await;
    bridge.sandbox.braze.set_opted_out(&customer, true);
    bridge.sandbox.phone.text(&stopping, "STOP");
    bridge.settled().await;
    let before = bridge.notes(other).len();
    bridge.report(&bridge.sandbox.braze.events("StateChange")).await;
    bridge.until("the agent is told", |bridge| !bridge.notes(ticket).is_empty()).await;
    assert!(
        bridge.notes(ticket)[0].contains("has been unsubscribed from texts in Braze"),
        "{:?}",
        bridge.notes(ticket)
    );
    let conversations = bridge.conversations().await;
    assert!(conversations.iter().all(|conversation| conversation["subscription"] == "out"), "{conversations:#?}");
    bridge.settled().await;
    assert_eq!(bridge.notes(other).len(), before, "the keyword has said so");
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_batch_is_answered_as_its_connector_needs_it() {
    let bridge = bridge_with("").await;
    let token = SandboxOptions::default().braze_currents_token;
    let post = async |token: &str, body: String| {
        let url = format!("{}/webhooks/braze/currents", bridge.public);
        answer(bridge.http.post(url).header("Authorization", format!("Bearer {token}")).body(body)).await
    };
    let event =
        json!({"event_type": "users.messages.sms.New", "id": "1", "time": 1.5, "filler": "x".repeat(900 * 1024)});
    for (body, events) in [
        (String::new(), 0),
        ("{}".to_owned(), 0),
        (json!({"events": [{}, null, 7]}).to_string(), 3),
        (json!({"events": [event]}).to_string(), 1),
        ("not json".to_owned(), 0),
    ] {
        let start: String = body.chars().take(30).collect();
        assert_eq!(post(&token, body).await, (200, json!({"status": "accepted", "events": events})), "{start}");
    }
    assert_eq!(bridge.deliveries("state=quarantined").await.len(), 1, "an unreadable body is kept");
    assert_eq!(post("another", "{}".to_owned()).await.0, 401);
    assert_eq!(
        post(&SandboxOptions::default().braze_webhook_token, "{}".to_owned()).await.0,
        401,
        "it is another token"
    );
    assert_eq!(post(&token, "x".repeat(1024 * 1024 + 1)).await.0, 413);
    bridge.discard(&bridge.deliveries("state=quarantined").await[0]["id"]).await;
    bridge.finish(0).await;
}

/// A batch that the version before could not read lies in the store, as if the reader had been mended since.
#[tokio::test]
async fn a_batch_that_could_not_be_read_is_read_again_as_reports_and_twice_tells_nothing_new() {
    let mut bridge = bridge_with("").await;
    bridge.sandbox.braze.pass_marks_on();
    let (ticket, _) = bridge.talking("ada").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "one");
    bridge.settled().await;
    let send = bridge.sent().remove(0);
    let arrived = bridge.sandbox.braze.event_after(&send, "sms.Delivery", &json!({}));
    let batch = json!({"events": [send, arrived, {"event_type": "users.messages.email.Open"}]}).to_string();
    bridge.stop().await;
    bridge.quarantine("/webhooks/braze/currents", &batch).await;
    bridge.quarantine("/webhooks/braze/currents", &batch).await;
    bridge.quarantine("/webhooks/zendesk/currents", &batch).await;
    bridge.run().await;

    let kept = bridge.deliveries("state=quarantined").await;
    assert!(kept.iter().all(|one| one["conversation"].is_null()), "{kept:#?}");
    let redrive = async |one: &Value| {
        let id = one["id"].as_str().unwrap();
        answer(bridge.http.post(format!("{}/api/deliveries/{id}/redrive", bridge.operator))).await
    };
    for (one, cause) in [
        (&kept[0], "read again: 3 events, 2 of them new, 0 known and 1 of others"),
        (&kept[1], "read again: 3 events, 0 of them new, 2 known and 1 of others"),
    ] {
        let (status, moved) = redrive(one).await;
        assert_eq!((status, &moved["state"], &moved["cause"]), (200, &json!("skipped"), &json!(cause)), "{moved}");
    }
    let (status, refused) = redrive(&kept[2]).await;
    assert_eq!(status, 409, "a desk reports nothing: {refused}");
    let texts = bridge.until_texts("it is on the phone", |texts| all_have(texts, "delivered_at")).await;
    assert_eq!(texts.len(), 1);
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["one"], "nothing is sent again");
    bridge.discard(&kept[2]["id"]).await;
    bridge.finish(0).await;
}
