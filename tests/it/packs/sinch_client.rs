//! The pack `sinch` against a Sinch that is made of the vendor's published client: a text that the client would have sent otherwise is
//! refused, and webhooks are the client's models with its signature.
//!
//! Ignored unless asked for, so that the plain test command needs nothing installed:
//!
//! ```console
//! tests/install-sinch-client
//! cargo test --test it -- packs::sinch_client:: --include-ignored
//! ```

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::third::{NOTHING, account};
use super::{ADA, NUMBER};
use crate::support::TestBridge;

/// The process of the fake, which ends with the handle.
struct Sinch {
    _process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Sinch {
    async fn start() -> Self {
        let root = env!("CARGO_MANIFEST_DIR");
        let mut command = Command::new(format!("{root}/target/sinch-client/bin/python"));
        command.arg(format!("{root}/tests/packs/sinch_api.py")).args(["plan1", "an-api-token", "a-webhook-secret"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("tests/install-sinch-client installs it");
        let (orders, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut answers = BufReader::new(answers).lines();
        let port = answers.next_line().await.unwrap().expect("the fake starts");
        Self { _process: process, orders, answers, url: format!("http://127.0.0.1:{port}") }
    }

    async fn order(&mut self, order: &Value) -> Value {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
        let answer = self.answers.next_line().await.unwrap().expect("the fake takes every order");
        serde_json::from_str(&answer).unwrap()
    }

    async fn sent(&mut self) -> Vec<Value> {
        self.order(&json!({"sent": true})).await["sent"].as_array().unwrap().clone()
    }
}

/// The bridge, and the Sinch that it sends to.
struct Site {
    bridge: TestBridge,
    sinch: Sinch,
    ticket: u64,
}

impl Site {
    /// A customer's first text has opened a ticket.
    async fn talking() -> Self {
        let (mut bridge, sinch) = (TestBridge::start_with("", "").await, Sinch::start().await);
        let account = account("sinch", &sinch.url);
        bridge.restart_with(|settings| format!("{settings}{account}")).await;
        let mut site = Self { bridge, sinch, ticket: 0 };
        site.text("mo_text", json!({"body": "Where is it? 👋"})).await;
        site.ticket = site.bridge.sandbox.zendesk.tickets()[0].id;
        site
    }

    /// Has an event posted as it stands here.
    async fn post(&mut self, mut event: Value) -> u64 {
        event["url"] = json!(format!("{}/webhooks/sinch", self.bridge.public));
        event["at"] = json!(self.bridge.clock.now().as_second());
        self.sinch.order(&event).await["status"].as_u64().unwrap()
    }

    async fn text(&mut self, kind: &str, mut fields: Value) {
        let known = [("type", kind), ("from", ADA), ("to", NUMBER)];
        known.into_iter().for_each(|(name, value)| fields[name] = json!(value));
        assert_eq!(self.post(json!({ "text": fields })).await, 202, "{fields}");
        self.bridge.settled().await;
    }

    async fn reply(&self, words: &str) {
        self.bridge.sandbox.zendesk.agent_reply(self.ticket, words);
        self.bridge.settled().await;
    }

    async fn report(&mut self, batch: &Value, status: &str, code: u16) {
        assert_eq!(self.post(json!({"report": [batch["id"], status, code]})).await, 200, "{status}");
    }

    async fn answer(&mut self, status: u16, code: Option<&str>, is_taken: bool) {
        self.sinch.order(&json!({"answer": [status, code, is_taken]})).await;
    }
}

#[tokio::test]
#[ignore = "needs the vendor's client, which tests/install-sinch-client installs"]
async fn texts_go_both_ways_and_their_fates_are_told() {
    let mut site = Site::talking().await;
    site.reply("Hi Ada & co: 50 % 👋").await;
    let sent = site.sinch.sent().await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    let told = ["to", "from", "body", "callback_url"].map(|name| sent[0][name].clone());
    let address = json!("https://bridge.example.org/webhooks/sinch");
    assert_eq!(told, [json!([&ADA[1..]]), json!(&NUMBER[1..]), json!("Hi Ada & co: 50 % 👋"), address]);
    site.report(&sent[0], "Dispatched", 401).await;
    site.report(&sent[0], "Delivered", 0).await;
    let arrived = |all: &[Value]| all.iter().any(|one| !one["receipts"][0]["delivered_at"].is_null());
    site.bridge.until_deliveries("the arrival is told", arrived).await;
    site.text("mo_binary", json!({"body": "VGV4dA==", "udh": "050003000101"})).await;
    site.text("mo_text", json!({"body": "Thanks"})).await;
    let comments = ["Where is it? 👋", "Hi Ada & co: 50 % 👋", NOTHING, "Thanks"];
    assert_eq!(site.bridge.comments(site.ticket), comments);
    site.reply("Bye").await;
    let sent = site.sinch.sent().await;
    site.report(&sent[1], "ABORTED", 402).await;
    site.bridge.until("the failure is told", |bridge| !bridge.notes(site.ticket).is_empty()).await;
    let notes = site.bridge.notes(site.ticket);
    assert!(notes[0].contains("did not reach the customer's phone") && notes[0].contains("(code 402)"), "{notes:?}");
    assert_eq!((site.sinch.sent().await.len(), site.bridge.texts().len()), (2, 0), "nothing twice, nothing over Braze");
    site.bridge.finish(0).await;
}

#[tokio::test]
#[ignore = "needs the vendor's client, which tests/install-sinch-client installs"]
async fn refusals_are_told_and_no_text_goes_twice() {
    let mut site = Site::talking().await;
    site.answer(400, Some("syntax_invalid_parameter_format"), false).await;
    site.reply("refused").await;
    let notes = site.bridge.notes(site.ticket);
    assert!(notes[0].contains("Sinch answered 400: syntax_invalid_parameter_format"), "{notes:?}");
    assert_eq!(site.sinch.sent().await, [json!(null); 0]);
    site.answer(429, None, false).await;
    site.reply("too many").await;
    let sent = site.sinch.sent().await;
    assert_eq!((sent.len(), &sent[0]["body"]), (1, &json!("too many")), "it is tried again");
    // Its answer tells of a fault, and the text is out: the report with the mark ends the doubt.
    site.answer(500, None, true).await;
    site.bridge.sandbox.zendesk.agent_reply(site.ticket, "in doubt");
    let looks =
        |all: &[Value]| all.iter().any(|one| one["kind"] == "phone_text" && one["cause"] == "Sinch answered 500");
    site.bridge.until_deliveries("the answer is lost", looks).await;
    let sent = site.sinch.sent().await;
    site.report(&sent[1], "Dispatched", 401).await;
    let deliveries = site.bridge.settled().await;
    let states: Vec<&Value> =
        deliveries.iter().filter(|one| one["kind"] == "phone_text").map(|one| &one["state"]).collect();
    assert_eq!(states.iter().filter(|state| **state == "delivered").count(), 2, "{states:?}");
    assert_eq!(site.sinch.sent().await.len(), 2, "{sent:?}");
    site.bridge.finish(1).await;
}
