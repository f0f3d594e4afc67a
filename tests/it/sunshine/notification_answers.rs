//! A customer's answers to a text to their number, in whatever order answers, events and failures come: one ticket, their word
//! heeded, and no text sent again by itself.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::sunshine::{End, SMS};

use super::reach::BRAND;
use super::{ADA, BOB, Site};
use crate::put_back;

impl Site {
    /// A site whose first text is out, and the ticket. No event of it has come.
    async fn unheard() -> (Self, u64) {
        let site = Self::notifying().await;
        site.sunshine.pause_webhooks();
        let ticket = site.writes_first("once");
        site.bridge.settled().await;
        drop(site.sunshine.take_held_webhooks());
        (site, ticket)
    }

    /// The customer writes these words, and their webhook alone comes.
    fn hears(&self, words: &str) {
        self.sunshine.pause_webhooks();
        self.sunshine.text(SMS, ADA, "(their words)");
        for mut webhook in self.sunshine.take_held_webhooks() {
            webhook.body = webhook.body.replace("(their words)", words);
            self.sunshine.send_webhook(webhook);
        }
    }

    fn has_note(&self, ticket: u64, words: &str) -> bool {
        self.bridge.notes(ticket).iter().any(|note| note.contains(words))
    }
}

#[tokio::test]
async fn stop_is_heeded_where_it_overtakes_every_event_as_the_first_answer_or_a_later_one() {
    for answers in [&["STOP"][..], &["Which?", "STOP"]] {
        let (site, ticket) = Site::unheard().await;
        for words in answers {
            site.hears(words);
            site.settled().await;
        }
        let known = site.bridge.conversations().await;
        assert_eq!((known.len(), &known[0]["subscription"]), (1, &json!("out")), "{answers:?}");
        let heard = answers.len() - 1;
        assert_eq!(site.bridge.comments(ticket).iter().filter(|comment| *comment == "Which?").count(), heard);
        assert!(!site.bridge.notes(ticket).is_empty(), "{answers:?}: the agent is told");
        site.reply(ticket, "in vain");
        site.settled().await;
        assert_eq!((site.notified(), site.sends(), site.sunshine.reached(ADA).len()), (1, 0, 1), "{answers:?}");
        assert!(site.has_note(ticket, "opted out"), "{answers:?}: {:?}", site.bridge.notes(ticket));
        assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 1, "{answers:?}");
        site.finish(1).await;
    }
}

#[tokio::test]
async fn the_end_of_a_talk_that_an_answer_has_told_ends_the_replies_on_its_ticket() {
    let (site, ticket) = Site::unheard().await;
    site.hears("Which?");
    site.settled().await;
    site.sunshine.resume_webhooks();
    let talk = site.sunshine.conversation_of(SMS, ADA).unwrap();
    // A text of the same moment would outweigh the end.
    site.bridge.clock.advance(SignedDuration::from_secs(1));
    site.sunshine.remove_user_of(&talk);
    // The reports of the user and of the talk.
    site.learnt(2).await;
    site.reply(ticket, "in vain");
    site.settled().await;
    assert_eq!((site.notified(), site.sends()), (1, 0));
    assert!(site.has_note(ticket, "over"), "{:?}", site.bridge.notes(ticket));
    site.finish(1).await;
}

#[tokio::test]
async fn an_answer_that_comes_before_every_event_is_on_the_ticket_also_after_failures_on_the_way() {
    for (method, path) in [("PUT", "/api/v2/tickets/"), ("GET", "/api/v2/tickets/")] {
        let (site, ticket) = Site::unheard().await;
        let broken = Fault::on(method, path, FaultKind::status(500)).times(3);
        site.bridge.sandbox.zendesk.fail(broken);
        site.hears("Which?");
        site.settled().await;
        let comments = site.bridge.comments(ticket);
        assert_eq!(comments.iter().filter(|comment| *comment == "Which?").count(), 1, "{method}: {comments:?}");
        assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 1, "{method}");
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_number_whose_talk_is_over_is_written_to_again() {
    let site = Site::notifying().await;
    let first = site.writes_first("once");
    site.settled().await;
    let talk = site.sunshine.conversation_of(SMS, ADA).unwrap();
    site.sunshine.remove_user_of(&talk);
    // The report of the talk, and those of the ends of user and talk.
    site.learnt(3).await;
    let second = site.opened_for(site.requester(first), Some(BRAND));
    site.reply(second, "again");
    site.settled().await;
    assert_eq!((site.sunshine.reached(ADA), site.notified()), (vec!["once".into(), "again".into()], 2));
    // Its talk is learnt as that of the first text was.
    site.sunshine.text(SMS, ADA, "Yes?");
    site.settled().await;
    assert_eq!(site.bridge.comments(second).last().map(String::as_str), Some("Yes?"));
    site.reply(second, "Good");
    site.settled().await;
    assert_eq!((site.notified(), site.sends(), site.bridge.conversations().await.len()), (2, 1, 1));
    site.finish(0).await;
}

#[tokio::test]
async fn a_text_in_doubt_is_held_although_the_clock_says_that_its_talk_was_known_before_it() {
    let site = Site::notifying().await;
    site.sunshine.pause_webhooks();
    let ticket = site.writes_first("one");
    site.bridge.settled().await;
    let events = site.sunshine.take_held_webhooks();
    site.sunshine.fail(Fault::on("POST", "/notifications", FaultKind::LoseAnswer));
    site.reply(ticket, "two");
    site.bridge.until("the second text is out", |_| site.sunshine.reached(ADA).len() == 2).await;
    drop(site.sunshine.take_held_webhooks());
    // The talk is learnt at a time before the second text, which went to the number all the same.
    site.bridge.clock.set(SignedDuration::from_mins(-5));
    events.into_iter().for_each(|webhook| site.sunshine.send_webhook(webhook));
    site.bridge.until("the events are answered", |_| site.sunshine.is_idle()).await;
    site.receipts_of_first().await;
    site.bridge.clock.advance(SignedDuration::from_mins(10));
    let doubted = site.in_doubt(ticket).await;
    assert_eq!((doubted["state"].clone(), site.notified(), site.sends()), (json!("unconfirmed"), 2, 0));
    assert_eq!(site.sunshine.reached(ADA), ["one", "two"]);
    site.bridge.discard(&doubted["id"]).await;
    site.finish(0).await;
}

impl Site {
    /// Waits until the receipt of the first text is written, which comes behind its talk.
    async fn receipts_of_first(&self) {
        let has = |one: &Value| one["receipts"].as_array().is_some_and(|receipts| !receipts.is_empty());
        self.bridge.until_deliveries("the events are weighed", |deliveries| deliveries.iter().any(has)).await;
    }
}

#[tokio::test]
async fn an_event_without_a_number_that_overtakes_the_answer_to_the_call_tells_its_talk_all_the_same() {
    let site = Site::notifying().await;
    site.sunshine.set_end(End::Silent);
    site.sunshine.fail(Fault::on("POST", "/notifications", FaultKind::Delay(Duration::from_millis(800))));
    let ticket = site.writes_first("once");
    site.bridge.until("the text is taken", |_| !site.sunshine.texts().is_empty()).await;
    let id = site.sunshine.texts()[0].id.clone();
    let talk = site.sunshine.conversation_of(SMS, ADA).unwrap();
    let result = json!({"destination": null, "matchResult": {"conversation": {"_id": talk}}});
    let (status, _) = site.tells("notification:delivery:channel", &id, result).await;
    assert_eq!((status, site.replies().await[0]["state"].clone()), (200, json!("sending")), "the event came first");
    site.receipts(&["sent_at"]).await;
    site.settled().await;
    site.reply(ticket, "next");
    site.settled().await;
    assert_eq!((site.notified(), site.sends()), (1, 1), "the next reply is a message");
    site.finish(0).await;
}

impl Site {
    /// A site where the number stands in the conversation of a talk that is over: the customer wrote in that talk before it was
    /// known to be the number's, and it was removed since. Gives the ticket of the first text.
    async fn number_in_the_conversation_of_a_talk() -> (Self, u64) {
        let site = Self::notifying().await;
        site.sunshine.pause_webhooks();
        let first = site.writes_first("one");
        site.bridge.settled().await;
        let events = site.sunshine.take_held_webhooks();
        site.sunshine.text(SMS, ADA, "Hello");
        for mut webhook in site.sunshine.take_held_webhooks() {
            let mut body: Value = serde_json::from_str(&webhook.body).unwrap();
            for event in body["events"].as_array_mut().unwrap() {
                event["payload"]["message"]["source"].as_object_mut().unwrap().remove("client");
                event["payload"].as_object_mut().unwrap().remove("recentNotifications");
            }
            webhook.body = body.to_string();
            site.sunshine.send_webhook(webhook);
        }
        site.settled().await;
        let talk = site.sunshine.conversation_of(SMS, ADA).unwrap();
        assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 2, "nothing tells that the text is an answer");
        events.into_iter().for_each(|webhook| site.sunshine.send_webhook(webhook));
        site.bridge.until("the agent is told", |bridge| !bridge.notes(first).is_empty()).await;
        site.settled().await;
        site.sunshine.resume_webhooks();
        // A text of the same moment would outweigh the end.
        site.bridge.clock.advance(SignedDuration::from_secs(1));
        site.sunshine.remove_user_of(&talk);
        // The report of the talk, and those of the ends of user and talk.
        site.learnt(3).await;
        (site, first)
    }
}

#[tokio::test]
async fn a_text_to_a_number_that_stands_in_another_talks_conversation_is_held() {
    let (site, first) = Site::number_in_the_conversation_of_a_talk().await;
    let ticket = site.opened_for(site.requester(first), Some(BRAND));
    site.sunshine.fail(Fault::on("POST", "/notifications", FaultKind::LoseAnswer));
    site.reply(ticket, "once");
    let doubted = site.in_doubt(ticket).await;
    assert_eq!((doubted["state"].clone(), site.notified(), site.sends()), (json!("unconfirmed"), 2, 0));
    assert_eq!(site.sunshine.reached(ADA), ["one", "once"]);
    // A later message of the talk that is known by now is looked for by its mark, and goes again where it is not there.
    site.sunshine.fail(Fault::on("POST", "/messages", FaultKind::LoseRequest));
    site.reply(ticket, "two");
    site.bridge.until("the message is out", |_| site.sunshine.reached(ADA).len() == 3).await;
    site.calm().await;
    assert_eq!((site.notified(), site.sends()), (2, 2));
    site.bridge.discard(&doubted["id"]).await;
    site.finish(0).await;
}

#[tokio::test]
async fn an_event_without_a_number_tells_the_talk_of_one_that_stands_in_another_talks_conversation() {
    let (site, first) = Site::number_in_the_conversation_of_a_talk().await;
    site.sunshine.set_end(End::Silent);
    let ticket = site.opened_for(site.requester(first), Some(BRAND));
    site.reply(ticket, "once");
    site.settled().await;
    let id = site.sunshine.texts().last().unwrap().id.clone();
    let talk = site.sunshine.conversation_of(SMS, ADA).unwrap();
    let result = json!({"destination": null, "matchResult": {"conversation": {"_id": talk}}});
    let (status, _) = site.tells("notification:delivery:channel", &id, result).await;
    assert_eq!(status, 200);
    site.settled().await;
    site.reply(ticket, "next");
    site.settled().await;
    assert_eq!((site.notified(), site.sends()), (2, 1), "the next reply is a message");
    site.finish(0).await;
}

#[tokio::test]
async fn a_number_that_comes_back_to_its_talk_is_answered_there_once_its_customer_writes() {
    let site = Site::notifying().await;
    let first = site.writes_first("one");
    site.settled().await;
    // The phone is another user's for a while.
    site.bridge.clock.advance(SignedDuration::from_secs(1));
    let theft = site.client_event("e1", "client:remove", "theft", SMS);
    assert_eq!(site.post_events(&theft).await.0, 200);
    // The reports of the talk and of its end.
    site.learnt(2).await;
    let ticket = site.opened_for(site.requester(first), Some(BRAND));
    site.reply(ticket, "two");
    site.settled().await;
    assert_eq!((site.notified(), site.sends()), (2, 0));
    // A text from before, which comes late, does not tell that the talk lives.
    let before = site.bridge.clock.now() - SignedDuration::from_hours(1);
    site.sunshine.text_sent_at(before, SMS, ADA, "late");
    site.settled().await;
    site.reply(ticket, "three");
    site.settled().await;
    assert_eq!((site.notified(), site.sends()), (3, 0));
    site.sunshine.text(SMS, ADA, "Yes?");
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket).last().map(String::as_str), Some("Yes?"));
    site.reply(ticket, "four");
    site.settled().await;
    assert_eq!((site.notified(), site.sends(), site.bridge.conversations().await.len()), (3, 1, 1));
    site.finish(0).await;
}

#[tokio::test]
async fn a_tap_on_a_button_answers_as_a_text_does() {
    let (site, ticket) = Site::unheard().await;
    site.sunshine.resume_webhooks();
    site.sunshine.tap_postback(SMS, ADA, "YES");
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket).last().map(String::as_str), Some("[The customer tapped a button: YES]"));
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 1);
    site.reply(ticket, "Good");
    site.settled().await;
    assert_eq!((site.notified(), site.sends()), (1, 1), "the reply goes into the talk");
    site.finish(0).await;
}

#[tokio::test]
async fn an_answer_on_a_ticket_that_another_person_has_by_now_is_noted_there_and_the_next_goes_elsewhere() {
    let (site, ticket) = Site::unheard().await;
    site.bridge.sandbox.zendesk.set_requester(ticket, site.user("Bob Bobson", BOB));
    site.hears("Which?");
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket).iter().filter(|comment| *comment == "Which?").count(), 1);
    assert!(site.has_note(ticket, "no longer its requester"), "{:?}", site.bridge.notes(ticket));
    site.hears("Hello?");
    site.settled().await;
    assert!(!site.bridge.comments(ticket).contains(&"Hello?".to_owned()));
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 2);
    site.finish(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_backup_is_put_back_a_reply_that_may_have_gone_to_the_number_is_held() {
    let (mut site, ticket) = Site::unheard().await;
    let store = site.bridge.directory.path().join("store");
    let backup = site.bridge.directory.path().join("backup");
    site.bridge.stop().await;
    put_back::copy(&store, &backup);
    site.bridge.run().await;
    site.sunshine.connect(&site.bridge.public);
    site.reply(ticket, "two");
    site.bridge.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["once", "two"]);
    drop(site.sunshine.take_held_webhooks());
    site.bridge.stop().await;
    std::fs::remove_dir_all(&store).unwrap();
    put_back::copy(&backup, &store);
    // The talk is told before the reply is found.
    site.bridge.sandbox.zendesk.fail(Fault::on("", "/api/v2", FaultKind::status(503)).times(u32::MAX));
    site.bridge.run().await;
    site.sunshine.connect(&site.bridge.public);
    site.hears("Which?");
    site.bridge.until("the answer is taken", |_| site.sunshine.is_idle()).await;
    site.bridge.sandbox.zendesk.clear_faults();
    // The next reply finds the one before it, which went out in the lost time.
    site.bridge.clock.advance(SignedDuration::from_secs(1));
    site.reply(ticket, "three");
    site.bridge.until("the reply is out", |_| site.sunshine.reached(ADA).len() >= 3).await;
    let doubted = site.in_doubt(ticket).await;
    assert_eq!((doubted["state"].clone(), site.notified(), site.sends()), (json!("unconfirmed"), 2, 1));
    assert_eq!(site.sunshine.reached(ADA), ["once", "two", "three"]);
    site.bridge.discard(&doubted["id"]).await;
    site.finish(0).await;
}

#[tokio::test]
async fn a_message_in_doubt_is_held_where_a_number_stands_in_the_place_of_its_talk_by_now() {
    let site = Site::notifying().await;
    let first = site.writes_first("first");
    site.settled().await;
    site.sunshine.fail(Fault::on("POST", "/messages", FaultKind::LoseAnswer));
    site.sunshine.fail(Fault::on("GET", "/messages", FaultKind::status(500)).times(100));
    site.sunshine.pause_webhooks();
    site.reply(first, "one");
    let is = |one: &Value, kind, state| one["kind"] == kind && one["state"] == state;
    let in_doubt = |all: &[Value]| all.iter().any(|one| is(one, "phone_text", "unconfirmed"));
    site.bridge.until_deliveries("the message is in doubt", in_doubt).await;
    drop(site.sunshine.take_held_webhooks());
    site.sunshine.resume_webhooks();
    site.bridge.clock.advance(SignedDuration::from_secs(1));
    site.sunshine.remove_user_of(&site.sunshine.conversation_of(SMS, ADA).unwrap());
    site.learnt(3).await;
    let ticket = site.opened_for(site.requester(first), Some(BRAND));
    site.reply(ticket, "two");
    let is_read = |all: &[Value]| all.iter().filter(|one| is(one, "agent_reply", "delivered")).count() == 3;
    site.bridge.until_deliveries("the reply waits behind it", is_read).await;
    site.sunshine.clear_faults();
    site.bridge.until("the reply is out", |_| site.sunshine.reached(ADA).contains(&"two".to_owned())).await;
    let doubted = site.calm().await;
    assert_eq!((site.sunshine.reached(ADA), site.notified(), site.sends()), {
        (["first", "one", "two"].map(str::to_owned).to_vec(), 2, 1)
    });
    site.bridge.discard(&doubted["id"]).await;
    site.finish(0).await;
}
