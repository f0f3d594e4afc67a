//! The answers to webhooks, row by row of the contract's table, over HTTP against the running bridge.
//!
//! An answer is a promise about what happens next, so most tests also look there: at the ticket, the phone, the
//! operator's list, and at the calls that were *not* made.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use futures_util::future::join_all;
use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder};
use secrecy::SecretString;
use serde_json::{Value, json};
use tandem::clock::Clock;
use tandem::domain::account::Ends;
use tandem::domain::delivery::Transition;
use tandem::domain::inbound::Arrivals;
use tandem::http::{Inbound, PublicState, public_router};
use tandem::intake::Senders;
use tandem::sandbox::SandboxOptions;
use tandem::sandbox::zendesk::TicketStatus;
use tandem::store::embedded::memory::{Medium, MemoryStore};
use tandem::store::embedded::sled::SledStore;
use tandem::store::{Store, StoreLimits, Terms, Verdict};
use tandem::telemetry::{Metrics, Readiness};
use tandem::vendors::sources::FirstAccounts;
use tandem::vendors::zendesk::signature::{ZENDESK_TEST_SECRET, zendesk_signature};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{DEADLINE, TestBridge, answer, http_client, start_of_time};

/// The contract's limit.
const BODY_MAX: usize = 256 * 1024;

const SIGNATURE: &str = "x-zendesk-webhook-signature";
const TIMESTAMP: &str = "x-zendesk-webhook-signature-timestamp";
const INVOCATION: &str = "x-zendesk-webhook-invocation-id";

// ---------------------------------------------------------------------------------------------------------- helpers

/// A bridge that acts on webhooks only.
pub(crate) async fn quiet_bridge() -> TestBridge {
    TestBridge::start_with("catch_up_minutes = 0", "").await
}

/// An answer, with every part by which a sender could tell two of them apart.
#[derive(Debug, PartialEq)]
struct Said {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

async fn say(request: RequestBuilder) -> Said {
    let response = request.send().await.unwrap();
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = response.headers().iter().filter(|(name, _)| *name != "date");
    let headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
    Said { status: response.status().as_u16(), headers, body: response.text().await.unwrap() }
}

/// The time stamp that Zendesk would sign now, shifted by these seconds.
fn stamp(bridge: &TestBridge, seconds: i64) -> String {
    let at = bridge.clock.now().saturating_add(SignedDuration::from_secs(seconds)).unwrap();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A Zendesk webhook signed with this secret, for this time stamp.
fn sealed(bridge: &TestBridge, path: &str, body: &[u8], secret: &str, timestamp: &str) -> RequestBuilder {
    bridge
        .http
        .post(format!("{}{path}", bridge.public))
        .header(SIGNATURE, zendesk_signature(&secret.into(), timestamp, body))
        .header(TIMESTAMP, timestamp)
        .body(body.to_vec())
}

/// The same, with the right secret and time stamp.
pub(crate) fn from_zendesk(bridge: &TestBridge, path: &str, body: &[u8]) -> RequestBuilder {
    sealed(bridge, path, body, &secret(), &stamp(bridge, 0))
}

fn secret() -> String {
    SandboxOptions::default().zendesk_webhook_secret
}

pub(crate) fn token() -> String {
    SandboxOptions::default().braze_webhook_token
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A customer's text as Braze posts it.
fn text_form(customer: &str, dispatch: &str, text: &str) -> String {
    form(&[
        ("channel", "sms"),
        ("category", "other"),
        ("campaign", "campaign-1"),
        ("dispatch", dispatch),
        ("external_id", customer),
        ("text", text),
    ])
}

pub(crate) fn braze_post(bridge: &TestBridge, body: &str) -> RequestBuilder {
    bridge.as_braze(Method::POST, "/webhooks/braze", body)
}

fn solved(ticket: u64) -> String {
    json!({"event": "ticket_solved", "ticket_id": ticket.to_string()}).to_string()
}

/// How often the vendors were called, for any reason.
pub(crate) fn calls(bridge: &TestBridge) -> usize {
    bridge.sandbox.zendesk.calls().len() + bridge.sandbox.braze.calls().len()
}

/// Asserts that no webhook left a trace: no record, no call.
pub(crate) async fn assert_untouched(bridge: &TestBridge) {
    assert_eq!(bridge.deliveries("").await, Vec::<Value>::new());
    assert_eq!(bridge.conversations().await, Vec::<Value>::new());
    assert_eq!(calls(bridge), 0, "calls to vendors");
}

pub(crate) fn assert_accepted(told: &(u16, Value)) -> String {
    assert_eq!((told.0, &told.1["status"]), (202, &json!("accepted")), "{told:?}");
    let id = told.1["id"].as_str().unwrap();
    assert!(id.starts_with("evt_") && told.1.as_object().unwrap().len() == 2, "{told:?}");
    id.to_owned()
}

/// A customer with a ticket, and the ticket's number.
pub(crate) async fn ticket_of(bridge: &TestBridge, customer: &str) -> u64 {
    bridge.customer(customer);
    assert_accepted(&answer(braze_post(bridge, &form(&[("external_id", customer), ("text", "Hello")]))).await);
    bridge.settled().await;
    let tickets = bridge.sandbox.zendesk.tickets();
    tickets.iter().find(|ticket| ticket.external_id.as_deref() == Some(customer)).unwrap().id
}

/// Makes a reply without a webhook; returns its number.
fn silent_reply(bridge: &TestBridge, ticket: u64, html: &str) -> u64 {
    bridge.sandbox.zendesk.pause_webhooks();
    let comment = bridge.sandbox.zendesk.agent_reply(ticket, html);
    assert_eq!(bridge.sandbox.zendesk.take_held_webhooks().len(), 1);
    bridge.sandbox.zendesk.resume_webhooks();
    comment
}

/// Sends bytes as they are, and reads until the bridge hangs up.
pub(crate) async fn raw(bridge: &TestBridge, request: &[u8]) -> String {
    let stream = TcpStream::connect(bridge.public.strip_prefix("http://").unwrap()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let mut answer = Vec::new();
    // The bridge may close the connection when it refuses in the middle of a request; its answer still counts.
    let both = async { tokio::join!(writer.write_all(request), reader.read_to_end(&mut answer)) };
    tokio::time::timeout(DEADLINE, both).await.expect("an answer, or the end of the connection").0.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The secrets by which the bridge of these tests verifies.
pub(crate) fn intake_options() -> watch::Receiver<Arc<Senders>> {
    let options = FirstAccounts {
        zendesk_secrets: vec![SecretString::from(secret())],
        zendesk_tolerance: Duration::from_secs(600),
        braze_tokens: vec![SecretString::from(token())],
        user_field: "braze_external_id".to_owned(),
        currents: Default::default(),
    };
    watch::channel(Arc::new(options.into())).1
}

/// An account of webhooks without any entry.
pub(crate) fn untouched() -> Arc<Inbound> {
    Arc::new(Inbound::new(Arrivals::new(start_of_time())))
}

/// The public router on a real store with limits of its own.
pub(crate) struct Limited {
    pub(crate) url: String,
    pub(crate) store: Arc<dyn Store>,
    _directory: Option<TempDir>,
}

pub(crate) async fn limited(limits: StoreLimits) -> Limited {
    let directory = tempfile::tempdir().unwrap();
    let store = SledStore::open(directory.path(), limits, 7, start_of_time()).await.unwrap();
    Limited { _directory: Some(directory), ..on_store(Arc::new(store)).await }
}

async fn on_store(store: Arc<dyn Store>) -> Limited {
    let router = public_router(PublicState {
        store: Arc::clone(&store),
        intake: intake_options(),
        clock: Clock::manual(start_of_time(), 3),
        metrics: Arc::new(Metrics::default()),
        inbound: untouched(),
        readiness: Arc::new(Readiness::default()),
        memory: Arc::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Limited { url, store, _directory: None }
}

impl Limited {
    /// Status and reasons of `/readyz`.
    async fn readiness(&self) -> (u16, String) {
        let (status, told) = answer(http_client().get(format!("{}/readyz", self.url))).await;
        (status, told["reasons"].to_string())
    }

    async fn post(&self, path: &str, body: &str) -> Said {
        let request = http_client().post(format!("{}{path}", self.url)).bearer_auth(token()).body(body.to_owned());
        say(request).await
    }
}

fn assert_come_again(said: &Said) {
    assert_eq!(said.status, 503, "{said:?}");
    let after = said.headers.iter().find(|(name, _)| name == "retry-after").map(|(_, value)| value.as_str());
    let seconds: u64 = after.unwrap_or_else(|| panic!("no Retry-After: {said:?}")).parse().unwrap();
    assert!((5..=55).contains(&seconds), "{seconds}");
}

// --------------------------------------------------------------------------------------------------------- accepted

#[tokio::test]
async fn an_accepted_text_arrives_on_a_ticket_under_the_id_that_was_answered() {
    let bridge = quiet_bridge().await;
    bridge.customer("ada");
    let told = answer(braze_post(&bridge, &text_form("ada", "d1", "Where is\nmy \"parcel\"?"))).await;
    let id = assert_accepted(&told);
    let deliveries = bridge.settled().await;
    assert_eq!(bridge.comments(1), ["Where is\nmy \"parcel\"?"]);
    let found: Vec<_> = deliveries.iter().map(|delivery| (&delivery["id"], &delivery["state"])).collect();
    assert_eq!(found, [(&json!(id), &json!("delivered"))]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn an_accepted_reply_arrives_on_the_phone_however_the_numbers_are_written() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    let bodies: [fn(u64, u64) -> Value; 4] = [
        |ticket, comment| json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": comment}),
        |ticket, comment| json!({"event": "agent_reply", "ticket_id": ticket.to_string(), "comment_id": comment.to_string()}),
        |ticket, comment| {
            json!({"event": "agent_reply", "ticket_id": format!("#{ticket}"), "comment_id": format!(" {comment} "),
                "external_user_id": "ada", "agent_name": "Agnes", "text": "not what was written"})
        },
        // No comment named, and no text: a doorbell all the same.
        |ticket, _| json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": "", "text": ""}),
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        let comment = silent_reply(&bridge, ticket, &format!("<p>Reply {number}</p>"));
        assert_accepted(&bridge.zendesk_webhook(&body(ticket, comment).to_string()).await);
        bridge.settled().await;
    }
    assert_eq!(bridge.texts(), ["Reply 0", "Reply 1", "Reply 2", "Reply 3"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_ticket_that_is_solved_and_reopened_says_so() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    for (event, state) in [("ticket_solved", "solved"), ("ticket_reopened", "open")] {
        assert_accepted(&bridge.zendesk_webhook(&json!({"event": event, "ticket_id": ticket}).to_string()).await);
        bridge.settled().await;
        assert_eq!(bridge.conversations().await[0]["ticket_state"], state);
    }
    assert_eq!(bridge.texts(), ["Your ticket has been closed"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_with_nothing_but_media_or_nothing_but_a_braze_id_is_enough() {
    let bridge = quiet_bridge().await;
    let link = bridge.sandbox.braze.add_media("cat.png", "image/png", b"not really a cat");
    assert_accepted(&answer(braze_post(&bridge, &form(&[("external_id", "ada"), ("media", &link)]))).await);
    bridge.settled().await;
    assert_accepted(&answer(braze_post(&bridge, &form(&[("braze_id", "b-1815"), ("text", "Hi")]))).await);
    bridge.settled().await;
    assert!(bridge.comments(1)[0].contains(&link), "{:?}", bridge.comments(1));
    assert_eq!(bridge.comments(2), ["Hi"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn every_field_of_a_text_finds_its_place() {
    let bridge = quiet_bridge().await;
    let body = json!({
        "channel": "sms", "category": "SUPPORT", "group": "line-1", "campaign": "c", "dispatch": "d", "braze_id": "b-1",
        "external_id": 1815, "phone": "+1 (555) 555-0123", "email": "ada@example.com", "first_name": "Ada",
        "last_name": "Lovelace", "text": "SUPPORT", "media": "",
    });
    assert_accepted(&answer(braze_post(&bridge, &body.to_string())).await);
    bridge.settled().await;
    let ticket = bridge.sandbox.zendesk.ticket(1).unwrap();
    assert_eq!(bridge.comments(1), ["SUPPORT"]);
    assert_eq!(ticket.tags, ["sms"]);
    assert_eq!(ticket.external_id, Some("1815".to_owned()));
    let users = bridge.sandbox.zendesk.users();
    let user = users.iter().find(|user| user.id == ticket.requester_id).unwrap();
    assert_eq!(user.name, "Ada Lovelace");
    assert_eq!(user.external_id.as_deref(), Some("1815"));
    assert_eq!(user.email.as_deref(), Some("ada@example.com"));
    assert_eq!(user.phone.as_deref(), Some("+15555550123"));
    bridge.finish(0).await;
}

// ------------------------------------------------------------------------------------------------------- duplicates

/// The two answers of an event and its repetition, which must name one id.
fn assert_duplicate(first: &str, again: &(u16, Value)) {
    assert_eq!(*again, (202, json!({"status": "duplicate", "id": first})));
}

#[tokio::test]
async fn a_repeated_dispatch_is_a_duplicate_and_the_text_stands_once() {
    let bridge = quiet_bridge().await;
    let id = assert_accepted(&answer(braze_post(&bridge, &text_form("ada", "d1", "Hello"))).await);
    assert_duplicate(&id, &answer(braze_post(&bridge, &text_form("ada", "d1", "Hello"))).await);
    bridge.settled().await;
    // Also when it is settled long since, and written another way.
    bridge.clock.advance(SignedDuration::from_hours(20));
    let as_json = json!({"campaign": "campaign-1", "dispatch": "d1", "external_id": "ada", "text": "Hello"});
    assert_duplicate(&id, &answer(braze_post(&bridge, &as_json.to_string())).await);
    bridge.settled().await;
    assert_eq!(bridge.comments(1), ["Hello"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn one_dispatch_for_two_customers_is_two_events() {
    let bridge = quiet_bridge().await;
    assert_accepted(&answer(braze_post(&bridge, &text_form("ada", "d1", "Hello"))).await);
    assert_accepted(&answer(braze_post(&bridge, &text_form("bob", "d1", "Hello"))).await);
    bridge.settled().await;
    assert_eq!((bridge.comments(1), bridge.comments(2)), (vec!["Hello".to_owned()], vec!["Hello".to_owned()]));
    bridge.finish(0).await;
}

#[tokio::test]
async fn the_same_words_twice_are_two_texts() {
    let bridge = quiet_bridge().await;
    for dispatch in ["d1", "d2", "", ""] {
        assert_accepted(&answer(braze_post(&bridge, &text_form("ada", dispatch, "Hello?"))).await);
        bridge.settled().await;
    }
    assert_eq!(bridge.comments(1), ["Hello?"; 4]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_repeated_invocation_is_a_duplicate_and_the_closing_text_goes_out_once() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    let body = solved(ticket);
    let call = || bridge.signed("/webhooks/zendesk", &body).header(INVOCATION, "01CALL");
    let id = assert_accepted(&answer(call()).await);
    assert_duplicate(&id, &answer(call()).await);
    bridge.settled().await;
    // Every attempt is signed anew.
    bridge.clock.advance(SignedDuration::from_mins(3));
    assert_duplicate(&id, &answer(call()).await);
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Your ticket has been closed"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn without_an_invocation_the_same_signed_bytes_are_a_duplicate() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    let timestamp = stamp(&bridge, 0);
    let call = || sealed(&bridge, "/webhooks/zendesk", solved(ticket).as_bytes(), &secret(), &timestamp);
    let id = assert_accepted(&answer(call()).await);
    assert_duplicate(&id, &answer(call()).await);
    bridge.finish(0).await;
}

/// The signature covers the time stamp and the body, so a request that was recorded is rightly signed for as long as the
/// tolerance lasts, also with other headers.
#[tokio::test]
async fn a_recorded_request_played_again_has_no_effect() {
    let bridge = quiet_bridge().await;
    let (ticket, _) = bridge.talking("ada").await;
    let comment = silent_reply(&bridge, ticket, "<p>By number</p>");
    let own = "/webhooks/zendesk";
    let recipe = json!({"campaign_id": SandboxOptions::default().campaign_agent_reply, "recipients": [{
        "external_user_id": "ada", "trigger_properties": {"msg_body": "By the recipe"},
        "attributes": {"zendesk_ticket": ticket.to_string(), "zendesk_ticket_open": "true"}}]});
    let bodies = [
        (own, json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": comment}).to_string()),
        (own, json!({"event": "agent_reply", "ticket_id": ticket, "text": "As it stands"}).to_string()),
        ("/campaigns/trigger/send", recipe.to_string()),
        (own, json!({"event": "ticket_reopened", "ticket_id": ticket}).to_string()),
        (own, solved(ticket)),
        (own, "{".to_owned()),
    ];
    for (number, (path, body)) in bodies.into_iter().enumerate() {
        let timestamp = stamp(&bridge, 0);
        let call = || sealed(&bridge, path, body.as_bytes(), &secret(), &timestamp);
        let (status, told) = answer(call().header(INVOCATION, format!("01CALL{number}"))).await;
        assert_eq!((status, told["status"] == "duplicate"), (202, false), "{body}: {told}");
        bridge.settled().await;
        let (id, texts) = (told["id"].as_str().unwrap().to_owned(), bridge.texts());
        for spelling in [path, if path == own { own } else { "/campaign/trigger/send" }] {
            let again = || sealed(&bridge, spelling, body.as_bytes(), &secret(), &timestamp);
            for played in
                [again().header(INVOCATION, format!("01OTHER{number}")), again().header(INVOCATION, ""), again()]
            {
                assert_duplicate(&id, &answer(played).await);
            }
        }
        bridge.settled().await;
        assert_eq!(bridge.texts(), texts, "{body}");
        bridge.clock.advance(SignedDuration::from_secs(5));
    }
    let closing = "Your ticket has been closed";
    assert_eq!(bridge.texts(), ["By number", "As it stands", "By the recipe", closing]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn one_comment_rung_by_two_triggers_is_a_duplicate_and_texted_once() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    let comment = silent_reply(&bridge, ticket, "<p>Only once</p>");
    let body = json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": comment}).to_string();
    let id = assert_accepted(&bridge.zendesk_webhook(&body).await);
    assert_duplicate(&id, &bridge.zendesk_webhook(&body).await);
    bridge.settled().await;
    assert_duplicate(&id, &bridge.zendesk_webhook(&body).await);
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Only once"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn of_twenty_equal_requests_at_once_exactly_one_is_accepted() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    let comment = silent_reply(&bridge, ticket, "<p>Only once</p>");
    let reply = json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": comment}).to_string();
    let change = solved(ticket);
    let kinds: [(&str, Vec<RequestBuilder>); 4] = [
        ("a dispatch", (0..20).map(|_| braze_post(&bridge, &text_form("ada", "d1", "Twenty"))).collect()),
        (
            "an invocation",
            (0..20).map(|_| bridge.signed("/webhooks/zendesk", &change).header(INVOCATION, "01CALL")).collect(),
        ),
        (
            "a comment",
            (0..20)
                .map(|n| bridge.signed("/webhooks/zendesk", &reply).header(INVOCATION, format!("01CALL{n}")))
                .collect(),
        ),
        (
            "an unreadable body",
            (0..20).map(|_| bridge.signed("/webhooks/zendesk", "{").header(INVOCATION, "01BROKEN")).collect(),
        ),
    ];
    for (what, requests) in kinds {
        let told = join_all(requests.into_iter().map(answer)).await;
        let new = told.iter().filter(|(_, body)| body["status"] != "duplicate").count();
        assert_eq!(new, 1, "{what}: {told:?}");
        let ids: BTreeSet<_> = told.iter().map(|(_, body)| body["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 1, "{what}: {told:?}");
        assert!(told.iter().all(|(status, _)| *status == 202), "{what}: {told:?}");
    }
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket), ["Hello", "Only once", "Twenty"]);
    let mut texts = bridge.texts();
    texts.sort();
    assert_eq!(texts, ["Only once", "Your ticket has been closed"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_restart_forgets_no_duplicate() {
    let mut bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    let comment = silent_reply(&bridge, ticket, "<p>Only once</p>");
    let reply = json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": comment}).to_string();
    let text = text_form("ada", "d1", "Once as well");
    let body = solved(ticket);
    let ids = [
        assert_accepted(&answer(braze_post(&bridge, &text)).await),
        assert_accepted(&bridge.zendesk_webhook(&reply).await),
        assert_accepted(&answer(bridge.signed("/webhooks/zendesk", &body).header(INVOCATION, "01CALL")).await),
        answer(braze_post(&bridge, &form(&[("dispatch", "d2"), ("external_id", "ada")]))).await.1["id"]
            .as_str()
            .unwrap()
            .to_owned(),
    ];
    bridge.settled().await;
    bridge.stop().await;
    bridge.run().await;
    let again = [
        answer(braze_post(&bridge, &text)).await,
        bridge.zendesk_webhook(&reply).await,
        answer(bridge.signed("/webhooks/zendesk", &body).header(INVOCATION, "01CALL")).await,
        answer(braze_post(&bridge, &form(&[("dispatch", "d2"), ("external_id", "ada")]))).await,
    ];
    for (id, told) in ids.iter().zip(&again) {
        assert_duplicate(id, told);
    }
    bridge.settled().await;
    assert_eq!(bridge.comments(ticket), ["Hello", "Only once", "Once as well"]);
    assert_eq!(bridge.texts(), ["Only once", "Your ticket has been closed"]);
    bridge.finish(0).await;
}

// ---------------------------------------------------------------------------------------------------------- ignored

fn ignored(reason: &str) -> (u16, Value) {
    (202, json!({"status": "ignored", "reason": reason}))
}

#[tokio::test]
async fn an_event_that_nobody_knows_is_ignored() {
    let bridge = quiet_bridge().await;
    for event in ["ticket_merged", "AGENT_REPLY", "agent_reply2", "ping"] {
        let told = bridge.zendesk_webhook(&json!({"event": event, "ticket_id": 1}).to_string()).await;
        assert_eq!(told, ignored("unknown event"), "{event}");
    }
    assert_untouched(&bridge).await;
    bridge.finish(0).await;
}

#[tokio::test]
async fn brazes_test_button_touches_nothing() {
    let bridge = quiet_bridge().await;
    let customer = bridge.customer("ada");
    bridge.sandbox.phone.test_button(&customer);
    bridge.settled().await;
    assert_eq!(bridge.sandbox.braze.webhooks_delivered().len(), 1);
    let test = "dispatch_id_for_unsent_campaign";
    // The button fills in the fields that it has, often none.
    for body in [
        text_form("ada", test, "Hello"),
        form(&[("dispatch", test)]),
        form(&[("dispatch", test), ("external_id", ""), ("text", ""), ("campaign", "dummy")]),
        json!({"dispatch": test, "category": "opt_out", "external_id": "ada"}).to_string(),
    ] {
        assert_eq!(answer(braze_post(&bridge, &body)).await, ignored("test"), "{body}");
    }
    assert_untouched(&bridge).await;
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_of_our_own_that_comes_back_is_an_echo_for_ten_minutes() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    let echo = json!({"event": "agent_reply", "ticket_id": ticket, "text": "Hello"}).to_string();
    assert_eq!(bridge.zendesk_webhook(&echo).await, ignored("echo"));
    let other = json!({"event": "agent_reply", "ticket_id": ticket, "text": "Hello!"}).to_string();
    assert_accepted(&bridge.zendesk_webhook(&other).await);
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Hello!"]);
    bridge.clock.advance(SignedDuration::from_mins(11));
    assert_accepted(&bridge.zendesk_webhook(&echo).await);
    bridge.settled().await;
    assert_eq!(bridge.texts(), ["Hello!", "Hello"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_ticket_that_is_none_of_ours_stays_so() {
    let bridge = quiet_bridge().await;
    let zendesk = &bridge.sandbox.zendesk;
    let requester = zendesk.users()[1].id;
    let ticket = zendesk.add_ticket(tandem::sandbox::zendesk::NewTicket {
        requester_id: requester,
        subject: "By mail".to_owned(),
        description: "Not a text".to_owned(),
        ..Default::default()
    });
    let comment = zendesk.agent_reply(ticket, "<p>Not for a phone</p>");
    for body in [
        json!({"event": "agent_reply", "ticket_id": ticket, "comment_id": comment}),
        json!({"event": "ticket_solved", "ticket_id": ticket}),
        json!({"event": "agent_reply", "ticket_id": ticket, "text": "Not for a phone"}),
    ] {
        let told = bridge.zendesk_webhook(&body.to_string()).await;
        assert!(told.0 == 202 && (told.1["status"] == "accepted" || told.1["status"] == "ignored"), "{told:?}");
    }
    let deliveries = bridge.settled().await;
    assert!(deliveries.iter().all(|delivery| delivery["state"] == "skipped"), "{deliveries:?}");
    assert_eq!(bridge.texts(), Vec::<String>::new());
    assert_eq!(bridge.sandbox.braze.calls().len(), 0);
    assert_eq!(bridge.comments(ticket).len(), 2, "nothing was written on it");
    assert_eq!(bridge.sandbox.zendesk.ticket(ticket).unwrap().status, TicketStatus::New);
    bridge.finish(0).await;
}

// ------------------------------------------------------------------------------------------------------ quarantined

#[tokio::test]
async fn an_unreadable_body_is_kept_byte_for_byte_for_the_operator() {
    let bridge = quiet_bridge().await;
    let bodies: [&[u8]; 3] =
        [b"{\"event\":\"agent_reply\",\"ticket", b"\xff\xfe\x00\x01", "{\"text\":\"caf\u{e9}\"".as_bytes()];
    for (number, body) in bodies.into_iter().enumerate() {
        let (path, request) = if number == 0 {
            ("/webhooks/zendesk", from_zendesk(&bridge, "/webhooks/zendesk", body).header("content-type", "text/x-odd"))
        } else {
            let request = bridge.as_braze(Method::POST, "/webhooks/braze", "").body(body.to_vec());
            ("/webhooks/braze", request.header("content-type", "text/x-odd"))
        };
        let (status, told) = answer(request).await;
        assert_eq!((status, &told["status"]), (202, &json!("quarantined")), "{told}");
        let id = told["id"].as_str().unwrap();
        let shown = answer(bridge.http.get(format!("{}/api/deliveries/{id}", bridge.operator))).await.1;
        assert_eq!((&shown["state"], &shown["kind"]), (&json!("quarantined"), &json!("unreadable")), "{shown}");
        assert!(!shown["cause"].as_str().unwrap().is_empty(), "{shown}");
        let event = &shown["event"];
        assert_eq!(STANDARD.decode(event["body"].as_str().unwrap()).unwrap(), body);
        assert_eq!((&event["path"], &event["method"]), (&json!(path), &json!("POST")));
        assert_eq!(event["content_type"], "text/x-odd");
    }
    assert_eq!(bridge.deliveries("state=quarantined").await.len(), bodies.len());
    assert_eq!(calls(&bridge), 0);
    bridge.finish(0).await;
}

// -------------------------------------------------------------------------------------------------------------- 401

/// Every way in which Zendesk's seal may be missing or wrong, on a body that would be accepted.
fn forgeries(bridge: &TestBridge, path: &str, body: &str) -> Vec<(&'static str, RequestBuilder)> {
    let now = stamp(bridge, 0);
    let good = zendesk_signature(&secret().into(), &now, body.as_bytes());
    let bare = || bridge.http.post(format!("{}{path}", bridge.public)).body(body.to_owned());
    let with = |signature: &str, timestamp: &str| bare().header(SIGNATURE, signature).header(TIMESTAMP, timestamp);
    let over =
        |text: &str, secret: &str, timestamp: &str| zendesk_signature(&secret.into(), timestamp, text.as_bytes());
    let aged = |seconds| {
        let timestamp = stamp(bridge, seconds);
        with(&over(body, &secret(), &timestamp), &timestamp)
    };
    let decoded = STANDARD.decode(&good).unwrap();
    let hexadecimal: String = decoded.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![
        ("nothing at all", bare()),
        ("no time stamp", bare().header(SIGNATURE, &good)),
        ("no signature", bare().header(TIMESTAMP, &now)),
        ("an empty signature", with("", &now)),
        ("an empty time stamp", with(&good, "")),
        ("not base64", with("!!!", &now)),
        ("the right one in hexadecimal", with(&hexadecimal, &now)),
        ("half of the right one", with(&STANDARD.encode(&decoded[..16]), &now)),
        ("another secret", with(&over(body, "c29tZWJvZHkgZWxzZQ==", &now), &now)),
        ("an empty secret", with(&over(body, "", &now), &now)),
        ("the published test secret", with(&over(body, ZENDESK_TEST_SECRET, &now), &now)),
        ("another body", with(&over(&format!("{body} "), &secret(), &now), &now)),
        ("the body alone", with(&over(body, &secret(), ""), &now)),
        ("another time stamp", with(&good, &stamp(bridge, 1))),
        ("eleven minutes old", aged(-660)),
        ("a second too old", aged(-601)),
        ("a second too early", aged(601)),
        ("years old", aged(-100_000_000)),
        ("not a time", with(&over(body, &secret(), "yesterday"), "yesterday")),
        ("seconds since 1970", with(&over(body, &secret(), "1795262400"), "1795262400")),
        ("two signatures", with(&good, &now).header(SIGNATURE, &good)),
        ("two time stamps", with(&good, &now).header(TIMESTAMP, &now)),
        ("Braze's token", bare().bearer_auth(token())),
    ]
}

/// Every way in which Braze's token may be missing or wrong.
fn strangers(bridge: &TestBridge, method: &Method, path: &str, body: &str) -> Vec<(&'static str, RequestBuilder)> {
    let url = format!("{}{path}", bridge.public);
    let at = |url: &str| bridge.http.request(method.clone(), url).body(body.to_owned());
    let authorized = |value: String| at(&url).header("authorization", value);
    let token = token();
    let shorter = token[..token.len() - 1].to_owned();
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let now = stamp(bridge, 0);
    let signature = zendesk_signature(&secret().into(), &now, body.as_bytes());
    vec![
        ("nothing at all", at(&url)),
        ("an empty header", authorized(String::new())),
        ("a bare scheme", authorized("Bearer".to_owned())),
        ("an empty token", authorized("Bearer ".to_owned())),
        ("a wrong token", authorized("Bearer wrong".to_owned())),
        ("a shorter one", authorized(format!("Bearer {shorter}"))),
        ("a longer one", authorized(format!("Bearer {token}x"))),
        ("in capitals", authorized(format!("Bearer {}", token.to_uppercase()))),
        ("without a scheme", authorized(token.clone())),
        ("an unknown scheme", authorized(format!("Token {token}"))),
        ("Bearer in base64", authorized(format!("Bearer {}", STANDARD.encode(&token)))),
        ("Basic without base64", authorized(format!("Basic {token}"))),
        ("Basic with nothing", authorized("Basic ".to_owned())),
        ("Basic with a blank password", authorized(basic("braze:"))),
        ("Basic with a wrong password", authorized(basic("braze:wrong"))),
        ("Basic with the token as the name", authorized(basic(&format!("{token}:wrong")))),
        ("an empty header of ours", at(&url).header("x-tandem-token", "")),
        ("a wrong header of ours", at(&url).header("x-tandem-token", "wrong")),
        ("a scheme in our header", at(&url).header("x-tandem-token", format!("Bearer {token}"))),
        ("in the address", at(&format!("{url}?token={token}&x-tandem-token={token}"))),
        ("in the body only", at(&url).body(format!("token={token}&{body}"))),
        ("a cookie", at(&url).header("cookie", format!("token={token}"))),
        ("Zendesk's signature", at(&url).header(SIGNATURE, signature).header(TIMESTAMP, now)),
    ]
}

#[tokio::test]
async fn whoever_cannot_prove_who_they_are_is_told_the_same_words() {
    let bridge = quiet_bridge().await;
    let reply = r#"{"event":"ticket_solved","ticket_id":"1"}"#;
    let text = text_form("ada", "d1", "Hello");
    let ticket = r#"{"ticket":{"comment":{"body":"Hi"},"requester":{"user_fields":{"braze_external_id":"ada"}}}}"#;
    let mut requests = forgeries(&bridge, "/webhooks/zendesk", reply);
    requests.extend(forgeries(&bridge, "/campaigns/trigger/send", "{}"));
    requests.extend(forgeries(&bridge, "/campaign/trigger/send", "not even JSON"));
    requests.extend(strangers(&bridge, &Method::POST, "/webhooks/braze", &text));
    requests.extend(strangers(&bridge, &Method::POST, "/api/v2/tickets", ticket));
    requests.extend(strangers(&bridge, &Method::POST, "/api/v2/tickets.json", ""));
    requests.extend(strangers(&bridge, &Method::PUT, "/api/v2/tickets/1.json", ticket));
    let mut first = None;
    for (what, request) in requests {
        let said = say(request).await;
        assert_eq!(said.status, 401, "{what}: {said:?}");
        let first =
            first.get_or_insert_with(|| Said { headers: said.headers.clone(), body: said.body.clone(), ..said });
        assert_eq!((&said.headers, &said.body), (&first.headers, &first.body), "{what}");
    }
    assert_untouched(&bridge).await;
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_signature_counts_up_to_ten_minutes_from_now_either_way() {
    let mut bridge = quiet_bridge().await;
    let at = async |bridge: &TestBridge, seconds| {
        let body = br#"{"event":"ping"}"#;
        answer(sealed(bridge, "/webhooks/zendesk", body, &secret(), &stamp(bridge, seconds))).await.0
    };
    for (seconds, status) in [(-601, 401), (-600, 202), (-30, 202), (0, 202), (30, 202), (600, 202), (601, 401)] {
        assert_eq!(at(&bridge, seconds).await, status, "{seconds} s");
    }
    bridge.restart_with(|settings| settings.replace("[zendesk]", "[zendesk]\nsignature_tolerance_seconds = 30")).await;
    for (seconds, status) in [(-31, 401), (-30, 202), (30, 202), (31, 401)] {
        assert_eq!(at(&bridge, seconds).await, status, "{seconds} s of 30");
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn while_a_secret_is_rotated_both_count_and_then_only_the_new_one() {
    let mut bridge = quiet_bridge().await;
    let (old, new) = (secret(), "YSBuZXcgc2VjcmV0LCBub3QgcmVhbA==".to_owned());
    let (old_token, new_token) = (token(), "a-new-token-that-is-not-real".to_owned());
    let tried = async |bridge: &TestBridge| {
        let sign =
            |secret: &str| sealed(bridge, "/webhooks/zendesk", br#"{"event":"ping"}"#, secret, &stamp(bridge, 0));
        let body = form(&[("dispatch", "dispatch_id_for_unsent_campaign")]);
        let present = |token: &str| {
            bridge.http.post(format!("{}/webhooks/braze", bridge.public)).bearer_auth(token).body(body.clone())
        };
        let requests = [sign(&old), sign(&new), present(&old_token), present(&new_token)];
        join_all(requests.map(answer)).await.iter().map(|told| told.0).collect::<Vec<_>>()
    };
    assert_eq!(tried(&bridge).await, [202, 401, 202, 401]);
    let quoted = |text: &str| format!("\"{text}\"");
    let both = |old: &str, new: &str| format!("\"{new}\", \"{old}\"");
    bridge
        .restart_with(|settings| {
            settings
                .replace(&quoted(&old), &both(&old, &new))
                .replace(&quoted(&old_token), &both(&old_token, &new_token))
        })
        .await;
    assert_eq!(tried(&bridge).await, [202, 202, 202, 202]);
    bridge
        .restart_with(|settings| {
            settings
                .replace(&both(&old, &new), &quoted(&new))
                .replace(&both(&old_token, &new_token), &quoted(&new_token))
        })
        .await;
    assert_eq!(tried(&bridge).await, [401, 202, 401, 202]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn zendesks_seal_is_known_however_its_headers_and_its_body_are_written() {
    let bridge = quiet_bridge().await;
    let pretty = "{\n   \"event\": \"ping\",\n   \"ticket_id\": \"1\"\n}\n";
    let with = |timestamp: &str, spell: fn(String) -> String| {
        let signature = spell(zendesk_signature(&secret().into(), timestamp, pretty.as_bytes()));
        let request = bridge.http.post(format!("{}/webhooks/zendesk", bridge.public)).body(pretty);
        request.header(SIGNATURE, signature).header(TIMESTAMP, timestamp)
    };
    let now = stamp(&bridge, 0);
    let plain: fn(String) -> String = |signature| signature;
    for (what, request) in [
        ("as recorded", with(&now, plain).header("content-type", "application/json; charset=utf-8")),
        ("no content type", with(&now, plain)),
        ("a wrong content type", with(&now, plain).header("content-type", "application/x-www-form-urlencoded")),
        ("no padding", with(&now, |signature| signature.trim_end_matches('=').to_owned())),
        ("space around it", with(&now, |signature| format!(" {signature}\t"))),
        ("an offset", with(&now.replace('Z', "+00:00"), plain)),
        ("milliseconds", with(&now.replace('Z', ".123Z"), plain)),
        ("another zone", with(&now.replace("T12:00:00Z", "T13:00:00+01:00"), plain)),
        ("an unrelated authorization", with(&now, plain).bearer_auth("braze-rest-key")),
        ("a query in the address", from_zendesk(&bridge, "/webhooks/zendesk?from=zendesk", pretty.as_bytes())),
    ] {
        assert_eq!(answer(request).await, ignored("unknown event"), "{what}");
    }
    // Header names in other letters, as HTTP/1 allows.
    let signature = zendesk_signature(&secret().into(), &now, pretty.as_bytes());
    let request = format!(
        "POST /webhooks/zendesk HTTP/1.1\r\nHost: x\r\nX-ZENDESK-Webhook-Signature: {signature}\r\n\
         X-Zendesk-WEBHOOK-signature-Timestamp: {now}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{pretty}",
        pretty.len()
    );
    let told = raw(&bridge, request.as_bytes()).await;
    assert!(
        told.starts_with("HTTP/1.1 202 ") && told.ends_with(r#"{"status":"ignored","reason":"unknown event"}"#),
        "{told}"
    );
    bridge.finish(0).await;
}

#[tokio::test]
async fn brazes_token_is_taken_wherever_a_marketer_may_put_it() {
    let bridge = quiet_bridge().await;
    let token = token();
    let body = form(&[("dispatch", "dispatch_id_for_unsent_campaign")]);
    let post = || bridge.http.post(format!("{}/webhooks/braze", bridge.public)).body(body.clone());
    let authorized = |value: String| post().header("authorization", value);
    for (what, request) in [
        ("Bearer", authorized(format!("Bearer {token}"))),
        ("bearer, in other letters", authorized(format!("bEARER   {token} "))),
        ("Basic, the whole text", authorized(format!("Basic {}", STANDARD.encode(&token)))),
        ("Basic, the password", authorized(format!("Basic {}", STANDARD.encode(format!("anybody:{token}"))))),
        ("Basic, no name", authorized(format!("basic {}", STANDARD.encode(format!(":{token}"))))),
        ("Basic, no padding", authorized(format!("Basic {}", STANDARD_NO_PAD.encode(format!("braze:{token}"))))),
        ("a header of ours", post().header("X-Tandem-Token", &token)),
        ("ours beside somebody else's", authorized("Bearer for-the-proxy".to_owned()).header("X-Tandem-Token", &token)),
    ] {
        assert_eq!(answer(request).await, ignored("test"), "{what}");
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_text_is_read_whatever_the_content_type_claims() {
    let bridge = quiet_bridge().await;
    let words = "Two lines,\nand \"quotes\" & 50% + more";
    let as_form = form(&[("external_id", "ada"), ("text", words)]);
    let as_json = json!({"external_id": "ada", "text": words}).to_string();
    let raw_line_break = format!("{{\"external_id\":\"ada\",\"text\":\"{}\"}}", words.replace('"', "\\\""));
    let types =
        [None, Some("application/json"), Some("application/x-www-form-urlencoded"), Some("text/plain"), Some("☃")];
    let mut count = 0;
    for body in [as_form, as_json, raw_line_break] {
        for content_type in types {
            let mut request = braze_post(&bridge, &body);
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type.as_bytes());
            }
            assert_accepted(&answer(request).await);
            bridge.settled().await;
            count += 1;
            assert_eq!(bridge.comments(1).last().unwrap(), words, "{content_type:?} {body}");
        }
    }
    assert_eq!(bridge.comments(1).len(), count);
    bridge.finish(0).await;
}

// --------------------------------------------------------------------------------------------------------- 413, 405

/// A readable body of exactly this length.
fn padded(length: usize) -> String {
    let body = r#"{"dispatch":"dispatch_id_for_unsent_campaign"}"#;
    format!("{body}{}", " ".repeat(length - body.len()))
}

fn head(extra: &str) -> String {
    format!(
        "POST /webhooks/braze HTTP/1.1\r\nHost: x\r\nX-Tandem-Token: {}\r\nConnection: close\r\n{extra}\r\n",
        token()
    )
}

fn chunked(body: &str, chunk: usize) -> String {
    let mut request = head("Transfer-Encoding: chunked\r\n");
    for piece in body.as_bytes().chunks(chunk) {
        let piece = std::str::from_utf8(piece).unwrap();
        request.push_str(&format!("{:x}\r\n{piece}\r\n", piece.len()));
    }
    request + "0\r\n\r\n"
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let bridge = quiet_bridge().await;
    let ignored = r#"{"status":"ignored","reason":"test"}"#;
    for (what, request, status) in [
        ("at the limit", format!("{}{}", head(&format!("Content-Length: {BODY_MAX}\r\n")), padded(BODY_MAX)), 202),
        ("chunked, at the limit", chunked(&padded(BODY_MAX), 10_000), 202),
        ("chunked, in one piece", chunked(&padded(BODY_MAX), BODY_MAX), 202),
        (
            "one byte more",
            format!("{}{}", head(&format!("Content-Length: {}\r\n", BODY_MAX + 1)), padded(BODY_MAX + 1)),
            413,
        ),
        ("chunked, one byte more", chunked(&padded(BODY_MAX + 1), 10_000), 413),
        ("chunked, in one piece that is too long", chunked(&padded(BODY_MAX + 1), BODY_MAX + 1), 413),
        ("a great length, and nothing yet", head("Content-Length: 9999999999\r\n"), 413),
    ] {
        let told = raw(&bridge, request.as_bytes()).await;
        assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {told}");
        assert_eq!(told.ends_with(ignored), status == 202, "{what}: {told}");
    }
    assert_untouched(&bridge).await;
    bridge.finish(0).await;
}

#[tokio::test]
async fn whoever_sends_far_too_much_still_hears_413() {
    let bridge = quiet_bridge().await;
    for length in [BODY_MAX + 1, 300_000, 1_000_000, 4_000_000] {
        for path in ["/webhooks/braze", "/webhooks/zendesk", "/api/v2/tickets"] {
            let request = bridge.as_braze(Method::POST, path, &padded(length));
            assert_eq!(answer(request).await.0, 413, "{length} bytes to {path}");
        }
    }
    assert_untouched(&bridge).await;
    bridge.finish(0).await;
}

#[tokio::test]
async fn another_method_is_answered_405() {
    let bridge = quiet_bridge().await;
    for (path, right) in [
        ("/webhooks/zendesk", "POST"),
        ("/webhooks/braze", "POST"),
        ("/campaigns/trigger/send", "POST"),
        ("/campaign/trigger/send", "POST"),
        ("/api/v2/tickets", "POST"),
        ("/api/v2/tickets.json", "POST"),
        ("/api/v2/tickets/1.json", "PUT"),
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"] {
            if method == right {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let said = say(bridge.as_braze(method.clone(), path, &text_form("ada", "d1", "Hello"))).await;
            assert_eq!(said.status, 405, "{method} {path}");
            assert!(said.headers.contains(&("allow".to_owned(), right.to_owned())), "{method} {path}: {said:?}");
        }
    }
    assert_untouched(&bridge).await;
    bridge.finish(0).await;
}

#[tokio::test]
async fn what_is_not_a_webhook_address_is_not_one() {
    let bridge = quiet_bridge().await;
    for path in
        ["/", "/webhooks", "/webhooks/zendesk/x", "/webhooks/%2e%2e/api/deliveries", "/api/deliveries", "/metrics"]
    {
        let said = say(bridge.as_braze(Method::POST, path, &text_form("ada", "d1", "Hello"))).await;
        assert_eq!(said.status, 404, "{path}: {said:?}");
    }
    assert_untouched(&bridge).await;
    bridge.finish(0).await;
}

// -------------------------------------------------------------------------------------------------------------- 503

#[tokio::test]
async fn beyond_the_backlog_limit_senders_are_asked_to_come_again() {
    let limited = limited(StoreLimits { backlog_max: 2, ..StoreLimits::default() }).await;
    for dispatch in ["d1", "d2"] {
        assert_eq!(limited.post("/webhooks/braze", &text_form("ada", dispatch, "Hello")).await.status, 202);
    }
    for _ in 0..30 {
        assert_come_again(&limited.post("/webhooks/braze", &text_form("ada", "d3", "Hello")).await);
    }
    // A text that is stored already is known all the same: its sender may stop.
    let said = limited.post("/webhooks/braze", &text_form("ada", "d1", "Hello")).await;
    assert!(said.status == 202 && said.body.contains("duplicate"), "{said:?}");
    let ticket = r#"{"ticket":{"comment":{"body":"Hi"},"requester":{"user_fields":{"braze_external_id":"ada"}}}}"#;
    assert_come_again(&limited.post("/api/v2/tickets", ticket).await);
    assert_eq!(limited.readiness().await, (503, r#"["store: the backlog is full (2 deliveries wait)"]"#.to_owned()));
    // It clears by itself, as soon as one of them is done.
    let now = start_of_time();
    let claim = limited.store.claim(Ends::FIRST.routes()[0], now, Terms::merging(1), 1).await.unwrap().pop().unwrap();
    let done = Transition::Deliver { receipt: "ticket 1".to_owned() };
    let verdict = Verdict { moves: vec![(claim.work[0].delivery.id, done)], ..Verdict::default() };
    limited.store.record(&claim, verdict, now).await.unwrap();
    assert_eq!(limited.readiness().await.0, 200);
    assert_eq!(limited.post("/webhooks/braze", &text_form("ada", "d3", "Hello")).await.status, 202);
    limited.store.close().await;
}

#[tokio::test]
async fn on_a_full_disk_senders_are_asked_to_come_again() {
    let limited = limited(StoreLimits { disk_floor_bytes: u64::MAX, ..StoreLimits::default() }).await;
    assert_come_again(&limited.post("/webhooks/braze", &text_form("ada", "d1", "Hello")).await);
    assert_come_again(&limited.post("/webhooks/braze", "unreadable").await);
    // Nothing has to be stored for these.
    assert_eq!(limited.post("/webhooks/zendesk", "{}").await.status, 401);
    let test = form(&[("dispatch", "dispatch_id_for_unsent_campaign")]);
    assert_eq!(limited.post("/webhooks/braze", &test).await.status, 202);
    limited.store.close().await;
}

#[tokio::test]
async fn when_a_full_disk_has_room_again_webhooks_are_taken_again() {
    let medium = Medium::default();
    let store = MemoryStore::open(&medium, StoreLimits::default(), 7, start_of_time()).unwrap();
    let limited = on_store(Arc::new(store)).await;
    let post = async |dispatch| limited.post("/webhooks/braze", &text_form("ada", dispatch, "Hello")).await;
    assert_eq!(post("d1").await.status, 202);
    medium.set_free_bytes(StoreLimits::default().disk_floor_bytes - 1);
    assert_come_again(&post("d2").await);
    let (status, reasons) = limited.readiness().await;
    assert!(status == 503 && reasons.contains("255 MiB"), "{reasons}");
    // Stored texts are delivered all the same, and that makes room.
    let now = start_of_time();
    let claim = limited.store.claim(Ends::FIRST.routes()[0], now, Terms::merging(1), 1).await.unwrap().pop().unwrap();
    let done = Transition::Deliver { receipt: "ticket 1".to_owned() };
    let verdict = Verdict { moves: vec![(claim.work[0].delivery.id, done)], ..Verdict::default() };
    assert_eq!(limited.store.record(&claim, verdict, now).await, Ok(()));
    medium.set_free_bytes(StoreLimits::default().disk_floor_bytes);
    assert_eq!(limited.readiness().await.0, 200);
    assert_eq!(post("d2").await.status, 202);
}

#[tokio::test]
async fn a_request_that_a_stop_overtakes_is_asked_to_come_again() {
    let mut bridge = quiet_bridge().await;
    let body = text_form("ada", "d1", "Hello");
    let (early, late) = body.split_at(10);
    let mut stream = TcpStream::connect(bridge.public.strip_prefix("http://").unwrap()).await.unwrap();
    // The bridge says when it begins to read the body.
    let head = head(&format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len()));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(early.as_bytes()).await.unwrap();
    bridge.stop().await;
    stream.write_all(late.as_bytes()).await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    let after = told.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
    assert!((5..=55).contains(&after.parse::<u64>().unwrap()), "{told}");
    // It was not taken in, so that the sender's next try is the first one.
    bridge.run().await;
    assert_untouched(&bridge).await;
    assert_accepted(&answer(braze_post(&bridge, &body)).await);
    bridge.settled().await;
    assert_eq!(bridge.comments(1), ["Hello"]);
    bridge.finish(0).await;
}
