//! The app behind its server, and the handle on it: how it starts, its webhooks in a test's hands, its faults and limits.
//!
//! It never knows a call of the API: the modules beside it do.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::changes::Changes;
use super::super::lock::lock;
use super::super::sender::{self, Attempt, Rules, Sender, Webhook};
use super::super::server::{self, Answer, Call, Fault, Request, Traffic, Vendor};
use super::super::text;
use super::model::State;
use super::options::SunshineOptions;
use super::start::installed;
use crate::clock::Clock;

/// A handle on the embedded app. Cheap to clone; the server stops with the last handle.
#[derive(Clone)]
pub struct Sunshine {
    pub(super) inner: Arc<Inner>,
    _stop: Arc<DropGuard>,
}

/// The app itself.
pub(super) struct Inner {
    /// With the path below which both generations of the API lie.
    pub(super) url: String,
    pub(super) options: SunshineOptions,
    pub(super) clock: Clock,
    pub(super) changes: Changes,
    pub(super) traffic: Arc<Traffic>,
    pub(super) sender: Sender,
    pub(super) state: Mutex<State>,
}

#[async_trait]
impl Vendor for Inner {
    async fn answer(&self, request: &Request) -> Answer {
        self.act(|state| self.route(state, request))
    }
}

impl Sunshine {
    /// Starts the app on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had, or the HTTP client that sends the webhooks cannot be built.
    pub async fn start(options: SunshineOptions, clock: Clock) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let client = sender::client(options.webhook_timeout).map_err(io::Error::other)?;
        let mut made = None;
        let bind = |url: &str| {
            let sunshine = Self::new(url, options, clock, Some(client), stop.clone());
            let bound = (Arc::clone(&sunshine.inner) as Arc<dyn Vendor>, Arc::clone(&sunshine.inner.traffic));
            made = Some(sunshine);
            bound
        };
        server::start(bind, stop.clone()).await?;
        made.ok_or_else(|| io::Error::other("the server was not bound"))
    }

    /// The app without a network. The caller hands requests to [`Sunshine::answer`], and takes the webhooks out
    /// ([`Sunshine::take_held_webhooks`]) to carry them to the bridge. The host is the account's name, below
    /// `sandbox.invalid`. Must be called inside a tokio runtime.
    #[must_use]
    pub fn in_process(options: SunshineOptions, clock: Clock) -> Self {
        let url = format!("https://{}.sandbox.invalid", options.account);
        Self::new(&url, options, clock, None, CancellationToken::new())
    }

    /// With the client that sends its webhooks, or none where the caller carries them.
    fn new(
        url: &str,
        options: SunshineOptions,
        clock: Clock,
        client: Option<reqwest::Client>,
        stop: CancellationToken,
    ) -> Self {
        let changes = Changes::default();
        let sender =
            Sender::new(client, Rules::Sunshine, options.retry_spacing, clock.clone(), changes.clone(), stop.clone());
        let traffic = Arc::new(Traffic::new(changes.clone(), clock.clone(), stop.clone()));
        let state = Mutex::new(installed(&options));
        let inner = Arc::new(Inner { url: format!("{url}/sc"), options, clock, changes, traffic, sender, state });
        Self { inner, _stop: Arc::new(stop.drop_guard()) }
    }

    /// The answer to a request, without a network.
    pub async fn answer(&self, request: http::Request<bytes::Bytes>) -> http::Response<bytes::Bytes> {
        self.inner.traffic.dated(Vendor::answer(&*self.inner, &request.into()).await)
    }

    /// Sets the address of the bridge, to which the webhooks go that were there from the start: `{bridge_url}/webhooks/{account}`.
    pub fn connect(&self, bridge_url: &str) {
        self.inner.sender.connect(bridge_url);
    }

    /// The base URL, `http://127.0.0.1:PORT/sc`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The events of these acts, in one body for each webhook that hears them.
    pub fn together<T>(&self, acts: impl FnOnce(&Self) -> T) -> T {
        lock(&self.inner.state).gathers = true;
        let done = acts(self);
        let mut state = lock(&self.inner.state);
        state.gathers = false;
        self.inner.post(&mut state, true);
        drop(state);
        self.inner.changes.touch();
        done
    }

    /// Holds webhooks back from now on.
    pub fn pause_webhooks(&self) {
        self.inner.sender.pause();
    }

    /// Sends the held webhooks, in order, and holds no more.
    pub fn resume_webhooks(&self) {
        self.inner.sender.resume();
    }

    /// Takes out the held webhooks, to send them in another order with [`Sunshine::send_webhook`], twice, late, or never.
    #[must_use]
    pub fn take_held_webhooks(&self) -> Vec<Webhook> {
        self.inner.sender.take_held()
    }

    /// Sends a webhook, paused or not.
    pub fn send_webhook(&self, webhook: Webhook) {
        self.inner.sender.send_now(webhook);
    }

    /// Sends again every webhook whose body has these words in it, such as the id of a message; gives their number.
    pub fn repeat_webhooks(&self, words: &str) -> usize {
        self.inner.sender.repeat_about(words)
    }

    /// The attempts to hand over the webhooks whose body has these words in it, such as the id of a message.
    #[must_use]
    pub fn attempts_about(&self, words: &str) -> Vec<Attempt> {
        let mut attempts = self.webhooks_delivered();
        attempts.retain(|attempt| attempt.body.contains(words));
        attempts
    }

    /// Every attempt to hand over a webhook, with the bridge's answer.
    #[must_use]
    pub fn webhooks_delivered(&self) -> Vec<Attempt> {
        self.inner.sender.attempts()
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

    /// How many calls are left before the rest is answered 429, as by a limit whose number is not published; `None` for no
    /// limit. Whether `Retry-After` comes with it is not documented: it does here, because the first API names it as a
    /// header that browsers may read.
    pub fn limit_calls(&self, left: Option<u32>) {
        self.inner.act(|state| state.calls_left = left);
    }

    /// How many messages a conversation takes: 30,000 by itself.
    pub fn limit_messages(&self, most: usize) {
        self.inner.act(|state| state.messages_max = most);
    }

    /// How much later, by the sandbox's clock, a new message, conversation or client is listed.
    pub fn set_list_lag(&self, lag: SignedDuration) {
        self.inner.act(|state| state.lag = lag);
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
    /// Does something to the app, and posts its events.
    pub(super) fn act<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let done = act(&mut state);
        if !state.gathers {
            self.post(&mut state, false);
        }
        drop(state);
        self.changes.touch();
        done
    }

    /// A fresh id.
    pub(super) fn id(&self) -> String {
        text::random_hex(&self.clock, 24)
    }
}
