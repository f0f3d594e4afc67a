//! The two vendors together with a scripted bridge: webhooks, their repeats, and the faults.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::braze::{BrazeAuth, Format, Profile};
use super::lock::lock;
use super::sender::AttemptResult;
use super::server::{Answer, Fault, FaultKind, Request, Traffic, Vendor};
use super::triggers::TriggerBodies;
use super::zendesk::{NewTicket, TicketStatus, User};
use super::*;

/// Long enough for a busy machine; a test that passes never waits for it.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

pub(super) fn clock() -> Clock {
    Clock::manual("2026-11-21T12:00:00Z".parse().unwrap(), 7)
}

pub(super) async fn sandbox(clock: &Clock) -> Sandbox {
    let options = SandboxOptions { retry_spacing: Duration::from_millis(1), ..SandboxOptions::default() };
    Sandbox::start(options, clock.clone()).await.unwrap()
}

/// A caller with the plainest of clients.
pub(super) struct Caller {
    pub(super) base: String,
    pub(super) authorization: String,
    http: reqwest::Client,
}

/// The answer to a caller.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Value,
}

impl Caller {
    pub(super) fn new(base: &str, authorization: &str) -> Self {
        let http = sender::client(DEADLINE).unwrap();
        Self { base: base.to_owned(), authorization: authorization.to_owned(), http }
    }

    /// Calls with JSON and further headers; an error when no answer came.
    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answered> {
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("authorization", &self.authorization)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(Answered { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    pub(super) async fn delete(&self, path: &str) -> Answered {
        self.call("DELETE", path, &Value::Null, &[]).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Answered {
        self.call("GET", path, &Value::Null, &[]).await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answered {
        self.call("POST", path, &body, &[]).await.unwrap()
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Answered {
        self.call("PUT", path, &body, &[]).await.unwrap()
    }
}

/// A bridge that gives scripted answers, and 202 after them.
#[derive(Default)]
struct Script(Mutex<VecDeque<Answer>>);

#[async_trait::async_trait]
impl Vendor for Script {
    async fn answer(&self, _: &Request) -> Answer {
        lock(&self.0).pop_front().unwrap_or_else(|| Answer::json(202, &json!({"status": "accepted"})))
    }
}

struct Bridge {
    script: Arc<Script>,
    traffic: Arc<Traffic>,
    _stop: DropGuard,
}

impl Bridge {
    async fn start(sandbox: &Sandbox, clock: &Clock) -> Self {
        let stop = CancellationToken::new();
        let script = Arc::new(Script::default());
        let traffic = Arc::new(Traffic::new(Changes::default(), clock.clone(), stop.clone()));
        let (vendor, traffic_too) = (Arc::clone(&script) as Arc<dyn Vendor>, Arc::clone(&traffic));
        let url = server::start(move |_| (vendor, traffic_too), stop.clone()).await.unwrap();
        sandbox.connect(&url);
        Self { script, traffic, _stop: stop.drop_guard() }
    }

    fn answer(&self, status: u16, headers: &[(&str, &str)], times: usize) {
        for _ in 0..times {
            let answer = headers.iter().fold(Answer::json(status, &json!({})), |a, (name, value)| a.with(name, value));
            lock(&self.script.0).push_back(answer);
        }
    }
}

fn ticket(sandbox: &Sandbox, tags: &[&str]) -> u64 {
    let mut user_fields = serde_json::Map::new();
    user_fields.insert("braze_external_id".into(), "cust-1".into());
    let requester_id = sandbox.zendesk.add_user(User { name: "Carla Customer".into(), user_fields, ..User::default() });
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let description = "Hello".to_owned();
    sandbox.zendesk.add_ticket(NewTicket { requester_id, description, tags, ..NewTicket::default() })
}

fn header<'a>(attempt: &'a sender::Attempt, name: &str) -> &'a str {
    attempt.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

#[tokio::test]
async fn an_agents_reply_rings_the_bell_signed_over_the_raw_body() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let bridge = Bridge::start(&sandbox, &clock).await;
    let ticket = ticket(&sandbox, &["sms"]);
    let comment = sandbox.zendesk.agent_reply(ticket, "<p>Hi</p>");
    let delivered = || sandbox.zendesk.webhooks_delivered().len() == 1 && sandbox.zendesk.is_idle();
    assert!(sandbox.wait_until(DEADLINE, delivered).await);

    let attempt = &sandbox.zendesk.webhooks_delivered()[0];
    assert_eq!(
        attempt.body,
        format!(
            "{{\n   \"comment_id\": \"{comment}\",\n   \"event\": \"agent_reply\",\n   \"requester_id\": \"{}\",\n   \
             \"ticket_id\": \"{ticket}\"\n}}\n",
            sandbox.zendesk.ticket(ticket).unwrap().requester_id
        )
    );
    let timestamp = header(attempt, "x-zendesk-webhook-signature-timestamp");
    assert_eq!(timestamp, "2026-11-21T12:00:00Z");
    let secret = SandboxOptions::default().zendesk_webhook_secret;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{timestamp}{}", attempt.body).as_bytes());
    let expected = BASE64.encode(mac.finalize().into_bytes());
    assert_eq!(header(attempt, "x-zendesk-webhook-signature"), expected);
    assert_eq!(header(attempt, "x-zendesk-webhook-invocation-id"), attempt.id);
    assert_eq!(attempt.id.len(), 26);
    assert_eq!(bridge.traffic.calls()[0].path, "/webhooks/zendesk");
    assert_eq!(
        attempt.result,
        AttemptResult::Answered { status: 202, retry_after: None, body: r#"{"status":"accepted"}"#.into() }
    );
}

#[tokio::test]
async fn triggers_fire_on_what_they_should_and_nothing_else() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    sandbox.zendesk.pause_webhooks();
    let events = || -> Vec<String> {
        let held = sandbox.zendesk.take_held_webhooks();
        let body = |webhook: &sender::Webhook| serde_json::from_str::<Value>(&webhook.body).unwrap();
        held.iter().map(|webhook| body(webhook)["event"].as_str().unwrap().to_owned()).collect()
    };
    let untagged = ticket(&sandbox, &[]);
    sandbox.zendesk.agent_reply(untagged, "not for us");
    let sms = ticket(&sandbox, &["sms"]);
    sandbox.zendesk.agent_note(sms, "internal");
    assert!(events().is_empty());
    sandbox.zendesk.agent_reply(sms, "public");
    sandbox.zendesk.set_status(sms, TicketStatus::Solved);
    sandbox.zendesk.set_status(sms, TicketStatus::Solved);
    sandbox.zendesk.set_status(sms, TicketStatus::Open);
    assert_eq!(events(), ["agent_reply", "ticket_solved", "ticket_reopened"]);
    sandbox.zendesk.duplicate_webhooks(true);
    sandbox.zendesk.agent_reply(sms, "twice");
    let held = sandbox.zendesk.take_held_webhooks();
    assert_eq!(held[0].body, held[1].body);
    assert_ne!(held[0].id, held[1].id);
}

#[tokio::test]
async fn writes_through_the_api_fire_only_when_asked_to() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    sandbox.zendesk.pause_webhooks();
    let ticket = ticket(&sandbox, &["sms"]);
    let caller = Caller::new(sandbox.zendesk.url(), &zendesk_basic());
    let path = format!("/api/v2/tickets/{ticket}.json");
    let comment = json!({"ticket": {"comment": {"html_body": "echo", "public": true}}});
    assert_eq!(caller.put(&path, comment.clone()).await.status, 200);
    assert!(sandbox.zendesk.held_webhooks().is_empty());
    sandbox.zendesk.fire_on_api_writes(true);
    assert_eq!(caller.put(&path, comment).await.status, 200);
    assert_eq!(sandbox.zendesk.held_webhooks().len(), 1);
}

#[tokio::test]
async fn zendesk_repeats_by_its_rules_under_one_invocation() {
    for (status, headers, attempts) in [
        (409, &[][..], 4),
        (503, &[("retry-after", "5")], 4),
        (503, &[("retry-after", "60")], 1),
        (503, &[], 1),
        (500, &[("retry-after", "5")], 1),
        (401, &[], 1),
        (202, &[], 1),
    ] {
        let clock = clock();
        let sandbox = sandbox(&clock).await;
        let bridge = Bridge::start(&sandbox, &clock).await;
        bridge.answer(status, headers, 99);
        let ticket = ticket(&sandbox, &["sms"]);
        sandbox.zendesk.agent_reply(ticket, "hello");
        assert!(sandbox.wait_until(DEADLINE, || sandbox.zendesk.is_idle()).await);
        let log = sandbox.zendesk.webhooks_delivered();
        assert_eq!(log.len(), attempts, "{status} {headers:?}");
        assert!(log.iter().all(|attempt| attempt.id == log[0].id));
    }
}

#[tokio::test]
async fn zendesk_never_repeats_what_reached_nobody_and_braze_does() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let ticket = ticket(&sandbox, &["sms"]);
    sandbox.zendesk.agent_reply(ticket, "hello");
    let profile = sandbox.braze.add_profile(Profile::default());
    sandbox.phone.text(&profile, "hello").unwrap();
    assert!(sandbox.wait_until(DEADLINE, || sandbox.zendesk.is_idle() && sandbox.braze.is_idle()).await);
    let (zendesk, braze) = (sandbox.zendesk.webhooks_delivered(), sandbox.braze.webhooks_delivered());
    assert_eq!((zendesk.len(), braze.len()), (1, 6));
    assert!(zendesk.iter().chain(&braze).all(|attempt| attempt.result == AttemptResult::Unreachable));
}

#[tokio::test]
async fn a_bridge_that_answers_too_late_is_asked_again_five_times() {
    let clock = clock();
    let options = SandboxOptions {
        retry_spacing: Duration::from_millis(1),
        zendesk_webhook_timeout: Duration::from_millis(30),
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(options, clock.clone()).await.unwrap();
    let bridge = Bridge::start(&sandbox, &clock).await;
    bridge.traffic.fail(Fault::on("POST", "/webhooks/zendesk", FaultKind::Delay(DEADLINE)).times(99));
    let ticket = ticket(&sandbox, &["sms"]);
    sandbox.zendesk.agent_reply(ticket, "hello");
    assert!(sandbox.wait_until(DEADLINE, || sandbox.zendesk.is_idle()).await);
    let log = sandbox.zendesk.webhooks_delivered();
    assert_eq!(log.len(), 6);
    assert!(log.iter().all(|attempt| attempt.result == AttemptResult::TimedOut));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_handles_work_outside_a_task() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let bridge = Bridge::start(&sandbox, &clock).await;
    let ticket = ticket(&sandbox, &["sms"]);
    let zendesk = sandbox.zendesk.clone();
    std::thread::spawn(move || zendesk.agent_reply(ticket, "hello")).join().unwrap();
    assert!(sandbox.wait_until(DEADLINE, || bridge.traffic.calls().len() == 1).await);
}

#[tokio::test]
async fn an_open_circuit_drops_webhooks_for_good() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let bridge = Bridge::start(&sandbox, &clock).await;
    sandbox.zendesk.open_circuit(true);
    let ticket = ticket(&sandbox, &["sms"]);
    sandbox.zendesk.agent_reply(ticket, "lost");
    let logged = || sandbox.zendesk.webhooks_delivered().len() == 1 && sandbox.zendesk.is_idle();
    assert!(sandbox.wait_until(DEADLINE, logged).await);
    assert_eq!(sandbox.zendesk.webhooks_delivered()[0].result, AttemptResult::CircuitBroken);
    assert!(bridge.traffic.calls().is_empty());
}

#[tokio::test]
async fn a_lane_keeps_its_order_until_something_is_repeated() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let bridge = Bridge::start(&sandbox, &clock).await;
    let profile = sandbox.braze.add_profile(Profile { external_id: Some("c".into()), ..Profile::default() });
    let sent: Vec<String> = (0..20).map(|n| sandbox.phone.text(&profile, &format!("text {n}")).unwrap()).collect();
    assert!(sandbox.wait_until(DEADLINE, || sandbox.braze.is_idle()).await);
    let received: Vec<String> = sandbox.braze.webhooks_delivered().into_iter().map(|attempt| attempt.id).collect();
    assert_eq!(received, sent);
    assert_eq!(bridge.traffic.calls().len(), 20);
    assert!(sandbox.phone.repeat(&sent[3]));
    assert!(sandbox.wait_until(DEADLINE, || sandbox.braze.webhooks_delivered().len() == 21).await);
    let log = sandbox.braze.webhooks_delivered();
    assert_eq!((&log[20].id, &log[20].body), (&log[3].id, &log[3].body));
    assert!(!sandbox.phone.repeat("unknown"));
}

#[tokio::test]
async fn a_phone_speaks_form_and_json_and_shows_its_token_as_told() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    sandbox.braze.pause_webhooks();
    let text = "He said \"hi\" & +1\nnew = line";
    let profile = sandbox.braze.add_profile(Profile {
        braze_id: "b1".into(),
        external_id: Some("a b".into()),
        phone: Some("+15550100001".into()),
        ..Profile::default()
    });
    let mut sent = Vec::new();
    for (format, auth) in [
        (Format::Form, BrazeAuth::Bearer),
        (Format::Json, BrazeAuth::Basic),
        (Format::JsonRawControls, BrazeAuth::Header),
    ] {
        sandbox.braze.set_webhook_format(format);
        sandbox.braze.set_webhook_auth(auth);
        sandbox.phone.text(&profile, text).unwrap();
        sent.extend(sandbox.braze.take_held_webhooks());
    }
    let form: std::collections::BTreeMap<String, String> =
        form_urlencoded::parse(sent[0].body.as_bytes()).into_owned().collect();
    assert_eq!((form["text"].as_str(), form["phone"].as_str()), (text, "+15550100001"));
    assert!(sent[0].body.contains("&external_id=a+b&phone=%2B15550100001&"), "{}", sent[0].body);
    let json: Value = serde_json::from_str(&sent[1].body).unwrap();
    assert_eq!(json["text"], text);
    assert!(serde_json::from_str::<Value>(&sent[2].body).is_err());
    assert!(sent[2].body.contains("He said \\\"hi\\\" & +1\nnew = line"));
    let seals: Vec<String> = sent
        .iter()
        .map(|webhook| match &webhook.seal {
            sender::Seal::Header { name, value } => format!("{name}: {value}"),
            sender::Seal::Zendesk { .. } | sender::Seal::Standard { .. } | sender::Seal::Own { .. } => String::new(),
        })
        .collect();
    let token = SandboxOptions::default().braze_webhook_token;
    assert_eq!(
        seals,
        [
            format!("authorization: Bearer {token}"),
            format!("authorization: Basic {}", BASE64.encode(format!("braze:{token}"))),
            format!("x-tandem-token: {token}"),
        ]
    );
}

#[tokio::test]
async fn keywords_change_the_subscription_of_everyone_with_the_number() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    sandbox.braze.pause_webhooks();
    let with_number = || Profile { phone: Some("+15550100001".into()), ..Profile::default() };
    let (one, two) = (sandbox.braze.add_profile(with_number()), sandbox.braze.add_profile(with_number()));
    for (text, category, opted_out) in [
        ("hello", "other", false),
        (" stop ", "opt_out", true),
        ("stop it", "other", true),
        ("Yes", "opt_in", false),
        ("cancel", "opt_out", true),
        ("UNSTOP", "opt_in", false),
        ("info", "help", false),
        ("support", "support", false),
    ] {
        sandbox.phone.text(&one, text).unwrap();
        let body = sandbox.braze.take_held_webhooks().remove(0).body;
        assert!(body.contains(&format!("&category={category}&")), "{text}: {body}");
        assert_eq!(sandbox.braze.profile(&two).unwrap().opted_out, opted_out, "{text}");
    }
    assert_eq!(sandbox.phone.text_from_stranger("+15550100009", "hello"), None);
    let stranger = sandbox.phone.text_from_stranger("+15550100009", "START").unwrap();
    assert_eq!(sandbox.braze.profile(&stranger).unwrap().external_id, None);
    assert_eq!(sandbox.phone.text("nobody", "hello"), None);
}

#[tokio::test]
async fn the_recipe_is_sent_as_published() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    sandbox.zendesk.pause_webhooks();
    sandbox.braze.pause_webhooks();
    let ticket = ticket(&sandbox, &[]);
    sandbox.zendesk.install_triggers(TriggerBodies::Recipe { escaped: true });
    sandbox.zendesk.agent_reply(ticket, "<p>one \"two\"</p><p>three</p>");
    sandbox.zendesk.set_status(ticket, TicketStatus::Solved);
    let held = sandbox.zendesk.take_held_webhooks();
    let reply: Value = serde_json::from_str(&held[0].body).unwrap();
    let recipient = &reply["recipients"][0];
    let dashes = "-".repeat(46);
    assert_eq!(
        recipient["trigger_properties"]["msg_body"],
        format!("{dashes}\n\nAgnes Agent, Nov 21, 12:00\n\none \"two\"\nthree")
    );
    assert_eq!(recipient["external_user_id"], "cust-1");
    assert_eq!(recipient["attributes"], json!({"zendesk_ticket": "1", "zendesk_ticket_open": "true"}));
    assert_eq!(held[0].path, "/campaigns/trigger/send");
    assert!(held[1].body.contains("},\n,\n"), "the stray comma is published: {}", held[1].body);
    sandbox.zendesk.install_triggers(TriggerBodies::Recipe { escaped: false });
    sandbox.zendesk.agent_reply(ticket, "one");
    assert!(serde_json::from_str::<Value>(&sandbox.zendesk.take_held_webhooks()[0].body).is_err());

    let mut attributes = serde_json::Map::new();
    let profile = sandbox.braze.add_profile(Profile { first_name: Some("Carla".into()), ..Profile::default() });
    sandbox.phone.text_recipe_append(&profile, "nobody is listening");
    assert!(sandbox.braze.held_webhooks().is_empty());
    attributes.insert("zendesk_ticket".into(), "42".into());
    attributes.insert("zendesk_ticket_open".into(), "true".into());
    let open = sandbox.braze.add_profile(Profile { attributes, ..Profile::default() });
    sandbox.phone.text_recipe_new_ticket(&profile, "say \"hi\"");
    sandbox.phone.text_recipe_append(&open, "more");
    let held = sandbox.braze.take_held_webhooks();
    assert!(held[0].body.contains("\"body\": \"say \"hi\"\""), "unescaped: {}", held[0].body);
    assert_eq!((held[1].method.as_str(), held[1].path.as_str()), ("PUT", "/api/v2/tickets/42.json"));
}

#[tokio::test]
async fn the_test_button_and_media_links_work() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    sandbox.braze.pause_webhooks();
    let profile = sandbox.braze.add_profile(Profile::default());
    sandbox.phone.test_button(&profile);
    let url = sandbox.braze.add_media("cat.png", "image/png", b"not really a cat");
    sandbox.phone.text_with_media(&profile, "", &[&url]).unwrap();
    let held = sandbox.braze.take_held_webhooks();
    assert!(held[0].body.contains("&dispatch=dispatch_id_for_unsent_campaign&"));
    let form: std::collections::BTreeMap<String, String> =
        form_urlencoded::parse(held[1].body.as_bytes()).into_owned().collect();
    assert_eq!(form["media"], url);
    let caller = Caller::new(sandbox.braze.url(), "");
    let answer = caller.get("/media/cat.png").await;
    assert_eq!((answer.status, answer.body), (200, json!("not really a cat")));
    assert_eq!(caller.get("/media/dog.png").await.status, 404);
}

#[tokio::test]
async fn faults_strike_as_often_as_told_and_a_lost_answer_took_effect() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    let caller = Caller::new(sandbox.zendesk.url(), &zendesk_basic());
    let body = json!({"ticket": {"comment": {"body": "hello"}}});
    let create = || caller.call("POST", "/api/v2/tickets", &body, &[]);

    sandbox.zendesk.fail(Fault::on("POST", "/tickets", FaultKind::LoseRequest));
    assert!(create().await.is_err());
    assert_eq!(sandbox.zendesk.tickets().len(), 0);
    sandbox.zendesk.fail(Fault::on("POST", "/tickets", FaultKind::LoseAnswer));
    assert!(create().await.is_err());
    assert_eq!(sandbox.zendesk.tickets().len(), 1);
    sandbox.zendesk.fail(Fault::on("", "", FaultKind::retry_after(503, 7)).times(2));
    for _ in 0..2 {
        let answer = create().await.unwrap();
        assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (503, "7"));
    }
    sandbox.zendesk.fail(Fault::on("GET", "/tickets", FaultKind::status(500)));
    sandbox.zendesk.fail(Fault::on("POST", "/tickets", FaultKind::Delay(Duration::from_millis(1))));
    assert_eq!(create().await.unwrap().status, 201);
    assert_eq!(sandbox.zendesk.tickets().len(), 2);
    sandbox.zendesk.clear_faults();
    assert_eq!(caller.get("/api/v2/tickets").await.status, 200);
    let seen: Vec<_> = sandbox.zendesk.calls().into_iter().map(|call| (call.status, call.processed)).collect();
    assert_eq!(
        seen,
        [(None, false), (None, true), (Some(503), false), (Some(503), false), (Some(201), true), (Some(200), true)]
    );
    let first = &sandbox.zendesk.calls()[0];
    assert_eq!(first.headers["authorization"], "Basic");
    assert_eq!(first.body, body);
}

#[tokio::test]
async fn waiting_ends_with_the_deadline_and_the_servers_with_the_sandbox() {
    let clock = clock();
    let sandbox = sandbox(&clock).await;
    assert!(!sandbox.wait_until(Duration::from_millis(5), || false).await);
    let caller = Caller::new(sandbox.braze.url(), "");
    assert_eq!(caller.get("/media/none").await.status, 404);
    drop(sandbox);
    // A connection is refused once the accepting task has ended, which it does as soon as it runs.
    let gone = async {
        while caller.call("GET", "/media/none", &Value::Null, &[]).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, gone).await.is_ok());
}

pub(super) fn zendesk_basic() -> String {
    let options = SandboxOptions::default();
    format!("Basic {}", BASE64.encode(format!("{}/token:{}", options.zendesk_email, options.zendesk_api_token)))
}

#[tokio::test]
async fn without_a_network_calls_are_answered_and_webhooks_wait_to_be_carried() {
    let clock = clock();
    let sandbox = Sandbox::in_process(SandboxOptions::default(), clock.clone());
    let refused =
        sandbox.zendesk.answer(http::Request::get("/api/v2/tickets/1").body(bytes::Bytes::new()).unwrap()).await;
    assert_eq!(refused.status(), 401);
    let ticket = ticket(&sandbox, &["sms"]);
    let comment = sandbox.zendesk.agent_reply(ticket, "On its way.");
    let [webhook] = sandbox.zendesk.take_held_webhooks().try_into().map_err(drop).unwrap();
    assert!(webhook.body.contains(&format!("\"comment_id\": \"{comment}\"")), "{}", webhook.body);
    let headers = webhook.headers(clock.now());
    assert!(headers.iter().any(|(name, _)| name == "x-zendesk-webhook-signature"), "{headers:?}");
    assert!(sandbox.zendesk.take_held_webhooks().is_empty(), "taken once");
}
