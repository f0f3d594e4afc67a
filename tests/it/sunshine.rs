//! Sunshine Conversations as a second carrier beside Braze: texts both ways, once each, over real HTTP to an embedded one.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::sandbox::sunshine::{End, SMS, Sunshine, SunshineOptions, WHATSAPP};

use crate::support::TestBridge;

mod answered_twice;
mod bodies;
mod first_texts;
mod missed;
mod notification;
mod notification_answers;
mod notification_events;
mod reach;
mod set_up;
mod talks;
mod templates;

const ADA: &str = "+15550123456";
const BOB: &str = "+15550123457";

/// The lines of both integrations.
const LINES: &str = r#"
[[lines]]
name = "sunshine-sms"
carrier = "sunshine"
address = "5f0c00000000000000000001"
[[lines]]
name = "sunshine-whatsapp"
carrier = "sunshine"
channel = "whatsapp"
address = "5f0c00000000000000000002"
"#;

/// A bridge between a Zendesk, a Braze and a Sunshine Conversations.
struct Site {
    bridge: TestBridge,
    sunshine: Sunshine,
}

impl Site {
    async fn start() -> Self {
        Self::start_on("", "", "").await
    }

    /// With more lines for the top of the file and for the account, and more tables.
    async fn start_on(top: &str, more: &str, tables: &str) -> Self {
        Self::start_with(top, more, &format!("{LINES}{tables}")).await
    }

    /// The same with these lines of the carrier alone.
    async fn start_with(top: &str, more: &str, lines: &str) -> Self {
        let mut bridge = TestBridge::start_with(top, "").await;
        let options = SunshineOptions::default();
        let sunshine = Sunshine::start(options.clone(), bridge.clock.clone()).await.unwrap();
        let SunshineOptions { app_id, key_id, secret, webhook_secret, .. } = &options;
        let account = format!(
            r#"
[accounts.sunshine]
vendor = "sunshine"
url = "{}"
app_id = "{app_id}"
key_id = "{key_id}"
secret = "{secret}"
webhook_secrets = ["{webhook_secret}"]
{more}
[[lines]]
name = "main"
carrier = "braze"
{lines}
"#,
            sunshine.url(),
        );
        bridge.restart_with(|settings| format!("{settings}{account}")).await;
        sunshine.connect(&bridge.public);
        Self { bridge, sunshine }
    }

    /// Moves time on until nothing is under way.
    async fn settled(&self) -> Vec<Value> {
        loop {
            self.bridge.until("the service's webhooks are answered", |_| self.sunshine.is_idle()).await;
            let before = self.sunshine.webhooks_delivered().len();
            let deliveries = self.bridge.settled().await;
            if self.sunshine.is_idle() && self.sunshine.webhooks_delivered().len() == before {
                return deliveries;
            }
        }
    }

    /// A customer's first message on an integration has opened a ticket.
    async fn talking_on(&self, integration: &str, person: &str) -> u64 {
        self.sunshine.text(integration, person, "Hello");
        self.settled().await;
        self.bridge.sandbox.zendesk.tickets().last().expect("a ticket is open").id
    }

    async fn talking(&self) -> u64 {
        self.talking_on(SMS, ADA).await
    }

    fn reply(&self, ticket: u64, words: &str) {
        self.bridge.sandbox.zendesk.agent_reply(ticket, words);
    }

    /// The calls that post a message.
    fn sends(&self) -> usize {
        self.sunshine.calls().iter().filter(|call| call.method == "POST" && call.path.ends_with("/messages")).count()
    }

    /// The delivery of the only text.
    async fn text(&self) -> Value {
        let mut texts = self.bridge.deliveries("").await;
        texts.retain(|delivery| delivery["kind"] == "phone_text");
        assert_eq!(texts.len(), 1, "{texts:?}");
        texts.remove(0)
    }

    async fn finish(self, dead: usize) {
        self.settled().await;
        self.bridge.finish(dead).await;
    }
}

#[tokio::test]
async fn a_message_opens_a_ticket_and_an_agents_reply_reaches_the_phone() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello"]);
    site.reply(ticket, "Hi Ada");
    site.settled().await;
    let [text] = &site.sunshine.texts()[..] else { panic!("one text") };
    assert_eq!((text.to.as_str(), text.integration.as_str(), text.words.as_str()), (ADA, SMS, "Hi Ada"));
    assert_eq!(text.metadata["tandem_ticket"], ticket.to_string());
    assert_eq!(site.text().await["state"], "delivered");
    // The customer writes on, on the same ticket. Neither our own message nor its deliveries become comments.
    site.sunshine.text(SMS, ADA, "Thanks");
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "Hi Ada", "Thanks"]);
    let conversation = site.sunshine.conversation_of(SMS, ADA).unwrap();
    let known = site.bridge.conversations().await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0]["key"], format!("sunshine:{conversation}"));
    assert_eq!(site.bridge.texts(), [""; 0], "nothing goes over Braze");
    site.finish(0).await;
}

#[tokio::test]
async fn each_customer_is_answered_on_the_channel_that_they_wrote_on() {
    let site = Site::start().await;
    let (ada, bob) = (site.talking_on(SMS, ADA).await, site.talking_on(WHATSAPP, BOB).await);
    let hidden = site.talking_on(WHATSAPP, "US.a1b2c3").await;
    let (of_braze, _) = site.bridge.talking("ada").await;
    for (ticket, words) in
        [(ada, "by SMS"), (bob, "by WhatsApp"), (hidden, "without a number"), (of_braze, "over Braze")]
    {
        site.reply(ticket, words);
    }
    site.settled().await;
    let mut told: Vec<_> =
        site.sunshine.texts().into_iter().map(|text| (text.to, text.integration, text.words)).collect();
    told.sort();
    let mut expected =
        [(ADA, SMS, "by SMS"), (BOB, WHATSAPP, "by WhatsApp"), ("US.a1b2c3", WHATSAPP, "without a number")]
            .map(|(to, integration, words)| (to.to_owned(), integration.to_owned(), words.to_owned()));
    expected.sort();
    assert_eq!(told, expected);
    assert_eq!(site.bridge.texts(), ["over Braze"]);
    site.finish(0).await;
}

#[tokio::test]
async fn the_messages_of_zendesks_own_messaging_become_neither_comments_nor_texts() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    let conversation = site.sunshine.conversation_of(SMS, ADA).unwrap();
    site.sunshine.native_reply(&conversation, "from the composer");
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello"]);
    assert_eq!((site.sends(), site.bridge.notes(ticket)), (0, Vec::new()));
    site.finish(0).await;
}

#[tokio::test]
async fn a_text_whose_answer_was_lost_is_found_by_its_mark_and_not_sent_again() {
    for what in [FaultKind::LoseAnswer, FaultKind::StatusAfter(500), FaultKind::StatusAfter(503)] {
        let site = Site::start().await;
        let ticket = site.talking().await;
        site.sunshine.pause_webhooks();
        site.sunshine.fail(Fault::on("POST", "/messages", what.clone()));
        site.reply(ticket, "once");
        site.bridge.settled().await;
        assert_eq!((site.sunshine.reached(ADA), site.sends()), (vec!["once".to_owned()], 1), "{what:?}");
        assert_eq!(site.text().await["state"], "delivered");
        site.bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_text_that_never_arrived_is_sent_again_after_the_looks() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    site.sunshine.fail(Fault::on("POST", "/messages", FaultKind::LoseRequest));
    site.reply(ticket, "once");
    site.settled().await;
    assert_eq!((site.sunshine.reached(ADA), site.sends()), (vec!["once".to_owned()], 2));
    let looks =
        site.sunshine.calls().iter().filter(|call| call.method == "GET" && call.path.ends_with("/messages")).count();
    assert_eq!(looks, 2, "the list may lag");
    site.finish(0).await;
}

#[tokio::test]
async fn the_webhook_that_brings_our_own_message_back_ends_the_doubt() {
    let site = Site::start_on("", "on_unconfirmed = \"hold\"", "").await;
    let ticket = site.talking().await;
    site.sunshine.fail(Fault::on("POST", "/messages", FaultKind::LoseAnswer));
    site.sunshine.fail(Fault::on("GET", "/messages", FaultKind::status(500)).times(100));
    site.reply(ticket, "once");
    site.settled().await;
    assert_eq!((site.sunshine.reached(ADA), site.sends()), (vec!["once".to_owned()], 1));
    assert_eq!(site.text().await["state"], "delivered");
    site.finish(0).await;
}

#[tokio::test]
async fn a_failure_that_comes_later_becomes_a_note_with_the_meaning_of_its_code() {
    for (integration, code, words) in [
        (SMS, 30006, "the number is that of a landline"),
        (SMS, 21610, "the customer has opted out of texts"),
        (SMS, 30034, "the carrier's account may not send now"),
        (WHATSAPP, 131_047, "the customer wrote too long ago"),
        (WHATSAPP, 131_026, "the channel cannot deliver to this customer"),
        (WHATSAPP, 131_056, "too many texts went out at once"),
    ] {
        let site = Site::start().await;
        let ticket = site.talking_on(integration, ADA).await;
        site.sunshine.set_end(End::FailsLate(code));
        site.reply(ticket, "in vain");
        site.bridge.until("the note is there", |bridge| !bridge.notes(ticket).is_empty()).await;
        let notes = site.bridge.notes(ticket);
        let [note] = &notes[..] else { panic!("{code}: {notes:?}") };
        assert!(note.contains(words) && note.contains(&code.to_string()), "{note}");
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_refusal_is_told_on_the_ticket_and_one_of_the_account_waits() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    site.sunshine.limit_messages(0);
    site.reply(ticket, "too many");
    site.settled().await;
    let notes = site.bridge.notes(ticket);
    assert!(notes[0].contains("30,000 messages"), "{notes:?}");
    site.sunshine.limit_messages(30_000);
    site.sunshine.fail(Fault::on("POST", "/messages", FaultKind::status(402)));
    site.reply(ticket, "later");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["later"]);
    site.finish(1).await;
}

#[tokio::test]
async fn shorthand_is_refused_with_a_note_and_never_passed_on() {
    for (integration, words) in [
        (SMS, "&((namespace=[[n]] template=[[order_shipped]] fallback=[[f]] language=[[en]]))&"),
        (SMS, "see %[our page](https://example.org)"),
        (WHATSAPP, "![](https://example.org/cat.png)"),
    ] {
        let site = Site::start().await;
        let ticket = site.talking_on(integration, ADA).await;
        site.reply(ticket, words);
        site.settled().await;
        assert_eq!((site.sends(), site.text().await["state"].clone()), (0, json!("dead")), "{words}");
        let notes = site.bridge.notes(ticket);
        assert!(notes[0].contains("shorthand"), "{notes:?}");
        site.finish(1).await;
    }
}

#[tokio::test]
async fn a_private_picture_is_fetched_with_the_key_and_copied_to_the_ticket() {
    let mut site = Site::start().await;
    site.bridge.fetch_from_this_machine().await;
    site.sunshine.connect(&site.bridge.public);
    site.sunshine.picture(SMS, ADA, "image/png", b"\x89PNG picture", "look");
    site.settled().await;
    let ticket = site.bridge.sandbox.zendesk.tickets().remove(0);
    let comment = &ticket.comments[0];
    assert_eq!(comment.attachments.len(), 1, "{:?}", comment.plain_body);
    site.finish(0).await;
}

#[tokio::test]
async fn a_tap_on_a_button_is_a_comment() {
    let site = Site::start().await;
    let ticket = site.talking_on(WHATSAPP, ADA).await;
    site.sunshine.tap_postback(WHATSAPP, ADA, "YES");
    site.sunshine.tap_reply(WHATSAPP, ADA, "Tomorrow", "t1");
    site.settled().await;
    let mut comments = site.bridge.comments(ticket);
    comments.sort();
    assert_eq!(comments, ["Hello", "Tomorrow", "[The customer tapped a button: YES]"]);
    site.finish(0).await;
}

#[tokio::test]
async fn webhooks_that_come_twice_and_in_another_order_write_nothing_twice() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    site.sunshine.pause_webhooks();
    site.sunshine.text(SMS, ADA, "one");
    site.reply(ticket, "Hi");
    site.bridge.settled().await;
    let held = site.sunshine.take_held_webhooks();
    assert!(held.len() >= 4, "the text, our message, and two deliveries: {}", held.len());
    for webhook in held.iter().rev().chain(&held) {
        site.sunshine.send_webhook(webhook.clone());
    }
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "Hi", "one"]);
    assert_eq!(
        (site.sunshine.reached(ADA), site.text().await["state"].clone()),
        (vec!["Hi".to_owned()], json!("delivered"))
    );
    site.finish(0).await;
}

#[tokio::test]
async fn a_whatsapp_reply_behind_the_window_waits_for_no_template_and_says_why() {
    let site = Site::start().await;
    let ticket = site.talking_on(WHATSAPP, ADA).await;
    site.bridge.clock.advance(SignedDuration::from_hours(24));
    site.reply(ticket, "too late");
    site.settled().await;
    assert_eq!(site.sends(), 0);
    assert_eq!(site.text().await["state"], "dead");
    assert_eq!(site.bridge.notes(ticket).len(), 1);
    site.finish(1).await;
}

#[tokio::test]
async fn after_a_lost_store_a_reply_on_a_ticket_that_another_person_has_by_now_goes_to_nobody() {
    let mut site = Site::start().await;
    let ticket = site.talking().await;
    let bob = site.bridge.customer("bob");
    site.bridge.sandbox.phone.text(&bob, "I am Bob").unwrap();
    site.settled().await;
    let his = site.bridge.sandbox.zendesk.tickets().into_iter().find(|one| one.id != ticket).unwrap();
    site.bridge.stop().await;
    std::fs::remove_dir_all(site.bridge.directory.path().join("store")).unwrap();
    site.bridge.sandbox.zendesk.set_requester(ticket, his.requester_id);
    site.bridge.run().await;
    site.sunshine.connect(&site.bridge.public);
    site.reply(ticket, "Dear Bob");
    site.settled().await;
    assert_eq!((site.sends(), site.sunshine.reached(ADA)), (0, vec![]));
    assert!(!site.bridge.notes(ticket).is_empty(), "the agent is told");
    site.finish(1).await;
}

#[tokio::test]
async fn a_conversation_whose_store_is_lost_is_found_by_the_key_of_its_ticket() {
    let mut site = Site::start().await;
    let ticket = site.talking().await;
    site.bridge.stop().await;
    std::fs::remove_dir_all(site.bridge.directory.path().join("store")).unwrap();
    site.bridge.run().await;
    site.sunshine.connect(&site.bridge.public);
    site.reply(ticket, "still here");
    site.settled().await;
    assert_eq!(site.sunshine.reached(ADA), ["still here"]);
    site.sunshine.text(SMS, ADA, "Good");
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "still here", "Good"]);
    site.finish(0).await;
}
