//! Talks that are merged into another one, or removed, and customers who block the business or take a phone to another user.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::sunshine::{SMS, WHATSAPP};
use tandem::sandbox::zendesk::TicketStatus;

use super::{ADA, Site};

const OVER: &str = "this conversation is over at the carrier";

/// No look for missed texts, which would find those that these tests drop.
const NO_LOOKS: &str = "catch_up_minutes = 0";

impl Site {
    /// With a template on the WhatsApp line.
    async fn with_talks() -> Self {
        Self::start_on(NO_LOOKS, "", "template = \"please_write_again\"").await
    }

    /// A reply that waits for the customer's answer to the template.
    async fn waiting_on(&self, ticket: u64, words: &str) {
        self.bridge.clock.advance(SignedDuration::from_hours(24));
        self.reply(ticket, words);
        self.bridge.until("the template is out", |_| !self.sunshine.texts().is_empty()).await;
        self.bridge.until("the reply waits", |bridge| !bridge.notes(ticket).is_empty()).await;
    }

    async fn told(&self, ticket: u64, words: &str) {
        let has = |notes: &[String]| notes.iter().any(|note| note.contains(words));
        self.bridge.until(words, |bridge| has(&bridge.notes(ticket))).await;
    }

    /// The events of these kinds in the webhooks that are held back, which go no other way.
    fn held_events(&self, kinds: &[&str]) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        for webhook in self.sunshine.take_held_webhooks() {
            let body: Value = serde_json::from_str(&webhook.body).unwrap();
            events.extend(body["events"].as_array().unwrap().iter().cloned());
        }
        events.retain(|event| kinds.iter().any(|kind| event["type"] == *kind));
        events
    }

    /// The customers' texts among them.
    fn held_texts(&self) -> Vec<Value> {
        let mut said = self.held_events(&["conversation:message"]);
        said.retain(|event| event["payload"]["message"]["author"]["type"] == "user");
        said
    }

    /// The customer's talk over SMS goes on in the one over WhatsApp, which holds both channels then; gives its name.
    async fn both_channels_in_one_talk(&self) -> String {
        let (_, surviving) = self.merged_into_an_unknown_one(SMS, WHATSAPP);
        self.learnt(1).await;
        surviving
    }

    /// The customer's talk on the first line is merged into one on the second, of which the bridge knows nothing; gives the names
    /// of both.
    pub(super) fn merged_into_an_unknown_one(&self, gone: &str, left: &str) -> (String, String) {
        let discarded = self.sunshine.conversation_of(gone, ADA).unwrap();
        self.sunshine.pause_webhooks();
        self.sunshine.text(left, ADA, "unheard");
        drop(self.sunshine.take_held_webhooks());
        self.sunshine.resume_webhooks();
        let surviving = self.sunshine.conversation_of(left, ADA).unwrap();
        self.sunshine.merge(&surviving, &discarded);
        (discarded, surviving)
    }

    /// Lets time pass until the only conversation has this subscription.
    async fn subscribed(&self, subscription: &str) {
        let started = self.bridge.clock.now();
        loop {
            let known = self.bridge.conversations().await;
            if known[0]["subscription"] == subscription {
                return;
            }
            assert!(self.bridge.clock.now().duration_since(started).as_mins() < 10, "{subscription}: {}", known[0]);
            self.bridge.sandbox.wait_until(crate::support::QUIET, || false).await;
            self.bridge.clock.advance(SignedDuration::from_secs(1));
        }
    }

    /// Lets time pass until so many reports of talks are weighed.
    pub(super) async fn learnt(&self, many: usize) {
        let line = format!("tandem_reports_total{{destination=\"sunshine\",fate=\"learnt\"}} {many}");
        let started = self.bridge.clock.now();
        loop {
            let url = format!("{}/metrics", self.bridge.operator);
            let page = self.bridge.http.get(url).send().await.unwrap().text().await.unwrap();
            if page.lines().any(|known| known == line) {
                return;
            }
            assert!(self.bridge.clock.now().duration_since(started).as_mins() < 10, "{line}\n{page}");
            self.bridge.sandbox.wait_until(crate::support::QUIET, || false).await;
            self.bridge.clock.advance(SignedDuration::from_secs(1));
        }
    }

    pub(super) fn client_event(&self, id: &str, kind: &str, reason: &str, integration: &str) -> Value {
        let talk = self.sunshine.conversation_of(SMS, ADA).unwrap();
        json!([{"id": id, "type": kind, "createdAt": self.bridge.clock.now().to_string(), "payload": {
            "conversation": {"id": talk}, "user": {"id": "u1"}, "reason": reason,
            "client": {"id": "k1", "type": "twilio", "integrationId": integration}}}])
    }
}

#[tokio::test]
async fn a_talk_that_is_merged_into_an_unknown_one_goes_on_there_with_its_ticket() {
    let site = Site::with_talks().await;
    let ticket = site.talking().await;
    let (discarded, surviving) = site.merged_into_an_unknown_one(SMS, WHATSAPP);
    site.learnt(1).await;
    site.sunshine.text(SMS, ADA, "It is me");
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "It is me"]);
    site.reply(ticket, "Hi Ada");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["Hi Ada"]);
    assert_eq!(site.sunshine.texts()[0].conversation, surviving);
    let known = site.bridge.conversations().await;
    assert_eq!((known.len(), &known[0]["key"]), (1, &json!(format!("sunshine:{discarded}"))), "one customer, one talk");
    assert_eq!(site.bridge.notes(ticket), [""; 0]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_reply_that_waits_in_a_talk_goes_out_after_the_answer_in_the_one_that_it_was_merged_into() {
    let site = Site::with_talks().await;
    let ticket = site.talking_on(WHATSAPP, ADA).await;
    site.waiting_on(ticket, "Your parcel is there").await;
    site.merged_into_an_unknown_one(WHATSAPP, SMS);
    site.learnt(1).await;
    site.sunshine.text(WHATSAPP, ADA, "Yes?");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA).last().map(String::as_str), Some("Your parcel is there"));
    assert!(site.bridge.comments(ticket).contains(&"Yes?".to_owned()), "the ticket has gone on with the talk");
    assert_eq!(site.bridge.conversations().await.len(), 1);
    site.finish(0).await;
}

#[tokio::test]
async fn a_merge_beside_the_first_message_of_the_talk_that_is_left_opens_no_ticket_in_either_order() {
    for is_merge_first in [true, false] {
        let site = Site::with_talks().await;
        let ticket = site.talking().await;
        let discarded = site.sunshine.conversation_of(SMS, ADA).unwrap();
        site.sunshine.pause_webhooks();
        site.sunshine.text(WHATSAPP, ADA, "It is me");
        let surviving = site.sunshine.conversation_of(WHATSAPP, ADA).unwrap();
        site.sunshine.merge(&surviving, &discarded);
        let mut events = site.held_events(&["conversation:message", "user:merge"]);
        site.sunshine.resume_webhooks();
        assert_eq!((events.len(), &events[1]["type"]), (2, &json!("user:merge")));
        if is_merge_first {
            events.reverse();
        }
        assert_eq!(site.post_events(&json!(events)).await.0, 200);
        site.settled().await;
        assert_eq!(site.bridge.comments(ticket), ["Hello", "It is me"], "{is_merge_first}");
        assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 1);
        site.reply(ticket, "Hi Ada");
        site.settled().await;
        let texts = site.sunshine.texts();
        assert_eq!((&texts[0].conversation, &texts[0].words), (&surviving, &"Hi Ada".to_owned()));
        assert_eq!((texts.len(), site.bridge.notes(ticket)), (1, Vec::new()));
        site.finish(0).await;
    }
}

#[tokio::test]
async fn the_late_first_text_of_a_talk_that_was_merged_stands_on_the_other_ones_ticket() {
    let site = Site::with_talks().await;
    site.sunshine.pause_webhooks();
    site.sunshine.text(WHATSAPP, ADA, "late");
    let late = site.held_events(&["conversation:message"]);
    site.sunshine.resume_webhooks();
    let ticket = site.talking().await;
    let talk = |integration| site.sunshine.conversation_of(integration, ADA).unwrap();
    site.sunshine.merge(&talk(SMS), &talk(WHATSAPP));
    site.learnt(1).await;
    assert_eq!(site.post_events(&json!(late)).await.0, 200);
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "late"]);
    assert_eq!(site.bridge.sandbox.zendesk.tickets().len(), 1);
    site.reply(ticket, "Hi Ada");
    site.settled().await;
    assert_eq!(site.sunshine.texts()[0].conversation, talk(SMS));
    site.finish(0).await;
}

#[tokio::test]
async fn of_two_merged_talks_with_tickets_the_one_with_the_newer_text_goes_on_with_the_reply_that_waits_in_it() {
    let site = Site::with_talks().await;
    let (ended, lasting) = (site.talking_on(SMS, ADA).await, site.talking_on(WHATSAPP, ADA).await);
    site.waiting_on(lasting, "Your parcel is there").await;
    let talk = |integration| site.sunshine.conversation_of(integration, ADA).unwrap();
    let surviving = talk(SMS);
    site.sunshine.merge(&surviving, &talk(WHATSAPP));
    site.told(lasting, &format!("The other one is on ticket #{ended}.")).await;
    site.told(ended, &format!("Their texts come to ticket #{lasting} from now on")).await;
    site.sunshine.text(WHATSAPP, ADA, "Yes?");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA).last().map(String::as_str), Some("Your parcel is there"));
    assert!(site.bridge.comments(lasting).contains(&"Yes?".to_owned()));
    assert!(!site.bridge.comments(ended).contains(&"Yes?".to_owned()));
    assert_eq!(site.sunshine.texts().last().map(|text| text.conversation.clone()), Some(surviving));
    site.finish(0).await;
}

#[tokio::test]
async fn a_reply_that_waits_in_a_talk_merged_into_a_known_one_with_a_newer_text_ends_with_a_note_on_its_ticket() {
    let site = Site::with_talks().await;
    let (lasting, ended) = (site.talking_on(SMS, ADA).await, site.talking_on(WHATSAPP, ADA).await);
    assert_ne!(lasting, ended);
    site.waiting_on(ended, "Your parcel is there").await;
    site.sunshine.text(SMS, ADA, "anybody?");
    site.bridge.until("it is on its ticket", |bridge| bridge.comments(lasting).len() == 2).await;
    let talk = |integration| site.sunshine.conversation_of(integration, ADA).unwrap();
    site.sunshine.merge(&talk(SMS), &talk(WHATSAPP));
    site.told(ended, OVER).await;
    site.told(ended, &format!("#{lasting}")).await;
    site.told(lasting, &format!("#{ended}")).await;
    site.settled().await;
    let sends = site.sends();
    site.reply(ended, "once more");
    site.settled().await;
    assert_eq!(site.sends(), sends, "nothing goes into a talk that is over");
    site.sunshine.text(WHATSAPP, ADA, "Yes?");
    site.settled().await;
    let (mut said, notes) = (site.bridge.comments(lasting), site.bridge.notes(lasting));
    said.retain(|words| !notes.contains(words));
    assert_eq!(said, ["Hello", "anybody?", "Yes?"]);
    site.reply(lasting, "Your parcel is there");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA).last().map(String::as_str), Some("Your parcel is there"));
    site.finish(2).await;
}

#[tokio::test]
async fn a_reply_that_waits_for_a_removed_customer_ends_with_a_note_and_nothing_more_is_tried() {
    for by_talk in [false, true] {
        let site = Site::with_talks().await;
        let ticket = site.talking_on(WHATSAPP, ADA).await;
        site.waiting_on(ticket, "Your parcel is there").await;
        let talk = site.sunshine.conversation_of(WHATSAPP, ADA).unwrap();
        site.sunshine.pause_webhooks();
        site.sunshine.remove_user_of(&talk);
        // The events of the user and of the talk, each alone.
        let word = if by_talk { "conversation:remove" } else { "user:remove" };
        let events = site.held_events(&[word]);
        assert_eq!(events.len(), 1, "{word}");
        assert_eq!(site.post_events(&json!(events)).await.0, 200);
        site.told(ticket, OVER).await;
        let sends = site.sends();
        site.reply(ticket, "once more");
        site.bridge.settled().await;
        assert_eq!(site.sends(), sends, "{word}");
        site.bridge.finish(2).await;
    }
}

#[tokio::test]
async fn a_phone_that_goes_to_another_user_ends_the_talk_until_its_customer_writes_there_again() {
    let site = Site::with_talks().await;
    let ticket = site.talking().await;
    let elsewhere = site.client_event("e1", "client:remove", "theft", WHATSAPP);
    assert_eq!(site.post_events(&elsewhere).await.0, 200);
    site.settled().await;
    site.reply(ticket, "one");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["one"], "another phone of theirs");
    let theft = site.client_event("e2", "client:remove", "theft", SMS);
    assert_eq!(site.post_events(&theft).await.0, 200);
    site.learnt(1).await;
    site.reply(ticket, "two");
    site.told(ticket, OVER).await;
    site.settled().await;
    site.sunshine.text(SMS, ADA, "here I am");
    site.settled().await;
    site.reply(ticket, "three");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["one", "three"]);
    site.finish(1).await;
}

#[tokio::test]
async fn a_customer_who_blocks_the_business_gets_no_texts_until_they_lift_it() {
    let site = Site::with_talks().await;
    let ticket = site.talking_on(WHATSAPP, ADA).await;
    site.sunshine.block(WHATSAPP, ADA, true);
    site.subscribed("out").await;
    site.settled().await;
    assert_eq!(site.bridge.notes(ticket).len(), 1, "the agent is told");
    let sends = site.sends();
    site.reply(ticket, "in vain");
    site.settled().await;
    assert_eq!(site.sends(), sends);
    site.told(ticket, "opted out").await;
    site.sunshine.block(WHATSAPP, ADA, false);
    site.subscribed("unknown").await;
    site.reply(ticket, "welcome back");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["welcome back"]);
    // A word of their own is lifted by a word of their own.
    site.sunshine.text(WHATSAPP, ADA, "STOP");
    site.subscribed("out").await;
    site.sunshine.block(WHATSAPP, ADA, true);
    site.sunshine.block(WHATSAPP, ADA, false);
    site.settled().await;
    site.bridge.clock.advance(SignedDuration::from_mins(3));
    site.reply(ticket, "after STOP");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["welcome back"]);
    site.finish(2).await;
}

#[tokio::test]
async fn an_old_message_that_comes_late_does_not_turn_back_the_line_on_which_replies_go() {
    let site = Site::with_talks().await;
    let ticket = site.talking().await;
    site.both_channels_in_one_talk().await;
    site.sunshine.pause_webhooks();
    site.sunshine.text(SMS, ADA, "the older one");
    let late = site.held_events(&["conversation:message"]);
    site.sunshine.resume_webhooks();
    site.bridge.clock.advance(SignedDuration::from_mins(3));
    site.sunshine.text(WHATSAPP, ADA, "the newer one");
    site.settled().await;
    assert_eq!(site.post_events(&json!(late)).await.0, 200);
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "the newer one", "the older one"]);
    site.reply(ticket, "Hi Ada");
    site.settled().await;
    let texts = site.sunshine.texts();
    assert_eq!((texts.len(), texts[0].integration.as_str()), (1, WHATSAPP));
    site.finish(0).await;
}

#[tokio::test]
async fn the_parts_of_a_reply_stay_as_they_were_cut_although_the_customer_writes_on_another_channel_in_between() {
    let site = Site::with_talks().await;
    let ticket = site.talking().await;
    let surviving = site.both_channels_in_one_talk().await;
    site.sunshine.text(SMS, ADA, "by SMS");
    site.settled().await;
    site.sunshine.pause_webhooks();
    let words = vec!["word"; 500].join(" ");
    site.sunshine.fail(Fault::on("POST", "/messages", FaultKind::LoseAnswer));
    site.reply(ticket, &words);
    site.bridge.until("the first part is out", |_| site.sunshine.reached(ADA).len() == 1).await;
    site.sunshine.text(WHATSAPP, ADA, "by WhatsApp");
    let said = site.held_texts();
    assert_eq!(site.post_events(&json!(said)).await.0, 200);
    site.sunshine.resume_webhooks();
    site.settled().await;
    let texts = site.sunshine.texts();
    let told: Vec<&str> = texts.iter().map(|text| text.words.as_str()).collect();
    assert_eq!((told.len(), told.join(" ")), (2, words));
    assert!(texts.iter().all(|text| text.conversation == surviving));
    site.finish(0).await;
}

#[tokio::test]
async fn a_part_that_shows_only_after_the_last_look_is_not_taken_for_the_whole_reply_in_the_cut_of_another_channel() {
    let site = Site::with_talks().await;
    let ticket = site.talking().await;
    site.both_channels_in_one_talk().await;
    site.sunshine.text(SMS, ADA, "by SMS");
    site.settled().await;
    site.sunshine.pause_webhooks();
    // The looks of the first attempt see nothing of its part, and that of the second, which is lost, does.
    site.sunshine.set_list_lag(SignedDuration::from_secs(45));
    for what in [FaultKind::LoseAnswer, FaultKind::LoseRequest] {
        site.sunshine.fail(Fault::on("POST", "/messages", what));
    }
    let words = vec!["word"; 500].join(" ");
    site.reply(ticket, &words);
    site.bridge.until("the first part is out", |_| site.sunshine.reached(ADA).len() == 1).await;
    site.sunshine.text(WHATSAPP, ADA, "by WhatsApp");
    let said = site.held_texts();
    assert_eq!(site.post_events(&json!(said)).await.0, 200);
    site.sunshine.resume_webhooks();
    site.settled().await;
    assert_eq!((site.sunshine.reached(ADA).join(" "), site.sends()), (words, 3));
    site.finish(0).await;
}

#[tokio::test]
async fn a_reply_of_several_parts_goes_on_by_its_first_cut_after_a_crash_although_the_customer_has_changed_the_channel()
{
    for (before, meanwhile, parts) in [(SMS, WHATSAPP, 2), (WHATSAPP, SMS, 1)] {
        let mut site = Site::with_talks().await;
        let ticket = site.talking().await;
        site.both_channels_in_one_talk().await;
        site.sunshine.text(before, ADA, "here I am");
        site.settled().await;
        site.bridge.stop().await;
        site.bridge.run_apart().await;
        site.sunshine.connect(&site.bridge.public);
        // The text comes before the look that sees the first part.
        site.sunshine.set_list_lag(SignedDuration::from_secs(5));
        let words = vec!["word"; 500].join(" ");
        site.sunshine.fail(Fault::on("POST", "/messages", FaultKind::Delay(Duration::from_secs(600))));
        site.reply(ticket, &words);
        site.bridge.until("the first part is out", |_| site.sunshine.reached(ADA).len() == 1).await;
        site.bridge.kill().await;
        site.sunshine.pause_webhooks();
        site.sunshine.text(meanwhile, ADA, "and there");
        let said = site.held_texts();
        site.bridge.run().await;
        site.sunshine.connect(&site.bridge.public);
        assert_eq!(site.post_events(&json!(said)).await.0, 200);
        site.sunshine.resume_webhooks();
        site.settled().await;
        let texts = site.sunshine.texts();
        let told: Vec<&str> = texts.iter().map(|text| text.words.as_str()).collect();
        assert_eq!((told.len(), told.join(" ")), (parts, words), "{before}");
        site.finish(0).await;
    }
}

#[tokio::test]
async fn replies_reach_the_phone_on_the_lasting_ticket_after_an_agent_has_merged_the_ended_ones_into_it() {
    for (surviving, discarded) in [(SMS, WHATSAPP), (WHATSAPP, SMS)] {
        let site = Site::start_on("catch_up_minutes = 1", "", "").await;
        let (ended, lasting) = (site.talking_on(SMS, ADA).await, site.talking_on(WHATSAPP, ADA).await);
        let talk = |integration| site.sunshine.conversation_of(integration, ADA).unwrap();
        site.sunshine.merge(&talk(surviving), &talk(discarded));
        site.told(ended, &format!("Their texts come to ticket #{lasting} from now on")).await;
        site.bridge.sandbox.zendesk.merge(ended, lasting);
        site.bridge.clock.advance(SignedDuration::from_mins(3));
        site.settled().await;
        site.reply(lasting, "Hi Ada");
        site.settled().await;
        assert_eq!(site.sunshine.reached(ADA), ["Hi Ada"], "{surviving}");
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_merge_while_a_worker_opens_the_ticket_behind_a_solved_one_that_is_closed_leads_every_reply_to_the_phone() {
    let site = Site::with_talks().await;
    let (closed, other) = (site.talking_on(SMS, ADA).await, site.talking_on(WHATSAPP, ADA).await);
    let zendesk = &site.bridge.sandbox.zendesk;
    zendesk.set_status(closed, TicketStatus::Solved);
    site.settled().await;
    // The desk closes a solved ticket later, and tells nobody.
    zendesk.pause_webhooks();
    zendesk.set_status(closed, TicketStatus::Closed);
    drop(zendesk.take_held_webhooks());
    zendesk.resume_webhooks();
    zendesk.fail(Fault::on("POST", "/api/v2/tickets", FaultKind::Delay(Duration::from_millis(800))));
    site.sunshine.pause_webhooks();
    site.sunshine.text(SMS, ADA, "It is me");
    let talk = |integration| site.sunshine.conversation_of(integration, ADA).unwrap();
    site.sunshine.merge(&talk(SMS), &talk(WHATSAPP));
    let events = site.held_events(&["conversation:message", "user:merge"]);
    site.sunshine.resume_webhooks();
    assert_eq!((events.len(), &events[1]["type"]), (2, &json!("user:merge")));
    assert_eq!(site.post_events(&json!([events[0]])).await.0, 200);
    site.bridge.until("the next ticket is opened", |_| zendesk.tickets().len() == 3).await;
    assert_eq!(site.post_events(&json!([events[1]])).await.0, 200);
    site.settled().await;
    let next = zendesk.tickets().last().unwrap().id;
    assert!(next != closed && next != other);
    site.told(next, &format!("#{other}")).await;
    site.told(other, &format!("Their texts come to ticket #{next} from now on")).await;
    site.settled().await;
    let sends = site.sends();
    site.reply(next, "Hi Ada");
    site.settled().await;
    assert_eq!((site.sends(), site.sunshine.reached(ADA).last().map(String::as_str)), (sends + 1, Some("Hi Ada")));
    site.finish(0).await;
}

#[tokio::test]
async fn a_block_that_names_no_talk_is_told_on_no_ticket_of_a_talk_that_was_joined_and_its_end_wakes_none() {
    let site = Site::with_talks().await;
    let (ended, lasting) = (site.talking_on(SMS, ADA).await, site.talking_on(WHATSAPP, ADA).await);
    let talk = |integration| site.sunshine.conversation_of(integration, ADA).unwrap();
    site.sunshine.merge(&talk(SMS), &talk(WHATSAPP));
    site.told(ended, &format!("Their texts come to ticket #{lasting} from now on")).await;
    site.settled().await;
    let notes = site.bridge.notes(ended);
    for is_blocked in [true, false] {
        site.sunshine.pause_webhooks();
        site.sunshine.block(SMS, ADA, is_blocked);
        let mut events = site.held_events(&["client:update"]);
        site.sunshine.resume_webhooks();
        assert!(!events.is_empty());
        events.iter_mut().for_each(|event| event["payload"]["conversation"] = Value::Null);
        site.bridge.clock.advance(SignedDuration::from_mins(3));
        assert_eq!(site.post_events(&json!(events)).await.0, 200);
        site.settled().await;
        site.bridge.clock.advance(SignedDuration::from_mins(3));
        site.settled().await;
        assert_eq!(site.bridge.notes(ended), notes, "{is_blocked}");
    }
    let sends = site.sends();
    site.reply(ended, "once more");
    site.told(ended, OVER).await;
    site.settled().await;
    assert_eq!(site.sends(), sends);
    site.finish(1).await;
}
