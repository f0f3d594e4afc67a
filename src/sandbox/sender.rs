//! Sends the vendors' webhooks to the bridge, repeats them by each vendor's own rules, and logs every attempt.
//!
//! First attempts keep their order within a lane (a ticket, a profile), and lanes do not wait for each other. A repeat
//! waits its turn outside the lane, so a later webhook overtakes it, as it does at both vendors.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::lock::lock;
use crate::clock::Clock;

/// The tenant that Zendesk's headers name.
const ACCOUNT_ID: &str = "10000001";
/// The webhook that Zendesk's headers name.
pub(super) const WEBHOOK_ID: &str = "01SANDBX000000000000WEBHK1";

/// A webhook, before it is signed.
#[derive(Clone)]
pub struct Webhook {
    /// Zendesk's invocation id or Braze's dispatch id.
    pub id: String,
    /// The method.
    pub method: Method,
    /// The path at the bridge, or a whole address for a webhook that was created through the API.
    pub path: String,
    /// The `Content-Type`.
    pub content_type: String,
    /// The body, byte for byte.
    pub body: String,
    /// Its ticket or profile.
    pub(super) lane: String,
    /// How it proves where it comes from.
    pub(super) seal: Seal,
}

impl Webhook {
    /// The headers that prove its origin, in an attempt that is made now.
    #[must_use]
    pub fn headers(&self, now: Timestamp) -> Vec<(String, String)> {
        self.seal.headers(&self.body, now)
    }
}

/// Names and values of headers.
pub(super) type Headers = Vec<(String, String)>;

/// How a webhook proves where it comes from.
#[derive(Clone)]
pub(super) enum Seal {
    /// Zendesk's signature, computed anew for each attempt, since its time stamp is that of the sending.
    Zendesk { secret: String, invocation: String },
    /// A static header of a Braze campaign.
    Header { name: &'static str, value: String },
    /// A vendor's own way: by its secret, the address of the webhook, the body and the time.
    Own { secret: String, url: String, sign: fn(&str, &str, &str, Timestamp) -> Headers },
    /// Standard Webhooks, as Bird signs; every attempt has the id of the first.
    Standard { secret: String, id: String },
}

impl Seal {
    pub(super) fn headers(&self, body: &str, now: Timestamp) -> Vec<(String, String)> {
        match self {
            Self::Header { name, value } => vec![((*name).to_owned(), value.clone())],
            Self::Own { secret, url, sign } => sign(secret, url, body, now),
            Self::Standard { secret, id } => {
                let timestamp = now.as_second().to_string();
                let key = BASE64.decode(secret.trim_start_matches("whsec_")).unwrap_or_default();
                let signature = format!("v1,{}", sign(&key, &format!("{id}.{timestamp}."), body));
                vec![
                    ("webhook-id".to_owned(), id.clone()),
                    ("webhook-timestamp".to_owned(), timestamp),
                    ("webhook-signature".to_owned(), signature),
                ]
            }
            Self::Zendesk { secret, invocation } => {
                let timestamp = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                let signature = sign(secret.as_bytes(), &timestamp, body);
                [
                    ("user-agent", "Zendesk Webhook"),
                    ("x-zendesk-account-id", ACCOUNT_ID),
                    ("x-zendesk-webhook-id", WEBHOOK_ID),
                    ("x-zendesk-webhook-invocation-id", invocation),
                    ("x-zendesk-webhook-signature", &signature),
                    ("x-zendesk-webhook-signature-timestamp", &timestamp),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec()
            }
        }
    }
}

/// A signature: base64 of HMAC-SHA256 over what stands before the raw body (at Zendesk the time stamp), and the body. The key
/// is Zendesk's secret as printed, and Bird's decoded.
fn sign(key: &[u8], before: &str, body: &str) -> String {
    // HMAC takes a key of any length, so the error cannot be; an empty signature would be refused by any verifier.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(before.as_bytes());
            mac.update(body.as_bytes());
            BASE64.encode(mac.finalize().into_bytes())
        },
    )
}

/// One attempt to hand over a webhook.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The webhook's id.
    pub id: String,
    /// 1 for the first.
    pub attempt: u32,
    /// The path at the bridge.
    pub path: String,
    /// The headers that were sent.
    pub headers: Vec<(String, String)>,
    /// The body that was sent.
    pub body: String,
    /// Its result.
    pub result: AttemptResult,
    /// When it ended, by the sandbox's clock.
    pub at: Timestamp,
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The bridge answered.
    Answered {
        /// The status.
        status: u16,
        /// `Retry-After`, in seconds.
        retry_after: Option<u64>,
        /// The body.
        body: String,
    },
    /// The bridge did not answer in time.
    TimedOut,
    /// The bridge could not be reached, or hung up.
    Unreachable,
    /// Zendesk's circuit breaker was open: nothing was sent, and nothing will be.
    CircuitBroken,
}

/// The vendor whose rules for repeating apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Zendesk's.
    Zendesk,
    /// Braze's.
    Braze,
    /// Bird's.
    Bird,
    /// Twilio's.
    Twilio,
    /// Vonage's.
    Vonage,
    /// Those of Sunshine Conversations.
    Sunshine,
}

impl Rules {
    /// Whether the vendor tries again after `attempt` ended so.
    ///
    /// Zendesk: 409 up to 3 times; 429 and 503 with a `Retry-After` under 60 s (how often is not published: 3 taken);
    /// time-outs up to 5 times; nothing else, refused connections neither. Braze: 408, 429, 5xx and unreachable hosts,
    /// up to 5 times; never another 4xx, never a 3xx. Bird's rules are not published: Braze's are taken. Vonage repeats for a day, of
    /// which Braze's tries are taken. Twilio tries once more where it got no answer, and never after one.
    /// Sunshine Conversations: 5 attempts in all, whatever went wrong, but for 400, 401, 403, 404 and 406, which end it at once.
    #[must_use]
    pub fn repeats(self, attempt: u32, result: &AttemptResult) -> bool {
        let most = match (self, result) {
            (_, AttemptResult::CircuitBroken) | (Self::Zendesk, AttemptResult::Unreachable) => 0,
            (Self::Twilio, AttemptResult::TimedOut | AttemptResult::Unreachable) => 1,
            (Self::Twilio, AttemptResult::Answered { .. }) => 0,
            (Self::Sunshine, AttemptResult::TimedOut) => 4,
            (_, AttemptResult::TimedOut) | (Self::Braze | Self::Bird | Self::Vonage, AttemptResult::Unreachable) => 5,
            (Self::Sunshine, AttemptResult::Answered { status: 200..=299 | 400 | 401 | 403 | 404 | 406, .. }) => 0,
            (Self::Sunshine, AttemptResult::Answered { .. } | AttemptResult::Unreachable) => 4,
            (Self::Zendesk, AttemptResult::Answered { status: 409, .. }) => 3,
            (Self::Zendesk, AttemptResult::Answered { status: 429 | 503, retry_after: Some(0..60), .. }) => 3,
            (Self::Zendesk, AttemptResult::Answered { .. }) => 0,
            (
                Self::Braze | Self::Bird | Self::Vonage,
                AttemptResult::Answered { status: 408 | 429 | 500..=599, .. },
            ) => 5,
            (Self::Braze | Self::Bird | Self::Vonage, AttemptResult::Answered { .. }) => 0,
        };
        attempt <= most
    }
}

/// Sends one vendor's webhooks. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sender(Arc<Inner>);

struct Inner {
    /// `None` where the caller carries the webhooks.
    client: Option<reqwest::Client>,
    rules: Rules,
    spacing: Duration,
    clock: Clock,
    changes: Changes,
    stop: CancellationToken,
    /// Kept so that the handles also work outside a task.
    runtime: tokio::runtime::Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bridge: Option<String>,
    lanes: HashMap<String, UnboundedSender<Webhook>>,
    sent: Vec<Webhook>,
    paused: bool,
    circuit_open: bool,
    breaker: Option<Breaker>,
    held: Vec<Webhook>,
    attempts: Vec<Attempt>,
    /// Webhooks that may still be tried.
    unsettled: usize,
}

/// The HTTP client of a vendor: it follows no redirect and uses no proxy.
#[expect(clippy::disallowed_methods, reason = "the sandbox plays the vendors and may use nothing of our clients")]
pub(super) fn client(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
}

impl Sender {
    /// Must be called inside a tokio runtime, which then carries the sending. Without a client it never sends: it
    /// holds every webhook until that is taken out.
    pub(super) fn new(
        client: Option<reqwest::Client>,
        rules: Rules,
        spacing: Duration,
        clock: Clock,
        changes: Changes,
        stop: CancellationToken,
    ) -> Self {
        let runtime = tokio::runtime::Handle::current();
        let state = Mutex::new(State { paused: client.is_none(), ..State::default() });
        Self(Arc::new(Inner { client, rules, spacing, clock, changes, stop, runtime, state }))
    }

    pub(super) fn connect(&self, bridge_url: &str) {
        lock(&self.0.state).bridge = Some(bridge_url.trim_end_matches('/').to_owned());
    }

    pub(super) fn bridge(&self) -> String {
        lock(&self.0.state).bridge.clone().unwrap_or_default()
    }

    /// Sends a webhook, or holds it while paused.
    pub(super) fn send(&self, webhook: Webhook) {
        let mut state = lock(&self.0.state);
        if state.paused {
            state.held.push(webhook);
            drop(state);
            self.0.changes.touch();
            return;
        }
        drop(state);
        self.send_now(webhook);
    }

    /// Sends a webhook, paused or not.
    pub(super) fn send_now(&self, webhook: Webhook) {
        let mut state = lock(&self.0.state);
        state.sent.push(webhook.clone());
        state.unsettled = state.unsettled.saturating_add(1);
        let lane = state.lanes.entry(webhook.lane.clone()).or_insert_with(|| self.open_lane());
        // The lane's task ends only when the sandbox stops, and the webhook then has no receiver.
        drop(lane.send(webhook));
    }

    /// Sends the latest webhook with this id again, as a vendor does that did not hear our answer.
    pub(super) fn repeat(&self, id: &str) -> bool {
        let found = lock(&self.0.state).sent.iter().rev().find(|webhook| webhook.id == id).cloned();
        found.map(|webhook| self.send_now(webhook)).is_some()
    }

    /// Sends again every webhook whose body has these words in it; gives their number.
    pub(super) fn repeat_about(&self, words: &str) -> usize {
        let sent = lock(&self.0.state).sent.clone();
        let found: BTreeMap<String, Webhook> = sent
            .into_iter()
            .filter(|webhook| webhook.body.contains(words))
            .map(|webhook| (webhook.id.clone(), webhook))
            .collect();
        found.into_values().map(|webhook| self.send_now(webhook)).count()
    }

    pub(super) fn pause(&self) {
        lock(&self.0.state).paused = true;
    }

    /// Ends the pause and sends the held webhooks.
    pub(super) fn resume(&self) {
        lock(&self.0.state).paused = false;
        for webhook in self.take_held() {
            self.send_now(webhook);
        }
    }

    /// Takes out the held webhooks, to send them in another order, or never.
    pub(super) fn take_held(&self) -> Vec<Webhook> {
        std::mem::take(&mut lock(&self.0.state).held)
    }

    pub(super) fn held(&self) -> Vec<Webhook> {
        lock(&self.0.state).held.clone()
    }

    pub(super) fn open_circuit(&self, open: bool) {
        lock(&self.0.state).circuit_open = open;
    }

    /// From now on the circuit breaker opens by itself, by [`Breaker`]'s rules.
    pub(super) fn guard_circuit(&self) {
        lock(&self.0.state).breaker = Some(Breaker::default());
    }

    pub(super) fn attempts(&self) -> Vec<Attempt> {
        lock(&self.0.state).attempts.clone()
    }

    /// The attempts to hand over one webhook.
    pub(super) fn attempts_of(&self, id: &str) -> Vec<Attempt> {
        lock(&self.0.state).attempts.iter().filter(|attempt| attempt.id == id).cloned().collect()
    }

    /// Whether nothing is under way or waiting to be tried again.
    pub(super) fn is_idle(&self) -> bool {
        lock(&self.0.state).unsettled == 0
    }

    fn open_lane(&self) -> UnboundedSender<Webhook> {
        let (sender, mut lane) = unbounded_channel::<Webhook>();
        let this = self.clone();
        self.0.runtime.spawn(async move {
            let stop = this.0.stop.clone();
            let run = async {
                while let Some(webhook) = lane.recv().await {
                    let again = this.attempt(&webhook, 1).await;
                    this.after(webhook, 1, again);
                }
            };
            stop.run_until_cancelled(run).await;
        });
        sender
    }

    /// Settles a webhook, or has it tried again later.
    fn after(&self, webhook: Webhook, attempt: u32, again: bool) {
        if !again {
            let mut state = lock(&self.0.state);
            state.unsettled = state.unsettled.saturating_sub(1);
            drop(state);
            self.0.changes.touch();
            return;
        }
        let this = self.clone();
        self.0.runtime.spawn(async move {
            let stop = this.0.stop.clone();
            let run = async {
                let next = attempt.saturating_add(1);
                tokio::time::sleep(this.0.spacing).await;
                let again = this.attempt(&webhook, next).await;
                this.after(webhook, next, again);
            };
            stop.run_until_cancelled(run).await;
        });
    }

    /// Makes one attempt, logs it, and tells whether another is due.
    async fn attempt(&self, webhook: &Webhook, attempt: u32) -> bool {
        let headers = webhook.headers(self.0.clock.now());
        let (bridge, circuit_open) = {
            let state = lock(&self.0.state);
            let is_open = |breaker: &Breaker| breaker.is_open(self.0.clock.now());
            (state.bridge.clone(), state.circuit_open || state.breaker.as_ref().is_some_and(is_open))
        };
        let result = match bridge {
            _ if circuit_open => AttemptResult::CircuitBroken,
            _ if webhook.path.contains("://") => self.call(&webhook.path, webhook, &headers).await,
            None => AttemptResult::Unreachable,
            Some(bridge) => self.call(&format!("{bridge}{}", webhook.path), webhook, &headers).await,
        };
        let again = self.0.rules.repeats(attempt, &result);
        let at = self.0.clock.now();
        let mut state = lock(&self.0.state);
        if let Some(breaker) = &mut state.breaker {
            breaker.count(&result, at);
        }
        state.attempts.push(Attempt {
            id: webhook.id.clone(),
            attempt,
            path: webhook.path.clone(),
            headers,
            body: webhook.body.clone(),
            result,
            at,
        });
        drop(state);
        self.0.changes.touch();
        again
    }

    /// Sends a webhook once, outside every lane, and keeps no record of it: Zendesk's test of a webhook.
    pub(super) async fn test(&self, webhook: &Webhook) -> AttemptResult {
        let headers = webhook.seal.headers(&webhook.body, self.0.clock.now());
        self.call(&webhook.path, webhook, &headers).await
    }

    async fn call(&self, url: &str, webhook: &Webhook, headers: &[(String, String)]) -> AttemptResult {
        let Some(client) = &self.0.client else { return AttemptResult::Unreachable };
        let mut request = client
            .request(webhook.method.clone(), url)
            .header("content-type", &webhook.content_type)
            .body(webhook.body.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let failed = |error: reqwest::Error| match error.is_timeout() {
            true => AttemptResult::TimedOut,
            false => AttemptResult::Unreachable,
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return failed(error),
        };
        let status = response.status().as_u16();
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()).and_then(|s| s.parse().ok());
        match response.text().await {
            Ok(body) => AttemptResult::Answered { status, retry_after, body },
            Err(error) => failed(error),
        }
    }
}

/// Zendesk's circuit breaker: opens when 70 % of the requests of five minutes failed, or more than a thousand. The
/// least number of requests is not published, so one failure is enough. It stays open "briefly"; recorded traffic
/// shows a minute.
#[derive(Debug, Default)]
struct Breaker {
    /// When requests ended, and whether they failed.
    ended: VecDeque<(Timestamp, bool)>,
    open_until: Option<Timestamp>,
}

impl Breaker {
    const WINDOW: SignedDuration = SignedDuration::from_mins(5);
    const HOLDS: SignedDuration = SignedDuration::from_mins(1);
    const ERRORS_MAX: usize = 1000;

    fn is_open(&self, now: Timestamp) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    fn count(&mut self, result: &AttemptResult, now: Timestamp) {
        let failed = match result {
            AttemptResult::CircuitBroken => return,
            AttemptResult::Answered { status, .. } => !(200..300).contains(status),
            AttemptResult::TimedOut | AttemptResult::Unreachable => true,
        };
        self.ended.push_back((now, failed));
        while self.ended.front().is_some_and(|(at, _)| now.duration_since(*at) >= Self::WINDOW) {
            self.ended.pop_front();
        }
        let failures = self.ended.iter().filter(|(_, failed)| *failed).count();
        if failures > Self::ERRORS_MAX || failures.saturating_mul(10) >= self.ended.len().saturating_mul(7) {
            self.open_until = now.checked_add(Self::HOLDS).ok();
            self.ended.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_agrees_with_the_constructed_vector() {
        let secret = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
        let signature = sign(secret.as_bytes(), "2021-03-25T05:09:27Z", r#"{"event":"ticket.updated","id":123}"#);
        assert_eq!(signature, "S/RDdU2ERmj7LHDDoWJ2onPYH+t7/f2+LTM4dL7UiLM=");
    }

    #[test]
    fn the_circuit_breaker_opens_at_seven_failures_in_ten_and_closes_after_a_minute() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let answered = |status| AttemptResult::Answered { status, retry_after: None, body: String::new() };
        let mut breaker = Breaker::default();
        for _ in 0..7 {
            breaker.count(&answered(202), at(0));
        }
        for failures in 1..=17 {
            assert!(!breaker.is_open(at(1)), "{failures}");
            breaker.count(&answered(503), at(1));
        }
        assert!(breaker.is_open(at(1)) && breaker.is_open(at(60)) && !breaker.is_open(at(61)));
        breaker.count(&answered(202), at(61));
        breaker.count(&AttemptResult::Unreachable, at(62));
        assert!(!breaker.is_open(at(62)), "one in two");
        breaker.count(&AttemptResult::TimedOut, at(361));
        assert!(breaker.is_open(at(361)), "what ended five minutes ago counts no more");
    }

    #[test]
    fn bird_signs_by_standard_webhooks() {
        let seal = Seal::Standard {
            secret: "whsec_dGFuZGVtLXRlc3Qta2V5LTMyLWJ5dGVzLWxvbmctISE=".to_owned(),
            id: "msg_tandem1".to_owned(),
        };
        let body = r#"{"type":"sms.received","timestamp":"2026-11-28T09:15:02Z","data":{"sms_id":"sms_01kb5n3w8rx0f2v7q4m9d6c1ae","to":"+15550100100","from":"+15550123456","text":"Hi"}}"#;
        let headers = seal.headers(body, Timestamp::from_second(1_796_030_102).unwrap());
        let signature = "v1,4yOy6TdeElU8oVY/nud+nyutFcnRgGHSFxQIRj7GT9U=".to_owned();
        assert_eq!(headers[2], ("webhook-signature".to_owned(), signature));
    }

    #[test]
    fn each_vendor_repeats_what_its_documents_say_and_no_more() {
        let answered = |status, retry_after| AttemptResult::Answered { status, retry_after, body: String::new() };
        for (result, zendesk, braze) in [
            (answered(202, None), 0, 0),
            (answered(302, None), 0, 0),
            (answered(400, None), 0, 0),
            (answered(401, None), 0, 0),
            (answered(408, None), 0, 5),
            (answered(409, None), 3, 0),
            (answered(429, None), 0, 5),
            (answered(429, Some(59)), 3, 5),
            (answered(429, Some(60)), 0, 5),
            (answered(500, Some(5)), 0, 5),
            (answered(503, None), 0, 5),
            (answered(503, Some(5)), 3, 5),
            (AttemptResult::TimedOut, 5, 5),
            (AttemptResult::Unreachable, 0, 5),
            (AttemptResult::CircuitBroken, 0, 0),
        ] {
            let most = |rules: Rules| (1..100).take_while(|attempt| rules.repeats(*attempt, &result)).count();
            assert_eq!((most(Rules::Zendesk), most(Rules::Braze)), (zendesk, braze), "{result:?}");
        }
    }
}
