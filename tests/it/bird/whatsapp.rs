//! WhatsApp over Bird: a customer is answered on the channel that they wrote on, or not at all.

use jiff::SignedDuration;
use serde_json::json;
use tandem::domain::line::Channel;
use tandem::sandbox::bird::WITH_PLACES;
use tandem::sandbox::server::{Fault, FaultKind};

use super::{ADA, NUMBER, Site};
use crate::process::{run, tandem};
use crate::support::{TestBridge, answer};

/// The workspace's number on WhatsApp.
const CHAT: &str = "+15550100200";

/// A customer who hides their number.
const HIDDEN: &str = "US.13491208655302741918";

const SEND: &str = "/v1/whatsapp/messages";

/// A line of WhatsApp, with more keys.
fn chat_line(more: &str) -> String {
    format!("[[lines]]\nname = \"chat\"\ncarrier = \"bird\"\nchannel = \"whatsapp\"\naddress = \"{CHAT}\"\n{more}\n")
}

const TEMPLATE: &str = "template = \"please_write_again\"";

impl Site {
    async fn with_chat(more: &str) -> Self {
        Self::start_on("", "", &chat_line(more)).await
    }

    /// The ticket that a WhatsApp message of this person has opened.
    async fn chatting(&self, from: &str) -> u64 {
        self.bird.whatsapp(from, CHAT, "Where is my parcel?");
        self.settled().await;
        self.bridge.sandbox.zendesk.tickets().last().expect("a ticket is open").id
    }

    /// Channel, sender, recipient and words of each message that went out.
    fn sent(&self) -> Vec<(Channel, String, String, String)> {
        let texts = self.bird.texts().into_iter();
        texts.filter(|text| text.status != "failed").map(|text| (text.channel, text.from, text.to, text.text)).collect()
    }

    async fn until_waiting(&self) {
        let waits = |one: &serde_json::Value| one["kind"] == "phone_text" && one["state"] == "waiting";
        self.bridge.until_deliveries("the reply waits", |all| all.iter().any(waits)).await;
    }
}

fn noted(bridge: &TestBridge, ticket: u64, words: &str) -> bool {
    bridge.notes(ticket).iter().any(|note| note.contains(words))
}

fn by_whatsapp(to: &str, words: &str) -> (Channel, String, String, String) {
    (Channel::Whatsapp, CHAT.to_owned(), to.to_owned(), words.to_owned())
}

#[tokio::test]
async fn a_message_is_answered_on_whatsapp_and_a_text_of_the_same_person_by_text() {
    let site = Site::with_chat(TEMPLATE).await;
    let by_text = site.talking().await;
    let chat = site.chatting(ADA).await;
    let hidden = site.chatting(HIDDEN).await;
    assert!(by_text != chat && chat != hidden, "three conversations");
    for (ticket, words) in [(chat, "It left today."), (by_text, "Hi Ada"), (hidden, "It is *here*.")] {
        site.bridge.sandbox.zendesk.agent_reply(ticket, words);
        site.settled().await;
    }
    let by_sms = (Channel::Sms, NUMBER.to_owned(), ADA.to_owned(), "Hi Ada".to_owned());
    assert_eq!(site.sent(), [by_whatsapp(ADA, "It left today."), by_sms, by_whatsapp(HIDDEN, "It is *\u{200a}here*.")]);
    let texts = site.bird.texts();
    assert_eq!(texts[0].metadata["ticket"], chat.to_string());
    let calls = site.bird.calls();
    let send = calls.iter().find(|call| call.method == "POST" && call.path == SEND).unwrap();
    assert!(send.headers["idempotency-key"].starts_with("tandem-reply/evt_"), "{:?}", send.headers);
    let has_arrived =
        |one: &serde_json::Value| one["kind"] != "phone_text" || one["receipts"][0]["delivered_at"].is_string();
    site.bridge.until_deliveries("each has arrived", |all| all.iter().all(has_arrived)).await;
    site.finish(0).await;
}

#[tokio::test]
async fn a_message_to_a_number_without_a_line_of_whatsapp_waits_for_one_and_never_becomes_a_text() {
    let mut site = Site::start().await;
    for number in [NUMBER, CHAT] {
        site.bird.whatsapp(ADA, number, "Where is my parcel?");
    }
    site.settled().await;
    let kept = site.bridge.deliveries("state=quarantined").await;
    assert_eq!((kept.len(), site.comments().len()), (2, 0), "{kept:?}");
    for one in &kept {
        assert!(one["cause"].as_str().unwrap().contains("channel = \"whatsapp\""), "{one}");
    }
    site.restart_with(|settings| format!("{settings}{}", chat_line(TEMPLATE))).await;
    for one in &kept {
        let url = format!("{}/api/deliveries/{}/redrive", site.bridge.operator, one["id"].as_str().unwrap());
        drop(answer(site.bridge.http.post(url)).await);
    }
    site.settled().await;
    assert_eq!(site.comments(), [["Where is my parcel?"]], "the one whose number has a line now");
    let ticket = site.bridge.sandbox.zendesk.tickets()[0].id;
    site.bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    site.settled().await;
    assert_eq!(site.sent(), [by_whatsapp(ADA, "It left today.")]);
    assert_eq!(site.bridge.deliveries("state=quarantined").await.len(), 1);
    site.bridge.stop().await;
}

#[tokio::test]
async fn a_text_to_a_number_of_which_whatsapp_alone_has_a_line_is_kept() {
    let mut site = Site::with_chat(TEMPLATE).await;
    site.bird.text(ADA, CHAT, "Hello");
    site.settled().await;
    let kept = site.bridge.deliveries("state=quarantined").await;
    assert!(kept[0]["cause"].as_str().unwrap().contains("channel = \"sms\""), "{kept:#?}");
    assert!(site.bridge.sandbox.zendesk.tickets().is_empty(), "an answer would leave from another number");
    site.bridge.stop().await;
}

#[tokio::test]
async fn after_a_day_the_template_asks_and_the_reply_waits_for_the_answer() {
    let site = Site::with_chat(TEMPLATE).await;
    let ticket = site.chatting(ADA).await;
    site.bridge.clock.advance(SignedDuration::from_hours(25));
    // The answer to the template is lost, and the look for it finds it.
    site.bird.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    site.bridge.until("the agent is told", |bridge| noted(bridge, ticket, "A template that asks")).await;
    site.until_waiting().await;
    assert_eq!(site.sent(), [by_whatsapp(ADA, "please_write_again")]);
    site.bird.whatsapp(ADA, CHAT, "Yes?");
    site.settled().await;
    assert_eq!(site.sent(), [by_whatsapp(ADA, "please_write_again"), by_whatsapp(ADA, "It left today.")]);
    site.finish(0).await;
}

#[tokio::test]
async fn without_a_template_a_reply_after_a_day_is_refused_and_the_ticket_says_why() {
    let site = Site::with_chat("").await;
    let ticket = site.chatting(ADA).await;
    site.bridge.clock.advance(SignedDuration::from_hours(25));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    site.settled().await;
    assert!(noted(&site.bridge, ticket, "their line has no template"), "{:?}", site.bridge.notes(ticket));
    assert!(site.sent().is_empty());
    site.finish(1).await;
}

#[tokio::test]
async fn a_message_that_comes_too_late_for_meta_is_told_and_the_next_reply_waits() {
    let site = Site::with_chat(TEMPLATE).await;
    // The webhook comes half a day late, so that the bridge holds the window for open when it is shut.
    site.bird.pause_webhooks();
    site.bird.whatsapp(ADA, CHAT, "Where is my parcel?");
    let held = site.bird.take_held_webhooks();
    site.bridge.clock.advance(SignedDuration::from_hours(12));
    held.into_iter().for_each(|webhook| site.bird.send_webhook(webhook));
    site.settled().await;
    let ticket = site.bridge.sandbox.zendesk.tickets()[0].id;
    site.bridge.clock.advance(SignedDuration::from_hours(13));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    site.bridge.settled().await;
    site.bird.take_held_webhooks().into_iter().for_each(|webhook| site.bird.send_webhook(webhook));
    site.bridge.until("the ticket tells", |bridge| !bridge.notes(ticket).is_empty()).await;
    let notes = site.bridge.notes(ticket);
    assert!(notes[0].contains("service_window_expired") && notes[0].contains("wrote too long ago"), "{notes:?}");
    site.bridge.sandbox.zendesk.agent_reply(ticket, "It comes tomorrow.");
    site.bridge.until("the agent is told", |bridge| noted(bridge, ticket, "A template that asks")).await;
    site.until_waiting().await;
    assert_eq!(site.sent(), [by_whatsapp(ADA, "please_write_again")]);
    site.bird.take_held_webhooks().into_iter().for_each(|webhook| site.bird.send_webhook(webhook));
    site.bird.whatsapp(ADA, CHAT, "Yes?");
    site.bird.take_held_webhooks().into_iter().for_each(|webhook| site.bird.send_webhook(webhook));
    site.bridge.settled().await;
    assert_eq!(site.sent(), [by_whatsapp(ADA, "please_write_again"), by_whatsapp(ADA, "It comes tomorrow.")]);
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_by_its_tag_and_not_sent_again() {
    let site = Site::with_chat(TEMPLATE).await;
    let ticket = site.chatting(ADA).await;
    site.bird.pause_webhooks();
    site.bird.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "once");
    site.bridge.settled().await;
    assert_eq!(site.sent(), [by_whatsapp(ADA, "once")]);
    let posts = site.bird.calls().into_iter().filter(|call| call.method == "POST" && call.path == SEND).count();
    assert_eq!((posts, &site.text().await["state"]), (1, &json!("delivered")));
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn a_customer_whom_bird_has_suppressed_on_whatsapp_is_told_of_on_the_ticket() {
    let site = Site::start_on("", "ask_suppressions = true", &chat_line(TEMPLATE)).await;
    let ticket = site.chatting(ADA).await;
    site.bird.suppress(CHAT, ADA);
    site.bridge.sandbox.zendesk.agent_reply(ticket, "Are you there?");
    site.bridge.until("the ticket tells", |bridge| !bridge.notes(ticket).is_empty()).await;
    let notes = site.bridge.notes(ticket);
    assert!(notes[0].contains("recipient_suppressed") && notes[0].contains("opted out"), "{notes:?}");
    site.finish(0).await;
}

#[tokio::test]
async fn a_message_whose_webhook_never_came_is_found_in_the_list_and_opens_the_window() {
    let site = Site::start_on("catch_up_minutes = 5", "", &chat_line(TEMPLATE)).await;
    let ticket = site.chatting(HIDDEN).await;
    site.bridge.clock.advance(SignedDuration::from_hours(25));
    site.bird.pause_webhooks();
    site.bird.whatsapp(HIDDEN, CHAT, "Still nothing");
    drop(site.bird.take_held_webhooks());
    site.bridge.clock.advance(SignedDuration::from_secs(90));
    site.bridge.until("the message is found", |bridge| bridge.comments(ticket).len() == 2).await;
    site.bridge.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Where is my parcel?", "Still nothing"]);
    site.bridge.sandbox.zendesk.agent_reply(ticket, "It comes today");
    site.bridge.until("the answer is out", |_| !site.sent().is_empty()).await;
    assert_eq!(site.sent(), [by_whatsapp(HIDDEN, "It comes today")]);
    drop(site.bird.take_held_webhooks());
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn a_lines_template_that_needs_values_is_told_by_the_check_and_on_the_ticket_before_bird_is_asked_to_send_it() {
    let mut site = Site::with_chat(&format!("template = \"{WITH_PLACES}\"")).await;
    let why = "needs values or a file, which no line gives";
    let (state, said) = site.found("template of line chat").await;
    assert_eq!(state, "wrong");
    assert!(said.contains(why), "{said}");
    let ticket = site.chatting(ADA).await;
    site.bridge.clock.advance(SignedDuration::from_hours(25));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    site.bridge.until("the ticket tells", |bridge| noted(bridge, ticket, why)).await;
    site.settled().await;
    let is_send = |call: &tandem::sandbox::server::Call| call.method == "POST" && call.path == SEND;
    assert!(!site.bird.calls().iter().any(is_send), "Bird was not asked");
    // The template and its text.
    for one in site.bridge.deliveries("state=dead").await {
        site.bridge.discard(&one["id"]).await;
    }
    site.restart_with(|settings| settings.replace(WITH_PLACES, "please_write_again")).await;
    assert_eq!(site.found("template of line chat").await.0, "good");
    // A key that may send and may not read leaves the judgement to Bird.
    site.bird.fail(Fault::on("GET", "/v1/whatsapp/templates", FaultKind::status(403)).times(2));
    assert_eq!(site.found("template of line chat").await.0, "unknown");
    site.bridge.sandbox.zendesk.agent_reply(ticket, "It left today.");
    site.bridge.until("the template is out", |_| !site.sent().is_empty()).await;
    site.bird.whatsapp(ADA, CHAT, "Yes?");
    site.settled().await;
    assert_eq!(site.sent(), [by_whatsapp(ADA, "please_write_again"), by_whatsapp(ADA, "It left today.")]);
    site.finish(0).await;
}

impl Site {
    /// The state of a thing at Bird that `tandem check --live` names so, and its words.
    async fn found(&self, what: &str) -> (String, String) {
        let config = self.bridge.directory.path().join("tandem.toml");
        let said = run(tandem(&["check", "--live", "--json", "--config", config.to_str().unwrap()])).await;
        let report = said.json();
        let lines = report["live"].as_array().unwrap_or_else(|| panic!("{said:?}"));
        let line = lines.iter().find(|line| line["side"] == "Bird" && line["what"] == what);
        let line = line.unwrap_or_else(|| panic!("{said:?}"));
        (line["state"].as_str().unwrap().to_owned(), line["said"].as_str().unwrap().to_owned())
    }
}

/// The shorthand of the template with places, with these values.
fn shorthand(values: &str) -> String {
    format!("&((template=[[{WITH_PLACES}]] {values}))&")
}

const WHOLE: &str =
    "header_text=[[7]] body_text=[[Ada]] body_text=[[the engine]] button_index=[[0]] button_url=[[t/7]]";

#[tokio::test]
async fn an_agents_shorthand_goes_as_its_template_with_its_values_at_any_time() {
    let site = Site::with_chat("").await;
    let ticket = site.chatting(ADA).await;
    // Free words wait for the customer by then.
    site.bridge.clock.advance(SignedDuration::from_hours(25));
    for (language, named) in [("", None), ("language=[[nl]] ", Some("first_name"))] {
        site.bridge.sandbox.zendesk.agent_reply(ticket, &shorthand(&format!("{language}{WHOLE}")));
        site.settled().await;
        let texts = site.bird.texts();
        let sent = texts.last().expect("a template is out");
        let blocks = &sent.template["components"];
        assert_eq!((sent.text.as_str(), sent.status), (WITH_PLACES, "delivered"), "{sent:?}");
        assert_eq!((&blocks[1]["type"], &blocks[1]["parameters"][1]["text"]), (&json!("body"), &json!("the engine")));
        assert_eq!(blocks[1]["parameters"][0]["name"].as_str(), named);
        assert_eq!(blocks[2]["parameters"][0]["name"].as_str(), named.map(|_| "track"));
    }
    assert_eq!(site.bird.texts().iter().filter(|text| text.template.is_object()).count(), 2);
    assert_eq!(site.bridge.notes(ticket), [""; 0]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_template_whose_read_was_led_elsewhere_for_a_moment_goes() {
    let site = Site::with_chat("").await;
    let ticket = site.chatting(ADA).await;
    site.bird.fail(Fault::on("GET", "/v1/whatsapp/templates", FaultKind::status(302)));
    site.bridge.sandbox.zendesk.agent_reply(ticket, &shorthand(WHOLE));
    site.settled().await;
    assert_eq!(site.bird.texts().iter().filter(|text| text.template.is_object()).count(), 1);
    assert_eq!(site.bridge.notes(ticket), [""; 0]);
    site.finish(0).await;
}

#[tokio::test]
async fn a_template_that_cannot_go_is_told_on_its_ticket_before_bird_is_asked_to_send_it() {
    let site = Site::with_chat("").await;
    let ticket = site.chatting(ADA).await;
    let less = WHOLE.replacen("body_text=[[Ada]] ", "", 1);
    let unknown = shorthand(WHOLE).replace(WITH_PLACES, "order_lost");
    for (count, (words, told)) in (1..).zip([
        (shorthand(&less), "the body of the template has 2 places, and the shorthand fills 1"),
        (shorthand(&format!("language=[[de]] {WHOLE}")), "is there in en, nl only"),
        (unknown, "the workspace has no template order_lost"),
        (shorthand("colour=[[red]]"), "`colour`, which is not known"),
    ]) {
        site.bridge.sandbox.zendesk.agent_reply(ticket, &words);
        site.settled().await;
        let notes = site.bridge.notes(ticket);
        assert_eq!(notes.len(), count, "{notes:?}");
        assert!(notes[count - 1].contains(told), "{notes:?}");
    }
    site.bird.fail(Fault::on("GET", "/v1/whatsapp/templates", FaultKind::status(403)));
    site.bridge.sandbox.zendesk.agent_reply(ticket, &shorthand(WHOLE));
    site.settled().await;
    assert!(noted(&site.bridge, ticket, "whatsapp_management:read"), "{:?}", site.bridge.notes(ticket));
    let is_send = |call: &tandem::sandbox::server::Call| call.method == "POST" && call.path == SEND;
    assert!(!site.bird.calls().iter().any(is_send), "Bird was not asked");
    // By text there is no template.
    let by_text = site.talking().await;
    site.bridge.sandbox.zendesk.agent_reply(by_text, &shorthand(WHOLE));
    site.settled().await;
    assert!(noted(&site.bridge, by_text, "goes on WhatsApp only"), "{:?}", site.bridge.notes(by_text));
    assert_eq!(site.sent(), []);
    site.finish(6).await;
}
