//! An embedded Twilio and an embedded Vonage: the APIs for text messages over HTTP, signed webhooks, and customers' phones.
//!
//! For tests of the carrier packs. Where a fact is unconfirmed, the less generous reading is taken: neither knows an idempotency
//! key, and a text is sent as often as it is asked for.

mod api;
mod seal;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::changes::Changes;
use super::lock::lock;
use super::sender::{self, Attempt, Rules, Seal, Sender, Webhook};
use super::server::{self, Answer, Call, Fault, Request, Traffic, Vendor};
use super::text;
use crate::clock::Clock;

/// The letters of ids.
const ID_LETTERS: &[u8] = b"0123456789abcdef";

/// How long it waits before it tries a webhook again.
const SPACING: Duration = Duration::from_millis(20);

/// The vendor that is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Twilio Programmable Messaging.
    Twilio,
    /// Vonage Messages.
    Vonage,
}

/// How the vendor is set up. No value is a real one.
#[derive(Clone)]
pub struct ApiOptions {
    /// The vendor.
    pub dialect: Dialect,
    /// The bridge's name for the account, with which the path of its webhooks ends.
    pub account: String,
    /// The vendor's name for the account.
    pub account_id: String,
    /// The secret of calls.
    pub secret: String,
    /// The secret by which webhooks are signed.
    pub signing_secret: String,
    /// The numbers that the account owns.
    pub numbers: Vec<String>,
    /// The address of the webhook, as it was typed into the vendor.
    pub webhook_url: String,
}

impl ApiOptions {
    /// The setup of a vendor's first account.
    #[must_use]
    pub fn of(dialect: Dialect) -> Self {
        let (account, account_id) = match dialect {
            Dialect::Twilio => ("twilio", "AC00000000000000000000000000000000"),
            Dialect::Vonage => ("vonage", "a1b2c3d4"),
        };
        Self {
            dialect,
            account: account.into(),
            account_id: account_id.into(),
            secret: "sandbox-secret-not-real".into(),
            signing_secret: "sandbox-signing-secret-not-real".into(),
            numbers: vec!["+15550100100".into(), "+15550100200".into()],
            webhook_url: format!("https://bridge.example.org/webhooks/{account}"),
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
    Fails(u32),
    /// No webhook tells.
    Silent,
}

/// A text to a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The vendor's id of it.
    pub id: String,
    /// The recipient.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The words.
    pub text: String,
    /// The reference that it was sent with.
    pub reference: Option<String>,
}

/// A handle on the embedded vendor. Cheap to clone; the server stops with the last handle.
#[derive(Clone)]
pub struct Api {
    inner: Arc<Inner>,
    _stop: Arc<DropGuard>,
}

struct Inner {
    url: String,
    options: ApiOptions,
    clock: Clock,
    changes: Changes,
    traffic: Arc<Traffic>,
    sender: Sender,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    texts: Vec<Message>,
    /// The pairs of one of our numbers and a customer's that take no texts.
    stopped: BTreeSet<(String, String)>,
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

impl Api {
    /// Starts the vendor on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had, or the HTTP client that sends the webhooks cannot be built.
    pub async fn start(options: ApiOptions, clock: Clock) -> io::Result<Self> {
        let (stop, client) = (CancellationToken::new(), sender::client(Duration::from_secs(10)));
        let client = client.map_err(io::Error::other)?;
        let mut made = None;
        let bind = |url: &str| {
            let api = Self::new(url, options, clock, Some(client), stop.clone());
            let bound = (Arc::clone(&api.inner) as Arc<dyn Vendor>, Arc::clone(&api.inner.traffic));
            made = Some(api);
            bound
        };
        server::start(bind, stop.clone()).await?;
        made.ok_or_else(|| io::Error::other("the server was not bound"))
    }

    /// The vendor without a network. The caller hands requests to [`Api::answer`], and takes the webhooks out
    /// ([`Api::take_held_webhooks`]) to carry them to the bridge. The host is the account's name, below `sandbox.invalid`.
    /// Must be called inside a tokio runtime.
    #[must_use]
    pub fn in_process(options: ApiOptions, clock: Clock) -> Self {
        let url = format!("https://{}.sandbox.invalid", options.account);
        Self::new(&url, options, clock, None, CancellationToken::new())
    }

    /// With the client that sends its webhooks, or none where the caller carries them.
    fn new(
        url: &str,
        options: ApiOptions,
        clock: Clock,
        client: Option<reqwest::Client>,
        stop: CancellationToken,
    ) -> Self {
        let changes = Changes::default();
        let rules = match options.dialect {
            Dialect::Twilio => Rules::Twilio,
            Dialect::Vonage => Rules::Vonage,
        };
        let sender = Sender::new(client, rules, SPACING, clock.clone(), changes.clone(), stop.clone());
        let traffic = Arc::new(Traffic::new(changes.clone(), clock.clone(), stop.clone()));
        let (url, state) = (url.to_owned(), Mutex::default());
        let inner = Arc::new(Inner { url, options, clock, changes, traffic, sender, state });
        Self { inner, _stop: Arc::new(stop.drop_guard()) }
    }

    /// The answer to a request, without a network.
    pub async fn answer(&self, request: http::Request<bytes::Bytes>) -> http::Response<bytes::Bytes> {
        self.inner.traffic.dated(Vendor::answer(&*self.inner, &request.into()).await)
    }

    /// Sets the address of the bridge: webhooks go to `{bridge_url}/webhooks/{account}`, and are signed for the address that was
    /// typed in.
    pub fn connect(&self, bridge_url: &str) {
        self.inner.sender.connect(bridge_url);
    }

    /// The base URL, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// A customer texts one of the numbers, perhaps with files. STOP ends texts from that number and START resumes them; both
    /// arrive as texts all the same. Returns the id of the text.
    pub fn text(&self, from: &str, to: &str, words: &str, media: &[&str]) -> String {
        let pair = (to.to_owned(), from.to_owned());
        let mut state = lock(&self.inner.state);
        match words.trim().to_ascii_uppercase().as_str() {
            "STOP" => drop(state.stopped.insert(pair)),
            "START" => drop(state.stopped.remove(&pair)),
            _ => {}
        }
        drop(state);
        let id = self.inner.id();
        self.inner.post(&id, &self.inner.written(&id, (from, to), words, media));
        id
    }

    /// Sets the end of later texts.
    pub fn set_end(&self, end: End) {
        lock(&self.inner.state).end = end;
    }

    /// Tells of a text once more, in this state and with this code.
    pub fn report(&self, text: &Message, state: &str, code: Option<u32>) {
        self.inner.post(&format!("{}:{state}", text.id), &self.inner.told(text, state, code));
    }

    /// The texts that left for phones, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<Message> {
        lock(&self.inner.state).texts.clone()
    }

    /// Holds webhooks back from now on.
    pub fn pause_webhooks(&self) {
        self.inner.sender.pause();
    }

    /// Takes out the held webhooks, to send them with [`Api::send_webhook`], twice, or never.
    #[must_use]
    pub fn take_held_webhooks(&self) -> Vec<Webhook> {
        self.inner.sender.take_held()
    }

    /// Sends a webhook, paused or not.
    pub fn send_webhook(&self, webhook: Webhook) {
        self.inner.sender.send_now(webhook);
    }

    /// The headers with which the vendor would send this body now.
    #[must_use]
    pub fn sign(&self, body: &str) -> Vec<(String, String)> {
        self.inner.seal().headers(body, self.inner.clock.now())
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

    /// Sends the webhook with this id again; false when there was none.
    pub fn repeat_webhook(&self, id: &str) -> bool {
        self.inner.sender.repeat(id)
    }

    /// Waits until this holds, but no longer than this; gives whether it does.
    pub async fn wait_until(&self, patience: Duration, holds: impl FnMut() -> bool) -> bool {
        self.inner.changes.wait_until(patience, holds).await
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
}

impl Inner {
    fn id(&self) -> String {
        let random = text::random(&self.clock, ID_LETTERS, 32);
        match self.options.dialect {
            Dialect::Twilio => format!("SM{random}"),
            Dialect::Vonage => random,
        }
    }

    fn seal(&self) -> Seal {
        let (secret, url) = (self.options.signing_secret.clone(), self.options.webhook_url.clone());
        let sign = match self.options.dialect {
            Dialect::Twilio => seal::of_fields,
            Dialect::Vonage => seal::of_token,
        };
        Seal::Own { secret, url, sign }
    }

    fn post(&self, id: &str, body: &str) {
        let content_type = match self.options.dialect {
            Dialect::Twilio => "application/x-www-form-urlencoded",
            Dialect::Vonage => "application/json",
        };
        self.sender.send(Webhook {
            id: id.to_owned(),
            method: Method::POST,
            path: format!("/webhooks/{}", self.options.account),
            content_type: content_type.to_owned(),
            body: body.to_owned(),
            lane: id.to_owned(),
            seal: self.seal(),
        });
    }

    /// The body of a customer's text.
    fn written(&self, id: &str, (from, to): (&str, &str), words: &str, media: &[&str]) -> String {
        match self.options.dialect {
            Dialect::Twilio => {
                let count = media.len().to_string();
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.extend_pairs([
                    ("ToCountry", "US"),
                    ("MessageSid", id),
                    ("SmsMessageSid", id),
                    ("SmsStatus", "received"),
                ]);
                form.extend_pairs([("AccountSid", self.options.account_id.as_str()), ("From", from), ("To", to)]);
                form.extend_pairs([
                    ("Body", words),
                    ("NumMedia", &count),
                    ("NumSegments", "1"),
                    ("ApiVersion", "2010-04-01"),
                ]);
                for (index, address) in media.iter().enumerate() {
                    form.append_pair(&format!("MediaUrl{index}"), address);
                    form.append_pair(&format!("MediaContentType{index}"), "image/jpeg");
                }
                form.finish()
            }
            Dialect::Vonage => {
                let bare = |number: &str| number.trim_start_matches('+').to_owned();
                let kind = if media.is_empty() { "text" } else { "image" };
                let mut body = json!({"channel": if media.is_empty() { "sms" } else { "mms" }, "message_uuid": id,
                    "to": bare(to), "from": bare(from), "timestamp": self.clock.now().to_string(), "message_type": kind});
                match media.first() {
                    None => body["text"] = json!(words),
                    Some(address) => body["image"] = json!({"url": address, "caption": words}),
                }
                body.to_string()
            }
        }
    }

    /// The body of a report.
    fn told(&self, message: &Message, state: &str, code: Option<u32>) -> String {
        match self.options.dialect {
            Dialect::Twilio => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.extend_pairs([("SmsSid", message.id.as_str()), ("MessageSid", &message.id)]);
                form.extend_pairs([("SmsStatus", state), ("MessageStatus", state), ("To", &message.to)]);
                form.extend_pairs([("From", message.from.as_str()), ("AccountSid", &self.options.account_id)]);
                if let Some(code) = code {
                    form.append_pair("ErrorCode", &code.to_string());
                }
                form.finish()
            }
            Dialect::Vonage => {
                let bare = |number: &str| number.trim_start_matches('+').to_owned();
                let mut body = json!({"message_uuid": message.id, "to": bare(&message.to), "from": bare(&message.from),
                    "timestamp": self.clock.now().to_string(), "status": state, "channel": "sms"});
                if let Some(reference) = &message.reference {
                    body["client_ref"] = json!(reference);
                }
                if let Some(code) = code {
                    body["error"] = json!({"type": format!("https://developer.vonage.com/api-errors/messages#{code}"),
                        "title": code.to_string(), "detail": "words that may name +15550123456", "instance": "bf0ca0bf"});
                }
                body.to_string()
            }
        }
    }
}
