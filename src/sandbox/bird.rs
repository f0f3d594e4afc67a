//! An embedded Bird of the third generation: its APIs of text messages and of WhatsApp over HTTP, its signed webhooks, and its
//! customers' phones.
//!
//! Beside the sandbox of Zendesk and Braze, for tests that need it. Where a fact is unconfirmed, the less generous reading is
//! taken: a key replays refusals as well, and suppressed texts are accepted and then rejected. Webhooks have no order. A
//! WhatsApp message outside of the window is accepted and then fails, as Bird documents it.

mod api;
mod templates;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::changes::Changes;
use super::lock::lock;
use super::sender::{self, Attempt, Rules, Seal, Sender, Webhook};
use super::server::{self, Answer, Call, Fault, Request, Traffic, Vendor};
use super::text;
use crate::clock::Clock;
use crate::domain::line::Channel;

pub use templates::WITH_PLACES;

/// The letters of Bird's ids.
const ID_LETTERS: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// How Bird is set up. The default values are obviously not real ones.
#[derive(Clone)]
pub struct BirdOptions {
    /// The bridge's name for the account, with which the path of its webhooks ends.
    pub account: String,
    /// The API key; its region is Bird's.
    pub api_key: String,
    /// The signing secret of the webhook.
    pub signing_secret: String,
    /// The numbers that the workspace owns.
    pub senders: Vec<String>,
    /// The numbers among them that are on WhatsApp.
    pub on_whatsapp: Vec<String>,
    /// The slugs of the WhatsApp templates that Meta has approved.
    pub templates: Vec<String>,
    /// The pause before a webhook is tried again.
    pub retry_spacing: Duration,
}

impl Default for BirdOptions {
    fn default() -> Self {
        Self {
            account: "bird".into(),
            api_key: "bk_eu1_sandbox-not-real".into(),
            signing_secret: "whsec_c2FuZGJveC1zaWduaW5nLXNlY3JldC1ub3QtcmVhbA==".into(),
            senders: vec!["+15550100100".into(), "+15550100200".into()],
            on_whatsapp: vec!["+15550100200".into()],
            templates: vec!["please_write_again".into(), WITH_PLACES.into()],
            retry_spacing: Duration::from_millis(20),
        }
    }
}

/// The end of the texts that are sent from now on.
#[derive(Clone, Debug, Default)]
pub enum End {
    /// They arrive.
    #[default]
    Arrives,
    /// They fail at the carrier with this code.
    Fails(String),
    /// No webhook tells.
    Silent,
}

/// A message, in either direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Bird's id of it.
    pub id: String,
    /// Its channel.
    pub channel: Channel,
    /// `inbound` or `outbound`.
    pub direction: &'static str,
    /// The recipient.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The words; of a template, its slug.
    pub text: String,
    /// The template that it was sent as, with its values.
    pub template: Value,
    /// The tags that it was sent with.
    pub tags: Value,
    /// The metadata that it was sent with.
    pub metadata: Value,
    /// Its status.
    pub status: &'static str,
    /// When it was created.
    pub at: Timestamp,
}

/// A handle on the embedded Bird. Cheap to clone; the server stops with the last handle.
#[derive(Clone)]
pub struct Bird {
    inner: Arc<Inner>,
    _stop: Arc<DropGuard>,
}

struct Inner {
    url: String,
    options: BirdOptions,
    clock: Clock,
    changes: Changes,
    traffic: Arc<Traffic>,
    sender: Sender,
    state: Mutex<State>,
}

/// Everything that Bird knows.
#[derive(Default)]
struct State {
    messages: Vec<Message>,
    /// The answer to the first request under each key, with its body and its time.
    answered: HashMap<String, (Timestamp, bytes::Bytes, Answer)>,
    /// The pairs of a sender and a recipient that stop texts.
    suppressed: BTreeSet<(String, String)>,
    /// Whether the balance is spent.
    is_spent: bool,
    end: End,
}

#[async_trait]
impl Vendor for Inner {
    async fn answer(&self, request: &Request) -> Answer {
        let answer = self.route(&mut lock(&self.state), request);
        self.changes.touch();
        answer
    }
}

impl Bird {
    /// Starts Bird on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had, or the HTTP client that sends the webhooks cannot be built.
    pub async fn start(options: BirdOptions, clock: Clock) -> io::Result<Self> {
        let (stop, client) = (CancellationToken::new(), sender::client(Duration::from_secs(10)));
        let client = client.map_err(io::Error::other)?;
        let mut made = None;
        let bind = |url: &str| {
            let bird = Self::new(url, options, clock, Some(client), stop.clone());
            let bound = (Arc::clone(&bird.inner) as Arc<dyn Vendor>, Arc::clone(&bird.inner.traffic));
            made = Some(bird);
            bound
        };
        server::start(bind, stop.clone()).await?;
        made.ok_or_else(|| io::Error::other("the server was not bound"))
    }

    /// Bird without a network. The caller hands requests to [`Bird::answer`], and takes the webhooks out
    /// ([`Bird::take_held_webhooks`]) to carry them to the bridge. The host is the account's name, below `sandbox.invalid`.
    /// Must be called inside a tokio runtime.
    #[must_use]
    pub fn in_process(options: BirdOptions, clock: Clock) -> Self {
        let url = format!("https://{}.sandbox.invalid", options.account);
        Self::new(&url, options, clock, None, CancellationToken::new())
    }

    /// With the client that sends its webhooks, or none where the caller carries them.
    fn new(
        url: &str,
        options: BirdOptions,
        clock: Clock,
        client: Option<reqwest::Client>,
        stop: CancellationToken,
    ) -> Self {
        let changes = Changes::default();
        let sender =
            Sender::new(client, Rules::Bird, options.retry_spacing, clock.clone(), changes.clone(), stop.clone());
        let traffic = Arc::new(Traffic::new(changes.clone(), clock.clone(), stop.clone()));
        let (url, state) = (url.to_owned(), Mutex::default());
        let inner = Arc::new(Inner { url, options, clock, changes, traffic, sender, state });
        Self { inner, _stop: Arc::new(stop.drop_guard()) }
    }

    /// The answer to a request, without a network.
    pub async fn answer(&self, request: http::Request<bytes::Bytes>) -> http::Response<bytes::Bytes> {
        self.inner.traffic.dated(Vendor::answer(&*self.inner, &request.into()).await)
    }

    /// Sets the address of the bridge: webhooks go to `{bridge_url}/webhooks/{account}`.
    pub fn connect(&self, bridge_url: &str) {
        self.inner.sender.connect(bridge_url);
    }

    /// The base URL, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// A customer texts one of the workspace's numbers. STOP ends texts from that number and START resumes them; both arrive
    /// as texts all the same. Returns the id of the webhook.
    pub fn text(&self, from: &str, to: &str, words: &str) -> String {
        let message = self.inner.message(Channel::Sms, "inbound", (to, from), words, &Value::Null);
        let pair = (to.to_owned(), from.to_owned());
        let mut state = lock(&self.inner.state);
        match words.trim().to_ascii_uppercase().as_str() {
            "STOP" => drop(state.suppressed.insert(pair)),
            "START" => drop(state.suppressed.remove(&pair)),
            _ => {}
        }
        state.messages.push(message.clone());
        drop(state);
        let data = json!({"sms_id": message.id, "workspace_id": "ws_1", "to": to, "from": from, "text": words,
            "segments": {"count": 1, "encoding": "gsm7", "characters": words.len()}});
        self.inner.post("sms.received", &message.id, data)
    }

    /// A customer writes by WhatsApp to one of the workspace's numbers, and opens the window for a day. They are a number, or
    /// WhatsApp's own id of someone who hides theirs. Returns the id of the webhook.
    pub fn whatsapp(&self, from: &str, to: &str, words: &str) -> String {
        let message = self.inner.message(Channel::Whatsapp, "inbound", (to, from), words, &Value::Null);
        lock(&self.inner.state).messages.push(message.clone());
        let data = json!({"whatsapp_id": message.id, "workspace_id": "ws_1", "direction": "inbound",
            "from": on_whatsapp(from), "to": on_whatsapp(to), "text": {"body": words}});
        self.inner.post("whatsapp.received", &message.id, data)
    }

    /// Spends the balance, or tops it up. Texts are refused while it is spent.
    pub fn set_spent(&self, is_spent: bool) {
        lock(&self.inner.state).is_spent = is_spent;
    }

    /// Sets the end of later texts.
    pub fn set_end(&self, end: End) {
        lock(&self.inner.state).end = end;
    }

    /// Stops texts from this sender to this recipient, as an operator of Bird does.
    pub fn suppress(&self, sender: &str, recipient: &str) {
        lock(&self.inner.state).suppressed.insert((sender.to_owned(), recipient.to_owned()));
    }

    /// Whether texts from this sender to this recipient are stopped.
    #[must_use]
    pub fn is_suppressed(&self, sender: &str, recipient: &str) -> bool {
        lock(&self.inner.state).suppressed.contains(&(sender.to_owned(), recipient.to_owned()))
    }

    /// The texts that left for phones, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<Message> {
        let is_out = |message: &&Message| message.direction == "outbound" && message.status != "rejected";
        lock(&self.inner.state).messages.iter().filter(is_out).cloned().collect()
    }

    /// Holds webhooks back from now on.
    pub fn pause_webhooks(&self) {
        self.inner.sender.pause();
    }

    /// Takes out the held webhooks, to send them in another order with [`Bird::send_webhook`], twice, or never.
    #[must_use]
    pub fn take_held_webhooks(&self) -> Vec<Webhook> {
        self.inner.sender.take_held()
    }

    /// Sends a webhook, paused or not.
    pub fn send_webhook(&self, webhook: Webhook) {
        self.inner.sender.send_now(webhook);
    }

    /// Sends the webhook with this id again, as a replay does; false when there was none.
    pub fn repeat_webhook(&self, id: &str) -> bool {
        self.inner.sender.repeat(id)
    }

    /// The headers with which Bird would send this body under this id at this time.
    #[must_use]
    pub fn sign(&self, id: &str, at: Timestamp, body: &str) -> Vec<(String, String)> {
        let secret = self.inner.options.signing_secret.clone();
        Seal::Standard { secret, id: id.to_owned() }.headers(body, at)
    }

    /// Every attempt to hand over a webhook, with the bridge's answer.
    #[must_use]
    pub fn webhooks_delivered(&self) -> Vec<Attempt> {
        self.inner.sender.attempts()
    }

    /// The attempts to hand over the webhook with this id.
    #[must_use]
    pub fn attempts_of(&self, id: &str) -> Vec<Attempt> {
        self.inner.sender.attempts_of(id)
    }

    /// Whether no webhook is under way or waiting to be tried again.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.inner.sender.is_idle()
    }

    /// Every request received.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.inner.traffic.calls()
    }

    /// Lets something go wrong.
    pub fn fail(&self, fault: Fault) {
        self.inner.traffic.fail(fault);
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.inner.traffic.clear_faults();
    }

    /// Waits until `predicate` holds, looking again whenever anything changes; false when it still does not hold after
    /// `deadline`.
    pub async fn wait_until(&self, deadline: Duration, predicate: impl FnMut() -> bool) -> bool {
        self.inner.changes.wait_until(deadline, predicate).await
    }

    /// Reports every change from now on. A change carries no content.
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }
}

impl Inner {
    fn message(
        &self,
        channel: Channel,
        direction: &'static str,
        (to, from): (&str, &str),
        words: &str,
        body: &Value,
    ) -> Message {
        let prefix = if channel.has_window() { "wam" } else { "sms" };
        Message {
            id: format!("{prefix}_{}", text::random(&self.clock, ID_LETTERS, 26)),
            channel,
            direction,
            to: to.to_owned(),
            from: from.to_owned(),
            text: words.to_owned(),
            template: body["template"].clone(),
            tags: body["tags"].clone(),
            metadata: body["metadata"].clone(),
            status: if direction == "inbound" { "received" } else { "accepted" },
            at: self.clock.now(),
        }
    }

    /// Posts an event; returns the id of the webhook.
    fn post(&self, kind: &str, lane: &str, data: Value) -> String {
        let id = format!("evt_{}", text::random(&self.clock, ID_LETTERS, 26));
        let body = json!({"type": kind, "timestamp": self.clock.now().to_string(), "data": data});
        self.sender.send(Webhook {
            id: id.clone(),
            method: Method::POST,
            path: format!("/webhooks/{}", self.options.account),
            content_type: "application/json".to_owned(),
            body: body.to_string(),
            lane: format!("{lane} {kind}"),
            seal: Seal::Standard { secret: self.options.signing_secret.clone(), id: id.clone() },
        });
        id
    }
}

/// A person or a number on WhatsApp.
fn on_whatsapp(name: &str) -> Value {
    if name.starts_with('+') { json!({ "phone_number": name }) } else { json!({ "bsuid": name }) }
}

#[cfg(test)]
mod tests;
