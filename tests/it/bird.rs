//! Bird as a second carrier beside Braze: texts both ways, once each, over real HTTP to an embedded Bird.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tandem::sandbox::bird::{Bird, BirdOptions, End, Message};
use tandem::sandbox::server::{Fault, FaultKind};
use tandem::vendors::bird::signature::{ID, SIGNATURES, TIMESTAMP};

use crate::support::{DEADLINE, QUIET, TestBridge};

mod first;
mod missed;
mod refused;
mod second;
mod whatsapp;

const ADA: &str = "+15550123456";
const NUMBER: &str = "+15550100100";
const SEND: &str = "/v1/sms/messages";

/// A bridge between a Zendesk, a Braze and a Bird.
struct Site {
    bridge: TestBridge,
    bird: Bird,
}

impl Site {
    async fn start() -> Self {
        Self::start_with("").await
    }

    /// With more lines for the account of Bird.
    async fn start_with(more: &str) -> Self {
        Self::start_on("", more, "").await
    }

    /// With more lines for the top of the file and for the account of Bird, and more tables.
    async fn start_on(top: &str, more: &str, tables: &str) -> Self {
        Self::start_after(top, more, tables, |_| {}).await
    }

    /// The same after something has happened at Bird.
    async fn start_after(top: &str, more: &str, tables: &str, before: impl FnOnce(&Bird)) -> Self {
        let mut bridge = TestBridge::start_with(top, "").await;
        let options = BirdOptions::default();
        let bird = Bird::start(options.clone(), bridge.clock.clone()).await.unwrap();
        before(&bird);
        // A text of the same moment as the first start counts as one of after it.
        bridge.clock.advance(SignedDuration::from_secs(1));
        let account = format!(
            r#"
[accounts.bird]
vendor = "bird"
url = "{}"
api_key = "{}"
signing_secrets = ["{}"]
sender = "{NUMBER}"
{more}
[[lines]]
name = "main"
carrier = "braze"
[[lines]]
name = "bird-main"
carrier = "bird"
address = "{NUMBER}"
{tables}
"#,
            bird.url(),
            options.api_key,
            options.signing_secret,
        );
        bridge.restart_with(|settings| format!("{settings}{account}")).await;
        bird.connect(&bridge.public);
        Self { bridge, bird }
    }

    /// Starts the bridge again, with another configuration.
    async fn restart_with(&mut self, change: impl FnOnce(&str) -> String) {
        self.bridge.restart_with(change).await;
        self.bird.connect(&self.bridge.public);
    }

    /// The comments of every ticket, in the order of the tickets.
    fn comments(&self) -> Vec<Vec<String>> {
        let tickets = self.bridge.sandbox.zendesk.tickets();
        tickets.iter().map(|ticket| self.bridge.comments(ticket.id)).collect()
    }

    /// Moves time on until nothing is under way.
    async fn settled(&self) -> Vec<Value> {
        loop {
            self.bridge.until("Bird's webhooks are answered", |_| self.bird.is_idle()).await;
            let before = self.bird.webhooks_delivered().len();
            let deliveries = self.bridge.settled().await;
            if self.bird.is_idle() && self.bird.webhooks_delivered().len() == before {
                return deliveries;
            }
        }
    }

    /// Ada's first text has opened a ticket.
    async fn talking(&self) -> u64 {
        self.bird.text(ADA, NUMBER, "Hello");
        self.settled().await;
        self.bridge.sandbox.zendesk.tickets().last().expect("a ticket is open").id
    }

    fn words(&self) -> Vec<String> {
        self.bird.texts().into_iter().map(|text| text.text).collect()
    }

    fn sends(&self) -> usize {
        self.bird.calls().iter().filter(|call| call.method == "POST" && call.path == SEND).count()
    }

    /// The delivery of the only text.
    async fn text(&self) -> Value {
        let mut texts = self.bridge.deliveries("").await;
        texts.retain(|delivery| delivery["kind"] == "phone_text");
        assert_eq!(texts.len(), 1, "{texts:?}");
        texts.remove(0)
    }

    /// Posts a body as Bird would, with these headers.
    async fn post(&self, headers: &[(String, String)], body: &str) -> (u16, Value) {
        let mut request = self.bridge.http.post(format!("{}/webhooks/bird", self.bridge.public)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        crate::support::answer(request).await
    }

    /// A webhook of Bird's that was not sent, for its headers and its body.
    fn withheld(&self, act: impl FnOnce(&Bird)) -> (Vec<(String, String)>, String) {
        self.bird.pause_webhooks();
        act(&self.bird);
        let webhook = self.bird.take_held_webhooks().remove(0);
        (webhook.headers(self.bridge.clock.now()), webhook.body)
    }

    async fn finish(self, dead: usize) {
        self.settled().await;
        self.bridge.finish(dead).await;
    }
}

#[tokio::test]
async fn a_text_opens_a_ticket_and_an_agents_reply_reaches_the_phone() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello"]);
    site.bridge.sandbox.zendesk.agent_reply(ticket, "Hi Ada");
    site.settled().await;
    let [Message { to, from, text, metadata, .. }] = &site.bird.texts()[..] else { panic!("one text") };
    assert_eq!((to.as_str(), from.as_str(), text.as_str()), (ADA, NUMBER, "Hi Ada"));
    assert_eq!(metadata["ticket"], ticket.to_string());
    assert_eq!(site.text().await["state"], "delivered");
    // The customer writes on, on the same ticket.
    site.bird.text(ADA, NUMBER, "Thanks");
    site.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "Hi Ada", "Thanks"]);
    assert_eq!(site.bridge.texts(), [""; 0], "nothing goes over Braze");
    site.finish(0).await;
}

#[tokio::test]
async fn two_carriers_serve_one_desk_and_no_text_crosses() {
    let site = Site::start().await;
    let (of_braze, _) = site.bridge.talking("ada").await;
    let of_bird = site.talking().await;
    assert_ne!(of_braze, of_bird);
    site.bridge.sandbox.zendesk.agent_reply(of_braze, "over Braze");
    site.bridge.sandbox.zendesk.agent_reply(of_bird, "over Bird");
    site.settled().await;
    assert_eq!((site.bridge.texts(), site.words()), (vec!["over Braze".to_owned()], vec!["over Bird".to_owned()]));
    site.finish(0).await;
}

#[tokio::test]
async fn a_text_whose_answer_was_lost_is_found_by_its_tag_and_not_sent_again() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    site.bird.pause_webhooks();
    site.bird.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "once");
    site.bridge.settled().await;
    assert_eq!((site.words(), site.sends()), (vec!["once".to_owned()], 1));
    assert_eq!(site.text().await["state"], "delivered");
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_that_met_an_error_is_looked_for_or_sent_again_under_its_key_and_is_one_text() {
    for (what, sends) in
        [(FaultKind::StatusAfter(500), 1), (FaultKind::StatusAfter(503), 2), (FaultKind::LoseRequest, 2)]
    {
        let site = Site::start().await;
        let ticket = site.talking().await;
        site.bird.pause_webhooks();
        site.bird.fail(Fault::on("POST", SEND, what.clone()));
        site.bridge.sandbox.zendesk.agent_reply(ticket, "once");
        site.bridge.settled().await;
        assert_eq!((site.words(), site.sends()), (vec!["once".to_owned()], sends), "{what:?}");
        let calls = site.bird.calls();
        let keys: Vec<&String> = calls.iter().filter_map(|call| call.headers.get("idempotency-key")).collect();
        assert!(keys.iter().all(|key| *key == keys[0] && key.starts_with("tandem-reply/evt_")), "{keys:?}");
        site.bridge.finish(0).await;
    }
}

#[tokio::test]
async fn a_status_that_comes_before_the_answer_ends_the_doubt() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    site.bird.fail(Fault::on("POST", SEND, FaultKind::LoseAnswer));
    site.bird.fail(Fault::on("GET", SEND, FaultKind::status(500)).times(20));
    site.bridge.sandbox.zendesk.agent_reply(ticket, "once");
    site.settled().await;
    assert_eq!((site.words(), site.sends()), (vec!["once".to_owned()], 1));
    assert_eq!(site.text().await["state"], "delivered");
    site.finish(0).await;
}

#[tokio::test]
async fn statuses_in_any_order_twice_or_with_some_lost_leave_the_same_receipt() {
    for order in [&[0, 1, 2][..], &[2, 1, 0], &[2, 2, 1, 0, 1, 0], &[2], &[1, 2]] {
        let site = Site::start().await;
        let ticket = site.talking().await;
        site.bird.pause_webhooks();
        site.bridge.sandbox.zendesk.agent_reply(ticket, "once");
        site.bridge.settled().await;
        let held = site.bird.take_held_webhooks();
        assert_eq!(held.len(), 3, "accepted, sent, delivered");
        for index in order {
            site.bird.send_webhook(held[*index].clone());
            site.settled().await;
        }
        let started = tokio::time::Instant::now();
        while site.text().await["receipts"][0]["delivered_at"].is_null() {
            assert!(started.elapsed() < DEADLINE, "{order:?}: {}", site.text().await);
            site.bird.wait_until(QUIET, || false).await;
            site.bridge.clock.advance(SignedDuration::from_secs(1));
        }
        let text = site.text().await;
        assert_eq!((&text["state"], text["receipts"].as_array().map(Vec::len)), (&json!("delivered"), Some(1)));
        assert_eq!(site.bridge.notes(ticket), [""; 0], "{order:?}");
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_text_that_the_customer_has_opted_out_of_is_told_on_the_ticket() {
    let site = Site::start().await;
    let ticket = site.talking().await;
    site.bird.suppress(NUMBER, ADA);
    site.bridge.sandbox.zendesk.agent_reply(ticket, "Are you there?");
    site.bridge.until("the ticket tells", |bridge| !bridge.notes(ticket).is_empty()).await;
    site.settled().await;
    let notes = site.bridge.notes(ticket);
    assert!(
        notes.len() == 1 && notes[0].contains("recipient_opted_out") && notes[0].contains("opted out"),
        "{notes:?}"
    );
    assert_eq!(site.words(), [""; 0]);
    site.finish(0).await;
}

#[tokio::test]
async fn stop_ends_texts_and_start_resumes_them() {
    let site = Site::start_with("ask_suppressions = true").await;
    let ticket = site.talking().await;
    site.bird.text(ADA, NUMBER, "STOP");
    site.settled().await;
    site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
    site.settled().await;
    assert_eq!((site.words(), site.sends()), (Vec::new(), 0));
    assert!(site.bridge.notes(ticket).iter().any(|note| note.contains("opted out")), "{:?}", site.bridge.notes(ticket));
    site.bird.text(ADA, NUMBER, "START");
    site.settled().await;
    site.bridge.sandbox.zendesk.agent_reply(ticket, "two");
    site.settled().await;
    assert_eq!(site.words(), ["two"]);
    site.finish(1).await;
}

#[tokio::test]
async fn a_failure_at_the_carrier_is_told_with_its_code() {
    for (code, told) in [("landline_unreachable", "landline"), ("insufficient_balance", "account may not send now")] {
        let site = Site::start().await;
        let ticket = site.talking().await;
        site.bird.set_end(End::Fails(code.into()));
        site.bridge.sandbox.zendesk.agent_reply(ticket, "one");
        site.bridge.until("the ticket tells", |bridge| !bridge.notes(ticket).is_empty()).await;
        let notes = site.bridge.notes(ticket);
        assert!(notes[0].contains(code) && notes[0].contains(told), "{notes:?}");
        assert!(!notes[0].contains("name a person"), "{notes:?}");
        site.finish(0).await;
    }
}

#[tokio::test]
async fn a_repeated_webhook_is_one_text_also_under_another_id() {
    let site = Site::start().await;
    let id = site.bird.text(ADA, NUMBER, "Hello");
    site.settled().await;
    assert!(site.bird.repeat_webhook(&id));
    site.settled().await;
    let body = site.bird.webhooks_delivered()[0].body.clone();
    let ticket = site.bridge.sandbox.zendesk.tickets()[0].id;
    assert_eq!(site.bridge.comments(ticket), ["Hello"]);
    // A replay may have an id of its own; the text in it has not.
    let (headers, other) = site.withheld(|bird| drop(bird.text(ADA, NUMBER, "Hello again")));
    assert_ne!(body, other);
    let (status, told) = site.post(&headers, &other).await;
    assert_eq!((status, &told["status"]), (202, &json!("accepted")));
    let (status, told) = site.post(&headers, &other).await;
    assert_eq!((status, &told["status"]), (202, &json!("duplicate")));
    site.bridge.settled().await;
    assert_eq!(site.bridge.comments(ticket), ["Hello", "Hello again"]);
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn forged_stale_oversized_and_malformed_webhooks_come_to_nothing() {
    let site = Site::start().await;
    let (headers, body) = site.withheld(|bird| drop(bird.text(ADA, NUMBER, "Hello")));
    let with = |name: &str, value: &str| {
        let change = |(known, old): &(String, String)| {
            (known.clone(), if known == name { value.to_owned() } else { old.clone() })
        };
        headers.iter().map(change).collect::<Vec<_>>()
    };
    let later = (site.bridge.clock.now().as_second() + 1).to_string();
    let forged = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (headers, body) in [
        (with(SIGNATURES, forged), body.as_str()),
        (with(ID, "evt_other"), &body),
        (with(TIMESTAMP, &later), &body),
        (headers.clone(), "{}"),
        (Vec::new(), &body),
    ] {
        let (status, told) = site.post(&headers, body).await;
        assert_eq!((status, &told), (401, &json!({"error": "not authorized"})));
    }
    let long = format!("{{\"type\":\"sms.received\",\"data\":\"{}\"}}", "a".repeat(256 * 1024));
    assert_eq!(site.post(&headers, &long).await.0, 413);
    site.bridge.clock.advance(SignedDuration::from_secs(301));
    assert_eq!(site.post(&headers, &body).await.0, 401);
    assert!(site.bridge.deliveries("").await.is_empty() && site.bridge.sandbox.zendesk.tickets().is_empty());
    site.bridge.finish(0).await;
}

#[tokio::test]
async fn a_malformed_body_of_birds_own_is_kept_and_an_unknown_event_is_ignored() {
    let site = Site::start().await;
    for (id, (body, told)) in (1..).zip([
        (r#"{"type":"sms.received","data":{"sms_id":"sms_1"}}"#, "quarantined"),
        (r#"{"type":"sms.received""#, "quarantined"),
        (r#"{"type":"email.opened","data":{}}"#, "ignored"),
        (r#"{"type":"sms.clicked","data":{"sms_id":"sms_1"}}"#, "ignored"),
    ]) {
        let headers = site.bird.sign(&format!("evt_{id}"), site.bridge.clock.now(), body);
        let (status, answer) = site.post(&headers, body).await;
        assert_eq!((status, answer["status"].as_str()), (202, Some(told)), "{body}");
    }
    let kept = site.bridge.deliveries("state=quarantined").await;
    assert_eq!(kept.len(), 2, "{kept:?}");
}
