//! An agent's first text as a notification to a number: nothing of it can be read back, so that no machine sends one again.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::sunshine::{End, SMS, SunshineOptions, WHATSAPP};

use super::reach::BRAND;
use super::{ADA, Site};

impl Site {
    /// The same, with a bridge that can be killed.
    async fn notifying_apart() -> Self {
        let mut site = Self::notifying().await;
        site.bridge.stop().await;
        site.bridge.run_apart().await;
        site.sunshine.connect(&site.bridge.public);
        site
    }

    /// The service has taken a first text, and its answer does not come. Returns the ticket.
    async fn taken_without_an_answer(&self) -> u64 {
        self.sunshine.fail(Fault::on("POST", "/notifications", FaultKind::Delay(Duration::from_secs(600))));
        let ticket = self.writes_first("once");
        let is_there =
            || self.sunshine.calls().iter().any(|call| call.processed && call.path.ends_with("/notifications"));
        self.bridge.until("the text is taken", |_| is_there()).await;
        ticket
    }

    /// The bridge dies and starts again. Returns the ticket's first text, which is in doubt, and which is not sent again.
    async fn in_doubt_after_a_kill(&mut self, ticket: u64) -> Value {
        self.bridge.kill().await;
        self.bridge.run().await;
        self.sunshine.connect(&self.bridge.public);
        let doubted = self.in_doubt(ticket).await;
        assert_eq!((doubted["state"].clone(), self.notified(), self.sends()), (json!("unconfirmed"), 1, 0));
        doubted
    }

    /// With a brand on the line for SMS, whose first texts are notifications.
    pub(super) async fn notifying() -> Self {
        let SunshineOptions { webhook_secret, notification_secret, .. } = SunshineOptions::default();
        let mut site = Self::start_on("", "first_contact = \"notification\"", "").await;
        let (name, one) = ("name = \"sunshine-sms\"", format!("[\"{webhook_secret}\"]"));
        let both = format!("[\"{webhook_secret}\", \"{notification_secret}\"]");
        let change =
            |settings: &str| settings.replace(name, &format!("{name}\nbrand_id = {BRAND}")).replace(&one, &both);
        site.bridge.restart_with(change).await;
        site.sunshine.connect(&site.bridge.public);
        site
    }

    /// The calls that post a notification.
    pub(super) fn notified(&self) -> usize {
        let calls = self.sunshine.calls();
        calls.iter().filter(|call| call.method == "POST" && call.path.ends_with("/notifications")).count()
    }

    /// Waits until the agent is told of the text in doubt, and nothing else is under way.
    pub(super) async fn in_doubt(&self, ticket: u64) -> Value {
        self.bridge.until("the agent is told", |bridge| !bridge.notes(ticket).is_empty()).await;
        self.calm().await
    }

    /// Waits until nothing is under way but a text that is set aside, and gives that.
    pub(super) async fn calm(&self) -> Value {
        let calm = |deliveries: &[Value]| {
            deliveries.iter().all(|one| !["pending", "sending", "waiting"].contains(&one["state"].as_str().unwrap()))
        };
        self.bridge.until("the service's webhooks are answered", |_| self.sunshine.is_idle()).await;
        let mut deliveries = self.bridge.until_deliveries("all but the text in doubt is settled", calm).await;
        deliveries.retain(|delivery| delivery["state"] == "unconfirmed");
        deliveries.pop().unwrap_or_default()
    }

    /// The operator acts on a delivery.
    pub(super) async fn act(&self, delivery: &Value, act: &str) {
        let id = delivery["id"].as_str().unwrap();
        let request = self.bridge.http.post(format!("{}/api/deliveries/{id}/{act}", self.bridge.operator));
        let (status, told) = crate::support::answer(request).await;
        assert_eq!(status, 200, "{told}");
    }

    /// The texts to the phone, oldest first.
    pub(super) async fn replies(&self) -> Vec<Value> {
        let mut texts = self.of_kind("phone_text").await;
        texts.sort_by_key(|text| text["id"].as_str().unwrap().to_owned());
        texts
    }
}

#[tokio::test]
async fn a_first_text_goes_to_the_number_and_the_answer_joins_its_ticket() {
    let site = Site::notifying().await;
    let ticket = site.writes_first("Good news!");
    site.settled().await;
    assert_eq!((site.sunshine.reached(ADA), site.notified(), site.sends()), (vec!["Good news!".to_owned()], 1, 0));
    let [text] = &site.sunshine.texts()[..] else { panic!("one text") };
    assert_eq!((text.integration.as_str(), text.to.as_str()), (SMS, ADA));
    let delivery = site.text().await;
    assert_eq!(
        (&delivery["state"], &text.metadata["tandem_ticket"]),
        (&json!("delivered"), &json!(ticket.to_string()))
    );
    assert_eq!(text.metadata["tandem"], format!("{}.1", delivery["id"].as_str().unwrap()));
    let known = site.bridge.conversations().await;
    let key = known[0]["key"].as_str().unwrap();
    assert!(known.len() == 1 && key.starts_with("sunshine:number:") && !key.contains(&ADA[1..]), "{known:?}");
    // The talk that the service has made is known by now.
    site.sunshine.text(SMS, ADA, "Which?");
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket).last().map(String::as_str), Some("Which?"));
    site.reply(ticket, "You won");
    site.settled().await;
    assert_eq!(
        (site.sunshine.reached(ADA), site.notified(), site.sends()),
        (vec!["Good news!".into(), "You won".into()], 1, 1)
    );
    assert_eq!((site.bridge.conversations().await.len(), site.sunshine.counts()), (1, [1, 1, 1]));
    assert_eq!(site.bridge.notes(ticket), [""; 0]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_customer_whose_talk_is_known_gets_a_message_and_whatsapp_keeps_its_way() {
    let site = Site::notifying().await;
    let requester = site.user("Ada Lovelace", ADA);
    site.talking().await;
    let second = site.opened_for(requester, Some(BRAND));
    site.reply(second, "on another ticket");
    site.settled().await;
    assert_eq!(
        (site.sunshine.reached(ADA), site.notified(), site.sends()),
        (vec!["on another ticket".to_owned()], 0, 1)
    );
    site.finish(0).await;

    let mut site = Site::notifying().await;
    let brand = format!("brand_id = {BRAND}");
    let name = "name = \"sunshine-whatsapp\"";
    let to_whatsapp = |settings: &str| {
        settings.replace(&brand, "").replace(name, &format!("{name}\n{brand}\ntemplate = \"please_write_again\""))
    };
    site.bridge.restart_with(to_whatsapp).await;
    site.sunshine.connect(&site.bridge.public);
    let ticket = site.writes_first("by template");
    site.bridge.until("the template is out", |_| site.sends() == 1).await;
    assert_eq!((site.notified(), site.sunshine.texts()[0].integration.as_str()), (0, WHATSAPP));
    site.sunshine.text(WHATSAPP, ADA, "Yes?");
    site.settled().await;
    assert!(site.bridge.comments(ticket).contains(&"Yes?".to_owned()));
    site.finish(0).await;
}

#[tokio::test]
async fn a_first_text_whose_answer_was_lost_is_never_sent_again_by_itself() {
    for (what, arrived) in [
        (FaultKind::LoseAnswer, 1),
        (FaultKind::StatusAfter(500), 1),
        (FaultKind::StatusAfter(503), 1),
        (FaultKind::LoseRequest, 0),
    ] {
        let site = Site::notifying().await;
        site.sunshine.fail(Fault::on("POST", "/notifications", what.clone()));
        let ticket = site.writes_first("once");
        let doubted = site.in_doubt(ticket).await;
        assert_eq!(doubted["state"], "unconfirmed", "{what:?}");
        let notes = site.bridge.notes(ticket);
        // Once its events have told the talk, the talk's list is looked at as well.
        let why = if arrived == 1 { "shows no receipt of it" } else { "leaves nothing at the carrier" };
        let says = ["may or may not have arrived", why, "ask the customer whether it arrived"];
        assert!(says.iter().all(|words| notes[0].contains(words)), "{notes:?}");
        // A day later it is the same, and later replies have gone.
        site.reply(ticket, "and more");
        site.bridge.until("the later reply is out", |_| site.sunshine.reached(ADA).len() == arrived + 1).await;
        assert_eq!(site.calm().await["id"], doubted["id"], "{what:?}");
        site.bridge.clock.advance(SignedDuration::from_hours(30));
        assert_eq!(site.calm().await["id"], doubted["id"], "{what:?}");
        // The events of the first one have told the talk, which a text that was lost has not.
        let calls = if arrived == 1 { (1, 1) } else { (2, 0) };
        assert_eq!(
            (site.sunshine.reached(ADA).len(), (site.notified(), site.sends())),
            (arrived + 1, calls),
            "{what:?}"
        );
        // The operator decides.
        if arrived == 0 {
            site.act(&doubted, "redrive").await;
        } else {
            site.act(&doubted, "settle").await;
        }
        site.settled().await;
        let mut reached = site.sunshine.reached(ADA);
        reached.sort();
        assert_eq!(reached, ["and more", "once"], "{what:?}");
        site.finish(0).await;
    }
}

#[tokio::test]
async fn the_answer_to_a_text_in_doubt_joins_its_ticket_and_the_next_reply_is_a_message() {
    let site = Site::notifying().await;
    site.sunshine.fail(Fault::on("POST", "/notifications", FaultKind::LoseAnswer));
    let ticket = site.writes_first("once");
    let doubted = site.in_doubt(ticket).await;
    site.sunshine.text(SMS, ADA, "Got it");
    site.bridge.until("the answer is there", |bridge| bridge.comments(ticket).contains(&"Got it".to_owned())).await;
    site.reply(ticket, "Good");
    site.bridge.until("the reply is out", |_| site.sunshine.reached(ADA).len() == 2).await;
    assert_eq!((site.notified(), site.sends(), site.bridge.sandbox.zendesk.tickets().len()), (1, 1, 1));
    let still = site.calm().await;
    assert_eq!((&still["id"], &still["state"]), (&doubted["id"], &json!("unconfirmed")), "the answer is no receipt");
    site.bridge.discard(&doubted["id"]).await;
    site.finish(0).await;
}

#[tokio::test]
async fn a_text_in_doubt_is_not_sent_as_a_message_once_its_talk_is_known() {
    // With the talk known, a look at its list finds nothing, and would send a message.
    let mut site = Site::notifying_apart().await;
    let ticket = site.taken_without_an_answer().await;
    site.bridge.until("its events are answered", |_| site.sunshine.is_idle()).await;
    let doubted = site.in_doubt_after_a_kill(ticket).await;
    site.sunshine.text(SMS, ADA, "Got it");
    site.bridge.until("the answer is there", |bridge| bridge.comments(ticket).contains(&"Got it".to_owned())).await;
    site.calm().await;
    site.bridge.clock.advance(SignedDuration::from_hours(30));
    assert_eq!(site.calm().await["id"], doubted["id"]);
    assert_eq!((site.notified(), site.sends(), site.sunshine.reached(ADA).len()), (1, 0, 1));
    site.bridge.discard(&doubted["id"]).await;
    site.finish(0).await;
}

#[tokio::test]
async fn a_bridge_that_dies_before_an_event_is_heard_sends_nothing_again() {
    let mut site = Site::notifying_apart().await;
    site.sunshine.set_end(End::Silent);
    let ticket = site.taken_without_an_answer().await;
    let doubted = site.in_doubt_after_a_kill(ticket).await;
    // The customer answers a text of which no event ever told.
    site.sunshine.text(SMS, ADA, "Got it");
    site.bridge.until("the answer is there", |bridge| bridge.comments(ticket).contains(&"Got it".to_owned())).await;
    site.reply(ticket, "Good");
    site.bridge.until("the reply is out", |_| site.sunshine.reached(ADA).len() == 2).await;
    site.calm().await;
    assert_eq!((site.notified(), site.sends()), (1, 1));
    site.bridge.discard(&doubted["id"]).await;
    site.finish(0).await;
}

#[tokio::test]
async fn a_refusal_before_any_effect_is_treated_as_for_every_text() {
    for (status, ends, calls) in [
        (400, "dead", 1),
        (401, "delivered", 2),
        (402, "delivered", 2),
        (403, "delivered", 2),
        (404, "delivered", 2),
        (429, "delivered", 2),
    ] {
        let site = Site::notifying().await;
        site.sunshine.fail(Fault::on("POST", "/notifications", FaultKind::status(status)));
        let ticket = site.writes_first("once");
        site.settled().await;
        assert_eq!((site.text().await["state"].as_str(), site.notified()), (Some(ends), calls), "{status}");
        assert_eq!(site.bridge.notes(ticket).len(), usize::from(ends == "dead"), "{status}");
        assert_eq!(site.sunshine.reached(ADA).len(), usize::from(ends == "delivered"), "{status}");
        site.finish(usize::from(ends == "dead")).await;
    }
}

#[tokio::test]
async fn two_replies_at_once_both_go_in_their_order() {
    let site = Site::notifying().await;
    site.sunshine.set_end(End::Silent);
    let ticket = site.writes_first("one");
    site.reply(ticket, "two");
    site.settled().await;
    assert_eq!((site.sunshine.reached(ADA), site.notified()), (vec!["one".into(), "two".into()], 2));
    let states: Vec<Value> = site.replies().await.iter().map(|text| text["state"].clone()).collect();
    assert_eq!(states, ["delivered", "delivered"]);
    // A second ticket for the same person goes on in the same conversation.
    let next = site.opened_for(site.requester(ticket), Some(BRAND));
    site.reply(next, "three");
    site.settled().await;
    assert_eq!((site.sunshine.reached(ADA).len(), site.bridge.conversations().await.len()), (3, 1));
    site.sunshine.text(SMS, ADA, "Yes");
    site.settled().await;
    assert_eq!(site.bridge.comments(next).last().map(String::as_str), Some("Yes"));
    site.finish(0).await;
}

#[tokio::test]
async fn a_person_without_a_number_gets_nothing_and_the_agent_is_told() {
    let site = Site::notifying().await;
    let ticket = site.opened_for(site.user("Ada Lovelace", ""), Some(BRAND));
    site.reply(ticket, "to nobody");
    site.settled().await;
    assert_eq!((site.notified(), site.bridge.notes(ticket).len()), (0, 1));
    site.finish(1).await;
}
