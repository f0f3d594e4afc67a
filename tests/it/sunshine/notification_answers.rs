//! A customer's answers to a text to their number, in whatever order answers, events and failures come: one ticket, their word
//! heeded, and no text sent again by itself.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::sunshine::{End, SMS};

use super::reach::BRAND;
use super::{ADA, Site};

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
