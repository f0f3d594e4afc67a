//! The events of notifications, in the first generation's words: they come twice, in any order, before the answer to the call,
//! and from strangers.

use std::time::Duration;

use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::sunshine::{End, SMS, SunshineOptions, WHATSAPP};

use super::{ADA, BOB, Site};

impl Site {
    fn secret() -> String {
        SunshineOptions::default().notification_secret
    }

    /// Posts an event of a notification; these fields stand in the place of the usual ones.
    pub(super) async fn tells(&self, trigger: &str, id: &str, more: Value) -> (u16, Value) {
        let mut body = json!({"trigger": trigger, "version": "v1.1", "app": {"_id": "a1"},
            "destination": {"type": "twilio", "integrationId": SMS, "destinationId": &ADA[1..]},
            "notification": {"_id": id}, "isFinalEvent": false, "timestamp": 1_790_000_000.12});
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.post(Some(&Self::secret()), body.to_string()).await
    }

    /// The receipts of the only text, once reports have told these times.
    pub(super) async fn receipts(&self, told: &[&str]) -> Value {
        let has = |receipt: &Value| told.iter().all(|time| receipt[time].is_string());
        let are_there = |deliveries: &[Value]| {
            let receipts = deliveries.iter().filter_map(|delivery| delivery["receipts"].as_array());
            receipts.flatten().any(has)
        };
        self.bridge.until_deliveries("the reports are weighed", are_there).await;
        self.text().await["receipts"].clone()
    }
}

/// Events that tell of talk `c1` of user `u1`.
fn matched() -> Value {
    json!({"matchResult": {"appUser": {"_id": "u1", "conversationStarted": true}, "conversation": {"_id": "c1"}}})
}

#[tokio::test]
async fn events_that_come_twice_and_in_another_order_change_nothing() {
    let site = Site::notifying().await;
    site.sunshine.pause_webhooks();
    let ticket = site.writes_first("once");
    site.bridge.settled().await;
    let held = site.sunshine.take_held_webhooks();
    let told = held.iter().filter(|webhook| webhook.body.contains("\"trigger\"")).count();
    assert_eq!(told, 2, "the channel and the handset");
    for webhook in held.iter().rev().chain(&held) {
        site.sunshine.send_webhook(webhook.clone());
    }
    site.sunshine.resume_webhooks();
    site.settled().await;
    let receipts = site.receipts(&["sent_at", "delivered_at"]).await;
    assert_eq!(receipts.as_array().map(Vec::len), Some(1), "{receipts}");
    assert_eq!((site.notified(), site.bridge.notes(ticket).len()), (1, 0));
    site.sunshine.text(SMS, ADA, "Yes");
    site.settled().await;
    assert_eq!(
        (site.bridge.comments(ticket).last().map(String::as_str), site.bridge.conversations().await.len()),
        (Some("Yes"), 1)
    );
    site.finish(0).await;
}

#[tokio::test]
async fn an_event_that_overtakes_the_answer_to_the_call_is_not_lost() {
    let site = Site::notifying().await;
    site.sunshine.set_end(End::Fails(30006));
    site.sunshine.fail(Fault::on("POST", "/notifications", FaultKind::Delay(Duration::from_millis(300))));
    let ticket = site.writes_first("in vain");
    site.bridge.until("the failure is told", |bridge| !bridge.notes(ticket).is_empty()).await;
    site.settled().await;
    let notes = site.bridge.notes(ticket);
    assert!(notes.len() == 1 && notes[0].contains("the number is that of a landline"), "{notes:?}");
    assert_eq!(site.notified(), 1);
    site.finish(0).await;
}

#[tokio::test]
async fn a_notification_that_fails_or_finds_nobody_becomes_one_note() {
    let site = Site::notifying().await;
    site.sunshine.hide_from_notifications(ADA);
    let ticket = site.writes_first("to nobody");
    site.bridge.until("the agent is told", |bridge| !bridge.notes(ticket).is_empty()).await;
    assert!(site.sunshine.repeat_webhooks("notification:match:failure") > 0);
    site.settled().await;
    let notes = site.bridge.notes(ticket);
    assert!(notes.len() == 1 && !notes[0].contains("15550123456"), "{notes:?}");
    assert_eq!((site.notified(), site.sunshine.counts()), (1, [0, 0, 0]));
    site.finish(0).await;

    for code in [30006, 21610] {
        let site = Site::notifying().await;
        site.sunshine.set_end(End::FailsLate(code));
        let ticket = site.writes_first("in vain");
        site.bridge.until("the agent is told", |bridge| !bridge.notes(ticket).is_empty()).await;
        site.settled().await;
        let notes = site.bridge.notes(ticket);
        assert!(notes.len() == 1 && notes[0].contains(&code.to_string()), "{notes:?}");
        assert_eq!(site.notified(), 1);
        site.finish(0).await;
    }
}

#[tokio::test]
async fn an_event_that_repeats_the_mark_ends_the_doubt_either_way() {
    for (end, notes) in [(End::Arrives, 0), (End::Taken, 0), (End::Fails(30006), 1)] {
        let site = Site::notifying().await;
        site.sunshine.repeat_metadata();
        site.sunshine.set_end(end.clone());
        site.sunshine.fail(Fault::on("POST", "/notifications", FaultKind::LoseAnswer));
        let ticket = site.writes_first("once");
        site.settled().await;
        assert_eq!((site.text().await["state"].clone(), site.notified()), (json!("delivered"), 1), "{end:?}");
        let told = site.bridge.notes(ticket);
        assert_eq!(told.len(), notes, "{end:?}: {told:?}");
        site.finish(0).await;
    }
    // Also where the operator has it already.
    let site = Site::notifying().await;
    site.sunshine.repeat_metadata();
    site.sunshine.pause_webhooks();
    site.sunshine.fail(Fault::on("POST", "/notifications", FaultKind::LoseAnswer));
    let ticket = site.writes_first("once");
    site.bridge.until("the agent is told", |bridge| !bridge.notes(ticket).is_empty()).await;
    site.sunshine.resume_webhooks();
    site.settled().await;
    assert_eq!((site.text().await["state"].clone(), site.notified()), (json!("delivered"), 1));
    site.finish(0).await;
}

#[tokio::test]
async fn an_answer_that_comes_before_every_event_joins_the_ticket() {
    for without_client in [false, true] {
        let site = Site::notifying().await;
        site.sunshine.pause_webhooks();
        let ticket = site.writes_first("once");
        site.bridge.settled().await;
        let events = site.sunshine.take_held_webhooks();
        site.sunshine.text(SMS, ADA, "At once");
        let answers = site.sunshine.take_held_webhooks();
        for mut webhook in answers {
            if without_client {
                // Without the phone, the notifications that it answers tell.
                let mut body: Value = serde_json::from_str(&webhook.body).unwrap();
                for event in body["events"].as_array_mut().unwrap() {
                    event["payload"]["message"]["source"].as_object_mut().unwrap().remove("client");
                }
                webhook.body = body.to_string();
            }
            site.sunshine.send_webhook(webhook);
        }
        site.settled().await;
        assert_eq!(site.bridge.comments(ticket).last().map(String::as_str), Some("At once"), "{without_client}");
        events.into_iter().for_each(|webhook| site.sunshine.send_webhook(webhook));
        site.sunshine.resume_webhooks();
        site.settled().await;
        site.reply(ticket, "Good");
        site.sunshine.text(SMS, ADA, "Bye");
        site.settled().await;
        assert_eq!((site.notified(), site.sends()), (1, 1), "the reply goes into the talk");
        assert_eq!(site.sunshine.reached(ADA), ["once", "Good"]);
        assert!(site.bridge.comments(ticket).contains(&"Bye".to_owned()));
        assert_eq!((site.bridge.sandbox.zendesk.tickets().len(), site.bridge.conversations().await.len()), (1, 1));
        site.finish(0).await;
    }
}

#[tokio::test]
async fn strangers_broken_bodies_and_events_of_others_bring_about_nothing() {
    let site = Site::notifying().await;
    site.sunshine.pause_webhooks();
    let ticket = site.writes_first("once");
    site.bridge.settled().await;
    let id = site.sunshine.texts()[0].id.clone();
    // Forged, and too long.
    let body = json!({"trigger": "notification:delivery:failure", "notification": {"_id": id}}).to_string();
    for secret in [None, Some(""), Some("wrong")] {
        assert_eq!(site.post(secret, body.clone()).await.0, 503, "{secret:?}");
    }
    let long = format!("{{\"trigger\":\"notification:delivery:user\",\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
    assert_eq!(site.post(Some(&Site::secret()), long).await.0, 413);
    // Malformed ones are kept.
    for broken in [json!({"notification": null}), json!({"notification": {}}), json!({"notification": {"_id": "../x"}})]
    {
        let (status, told) = site.tells("notification:delivery:failure", &id, broken.clone()).await;
        assert_eq!((status, &told["status"]), (202, &json!("quarantined")), "{broken}");
    }
    // Unknown triggers, other integrations and other notifications.
    let elsewhere = json!({"destination": {"type": "twilio", "integrationId": "5f0c00000000000000000009"}});
    for (trigger, more) in [
        ("notification:delivery:other", json!({})),
        ("message:appUser", json!({})),
        ("conversation:start", json!({})),
        ("notification:delivery:failure", elsewhere),
    ] {
        let (_, told) = site.tells(trigger, &id, more).await;
        assert_eq!(told["status"], "ignored", "{trigger}");
    }
    let (status, _) = site.tells("notification:delivery:failure", "another-one", matched()).await;
    assert_eq!(status, 200);
    site.bridge.settled().await;
    assert_eq!(site.bridge.notes(ticket), [""; 0]);
    for kept in site.of_kind("unreadable").await {
        site.bridge.discard(&kept["id"]).await;
    }
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn an_event_tells_its_talk_by_the_notification_alone_where_it_names_no_number() {
    let site = Site::notifying().await;
    site.sunshine.set_end(End::Silent);
    let ticket = site.writes_first("once");
    site.settled().await;
    let id = site.sunshine.texts()[0].id.clone();
    let talk = site.sunshine.conversation_of(SMS, ADA).unwrap();
    let result = json!({"destination": null, "metadata": {"tandem": "no mark"},
        "matchResult": {"conversation": {"_id": talk}}});
    let (status, told) = site.tells("notification:delivery:channel", &id, result).await;
    assert_eq!((status, told), (200, json!({"status": "accepted", "events": 2})));
    // The talk is learnt before the receipt.
    site.receipts(&["sent_at"]).await;
    site.reply(ticket, "next");
    site.settled().await;
    assert_eq!((site.notified(), site.sends()), (1, 1), "the next reply is a message");
    site.finish(0).await;
}

#[tokio::test]
async fn the_talk_of_another_number_or_line_is_not_taken_for_this_one() {
    let site = Site::notifying().await;
    site.sunshine.set_end(End::Silent);
    let ticket = site.writes_first("once");
    site.settled().await;
    for (id, to) in [
        json!({"type": "twilio", "integrationId": SMS, "destinationId": &BOB[1..]}),
        json!({"type": "whatsapp", "integrationId": WHATSAPP, "destinationId": &ADA[1..]}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut more = matched();
        more["destination"] = to;
        assert_eq!(site.tells("notification:delivery:channel", &format!("n{id}"), more).await.0, 200);
    }
    site.settled().await;
    site.reply(ticket, "next");
    site.settled().await;
    assert_eq!((site.notified(), site.sends()), (2, 0), "no talk is known");
    site.finish(0).await;
}
