//! A real bridge on a real store between the embedded vendors, with a clock that the test moves.
//!
//! [`TestBridge`] runs the very `serve` that the binary runs, on free ports of 127.0.0.1 and a fresh directory. Time
//! stands still until the test waits for something ([`TestBridge::until`]): then it moves on, a second at a time, until
//! that something is there. So retries, looks and pauses cost no real time, and nothing sleeps for a guess.
//!
//! At the end of a test no work may be half done: [`TestBridge::finish`] checks that, and names the rest.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tandem::clock::Clock;
use tandem::config;
use tandem::config::{Config, Faults};
use tandem::sandbox::braze::Profile;
use tandem::sandbox::server::Call;
use tandem::sandbox::{Sandbox, SandboxOptions};
use tandem::serve::{Listeners, Reloads, ServeError, serve_and_reload, serve_with_media};
use tandem::vendors::http::media::MediaClient;
use tandem::vendors::zendesk::signature::zendesk_signature;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The real time that a wait may take. Waits take far less, but the machine may be busy with something else.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// How long the world is left to itself before the clock moves on.
pub(crate) const QUIET: Duration = Duration::from_millis(15);

/// The configuration of a [`TestBridge`], for commands that check it while the bridge runs.
pub(crate) const CONFIG_FILE: &str = "tandem.toml";

/// In a configuration: where operators go, which is known only once the bridge has its port.
pub(crate) const OPERATOR: &str = "${OPERATOR}";

/// When the tests take place.
pub(crate) fn start_of_time() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) struct TestBridge {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
    /// Where webhooks go, `http://127.0.0.1:…`.
    pub(crate) public: String,
    /// Where operators go.
    pub(crate) operator: String,
    pub(crate) http: reqwest::Client,
    pub(crate) directory: TempDir,
    settings: String,
    /// Fetches customers' pictures, where not from public hosts only.
    media: Option<MediaClient>,
    stop: CancellationToken,
    reloads: Option<mpsc::Sender<Result<Config, Faults>>>,
    running: Option<JoinHandle<Result<(), ServeError>>>,
    apart: Apart,
}

/// A runtime for the bridge alone. It is dropped inside another runtime, which must not wait for it.
#[derive(Default)]
struct Apart(Option<Runtime>);

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl TestBridge {
    pub(crate) async fn start() -> Self {
        Self::start_with("", "").await
    }

    /// With more lines for the `[braze]` table and for the top of the configuration, as TOML.
    pub(crate) async fn start_with(top: &str, braze: &str) -> Self {
        Self::start_in(SandboxOptions::default(), top, braze, "").await
    }

    /// The same with other vendors, and more lines for `[zendesk]`.
    pub(crate) async fn start_in(options: SandboxOptions, top: &str, braze: &str, zendesk: &str) -> Self {
        Self::start_from(options, |sandbox, options| settings(sandbox, options, top, braze, zendesk)).await
    }

    /// The same with a whole configuration.
    pub(crate) async fn start_from(
        options: SandboxOptions,
        settings: impl FnOnce(&Sandbox, &SandboxOptions) -> String,
    ) -> Self {
        let clock = Clock::manual(start_of_time(), 7);
        let sandbox = Sandbox::start(options.clone(), clock.clone()).await.unwrap();
        let settings = settings(&sandbox, &options);
        let mut bridge = Self {
            sandbox,
            clock,
            public: String::new(),
            operator: String::new(),
            http: http_client(),
            directory: tempfile::tempdir().unwrap(),
            settings,
            media: None,
            stop: CancellationToken::new(),
            reloads: None,
            running: None,
            apart: Apart::default(),
        };
        bridge.run().await;
        bridge
    }

    /// Stops in order, as after SIGTERM.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            tokio::time::timeout(DEADLINE, running).await.expect("the bridge stops").unwrap().unwrap();
        }
    }

    /// Starts again on the same directory, on other ports.
    pub(crate) async fn run(&mut self) {
        self.run_on(&Handle::current()).await;
    }

    /// Starts again on the same directory, on a runtime of its own, so that [`TestBridge::kill`] can stop everything of
    /// it at once.
    pub(crate) async fn run_apart(&mut self) {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        self.run_on(runtime.handle()).await;
        self.apart = Apart(Some(runtime));
    }

    async fn run_on(&mut self, runtime: &Handle) {
        let bound = runtime.spawn(async {
            Listeners {
                public: TcpListener::bind("127.0.0.1:0").await.unwrap(),
                operator: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            }
        });
        let listeners = bound.await.unwrap();
        self.public = format!("http://{}", listeners.public.local_addr().unwrap());
        self.operator = format!("http://{}", listeners.operator.local_addr().unwrap());
        self.sandbox.connect(&self.public);
        let public_url = ("TANDEM_PUBLIC_URL".to_owned(), self.public.clone());
        let (config, _) = config::parse(Some(&self.settings()), [public_url], self.directory.path()).unwrap();
        self.stop = CancellationToken::new();
        let stop = self.stop.clone();
        let (send, read) = mpsc::channel(1);
        self.reloads = Some(send);
        let directory = self.directory.path().to_owned();
        std::fs::write(directory.join(CONFIG_FILE), self.settings()).unwrap();
        let check = move || {
            let settings = std::fs::read_to_string(directory.join(CONFIG_FILE)).unwrap();
            config::parse(Some(&settings), [], &directory)
        };
        let reloads = Reloads { read, check: Some(Arc::new(check)) };
        let (clock, stop) = (self.clock.of_another_process(), stop.cancelled_owned());
        self.running = Some(match self.media.clone() {
            Some(media) => runtime.spawn(serve_with_media(config, listeners, clock, media, stop)),
            None => runtime.spawn(serve_and_reload(config, listeners, clock, stop, reloads)),
        });
    }

    /// Stops a bridge that runs apart, in the middle of its work: it finishes, calls and records nothing more. Returns when
    /// its store can be opened again.
    pub(crate) async fn kill(&mut self) {
        let runtime = self.apart.0.take().expect("only a bridge that runs apart can be killed");
        self.running = None;
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(DEADLINE)).await.unwrap();
        let path = self.directory.path().join("store/tandem.store");
        let free = || std::fs::File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
        let started = tokio::time::Instant::now();
        while !self.sandbox.wait_until(QUIET, free).await {
            assert!(started.elapsed() < DEADLINE, "the store is still in use");
        }
    }

    /// Starts again, and fetches customers' pictures from this machine, where the sandbox has them.
    pub(crate) async fn fetch_from_this_machine(&mut self) {
        self.stop().await;
        self.media = Some(MediaClient::of_this_machine().unwrap());
        self.run().await;
    }

    /// Stops, lets the configuration be changed as TOML text, and starts again on the same directory.
    pub(crate) async fn restart_with(&mut self, change: impl FnOnce(&str) -> String) {
        self.stop().await;
        self.settings = change(&self.settings);
        self.run().await;
    }

    /// Lets the configuration be changed as TOML text, and has it read again while the bridge runs, as after SIGHUP.
    pub(crate) async fn reload_with(&mut self, change: impl FnOnce(&str) -> String) {
        self.settings = change(&self.settings);
        let read = config::parse(Some(&self.settings()), [], self.directory.path()).map(|(config, _)| config);
        self.reloads.as_ref().unwrap().send(read).await.unwrap();
    }

    fn settings(&self) -> String {
        self.settings.replace(OPERATOR, &self.operator)
    }

    /// Moves time on, a second at a time, until it holds; panics with `what` when it never does.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let started = tokio::time::Instant::now();
        while !self.sandbox.wait_until(QUIET, || holds(self)).await {
            if started.elapsed() > DEADLINE {
                panic!("this never happened: {what}\n{:#}", Value::from(self.deliveries("").await));
            }
            self.clock.advance(SignedDuration::from_secs(1));
        }
    }

    /// The same for the bridge's own deliveries.
    pub(crate) async fn until_deliveries(&self, what: &str, hold: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let started = tokio::time::Instant::now();
        loop {
            let deliveries = self.deliveries("").await;
            if hold(&deliveries) {
                return deliveries;
            }
            assert!(started.elapsed() < DEADLINE, "this never happened: {what}\n{:#}", Value::from(deliveries));
            // Every step of the bridge moves the sandbox or waits for the clock.
            self.sandbox.wait_until(QUIET, || false).await;
            self.clock.advance(SignedDuration::from_secs(1));
        }
    }

    /// Moves time on until no delivery holds a lane any more, and every webhook has been answered.
    pub(crate) async fn settled(&self) -> Vec<Value> {
        let is_idle = |bridge: &Self| bridge.sandbox.zendesk.is_idle() && bridge.sandbox.braze.is_idle();
        let answered =
            || self.sandbox.zendesk.webhooks_delivered().len() + self.sandbox.braze.webhooks_delivered().len();
        loop {
            self.until("every webhook answered", is_idle).await;
            let before = answered();
            let deliveries = self
                .until_deliveries("everything settled", |deliveries| {
                    deliveries.iter().all(|delivery| {
                        !["pending", "sending", "waiting", "unconfirmed"].contains(&delivery["state"].as_str().unwrap())
                    })
                })
                .await;
            // A comment written meanwhile may have set off more webhooks.
            if is_idle(self) && answered() == before {
                return deliveries;
            }
        }
    }

    /// Ends the test: every delivery is settled and this many are dead, and the bridge stops in order.
    pub(crate) async fn finish(mut self, dead: usize) {
        let deliveries = self.settled().await;
        let found = deliveries.iter().filter(|delivery| delivery["state"] == "dead").count();
        assert_eq!(found, dead, "dead letters in {:#}", Value::from(deliveries));
        self.stop().await;
    }

    /// Deliveries as the operator sees them, all pages; `query` like `state=dead`.
    pub(crate) async fn deliveries(&self, query: &str) -> Vec<Value> {
        list(&self.http, &self.operator, "/api/deliveries", query).await
    }

    pub(crate) async fn conversations(&self) -> Vec<Value> {
        list(&self.http, &self.operator, "/api/conversations", "").await
    }

    /// Posts a signed Zendesk webhook with a fresh invocation id, and returns status and body of the answer.
    pub(crate) async fn zendesk_webhook(&self, body: &str) -> (u16, Value) {
        let invocation = format!("01TEST{:020}", self.clock.draw_u32());
        let request = self.signed("/webhooks/zendesk", body).header("X-Zendesk-Webhook-Invocation-Id", invocation);
        answer(request).await
    }

    /// A request with Zendesk's two signature headers over this body, signed now.
    pub(crate) fn signed(&self, path: &str, body: &str) -> reqwest::RequestBuilder {
        let timestamp = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let secret = SandboxOptions::default().zendesk_webhook_secret.into();
        let signature = zendesk_signature(&secret, &timestamp, body.as_bytes());
        self.http
            .post(format!("{}{path}", self.public))
            .header("Content-Type", "application/json; charset=utf-8")
            .header("X-Zendesk-Webhook-Signature", signature)
            .header("X-Zendesk-Webhook-Signature-Timestamp", timestamp)
            .body(body.to_owned())
    }

    /// A request with the token that Braze's webhook campaigns present.
    pub(crate) fn as_braze(&self, method: reqwest::Method, path: &str, body: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.public))
            .header("Authorization", format!("Bearer {}", SandboxOptions::default().braze_webhook_token))
            .body(body.to_owned())
    }

    /// A customer with this external id; returns the Braze id.
    pub(crate) fn customer(&self, external_id: &str) -> String {
        let number = external_id.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 10_000);
        self.sandbox.braze.add_profile(Profile {
            external_id: Some(external_id.to_owned()),
            phone: Some(format!("+1555555{number:04}")),
            first_name: Some("Ada".to_owned()),
            last_name: Some("Lovelace".to_owned()),
            ..Profile::default()
        })
    }

    /// The comments on a ticket, in plain text, internal notes included.
    pub(crate) fn comments(&self, ticket: u64) -> Vec<String> {
        let ticket = self.sandbox.zendesk.ticket(ticket).unwrap_or_else(|| panic!("there is no ticket {ticket}"));
        ticket.comments.into_iter().map(|comment| comment.plain_body).collect()
    }

    /// The texts that reached the phones.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.sandbox.braze.texts().into_iter().map(|text| text.body).collect()
    }

    /// A new customer, whose first text has opened a ticket: the ticket and the Braze id.
    pub(crate) async fn talking(&self, external_id: &str) -> (u64, String) {
        let customer = self.customer(external_id);
        self.sandbox.phone.text(&customer, "Hello");
        self.settled().await;
        let tickets = self.sandbox.zendesk.tickets();
        let ticket = tickets.into_iter().find(|ticket| ticket.external_id.as_deref() == Some(external_id));
        (ticket.expect("the text has opened a ticket").id, customer)
    }

    /// The internal notes on a ticket.
    pub(crate) fn notes(&self, ticket: u64) -> Vec<String> {
        let comments = self.sandbox.zendesk.ticket(ticket).unwrap().comments;
        comments.into_iter().filter(|comment| !comment.public).map(|comment| comment.plain_body).collect()
    }

    /// Every request to send a text, in order.
    pub(crate) fn sends(&self) -> Vec<Call> {
        let calls = self.sandbox.braze.calls().into_iter();
        calls.filter(|call| call.path == "/campaigns/trigger/send").collect()
    }

    /// The operator drops a delivery.
    pub(crate) async fn discard(&self, id: &Value) {
        let url = format!("{}/api/deliveries/{}/discard", self.operator, id.as_str().unwrap());
        let (status, body) = answer(self.http.post(url).body(r#"{"reason": "dropped by the test"}"#)).await;
        assert_eq!(status, 200, "{body}");
    }
}

/// A list as the operator at this address sees it, all pages; `query` like `state=dead`.
pub(crate) async fn list(http: &reqwest::Client, operator: &str, path: &str, query: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let url = format!("{operator}{path}?limit=500&{query}{cursor}");
        let page = json(http.get(&url).send().await.unwrap()).await;
        items.extend(page["items"].as_array().unwrap_or_else(|| panic!("{url}: {page}")).iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&after={next}"),
            None => return items,
        }
    }
}

/// Sends a request and reads the answer as JSON.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), json(response).await)
}

pub(crate) async fn json(response: reqwest::Response) -> Value {
    let text = response.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

pub(crate) fn http_client() -> reqwest::Client {
    tandem::vendors::http::http_client(Duration::from_secs(5), DEADLINE).unwrap()
}

/// A configuration between these vendors. The catch-up is off unless `top` sets it, so that a test sees only the calls that
/// it caused.
pub(crate) fn settings(sandbox: &Sandbox, options: &SandboxOptions, top: &str, braze: &str, zendesk: &str) -> String {
    let catch_up = if top.contains("catch_up_minutes") { "" } else { "catch_up_minutes = 0" };
    format!(
        r#"
{catch_up}
listen = "127.0.0.1:0"
operator_listen = "127.0.0.1:1"
{top}
[store]
url = "sled:store"
{}"#,
        account_tables(sandbox, options, braze, zendesk)
    )
}

/// The tables of a sandbox's two accounts, with more lines for each.
pub(crate) fn account_tables(sandbox: &Sandbox, options: &SandboxOptions, braze: &str, zendesk: &str) -> String {
    let table = |vendor: &str, name: &str| {
        if name == vendor {
            (name.to_owned(), String::new())
        } else {
            (format!("accounts.{name}"), format!("vendor = \"{vendor}\""))
        }
    };
    let (desk, desk_vendor) = table("zendesk", &options.zendesk_account);
    let (carrier, carrier_vendor) = table("braze", &options.braze_account);
    format!(
        r#"
[{desk}]
{desk_vendor}
url = "{}"
client_id = "{}"
client_secret = "{}"
webhook_secrets = ["{}"]
{zendesk}
[{carrier}]
{carrier_vendor}
url = "{}"
api_key = "{}"
webhook_tokens = ["{}"]
{braze}
[{carrier}.campaigns]
agent_reply = "{}"
ticket_solved = "{}"
"#,
        sandbox.zendesk.url(),
        options.zendesk_client_id,
        options.zendesk_client_secret,
        options.zendesk_webhook_secret,
        sandbox.braze.url(),
        options.braze_api_key,
        options.braze_webhook_token,
        options.campaign_agent_reply,
        options.campaign_ticket_solved,
    )
}
